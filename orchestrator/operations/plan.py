"""Planning: the engine in the predicted world. Reads both orgs once, and cannot send anything but GETs (law 2)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator import __version__
from orchestrator.datadog.wire import request_of
from orchestrator.engine.context import RunContext
from orchestrator.engine.engine import Engine
from orchestrator.engine.evaluator import Decision, may_ask, waits_for
from orchestrator.engine.predicted import PredictedClock, PredictedWorld, predicted_services
from orchestrator.engine.reader import look_for_survivor
from orchestrator.errors import Refused
from orchestrator.journal.history import History, certificate_of
from orchestrator.model.events import Event, GuardsJudged, WriteConfirmed, WriteIntended
from orchestrator.model.floor import Floors, last_seen
from orchestrator.model.guard import Probe, ProbeReading
from orchestrator.model.org import Mirrors, Pair
from orchestrator.model.plan import Plan, PlannedTransition, PlannedWrite
from orchestrator.model.playbook import Advances, Playbook, Transition, When
from orchestrator.model.protocols import Prober
from orchestrator.model.reading import Absent, Exchange, HamrRecord, Identity, Present, Reading
from orchestrator.model.run import End, Mode, RunOutcome, RunRequest
from orchestrator.model.situation import OpenRun, Owed
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import View, phase_of
from orchestrator.situation.guard_kinds import depends_on, transition_probes
from orchestrator.situation.guards import strangers
from orchestrator.situation.link import BOTH_ROLES
from orchestrator.situation.next_steps import after_a_plan
from orchestrator.situation.state import RunState

from .locking import left_a_run, open_run_of, under_way
from .preflight import judge_before, refuse_owing
from .session import Session
from .status import may_come_late, read_pair

PLAN_LASTS = timedelta(minutes=15)
"""How long a saved plan can be applied."""


class _Forecast(Struct):
    """The planner's observer: keeps what the engine tells, and where the pair would stand after each write, by name."""

    pair: Pair
    playbook: Playbook
    world: PredictedWorld
    identities: Both[Identity]
    state: RunState
    owed: Owed | None
    events: list[Event] = field(default_factory=list)
    stands: dict[int | None, str] = field(default_factory=dict)
    """By the number of the attempt."""

    def tell(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, WriteConfirmed):
            self.stands[event.attempt] = self._label()

    async def commit(self) -> None:
        """Nothing: a plan leaves no trace."""

    def _label(self) -> str:
        state = self.state
        if state.dead:
            return f"behind({next(iter(state.dead))})"
        transition = state.transition.transition if state.transition else ""
        here = OpenRun(state.run, Status.UNSPECIFIED, None, transition, state.mode)
        view = View(self.pair, self.world.readings, self.playbook, self.owed, here)
        return phase_of(view, self.identities).label


async def make_plan(session: Session, request: RunRequest, *, assumed: Status | None = None) -> Plan:
    """The plan for a request; a KeyUnavailable where a key of a planned one can't be had.

    With `assumed` it is planned as if both orgs stood there, without any network.
    """
    history = session.history_by_name()
    if assumed is None:
        async with session.reader() as reader:

            async def look(
                needed: frozenset[Role],
            ) -> tuple[tuple[Both[Reading], Both[Identity]], dict[str, ProbeReading]]:
                return await asyncio.gather(
                    read_pair(session, reader, needed, history.floors),
                    _probe_once(session, request.goal, needed),
                )

            if request.mode is Mode.PLANNED:
                await reader.require_keys()
                (readings, identities), probed = await look(BOTH_ROLES)
            else:
                (readings, identities), probed = await look_for_survivor(
                    look,
                    session.playbook,
                    request.goal,
                    shown=lambda taken: taken[0][0],
                    last=lambda role: last_seen(history.floors, session.pair[role].uuid),
                )
    else:
        readings, identities = _assume(session.pair, assumed, session.clock.now(), session.clock.monotonic())
        probed = {}
    return await _Basis(session, request, history, readings, identities, probed, assumed).plan()


