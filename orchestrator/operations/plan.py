"""Planning: the engine in the predicted world. Reads both orgs once, and cannot send anything but GETs (law 2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.datadog.wire import request_of
from orchestrator.engine.context import RunContext
from orchestrator.engine.engine import Engine
from orchestrator.engine.evaluator import BINDING_MIDWAY, Decision, GuardPolicy, Terms, may_ask, waits_for
from orchestrator.engine.predicted import PredictedClock, PredictedWorld, predicted_services
from orchestrator.journal.history import History
from orchestrator.model.events import Event, GuardsJudged, WriteConfirmed, WriteIntended
from orchestrator.model.guard import Probe, ProbeReading
from orchestrator.model.hook import Program, When
from orchestrator.model.org import Mirrors, Pair
from orchestrator.model.plan import Plan, PlannedTransition, PlannedWrite
from orchestrator.model.playbook import Advances, Transition
from orchestrator.model.protocols import Prober
from orchestrator.model.reading import Absent, Exchange, HamrRecord, Identity, Present, Reading
from orchestrator.model.run import End, Mode, RunRequest
from orchestrator.model.situation import OpenRun
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import request_command
from orchestrator.situation import phase_of
from orchestrator.situation.guard_kinds import depends_on, transition_probes
from orchestrator.situation.guards import strangers
from orchestrator.situation.state import RunState

from .preflight import judge_before
from .session import Session, playbook_digest, program_version
from .standing import read_pair

PLAN_LASTS = timedelta(minutes=15)
"""How long a saved plan can be applied."""


class _Collector(Struct):
    """The planner's observer: keeps what the engine tells."""

    events: list[Event] = field(default_factory=list)
    after_write: Callable[[Event], None] | None = None

    def tell(self, event: Event) -> None:
        self.events.append(event)
        if self.after_write is not None and isinstance(event, WriteConfirmed):
            self.after_write(event)

    async def commit(self) -> None:
        """Nothing: a plan leaves no trace."""


async def make_plan(session: Session, request: RunRequest, *, assumed: Status | None = None) -> Plan:
    """The plan for a request.

    Args:
        session: the pair, playbook and journal.
        request: where to, and how.
        assumed: plan as if both orgs stood there, without any network; None reads both orgs.

    Raises:
        KeyUnavailable: in a planned mode, a key cannot be had.
    """
    history = session.history()
    if assumed is None:
        async with session.reader() as reader:
            if request.mode is Mode.PLANNED:
                await reader.require_keys()
            (readings, identities), probed = await asyncio.gather(
                read_pair(session, reader, _needed(session, request), history.floors),
                probe_once(session, request),
            )
    else:
        readings, identities = assume(session.pair, assumed, session.clock.now(), session.clock.monotonic())
        probed = {}
    return await plan_from(session, request, history, readings, identities, probed=probed, assumed=assumed)


def _needed(session: Session, request: RunRequest) -> frozenset[Role]:
    """The orgs that are waited for: in an emergency those that one to this goal may need."""
    if request.mode is Mode.PLANNED:
        return frozenset(Role)
    return session.playbook.survivors_towards(request.goal)


async def probe_once(session: Session, request: RunRequest) -> dict[str, ProbeReading]:
    """Every probe of a transition that may be on the way, all at once; in an emergency an org's probes get its short deadline."""
    ways = {
        transition
        for each in session.playbook.transitions
        for transition in session.playbook.route(each.source, request.goal) or ()
    }
    probes = {
        probe.name: probe for transition in ways for probe in transition_probes(transition, session.playbook)
    }
    survivors = session.playbook.survivors_towards(request.goal)

    async def take(prober: Prober, probe: Probe) -> ProbeReading:
        org = depends_on(probe, session.pair)
        hurry = request.mode is Mode.EMERGENCY and org is not None and org not in survivors
        deadline = session.playbook.emergency_deadline.total_seconds() if hurry else None
        return await prober.take(probe, within=deadline)

    async with session.prober() as prober:
        readings = await asyncio.gather(*(take(prober, probe) for probe in probes.values()))
    return {reading.probe: reading for reading in readings}


