"""The engine at work for a run: with heartbeats, stopped by a person or by an error, and journalled to its end, in words (law 14)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec.structs import replace

from orchestrator.errors import Conflict, ExitCode, HamrError, JournalDamaged
from orchestrator.journal.history import events_of
from orchestrator.model import next_step
from orchestrator.model.events import RunFinished, TransitionMade
from orchestrator.model.journal import Head
from orchestrator.model.next_step import each_once
from orchestrator.model.result import RunResult
from orchestrator.model.run import End, Objective, RunOutcome
from orchestrator.model.situation import Phase, PhaseName
from orchestrator.model.status import Status
from orchestrator.model.words import span
from orchestrator.situation.guards import strangers
from orchestrator.situation.next_steps import UNMERGED, Ended, after_a_run
from orchestrator.situation.state import RunState
from orchestrator.system.log import bind, logger

from .holding import ActiveRun, Begun
from .locking import left_to
from .session import Session
from .status import left_by_hand

HEARTBEAT_SECONDS = 5.0

_REFUSALS = frozenset({End.REFUSED, End.INCOMPLETE})

_OLD_NEWS = frozenset({End.MOVED, End.UNKNOWN})
"""What whoever took a run up meanwhile may know better: it was they who wrote, and they look for what got no answer."""


async def supervise(active: ActiveRun, work: Coroutine[Any, Any, RunOutcome]) -> RunResult:
    """Let the engine work, with heartbeats; journal how it ended; a HamrError that came before anything was intended is raised."""
    with bind(run=active.run, pair=active.session.pair.name):
        heart = asyncio.create_task(_beat(active))
        try:
            ending = await active.controls.reaches(active.engine, work)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            ending = _given_up(active)
        except HamrError as error:
            ending = _stopped_by(active, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must end in the journal
            # After the first intent a bug must not look like "nothing was sent".
            logger().exception("the run stopped on a bug")
            ending = _stopped_by_bug(active, error)
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart
        result = await finalize(active, ending)
        if active.controls.on_result is not None:
            active.controls.on_result(result)
        return result


async def _beat(active: ActiveRun) -> None:
    recorder = active.recorder
    while True:
        # Real time: another process reads the heartbeat.
        due = asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, recorder.pressing.set)
        try:
            await recorder.pressing.wait()
        finally:
            due.cancel()
        try:
            await recorder.flush()
            held = await active.session.calls(active.lock.beat)
        except HamrError as error:
            # The next intent meets the same trouble, and stops the run before anything is sent.
            logger().warning("a heartbeat could not be journalled", error=error.message)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                return  # the error has come in the place of the cancellation: the run is over
            continue
        if not held:
            active.lose_lock()


def _given_up(active: ActiveRun) -> RunOutcome:
    """The ending after a second interrupt: nobody waits for a write in flight any more."""
    if active.state.unknown:
        attempt = active.state.unknown[-1]
        return RunOutcome(
            End.UNKNOWN,
            f"interrupted twice while {attempt.status} to {active.session.pair[attempt.role]} was in flight: "
            "nobody knows yet whether it took effect",
            attempt.role,
        )
    return RunOutcome(End.INTERRUPTED, "interrupted twice; no write was in flight")


def _stopped_by(active: ActiveRun, error: HamrError) -> RunOutcome:
    """The ending after an error from the journal or the lock; the same error, where nothing was intended yet."""
    if not active.state.intended:
        raise error
    attempt = active.state.outstanding()
    if attempt is not None:
        return RunOutcome(
            End.UNKNOWN,
            f"{error.message} The outcome of {attempt.status} to {active.session.pair[attempt.role]} could not be "
            "journalled, so it counts as unknown",
            attempt.role,
        )
    if isinstance(error, Conflict):
        active.leave_to_others()
        return RunOutcome(End.INCOMPLETE, error.message, next_steps=error.next_steps)
    return RunOutcome(End.INCOMPLETE, error.message)


def _stopped_by_bug(active: ActiveRun, error: Exception) -> RunOutcome:
    """The ending after an exception that nobody foresaw: after the first intent it is never "nothing was sent"."""
    words = f"hamr has a bug, and stopped: {type(error).__name__}: {error}"
    if not active.state.intended:
        return RunOutcome(End.FAILED, words)
    attempt = active.state.outstanding()
    end = End.INCOMPLETE if attempt is None else End.UNKNOWN
    return RunOutcome(end, words, attempt.role if attempt is not None else None)


_CAN_BE_RESUMED = "; it can be resumed"


async def finalize(active: ActiveRun, ending: RunOutcome) -> RunResult:
    """Journal the end of a run, let go of its lock, and gather what came of it."""
    session, state, engine, purpose = active.session, active.state, active.engine, active.purpose
    if active.lock_lost and ending.end is End.INTERRUPTED and state.intended:
        ending = replace(ending, end=End.INCOMPLETE)
    with suppress(HamrError):  # journalling the end meets the same trouble
        taker = await active.recorder.taken_over()
        if taker is not None:
            active.leave_to_others()
        if taker is not None and (ending.end in _OLD_NEWS or ending.end.reached):
            left = left_to(taker, "this process was stopped")
            end = End.MOVED if ending.end is End.MOVED else End.INCOMPLETE  # it may have hooks to run yet
            ending = RunOutcome(end, left.message, next_steps=left.next_steps)
    owing = await session.calls(lambda: _left_owing(active, ending))
    seen = engine.reader.last is not None and engine.reader.identities is not None
    phase = engine.reader.phase(purpose.goal) if seen else None
    ending = _with_merge(session, with_words(active, _with_left_owing(ending, owing), phase))
    code = ExitCode[ending.end.name]
    if ending.end is End.INTERRUPTED:
        code = ExitCode.LOCKED if active.lock_lost else active.controls.code
    steps = tuple(state.steps)
    now = session.clock.now()
    label = "" if phase is None else phase.label
    seconds = session.clock.monotonic() - active.began
    resumable = can_be_taken_up(active, ending)
    if ending.end is End.INTERRUPTED and resumable and not ending.message.endswith(_CAN_BE_RESUMED):
        ending = replace(ending, message=ending.message + _CAN_BE_RESUMED)
    decisions = engine.evaluator.decisions
    refused = engine.evaluator.refused_by() if ending.end in _REFUSALS else ()
    if ending.end.reached:
        active.recorder.supersede()
    outstanding = state.outstanding() if ending.end is End.UNKNOWN else None
    objectives = await session.calls(lambda: _objectives(active, ending, now))
    finished = RunFinished(ending, int(code), label, steps, seconds, objectives, resumable=resumable)
    others = active.lock.is_anothers or active.recorder.passed_on
    trouble = await active.recorder.finish(None if others else finished)
    if active.recorder.passed_on and not others and trouble is None:
        # It was stopped while it ended: what it has just worked out is old.
        return await finalize(active, ending)
    if trouble is not None:
        logger().error("the end of the run could not be journalled", error=trouble.message)
        ending, code, resumable = await _unkept(active, ending, trouble, code=code, resumable=resumable)
    ending = _with_merge(session, ending)  # it may have moved only now
    await session.calls(active.lock.release)
    to_active = bool(steps) and ending.end.reached and purpose.goal is Status.ACTIVE
    remember = session.playbook.remember if to_active else ()
    if phase is not None and not steps and ending.end.reached:  # it moved nothing: an earlier run's stay
        remember = await session.calls(partial(_remembered, session, phase))
    return RunResult(
        run=active.run,
        pair=session.pair.name,
        goal=purpose.goal,
        ending=ending,
        exit_code=code,
        phase=label,
        steps=steps,
        seconds=seconds,
        head=Head(0, "") if code is ExitCode.JOURNAL_DAMAGED else await _head(active),
        objectives=objectives,
        remember=remember,
        refused_by=refused,
        overridden=(
            *purpose.overridden_before,
            *(each for _, decision in decisions for each in decision.overridden),
        ),
        waived=tuple(each for _, decision in decisions for each in decision.waived),
        owed=engine.run.owed_now(),
        agreed=phase is not None and phase.name is PhaseName.AGREED,
        mode=state.mode,
        resumable=resumable,
        approval_owed=state.approval_owed,
        hooks_owed=(
            *(f"{transition}/{hook}" for transition, hook in state.hooks_owed()),
            *(hook for hooks in owing.values() for hook in hooks),
        ),
        left_to_person=tuple(state.left_to_person),
        hooks_failed=state.hooks_failed(),
        unknown=() if outstanding is None else (outstanding,),
        waited=state.waited,
        asked=state.asked,
        request=purpose.request,
        taken_over=active.lock.is_anothers,
    )


def _remembered(session: Session, phase: Phase) -> tuple[str, ...]:
    """What the run that moved the pair last left to people."""
    with suppress(HamrError):  # journalling the end met the same trouble
        left = left_by_hand(session.history(), session.playbook, phase)
        return () if left is None else left.remember
    return ()


def _with_merge(session: Session, ending: RunOutcome) -> RunOutcome:
    """What an emergency wrote on this machine, this one or an earlier one, nobody else knows before it is merged."""
    steps = ending.next_steps
    if session.moved is not None:
        merge = next_step.merge(session.store.place)
        steps = each_once((*((merge,) if ending.end.reached else ()), *steps, merge))
    elif session.unmerged:
        steps = (next_step.merge(session.unmerged).so_that(UNMERGED), *steps)
    return replace(ending, next_steps=steps)


async def _head(active: ActiveRun) -> Head:
    """The journal's head after the lock was let go: only what was posted about the run may still be noted."""
    try:
        return await active.session.calls(active.session.store.head)
    except HamrError:
        return Head(0, "")  # the end is journalled, and can be seen there