async def _probe_once(session: Session, goal: Status, needed: frozenset[Role]) -> dict[str, ProbeReading]:
    """Every probe of a transition that may be on the way, all at once; those of an org that is not waited for get a short deadline."""
    pair, playbook = session.pair, session.playbook
    ways = {
        transition for each in playbook.transitions for transition in playbook.route(each.source, goal) or ()
    }
    probes = {probe.name: probe for transition in ways for probe in transition_probes(transition, playbook)}

    async def take(prober: Prober, probe: Probe) -> ProbeReading:
        org = depends_on(probe, pair)
        hurry = org is not None and org not in needed
        return await prober.take(probe, within=playbook.emergency_deadline.total_seconds() if hurry else None)

    async with session.prober() as prober:
        readings = await asyncio.gather(*(take(prober, probe) for probe in probes.values()))
    return {reading.probe: reading for reading in readings}


def _assume(
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

    return (
        Both(reading(Role.PRIMARY), reading(Role.SECONDARY)),
        Both(*(Identity(role, org.uuid) for role, org in pair.orgs.items())),
    )


class _Basis(Struct, frozen=True):
    """All that a plan is made from."""

    session: Session
    request: RunRequest
    history: History
    readings: Both[Reading]
    identities: Both[Identity]
    probed: Mapping[str, ProbeReading]
    assumed: Status | None = None

    async def plan(self) -> Plan:
        """The plan that follows: the same engine as a run's, in a world without a transport."""
        session, request, history = self.session, self.request, self.history
        pair, playbook, now, assumed = session.pair, session.playbook, session.clock.now(), self.assumed
        holder = session.store.holder(pair.name)
        at_work = under_way(session, history, holder)
        left = holder is not None and at_work is None and assumed is None and left_a_run(history, holder)
        open_run = open_run_of(history, at_work)
        floors = {} if assumed is not None else history.floors  # what is assumed was never seen
        forecast, engine = self._in_the_predicted_world(floors, open_run)
        ending = await engine.drive(request.goal)
        view = View(pair, self.readings, playbook, history.owed, open_run, request.goal)
        phase = phase_of(view, self.identities, floors)
        transitions = _transitions(session, forecast, engine)
        try:
            if ending.end.reached and assumed is None:
                refuse_owing(history, request)
        except Refused as owing:
            ending = RunOutcome(End.REFUSED, owing.message, next_steps=owing.next_steps)
            transitions = ()
        made = Plan(
            run=forecast.state.run,
            made_at=now,
            expires_at=now + PLAN_LASTS,
            version=__version__,
            request=request,
            operator=session.operator,
            playbook=playbook.name,
            playbook_text=playbook.text,
            playbook_sha256=playbook.digest,
            orgs=Both(pair.orgs.primary.name, pair.orgs.secondary.name),
            uuids=Both(pair.orgs.primary.uuid, pair.orgs.secondary.uuid),
            urls=Both(pair.orgs.primary.base_url, pair.orgs.secondary.base_url),
            readings=self.readings,
            phase=phase.label,
            sentence=phase.sentence,
            transitions=transitions,
            ending=ending.message,
            reachable=ending.end.reached,
            before=judge_before(
                history, playbook, session.clock, request, at_work.holder.run if at_work is not None else ""
            ),
            next_steps=ending.next_steps,
            timeouts=playbook.timeouts,
            confirm_within=playbook.confirm.within.total_seconds(),
            confirm_every=playbook.confirm.every.total_seconds(),
            resend=playbook.resend,
            assumed=assumed,
            remember=playbook.remember if request.goal is Status.ACTIVE else (),
            objectives={status: span.total_seconds() for status, span in playbook.objectives.items()},
            mode=request.mode,
            unpaid=history.hooks_owed,
            unjournalled=history.unjournalled,
            open_drill=history.open_drill.drill if history.open_drill is not None else "",
            events_to=_told_by_events(session, transitions, request.mode),
            given_up=() if assumed is not None else may_come_late(session, history, self.readings),
            strangers=() if assumed is not None else strangers(self.readings, history.known_runs, now),
            under_way=None if assumed is not None else at_work,
            left_by=holder if left else None,
            certificate=certificate_of(session.store, pair.name),
        )
        return replace(made, next_steps=after_a_plan(made))

    def _in_the_predicted_world(self, floors: Floors, open_run: OpenRun | None) -> tuple[_Forecast, Engine]:
        """The engine, over what was read, and what notes all that it would do."""
        session, request, history = self.session, self.request, self.history
        pair, playbook = session.pair, session.playbook
        state = RunState(
            session.new_run(), mode=request.mode, overrides=dict(request.overrides), floors=dict(floors)
        )
        clock = PredictedClock(session.clock.now(), session.clock.monotonic())
        world = PredictedWorld(
            pair,
            playbook,
            self.readings,
            self.identities,
            partial(request_of, pair),
            clock,
            mirrors=pair.mirrors is Mirrors.YES,
        )
        forecast = _Forecast(pair, playbook, world, self.identities, state, history.owed)
        run = RunContext(
            pair,
            playbook,
            session.operator,
            state,
            world,
            clock,
            forecast,
            predicted_services(clock, self.probed),
            jitter=lambda: 0.5,
            owed=history.owed,
            open_run=open_run,
            known_runs=history.known_runs,
            command=request.as_step("run", playbook.name),
            forecast=True,
        )
        return forecast, Engine(run)


def _told_by_events(session: Session, transitions: tuple[PlannedTransition, ...], mode: Mode) -> Role | None:
    """The org that takes over: the survivor, or the one that the last transition writes first, as `notices` addresses it."""
    last = session.playbook.transition(transitions[-1].name) if transitions else None
    if last is None or not session.pair.events:
        return None
    return last.survivor if mode is Mode.EMERGENCY else last.writes[0]


def _transitions(session: Session, forecast: _Forecast, engine: Engine) -> tuple[PlannedTransition, ...]:
    writes: dict[str, list[PlannedWrite]] = {}
    judged: dict[str, GuardsJudged] = {}
    maybe_mirrors = session.pair.mirrors is Mirrors.AUTO
    for event in forecast.events:
        match event:
            case GuardsJudged(transition=name):
                judged[name] = event
                writes.setdefault(name, [])
            case WriteIntended(attempt=attempt):
                before = writes.setdefault(attempt.transition, [])
                unsure = "only if this pair turns out not to mirror" if before and maybe_mirrors else ""
                before.append(
                    PlannedWrite(
                        role=attempt.role,
                        org=session.pair[attempt.role].name,
                        status=attempt.status,
                        request=event.request,
                        stands=forecast.stands.get(attempt.number, ""),
                        expected=event.expected,
                        condition=unsure,
                    )
                )
    transitions: list[PlannedTransition] = []
    for transition, decision in engine.evaluator.decisions:
        if transition is not None:
            name = transition.name
            planned = _transition(transition, judged[name], decision, tuple(writes[name]), session.playbook)
            if any(transition.programs()):
                planned = _with_missing_hooks(planned, transition, session, engine.run.state.mode)
            transitions.append(planned)
    return tuple(transitions)


def _with_missing_hooks(
    planned: PlannedTransition, transition: Transition, session: Session, mode: Mode
) -> PlannedTransition:
    """The transition with the hooks whose programs could not be started here, looked up as a run looks them up."""
    from orchestrator.system.programs import find_program  # noqa: PLC0415 - most playbooks have no hooks

    missing = [
        (when, hook.name)
        for when, hook, program in transition.programs()
        if find_program(program, session.environ) is None
    ]
    # In an emergency no hook holds anything up, and of a transition that is half made those that come before are skipped.
    stops = mode is Mode.PLANNED and not planned.half_done
    return replace(
        planned,
        missing=tuple(name for _, name in missing),
        stopped_by=tuple(name for when, name in missing if stops and when is When.BEFORE),
    )


def _transition(
    transition: Transition,
    judged: GuardsJudged,
    decision: Decision,
    writes: tuple[PlannedWrite, ...],
    playbook: Playbook,
) -> PlannedTransition:
    ahead = {verdict.guard for verdict in decision.refused_by if verdict.judged_again}
    binding = tuple(verdict for verdict in decision.refused_by if verdict.guard not in ahead)
    limit = waits_for(binding, playbook)
    waits = () if limit is None else tuple(v.guard for v in binding)
    asks = tuple(v.guard for v in binding) if not waits and may_ask(binding, playbook) else ()
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
