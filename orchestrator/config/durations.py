"""Durations as people write them: 60s, 1h30m, 250ms."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

from .wording import shown

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
    """The span of time that a text names: a number and a unit (ms, s, m, h, d), or several, large units first.

    Raises:
        ValueError: the text is no such duration; its message is a sentence for a person.
    """
    tidy = re.sub(r"\s+", "", text[:40]).lower()
    if _NUMBER.fullmatch(tidy):
        raise ValueError(f'a duration needs a unit (ms, s, m, h, d); did you mean "{tidy}s"?')
    if not _WHOLE.fullmatch(text):
        meant = f'; did you mean "{tidy}"?' if _WHOLE.fullmatch(tidy) else ", such as 60s, 1h30m or 250ms"
        raise ValueError(
            f"{shown(text)} is not a duration: write a number and a unit (ms, s, m, h, d){meant}"
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
