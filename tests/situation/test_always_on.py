"""linked, fresh and alone, which every transition has."""

from __future__ import annotations

import pytest

from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.reading import Reading
from orchestrator.model.situation import Situation
from orchestrator.model.status import Status
from orchestrator.situation import judge

from .scenes import (
    FAILOVER,
    MONOTONIC,
    NO_KEYS,
    NOW,
    OTHER_RUN,
    PRIMARY,
    RUN,
    SECONDARY,
    STRANGER,
    absent,
    ago,
    dead,
    denied,
    holds,
    record,
    shows,
    situation,
)


def ask(name: str, scene: Situation) -> Verdict:
    return judge(name, FAILOVER, scene)


def test_linked_passes_where_both_orgs_name_each_other() -> None:
    verdict = ask("linked", situation())
    assert (verdict.outcome, verdict.blind) == (Outcome.PASS, None)
    assert verdict.reason == "both orgs are who the inventory says, and each names the other"
    assert verdict.why.startswith("A write could reach an org that is not this pair's")


def test_linked_fails_for_a_wrong_peer() -> None:
    verdict = ask("linked", situation(secondary=holds(SECONDARY, record(SECONDARY, target_uuid=STRANGER))))
    assert verdict.outcome is Outcome.FAIL
    assert not verdict.overridable


def test_linked_is_unknown_and_blind_for_an_org_that_was_not_seen() -> None:
    verdict = ask("linked", situation(dead(PRIMARY)))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, PRIMARY)
    assert verdict.reason == (
        "Payments (primary) did not answer (timed out after 10 s), so its half of the link was not seen"
    )


def test_linked_is_unknown_but_not_blind_for_a_record_that_does_not_say_who_is_primary() -> None:
    verdict = ask("linked", situation(holds(PRIMARY, record(PRIMARY, is_primary=None))))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, None)


def test_linked_judges_the_keys_of_an_absent_org() -> None:
    assert ask("linked", situation(absent(PRIMARY), absent(SECONDARY))).outcome is Outcome.PASS
    verdict = ask("linked", situation(absent(PRIMARY), absent(SECONDARY), identities=NO_KEYS))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, None)


@pytest.mark.parametrize(
    "other", [dead(PRIMARY), denied(PRIMARY), holds(PRIMARY, record(PRIMARY, target_uuid=STRANGER))]
)
def test_law_09_linked_judges_the_survivors_half_alone_in_an_emergency(other: Reading) -> None:
    verdict = ask("linked", situation(other, emergency=SECONDARY))
    assert verdict.outcome is Outcome.PASS
    assert verdict.reason == "Payments EU (secondary) is who the inventory says, and names its peer"
    wrong = holds(SECONDARY, record(SECONDARY, target_uuid=STRANGER))
    assert ask("linked", situation(other, wrong, emergency=SECONDARY)).outcome is Outcome.FAIL


def at_monotonic(reading: Reading, taken: float) -> Reading:
    return Reading(reading.role, reading.sight, reading.at, taken, reading.exchange)


@pytest.mark.parametrize(
    ("age", "outcome"),
    [
        (0.0, Outcome.PASS),
        (10.0, Outcome.PASS),
        (10.5, Outcome.FAIL),
        (3600.0, Outcome.FAIL),
        (-1.0, Outcome.FAIL),
    ],
)
def test_fresh_wants_both_readings_within_ten_seconds(age: float, outcome: Outcome) -> None:
    stale = at_monotonic(shows(SECONDARY, Status.PASSIVE), MONOTONIC - age)
    assert ask("fresh", situation(secondary=stale)).outcome is outcome
    stale = at_monotonic(shows(PRIMARY, Status.PASSIVE), MONOTONIC - age)
    assert ask("fresh", situation(stale)).outcome is outcome


def test_fresh_says_how_old_a_reading_is() -> None:
    stale = at_monotonic(shows(SECONDARY, Status.PASSIVE), MONOTONIC - 95)
    verdict = ask("fresh", situation(secondary=stale))
    assert verdict.reason == "Payments EU (secondary) was read 1 min 35 s ago; fresh wants at most 10 s"
    assert not verdict.overridable


