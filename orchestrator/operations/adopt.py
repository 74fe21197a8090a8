"""Adopting: a person says which org of a diverged pair is right, and the other one is written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from orchestrator.errors import UsageError
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import RunResult
from orchestrator.model.run import RunRequest
from orchestrator.model.status import Role, Status
from orchestrator.situation.state import RunState

from .conduct import conduct
from .journalling import Journalling
from .locking import hold
from .running import Controls, Running, engine_for
from .session import Session


async def adopt(
    session: Session,
    truth: Role,
    reason: str,
    *,
    overrides: Mapping[str, str] = MappingProxyType({}),
    watchers: Sequence[Watcher] = (),
    controls: Controls | None = None,
) -> RunResult:
    """Write a diverged pair's other org once, so that both show what the true one shows.

    Args:
        session: whose pair.
        truth: the org that is right.
        reason: why.
        overrides: {"reverted": REASON} where an org stays at a record older than what the journal has seen of it; no
            other guard is asked.
        watchers: are told what happens.
        controls: stop it before its write.

    Raises:
        UsageError: another override is named, or has no reason.
        HamrError: nothing was intended; the error says why.
    """
    check_overrides(overrides)
    run = session.new_run()
    async with session.world() as world, session.prober() as prober, session.notices(run) as notices:
        await world.require_keys()
        lock = await hold(session, run, take_over=True)
        again = f"hamr adopt {session.pair.name} --truth {truth} --reason TEXT"
        running = Running(
            session,
            lock,
            Journalling(session, run, lock, (*watchers, notices)),
            RunState(run),
            controls or Controls(),
            session.clock.monotonic(),
            command=again,
            take_up=again,
        )
        try:
            history = await session.calls(session.history)
            request = RunRequest(session.pair.name, Status.UNSPECIFIED, reason=reason, overrides=overrides)
            engine = engine_for(running, world, prober, request, history)
            return await conduct(running, engine, lambda: engine.adopt(truth, reason, overrides))
        finally:
            await session.calls(lock.release)


def check_overrides(overrides: Mapping[str, str]) -> None:
    """Refuse what an adoption does not ask.

    Raises:
        UsageError: a guard other than reverted is named, or its reason is missing.
    """
    for guard, reason in overrides.items():
        if guard != "reverted":
            raise UsageError(f"--override {guard}: an adoption asks no guard; it takes reverted alone")
        if not reason.strip():
            raise UsageError("--override reverted=REASON: the reason is missing")
