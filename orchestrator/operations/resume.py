"""Taking a run up again, from wherever its journal stops; delivering what is owed; ending a cooling down."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from orchestrator.engine.engine import Engine
from orchestrator.errors import Moved, UsageError
from orchestrator.journal.history import History, RunHistory, events_of
from orchestrator.model.events import RunAcknowledged, RunResumed
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import RunResult
from orchestrator.model.run import End, Ending, Mode, RunRequest
from orchestrator.model.situation import Owed
from orchestrator.model.status import Status
from orchestrator.situation.state import RunState, replay

from .conduct import conduct
from .journalling import Journalling
from .locking import hold
from .preflight import check_overrides, require_reasons
from .running import Controls, Running, engine_for
from .session import EMERGENCY_BUSY_SECONDS, Session


async def resume(
    session: Session,
    run: RunHistory | None,
    *,
    mode: Mode | None = None,
    reason: str = "",
    overrides: dict[str, str] | None = None,
    watchers: Sequence[Watcher] = (),
    controls: Controls | None = None,
) -> RunResult:
    """Take up an open run, or deliver what is owed.

    Args:
        session: with the playbook of the run's own `run.started`.
        run: the open run; None only delivers what is owed.
        mode: switch to this mode; None keeps the run's.
        reason: why, where the mode becomes EMERGENCY.
        overrides: for the rest of the run, beside those that it began with.
        watchers: are told each event as it happens; an intent a moment before it is durable.
        controls: how a person stops it.

    Raises:
        HamrError: nothing more was intended; the error says why.
    """
    if mode is Mode.EMERGENCY:
        session.store.wait_at_most(EMERGENCY_BUSY_SECONDS)
    history = await session.calls(session.history)
    if run is None and history.owed is None:
        raise UsageError(
            f"pair {session.pair.name} has no open run, and owes nothing",
            next_steps=(f"hamr status {session.pair.name}",),
        )
    identifier = run.run if run is not None else history.owed.run if history.owed is not None else ""
    memory = await session.calls(lambda: _recall(session, history, identifier))
    if memory.started is None:
        raise UsageError(f"run {identifier} wrote no beginning into this journal", next_steps=("hamr runs",))
    if not session.pair.is_of(memory.started.orgs):
        raise Moved(
            f"run {identifier} began on other orgs than the inventory now names for pair {session.pair.name}. Only "
            "those can be brought to its end: name them in the inventory again, under a pair of their own",
            next_steps=(f"hamr status {session.pair.name}", f"hamr show {identifier}"),
        )
    if mode is Mode.EMERGENCY and not reason.strip():
        raise UsageError(
            "--emergency wants a reason: it is what the audit journal will say",
            next_steps=(f"hamr resume {identifier} --emergency --reason 'us1 is down, INC-1234'",),
        )
    mode = mode or (memory.mode if run is not None else Mode.PLANNED)
    if mode is Mode.EMERGENCY:
        session.store.wait_at_most(EMERGENCY_BUSY_SECONDS)
    goal, since = memory.started.goal, memory.started.since
    merged = {**memory.overrides, **(overrides or {})}
    check_overrides(merged, session.playbook)
    require_reasons(reason, overrides or {})
    async with (
        session.world() as world,
        session.prober() as prober,
        session.notices(identifier, memory.started) as notices,
    ):
        lock = await hold(session, identifier, take_over=True)
        try:
            # Whoever held the lock until now may have gone on with it: what was recalled before is old.
            history = await session.calls(session.history)
            memory = await session.calls(partial(_recall, session, history, identifier))
            run = history.runs[identifier]
            finishing = run.open
            if not finishing and history.owed is None:
                raise Moved(
                    f"run {identifier} is not open any more: {_closed_by(run)}, while this was being asked",
                    next_steps=(f"hamr show {identifier}", f"hamr status {session.pair.name}"),
                )
            running = Running(
                session,
                lock,
                Journalling(session, identifier, lock, (*watchers, notices)),
                memory,
                controls or Controls(),
                session.clock.monotonic(),
                since=since,
                started_at=run.started_at,
                goal=goal if finishing else None,
                command=f"hamr resume {identifier}",
                taken_up=True,
            )
            if finishing:
                running.observer.supersedes = history.open_beside(identifier)
            resumed = RunResumed(mode, reason, overrides or {})
            running.observer.tell(resumed)
            await running.observer.commit()
            memory.apply(resumed)
            request = RunRequest(session.pair.name, goal, mode, reason, merged)
            engine = engine_for(running, world, prober, request, history)
            return await conduct(
                running,
                engine,
                lambda: _resume_drive(engine, request.goal, history.owed, finishing=finishing),
            )
        finally:
            await session.calls(lock.release)


def _closed_by(run: RunHistory) -> str:
    return f"run {run.superseded_by} took its place" if run.superseded_by else "it came to its end"


def _recall(session: Session, history: History, run: str) -> RunState:
    """What the journal says that a run knows."""
    known = history.runs.get(run)
    events = (event for event, _ in events_of(session.store.records(run=run)))
    floors = {} if known is None else known.floors
    return replay(run, events, floors, mirrors=session.pair.mirrors.known)


async def _resume_drive(engine: Engine, goal: Status, owed: Owed | None, *, finishing: bool) -> Ending:
    """What is owed first, directly; then the rest of the route."""
    if owed is not None and (engine.run.state.mode is Mode.PLANNED or not finishing):
        ending = await engine.deliver(owed)
        if ending.end is not End.DONE or not finishing:
            return ending
    return await engine.drive(goal)


def acknowledge(session: Session, run: RunHistory, reason: str) -> None:
    """End the cooling down after a run.

    Raises:
        UsageError: the run has not finished.
    """
    if run.finished is None:
        raise UsageError(f"run {run.run} has not finished", next_steps=(f"hamr resume {run.run}",))
    session.append(run.run, RunAcknowledged(reason))
