"""Looking at a pair: both orgs and the journal, without writing anything anywhere (law 2)."""

from __future__ import annotations

import asyncio

from orchestrator.model.protocols import Reader
from orchestrator.model.reading import Identity, Reading
from orchestrator.model.run import Mode
from orchestrator.model.standing import Standing
from orchestrator.model.status import Both, Role
from orchestrator.session import Session
from orchestrator.situation import phase_of
from orchestrator.situation.strangers import strangers


async def look_once(session: Session, reader: Reader, mode: Mode) -> tuple[Both[Reading], Both[Identity]]:
    """Both orgs' readings and key identities, all four requests at once.

    In an emergency an org that no row names as survivor gets its short deadline, and no more (law 9).
    """

    def within(role: Role) -> float | None:
        survivors = {row.survivor for row in session.playbook.rows if row.survivor is not None}
        if mode is Mode.EMERGENCY and role not in survivors:
            return session.playbook.emergency_deadline.total_seconds()
        return None

    primary, secondary, primary_keys, secondary_keys = await asyncio.gather(
        reader.read(Role.PRIMARY, within=within(Role.PRIMARY)),
        reader.read(Role.SECONDARY, within=within(Role.SECONDARY)),
        reader.identify(Role.PRIMARY, within=within(Role.PRIMARY)),
        reader.identify(Role.SECONDARY, within=within(Role.SECONDARY)),
    )
    return Both(primary, secondary), Both(primary_keys, secondary_keys)


async def stand(session: Session, *, mode: Mode = Mode.PLANNED) -> Standing:
    """One look at a pair; EMERGENCY does not wait for a dead region.

    Raises:
        HamrError: the journal cannot be read.
    """
    history = session.history()
    async with session.reader() as reader:
        readings, identities = await look_once(session, reader, mode)
    open_run = history.open_run
    as_open = open_run.as_open_run() if open_run is not None else None
    holder = session.store.holder(session.pair.name)
    drill = history.open_drill
    cooling = history.cooling_down(session.playbook.cool_down, session.clock.now())
    return Standing(
        pair=session.pair,
        at=session.clock.now(),
        readings=readings,
        identities=identities,
        phase=phase_of(
            session.pair, readings, identities, session.playbook, owed=history.owed, open_run=as_open
        ),
        owed=history.owed,
        open_run=as_open,
        unknown=history.unknown,
        holder=holder,
        holder_dead=holder is not None and session.host.provably_dead(holder),
        cooling_down_after=cooling[0].run if cooling is not None else "",
        cooling_down_for=cooling[1].total_seconds() if cooling is not None else 0.0,
        journal=session.store.place,
        head=session.store.head(),
        open_drill=drill.as_open_drill() if drill is not None else None,
        strangers=strangers(readings, history.known_runs, session.clock.now()),
    )
