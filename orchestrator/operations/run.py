"""The four things that a run may do: go to a goal, apply a saved plan, take up a run that stopped, adopt one org's status.

Each holds the pair's lock, reads everything again under it, and journals every step.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial, wraps
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec

from orchestrator import __version__
from orchestrator.errors import Conflict, JournalUnavailable, Refused, UsageError
from orchestrator.journal.history import History, RunHistory, brought_in, events_of, in_time
from orchestrator.model import events, next_step
from orchestrator.model.guard import Verdict
from orchestrator.model.plan import Plan
from orchestrator.model.protocols import Store
from orchestrator.model.result import RunResult
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.situation import Premise
from orchestrator.model.status import Both, Role
from orchestrator.model.words import utc
from orchestrator.situation.state import RunState, replay

from .holding import Begun, Purpose, RunControl, hold_pair
from .locking import refuse_held
from .preflight import (
    check_adoption,
    check_overrides,
    check_request,
    refuse_before,
    refuse_in_drill,
    refuse_owing,
    refuse_renamed,
    require_emergency_reason,
    require_reasons,
)
from .session import EMERGENCY_BUSY_SECONDS, Session

P = ParamSpec("P")
Operation = Callable[Concatenate[Session, P], Coroutine[Any, Any, RunResult]]


def _begun_again_elsewhere(operation: Operation[P]) -> Operation[P]:
    """Where the journal can't be had, so that nothing was intended yet: begins once more, in the one that its session moves to."""

    @wraps(operation)
    async def begin(session: Session, /, *args: P.args, **named: P.kwargs) -> RunResult:
        try:
            return await operation(session, *args, **named)
        except JournalUnavailable as error:
            await session.calls(partial(session.move_journal, error))
            return await operation(session, *args, **named)

    return begin


@_begun_again_elsewhere
async def start(
    session: Session,
    request: RunRequest,
    *,
    controls: RunControl | None = None,
    plan: Plan | None = None,
    run: str = "",
    drill: str = "",
) -> RunResult:
    """Run towards a goal: preflight, lock, read everything again, drive; a HamrError, which says why, where nothing was intended.

    Where it applies a saved `plan`, the orgs must stand as they did; where the request expects a status, at that. `run` is
    the id that a person was shown for it, or that waited for its time, or "" for a new one; `drill` the open drill that it
    belongs to.
    """
    check_request(request, session.playbook)
    require_reasons(request.reason, request.overrides)
    emergency = request.mode is Mode.EMERGENCY
    if emergency:
        session.store.wait_at_most(EMERGENCY_BUSY_SECONDS)
    await session.calls(lambda: refuse_held(session, take_over=emergency))
    await _enter(session, request, drill)
    run = plan.run if plan is not None else run or session.new_run()
    async with hold_pair(
        session, run, take_over=emergency, wants_keys=not emergency, controls=controls
    ) as active:
        started_at = session.clock.now()
        history, overridden = await _enter(session, request, drill)
        if plan is not None:
            await session.calls(lambda: check_plan(session, plan))
        active.recorder.will_supersede(history.open_beside(run))
        state, started = RunState(run), _started(session, request, plan, drill)
        active.recorder.tell(started)
        state.apply(started)
        if session.moved is not None:
            active.recorder.tell(session.moved)
        for verdict, reason in overridden:
            active.recorder.tell(events.GuardOverridden("", verdict, reason))
        await active.recorder.commit()
        cancelled = await session.calls(partial(cancelled_by, session.store, run))
        from .driving import drive, prepare  # noqa: PLC0415 - the engine loads beside the first answers
        from .supervise import supervise  # noqa: PLC0415 - as above

        command = request.as_step("run", session.playbook.name)
        premise = Premise(
            request.as_step("plan", session.playbook.name),
            "the plan was made",
            active.controls.shown if plan is None else plan.readings,
            request.expect,
        )
        purpose = Purpose(Begun.HERE, command, request, request.goal, started_at, premise, overridden)
        engine = prepare(active, purpose, state, history)
        return await supervise(active, drive(engine, request.goal, cancelled))


async def _enter(
    session: Session, request: RunRequest, drill: str
) -> tuple[History, tuple[tuple[Verdict, str], ...]]:
    """The pair's history, and what a run goes over by name; Refused where something is in its way."""
    history = await session.calls(session.history if drill else session.history_by_name)
    refuse_in_drill(history, request, drill)
    refuse_owing(history, request)
    return history, refuse_before(history, session.playbook, session.clock, request)


