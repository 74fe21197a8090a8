"""Looking at a pair: both orgs and the journal, without writing anything anywhere (law 2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from orchestrator.engine.context import Deadline
from orchestrator.engine.reader import ask_twice
from orchestrator.journal.history import History
from orchestrator.model.floor import Floors, under_floor
from orchestrator.model.protocols import Clock, Reader
from orchestrator.model.reading import Identity, Reading
from orchestrator.model.situation import Standing
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import phase_of
from orchestrator.situation.guards import strangers

from .locking import left_a_run
from .session import Session


async def read_org(reader: Reader, role: Role, clock: Clock, *, within: float | None) -> Reading:
    """One org's reading; one bad answer is no verdict (law 21)."""

    async def ask(anew: bool, seconds: float | None) -> Reading:
        return await reader.read(role, within=seconds, anew=anew)

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

    def read(role: Role) -> Awaitable[Reading]:
        return read_org(reader, role, session.clock, within=within(role))

    def lags(reading: Reading) -> bool:
        waited_for = within(reading.role) is None
        return waited_for and under_floor(floors, session.pair[reading.role].uuid, reading) is not None

    async def settled() -> Both[Reading]:
        deadline = Deadline(session.playbook.confirm.within.total_seconds(), session.clock)
        while True:
            # Both anew: beside one that has caught up, what the other said before may be old.
            readings = Both(*await asyncio.gather(read(Role.PRIMARY), read(Role.SECONDARY)))
            if not settle or deadline.over or not any(lags(reading) for reading in readings):
                return readings
            await session.clock.sleep(session.playbook.confirm.every.total_seconds())

    readings, primary_keys, secondary_keys = await asyncio.gather(
        settled(),
        reader.identify(Role.PRIMARY, within=within(Role.PRIMARY)),
        reader.identify(Role.SECONDARY, within=within(Role.SECONDARY)),
    )
    return readings, Both(primary_keys, secondary_keys)


BOTH_NEEDED = frozenset(Role)


async def read_status(
    session: Session, *, needed: frozenset[Role] = BOTH_NEEDED, settle: bool = True
) -> Standing:
    """One look at a pair; `needed` and `settle` are as for `read_pair`.

    Raises:
        HamrError: the journal cannot be read.
    """
    history = session.history()
    async with session.reader() as reader:
        readings, identities = await read_pair(session, reader, needed, history.floors, settle=settle)
    open_run = history.as_open_run()
    holder = session.store.holder(session.pair.name)
    holder_dead = holder is not None and session.is_gone(holder)
    drill = history.open_drill
    cooling = history.cooling_down(session.playbook.cool_down, session.clock.now())
    return Standing(
        pair=session.pair,
        at=session.clock.now(),
        readings=readings,
        identities=identities,
        phase=phase_of(
            session.pair,
            readings,
            identities,
            session.playbook,
            owed=history.owed,
            open_run=open_run,
            goal=_put_back_from(history, readings),
            floors=history.floors,
            given_up=tuple(each.attempt for each in history.given_up),
        ),
        owed=history.owed,
        open_run=open_run,
        unknown=history.unknown,
        given_up=tuple(
            (each.run, each.attempt)
            for each in history.given_up
            if each.may_still_come(readings[each.attempt.role].exchange.server_date, session.playbook.late)
        ),
        elsewhere=tuple(run.run for run in history.elsewhere),
        holder=holder,
        holder_dead=holder_dead,
        cooling_down_after=cooling[0].run if cooling is not None else "",
        cooling_down_for=cooling[1].total_seconds() if cooling is not None else 0.0,
        journal=session.store.place,
        journal_left=None if session.moved is None else session.moved.left,
        head=session.store.head(),
        open_drill=drill.as_open_drill() if drill is not None else None,
        strangers=strangers(readings, history.known_runs, session.clock.now()),
        left_a_run=holder is not None and holder_dead and left_a_run(history, holder),
    )


def _put_back_from(history: History, readings: Both[Reading]) -> Status | None:
    """Where the pair was before a write that had been given up came after all; None where none did."""
    for each in reversed(history.given_up):
        shown = readings[each.attempt.role].record
        if shown is not None and each.attempt.fits(shown):
            started = history.runs[each.run].started
            return None if started is None else started.goal
    return None
