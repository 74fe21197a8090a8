"""Plain words for what was found in a file and for what was probably meant, and durations as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import islice, pairwise

from orchestrator.model.plain import JSON
from orchestrator.model.words import listed

LONGEST_SHOWN = 60
"""Characters of a value that a message repeats."""

_COMPARED = 100
"""Names that a misspelled one is compared with at most, so that a hostile file cannot keep us busy."""

_APART = 8
"""Letters by which two names may differ in length and still be near."""

_KEY_LIKE = re.compile(r"[0-9a-fA-F]{32,}|dd[a-z]{2,6}_\S{8,}")
"""API keys are 32 hexadecimal digits, application keys 40, the newer ones have a prefix such as ddapp_."""


def looks_like_key(text: str) -> bool:
    """Whether a text has the form of a Datadog key, which must never be repeated in a message (law 17)."""
    return _KEY_LIKE.search(text) is not None


def shown(text: str) -> str:
    """A value in quotes for a message: on one line, cut when long, and not at all where it looks like a key."""
    if looks_like_key(text):
        return "a value that looks like a key (not shown)"
    cut = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
    return (
        '"' + "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in cut) + '"'
    )


def found(value: JSON) -> str:
    """What stands in the file, named for a person: the text "yes", the number 5, a list."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {shown(value)}"
        case list():
            return "a list"
        case dict():
            return "a mapping (name: value)"


def unlike(expected: str, value: JSON, hint: str = "") -> ValueError:
    """What to raise where a value is not what was expected; a hint goes on with the sentence."""
    return ValueError(f"expected {expected}, found {found(value)}{hint}")


def meant(word: str, choices: Iterable[str]) -> list[str]:
    """The one of the names that a word is near to, as a list of it alone; empty where none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - who mistypes nothing does not pay for it

    alike = (choice for choice in choices if abs(len(choice) - len(word)) <= _APART)
    by_lower = {choice.lower(): choice for choice in islice(alike, _COMPARED)}
    near = get_close_matches(word[:LONGEST_SHOWN].lower(), by_lower, n=1, cutoff=0.6)
    return [by_lower[name] for name in near]


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: '; did you mean "quiet"?', or nothing where no name is near."""
    return "".join(f'; did you mean "{name}"?' for name in meant(word, choices))


def one_of(choices: Sequence[str]) -> str:
    """A choice in words: a, b or c."""
    return listed(choices, "or")


_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_PART = r"[0-9]{1,9}(?:\.[0-9]{1,6})?(?:ms|s|m|h|d)"
DURATION_PATTERN = rf"^(?:{_PART})+$"
"""What `duration` accepts, for JSON Schema; the order of the units is checked on top."""

_WHOLE = re.compile(rf"(?:{_PART})+")
_PARTS = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")

LONGEST = timedelta(days=365)
"""No wait, limit or objective of a failover is longer than a year."""


def duration(text: str) -> timedelta:
    """The span of time that a text names, in ms, s, m, h and d, large units first; a ValueError in plain words where it names none."""
    tidy = re.sub(r"\s+", "", text[:40]).lower()
    if _NUMBER.fullmatch(tidy):
        raise ValueError(f'a duration needs a unit (ms, s, m, h, d); did you mean "{tidy}s"?')
    if not _WHOLE.fullmatch(text):
        guess = f'; did you mean "{tidy}"?' if _WHOLE.fullmatch(tidy) else ", such as 60s, 1h30m or 250ms"
        raise ValueError(
            f"{shown(text)} is not a duration: write a number and a unit (ms, s, m, h, d){guess}"
        )
    parts = _PARTS.findall(text)
    sizes = [_UNITS[unit] for _, unit in parts]
    if any(later >= earlier for earlier, later in pairwise(sizes)):
        raise ValueError(f"{shown(text)} is not a duration: each unit once, the largest first, such as 1h30m")
    try:
        total = sum((float(number) * _UNITS[unit] for number, unit in parts), timedelta())
    except OverflowError:
        total = timedelta.max
    if total > LONGEST:
        raise ValueError(f"{shown(text)} is longer than a year")
    return total


def written(span: timedelta) -> str:
    """A duration in the form that `duration` reads, for messages: 1h30m, 250ms, 0s."""
    left, parts = span, []
    for unit in ("d", "h", "m", "s", "ms"):
        count = left // _UNITS[unit]
        if count:
            parts.append(f"{count}{unit}")
            left -= count * _UNITS[unit]
    return "".join(parts) or "0s"