def _started(session: Session, request: RunRequest, plan: Plan | None, drill: str) -> events.RunStarted:
    pair = session.pair
    return events.RunStarted(
        pair=pair.name,
        goal=request.goal,
        mode=request.mode,
        reason=request.reason,
        ref=request.ref,
        since=request.since,
        overrides=dict(request.overrides),
        playbook=session.playbook.name,
        playbook_text=session.playbook.text,
        playbook_sha256=session.playbook.digest,
        orgs=Both(pair.orgs.primary.uuid, pair.orgs.secondary.uuid),
        urls=pair.urls,
        version=__version__,
        plan=plan.run if plan is not None else "",
        drill=drill,
        fleet=session.fleet,
    )


def cancelled_by(store: Store, run: str) -> str:
    """Who has cancelled a run that waited for its time, in words; "" where nobody has."""
    for record in store.records(run=run, kinds=(events.RunCancelled.kind,)):
        return f"cancelled by {record.by}@{record.host}: {record.data['reason'] or 'no reason was given'}"
    return ""


def check_plan(session: Session, plan: Plan) -> None:
    """Refuse a saved plan that no longer fits, as far as that can be told without reading the orgs.

    Raises:
        UsageError: it assumed a status, so it cannot be applied at all.
        Conflict: it is spent, expired, or was made by another playbook or for other orgs.
        Refused: it leads nowhere.
    """
    again = (plan.request.as_step("plan", plan.playbook, "--out", "FILE"),)
    if plan.assumed is not None:
        raise UsageError(
            "this plan assumed a status (--assume) and read nothing, so it can't be applied", next_steps=again
        )
    if plan.run in session.history().known_runs:
        raise Conflict(
            f"this plan is spent: run {plan.run} applied it", next_steps=(next_step.show(plan.run), *again)
        )
    now = session.clock.now()
    if now > plan.expires_at:
        raise Conflict(f"this plan expired at {utc(plan.expires_at)}", next_steps=again)
    if plan.playbook_sha256 != session.playbook.digest:
        raise Conflict(f"this plan was made by another version of playbook {plan.playbook}", next_steps=again)
    if not session.pair.is_of(plan.uuids) or session.pair.urls != plan.urls:
        raise Conflict(
            f"this plan was made for other orgs than the inventory's pair {session.pair.name}",
            next_steps=again,
        )
    if not plan.transitions and not plan.reachable:
        raise Refused(f"this plan has no transitions: {plan.ending}", next_steps=plan.next_steps or again)


async def apply(session: Session, plan: Plan, *, controls: RunControl | None = None) -> RunResult:
    """Run a saved plan, exactly; a HamrError where it no longer fits (see `check_plan`), or as `start` says."""
    check_plan(session, plan)
    return await start(session, plan.request, controls=controls, plan=plan)