def test_law_09_fresh_looks_at_the_survivor_alone_in_an_emergency() -> None:
    stale = at_monotonic(dead(PRIMARY), MONOTONIC - 600)
    assert ask("fresh", situation(stale, emergency=SECONDARY)).outcome is Outcome.PASS
    old = at_monotonic(shows(SECONDARY, Status.PASSIVE), MONOTONIC - 600)
    assert ask("fresh", situation(dead(PRIMARY), old, emergency=SECONDARY)).outcome is Outcome.FAIL


def test_fresh_is_taken_for_granted_in_a_predicted_situation() -> None:
    verdict = ask("fresh", situation(predicted=True, monotonic=MONOTONIC + 900))
    assert (verdict.outcome, verdict.predicted) == (Outcome.PASS, True)
    assert verdict.reason == "both orgs are read anew right before this transition"


STAMP = f"bob+hamr-{OTHER_RUN}-1@laptop"


def test_law_12_alone_fails_on_a_young_stamp_of_a_run_that_this_journal_does_not_know() -> None:
    stamped = holds(SECONDARY, record(SECONDARY, at=ago(minutes=3), by=STAMP))
    verdict = ask("alone", situation(secondary=stamped))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == (
        "Payments EU (secondary) was changed 3 min ago by bob@laptop in run 20260528-150000-zzzz, "
        "which this journal does not know; alone wants 10 min"
    )
    assert verdict.overridable


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(599, Outcome.FAIL), (600, Outcome.PASS), (-120, Outcome.FAIL)]
)
def test_law_12_alone_lets_a_stamp_go_that_is_ten_minutes_old(seconds: int, outcome: Outcome) -> None:
    stamped = holds(PRIMARY, record(PRIMARY, at=ago(seconds=seconds), by=STAMP))
    assert ask("alone", situation(stamped)).outcome is outcome


def test_law_12_alone_counts_by_the_servers_clock_and_by_ours_where_it_sends_no_date() -> None:
    held = record(PRIMARY, at=ago(minutes=3), by=STAMP)
    later = ago(minutes=-8)  # the server's clock is eight minutes ahead of ours: eleven minutes have passed
    assert ask("alone", situation(holds(PRIMARY, held, date=later))).outcome is Outcome.PASS
    assert ask("alone", situation(holds(PRIMARY, held, date=None))).outcome is Outcome.FAIL
    assert ask("alone", situation(holds(PRIMARY, held, date=None), at=later)).outcome is Outcome.PASS


def test_law_12_alone_passes_for_this_run_and_for_runs_of_this_journal() -> None:
    stamped = holds(PRIMARY, record(PRIMARY, at=NOW, by=STAMP))
    assert ask("alone", situation(stamped, run=RUN)).outcome is Outcome.FAIL
    assert ask("alone", situation(stamped, run=OTHER_RUN)).outcome is Outcome.PASS
    assert ask("alone", situation(stamped, known_runs=frozenset({OTHER_RUN}))).outcome is Outcome.PASS
    assert ask("alone", situation(stamped, our_names=frozenset({STAMP}))).outcome is Outcome.PASS


def test_law_12_alone_passes_for_people_and_for_orgs_without_a_record() -> None:
    by_hand = holds(PRIMARY, record(PRIMARY, at=NOW, by="carol@example.com"))
    assert ask("alone", situation(by_hand, absent(SECONDARY))).outcome is Outcome.PASS


def test_law_12_alone_is_unknown_for_a_strange_stamp_without_a_time() -> None:
    verdict = ask("alone", situation(holds(PRIMARY, record(PRIMARY, at=None, by=STAMP))))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, None)


def test_law_12_alone_is_blind_where_an_org_was_not_seen() -> None:
    verdict = ask("alone", situation(dead(PRIMARY)))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, PRIMARY)
    stamped = holds(SECONDARY, record(SECONDARY, at=NOW, by=STAMP))
    assert ask("alone", situation(dead(PRIMARY), stamped, emergency=SECONDARY)).outcome is Outcome.FAIL
