"""Arguments as people write them in Python: paths, listeners, and texts and flags of which no type checker was asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from orchestrator.errors import UsageError
from orchestrator.model.events import Event
from orchestrator.model.protocols import Watcher
from orchestrator.model.status import Status
from orchestrator.operations.preflight import status_named

Listener = Callable[[Event], None]
"""Is told each event of a run as it happens, and an intent once it is durable. What it raises is logged, and the run goes on."""


class _Told(Struct, frozen=True):
    """A listener as a watcher of a run."""

    listener: Listener

    def tell(self, event: Event) -> None:
        self.listener(event)


def watchers(listener: Listener | None) -> Sequence[Watcher]:
    """Those who are told what a run does; a UsageError where nobody can be."""
    if listener is not None and not callable(listener):
        raise UsageError(f"listener={listener!r} can't be called: a function of one event is wanted")
    return () if listener is None else (_Told(listener),)


def as_text(path: str | os.PathLike[str] | None) -> str | None:
    """A path as the text that an option would have; a UsageError where it is none."""
    if path is not None and not isinstance(path, str | os.PathLike):
        raise UsageError(f"{path!r} is no path, and no name of a file: a text or a Path is wanted")
    return None if path is None else os.fspath(path)


def as_status(goal: Status | str) -> Status:
    """A status, or the one of that name; a UsageError where there is none."""
    if isinstance(goal, Status):
        return goal
    require_texts(goal=goal)
    return status_named(goal)


def require_texts(**named: object) -> None:
    """A UsageError for the argument that is no text: a ticket number from a YAML or JSON file may well be an integer."""
    for name, value in named.items():
        if not isinstance(value, str):
            raise UsageError(
                f"{name}={value!r} is no text, and the journal keeps it as one: put it in quotes"
            )


def require_flags(**named: object) -> None:
    """A UsageError for the argument that is neither true nor false: the text "false" of a configuration would count as true."""
    for name, value in named.items():
        if not isinstance(value, bool):
            raise UsageError(f"{name}={value!r} is neither true nor false: write it without quotes")


def require_moments(**named: object) -> None:
    """A UsageError for the argument that is neither a moment with a time zone nor None."""
    for name, value in named.items():
        if value is not None and not isinstance(value, datetime):
            raise UsageError(f"{name}={value!r} is no datetime: datetime.now(UTC) is one")
        if value is not None and value.tzinfo is None:
            raise UsageError(f"{name}={value!r} has no time zone: datetime.now(UTC) has one")


def require_reasons(overrides: object) -> None:
    """A UsageError where overrides are neither None nor guards' names, each with a reason."""
    if overrides is None:
        return
    if not isinstance(overrides, Mapping):
        raise UsageError(
            f"overrides={overrides!r}: a guard and a reason are wanted for each, as in {{'alone': 'why'}}"
        )
    require_texts(**{f"overrides[{guard!r}]": reason for guard, reason in overrides.items()})
