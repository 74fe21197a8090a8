"""Looking at a pair, or at one org before any inventory names it, without writing anything anywhere (law 2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.datadog.client import HttpReader
from orchestrator.datadog.connections import SharedConnections, in_lanes
from orchestrator.engine.context import Deadline
from orchestrator.engine.reader import ask_twice, look_for_survivor, unbroken
from orchestrator.errors import HamrError
from orchestrator.journal.checkpoint import called_otherwise
from orchestrator.journal.history import History
from orchestrator.model.events import OrgAnswered, OrgAsked
from orchestrator.model.floor import Floors, last_seen, under_floor
from orchestrator.model.org import Org, Pair
from orchestrator.model.playbook import Playbook, Timeouts
from orchestrator.model.protocols import Clock, Reader, Watcher
from orchestrator.model.reading import HamrRecord, Identity, Reading
from orchestrator.model.run import Attempt
from orchestrator.model.situation import LeftByHand, PairStatus, Phase, PhaseName
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import View, phase_of
from orchestrator.situation.guards import strangers
from orchestrator.situation.link import BOTH_ROLES
from orchestrator.situation.next_steps import after_a_look
from orchestrator.system.clock import SystemClock
from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor

from .locking import left_a_run, open_run_of, under_way
from .session import Session


class Silence(Struct, frozen=True):
    """Who is told that an org is asked, and how long it may then be silent."""

    watcher: Watcher
    allowed: float
    """Seconds, where it has no shorter deadline."""


async def read_org(
    reader: Reader, role: Role, clock: Clock, *, within: float | None, silence: Silence | None = None
) -> Reading:
    """One org's reading; one bad answer is no verdict (law 21)."""

    async def ask(anew: bool, seconds: float | None) -> Reading:
        if silence is None:
            return await reader.read(role, within=seconds, anew=anew)
        silence.watcher.tell(OrgAsked(role, silence.allowed if seconds is None else seconds))
        reading = await reader.read(role, within=seconds, anew=anew)
        silence.watcher.tell(OrgAnswered(reading))
        return reading

    return await ask_twice(ask, clock, within=within)


async def read_pair(
    session: Session, reader: Reader, needed: frozenset[Role], floors: Floors, *, settle: bool = True
) -> tuple[Both[Reading], Both[Identity]]:
    """Both orgs' readings and key identities, all four requests at once.

    One bad answer is no verdict (law 21), and a reading that is older than what the journal has seen is read again until
    the playbook's confirm time is up (law 3). An org that an emergency does without gets its short deadline, and no
    more (law 9).

    `needed` are the orgs that are waited for; without `settle` old readings are taken as they are, since somebody looks
    again anyway.
    """

    def within(role: Role) -> float | None:
        return None if role in needed else session.playbook.emergency_deadline.total_seconds()

    allowed = session.playbook.timeouts.silence.total_seconds()
    silence = None if session.watcher is None else Silence(session.watcher, allowed)

    def read(role: Role) -> Awaitable[Reading]:
        return read_org(reader, role, session.clock, within=within(role), silence=silence)

    def lags(reading: Reading) -> bool:
        waited_for = within(reading.role) is None
        return waited_for and under_floor(floors, session.pair[reading.role].uuid, reading) is not None

    async def look() -> Both[Reading]:
        # Both anew: beside one that has caught up, what the other said before may be old.
        return Both(*await asyncio.gather(read(Role.PRIMARY), read(Role.SECONDARY)))

    async def settled() -> Both[Reading]:
        deadline = Deadline(session.playbook.confirm.within.total_seconds(), session.clock)
        while True:
            readings = await unbroken(look, session.clock)
            if not settle or deadline.over or not any(lags(reading) for reading in readings):
                return readings
            await session.clock.sleep(session.playbook.confirm.every.total_seconds())

    readings, primary_keys, secondary_keys = await asyncio.gather(
        settled(),
        reader.identify(Role.PRIMARY, within=within(Role.PRIMARY)),
        reader.identify(Role.SECONDARY, within=within(Role.SECONDARY)),
    )
    return readings, Both(primary_keys, secondary_keys)


async def read_status(
    session: Session,
    *,
    needed: frozenset[Role] = BOTH_ROLES,
    settle: bool = True,
    shared: SharedConnections | None = None,
    by_name: bool = True,
) -> PairStatus:
    """One look at a pair; `needed` and `settle` are as for `read_pair`, `shared` are connections that other pairs use too.

    Without `by_name` nobody asks whether its orgs go by another name: what looks at many pairs has asked of all at once.
    """
    history = session.history_by_name() if by_name else session.history()
    async with session.reader(over=None if shared is None else shared.to(session.pair.orgs)) as reader:
        readings, identities = await read_pair(session, reader, needed, history.floors, settle=settle)
    return standing_of(session, history, readings, identities)


async def read_in_emergency(session: Session, goal: Status, *, settle: bool = True) -> PairStatus:
    """One look at a pair that an emergency is to bring to a goal."""

    async def look(needed: frozenset[Role]) -> PairStatus:
        return await read_status(session, needed=needed, settle=settle)

    return await look_for_survivor(
        look,
        session.playbook,
        goal,
        shown=lambda standing: standing.readings,
        last=lambda role: last_seen(session.history().floors, session.pair[role].uuid),
    )


