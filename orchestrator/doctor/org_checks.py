"""Checks of the orgs: their keys, whether they answer and belong together, and what their statuses leave for a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from msgspec.structs import replace

from orchestrator.model import next_step
from orchestrator.model.guard import Outcome
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import Mirrors
from orchestrator.model.playbook import Playbook
from orchestrator.model.readiness import Check, Group, Level, worst
from orchestrator.model.reading import (
    Absent,
    Denied,
    Hampered,
    Present,
    Reading,
    Trouble,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.situation import Phase, PhaseName
from orchestrator.model.status import Role
from orchestrator.model.words import capital, printable, says, span, utc
from orchestrator.situation import View, judge, phase_of
from orchestrator.situation.commands import can_finish_alone, emergency_goals
from orchestrator.situation.link import same_uuid

from .answers import Answers

CLOCK_WITHIN = 2.0
"""Seconds by which this machine's clock may be off for certain: times in the journal and `quiet` go by clocks."""

NEAR_WITHIN = 2.0
"""Seconds in which an org should answer: past it, a run of eight round trips takes noticeably longer."""

LEVELS = {Outcome.PASS: Level.OK, Outcome.FAIL: Level.CRITICAL, Outcome.UNKNOWN: Level.UNKNOWN}

_LOST_ON_BOTH = {PhaseName.DARK, PhaseName.DIVERGED, PhaseName.HALF_ABSENT, PhaseName.ABSENT}
"""Phases in which no single org can go on either."""

_SAID_BY_THE_RECORDS = {
    PhaseName.HALF_SEEN,
    PhaseName.DENIED,
    PhaseName.HAMPERED,
    PhaseName.UNREADABLE,
    PhaseName.UNRECOGNISED,
    PhaseName.DARK,
}
"""Phases whose reason the orgs' own checks give."""


def check_keys(answers: Answers) -> Iterator[Check]:
    """Each of the four keys: there, accepted by its org, and of the org that the inventory names."""
    for found in answers.orgs.keys:
        sentence = f"The {found.name} of {answers.pair[found.role]} is there: {found.reference}."
        level = Level.CRITICAL if found.problem else Level.OK
        yield Check(
            Group.KEYS, found.name, level, level, found.problem or sentence, found.role, found.next_steps
        )
    for role in Role:
        yield _accepted(answers, role)
        yield _whose(answers, role)


def _accepted(answers: Answers, role: Role) -> Check:
    said, org = answers.orgs.accepted[role], answers.pair[role]
    if said.valid is None:
        level = Level.UNKNOWN
        sentence = f"{org} did not say whether it accepts the two keys: {printable(said.reason)}."
    elif said.valid:
        level, sentence = Level.OK, f"{org} accepts both keys together."
    else:
        level = Level.CRITICAL
        sentence = (
            f"{org} refuses the two keys ({printable(said.reason)}): one of them is wrong or revoked, "
            "or belongs to another site."
        )
    return _of_keys("keys accepted", level, sentence, role)


def _whose(answers: Answers, role: Role) -> Check:
    said, org = answers.orgs.identities[role], answers.pair[role]
    if said.uuid is None:
        level = Level.UNKNOWN
        sentence = f"{org} did not say whose API key it is: {printable(said.reason)}."
    elif same_uuid(said.uuid, org.uuid):
        level, sentence = Level.OK, f"The API key of {org} belongs to the org that the inventory names."
    else:
        level = Level.CRITICAL
        sentence = (
            f"The API key of {org} belongs to org {printable(said.uuid)}, and the inventory says {org.uuid}: "
            "correct the key or the inventory. Nothing is sent until then."
        )
    return _of_keys("keys' org", level, sentence, role)


def _of_keys(name: str, level: Level, sentence: str, role: Role) -> Check:
    steps = () if level is Level.OK else (next_step.check(),)
    return Check(Group.KEYS, name, level, level, sentence, role, steps)


def check_status(answers: Answers) -> Iterator[Check]:
    """The link of the two records, the phase, and whether an emergency has a way from here."""
    yield _link(answers)
    yield _phase(answers)
    yield _way(answers)


