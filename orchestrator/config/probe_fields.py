"""Types of the fields of probes, of guards that compare them, and of programs: what is asked, and what is wanted."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl

from orchestrator.model.guard import IfUnknown, Take, Value

from .fields import choice, span_of, text_of
from .shapes import AT_LEAST_ONE, leaf, then
from .urls import split_url
from .wording import found, looks_like_key, shown

POINTER_PATTERN = r"^(?:/(?:[^/~]|~[01])*)*$"
"""RFC 6901, section 3."""

_KEY_NAMES = frozenset(
    {"api_key", "apikey", "app_key", "application_key", "dd-api-key", "dd-application-key"}
)

_KEY_IN_PROGRAM = (
    "this looks like a key, and is not shown here: a program fetches the keys that it needs from where they are kept; "
    "if this is a real key and others could see this file, replace the key"
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


def _pointer(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a JSON pointer such as /status/indicator, found {found(value)}")  # noqa: TRY004 - a field's problem is a ValueError
    if re.fullmatch(POINTER_PATTERN, value):
        return value
    if value.startswith("/"):
        raise ValueError(
            f"{shown(value)} is no JSON pointer: in a name, ~ is written ~0, and / is written ~1"
        )
    tidy = "/" + re.sub(r"\[(\d+)\]", r"/\1", value.removeprefix("#").removeprefix("$")).strip("/.").replace(
        ".", "/"
    )
    guess = (
        f'; did you mean "{tidy}"?'
        if re.fullmatch(r"(?:/[\w-]+)+", tidy) and not looks_like_key(tidy)
        else ""
    )
    raise ValueError(
        f"{shown(value)} is no JSON pointer, which begins with / (such as /status/indicator){guess}"
    )


def _monitor(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(
            f"expected a monitor's number, as it stands in its page's address (…/monitors/12345), found {found(value)}"
        )
    return value


def _http_status(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 100 <= value <= 599:  # noqa: PLR2004 - the bounds stand in the message
        raise ValueError(f"expected the status of an HTTP answer, from 100 to 599, found {found(value)}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"expected a number, found {found(value)}")
    return float(value)


def _value(value: Any) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    if isinstance(value, str) and value:
        return value
    raise ValueError(f"expected a number, a text, true or false, found {found(value)}")


def _word(value: Any) -> str:
    if isinstance(value, str) and looks_like_key(value):
        raise ValueError(_KEY_IN_PROGRAM)
    if not isinstance(value, str):
        quotes = ": put it in quotes" if isinstance(value, bool | int | float) else ""
        raise ValueError(f"expected text, found {found(value)}{quotes}")  # noqa: TRY004 - a field's problem is a ValueError
    if "\0" in value:
        raise ValueError("a word of a command cannot have a NUL character")
    return value


def _command_line(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words[0].strip():
        raise ValueError("the first word names the program, and here it is empty")
    return words


Page = Annotated[str, leaf(_page, {"type": "string", "pattern": r"^https?://[^@#\s\\]+$"})]
Pointer = Annotated[str, leaf(_pointer, {"type": "string", "pattern": POINTER_PATTERN})]
MonitorId = Annotated[int, leaf(_monitor, {"type": "integer", "minimum": 1})]
HttpStatus = Annotated[int, leaf(_http_status, {"type": "integer", "minimum": 100, "maximum": 599})]
TakeName = Annotated[Take, choice(Take, "which point counts")]
Number = Annotated[float, leaf(_number, {"type": "number"})]
Wanted = Annotated[Value, leaf(_value, {"type": ["number", "string", "boolean"], "minLength": 1})]
IfUnknownName = Annotated[IfUnknown, choice(IfUnknown, "what to do where it is unknown")]
Window = Annotated[timedelta, span_of(timedelta(minutes=1), timedelta(days=1))]
ProbeTimeout = Annotated[timedelta, span_of(timedelta(milliseconds=100), timedelta(minutes=5))]
Within = Annotated[timedelta, span_of(timedelta(seconds=1), timedelta(hours=24))]

Word = Annotated[str, leaf(_word, {"type": "string"})]
CommandLine = Annotated[tuple[Word, ...], AT_LEAST_ONE, then(_command_line)]
"""A program and its arguments; the program is not empty."""
