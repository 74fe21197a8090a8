"""How times, spans and names are said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from orchestrator.model.words import ago, utc
from orchestrator.situation.wording import author, printable


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0.0, "just now"),
        (0.9, "just now"),
        (1.0, "1 s ago"),
        (9.9, "9 s ago"),
        (95.0, "1 min 35 s ago"),
        (timedelta(hours=1, minutes=20, seconds=59), "1 h 20 min ago"),
        (float("inf"), "inf s ago"),
    ],
)
def test_an_age_is_said_in_whole_seconds(length: timedelta | float, said: str) -> None:
    assert ago(length) == said


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
