"""Types of single fields that both files use: how each is read, refused in plain words, and described in JSON Schema."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any

from msgspec import Meta

from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Advances
from orchestrator.model.status import Role, Status

from .durations import DURATION_PATTERN, duration, written
from .shapes import leaf
from .wording import did_you_mean, found, one_of, shown

SCHEMA = 1
"""The version of both file formats that this program reads."""

STATUSES = tuple(status.name for status in Status)
WRITABLE = tuple(status.name for status in Status if status.value > 0)

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

_LONGEST_NAME = 100


def text_of(value: Any) -> str:
    """A text that is not empty.

    Raises:
        ValueError: it is anything else; said in plain words, as by every function here.
    """
    if not isinstance(value, str):
        quotes = ": put it in quotes" if isinstance(value, bool | int | float) else ""
        raise ValueError(f"expected text, found {found(value)}{quotes}")  # noqa: TRY004 - a field's problem is a ValueError
    if not value.strip():
        raise ValueError("expected text, found an empty one")
    return value


def _plain_text(value: Any) -> str:
    text = text_of(value)
    if "\0" in text:
        raise ValueError("a text with a NUL character cannot be used")
    return text


def _name(value: Any) -> str:
    text = text_of(value)
    if not re.fullmatch(NAME_PATTERN, text) or len(text) > _LONGEST_NAME:
        raise ValueError(
            f"{shown(text)} cannot be a name: letters, digits, dots, hyphens and underscores, "
            f"beginning with a letter or digit, {_LONGEST_NAME} at most"
        )
    return text


def _schema(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected the number {SCHEMA}, found {found(value)}")  # noqa: TRY004 - a field's problem is a ValueError
    if value != SCHEMA:
        raise ValueError(
            f"this file says schema {value}, and this version of hamr reads schema {SCHEMA} alone"
        )
    return value


def span_of(least: timedelta, most: timedelta) -> Meta:
    """Reads a duration between two bounds, both included."""

    def read(value: Any) -> timedelta:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        span = duration(text_of(value))
        if not least <= span <= most:
            raise ValueError(f"{value} is out of bounds: between {written(least)} and {written(most)}")
        return span

    return leaf(read, _SPAN_SCHEMA)


_SPAN_SCHEMA: dict[str, JSON] = {
    "type": "string",
    "pattern": DURATION_PATTERN,
    "examples": ["30s", "1h30m"],
}


def whole_number(least: int, most: int) -> Meta:
    """Reads a whole number between two bounds, both included."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"expected a whole number from {least} to {most}, found {found(value)}")
        return value

    return leaf(read, {"type": "integer", "minimum": least, "maximum": most})


def choice_of(value: Any, choices: tuple[str, ...], what: str) -> str:
    """One of a few words, or a sentence about what was probably meant."""
    if not isinstance(value, str):
        raise ValueError(f"expected {what} ({one_of(choices)}), found {found(value)}")  # noqa: TRY004 - a field's problem is a ValueError
    if value not in choices:
        raise ValueError(f"{shown(value)} is not {what} ({one_of(choices)}){did_you_mean(value, choices)}")
    return value


def _source_status(value: Any) -> Status:
    return Status[choice_of(value, STATUSES, "a status")]


def _target_status(value: Any) -> Status:
    if value == Status.ABSENT.name:
        raise ValueError(
            "ABSENT can only be where a transition comes from: Datadog has no way to delete a connection"
        )
    if value == Status.UNSPECIFIED.name:
        raise ValueError("UNSPECIFIED means that nobody has said: it cannot be written")
    return Status[choice_of(value, WRITABLE, "a status to go to")]


def words(choices: Iterable[str]) -> dict[str, JSON]:
    """The JSON Schema of a choice between words."""
    return {"type": "string", "enum": [*choices]}


def choice(kinds: Mapping[str, object] | type[enum.Enum], what: str) -> Meta:
    """Reads one of a few words as what it stands for.

    Args:
        kinds: what each word stands for, or an Enum whose values are the words.
        what: what is chosen, for messages.
    """
    named = kinds if isinstance(kinds, Mapping) else {kind.value: kind for kind in kinds}
    choices = tuple(named)
    return leaf(lambda value: named[choice_of(value, choices, what)], words(choices))


_REACHABLE = {
    Role.PRIMARY.value: (Role.PRIMARY,),
    Role.SECONDARY.value: (Role.SECONDARY,),
    "both": (Role.PRIMARY, Role.SECONDARY),
}

SchemaVersion = Annotated[int, leaf(_schema, {"type": "integer", "const": SCHEMA})]
TEXT = leaf(_plain_text, {"type": "string", "minLength": 1})
Text = Annotated[str, TEXT]
Name = Annotated[
    str,
    leaf(_name, {"type": "string", "pattern": NAME_PATTERN, "maxLength": _LONGEST_NAME}),
]
SourceStatus = Annotated[Status, leaf(_source_status, words(STATUSES))]
TargetStatus = Annotated[Status, leaf(_target_status, words(WRITABLE))]
RoleName = Annotated[Role, choice(Role, "an org of the pair")]
Resend = Annotated[int, whole_number(0, 10)]
AdvancesName = Annotated[Advances, choice(Advances, "who makes the move")]
ReachableName = Annotated[tuple[Role, ...], choice(_REACHABLE, "which orgs")]