def _link(answers: Answers) -> Check:
    verdict = judge("linked", answers.playbook, answers.planned_situation())
    alone = [
        judge("linked", answers.playbook, answers.emergency_situation(survivor))
        for survivor in answers.survivors
    ]
    level = LEVELS[verdict.outcome]
    sentence = answers.silence(verdict.blind) or f"{capital(verdict.reason)}."
    steps = () if level is Level.OK else (next_step.check(), next_step.status(answers.pair.name))
    return Check(
        Group.ORGS,
        "link",
        level,
        worst(LEVELS[each.outcome] for each in alone),
        sentence,
        None,
        steps,
        "linked" if level is Level.OK else "",
        follows=verdict.outcome is Outcome.UNKNOWN and answers.keyless(verdict.blind),
    )


def _view(answers: Answers) -> View:
    history = answers.history
    open_run = history.as_open_run()
    if open_run is not None and open_run.run == answers.journal.run_at_work:
        open_run = replace(open_run, under_way=True)
    return View(answers.pair, answers.orgs.readings, answers.playbook, history.owed, open_run)


def _phase(answers: Answers) -> Check:
    phase = phase_of(_view(answers), answers.orgs.identities, answers.history.floors)
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
        () if planned is Level.OK else (next_step.status(answers.pair.name), *phase.next_steps),
        phase.label if planned is Level.OK else "",
        follows=phase.name is PhaseName.HAMPERED
        and any(reading.keyless for reading in answers.orgs.readings),
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
    return Level.CRITICAL if phase.trouble in (None, *answers.survivors) else Level.OK


def _way(answers: Answers) -> Check:
    """Whether an emergency could go anywhere from where its survivor stands."""
    if not answers.survivors:
        sentence = (
            f"No transition of the playbook {answers.playbook.name} names a survivor: with it, nothing can be done "
            "while a region is dead."
        )
        return Check(Group.ORGS, "emergency", None, Level.WARNING, sentence)
    found = [_way_of(answers, survivor) for survivor in answers.survivors]
    level, sentence = worst(level for level, _ in found), " ".join(sentence for _, sentence in found)
    follows = all(map(answers.keyless, answers.survivors))
    return Check(Group.ORGS, "emergency", None, level, sentence, follows=follows)


def _way_of(answers: Answers, survivor: Role) -> tuple[Level, str]:
    org = answers.pair[survivor]
    view = _view(answers)
    status = view.status(survivor)
    if status is None:
        return Level.CRITICAL, f"Where {org} stands is not known, and an emergency goes on from there."
    goals = emergency_goals(view, survivor)
    if goals:
        names = " or ".join(str(goal) for goal in goals)
        return Level.OK, f"From {status}, {org} alone can go on to {names}."
    if can_finish_alone(view, survivor):
        return Level.OK, f"The open run can be finished with {org} alone."
    if status in answers.playbook.stops and survivor in answers.playbook.survivors_at(status):
        return Level.OK, f"{org} shows {status}: an emergency would lead no further."
    return (
        Level.WARNING,
        f"From {status}, no transition leads on with {org} alone: no emergency is possible now.",
    )


def check_orgs(answers: Answers) -> Iterator[Check]:
    """For each org: its record, the clocks, the round trip; and whether the pair mirrors."""
    for role in Role:
        yield _record(answers, role)
        yield _round_trip(answers, role)
        yield _clock(answers, role)
    yield _mirrors(answers)


