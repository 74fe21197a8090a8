"""Verdicts: all guards of a transition, in order, and the guards that are made of guards."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from msgspec.structs import replace

from orchestrator.model.guard import AllOf, AnyOf, Located, Not, Outcome, Quiet, Reachable, Window
from orchestrator.model.playbook import Transition
from orchestrator.model.status import Status
from orchestrator.situation import judge, judge_transition

from .scenes import PRIMARY, SECONDARY, ago, dead, shows, situation, with_guards

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
