"""Durations as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from orchestrator.config import duration
from orchestrator.config.messages import written


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("5m", 300),
        ("4h", 14400),
        ("2d", 172800),
        ("250ms", 0.25),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("1m30s500ms", 90.5),
        ("0s", 0),
    ],
)
def test_a_number_and_a_unit_is_a_duration(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("60", 'needs a unit (ms, s, m, h, d); did you mean "60s"?'),
        ("1h 30m", 'did you mean "1h30m"?'),
        ("5M", 'did you mean "5m"?'),
        ("5 min", "is not a duration"),
        ("-5m", "is not a duration"),
        ("30m1h", "the largest first"),
        ("1h1h", "each unit once"),
        ("", "is not a duration"),
        ("400d", "longer than a year"),
        ("999999999d", "longer than a year"),
    ],
)
def test_anything_else_is_refused_in_words(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=re.escape(part)):
        duration(text)


@pytest.mark.parametrize("text", ["60ms", "1m30s", "4h", "1d", "0s", "1m"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert written(duration(text)) == text
