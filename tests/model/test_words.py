"""Times, spans, counts and authors as they are said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from orchestrator.model.plain import UNREADABLE
from orchestrator.model.words import age, ago, author, counted, span, utc

NOON = datetime(2026, 5, 28, 12, 0, 0, tzinfo=UTC)


def test_a_time_is_said_in_utc() -> None:
    paris = timezone(timedelta(hours=2))
    assert utc(datetime(2026, 5, 28, 18, 34, 21, 5, tzinfo=paris)) == "2026-05-28 16:34:21 UTC"


def test_of_a_time_that_somebody_else_wrote_as_none_nothing_is_made_up() -> None:
    assert utc(UNREADABLE) == "a time that cannot be read"
    assert age(UNREADABLE, NOON) == "at a time that cannot be read"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 s"),
        (0.052, "52 ms"),
        (0.9999, "999 ms"),
        (1.0, "1 s"),
        (2.59, "2.5 s"),
        (9.99, "9.9 s"),
        (42.9, "42 s"),
        (59.99, "59 s"),
        (60.0, "1 min"),
        (78.4, "1 min 18 s"),
        (3600.0, "1 h"),
        (4800.0, "1 h 20 min"),
        (86400.0 * 3 + 3600 * 2, "3 d 2 h"),
        (float("inf"), "inf s"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_a_span_may_be_a_timedelta() -> None:
    assert span(timedelta(minutes=15)) == "15 min"


@pytest.mark.parametrize(
    ("seconds_ago", "said"),
    [
        (0.4, "just now"),
        (-0.5, "just now"),
        (3.7, "3 s ago"),
        (300, "5 min ago"),
        (-90, "1 min 30 s ahead of our clock"),
    ],
)
def test_an_age_is_said_and_so_is_a_clock_that_is_ahead(seconds_ago: float, said: str) -> None:
    assert age(NOON - timedelta(seconds=seconds_ago), NOON) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0.9, "just now"),
        (1.0, "1 s ago"),
        (9.9, "9 s ago"),
        (timedelta(hours=1, minutes=20, seconds=59), "1 h 20 min ago"),
        (float("inf"), "inf s ago"),
    ],
)
def test_how_long_ago_is_said_in_whole_seconds(length: timedelta | float, said: str) -> None:
    assert ago(length) == said


def test_a_count_has_its_noun() -> None:
    assert [counted(0, "write"), counted(1, "write"), counted(2, "write")] == [
        "0 writes",
        "1 write",
        "2 writes",
    ]


def test_an_author_is_a_run_of_ours_or_whoever_the_server_says() -> None:
    assert author("bob+hamr-20260528-163000-k3f9-2@laptop") == "bob@laptop in run 20260528-163000-k3f9"
    assert author("carol@example.com") == "carol@example.com"
    assert author("") == "somebody whom the record does not name"