@_begun_again_elsewhere
async def resume(
    session: Session,
    run: RunHistory | None,
    *,
    mode: Mode | None = None,
    reason: str = "",
    overrides: Mapping[str, str] = MappingProxyType({}),
    controls: RunControl | None = None,
) -> RunResult:
    """Take up an open run, with the playbook of its own `run.started`; without one, only deliver what is owed.

    `mode` None keeps the run's, as it made its last write; the overrides hold for the rest of it, beside those that it began with. A
    HamrError says why nothing more was intended.
    """
    going_on = mode or (run.resumes_as if run is not None else Mode.PLANNED)
    if going_on is Mode.EMERGENCY:
        session.store.wait_at_most(EMERGENCY_BUSY_SECONDS)
    history = await session.calls(session.history)
    if session.moved is not None and (run is None or run.run not in history.runs):
        raise _left_behind(session, session.moved, run)
    if run is None and history.owed is None:
        raise UsageError(
            f"pair {session.pair.name} has no open run, and owes nothing",
            next_steps=(next_step.status(session.pair.name),),
        )
    identifier = run.run if run is not None else history.owed.run if history.owed is not None else ""
    state = await session.calls(partial(_recall, session, history, identifier))
    started = state.started
    if started is None:
        raise UsageError(
            f"run {identifier} wrote no beginning into this journal", next_steps=(next_step.runs(),)
        )
    session.fleet = started.fleet
    if not session.pair.is_of(started.orgs):
        raise Conflict(
            f"run {identifier} began on other orgs than the inventory now names for pair {session.pair.name}. Only "
            "those can be brought to its end: name them in the inventory again, under a pair of their own",
            next_steps=(next_step.status(session.pair.name), next_step.show(identifier)),
        )
    require_emergency_reason(mode, reason, next_step.resume(identifier).as_emergency())
    check_overrides({**state.overrides, **overrides}, session.playbook)
    require_reasons(reason, overrides)
    async with hold_pair(
        session, identifier, take_over=True, wants_keys=False, controls=controls, started=started
    ) as active:
        # Whoever held the lock until now may have gone on with it: what was recalled before is old.
        history = await session.calls(session.history)
        state = await session.calls(partial(_recall, session, history, identifier))
        run = history.runs[identifier]
        if session.refuge is not None:
            # It begins with the run, where that leaves a team's journal on the way.
            records = await session.calls(lambda: [*session.store.records(run=identifier)])
            session.along = session.along | {record.seq: record for record in records}
        finishing = run.open
        if not finishing and history.owed is None:
            closed = f"run {run.superseded_by} took its place" if run.superseded_by else "it came to its end"
            raise Conflict(
                f"run {identifier} is not open any more: {closed}, while this was being asked",
                next_steps=(next_step.show(identifier), next_step.status(session.pair.name)),
            )
        if finishing:
            active.recorder.will_supersede(history.open_beside(identifier))
        resumed = events.RunResumed(going_on, reason, dict(overrides))
        active.recorder.tell(resumed)
        await active.recorder.commit()
        state.apply(resumed)
        from .driving import go_on, prepare  # noqa: PLC0415 - as above
        from .supervise import supervise  # noqa: PLC0415 - as above

        goal = started.goal if finishing else None
        command = next_step.resume(identifier)
        purpose = Purpose(Begun.TAKEN_UP, command, goal=goal, started_at=run.started_at)
        engine = prepare(active, purpose, state, history)
        return await supervise(active, go_on(engine, started.goal, history.owed, finishing=finishing))


def _left_behind(session: Session, moved: events.JournalMoved, run: RunHistory | None) -> JournalUnavailable:
    """What is to be resumed stands in a team's journal that can't be reached: a new emergency does without it."""
    goal = None if run is None or run.started is None else run.started.goal
    pair, what = session.pair.name, "what is owed" if run is None else f"run {run.run}"
    anew = () if goal is None else (next_step.run(pair, goal).as_emergency(why=f"go to {goal} without it"),)
    return JournalUnavailable(
        f"{moved.reason} This machine's own journal, {session.store.place}, knows nothing of {what}",
        sent="Nothing more was sent.",
        next_steps=(*anew, next_step.status(pair)),
    )


def _recall(session: Session, history: History, run: str) -> RunState:
    known, store = history.runs.get(run), session.store
    told = (event for event, _ in events_of(in_time(store.records(run=run), brought_in(store, 0))))
    floors = {} if known is None else known.floors
    return replay(run, told, floors, mirrors=session.pair.mirrors.known)


def acknowledge(session: Session, run: RunHistory, reason: str) -> None:
    """End the cooling down after a run; a UsageError where that has not finished."""
    if run.finished is None:
        onward = next_step.resume(run.run) if run.open else next_step.show(run.run)
        raise UsageError(f"run {run.run} has not finished", next_steps=(onward,))
    session.append(run.run, events.RunAcknowledged(reason))


async def adopt(
    session: Session,
    truth: Role,
    reason: str,
    *,
    overrides: Mapping[str, str] = MappingProxyType({}),
    controls: RunControl | None = None,
) -> RunResult:
    """Write a diverged pair's other org once, so that both show what the true one shows.

    The override `reverted` goes on where an org stays at a record older than what the journal has seen of it,
    `alone` beside a run that this journal does not know.

    Raises:
        UsageError: another override is named, or has no reason.
        HamrError: nothing was intended; the error says why.
    """
    check_adoption(overrides)
    run = session.new_run()
    async with hold_pair(session, run, take_over=True, wants_keys=True, controls=controls) as active:
        history = await session.calls(session.history_by_name)
        command = next_step.adopt(session.pair.name, truth, reason)
        for guard, why in overrides.items():
            command = command.overriding(guard, reason=why)
        refuse_renamed(history.known_as, overrides, command)
        from .driving import prepare  # noqa: PLC0415 - as above
        from .supervise import supervise  # noqa: PLC0415 - as above

        state = RunState(run, overrides=dict(overrides))
        premise = Premise(next_step.status(session.pair.name), "this was asked", active.controls.shown)
        engine = prepare(active, Purpose(Begun.ADOPTION, command, premise=premise), state, history)
        return await supervise(active, engine.adopt(truth, reason))