def assume(
    pair: Pair, status: Status, now: datetime, monotonic: float
) -> tuple[Both[Reading], Both[Identity]]:
    """Readings as if both orgs stood at a status, made from the inventory alone."""

    def reading(role: Role) -> Reading:
        org, peer = pair[role], pair[role.other]
        record = HamrRecord(
            org_uuid=org.uuid,
            status=int(status),
            is_primary=role is Role.PRIMARY,
            modified_by="assumed",
            modified_at=now - timedelta(days=1),
            target_uuid=peer.uuid,
            target_name=peer.name,
            target_datacenter=peer.datacenter,
        )
        sight = Absent() if status is Status.ABSENT else Present(record, status)
        return Reading(role, sight, now, monotonic, Exchange(server_date=now), predicted=True)

    def identity(role: Role) -> Identity:
        return Identity(role, pair[role].uuid)

    return (
        Both(reading(Role.PRIMARY), reading(Role.SECONDARY)),
        Both(identity(Role.PRIMARY), identity(Role.SECONDARY)),
    )


async def plan_from(
    session: Session,
    request: RunRequest,
    history: History,
    readings: Both[Reading],
    identities: Both[Identity],
    *,
    probed: Mapping[str, ProbeReading],
    assumed: Status | None = None,
) -> Plan:
    """The plan that follows from readings: the same engine as a run's, in a world without a transport."""
    run, now = session.new_run(), session.clock.now()
    clock = PredictedClock(now, session.clock.monotonic())
    world = PredictedWorld(
        session.pair,
        session.playbook,
        readings,
        identities,
        lambda draft: request_of(session.pair, draft),
        clock,
        mirrors=session.pair.mirrors is Mirrors.YES,
    )
    gate = GuardPolicy(request.overrides)
    stands: list[str] = []
    collector = _Collector()
    engine = Engine(
        RunContext(
            session.pair,
            session.playbook,
            session.operator,
            # What is assumed was never seen.
            RunState(run, mode=request.mode, floors={} if assumed is not None else dict(history.floors)),
            world,
            clock,
            collector,
            predicted_services(clock, probed),
            jitter=lambda: 0.5,
            owed=history.owed,
            open_run=history.open_run.as_open_run() if history.open_run else None,
            known_runs=history.known_runs,
            command=request_command("run", request, session.playbook.name),
            old_is_true="reverted" in request.overrides,
        ),
        GuardPolicy(request.overrides, forecast=True),
    )
    collector.after_write = lambda _event: stands.append(_label(session, world, identities, engine))
    ending = await engine.drive(request.goal)
    open_run = history.open_run
    phase = phase_of(
        session.pair,
        readings,
        identities,
        session.playbook,
        owed=history.owed,
        open_run=open_run.as_open_run() if open_run else None,
        goal=request.goal,
        floors={} if assumed is not None else history.floors,
    )
    transitions = _transitions(session, collector.events, stands, engine, gate)
    return Plan(
        run=run,
        made_at=now,
        expires_at=now + PLAN_LASTS,
        version=program_version(),
        request=request,
        operator=session.operator,
        playbook=session.playbook.name,
        playbook_text=session.playbook.text,
        playbook_sha256=playbook_digest(session.playbook),
        orgs=Both(session.pair.orgs.primary.name, session.pair.orgs.secondary.name),
        uuids=Both(session.pair.orgs.primary.uuid, session.pair.orgs.secondary.uuid),
        urls=Both(session.pair.orgs.primary.base_url, session.pair.orgs.secondary.base_url),
        readings=readings,
        phase=phase.label,
        sentence=phase.sentence,
        transitions=transitions,
        ending=ending.message,
        reachable=ending.end in (End.DONE, End.OWING),
        before=judge_before(history, session.playbook, session.clock, request),
        next_steps=ending.next_steps,
        timeouts=session.playbook.timeouts,
        confirm_within=session.playbook.confirm.within.total_seconds(),
        confirm_every=session.playbook.confirm.every.total_seconds(),
        resend=session.playbook.resend,
        assumed=assumed,
        remember=session.playbook.remember if request.goal is Status.ACTIVE else (),
        objectives={status: span.total_seconds() for status, span in session.playbook.objectives.items()},
        mode=request.mode,
        unpaid=history.hooks_owed,
        unjournalled=history.unjournalled,
        open_drill=history.open_drill.drill if history.open_drill is not None else "",
        strangers=() if assumed is not None else strangers(readings, history.known_runs, now),
    )


