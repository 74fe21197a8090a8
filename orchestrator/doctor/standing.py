"""Checks of where the pair stands: linked, in which phase, and what that leaves for a run and for an emergency."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from orchestrator.model.guard import Outcome
from orchestrator.model.playbook import Playbook
from orchestrator.model.readiness import Check, Group, Level, worst
from orchestrator.model.situation import OpenRun, Owed, Phase, PhaseName
from orchestrator.model.status import Role, Status
from orchestrator.situation import judge, phase_of
from orchestrator.situation.commands import View, can_finish_alone, emergency_goals

from .answers import Answers
from .situations import emergency_situation, planned_situation
from .telling import silence

LEVELS = {Outcome.PASS: Level.OK, Outcome.FAIL: Level.CRITICAL, Outcome.UNKNOWN: Level.UNKNOWN}

_LOST_ON_BOTH = frozenset(
    {
        PhaseName.DARK,
        PhaseName.DIVERGED,
        PhaseName.HALF_ABSENT,
        PhaseName.ABSENT,
    }
)
"""Phases in which no single org can go on either."""

_SAID_BY_THE_RECORDS = frozenset(
    {
        PhaseName.HALF_SEEN,
        PhaseName.DENIED,
        PhaseName.HAMPERED,
        PhaseName.UNREADABLE,
        PhaseName.UNRECOGNISED,
        PhaseName.DARK,
    }
)
"""Phases whose reason the orgs' own checks give."""


def check_standing(answers: Answers) -> Iterator[Check]:
    """The link of the two records, the phase, and whether an emergency has a way from here."""
    yield _link(answers)
    phase = phase_now(answers)
    yield _phase(answers, phase)
    yield _way(answers)


def _link(answers: Answers) -> Check:
    verdict = judge("linked", answers.playbook, planned_situation(answers))
    alone = [
        judge("linked", answers.playbook, emergency_situation(answers, survivor))
        for survivor in Role
        if survivor in answers.survivors
    ]
    level = LEVELS[verdict.outcome]
    sentence = f"{verdict.reason[:1].upper()}{verdict.reason[1:]}."
    if verdict.blind is not None and answers.silent(verdict.blind):
        sentence = silence(answers, verdict.blind)
    steps = () if level is Level.OK else ("hamr check", f"hamr status {quote(answers.pair.name)}")
    return Check(
        Group.ORGS,
        "link",
        level,
        worst(LEVELS[each.outcome] for each in alone),
        sentence,
        None,
        steps,
        "linked" if level is Level.OK else "",
    )


def _owed(answers: Answers) -> Owed | None:
    history = answers.journal.history
    return None if history is None else history.owed


def _open_run(answers: Answers) -> OpenRun | None:
    history = answers.journal.history
    run = None if history is None else history.open_run
    return None if run is None else run.as_open_run()


def phase_now(answers: Answers) -> Phase:
    """Where the pair stands."""
    return phase_of(
        answers.pair,
        answers.orgs.readings,
        answers.orgs.identities,
        answers.playbook,
        owed=_owed(answers),
        open_run=_open_run(answers),
        floors={} if answers.journal.history is None else answers.journal.history.floors,
    )


def _phase(answers: Answers, phase: Phase) -> Check:
    planned = _planned(answers.playbook, phase)
    sentence = f"{phase.label}. {phase.sentence}"
    if phase.name in _SAID_BY_THE_RECORDS:
        sentence = f"{phase.label}: a planned run wants to see a known status of both orgs."
    return Check(
        Group.ORGS,
        "phase",
        planned,
        _emergency(answers, phase),
        sentence,
        None,
        () if planned is Level.OK else (f"hamr status {quote(answers.pair.name)}", *phase.next_steps),
        phase.label if planned is Level.OK else "",
    )


def _planned(playbook: Playbook, phase: Phase) -> Level:
    """A planned run starts where both orgs agree, and the playbook has a transition that leads on."""
    if phase.name not in (PhaseName.AGREED, PhaseName.ABSENT):
        return Level.CRITICAL
    if any(transition.source is phase.status for transition in playbook.transitions):
        return Level.OK
    return Level.WARNING if phase.name is PhaseName.AGREED else Level.CRITICAL


def _emergency(answers: Answers, phase: Phase) -> Level | None:
    """An emergency needs its survivor alone: trouble of the other org is none of its."""
    if not answers.survivors:
        return None
    if phase.name is PhaseName.AGREED:
        return Level.OK
    if phase.name in _LOST_ON_BOTH:
        return Level.CRITICAL
    if phase.name in (PhaseName.MIDWAY, PhaseName.BEHIND):
        return Level.WARNING
    lost = (
        phase.role.other
        if phase.name is PhaseName.HALF_SEEN and phase.role is not None
        else phase.role  # of mislinked, denied, unreadable and unrecognised: the org that is the trouble
    )
    return Level.CRITICAL if lost is None or lost in answers.survivors else Level.OK


def _way(answers: Answers) -> Check:
    """Whether an emergency could go anywhere from where its survivor stands."""
    if not answers.survivors:
        sentence = (
            f"No transition of the playbook {answers.playbook.name} names a survivor: with it, nothing can be done "
            "while a region is dead."
        )
        return Check(Group.ORGS, "emergency", None, Level.WARNING, sentence)
    found = [_way_of(answers, survivor) for survivor in Role if survivor in answers.survivors]
    level = worst(level for level, _ in found)
    return Check(Group.ORGS, "emergency", None, level, " ".join(sentence for _, sentence in found))


def _way_of(answers: Answers, survivor: Role) -> tuple[Level, str]:
    org = answers.org(survivor)
    view = View(
        answers.pair, answers.orgs.readings, answers.playbook, _owed(answers), _open_run(answers), None
    )
    status = view.status(survivor)
    if status is None:
        return Level.CRITICAL, f"Where {org} stands is not known, and an emergency goes on from there."
    goals = emergency_goals(view, survivor)
    if goals:
        names = " or ".join(str(goal) for goal in goals)
        return Level.OK, f"From {status}, {org} alone can go on to {names}."
    if can_finish_alone(view, survivor):
        return Level.OK, f"The open run can be finished with {org} alone."
    if _led_to(answers.playbook, survivor, status):
        return Level.OK, f"{org} shows {status}: an emergency would lead no further."
    return (
        Level.WARNING,
        f"From {status}, no transition leads on with {org} alone: no emergency is possible now.",
    )


def _led_to(playbook: Playbook, survivor: Role, status: Status) -> bool:
    """Whether a status is a stop that this org's emergency transitions lead to."""
    return status in playbook.stops and any(
        transition.survivor is survivor and transition.target is status for transition in playbook.transitions
    )
