"""Checks of the world and of this machine: every probe and guard, answered now, what hooks run, and who can be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from msgspec import Struct

from orchestrator.model import next_step
from orchestrator.model.guard import (
    AllOf,
    AnyOf,
    Guard,
    IfUnknown,
    Measured,
    Not,
    Outcome,
    Quiet,
    Unmeasured,
    Verdict,
    Window,
)
from orchestrator.model.playbook import InEmergency, Playbook, Transition, When
from orchestrator.model.readiness import Check, Group, Level, worst
from orchestrator.model.status import Role
from orchestrator.model.words import printable, value_words
from orchestrator.situation import judge
from orchestrator.situation.guard_kinds import depends_on, probes_of, transition_probes

from .answers import Answers

_LONGEST = 300


def check_guards(answers: Answers) -> Iterator[Check]:
    """Each probe, then each guard; `alone` too, which every transition has."""
    for name in answers.playbook.probes:
        yield _probe(answers, name)
    for name in ("alone", *answers.playbook.guards):
        yield _guard(answers, name)


def _probe(answers: Answers, name: str) -> Check:
    """Whether a probe answers; what the answer means is for the guards to say."""
    brief, level, sight = "", Level.OK, _sight(answers, name)
    org = depends_on(answers.playbook.probes[name], answers.pair)
    silence = answers.silence(org)
    match sight:
        case Measured(value=value, good=good, detail=detail):
            said = ("good" if good else "bad") if value is None else printable(value_words(value))
            sentence = f"{name} answers {said}" + (f" ({printable(detail)})." if detail else ".")
        case Unmeasured(no_data=True, reason=reason):
            sentence = f"{name} is understood, and has nothing to answer with: {printable(reason)}."
            brief = f"{name} has no data"
        case Unmeasured() if silence:
            level, sentence = Level.UNKNOWN, silence
        case Unmeasured(reason=reason):
            level = Level.WARNING
            sentence = f"{name} could not be read: {printable(reason, _LONGEST)}."
        case _ as never:
            assert_never(never)
    asking = {
        transition.survivor
        for transition in answers.playbook.transitions
        if name in [each.name for each in transition_probes(transition, answers.playbook)]
    }
    # An emergency does without the other org, and waives what is blind for want of it.
    needed = any(role in asking and org in (None, role) for role in answers.survivors)
    emergency = level if needed else None
    follows = level is Level.UNKNOWN and answers.keyless(org)
    return Check(Group.GUARDS, f"probe {name}", level, emergency, sentence, brief=brief, follows=follows)


def _sight(answers: Answers, probe: str) -> Measured | Unmeasured:
    reading = answers.orgs.probes.get(probe)
    return Unmeasured("it was not read") if reading is None else reading.sight


class _Column(Struct, frozen=True):
    """A guard in one of the two columns."""

    verdict: Verdict
    level: Level | None


def _guard(answers: Answers, name: str) -> Check:
    transitions = [
        transition
        for transition in answers.playbook.transitions
        if name == "alone" or name in transition.guards
    ]
    planned = _planned(answers, name, transitions)
    emergencies = [
        _emergency(answers, name, survivor, [each for each in transitions if each.survivor is survivor])
        for survivor in answers.survivors
    ]
    emergency = worst(column.level for column in emergencies)
    sentence = _sentence(answers, planned, emergencies, transitions)
    follows = _blind_for_want_of_keys(answers, planned.verdict)
    return Check(Group.GUARDS, f"guard {name}", planned.level, emergency, sentence, follows=follows)


def _blind_for_want_of_keys(answers: Answers, verdict: Verdict) -> bool:
    """Whether the orgs that were not asked for want of a key are all that keeps a guard from being judged."""
    if verdict.outcome is not Outcome.UNKNOWN:
        return False
    return answers.keyless(verdict.blind) and not (
        verdict.blind is None and probes_of((verdict.guard,), answers.playbook)
    )


def _planned(answers: Answers, name: str, transitions: Sequence[Transition]) -> _Column:
    verdict = judge(name, answers.playbook, answers.planned_situation())
    shown = {reading.status for reading in answers.orgs.readings}
    return _column(answers, verdict, [transition.source in shown for transition in transitions])


def _emergency(answers: Answers, name: str, survivor: Role, transitions: Sequence[Transition]) -> _Column:
    """As an emergency would judge it with the other org dead; what is blind for that reason alone is waived (law 9)."""
    verdict = judge(name, answers.playbook, answers.emergency_situation(survivor))
    if verdict.outcome is Outcome.UNKNOWN and verdict.blind is survivor.other:
        return _Column(verdict, None)
    shown = answers.orgs.readings[survivor].status
    if shown is None and verdict.outcome is Outcome.UNKNOWN:
        return _Column(verdict, Level.UNKNOWN if transitions else None)
    return _column(answers, verdict, [transition.source is shown for transition in transitions])


def _column(answers: Answers, verdict: Verdict, nearby: Sequence[bool]) -> _Column:
    """A verdict on the transitions that ask for it, each of which may come next (`nearby`) or later."""
    if verdict.outcome is Outcome.UNKNOWN and answers.silence(verdict.blind):
        return _Column(verdict, Level.UNKNOWN if nearby else None)
    return _Column(verdict, worst(_level(answers, verdict, nearby=near) for near in nearby))


def _level(answers: Answers, verdict: Verdict, *, nearby: bool) -> Level:
    """What a verdict means for one transition; a transition that comes later is judged again then."""
    guard = answers.playbook.guards.get(verdict.guard)  # None for `alone`
    match verdict.outcome:
        case Outcome.PASS:
            return Level.OK
        case Outcome.UNKNOWN if nearby:
            return Level.WARNING if guard is not None and guard.if_unknown is IfUnknown.ASK else Level.UNKNOWN
        case Outcome.UNKNOWN:
            return Level.OK if _only_no_data(answers, verdict.guard) else Level.WARNING
        case Outcome.FAIL if not nearby:
            return Level.OK
        case Outcome.FAIL:
            passing = guard is None or _passes_with_time(answers.playbook, guard)
            return Level.WARNING if passing else Level.CRITICAL
        case _ as never:
            assert_never(never)


def _only_no_data(answers: Answers, guard: str) -> bool:
    """Whether all that keeps a guard from being judged is data that is not there, as before anybody sends any."""
    sights = [_sight(answers, probe) for probe in probes_of((guard,), answers.playbook)]
    blind = [sight for sight in sights if isinstance(sight, Unmeasured)]
    return bool(blind) and all(sight.no_data for sight in blind)


def _passes_with_time(playbook: Playbook, guard: Guard, within: frozenset[str] = frozenset()) -> bool:
    """Whether waiting may be all that it takes: a quiet time, a window, or a guard that a run may wait for."""
    if guard.within is not None:
        return True
    match guard.kind:
        case Quiet() | Window():
            return True
        case AllOf(guards=names) | AnyOf(guards=names):
            parts = names
        case Not(guard=part):
            parts = (part,)
        case _:
            return False
    inner = [playbook.guards[part] for part in parts if part in playbook.guards and part not in within]
    return any(_passes_with_time(playbook, part, within | {guard.name}) for part in inner)


def _said(verdict: Verdict) -> str:
    words = {Outcome.PASS: "passes", Outcome.FAIL: "refuses", Outcome.UNKNOWN: "cannot be judged"}
    return f"{verdict.guard} {words[verdict.outcome]}: {verdict.reason}."


def _meaning(verdict: Verdict) -> str:
    """Why it matters. Nobody knows yet that it is so, where the guard cannot be judged."""
    blind = verdict.outcome is Outcome.UNKNOWN and bool(verdict.why)
    return f"If it refuses, that means: {verdict.why}" if blind else verdict.why


def _sentence(
    answers: Answers, planned: _Column, emergencies: Sequence[_Column], transitions: Sequence[Transition]
) -> str:
    """What it says now, what an emergency would hear where that is something else, and why that matters."""
    verdict = planned.verdict
    sentences = [answers.silence(verdict.blind) or _said(verdict)]
    troubled = [each for each in emergencies if each.level not in (None, Level.OK)]
    told = {each.verdict.reason: each for each in troubled if each.verdict.outcome is not verdict.outcome}
    sentences += [f"In an emergency: {_said(each.verdict)}" for each in told.values()]
    if not transitions:
        sentences.append("No transition asks it by itself.")
    elif planned.level not in (None, Level.OK) or troubled:
        sentences += [_meaning(verdict)] if sentences[0] == _said(verdict) else []
    elif verdict.outcome is not Outcome.PASS:
        names = " or ".join(transition.name for transition in transitions)
        sentences.append(f"It is judged again when {names} comes.")
    return " ".join(filter(None, sentences))


def check_hooks(answers: Answers) -> Iterator[Check]:
    """Whether each hook's program is on this machine."""
    programs = (
        (transition, *hooked)
        for transition in answers.playbook.transitions
        for hooked in transition.programs()
    )
    for transition, when, hook, program in programs:
        name = f"hook {transition.name}/{hook.name}"
        needed = transition.survivor is not None and hook.emergency is InEmergency.RUN
        if program not in answers.missing_programs:
            sentence = f"{program} is there. It is not run here."
            yield Check(Group.HOOKS, name, Level.OK, Level.OK if needed else None, sentence)
            continue
        if when is When.BEFORE:
            planned = Level.CRITICAL
            means = f"transition {transition.name} would stop before its first write"
        else:
            planned = Level.WARNING
            means = f"it would be owed once transition {transition.name} is made"
        sentence = f"{program} is not on this machine, or cannot be run: {means}."
        if needed:
            sentence += " An emergency goes on without it."
        yield Check(Group.HOOKS, name, planned, Level.WARNING if needed else None, sentence)


def check_channels(answers: Answers) -> Iterator[Check]:
    """Whether people can be told over each channel. It stops no run."""
    for found in answers.orgs.channels:
        name = f"channel {found.channel}"
        if found.problem:
            sentence = f"Nobody is told over {name}: {found.problem.rstrip('.')}. A run would go on without."
            yield Check(Group.PEOPLE, name, Level.WARNING, Level.WARNING, sentence)
            continue
        tried = next_step.doctor(answers.pair.name).with_options("--tell")
        untried = f"What {name} needs is there. Nothing was sent: {tried} sends a test."
        sentence = f"A test was taken over {name}: look whether it arrived." if found.tried else untried
        yield Check(Group.PEOPLE, name, Level.OK, Level.OK, sentence)
