"""How a run ended, in words and as an exit code: what is journalled last, and what a person is told."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from orchestrator.errors import ExitCode, HamrError, JournalDamaged, Moved
from orchestrator.journal.history import RunHistory, event_of
from orchestrator.model.events import RunFinished, TransitionMade
from orchestrator.model.journal import Head
from orchestrator.model.plain import moment
from orchestrator.model.result import RunResult
from orchestrator.model.run import End, Ending, Objective
from orchestrator.model.status import Status
from orchestrator.system.log import logger

from .running import Running
from .ways_out import can_be_taken_up, with_words

EXIT_CODES: dict[End, ExitCode] = {
    End.DONE: ExitCode.DONE,
    End.REFUSED: ExitCode.REFUSED,
    End.MOVED: ExitCode.MOVED,
    End.INCOMPLETE: ExitCode.INCOMPLETE,
    End.UNKNOWN: ExitCode.UNKNOWN,
    End.OWING: ExitCode.OWING,
    End.FAILED: ExitCode.FAILED,
    End.INTERRUPTED: ExitCode.INTERRUPTED,
}


def given_up(running: Running) -> Ending:
    """The ending after a second interrupt: nobody waits for a write in flight any more."""
    if running.memory.unknown:
        attempt = running.memory.unknown[-1]
        return Ending(
            End.UNKNOWN,
            f"interrupted twice while {attempt.status} to {running.session.pair[attempt.role]} was in flight: "
            "nobody knows yet whether it took effect",
            attempt.role,
        )
    return Ending(End.INTERRUPTED, "interrupted twice; no write was in flight")


def stopped_by(running: Running, error: HamrError) -> Ending:
    """The ending after an error from the journal or the lock in the middle of a run.

    Raises:
        HamrError: the same error, where nothing was intended yet.
    """
    if not running.memory.intended:
        raise error
    attempt = running.memory.outstanding()
    if attempt is not None:
        return Ending(
            End.UNKNOWN,
            f"{error.message} The outcome of {attempt.status} to {running.session.pair[attempt.role]} could not be "
            "journalled, so it counts as unknown",
            attempt.role,
        )
    if isinstance(error, Moved):
        running.left_to_others = True
        return Ending(End.INCOMPLETE, error.message, next_steps=error.next_steps)
    return Ending(End.INCOMPLETE, error.message)


def stopped_by_bug(running: Running, error: Exception) -> Ending:
    """The ending after an exception that nobody foresaw: after the first intent it is never "nothing was sent"."""
    words = f"hamr has a bug, and stopped: {type(error).__name__}: {error}"
    if not running.memory.intended:
        return Ending(End.FAILED, words)
    attempt = running.memory.outstanding()
    end = End.INCOMPLETE if attempt is None else End.UNKNOWN
    return Ending(end, words, attempt.role if attempt is not None else None)


async def finish(running: Running, ending: Ending) -> RunResult:
    """Journal the end of a run, and gather what came of it."""
    session, memory = running.session, running.memory
    if running.lock_lost and ending.end is End.INTERRUPTED and memory.intended:
        ending = replace(ending, end=End.INCOMPLETE)
    left = await session.calls(lambda: _left_owing(running, ending))
    ending = with_words(running, _with_left_owing(ending, left))
    code = EXIT_CODES[ending.end]
    if ending.end is End.INTERRUPTED:
        code = ExitCode.LOCKED if running.lock_lost else running.controls.code
    steps = tuple(memory.steps)
    now = session.clock.now()
    phase = _phase(running)
    seconds = session.clock.monotonic() - running.began
    resumable = can_be_taken_up(running, ending)
    engine = running.engine
    decisions = engine.evaluator.decisions if engine is not None else []
    refused = engine.evaluator.refused_by() if engine is not None and ending.end in _REFUSALS else ()
    trouble = await _keep(running, ending)
    objectives = await session.calls(lambda: _objectives(running, ending, now))
    head = Head(0, "")
    if trouble is None:
        finished = RunFinished(ending, int(code), phase, steps, seconds, objectives, resumable=resumable)
        trouble = await _tell_end(running, finished)
    if trouble is None:
        head = await _head(running)
    else:
        logger().error("the end of the run could not be journalled", error=trouble.message)
        ending, code, resumable = _unkept(running, ending, trouble, code=code, resumable=resumable)
    return RunResult(
        run=memory.run,
        pair=session.pair.name,
        goal=running.goal,
        ending=ending,
        exit_code=code,
        phase=phase,
        steps=steps,
        seconds=seconds,
        head=head,
        objectives=objectives,
        remember=session.playbook.remember if _reached(running, ending, Status.ACTIVE) else (),
        refused_by=refused,
        overridden=(
            *running.overridden_before,
            *(each for _, decision in decisions for each in decision.overridden),
        ),
        waived=tuple(each for _, decision in decisions for each in decision.waived),
        owed=engine.run.owed_now() if engine is not None else None,
        mode=memory.mode,
        resumable=resumable,
        hooks_owed=(
            *(f"{transition}/{hook}" for transition, hook in memory.hooks_owed()),
            *(hook for hooks in left.values() for hook in hooks),
        ),
        left_to_person=tuple(memory.left_to_person),
        hooks_failed=memory.hooks_failed(),
        waited=memory.waited,
        asked=memory.asked,
        request=running.request,
    )


async def _keep(running: Running, ending: Ending) -> HamrError | None:
    """Make everything durable that came before the end, and see that it is there; what went wrong, or None."""
    try:
        if ending.end in _GOOD:
            running.observer.supersede()
        await running.observer.commit()
        await running.observer.check_kept()
    except HamrError as error:
        return error
    return None


async def _tell_end(running: Running, finished: RunFinished) -> HamrError | None:
    """Journal the end, and read it back through a fresh handle (law 16); what went wrong, or None."""
    try:
        if not running.lock.is_anothers:
            running.observer.tell(finished)
            await running.observer.commit()
            await running.observer.check_kept()
    except HamrError as error:
        return error
    return None


async def _head(running: Running) -> Head:
    try:
        return await running.session.calls(running.session.store.head)
    except HamrError:
        return Head(0, "")  # the end is journalled, and can be seen there


def _unkept(
    running: Running, ending: Ending, trouble: HamrError, *, code: ExitCode, resumable: bool
) -> tuple[Ending, ExitCode, bool]:
    """The ending of a run that the journal does not hold to its end: never "done"."""
    resume = f"hamr resume {running.memory.run}"
    if isinstance(trouble, JournalDamaged):
        end = End.INCOMPLETE if ending.end in _GOOD else ending.end
        words = f"{ending.message}; but {trouble.message}"
        steps = tuple(dict.fromkeys((*trouble.next_steps, *ending.next_steps)))
        return replace(ending, end=end, message=words, next_steps=steps), ExitCode.JOURNAL_DAMAGED, resumable
    if running.memory.intended and ending.end in _GOOD:
        # The journal still shows an open run: to say "done" would leave that to be found out later.
        words = f"{ending.message}; but the end of this run could not be journalled: {trouble.message}"
        ending = replace(ending, end=End.INCOMPLETE, message=words, next_steps=(resume,))
        return ending, EXIT_CODES[ending.end], True
    return ending, code, resumable


def _left_owing(running: Running, ending: Ending) -> dict[str, tuple[str, ...]]:
    """A run that found nothing to do has moved nothing: what earlier runs still owe after their transitions stays owed.

    Returns:
        "transition/hook" of what stays owed, by the run that owes it; those runs are no longer closed by this one.
    """
    if ending.end is not End.DONE or running.memory.intended:
        return {}
    try:
        runs = running.session.history().runs
    except HamrError:
        return {}  # journalling the end meets the same trouble
    superseded = running.observer.supersedes
    left = {
        run: tuple(f"{transition}/{hook}" for transition, hook in runs[run].hooks_owed)
        for run in superseded
        if runs[run].hooks_owed and _ended_owing(runs[run])
    }
    running.observer.supersedes = [run for run in superseded if run not in left]
    return left


def _ended_owing(run: RunHistory) -> bool:
    """Whether resuming it is what pays: one that stopped for somebody else's write would stop for it for ever."""
    return run.finished is not None and run.finished.ending.end is End.OWING