def standing_of(
    session: Session, history: History, readings: Both[Reading], identities: Both[Identity]
) -> PairStatus:
    """Where a pair stands, by what was read and what the journal says of it, and what to type next."""
    holder = session.store.holder(session.pair.name)
    at_work = under_way(session, history, holder)
    open_run = open_run_of(history, at_work)
    drill = history.open_drill
    view = View(
        session.pair,
        readings,
        session.playbook,
        history.owed,
        open_run,
        goal=_put_back_from(history, readings),
        given_up=tuple(each.attempt for each in history.given_up()),
    )
    phase = phase_of(view, identities, history.floors)
    owed = history.owed
    if owed is not None and phase.name is PhaseName.BEHIND and phase.status is not None:
        owed = replace(owed, status=phase.status)  # what the survivor shows now, not what it was told first
    cooling = history.cooling_down(session.playbook.cool_down, session.clock.now())
    standing = PairStatus(
        pair=session.pair,
        at=session.clock.now(),
        readings=readings,
        identities=identities,
        phase=phase,
        owed=owed,
        open_run=open_run,
        unknown=history.unknown,
        given_up=may_come_late(session, history, readings),
        approvals_owed=history.approvals_owed,
        elsewhere=tuple(run.run for run in history.elsewhere),
        known_as=history.known_as,
        holder=holder,
        holder_dead=holder is not None and at_work is None,
        under_way=at_work,
        cooling_down_after=cooling[0].run if cooling is not None else "",
        cooling_down_for=cooling[1].total_seconds() if cooling is not None else 0.0,
        journal=session.store.place,
        journal_left=None if session.moved is None else session.moved.left,
        unmerged=session.unmerged,
        head=session.store.head(),
        unjournalled=bool(history.unjournalled),
        open_drill=drill.as_open_drill() if drill is not None else None,
        strangers=strangers(readings, history.known_runs, session.clock.now()),
        scheduled=history.waiting(session.clock.now()),
        left_by_hand=left_by_hand(history, session.playbook, phase),
        left_a_run=holder is not None and at_work is None and left_a_run(history, holder),
    )
    return replace(standing, next_steps=after_a_look(standing))


def may_come_late(
    session: Session, history: History, readings: Both[Reading]
) -> tuple[tuple[str, Attempt], ...]:
    """(run, attempt) of every write that was given up, and may still turn up by what was read (law 5)."""
    return tuple(
        (each.run, each.attempt)
        for each in history.given_up()
        if each.may_still_come(readings[each.attempt.role], session.playbook.late)
    )


PAIRS_AT_ONCE = 16
"""How many pairs are read at the same time: each has four requests on their way, and a connection for each."""


async def read_pairs(
    sessions: Sequence[Session], *, settle: bool = True
) -> dict[str, PairStatus | HamrError]:
    """One look at each of several pairs by name, as `read_status`, or why there is none; a JournalDamaged where the journal does not hold.

    All sessions are on the same open journal. A pair's connections are used for the next one on the same hosts; each has its
    own keys and time-outs.
    """
    first, *others = sessions
    first.verify()
    for session in others:
        session.verified = True
    renamed = called_otherwise(first.store, [session.pair for session in sessions])
    found: dict[str, PairStatus | HamrError] = {}

    async def read(session: Session, shared: SharedConnections) -> None:
        name = session.pair.name
        try:
            found[name] = await read_status(session, settle=settle, shared=shared, by_name=name in renamed)
        except HamrError as error:  # this pair's answer; the others have theirs
            found[name] = error

    await in_lanes(sessions, PAIRS_AT_ONCE, lambda: SharedConnections(first.trust), read)
    return {session.pair.name: found[session.pair.name] for session in sessions}


def left_by_hand(history: History, playbook: Playbook, phase: Phase) -> LeftByHand | None:
    """What the run that moved the pair last left to people; None where that is nothing, or was acknowledged."""
    run = history.last_moved
    if run is None:
        return None
    there = run.finished is not None and run.finished.ending.end.reached and phase.status is Status.ACTIVE
    to_active = run.started is not None and run.started.goal is Status.ACTIVE
    left = LeftByHand(
        "" if run.finished is None else run.run,
        # Of a transition that was not made, a resumed run runs them again.
        tuple(f"{made}/{hook}" for made, hook in run.hooks_failed if made != run.transition),
        tuple(run.by_hand),
        playbook.remember if there and to_active else (),
    )
    return left if left.hooks_failed or left.by_hand or left.remember else None


def _put_back_from(history: History, readings: Both[Reading]) -> Status | None:
    """Where the pair was before a write that had been given up came after all; None where none did."""
    for each in reversed(history.given_up()):
        shown = readings[each.attempt.role].record
        if shown is not None and each.attempt.fits(shown):
            started = history.runs[each.run].started
            return None if started is None else started.goal
    return None


WITHIN = 8.0
"""Seconds that both questions get: a person waits for them."""


class FirstLook(Struct, frozen=True):
    """What an org said of itself."""

    uuid: str | None
    """The org that its API key belongs to; None where it did not say."""
    reading: Reading

    @property
    def record(self) -> HamrRecord | None:
        """Its HAMR record, where it has one."""
        return self.reading.record


async def look_first(org: Org, environ: Mapping[str, str], redactor: Redactor) -> FirstLook:
    """Who an org is, and its HAMR record: two GETs; a PreparationError where this machine's certificates or proxy can't be used."""
    pair = Pair("", Both(org, replace(org, role=org.role.other)))
    async with HttpReader(
        pair, timeouts=Timeouts(), keys=KeyRing(environ, redactor), redactor=redactor, clock=SystemClock()
    ) as reader:
        identity = await reader.identify(org.role, within=WITHIN)
        return FirstLook(identity.uuid, await reader.read(org.role, within=WITHIN))