async def _unkept(
    active: ActiveRun, ending: RunOutcome, trouble: HamrError, *, code: ExitCode, resumable: bool
) -> tuple[RunOutcome, ExitCode, bool]:
    """The ending of a run that the journal does not hold to its end: never "done"."""
    try:
        await active.recorder.check_kept()
    except JournalDamaged as lost:  # not only its end: the file was moved, deleted or replaced
        trouble = lost
    except HamrError:
        pass  # what went wrong first says it
    if isinstance(trouble, JournalDamaged):
        end = End.INCOMPLETE if ending.end.reached else ending.end
        words = ending.message
        if trouble.message != words:
            words = f"{words.removesuffix('.')}; but {trouble.message}"
        steps = (*trouble.next_steps, *ending.next_steps)
        if await active.recorder.is_lost(began_here=active.purpose.begun is Begun.HERE):
            resumable = False
            steps = tuple(reversed(trouble.next_steps))
        steps = tuple(dict.fromkeys(steps))
        return replace(ending, end=end, message=words, next_steps=steps), ExitCode.JOURNAL_DAMAGED, resumable
    if active.state.intended and ending.end.reached:
        # The journal may still show an open run: to say "done" would leave that to be found out later.
        words = f"{ending.message}; but the journal has not confirmed the end of this run: {trouble.message}"
        again = next_step.resume(active.run).so_that(
            "end it there too; refused, where it has ended after all"
        )
        steps = (again, next_step.status(active.session.pair.name))
        return replace(ending, end=End.INCOMPLETE, message=words, next_steps=steps), ExitCode.INCOMPLETE, True
    return ending, code, resumable


