"""Guards to verdicts: pure questions to a situation, answered pass, fail or unknown, with a reason in words."""

from __future__ import annotations

from typing import assert_never

from orchestrator.model.guard import (
    ALWAYS_ON,
    AllOf,
    AnyOf,
    Compared,
    GuardKind,
    Located,
    Not,
    Outcome,
    Quiet,
    Reachable,
    Verdict,
    Window,
)
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.situation import Situation

from . import always_on
from .compared import compared, probes_of
from .finding import Finding, every, reverse, some, unknown
from .records import located, quiet, reachable
from .window import window

IN_WORDS = {Outcome.PASS: "passes", Outcome.FAIL: "fails", Outcome.UNKNOWN: "is unknown"}


def judge_transition(transition: Transition, playbook: Playbook, situation: Situation) -> tuple[Verdict, ...]:
    """The verdicts of all guards of a transition: the ones that are always on first, then the transition's own, in its order.

    All are judged, also after one that does not pass: a refusal lists every one of them (law 10).
    """
    named = tuple(name for name in transition.guards if name not in ALWAYS_ON)
    return tuple(judge(name, playbook, situation) for name in (*ALWAYS_ON, *named))


def judge(guard_name: str, playbook: Playbook, situation: Situation) -> Verdict:
    """The verdict of one guard, by its name. A name that the playbook does not have is unknown, never a pass."""
    finding = _find(guard_name, playbook, situation, ())
    guard = playbook.guards.get(guard_name)
    why = always_on.WHY.get(guard_name, "") if guard is None else guard.why
    return Verdict(
        guard=guard_name,
        outcome=finding.outcome,
        reason=finding.reason,
        why=why,
        blind=finding.blind,
        predicted=situation.predicted,
        judged_again=situation.predicted and bool(probes_of((guard_name,), playbook)),
    )


def _find(name: str, playbook: Playbook, situation: Situation, within: tuple[str, ...]) -> Finding:
    match name:
        case "linked":
            return always_on.linked(situation)
        case "fresh":
            return always_on.fresh(situation)
        case "alone":
            return always_on.alone(situation)
    guard = playbook.guards.get(name)
    if guard is None:
        return unknown(f"the playbook {playbook.name} has no guard {name}")
    if name in within:
        return unknown(f"{name} is part of itself, through {' and '.join(within)}")
    return _judge_kind(guard.kind, playbook, situation, (*within, name))


def _judge_kind(
    kind: GuardKind, playbook: Playbook, situation: Situation, within: tuple[str, ...]
) -> Finding:
    match kind:
        case Quiet():
            return quiet(kind, situation)
        case Reachable():
            return reachable(kind, situation)
        case Located():
            return located(situation)
        case Window():
            return window(kind, situation.at)
        case Compared():
            return compared(kind, playbook, situation)
        case AllOf(guards=names):
            return every([_part(name, playbook, situation, within) for name in names])
        case AnyOf(guards=names):
            return some([_part(name, playbook, situation, within) for name in names])
        case Not(guard=name):
            return reverse(_part(name, playbook, situation, within))
        case _ as never:
            assert_never(never)


def _part(name: str, playbook: Playbook, situation: Situation, within: tuple[str, ...]) -> Finding:
    """What a guard inside another one found; the reason says which one it is."""
    finding = _find(name, playbook, situation, within)
    return Finding(finding.outcome, f"{name} {IN_WORDS[finding.outcome]}: {finding.reason}", finding.blind)