def _label(session: Session, world: PredictedWorld, identities: Both[Identity], engine: Engine) -> str:
    """Where the pair would stand right after a write, by name."""
    memory = engine.run.state
    if memory.dead:
        return f"behind({next(iter(memory.dead))})"
    transition = memory.transition.transition if memory.transition else ""
    here = OpenRun(memory.run, Status.UNSPECIFIED, None, transition, memory.mode)
    return phase_of(
        session.pair, world.readings, identities, session.playbook, owed=engine.run.owed, open_run=here
    ).label


def _transitions(
    session: Session, events: list[Event], stands: list[str], engine: Engine, gate: GuardPolicy
) -> tuple[PlannedTransition, ...]:
    """The planned transitions, from what the engine told in the predicted world."""
    transitions: list[PlannedTransition] = []
    writes: dict[str, list[PlannedWrite]] = {}
    judged: dict[str, GuardsJudged] = {}
    labels = iter(stands)
    confirmed = {event.attempt: next(labels, "") for event in events if isinstance(event, WriteConfirmed)}
    maybe_mirrors = session.pair.mirrors is Mirrors.AUTO
    for event in events:
        match event:
            case GuardsJudged(transition=name):
                judged[name] = event
                writes.setdefault(name, [])
            case WriteIntended(attempt=attempt):
                first = not writes.get(attempt.transition)
                writes.setdefault(attempt.transition, []).append(
                    PlannedWrite(
                        role=attempt.role,
                        org=session.pair[attempt.role].name,
                        status=attempt.status,
                        request=event.request,
                        stands=confirmed.get(attempt.number, ""),
                        expected=event.expected,
                        condition=""
                        if first or not maybe_mirrors
                        else "only if this pair turns out not to mirror",
                    )
                )
            case _:
                pass
    for name, event in judged.items():
        transition = session.playbook.transition(name)
        if transition is not None:
            planned = _transition(transition, event, tuple(writes[name]), engine, gate)
            if any(isinstance(hook.what, Program) for hook in (*transition.before, *transition.after)):
                planned = _with_missing_hooks(planned, transition, session, engine.run.state.mode)
            transitions.append(planned)
    return tuple(transitions)


def _with_missing_hooks(
    planned: PlannedTransition, transition: Transition, session: Session, mode: Mode
) -> PlannedTransition:
    """The transition with the hooks whose programs could not be started here, looked up as a run looks them up."""
    from orchestrator.system.programs import find_program  # noqa: PLC0415 - most playbooks have no hooks

    missing = tuple(
        hook.name
        for when in When
        for hook in transition.hooks(when)
        if isinstance(hook.what, Program) and find_program(hook.what.run[0], session.environ) is None
    )
    # In an emergency no hook holds anything up, and of a transition that is half made those that come before are skipped.
    stops = mode is Mode.PLANNED and not planned.half_done
    stopped_by = tuple(hook.name for hook in transition.before if hook.name in missing) if stops else ()
    return replace(planned, missing=missing, stopped_by=stopped_by)


def _transition(
    transition: Transition,
    judged: GuardsJudged,
    writes: tuple[PlannedWrite, ...],
    engine: Engine,
    gate: GuardPolicy,
) -> PlannedTransition:
    decision = gate.decide(
        judged.verdicts,
        Terms(
            None if judged.binding else BINDING_MIDWAY,
            frozenset(transition.planned_only),
            engine.run.state.mode,
            engine.run.survivor,
        ),
    )
    playbook = engine.run.playbook
    ahead = {verdict.guard for verdict in decision.refused_by if verdict.judged_again}
    binding = tuple(verdict for verdict in decision.refused_by if verdict.guard not in ahead)
    limit = waits_for(Decision(binding), playbook)
    waits = () if limit is None else tuple(v.guard for v in binding)
    asks = tuple(v.guard for v in binding) if not waits and may_ask(Decision(binding), playbook) else ()
    return PlannedTransition(
        name=transition.name,
        source=transition.source,
        target=transition.target,
        why=transition.why,
        verdicts=judged.verdicts,
        refused_by=tuple(v.guard for v in binding if v.guard not in (*waits, *asks)),
        overridden=tuple(verdict.guard for verdict, _ in decision.overridden),
        waived=tuple(verdict.guard for verdict in decision.waived),
        writes=writes,
        waits_for_server=transition.advances is Advances.SERVER,
        half_done=not judged.binding,
        waits=waits,
        waits_seconds=limit or 0.0,
        asks=asks,
        before=transition.before,
        after=transition.after,
    )