def _left_owing(active: ActiveRun, ending: RunOutcome) -> dict[str, tuple[str, ...]]:
    """What stays owed, "transition/hook" by the run that owes it; those runs are no longer closed by this one.

    A run that found nothing to do has moved nothing: what earlier runs still owe after their transitions stays owed. Only of those
    that ended owing: one that stopped for somebody else's write would, resumed, stop for it for ever.
    """
    if ending.end is not End.DONE or active.state.intended:
        return {}
    try:
        runs = active.session.history().runs
    except HamrError:
        return {}  # journalling the end meets the same trouble
    recorder = active.recorder
    left = {
        run: tuple(f"{transition}/{hook}" for transition, hook in known.hooks_owed)
        for run in recorder.supersedes
        if (known := runs.get(run)) is not None  # in a journal that was moved to, it is not known
        and known.hooks_owed
        and known.finished is not None
        and known.finished.ending.end is End.OWING
    }
    recorder.will_supersede(run for run in recorder.supersedes if run not in left)
    return left


def _with_left_owing(ending: RunOutcome, left: dict[str, tuple[str, ...]]) -> RunOutcome:
    if not left:
        return ending
    names = "; ".join(f"{', '.join(hooks)} of run {run}" for run, hooks in left.items())
    return replace(
        ending,
        end=End.OWING,
        message=f"{ending.message}; nothing was left to move, and hooks are still owed: {names}",
        next_steps=tuple(next_step.resume(run) for run in left),
    )


