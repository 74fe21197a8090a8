"""Types of single fields that both files use: how each is read, refused in plain words, and described in JSON Schema."""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from msgspec import Meta

from orchestrator.model.org import Mirrors
from orchestrator.model.plain import JSON
from orchestrator.model.status import Role, Status

from .messages import DURATION_PATTERN, did_you_mean, duration, looks_like_key, one_of, shown, unlike, written
from .schema import leaf

SCHEMA = 1
"""The version of both file formats that this program reads."""

STATUSES = tuple(status.name for status in Status)
WRITABLE = tuple(status.name for status in Status if status.value > 0)

MONITOR_STATES: tuple[str, ...] = ("Alert", "Ignored", "No Data", "OK", "Skipped", "Unknown", "Warn")
"""The states that a monitor can have: what its `overall_state` says [doc]."""

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

_LONGEST_NAME = 100


def any_text(value: Any) -> str:
    """A text; a ValueError in plain words where it is anything else, as by every function here."""
    if not isinstance(value, str):
        quotes = ": put it in quotes" if isinstance(value, bool | int | float) else ""
        raise unlike("text", value, quotes)
    return value


def text_of(value: Any) -> str:
    """A text that is not empty."""
    text = any_text(value)
    if not text.strip():
        raise ValueError("expected text, found an empty one")
    return text


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
        raise unlike(f"the number {SCHEMA}", value)
    if value != SCHEMA:
        raise ValueError(
            f"this file says schema {value}, and this version of hamr reads schema {SCHEMA} alone"
        )
    return value


def between(least: str, most: str) -> Meta:
    """Reads a duration between two bounds, both included, as people write them."""
    shortest, longest = duration(least), duration(most)

    def read(value: Any) -> timedelta:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        span = duration(text_of(value))
        if not shortest <= span <= longest:
            raise ValueError(f"{value} is out of bounds: between {written(shortest)} and {written(longest)}")
        return span

    return leaf(read, _SPAN_SCHEMA)


_SPAN_SCHEMA: dict[str, JSON] = {
    "type": "string",
    "pattern": DURATION_PATTERN,
    "examples": ["30s", "1h30m"],
}


def matching(pattern: str, expected: str, *, secret: bool = False) -> Meta:
    """Reads a text of one form; `expected` says which, with an example.

    Of a `secret`, nothing is repeated, and what looks like a key is refused: somebody may have put one there.
    """

    def read(value: Any) -> str:
        fits = isinstance(value, str) and re.fullmatch(pattern, value) is not None
        if not fits or (secret and looks_like_key(value)):
            raise ValueError(f"expected {expected}") if secret else unlike(expected, value)
        text: str = value
        return text

    return leaf(read, {"type": "string", "pattern": pattern})


def whole_number(least: int, most: int | None, what: str = "") -> Meta:
    """Reads a whole number between two bounds, both included; `what` names it for messages."""
    what = what or f"a whole number from {least} to {most}"
    upper: dict[str, JSON] = {} if most is None else {"maximum": most}
    return leaf(lambda value: whole(value, least, most, what), {"type": "integer", "minimum": least, **upper})


def whole(value: Any, least: int, most: int | None, what: str) -> int:
    """A whole number between two bounds, both included; `what` names it for messages."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= (most or value):
        raise unlike(what, value)
    return value


def choice_of(value: Any, choices: tuple[str, ...], what: str) -> str:
    """One of a few words, or a sentence about what was probably meant."""
    if not isinstance(value, str):
        raise unlike(f"{what} ({one_of(choices)})", value)
    if value not in choices:
        raise ValueError(f"{shown(value)} is not {what} ({one_of(choices)}){did_you_mean(value, choices)}")
    return value


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
    """Reads one of a few words as what it stands for (of an Enum: its values); `what` is chosen, for messages."""
    named = kinds if isinstance(kinds, Mapping) else {kind.value: kind for kind in kinds}
    choices = tuple(named)
    return leaf(lambda value: named[choice_of(value, choices, what)], words(choices))


def _mirrors(value: Any) -> Mirrors:
    if isinstance(value, bool):
        return Mirrors.YES if value else Mirrors.NO
    if value == "auto":
        return Mirrors.AUTO
    raise unlike("true, false or auto", value)


SchemaVersion = Annotated[int, leaf(_schema, {"type": "integer", "const": SCHEMA})]
TEXT = leaf(_plain_text, {"type": "string", "minLength": 1})
Text = Annotated[str, TEXT]
Name = Annotated[
    str,
    leaf(_name, {"type": "string", "pattern": NAME_PATTERN, "maxLength": _LONGEST_NAME}, refers=True),
]
SourceStatus = Annotated[Status, choice(Status.__members__, "a status")]
TargetStatus = Annotated[Status, leaf(_target_status, words(WRITABLE))]
RoleName = Annotated[Role, choice(Role, "an org of the pair")]
MirrorsChoice = Annotated[Mirrors, leaf(_mirrors, {"enum": [True, False, "auto"]})]


_LETTERS = re.compile(r"[!-\[\]-~]+")
"""ASCII without spaces and without the backslash, which programs read differently."""


def split_url(text: str, usage: str) -> SplitResult:
    """The parts of an http or https URL with a usable host and no user info; else a ValueError that ends with `usage`.

    The URL is never repeated in a message: people put passwords into URLs.
    """
    try:
        parts = urlsplit(text) if _LETTERS.fullmatch(text) else None
        port = parts.port if parts is not None else None
    except ValueError:
        parts = port = None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError(f"this is not a usable URL: {usage}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"a URL must not carry a name or password: {usage}")
    if not _is_host(parts.hostname.lower()):
        raise ValueError(f"the host of this URL is not a usable name: {usage}")
    return parts


def _is_host(host: str) -> bool:
    if ":" not in host:
        return re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", host) is not None
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


_KEY_NAMES = frozenset(
    {"api_key", "apikey", "app_key", "application_key", "dd-api-key", "dd-application-key"}
)


def _page(value: Any) -> str:
    """A page's URL, its host in lower case. Never repeated in a message: people put passwords and keys into URLs."""
    text = text_of(value)
    usage = "write the address of a page, such as https://status.datadoghq.eu/api/v2/components.json"
    parts = split_url(text, usage)
    if "#" in text:
        raise ValueError(f"what stands after # in a URL is never sent: leave it out; {usage}")
    if looks_like_key(parts.query) or not _KEY_NAMES.isdisjoint(
        name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)
    ):
        raise ValueError(
            "this URL carries what looks like a key, and is not shown here: pages are read without keys; "
            "if this is a real key and others could see this file, replace the key"
        )
    rest = text[len(f"{parts.scheme}://{parts.netloc}") :]
    return f"{parts.scheme}://{parts.netloc.lower()}{rest}"


Page = Annotated[str, leaf(_page, {"type": "string", "pattern": r"^https?://[^@#\s\\]+$"})]
