"""Running towards a goal, and applying a saved plan: under the pair's lock, with every step in the journal."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.engine.engine import Engine
from orchestrator.errors import Moved, Refused, UsageError
from orchestrator.model.events import GuardOverridden, RunStarted
from orchestrator.model.plan import Plan
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import RunResult
from orchestrator.model.run import End, Ending, Mode, RunRequest
from orchestrator.model.status import Both
from orchestrator.model.words import request_command
from orchestrator.situation.state import RunState

from .conduct import conduct
from .journalling import Journalling
from .locking import hold, refuse_held
from .preflight import (
    check_request,
    overridden_before,
    refuse_before,
    refuse_in_drill,
    refuse_owing,
    require_reasons,
)
from .running import Controls, Running, engine_for
from .session import EMERGENCY_BUSY_SECONDS, Session, playbook_digest, program_version


async def start(
    session: Session,
    request: RunRequest,
    *,
    watchers: Sequence[Watcher] = (),
    controls: Controls | None = None,
    plan: Plan | None = None,
    run: str = "",
    drill: str = "",
) -> RunResult:
    """Run towards a goal: preflight, lock, read everything again, drive.

    Args:
        session: the pair, playbook and journal.
        request: where to, and how.
        watchers: are told each event as it happens; an intent a moment before it is durable.
        controls: how a person stops it.
        plan: the saved plan that this run applies; its orgs must stand as they did.
        run: the id that a person was shown for it; a new one where it is empty.
        drill: the id of the drill that it belongs to, which must be open then.

    Raises:
        HamrError: nothing was intended; the error says why.
    """
    check_request(request, session.playbook)
    require_reasons(request.reason, request.overrides)
    emergency = request.mode is Mode.EMERGENCY
    if emergency:
        session.store.wait_at_most(EMERGENCY_BUSY_SECONDS)
    await session.calls(lambda: refuse_held(session, take_over=emergency))
    history = await session.calls(session.history)
    refuse_in_drill(history, request, drill)
    refuse_owing(history, request)
    refuse_before(history, session.playbook, session.clock, request)
    run = plan.run if plan is not None else run or session.new_run()
    async with session.world() as world, session.prober() as prober, session.notices(run) as notices:
        if request.mode is Mode.PLANNED:
            await world.require_keys()
        lock = await hold(session, run, take_over=emergency)
        controls = controls or Controls()
        running = Running(
            session,
            lock,
            Journalling(session, run, lock, (*watchers, notices)),
            RunState(run),
            controls,
            session.clock.monotonic(),
            since=request.since,
            started_at=session.clock.now(),
            goal=request.goal,
            command=request_command("run", request, session.playbook.name),
            request=request,
        )
        try:
            # What was true before the lock may not be true any more.
            history = await session.calls(session.history)
            refuse_in_drill(history, request, drill)
            refuse_owing(history, request)
            refuse_before(history, session.playbook, session.clock, request)
            if plan is not None:
                await session.calls(lambda: check_plan(session, plan))
            running.observer.supersedes = history.open_beside(run)
            running.observer.tell(_started(session, request, plan, drill))
            running.overridden_before = overridden_before(history, session.playbook, session.clock, request)
            for verdict, reason in running.overridden_before:
                running.observer.tell(GuardOverridden("", verdict, reason))
            await running.observer.commit()
            running.memory.mode = request.mode
            engine = engine_for(running, world, prober, request, history)
            return await conduct(running, engine, lambda: _start_drive(engine, request, plan))
        finally:
            await session.calls(lock.release)


def _started(session: Session, request: RunRequest, plan: Plan | None, drill: str) -> RunStarted:
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
        drill=drill,
    )


async def _start_drive(engine: Engine, request: RunRequest, plan: Plan | None) -> Ending:
    if plan is not None:
        await engine.reader.read_both("plan", once=False)
        moved = _moved_since(engine, plan)
        if moved is not None:
            return Ending(End.MOVED, moved, next_steps=(request_command("plan", request, plan.playbook),))
    return await engine.drive(request.goal)


def _moved_since(engine: Engine, plan: Plan) -> str | None:
    """What changed in the orgs since a plan was made, or None."""
    if engine.reader.last is None:
        return None
    for role, now in engine.reader.last.items():
        planned = plan.readings[role]
        org = engine.run.pair[role]
        if planned.record is None or now.record is None:
            if type(planned.sight) is not type(now.sight):
                return f"{org} answered {type(planned.sight).__name__.lower()} when the plan was made, and {type(now.sight).__name__.lower()} now"
            continue
        if not now.record.same_version(planned.record):
            return f"{org} was changed since the plan was made, by {now.record.modified_by}"
    return None


def check_plan(session: Session, plan: Plan) -> None:
    """Refuse a saved plan that no longer fits, as far as that can be told without reading the orgs.

    Raises:
        UsageError: it assumed a status, so it cannot be applied at all.
        Moved: it is spent, expired, or was made by another playbook or for other orgs.
        Refused: it leads nowhere.
    """
    again = (request_command("plan", plan.request, plan.playbook, ["--out FILE"]),)
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
    if not session.pair.is_of(plan.uuids) or tuple(org.base_url for org in session.pair.orgs) != tuple(
        plan.urls
    ):
        raise Moved(
            f"this plan was made for other orgs than the inventory's pair {session.pair.name}",
            next_steps=again,
        )
    if not plan.transitions and not plan.reachable:
        raise Refused(f"this plan has no transitions: {plan.ending}", next_steps=plan.next_steps or again)


async def apply(
    session: Session, plan: Plan, *, watchers: Sequence[Watcher] = (), controls: Controls | None = None
) -> RunResult:
    """Run a saved plan, exactly: refused where it is spent, expired, or made by another playbook.

    Raises:
        HamrError: the plan no longer fits (see `check_plan`), or as `start` says.
    """
    check_plan(session, plan)
    return await start(session, plan.request, watchers=watchers, controls=controls, plan=plan)
