"""The guards that every transition has, and how guards are put together: verdicts to a situation."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.guard import AllOf, AnyOf, Located, Not, Outcome, Quiet, Reachable, Verdict, Window
from orchestrator.model.playbook import Transition
from orchestrator.model.reading import Reading
from orchestrator.model.situation import Situation
from orchestrator.model.status import Both, Status
from orchestrator.situation import judge, judge_transition
from orchestrator.situation.guards import strangers

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
    with_guards,
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


PLAYBOOK = with_guards(
    settled=Quiet(timedelta(minutes=5)),
    placed=Located(),
    primary_up=Reachable((PRIMARY,)),
    secondary_up=Reachable((SECONDARY,)),
    primary_gone=Not("primary_up"),
    all_well=AllOf(("settled", "placed")),
    some_up=AnyOf(("primary_up", "secondary_up")),
    none_up=Not("some_up"),
    strict=AllOf(("some_up", "settled")),
    lenient=AnyOf(("settled", "primary_up")),
    itself=AllOf(("settled", "mirror")),
    mirror=Not("itself"),
    lost=AllOf(("nowhere",)),
    lonely=Not("alone"),
    weekend=Window("UTC", (5, 6), time(0), time(0)),
)
TRANSITION = Transition("declare", Status.PASSIVE, Status.FAILOVER, guards=("settled", "primary_up"))


def test_law_10_every_guard_of_a_transition_is_judged_the_ones_that_are_always_on_first() -> None:
    verdicts = judge_transition(TRANSITION, PLAYBOOK, situation(dead(PRIMARY)))
    assert [(verdict.guard, verdict.outcome) for verdict in verdicts] == [
        ("linked", Outcome.UNKNOWN),
        ("fresh", Outcome.PASS),
        ("alone", Outcome.UNKNOWN),
        ("settled", Outcome.UNKNOWN),
        ("primary_up", Outcome.FAIL),
    ]
    assert all(verdict.reason for verdict in verdicts)


def test_a_transition_that_names_what_is_always_on_has_it_once() -> None:
    transition = replace(TRANSITION, guards=("alone", "settled"))
    assert [verdict.guard for verdict in judge_transition(transition, PLAYBOOK, situation())] == [
        "linked",
        "fresh",
        "alone",
        "settled",
    ]


def test_a_verdict_carries_the_authors_why() -> None:
    assert judge("settled", PLAYBOOK, situation()).why == "why settled"


def test_verdicts_on_a_predicted_situation_are_marked() -> None:
    assert {
        verdict.predicted for verdict in judge_transition(TRANSITION, PLAYBOOK, situation(predicted=True))
    } == {True}
    assert {verdict.predicted for verdict in judge_transition(TRANSITION, PLAYBOOK, situation())} == {False}


def test_all_names_the_parts_that_did_not_pass() -> None:
    recent = situation(secondary=shows(SECONDARY, Status.PASSIVE, at=ago(seconds=42)))
    verdict = judge("all_well", PLAYBOOK, recent)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == (
        "settled fails: Payments EU (secondary) was changed 42 s ago by alice@example.com; quiet wants 5 min"
    )
    assert judge("all_well", PLAYBOOK, situation()).outcome is Outcome.PASS


def test_any_passes_by_one_part() -> None:
    assert judge("some_up", PLAYBOOK, situation(dead(PRIMARY))).outcome is Outcome.PASS
    assert judge("some_up", PLAYBOOK, situation(dead(PRIMARY), dead(SECONDARY))).outcome is Outcome.FAIL


def test_not_turns_a_verdict_round() -> None:
    assert judge("primary_gone", PLAYBOOK, situation(dead(PRIMARY))).outcome is Outcome.PASS
    verdict = judge("primary_gone", PLAYBOOK, situation())
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason.startswith("primary_up passes: Payments (primary) shows PASSIVE")
    assert judge("none_up", PLAYBOOK, situation(dead(PRIMARY))).outcome is Outcome.FAIL


def test_blindness_is_handed_up_through_all_any_and_not() -> None:
    emergency = situation(dead(PRIMARY), emergency=SECONDARY)
    for name in ("strict", "lenient", "all_well", "primary_gone"):
        verdict = judge(name, PLAYBOOK, emergency)
        assert (name, verdict.outcome, verdict.blind) == (name, Outcome.UNKNOWN, PRIMARY)


def test_law_09_a_failing_part_of_the_survivor_is_not_hidden_by_the_dead_orgs_silence() -> None:
    recent = shows(SECONDARY, Status.PASSIVE, at=ago(seconds=42))
    verdict = judge("strict", PLAYBOOK, situation(dead(PRIMARY), recent, emergency=SECONDARY))
    assert (verdict.outcome, verdict.blind) == (Outcome.FAIL, None)


def test_law_08_a_guard_that_is_part_of_itself_or_does_not_exist_is_unknown() -> None:
    for name in ("itself", "mirror", "lost", "nowhere"):
        verdict = judge(name, PLAYBOOK, situation())
        assert (name, verdict.outcome, verdict.blind) == (name, Outcome.UNKNOWN, None)


def test_guards_that_are_always_on_can_be_parts_of_others() -> None:
    assert judge("lonely", PLAYBOOK, situation()).outcome is Outcome.FAIL


def test_a_window_is_a_guard_like_the_others() -> None:
    saturday = situation(at=datetime(2026, 5, 30, 12, tzinfo=UTC))
    assert judge("weekend", PLAYBOOK, saturday).outcome is Outcome.PASS
    assert judge("weekend", PLAYBOOK, situation()).outcome is Outcome.FAIL


def test_law_20_whoever_stamped_an_org_at_a_time_that_it_does_not_tell_counts_as_somebody_at_work() -> None:
    theirs = f"carol+hamr-{OTHER_RUN}-1@bastion"
    readings = Both(shows(PRIMARY, Status.PASSIVE, at=None, by=theirs), shows(SECONDARY, Status.PASSIVE))
    (found,) = strangers(readings, frozenset(), NOW)
    assert (found.role, found.seconds) == (PRIMARY, None)
    assert strangers(readings, frozenset({found.run}), NOW) == ()
    old = Both(shows(PRIMARY, Status.PASSIVE, at=ago(minutes=11), by=theirs), readings.secondary)
    assert strangers(old, frozenset(), NOW) == ()
