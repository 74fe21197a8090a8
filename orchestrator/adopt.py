"""Adopting: a person says which org of a diverged pair is right, and the other one is written once."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.conduct import conduct
from orchestrator.engine.memory import Memory
from orchestrator.journalling import Journalling
from orchestrator.locking import hold
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import RunResult
from orchestrator.model.run import RunRequest
from orchestrator.model.status import Role, Status
from orchestrator.running import Controls, Running, engine_for
from orchestrator.session import Session


async def adopt(
    session: Session,
    truth: Role,
    reason: str,
    *,
    watchers: Sequence[Watcher] = (),
    controls: Controls | None = None,
) -> RunResult:
    """Write a diverged pair's other org once, so that both show what the true one shows.

    Raises:
        HamrError: nothing was intended; the error says why.
    """
    run = session.new_run()
    async with session.world() as world, session.prober() as prober, session.notices(run) as notices:
        await world.require_keys()
        lock = await hold(session, run, take_over=True)
        again = f"hamr adopt {session.pair.name} --truth {truth} --reason TEXT"
        running = Running(
            session,
            lock,
            Journalling(session, run, lock, (*watchers, notices)),
            Memory(run),
            controls or Controls(),
            session.clock.monotonic(),
            command=again,
            take_up=again,
        )
        try:
            history = await session.calls(session.history)
            request = RunRequest(
                session.pair.name, Status.UNSPECIFIED, reason=reason, overrides={"reverted": reason}
            )
            engine = engine_for(running, world, prober, request, history)
            return await conduct(running, engine, lambda: engine.adopt(truth, reason))
        finally:
            await session.calls(lock.release)