def _with_left_owing(ending: Ending, left: dict[str, tuple[str, ...]]) -> Ending:
    if not left:
        return ending
    names = "; ".join(f"{', '.join(hooks)} of run {run}" for run, hooks in left.items())
    return replace(
        ending,
        end=End.OWING,
        message=f"{ending.message}; nothing was left to move, and hooks are still owed: {names}",
        next_steps=tuple(f"hamr resume {run}" for run in left),
    )


_GOOD = frozenset({End.DONE, End.OWING})
_REFUSALS = frozenset({End.REFUSED, End.INCOMPLETE})


def _reached(running: Running, ending: Ending, status: Status) -> bool:
    return ending.end in (End.DONE, End.OWING) and running.goal is status


def _phase(running: Running) -> str:
    engine = running.engine
    if engine is None or engine.reader.last is None or engine.reader.identities is None:
        return ""
    return engine.reader.phase(running.goal).label


def _objectives(running: Running, ending: Ending, now: datetime) -> tuple[Objective, ...]:
    start = running.since or running.started_at
    if start is None or running.goal is None or ending.end not in (End.DONE, End.OWING):
        return ()
    wanted = running.session.playbook.objectives.get(running.goal)
    if wanted is None:
        return ()
    took = (_stood_there(running, running.goal) or now) - start
    return (Objective(running.goal, wanted, max(took, timedelta(0))),)


def _stood_there(running: Running, goal: Status) -> datetime | None:
    """When this run's last transition brought the pair to its goal: hooks that came after it moved nothing any more."""
    try:
        made = [*running.session.store.records(run=running.memory.run, kinds=(TransitionMade.kind,))]
        last = event_of(made[-1]) if made else None
    except HamrError:
        return None
    return moment(made[-1].at) if isinstance(last, TransitionMade) and last.target is goal else None
