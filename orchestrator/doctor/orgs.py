"""Checks of the orgs: they answer and let us read, belong together, agree, and are near enough in time and distance."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import assert_never

from orchestrator.model.org import Mirrors
from orchestrator.model.readiness import Check, Group, Level
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
from orchestrator.model.status import Role
from orchestrator.model.words import span, utc
from orchestrator.situation.wording import says

from .answers import Answers
from .telling import not_asked, silence

CLOCK_WITHIN = 2.0
"""Seconds by which this machine's clock may be off for certain: times in the journal and `quiet` go by clocks."""

NEAR_WITHIN = 2.0
"""Seconds in which an org should answer: past it, a run of eight round trips takes noticeably longer."""

_MILLISECONDS = 1000


def check_orgs(answers: Answers) -> Iterator[Check]:
    """For each org: its record, the clocks, the round trip; and whether the pair mirrors."""
    for role in Role:
        yield _record(answers, role)
        yield _round_trip(answers, role)
        yield _clock(answers, role)
    yield _mirrors(answers)


def _record(answers: Answers, role: Role) -> Check:
    org, reading = answers.org(role), answers.orgs.readings[role]
    said = says(org, reading)
    steps: tuple[str, ...] = (f"hamr status {quote(answers.pair.name)}",)
    match reading.sight:
        case Present() | Absent():
            level, steps = Level.OK, ()
            sentence = (
                f"{said}. The keys may read HAMR; whether they may write it (disaster_recovery_status_write) "
                "only a write can show: rehearse with a drill."
            )
        case Hampered(trouble=Trouble.KEYS):  # the key's own check says why
            level, sentence, steps = Level.CRITICAL, silence(answers, role), ()
        case Hampered(remedy=remedy):
            level = Level.CRITICAL
            sentence = f"{said}. That is trouble of this machine or its network: {remedy}."
        case Denied():
            level = Level.CRITICAL
            sentence = (
                f"{said}: a key is wrong, or its owner lacks the permission disaster_recovery_status_read."
            )
        case Unreachable():
            level = Level.CRITICAL
            sentence = (
                f"{said}. If only this machine cannot reach it, look at its network, proxy and firewall."
            )
        case Unrecognised():
            level, sentence = Level.CRITICAL, f"{said}: a status that is not known is never acted on."
        case Unreadable():
            level, sentence = Level.CRITICAL, f"{said}. Check its site or url in the inventory."
        case _ as never:
            assert_never(never)
    emergency = answers.in_emergency(role, level)
    return Check(Group.ORGS, "HAMR record", level, emergency, sentence, role, steps)


def _round_trip(answers: Answers, role: Role) -> Check:
    org, took = answers.org(role), round_trip(answers.orgs.readings[role])
    if took is None:
        return not_asked(answers, Group.ORGS, "round trip", role)
    near = took <= NEAR_WITHIN
    level = Level.OK if near else Level.WARNING
    shown = f"{took * _MILLISECONDS:.0f} ms"
    sentence = f"{org} answered in {shown}, connecting included."
    if not near:
        sentence += (
            f" More than {span(NEAR_WITHIN)} is slow: each write of a run takes four such round trips."
        )
    emergency = answers.in_emergency(role, level)
    return Check(Group.ORGS, "round trip", level, emergency, sentence, role, brief=f"{role} {shown}")


def round_trip(reading: Reading) -> float | None:
    """Seconds until an org answered, connecting included; None where it did not, or something else did."""
    if isinstance(reading.sight, Hampered):
        return None
    return None if reading.exchange.http_status is None else reading.exchange.seconds


def _clock(answers: Answers, role: Role) -> Check:
    org, reading = answers.org(role), answers.orgs.readings[role]
    off = skew(reading)
    if off is None and answers.silent(role):
        return not_asked(answers, Group.ORGS, "clock", role)
    if off is None:
        level = Level.UNKNOWN
        sentence = f"{org} did not tell the time (its answer has no Date)."
    elif abs(off) <= CLOCK_WITHIN:
        level, sentence = (
            Level.OK,
            f"This machine's clock and that of {org} agree within {span(CLOCK_WITHIN)}.",
        )
    else:
        level = Level.WARNING
        direction = "ahead of" if off > 0 else "behind"
        sentence = (
            f"This machine's clock is {span(abs(off))} {direction} that of {org}: set it (NTP). "
            "Times in the journal, change windows and cooling down go by it."
        )
    return Check(Group.ORGS, "clock", level, answers.in_emergency(role, level), sentence, role)


def skew(reading: Reading) -> float | None:
    """Seconds by which our clock is ahead of the server's, the least that both readings of it allow; None if not told.

    `Date` has whole seconds and was written at some moment while we waited, so a difference that this explains is 0.
    """
    date = reading.exchange.server_date
    if date is None or isinstance(reading.sight, Hampered):  # a middlebox has a clock of its own
        return None
    received = (reading.at - date).total_seconds()
    most, least = received, received - reading.exchange.seconds - 1.0
    if least > 0:
        return least
    return most if most < 0 else 0.0


def _mirrors(answers: Answers) -> Check:
    word, found = answers.pair.mirrors, answers.journal.mirrored
    level, steps = Level.OK, ()
    if found is None:
        learned = ""
    else:
        verb = "mirrors" if found.mirrors else "does not mirror"
        learned = f" run {found.run} found that it {verb} ({utc(found.at)})"
    match word:
        case Mirrors.AUTO:
            sentence = (
                "The inventory says auto: the first write of each run finds out whether the pair mirrors."
            )
            sentence += f" Last time,{learned}." if learned else " No run has found out yet."
            brief = "" if found is None else ("mirrors" if found.mirrors else "does not mirror")
        case Mirrors.YES | Mirrors.NO:
            mirrors = word is Mirrors.YES
            brief = "mirrors" if mirrors else "does not mirror"
            sentence = f"The inventory says that the pair {brief}."
            if found is not None and found.mirrors is not mirrors:
                level, brief = Level.WARNING, ""
                sentence += f" But{learned}. Correct mirrors in the inventory, or say auto."
        case _ as never:
            assert_never(never)
    return Check(Group.ORGS, "mirrors", level, level, sentence, None, steps, brief)
