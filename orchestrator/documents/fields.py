"""Types of single fields that both files use: how each is read, refused in plain words, and described in JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from orchestrator.model.playbook import Advances
from orchestrator.model.status import Role, Status

from .durations import DURATION_PATTERN, duration, written
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
        raise ValueError(f"expected text, found {found(value)}{quotes}")  # noqa: TRY004 - pydantic collects ValueErrors
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
        raise ValueError(f"expected the number {SCHEMA}, found {found(value)}")  # noqa: TRY004 - pydantic collects ValueErrors
    if value != SCHEMA:
        raise ValueError(
            f"this file says schema {value}, and this version of hamr reads schema {SCHEMA} alone"
        )
    return value


def _bounded(least: timedelta, most: timedelta) -> Callable[[Any], timedelta]:
    def read(value: Any) -> timedelta:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        span = duration(text_of(value))
        if not least <= span <= most:
            raise ValueError(f"{value} is out of bounds: between {written(least)} and {written(most)}")
        return span

    return read


def span_of(least: timedelta, most: timedelta) -> PlainValidator:
    """Reads a duration between two bounds, both included; its schema is SPAN_SCHEMA."""
    return PlainValidator(_bounded(least, most))


SPAN_SCHEMA = WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["30s", "1h30m"]})


def choice_of(value: Any, choices: tuple[str, ...], what: str) -> str:
    """One of a few words, or a sentence about what was probably meant."""
    if not isinstance(value, str):
        raise ValueError(f"expected {what} ({one_of(choices)}), found {found(value)}")  # noqa: TRY004 - pydantic collects ValueErrors
    if value not in choices:
        raise ValueError(f"{shown(value)} is not {what} ({one_of(choices)}){did_you_mean(value, choices)}")
    return value


def _source_status(value: Any) -> Status:
    return Status[choice_of(value, STATUSES, "a status")]


def _target_status(value: Any) -> Status:
    if value == Status.ABSENT.name:
        raise ValueError(
            "ABSENT can only be where a row comes from: Datadog has no way to delete a connection"
        )
    if value == Status.UNSPECIFIED.name:
        raise ValueError("UNSPECIFIED means that nobody has said: it cannot be written")
    return Status[choice_of(value, WRITABLE, "a status to go to")]


def _resend(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10:  # noqa: PLR2004 - the bounds stand in the message
        raise ValueError(f"expected a whole number from 0 to 10, found {found(value)}")
    return value


def enumerated(choices: tuple[str, ...]) -> WithJsonSchema:
    """The JSON Schema of a choice between words."""
    return WithJsonSchema({"type": "string", "enum": list(choices)})


_ROLES = tuple(role.value for role in Role)
_ADVANCES = tuple(advances.value for advances in Advances)

SchemaVersion = Annotated[int, PlainValidator(_schema), WithJsonSchema({"type": "integer", "const": SCHEMA})]
Text = Annotated[str, PlainValidator(_plain_text), WithJsonSchema({"type": "string", "minLength": 1})]
Name = Annotated[
    str,
    PlainValidator(_name),
    WithJsonSchema({"type": "string", "pattern": NAME_PATTERN, "maxLength": _LONGEST_NAME}),
]
SourceStatus = Annotated[Status, PlainValidator(_source_status), enumerated(STATUSES)]
TargetStatus = Annotated[Status, PlainValidator(_target_status), enumerated(WRITABLE)]
RoleName = Annotated[
    Role,
    PlainValidator(lambda value: Role(choice_of(value, _ROLES, "an org of the pair"))),
    enumerated(_ROLES),
]
Resend = Annotated[
    int, PlainValidator(_resend), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 10})
]
AdvancesName = Annotated[
    Advances,
    PlainValidator(lambda value: Advances(choice_of(value, _ADVANCES, "who makes the move"))),
    enumerated(_ADVANCES),
]
ReachableName = Annotated[
    str,
    PlainValidator(lambda value: choice_of(value, (*_ROLES, "both"), "which orgs")),
    enumerated((*_ROLES, "both")),
]
