"""What a caller hands over for the journal to keep: it has to be text, whatever a type checker was not asked about."""

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
