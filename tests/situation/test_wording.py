"""How times, spans and names are said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from orchestrator.model.words import utc
from orchestrator.situation.wording import author, printable, span


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0.0, "0 s"),
        (0.3, "0.3 s"),
        (42.9, "42 s"),
        (59.99, "59 s"),
        (60.0, "1 min"),
        (95.0, "1 min 35 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=1, minutes=20, seconds=59), "1 h 20 min"),
        (timedelta(days=3), "3 d"),
        (timedelta(days=1, hours=7), "1 d 7 h"),
        (float("inf"), "inf s"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(length: timedelta | float, said: str) -> None:
    assert span(length) == said


def test_a_time_is_said_in_utc() -> None:
    assert utc(datetime(2026, 5, 28, 16, 34, 21, 636_477, tzinfo=UTC)) == "2026-05-28 16:34:21 UTC"
    berlin = timezone(timedelta(hours=2))
    assert utc(datetime(2026, 5, 28, 18, 34, 21, tzinfo=berlin)) == "2026-05-28 16:34:21 UTC"


def test_a_runs_stamp_is_said_as_its_operator_and_its_id() -> None:
    assert author("bob+hamr-20260528-163000-k3f9-2@laptop") == "bob@laptop in run 20260528-163000-k3f9"
    assert author("alice@example.com") == "alice@example.com"
    assert author("") == "somebody whom the record does not name"


def test_control_characters_and_endless_texts_are_not_passed_on() -> None:
    assert printable("a\x1b[31mb\n") == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}"
    assert printable("x" * 121) == "x" * 119 + "…"
    assert printable("é à 日本") == "é à 日本"
