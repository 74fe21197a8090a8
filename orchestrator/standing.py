"""Looking at a pair: both orgs and the journal, without writing anything anywhere (law 2)."""

from __future__ import annotations

from orchestrator.model.run import RunRequest
from orchestrator.model.standing import Standing
from orchestrator.model.status import Status
from orchestrator.plan import look_once
from orchestrator.session import Session
from orchestrator.situation import phase_of


async def stand(session: Session) -> Standing:
    """One look at a pair.

    Raises:
        HamrError: the journal cannot be read.
    """
    history = session.history()
    async with session.reader() as reader:
        readings, identities = await look_once(
            session, reader, RunRequest(session.pair.name, Status.UNSPECIFIED)
        )
    open_run = history.open_run
    as_open = open_run.as_open_run() if open_run is not None else None
    holder = session.store.holder(session.pair.name)
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
    )
