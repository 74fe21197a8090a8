"""Arguments of which a type checker was not asked: texts for the journal to keep, and what is true or false."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import UsageError


def require_texts(**named: object) -> None:
    """Make sure that each is a text: a ticket number from a YAML or JSON file may well be an integer.

    Raises:
        UsageError: one is none; names the argument.
    """
    for name, value in named.items():
        if not isinstance(value, str):
            raise UsageError(
                f"{name}={value!r} is no text, and the journal keeps it as one: put it in quotes"
            )


def require_flags(**named: object) -> None:
    """Make sure that each is true or false: the text "false" of a configuration would count as true.

    Raises:
        UsageError: one is neither; names the argument.
    """
    for name, value in named.items():
        if not isinstance(value, bool):
            raise UsageError(f"{name}={value!r} is neither true nor false: write it without quotes")


def require_reasons(overrides: object) -> None:
    """Make sure that overrides are guards' names, each with a reason, or None.

    Raises:
        UsageError: they are something else.
    """
    if overrides is None:
        return
    if not isinstance(overrides, Mapping):
        raise UsageError(
            f"overrides={overrides!r}: a guard and a reason are wanted for each, as in {{'alone': 'why'}}"
        )
    require_texts(**{f"overrides[{guard!r}]": reason for guard, reason in overrides.items()})
