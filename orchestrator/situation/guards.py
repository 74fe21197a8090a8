"""Guards to verdicts: pure questions to a situation, answered pass, fail or unknown, with a reason in words."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import assert_never

from orchestrator.model.guard import (
    ALWAYS_ON,
    AllOf,
    AnyOf,
    Approved,
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
from orchestrator.model.reading import HamrRecord, Reading
from orchestrator.model.run import Mode, Stamp
from orchestrator.model.situation import ALONE_FOR, FRESH_WITHIN, Situation, Stranger
from orchestrator.model.status import Both, Role
from orchestrator.model.words import ago, author, span

from .guard_kinds import (
    Finding,
    approved,
    compared,
    every,
    fails,
    is_seen,
    located,
    passes,
    probes_of,
    quiet,
    reachable,
    reverse,
    some,
    unknown,
    unseen,
    window,
)
from .link import BOTH_ROLES, Linked, LinkUnknown, NotLinked, judge_link

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
    _, always = _ALWAYS_ON.get(guard_name, (None, ""))
    return Verdict(
        guard=guard_name,
        outcome=finding.outcome,
        reason=finding.reason,
        why=always if guard is None else guard.why,
        blind=finding.blind,
        predicted=situation.predicted,
        judged_again=situation.predicted and bool(probes_of((guard_name,), playbook)),
    )


def _find(name: str, playbook: Playbook, situation: Situation, within: tuple[str, ...]) -> Finding:
    if name in _ALWAYS_ON:
        return _ALWAYS_ON[name][0](situation)
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
        case Approved():
            return approved(kind, situation)
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


def judged_roles(situation: Situation) -> frozenset[Role]:
    """The orgs that have to be right: both, and in an emergency the survivor alone (law 9)."""
    if situation.mode is Mode.EMERGENCY and situation.survivor is not None:
        return frozenset({situation.survivor})
    return BOTH_ROLES


def linked(situation: Situation) -> Finding:
    """Are both orgs who the inventory says, each the other's peer, one of them the primary?"""
    judged = judged_roles(situation)
    link = judge_link(situation.pair, situation.readings, situation.identities, judge=judged)
    match link:
        case Linked():
            if judged == BOTH_ROLES:
                return passes("both orgs are who the inventory says, and each names the other")
            names = ", ".join(str(situation.pair[role]) for role in Role if role in judged)
            return passes(f"{names} is who the inventory says, and names its peer")
        case NotLinked(reason=reason):
            return fails(reason)
        case LinkUnknown(reason=reason, role=role):
            return unknown(reason, blind=None if is_seen(situation, role) else role)


def fresh(situation: Situation) -> Finding:
    """Was everything that is judged, probes included, read within the last ten seconds, by our monotonic clock?"""
    if situation.predicted:
        return passes("both orgs are read anew right before this transition")
    limit = FRESH_WITHIN.total_seconds()
    read = [
        (str(situation.pair[role]), situation.readings[role].monotonic)
        for role in Role
        if role in judged_roles(situation)
    ]
    read += [(f"probe {name}", reading.monotonic) for name, reading in situation.probes.items()]
    findings: list[Finding] = []
    for what, when in read:
        age = situation.monotonic - when
        if age < 0:
            findings.append(
                fails(f"{what} was read by another clock than ours, so how long ago cannot be told")
            )
        elif age <= limit:
            findings.append(passes(f"{what} was read {ago(age)}"))
        else:
            findings.append(fails(f"{what} was read {ago(age)}; fresh wants at most {span(limit)}"))
    return every(findings)


def alone(situation: Situation) -> Finding:
    """Is neither record freshly stamped by a run that this journal does not know?"""
    return every([unseen(situation, role) or _alone_half(situation, role) for role in Role])


def _alone_half(situation: Situation, role: Role) -> Finding:
    org, record = situation.pair[role], situation.readings[role].record
    if record is None:
        return passes(f"{org} has no record, so nobody has stamped it")
    # What this run saw there before counts as well: a server that moves an org on by itself takes the stamp off it.
    found = [_unstamped(situation, role, each) for each in (record, *situation.earlier.get(role, ()))]
    return next((each for each in found if each.outcome is not Outcome.PASS), found[0])


def _unstamped(situation: Situation, role: Role, record: HamrRecord) -> Finding:
    org, reading = situation.pair[role], situation.readings[role]
    stamp = Stamp.parse(record.modified_by)
    if stamp is None:
        return passes(f"{org} carries no run's stamp")
    if (
        record.modified_by in situation.our_names
        or stamp.run == situation.run
        or stamp.run in situation.known_runs
    ):
        return passes(f"{org} carries the stamp of run {stamp.run}, which this journal knows")
    who = f"{author(record.modified_by)}, which this journal does not know"
    age = _age(reading, record, situation.at)
    if age is None:
        return unknown(f"{org} was changed by {who}, and its record does not tell when")
    if age < ALONE_FOR:
        return fails(f"{org} was changed {ago(age)} by {who}; alone wants {span(ALONE_FOR)}")
    return passes(f"{org} was changed {ago(age)} by {author(record.modified_by)}, which is long enough")


_ALWAYS_ON: dict[str, tuple[Callable[[Situation], Finding], str]] = {
    "linked": (
        linked,
        "A write could reach an org that is not this pair's: correct the inventory or the keys. Nothing overrides it.",
    ),
    "fresh": (
        fresh,
        "What was read is too old to act on: run the command again, and it reads again. Nothing overrides it.",
    ),
    "alone": (
        alone,
        "Somebody else may be moving this pair from another machine: ask the operator whom the stamp names first.",
    ),
}
"""The guards that every transition has, named or not, and what a refusal of each means to on-call."""


def _age(reading: Reading, record: HamrRecord, at: datetime) -> timedelta | None:
    """How long ago an org was changed, by the server's clock where the answer carried it, else by ours; None: it does not tell."""
    if record.modified_at is None:
        return None
    return max((reading.exchange.server_date or at) - record.modified_at, timedelta(0))


def strangers(readings: Both[Reading], known_runs: Collection[str], at: datetime) -> tuple[Stranger, ...]:
    """Whoever moves an org by a run that the journal does not know, and did so less than ALONE_FOR ago (law 20).

    Whoever has stamped both orgs is named for each. `at` is our wall clock, where an answer did not carry the server's own.
    """
    found: list[Stranger] = []
    for role, reading in readings.items():
        record = reading.record
        stamp = None if record is None else Stamp.parse(record.modified_by)
        if record is None or stamp is None or stamp.run in known_runs:
            continue
        age = _age(reading, record, at)
        if age is None or age < ALONE_FOR:
            who = f"{stamp.operator}@{stamp.host}"
            found.append(Stranger(role, stamp.run, who, None if age is None else age.total_seconds()))
    return tuple(found)