def _objectives(active: ActiveRun, ending: RunOutcome, now: datetime) -> tuple[Objective, ...]:
    goal, began = active.purpose.goal, active.state.started
    start = active.purpose.started_at if began is None or began.since is None else began.since
    if start is None or goal is None or not ending.end.reached:
        return ()
    wanted = active.session.playbook.objectives.get(goal)
    if wanted is None:
        return ()
    took = (_stood_there(active, goal) or now) - start
    return (Objective(goal, wanted, max(took, timedelta(0))),)


def _stood_there(active: ActiveRun, goal: Status) -> datetime | None:
    """When this run's last transition brought the pair to its goal: hooks that came after it moved nothing any more."""
    made = active.recorder.made
    if made is None:
        with suppress(HamrError):  # journalling the end meets the same trouble
            records = active.session.store.records(run=active.run, kinds=(TransitionMade.kind,))
            made = next(reversed(events_of(records)), None)
    match made:
        case TransitionMade(target=target), at if target is goal:
            return at
    return None


def with_words(active: ActiveRun, ending: RunOutcome, phase: Phase | None) -> RunOutcome:
    """The ending with what was sent, and with the commands that lead on from where the pair stands, where that was seen."""
    unknown = ending.end is End.UNKNOWN  # then its message is about the newest attempt
    late = _may_come_late(active, unknown=unknown)
    words = " ".join((_sent_words(active.state), *late))
    steps = after_a_run(_ended(active, ending, phase, late=bool(late)))
    return replace(ending, next_steps=steps, sent=ending.sent or words, late=late)


def _ended(active: ActiveRun, ending: RunOutcome, phase: Phase | None, *, late: bool) -> Ended:
    session, reader, run = active.session, active.engine.reader, active.engine.run
    return Ended(
        ending=ending,
        pair=session.pair,
        playbook=session.playbook,
        state=active.state,
        goal=active.purpose.goal,
        again=active.again,
        readings=reader.last,
        silent=reader.silent(),
        phase=phase,
        owed=run.owed_now(),
        refused_by=active.engine.evaluator.awaited or active.engine.evaluator.refused_by(),
        strangers=() if reader.last is None else strangers(reader.last, run.known_runs, run.clock.now()),
        left_to_others=active.left_to_others,
        may_come_late=late,
        takes_up=can_be_taken_up(active, ending),
    )


def _sent_words(state: RunState) -> str:
    seen = sum(1 for sent in state.sent if sent.confirmed)
    unseen = sum(1 for sent in state.sent if not sent.confirmed and not sent.refused)
    if not state.intended:
        return "Nothing was sent."
    if not seen and not unseen and not state.attempts:
        return "Nothing was sent to the orgs; hooks were run."
    if not seen and not unseen:
        return "No write was taken by an org."
    if not seen:
        return f"{unseen} {'write' if unseen == 1 else 'writes'} may have reached an org; none was seen by reading back."
    words = f"{seen} {'write was' if seen == 1 else 'writes were'} sent and seen by reading back."
    return words + (f" {unseen} more may have reached an org." if unseen else "")


def _may_come_late(active: ActiveRun, *, unknown: bool) -> tuple[str, ...]:
    """What of this run or an earlier one was given up, and may still take effect: a sentence for each (law 5)."""
    pair, late = active.session.pair, active.session.playbook.late
    readings = active.engine.reader.last
    seen = [record for records in active.state.seen_before().values() for record in records]
    earlier = [
        (each.run, each.attempt)
        for each in active.given_up
        if each.may_still_come(None if readings is None else readings[each.attempt.role], late)
        and not any(each.attempt.made(record) for record in seen)
    ]
    own = [(active.state.run, attempt) for attempt in active.state.may_come_late()]
    newest = active.state.outstanding()
    if newest is not None and not unknown:
        own.append((active.state.run, newest))
    return tuple(
        f"Attempt {attempt.number} of run {run} ({attempt.status} to {pair[attempt.role]}) was given up, and may still "
        f"take effect: look again in {span(late)} (hamr status {pair.name})."
        for run, attempt in (*earlier, *own)
    )


def can_be_taken_up(active: ActiveRun, ending: RunOutcome) -> bool:
    """Whether the run stays open: it did something, or waited for something, and is not through with it."""
    state = active.state
    if active.purpose.begun is Begun.ADOPTION or active.left_to_others:
        return False
    if ending.end.reached:
        return bool(state.hooks_owed())
    return state.intended or (state.waiting and ending.end is End.INTERRUPTED)
