"""A run at its time: it waits without the pair's lock, says so in the journal, and can be cancelled from elsewhere.

When the time has come, all is as if it had been asked for at that moment: the lock, the journal, both orgs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from orchestrator.errors import Conflict, HamrError, Interrupted, UsageError
from orchestrator.journal.history import History
from orchestrator.model import next_step
from orchestrator.model.events import Event, RunCancelled, RunScheduled, RunStarted, Waiting
from orchestrator.model.result import RunResult
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.situation import START_WITHIN, Scheduled
from orchestrator.model.words import utc
from orchestrator.system.log import logger

from .holding import RunControl
from .preflight import check_request, require_reasons
from .run import cancelled_by, start
from .session import Session

LONGEST_AHEAD = timedelta(days=7)

LOOK_EVERY = 1.0
"""Seconds between two looks at the clock, and whether somebody has cancelled it."""


async def start_at(
    session: Session,
    request: RunRequest,
    at: datetime,
    *,
    controls: RunControl | None = None,
    run: str = "",
) -> RunResult:
    """Wait until that time, and then run; `run` is the id that a person was shown for it, or "" for a new one.

    Who is told of the pair's runs is told that it waits, and why it does not begin.

    Raises:
        UsageError: it is an emergency, which waits for nothing; or the time is too far ahead.
        Interrupted: it was cancelled, or asked to stop.
        Conflict: this machine slept over its time, or its clock was set over it.
        HamrError: as `start`.
    """
    check_request(request, session.playbook)
    require_reasons(request.reason, request.overrides)
    if request.mode is Mode.EMERGENCY:
        raise UsageError("an emergency waits for no time: leave --at out, or --emergency")
    if at - session.clock.now() > LONGEST_AHEAD:
        raise UsageError(f"it is to begin at {utc(at)}: that is more than {LONGEST_AHEAD.days} days ahead")
    controls, run = controls or RunControl(), run or session.new_run()
    scheduled = RunScheduled(request.goal, at, request.expect, request.reason, request.ref)
    await _say(session, run, scheduled)
    try:
        await _wait(session, run, at, controls)
        session.verified = False  # what was found to hold then may not hold any more
        return await start(session, request, controls=controls, run=run)
    except (asyncio.CancelledError, HamrError) as error:
        if controls.engine is None:
            interrupted = "it was interrupted at its own terminal"
            why = error.message if isinstance(error, HamrError) else interrupted
            await _give_up(session, run, scheduled, why)
        raise


async def _wait(session: Session, run: str, at: datetime, controls: RunControl) -> None:
    """Wait by the wall clock, in small steps (law 18): Interrupted where somebody has cancelled or stopped it, Conflict where it is too late."""
    clock = session.clock
    while (left := (at - clock.now()).total_seconds()) > 0:
        for watcher in controls.watchers:
            watcher.tell(Waiting(utc(at), left))
        if controls.asked:
            words = f"Run {run} was stopped before its time, as asked."
            raise Interrupted(words, code=controls.code, sent="Nothing was sent.")
        await clock.sleep(min(left, LOOK_EVERY))
        cancelled = await session.calls(partial(cancelled_by, session.store, run))
        if cancelled:
            raise Interrupted(f"Run {run} was {cancelled}.", sent="Nothing was sent.")
    late = clock.now() - at
    if late > START_WITHIN:
        raise Conflict(
            f"it was to begin at {utc(at)}, and it is {utc(clock.now())}: this machine slept meanwhile, or its clock was set",
            next_steps=(next_step.status(session.pair.name),),
        )


async def _say(session: Session, run: str, event: Event, before: Event | None = None) -> None:
    """Journal it, and tell people."""
    await session.calls(partial(session.append, run, event))
    await _tell(session, run, event, before)


async def _tell(session: Session, run: str, event: Event, before: Event | None) -> None:
    async def note(came: Event) -> None:
        await session.calls(partial(session.append, run, came))

    async with session.notices(run, None, note, before) as notices:
        notices.tell(event)


async def _give_up(session: Session, run: str, scheduled: RunScheduled, reason: str) -> None:
    """Say that it does not begin: who has cancelled it has journalled that already."""
    try:
        event = RunCancelled(reason)
        if await session.calls(partial(cancelled_by, session.store, run)):
            await _tell(session, run, event, scheduled)
        else:
            await _say(session, run, event, scheduled)
    except HamrError as error:
        logger().warning("that a run does not begin could not be journalled", error=error.message)


def scheduled_named(histories: Sequence[History], name: str) -> tuple[History, Scheduled]:
    """The run of that id which waits for its time, with its pair's history; a UsageError where none does."""
    for history in histories:
        if name in history.scheduled:
            return history, history.scheduled[name]
    begun = any(name in history.runs for history in histories)
    words = "has begun, and waits for no time any more" if begun else "is none that waits for its time"
    steps = (next_step.show(name),) if begun else (next_step.runs(),)
    raise UsageError(f"Run {name[:60]!r} {words}.", next_steps=steps)


def cancel(session: Session, run: str, reason: str) -> None:
    """Let a run that waits for its time not begin; Conflict where it had begun by then."""
    session.append(run, RunCancelled(reason))
    # Whichever of the two the journal has first counts: a run looks for this after its own beginning is in it.
    first = next(iter(session.store.records(run=run, kinds=(RunStarted.kind, RunCancelled.kind))))
    if first.kind == RunStarted.kind:
        raise Conflict(
            f"run {run} has begun meanwhile, so it can't be cancelled",
            sent="What that run has sent stands in the journal.",
            next_steps=(next_step.show(run), next_step.watch(session.pair.name)),
        )