def _record(answers: Answers, role: Role) -> Check:
    org, reading = answers.pair[role], answers.orgs.readings[role]
    said, level = says(org, reading), Level.CRITICAL
    follows = answers.keyless(role)
    steps: tuple[NextStep, ...] = (next_step.status(answers.pair.name),)
    match reading.sight:
        case Present() | Absent():
            level, steps = Level.OK, ()
            sentence = (
                f"{said}. The keys may read HAMR; whether they may write it (disaster_recovery_status_write) "
                "only a write can show: rehearse with a drill."
            )
        case Hampered(trouble=Trouble.KEYS):  # the key's own check says why
            sentence, steps = answers.silence(role), ()
        case Hampered(remedy=remedy):
            sentence = f"{said}. That is trouble of this machine or its network: {remedy}."
        case Denied():
            permission = "disaster_recovery_status_read"
            sentence = f"{said}: a key is wrong, or its owner lacks the permission {permission}."
        case Unreachable() if reading.exchange.http_status is not None:
            sentence = f"{said}. It was reached: look again in a while."
        case Unreachable():
            sentence = (
                f"{said}. If only this machine cannot reach it, look at its network, proxy and firewall."
            )
        case Unrecognised():
            sentence = f"{said}: a status that is not known is never acted on."
        case Unreadable():
            sentence = f"{said}. Check its site or url in the inventory."
        case _ as never:
            assert_never(never)
    return Check(Group.ORGS, "HAMR record", level, level, sentence, role, steps, follows=follows)


def _round_trip(answers: Answers, role: Role) -> Check:
    org, took = answers.pair[role], round_trip(answers.orgs.readings[role])
    if took is None:
        level, sentence = Level.UNKNOWN, answers.silence(role)
        return Check(Group.ORGS, "round trip", level, level, sentence, role)
    shown, level = f"{took * 1000:.0f} ms", Level.OK
    sentence = f"{org} answered in {shown}, connecting included."
    if took > NEAR_WITHIN:
        level = Level.WARNING
        sentence += (
            f" More than {span(NEAR_WITHIN)} is slow: each write of a run takes four such round trips."
        )
    return Check(Group.ORGS, "round trip", level, level, sentence, role, brief=f"{role} {shown}")


def round_trip(reading: Reading) -> float | None:
    """Seconds until an org answered, connecting included; None where it did not, or something else did."""
    if isinstance(reading.sight, Hampered):
        return None
    return None if reading.exchange.http_status is None else reading.exchange.seconds


def _clock(answers: Answers, role: Role) -> Check:
    org, reading = answers.pair[role], answers.orgs.readings[role]
    off = skew(reading)
    if off is None:
        level = Level.UNKNOWN
        sentence = f"{org} did not tell the time (its answer has no Date)."
    elif abs(off) <= CLOCK_WITHIN:
        level = Level.OK
        sentence = f"This machine's clock and that of {org} agree within {span(CLOCK_WITHIN)}."
    else:
        level = Level.WARNING
        direction = "ahead of" if off > 0 else "behind"
        sentence = (
            f"This machine's clock is {span(abs(off))} {direction} that of {org}: set it (NTP). "
            "Times in the journal, change windows and cooling down go by it."
        )
    return Check(Group.ORGS, "clock", level, level, sentence, role)


def skew(reading: Reading) -> float | None:
    """Seconds by which our clock is ahead of the server's, the least that both readings of it allow; None if not told.

    `Date` has whole seconds and was written at some moment while we waited, so a difference that this explains is 0.
    """
    date = reading.exchange.server_date
    if date is None or isinstance(reading.sight, Hampered):  # a middlebox has a clock of its own
        return None
    received = (reading.at - date).total_seconds()
    least = received - reading.exchange.seconds - 1.0
    return max(least, min(received, 0.0))


def _mirrors(answers: Answers) -> Check:
    found, level = answers.journal.mirrored, Level.OK
    words = {True: "mirrors", False: "does not mirror"}
    learned = (
        "" if found is None else f"run {found.run} found that it {words[found.mirrors]} ({utc(found.at)})"
    )
    if answers.pair.mirrors is Mirrors.AUTO:
        sentence = "The inventory says auto: the first write of each run finds out whether the pair mirrors."
        sentence += f" Last time, {learned}." if learned else " No run has found out yet."
        brief = "" if found is None else words[found.mirrors]
    else:
        mirrors = answers.pair.mirrors is Mirrors.YES
        brief = words[mirrors]
        sentence = f"The inventory says that the pair {brief}."
        if found is not None and found.mirrors is not mirrors:
            level, brief = Level.WARNING, ""
            sentence += f" But {learned}. Correct mirrors in the inventory, or say auto."
    return Check(Group.ORGS, "mirrors", level, level, sentence, brief=brief)
