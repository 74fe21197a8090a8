"""Running: the engine in the real world, under the pair's lock, with every step in the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from orchestrator.documents import parse_playbook
from orchestrator.engine.drive import Engine, Task
from orchestrator.engine.gate import EnforcingGate
from orchestrator.engine.memory import Memory, recall
from orchestrator.errors import ExitCode, HamrError, Moved, Refused, UsageError
from orchestrator.history import History, RunHistory, events_of
from orchestrator.log import bind, logger
from orchestrator.model.events import (
    RunAcknowledged,
    RunFinished,
    RunResumed,
    RunStarted,
    RunSuperseded,
)
from orchestrator.model.guard import Verdict
from orchestrator.model.journal import Head
from orchestrator.model.plan import Plan
from orchestrator.model.protocols import Observer, World
from orchestrator.model.result import RunResult
from orchestrator.model.run import End, Ending, Mode, Objective, RunRequest
from orchestrator.model.situation import Owed
from orchestrator.model.status import Both, Role, Status
from orchestrator.preflight import check_overrides, check_request, judge_before, refuse_before, refuse_owing
from orchestrator.session import Journalling, Lock, Session, playbook_digest, program_version, take_lock

HEARTBEAT_SECONDS = 5.0

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


@dataclass(slots=True)
class Controls:
    """How a person reaches a run: signals set it, and tests do."""

    engine: Engine | None = None
    task: asyncio.Task[Ending] | None = None
    asked: int = 0
    code: ExitCode = ExitCode.INTERRUPTED

    def interrupt(self, code: ExitCode) -> None:
        """Once: stop before the next write. Twice: give up waiting; the write in flight is journalled as unknown."""
        self.asked += 1
        self.code = code
        if self.engine is not None:
            self.engine.ask_to_stop("stopped before the next write, as asked; it can be resumed")
        if self.asked > 1 and self.task is not None:
            self.task.cancel()


@dataclass(slots=True)
class _Running:
    """A run that holds its lock."""

    session: Session
    lock: Lock
    observer: Journalling
    memory: Memory
    controls: Controls
    began: float
    engine: Engine | None = None
    since: datetime | None = None
    started_at: datetime | None = None
    goal: Status | None = None
    judged: list[Verdict] = field(default_factory=list)


async def start(
    session: Session,
    request: RunRequest,
    *,
    watchers: Sequence[Observer] = (),
    controls: Controls | None = None,
    plan: Plan | None = None,
    run: str = "",
) -> RunResult:
    """Run towards a goal: preflight, lock, read everything again, drive.

    Args:
        session: the pair, playbook and journal.
        request: where to, and how.
        watchers: are told each event after it was journalled.
        controls: how a person stops it.
        plan: the saved plan that this run applies; its orgs must stand as they did.
        run: the id that a person was shown for it; a new one where it is empty.

    Raises:
        HamrError: nothing was intended; the error says why.
    """
    check_request(request, session.playbook)
    history = session.history()
    refuse_owing(history, request)
    refuse_before(judge_before(history, session.playbook, session.clock), request)
    run = plan.run if plan is not None else run or session.new_run()
    async with session.world() as world:
        if request.mode is Mode.PLANNED:
            await world.require_keys()
        lock = take_lock(session, run, take_over=False)
        controls = controls or Controls()
        running = _Running(
            session,
            lock,
            Journalling(session, run, lock, watchers),
            Memory(run),
            controls,
            session.clock.monotonic(),
            since=request.since,
            started_at=session.clock.now(),
            goal=request.goal,
        )
        try:
            # What was true before the lock may not be true any more.
            history = session.history()
            refuse_owing(history, request)
            _supersede(session, history, run)
            running.observer.tell(_started(session, request, plan))
            running.memory.mode = request.mode
            engine = _engine(running, world, request, history)
            return await _drive(running, engine, lambda: _start_drive(engine, request, plan))
        finally:
            lock.release()


def _started(session: Session, request: RunRequest, plan: Plan | None) -> RunStarted:
    pair = session.pair
    return RunStarted(
        pair=pair.name,
        goal=request.goal,
        mode=request.mode,
        reason=request.reason,
        ref=request.ref,
        since=request.since,
        overrides=dict(request.overrides),
        playbook=session.playbook.name,
        playbook_text=session.playbook.text,
        playbook_sha256=playbook_digest(session.playbook),
        orgs=Both(pair.orgs.primary.uuid, pair.orgs.secondary.uuid),
        urls=Both(pair.orgs.primary.base_url, pair.orgs.secondary.base_url),
        version=program_version(),
        plan=plan.run if plan is not None else "",
    )


def _supersede(session: Session, history: History, run: str) -> None:
    """A new run closes the open ones of its pair, by name."""
    for other in history.runs.values():
        if other.open and other.run != run:
            session.append(other.run, RunSuperseded(run))


def _engine(running: _Running, world: World, request: RunRequest, history: History) -> Engine:
    session = running.session
    open_run = history.open_run
    task = Task(
        session.pair,
        session.playbook,
        session.operator,
        running.memory,
        owed=history.owed,
        open_run=open_run.as_open_run() if open_run is not None else None,
        known_runs=history.known_runs | {running.memory.run},
    )
    return Engine(
        task, world, session.clock, running.observer, EnforcingGate(request.overrides), session.dice.random
    )


async def _start_drive(engine: Engine, request: RunRequest, plan: Plan | None) -> Ending:
    if plan is not None:
        await engine.eyes.look("plan")
        moved = _moved_since(engine, plan)
        if moved is not None:
            return Ending(End.MOVED, moved, next_steps=(f"hamr plan {request.pair} --to {request.goal}",))
    return await engine.drive(request.goal)


def _moved_since(engine: Engine, plan: Plan) -> str | None:
    """What changed in the orgs since a plan was made, or None."""
    if engine.eyes.last is None:
        return None
    for role, now in engine.eyes.last.items():
        planned = plan.readings[role]
        org = engine.task.pair[role]
        if planned.record is None or now.record is None:
            if type(planned.sight) is not type(now.sight):
                return f"{org} answered {type(planned.sight).__name__.lower()} when the plan was made, and {type(now.sight).__name__.lower()} now"
            continue
        if not now.record.same_version(planned.record):
            return f"{org} was changed since the plan was made, by {now.record.modified_by}"
    return None


async def _drive(running: _Running, engine: Engine, act: Callable[[], Awaitable[Ending]]) -> RunResult:
    """Let the engine act, with heartbeats, and journal how it ended."""
    running.engine = engine
    controls = running.controls
    controls.engine = engine
    if controls.asked:
        controls.engine.ask_to_stop("stopped before the first write, as asked")
    with bind(run=running.memory.run, pair=running.session.pair.name):
        heart = asyncio.create_task(_beat(running, engine))
        controls.task = asyncio.create_task(_acting(act))
        try:
            ending = await controls.task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            ending = _given_up(running)
        except HamrError as error:
            ending = _stopped_by(running, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must end in the journal
            # After the first intent a bug must not look like "nothing was sent".
            logger().exception("the run stopped on a bug")
            ending = _stopped_by_bug(running, error)
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart
        return _finish(running, ending)


async def _acting(act: Callable[[], Awaitable[Ending]]) -> Ending:
    return await act()


async def _beat(running: _Running, engine: Engine) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)  # real time: another process reads the heartbeat
        try:
            held = running.lock.beat()
        except HamrError as error:
            # The next intent meets the same trouble, and stops the run before anything is sent.
            logger().warning("a heartbeat could not be journalled", error=error.message)
            continue
        if not held:
            engine.ask_to_stop(
                "the lock was broken by somebody else (hamr unlock); stopped before the next write"
            )


def _given_up(running: _Running) -> Ending:
    if running.memory.unknown:
        attempt = running.memory.unknown[-1]
        return Ending(
            End.UNKNOWN,
            f"interrupted twice while {attempt.status} to {running.session.pair[attempt.role]} was in flight: "
            "nobody knows yet whether it took effect",
            attempt.role,
        )
    return Ending(End.INTERRUPTED, "interrupted twice; no write was in flight")


def _stopped_by(running: _Running, error: HamrError) -> Ending:
    """An error from the journal or the lock in the middle of a run."""
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
    return Ending(End.INCOMPLETE, error.message)


def _stopped_by_bug(running: _Running, error: Exception) -> Ending:
    words = f"hamr has a bug, and stopped: {type(error).__name__}: {error}"
    if not running.memory.intended:
        return Ending(End.FAILED, words)
    attempt = running.memory.outstanding()
    end = End.INCOMPLETE if attempt is None else End.UNKNOWN
    return Ending(end, words, attempt.role if attempt is not None else None)


def _finish(running: _Running, ending: Ending) -> RunResult:
    session, memory = running.session, running.memory
    ending = _with_words(running, ending)
    code = EXIT_CODES[ending.end]
    if ending.end is End.INTERRUPTED:
        code = running.controls.code
    steps = tuple(memory.steps)
    now = session.clock.now()
    objectives = _objectives(running, ending, now)
    phase = _phase(running)
    seconds = session.clock.monotonic() - running.began
    resumable = memory.intended and ending.end not in (End.DONE, End.OWING)
    engine = running.engine
    refused = engine.rows.refused_by() if engine is not None and ending.end in _REFUSALS else ()
    try:
        running.observer.tell(
            RunFinished(ending, int(code), phase, steps, seconds, objectives, resumable=resumable)
        )
        head = session.store.head()
    except HamrError as error:
        logger().error("the end of the run could not be journalled", error=error.message)
        head = Head(0, "")
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
        owed=engine.owed() if engine is not None else None,
        mode=memory.mode,
        resumable=resumable,
    )


_REFUSALS = frozenset({End.REFUSED, End.INCOMPLETE})


def _reached(running: _Running, ending: Ending, status: Status) -> bool:
    return ending.end in (End.DONE, End.OWING) and running.goal is status


def _phase(running: _Running) -> str:
    engine = running.engine
    if engine is None or engine.eyes.last is None or engine.eyes.identities is None:
        return ""
    return engine.phase(running.goal).label


def _objectives(running: _Running, ending: Ending, now: datetime) -> tuple[Objective, ...]:
    start = running.since or running.started_at
    if start is None or running.goal is None or ending.end not in (End.DONE, End.OWING):
        return ()
    wanted = running.session.playbook.objectives.get(running.goal)
    return (Objective(running.goal, wanted, max(now - start, timedelta(0))),) if wanted is not None else ()


def _with_words(running: _Running, ending: Ending) -> Ending:
    """The ending with what was sent, and with the commands for resuming, going back and switching to emergency."""
    memory, pair = running.memory, running.session.pair
    words = _sent_words(memory)
    steps = ending.next_steps
    if memory.intended and ending.end in (
        End.INCOMPLETE,
        End.UNKNOWN,
        End.MOVED,
        End.INTERRUPTED,
        End.REFUSED,
    ):
        steps = (f"hamr resume {memory.run}", *_ways_out(running), f"hamr status {pair.name}", *steps)
    elif ending.end in (End.MOVED, End.REFUSED, End.INTERRUPTED) and not steps:
        steps = (f"hamr status {pair.name}",)
    return Ending(ending.end, ending.message, ending.org, tuple(dict.fromkeys(steps)), ending.sent or words)


def _sent_words(memory: Memory) -> str:
    """What was and was not sent, as a sentence."""
    seen = sum(1 for sent in memory.sent if sent.confirmed)
    unseen = len(memory.sent) - seen
    if not memory.intended:
        return "Nothing was sent."
    if not memory.sent:
        return "No write was taken by an org."
    words = f"{seen} {'write was' if seen == 1 else 'writes were'} sent and seen by reading back."
    return words + (f" {unseen} more may have reached an org." if unseen else "")


def _ways_out(running: _Running) -> tuple[str, ...]:
    """Going back, and switching to emergency, where the playbook has rows for it (law 14)."""
    memory, playbook, pair = running.memory, running.session.playbook, running.session.pair
    steps: list[str] = []
    if memory.row is not None and playbook.between(memory.row.target, memory.row.source) is not None:
        steps.append(f"hamr run {pair.name} --to {memory.row.source}")
    if memory.mode is Mode.PLANNED and memory.row is not None:
        row = playbook.row(memory.row.row)
        if row is not None and row.survivor is not None:
            steps.append(f"hamr resume {memory.run} --emergency --reason TEXT")
    return tuple(steps)


def check_plan(session: Session, plan: Plan) -> None:
    """Refuse a saved plan that no longer fits, as far as that can be told without reading the orgs.

    Raises:
        UsageError: it assumed a status, so it cannot be applied at all.
        Moved: it is spent, expired, or was made by another playbook or for other orgs.
        Refused: it leads nowhere.
    """
    again = (f"hamr plan {plan.request.pair} --to {plan.request.goal} --out FILE",)
    if plan.assumed is not None:
        raise UsageError(
            "this plan assumed a status (--assume) and read nothing, so it can't be applied", next_steps=again
        )
    if plan.run in session.history().known_runs:
        raise Moved(
            f"this plan is spent: run {plan.run} applied it", next_steps=(f"hamr show {plan.run}", *again)
        )
    now = session.clock.now()
    if now > plan.expires_at:
        raise Moved(f"this plan expired at {plan.expires_at:%Y-%m-%d %H:%M:%S} UTC", next_steps=again)
    if plan.playbook_sha256 != playbook_digest(session.playbook):
        raise Moved(f"this plan was made by another version of playbook {plan.playbook}", next_steps=again)
    uuids = tuple(org.uuid for org in session.pair.orgs)
    if uuids != tuple(plan.uuids) or tuple(org.base_url for org in session.pair.orgs) != tuple(plan.urls):
        raise Moved(
            f"this plan was made for other orgs than the inventory's pair {session.pair.name}",
            next_steps=again,
        )
    if not plan.rows and not plan.reachable:
        raise Refused(f"this plan has no rows: {plan.ending}", next_steps=plan.next_steps or again)


async def apply(
    session: Session, plan: Plan, *, watchers: Sequence[Observer] = (), controls: Controls | None = None
) -> RunResult:
    """Run a saved plan, exactly: refused where it is spent, expired, or made by another playbook.

    Raises:
        HamrError: the plan no longer fits (see `check_plan`), or as `start` says.
    """
    check_plan(session, plan)
    return await start(session, plan.request, watchers=watchers, controls=controls, plan=plan)


async def resume(
    session: Session,
    run: RunHistory | None,
    *,
    mode: Mode | None = None,
    reason: str = "",
    overrides: dict[str, str] | None = None,
    watchers: Sequence[Observer] = (),
    controls: Controls | None = None,
) -> RunResult:
    """Take up an open run, or deliver what is owed.

    Args:
        session: with the playbook of the run's own `run.started` (see `playbook_of`).
        run: the open run; None only delivers what is owed.
        mode: switch to this mode; None keeps the run's.
        reason: why, where the mode becomes EMERGENCY.
        overrides: for the rest of the run, beside those that it began with.
        watchers: are told each event after it was journalled.
        controls: how a person stops it.

    Raises:
        HamrError: nothing more was intended; the error says why.
    """
    history = session.history()
    if run is None and history.owed is None:
        raise UsageError(
            f"pair {session.pair.name} has no open run, and owes nothing",
            next_steps=(f"hamr status {session.pair.name}",),
        )
    identifier = run.run if run is not None else history.owed.run if history.owed is not None else ""
    memory = recall(identifier, events_of(session.store.records(run=identifier)))
    if memory.started is None:
        raise UsageError(f"run {identifier} wrote no beginning into this journal", next_steps=("hamr runs",))
    if memory.started.orgs != Both(*(org.uuid for org in session.pair.orgs)):
        raise Moved(
            f"run {identifier} began on other orgs than the inventory now names for pair {session.pair.name}",
            next_steps=(f"hamr show {identifier}", "hamr check"),
        )
    mode = mode or (memory.mode if run is not None else Mode.PLANNED)
    merged = {**memory.started.overrides, **(overrides or {})}
    check_overrides(merged, session.playbook)
    async with session.world() as world:
        lock = take_lock(session, identifier, take_over=True)
        running = _Running(
            session,
            lock,
            Journalling(session, identifier, lock, watchers),
            memory,
            controls or Controls(),
            session.clock.monotonic(),
            since=memory.started.since,
            started_at=run.started_at if run is not None else None,
            goal=memory.started.goal,
        )
        try:
            history = session.history()
            resumed = RunResumed(mode, reason, overrides or {})
            running.observer.tell(resumed)
            memory.note(resumed)
            request = RunRequest(session.pair.name, memory.started.goal, mode, reason, merged)
            engine = _engine(running, world, request, history)
            finishing = run is not None and run.open
            return await _drive(
                running,
                engine,
                lambda: _resume_drive(engine, request.goal, history.owed, finishing=finishing),
            )
        finally:
            lock.release()


async def _resume_drive(engine: Engine, goal: Status, owed: Owed | None, *, finishing: bool) -> Ending:
    """What is owed first, directly; then the rest of the route."""
    if owed is not None and engine.task.memory.mode is Mode.PLANNED:
        ending = await engine.deliver(owed)
        if ending.end is not End.DONE or not finishing:
            return ending
        engine.task.owed = None
    return await engine.drive(goal)


def playbook_of(session: Session, run: str) -> Session:
    """The same session with the playbook that a run began with.

    Raises:
        UsageError: the journal has no beginning of that run.
    """
    for record in session.store.records(run=run, kinds=(RunStarted.kind,)):
        event = events_of([record])[0][0]
        if isinstance(event, RunStarted):
            playbook = parse_playbook(event.playbook_text, f"the playbook of run {run}")
            return replace(session, playbook=playbook)
    raise UsageError(f"run {run} wrote no beginning into this journal", next_steps=("hamr runs",))


async def adopt(
    session: Session,
    truth: Role,
    reason: str,
    *,
    watchers: Sequence[Observer] = (),
    controls: Controls | None = None,
) -> RunResult:
    """Write a diverged pair's other org once, so that both show what the true one shows.

    Raises:
        HamrError: nothing was intended; the error says why.
    """
    run = session.new_run()
    async with session.world() as world:
        await world.require_keys()
        lock = take_lock(session, run, take_over=False)
        running = _Running(
            session,
            lock,
            Journalling(session, run, lock, watchers),
            Memory(run),
            controls or Controls(),
            session.clock.monotonic(),
        )
        try:
            history = session.history()
            request = RunRequest(session.pair.name, Status.UNSPECIFIED, reason=reason)
            engine = _engine(running, world, request, history)
            return await _drive(running, engine, lambda: engine.adopt(truth, reason))
        finally:
            lock.release()


def acknowledge(session: Session, run: RunHistory, reason: str) -> None:
    """End the cooling down after a run.

    Raises:
        UsageError: the run has not finished.
    """
    if run.finished is None:
        raise UsageError(f"run {run.run} has not finished", next_steps=(f"hamr resume {run.run}",))
    session.append(run.run, RunAcknowledged(reason))
