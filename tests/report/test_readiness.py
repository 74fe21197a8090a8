"""Readiness over time as it is shown: a table, one pair in full, a document, a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.fleet.readiness import Rehearsed, rehearsed_of
from orchestrator.model.journal import Record
from orchestrator.model.readiness_history import ReadinessHistory
from orchestrator.report.html import bars_of, dots_of, readiness_html
from orchestrator.report.layout import plain_text
from orchestrator.report.readiness import readiness_json, readiness_page
from tests.fleet import looks
from tests.fleet.looks import (
    CRITICAL,
    OK,
    PLAYBOOK,
    UNKNOWN,
    WARNING,
    drilled,
    hours,
    look,
    proven,
    ran,
)

REHEARSED = rehearsed_of([drilled(hours(50), simulated=True)], PLAYBOOK)
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "be-ready.md"
JSON_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"


def of(pair: str, *records: Record) -> ReadinessHistory:
    return looks.of(pair, records, REHEARSED)


KEY = {"primary application key": CRITICAL}
PAYMENTS = of(
    "payments",
    look(hours(60)),
    look(hours(20), CRITICAL, OK, {**KEY, "primary keys accepted": UNKNOWN}),
    look(hours(1), CRITICAL, OK, KEY),
    *(
        ran(hours(400 - place * 30), took, f"r{place}")
        for place, took in enumerate((200, 210, 190, 250, 400))
    ),
    drilled(hours(300), drill="20261110-000000-abcd"),
    proven(hours(900), PLAYBOOK.digest, __version__),
)
SEARCH = of("search")
LEDGER = of("ledger", look(hours(100), pair="ledger"), look(hours(3), WARNING, pair="ledger"))
ALL = (LEDGER, PAYMENTS, SEARCH)


def test_the_table_is_the_one_on_the_page_and_those_that_are_not_ready_come_first() -> None:
    shown = plain_text(readiness_page(ALL))
    assert f"```text\n{shown}```\n" in PAGE.read_text("utf-8")
    assert max(map(len, shown.splitlines())) <= 80


def test_where_nobody_looked_at_many_one_command_looks_at_all() -> None:
    shown = plain_text(readiness_page([of(f"pair-{number}") for number in range(4)]))
    assert shown.endswith("\nNext\n  hamr doctor --record\n      look, and keep what is found\n")


def test_one_pair_is_said_in_full() -> None:
    assert (
        plain_text(readiness_page((PAYMENTS,)))
        == """\
Pair payments, 2026-11-22 12:00:00 UTC, looks of the last 7 d

planned run     not ready, CRITICAL, for 20 h or longer; not ready for 20 h in
                all
emergency       ready, for 20 h or longer
doctor          3 looks, the last 1 h ago
not well        primary application key CRITICAL
drill           live 12 d 12 h ago: passed
                on the simulator 2 d 2 h ago: passed
there and back  live 12 d 12 h ago (20261110-000000-abcd)
                on the simulator 2 d 2 h ago (d)
to ACTIVE       median 3 min 30 s, 95 % within 6 min 40 s, of 5 runs; 15 min
                allowed
                on the simulator median 500 ms, 95 % within 500 ms, of 1 run
proof           proven to 2 faults on 2026-10-16

Got worse
  - CRITICAL since 2026-11-21 16:00:00 UTC (20 h ago), and OK before: primary
    application key
  - to ACTIVE took 6 min 40 s the last time, and 3 min 20 s before (median)

Next
  hamr doctor payments
      find out what is wrong here, and what to do about it
"""
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (SEARCH, "planned run     not known: nobody has looked\n"),
        (SEARCH, "\n  hamr doctor search --record\n"),
        (of("payments", look(hours(30))), "planned run     not known: the last look is too old, for 6 h\n"),
        (of("payments", look(hours(3), UNKNOWN)), "planned run     not ready, UNKNOWN, for 3 h or longer;"),
        (
            of("payments", drilled(hours(2), held=False)),
            "drill           live 2 h ago: an expectation was missed\n",
        ),
        (
            of("payments", drilled(hours(2), digest="other")),
            "there and back  live 2 h ago (d); the playbook was changed since\n",
        ),
        (
            of("payments", proven(hours(2), "other", "1")),
            "proof           was proven to 2 faults on 2026-11-22; the playbook was changed\n",
        ),
    ],
)
def test_what_is_odd_is_said_in_words(found: ReadinessHistory, words: str) -> None:
    assert words in plain_text(readiness_page((found,)))


def test_a_pair_that_is_ready_has_nothing_to_be_typed() -> None:
    assert "Next" not in plain_text(readiness_page((LEDGER,)))


def test_every_key_of_a_pair_is_documented() -> None:
    pairs = readiness_json(ALL, "j.db")["pairs"]
    assert isinstance(pairs, list)
    section = JSON_PAGE.read_text("utf-8").split("## `hamr/readiness/1`", 1)[1].split("\n## ", 1)[0]
    documented = set(re.findall(r"`([a-z0-9_]+)`", section))
    for pair in pairs:
        assert isinstance(pair, dict)
        assert set(pair) <= documented
        for part in ("planned", "to_active"):
            inner = pair[part]
            assert isinstance(inner, dict)
            assert set(inner) <= documented


def test_the_document_says_what_the_page_says() -> None:
    pairs = readiness_json((PAYMENTS,), "j.db")["pairs"]
    assert isinstance(pairs, list)
    pair = pairs[0]
    assert isinstance(pair, dict)
    assert pair["planned"] == {
        "level": "critical",
        "ready": False,
        "since": "2026-11-21T16:00:00.000000Z",
        "or_longer": True,
        "not_ready_seconds": 72000.0,
    }
    assert pair["got_worse"] == [
        {
            "check": "primary application key",
            "level": "critical",
            "before": "ok",
            "since": "2026-11-21T16:00:00.000000Z",
        }
    ]
    assert pair["to_active"] == {
        "objective_seconds": 900.0,
        "live": {"runs": 5, "median_seconds": 210.0, "p95_seconds": 400.0},
        "simulated": {"runs": 1, "median_seconds": 0.5, "p95_seconds": 0.5},
        "slower": True,
    }


def test_a_pairs_time_is_drawn_to_scale() -> None:
    drawn = [(bar.x, round(bar.width, 1), bar.style) for bar in bars_of(LEDGER) if bar.y == 0]
    # 168 hours are 720 wide: the look of 100 hours ago spoke for a day, and the next came 3 hours ago.
    assert drawn == [
        (291.43, 102.9, "good"),
        (394.29, 312.8, "unlooked"),
        (707.14, 12.9, "warn"),
    ]
    (dot,) = dots_of(LEDGER)
    assert (dot.x, dot.simulated) == (360.0, True)


def test_of_very_many_runs_the_newest_are_drawn() -> None:
    runs = [ran(hours(200 - number), 10.0 + number, f"r{number}") for number in range(100)]
    dots = dots_of(looks.of("payments", runs, Rehearsed()))
    assert (len(dots), dots[-1].title[:15]) == (60, "1 min 49 s live")


def test_the_page_is_one_file_that_says_all_of_it() -> None:
    page = readiness_html(ALL)
    assert "<h1>1 of 3 pairs ready</h1>" in page
    assert page.index("payments") < page.index("ledger")
    assert "primary application key" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
