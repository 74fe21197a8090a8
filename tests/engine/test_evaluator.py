"""Laws 8 and 10: unknown is not pass, and a refusal names every guard that did not pass."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.engine.evaluator import BINDING_ALWAYS, BINDING_MIDWAY, Decision, Terms
from orchestrator.model.events import GuardOverridden, GuardsJudged, TransitionRefused
from orchestrator.model.guard import Guard, Outcome, Quiet, Reachable, Verdict
from orchestrator.model.run import End, Mode
from tests.playbooks import changed
from tests.steps import typed

from .fake import PLAYBOOK, P, S, bench, record

GUARDED = replace(
    changed(PLAYBOOK, "declare", guards=("settled", "both")),
    guards={
        "settled": Guard("settled", Quiet(timedelta(minutes=5))),
        "both": Guard("both", Reachable((P, S))),
    },
)


def verdict(guard: str, outcome: Outcome, blind: object = None) -> Verdict:
    return Verdict(guard, outcome, f"{guard} says {outcome.value}", blind=blind)  # type: ignore[arg-type]


PASS, FAIL, UNKNOWN = Outcome.PASS, Outcome.FAIL, Outcome.UNKNOWN


def decide(
    *verdicts: Verdict, overrides: dict[str, str] | None = None, binding: frozenset[str] | None = None
) -> Decision:
    return Terms(binding, frozenset(), Mode.PLANNED, None, overrides or {}).decide(verdicts)


@pytest.mark.parametrize("outcome", [FAIL, UNKNOWN])
def test_law_08_what_does_not_pass_refuses(outcome: Outcome) -> None:
    decision = decide(verdict("settled", outcome))
    assert decision.go is False
    assert [refused.guard for refused in decision.refused_by] == ["settled"]


def test_law_08_what_passes_lets_go() -> None:
    assert decide(verdict("linked", PASS), verdict("settled", PASS)).go is True


def test_law_10_a_refusal_lists_all_that_did_not_pass() -> None:
    decision = decide(verdict("a", FAIL), verdict("b", PASS), verdict("c", UNKNOWN))
    assert [refused.guard for refused in decision.refused_by] == ["a", "c"]


@pytest.mark.parametrize("outcome", [FAIL, UNKNOWN])
def test_law_10_an_override_by_name_lets_that_guard_alone_go(outcome: Outcome) -> None:
    decision = decide(verdict("a", outcome), overrides={"a": "CHG-1"})
    assert decision.go is True
    assert [(kept.guard, reason) for kept, reason in decision.overridden] == [("a", "CHG-1")]
    assert not decide(verdict("a", outcome), verdict("b", FAIL), overrides={"a": "CHG-1"}).go


@pytest.mark.parametrize("guard", ["linked", "fresh"])
def test_law_10_identity_and_freshness_are_never_overridden(guard: str) -> None:
    assert decide(verdict(guard, FAIL), overrides={guard: "please"}).go is False


@pytest.mark.parametrize(
    ("guard", "go"), [("linked", False), ("fresh", False), ("alone", True), ("settled", True)]
)
def test_law_07_a_half_done_transition_is_bound_by_linked_and_fresh_alone(guard: str, go: bool) -> None:
    assert decide(verdict(guard, FAIL), binding=BINDING_ALWAYS).go is go


@pytest.mark.parametrize(
    ("outcome", "blind", "mode", "waived"),
    [
        (UNKNOWN, P, Mode.EMERGENCY, True),
        (UNKNOWN, S, Mode.EMERGENCY, False),
        (UNKNOWN, None, Mode.EMERGENCY, False),
        (FAIL, P, Mode.EMERGENCY, False),
        (UNKNOWN, P, Mode.PLANNED, False),
    ],
    ids=["blind", "the survivor is blind", "another cause", "fails", "planned"],
)
def test_law_09_only_what_is_blind_because_of_the_dead_org_is_waived(
    outcome: Outcome, blind: object, mode: Mode, waived: bool
) -> None:
    decision = Terms(None, frozenset(), mode, S, {}).decide((verdict("settled", outcome, blind),))
    assert decision.go is waived
    assert bool(decision.waived) is waived


@pytest.mark.anyio
async def test_law_10_a_run_that_is_refused_tells_every_verdict_and_sends_nothing() -> None:
    b = bench(playbook=GUARDED)
    b.world.foreign(P, PLAYBOOK.stops[0])
    b.world.foreign(S, PLAYBOOK.stops[0], "carol+hamr-20261122-025900-zzzz-1@bastion")
    ending = await b.drive(PLAYBOOK.stops[1], End.REFUSED)
    assert b.world.posts() == []
    (refused,) = b.notes.of(TransitionRefused)
    assert refused.guards == ("alone", "settled")
    assert "alone fail: " in ending.message
    assert "settled fail: " in ending.message
    assert typed(ending.next_steps)[-1].endswith(" --override alone=REASON --override settled=REASON")
    (judged,) = b.notes.of(GuardsJudged)
    assert [each.guard for each in judged.verdicts] == ["linked", "fresh", "alone", "settled", "both"]
    assert [each.guard for each in b.engine.evaluator.refused_by()] == ["alone", "settled"]
    assert typed(ending.next_steps)[0] == "hamr doctor payments", (
        "a look at the records alone does not show its guards"
    )


@pytest.mark.anyio
async def test_law_10_an_override_is_journalled_with_its_reason() -> None:
    b = bench(playbook=GUARDED, overrides={"settled": "CHG-1"})
    b.world.records[P] = record(P, PLAYBOOK.stops[0], at=b.clock.now())
    await b.drive(PLAYBOOK.stops[1], End.DONE)
    (overridden,) = b.notes.of(GuardOverridden)
    assert (overridden.verdict.guard, overridden.reason) == ("settled", "CHG-1")


def test_law_07_a_new_run_that_finds_a_transition_half_made_is_bound_by_alone_too() -> None:
    assert not decide(verdict("alone", FAIL), binding=BINDING_MIDWAY).go
    assert decide(verdict("settled", FAIL), binding=BINDING_MIDWAY).go


@pytest.mark.parametrize(("mode", "go"), [(Mode.EMERGENCY, True), (Mode.PLANNED, False)])
def test_a_guard_that_is_asked_in_planned_runs_alone_is_waived_by_name_in_an_emergency(
    mode: Mode, go: bool
) -> None:
    found = Terms(None, frozenset({"telemetry"}), mode, S, {}).decide((verdict("telemetry", UNKNOWN),))
    assert found.go is go
    assert [each.guard for each in found.waived] == (["telemetry"] if go else [])
