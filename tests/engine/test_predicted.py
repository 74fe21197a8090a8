"""The predicted world: laws 1 and 2. The same engine, no transport, and what it foretells is what a run does."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

import orchestrator.engine.predicted as predicted_module
from orchestrator.engine.context import RunContext
from orchestrator.engine.engine import Engine
from orchestrator.engine.predicted import PredictedClock, PredictedWorld, predicted_services
from orchestrator.model.events import GuardsJudged, TransitionIntended, TransitionMade, WriteIntended
from orchestrator.model.org import Mirrors, Wire
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.reading import Draft, Identity, NotSent
from orchestrator.model.run import End, Mode, Operator, RunOutcome
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.state import RunState
from tests.clock import START

from .fake import DARK, PLAYBOOK, RUN, SERVER_ADVANCES, UUIDS, Bench, Notes, P, S, bench, pair, record

pytestmark = pytest.mark.anyio

ABSENT, ACTIVE, FAILOVER, PASSIVE = Status.ABSENT, Status.ACTIVE, Status.FAILOVER, Status.PASSIVE
ONBOARDING, RECOVERY = Status.ONBOARDING, Status.RECOVERY
CREATING = replace(
    PLAYBOOK,
    transitions=(Transition("create", ABSENT, ONBOARDING, writes=(P, S)), *PLAYBOOK.transitions),
    stops=(ONBOARDING, *PLAYBOOK.stops),
)


class Forecast(Struct):
    """A plan's engine, and what it told."""

    engine: Engine
    world: PredictedWorld
    clock: PredictedClock
    notes: Notes
    ending: RunOutcome

    def requests(self) -> list[tuple[str, Role, Status, JSON]]:
        return requests(self.notes)


def requests(notes: Notes) -> list[tuple[str, Role, Status, JSON]]:
    return [
        (event.attempt.transition, event.attempt.role, event.attempt.status, event.request.body)
        for event in notes.of(WriteIntended)
    ]


async def forecast(b: Bench, goal: Status) -> Forecast:
    """The plan from what a bench's world shows right now."""
    task = b.engine.run
    readings = Both(await b.world.read(P), await b.world.read(S))
    clock = PredictedClock(b.clock.now(), b.clock.monotonic())
    world = PredictedWorld(
        task.pair,
        task.playbook,
        readings,
        Both(Identity(P, UUIDS.primary), Identity(S, UUIDS.secondary)),
        b.world.describe,
        clock,
        mirrors=task.pair.mirrors is Mirrors.YES,
    )
    notes = Notes()
    planned = RunContext(
        task.pair,
        task.playbook,
        Operator("alice", "laptop"),
        RunState(RUN, mode=task.state.mode),
        world,
        clock,
        notes,
        predicted_services(clock),
        jitter=lambda: 0.5,
        forecast=True,
    )
    engine = Engine(planned)
    return Forecast(engine, world, clock, notes, await engine.drive(goal))


# No way to write


def test_law_02_the_predicted_world_has_no_way_to_reach_anything() -> None:
    source = inspect.getsource(predicted_module)
    imports = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imports == {
        "__future__",
        "collections.abc",
        "datetime",
        "msgspec",
        "msgspec.structs",
        ".context",
        "orchestrator.model.run",
        "orchestrator.model.playbook",
        "orchestrator.model.org",
        "orchestrator.model.guard",
        "orchestrator.model.protocols",
        "orchestrator.model.reading",
        "orchestrator.model.status",
    }


async def test_law_02_a_plan_leaves_the_real_world_as_it_is() -> None:
    b = bench()
    before = dict(b.world.records)
    await forecast(b, ACTIVE)
    assert b.world.posts() == []
    assert b.world.records == before


# Every goal from every status


@pytest.mark.parametrize("mirrors", list(Mirrors), ids=lambda mirrors: f"mirrors {mirrors.value}")
@pytest.mark.parametrize("goal", [PASSIVE, ACTIVE])
@pytest.mark.parametrize("start", [ABSENT, ONBOARDING, PASSIVE, FAILOVER, ACTIVE, RECOVERY])
async def test_law_01_a_plan_leads_from_every_status_to_every_goal(
    start: Status, goal: Status, mirrors: Mirrors
) -> None:
    b = bench(start, mirrors=mirrors, playbook=CREATING)
    plan = await forecast(b, goal)
    route = CREATING.route(start, goal)
    assert route is not None
    assert plan.ending.end is End.DONE, plan.ending
    assert [event.transition for event in plan.notes.of(TransitionMade)] == [
        transition.name for transition in route
    ]
    assert len(plan.requests()) == len(route) * (1 if mirrors is Mirrors.YES else 2)
    assert [reading.status for reading in plan.world.readings] == [goal, goal]


async def test_law_01_a_plan_from_midway_finishes_the_transition_first() -> None:
    b = bench()
    b.world.records[S] = record(S, FAILOVER, at=START - timedelta(minutes=1))
    plan = await forecast(b, ACTIVE)
    assert plan.ending.end is End.DONE, plan.ending
    assert [(transition, role, status) for transition, role, status, _ in plan.requests()] == [
        ("declare", P, FAILOVER),
        ("activate", S, ACTIVE),
        ("activate", P, ACTIVE),
    ]
    assert [event.binding for event in plan.notes.of(GuardsJudged)] == [False, True]


@pytest.mark.parametrize("start", [PASSIVE, FAILOVER])
async def test_law_01_a_plan_waits_for_the_moves_that_the_server_makes(start: Status) -> None:
    b = bench(start, playbook=SERVER_ADVANCES)
    plan = await forecast(b, ACTIVE)
    assert plan.ending.end is End.DONE, plan.ending
    assert [event.transition for event in plan.notes.of(TransitionIntended)][-1] == "activate"
    assert {status for _, _, status, _ in plan.requests()} <= {FAILOVER}


async def test_law_09_a_plan_of_an_emergency_leaves_the_dark_org_out() -> None:
    b = bench(mode=Mode.EMERGENCY, dark=P)
    plan = await forecast(b, ACTIVE)
    assert plan.ending.end is End.OWING
    assert [(role, status) for _, role, status, _ in plan.requests()] == [(S, FAILOVER), (S, ACTIVE)]


async def test_law_09_a_plan_of_an_emergency_waits_for_the_servers_move_on_the_survivor() -> None:
    b = bench(mode=Mode.EMERGENCY, playbook=SERVER_ADVANCES, dark=P)
    plan = await forecast(b, ACTIVE)
    assert plan.ending.end is End.OWING, plan.ending


async def test_a_plan_of_a_pair_that_is_dark_says_why_it_would_not_begin() -> None:
    b = bench(dark=P)
    plan = await forecast(b, ACTIVE)
    assert plan.ending.end is End.REFUSED
    assert plan.requests() == []


# The world itself


async def _world(
    start: Status = PASSIVE, *, mirrors: bool = False, playbook: Playbook = PLAYBOOK
) -> PredictedWorld:
    b = bench(start)
    readings = Both(await b.world.read(P), await b.world.read(S))
    return PredictedWorld(
        pair(),
        playbook,
        readings,
        Both(Identity(P, UUIDS.primary), Identity(S, UUIDS.secondary)),
        b.world.describe,
        PredictedClock(START, 1000.0),
        mirrors=mirrors,
    )


def _draft(role: Role, status: Status) -> Draft:
    return Draft(role, UUIDS[role], status, role is P, "stamp", UUIDS[role.other], "peer", "us1", Wire.SNAKE)


async def test_what_was_read_is_given_back_as_it_was_until_something_is_written() -> None:
    world = await _world()
    first = world.readings.primary
    assert await world.read(P) is first
    await world.write(_draft(S, FAILOVER))
    assert (await world.read(P)).predicted is True
    assert (await world.read(S)).status is FAILOVER
    assert (await world.read(P)).status is PASSIVE


async def test_a_mirror_copies_status_author_and_time_and_keeps_the_link() -> None:
    world = await _world(mirrors=True)
    await world.write(_draft(S, FAILOVER))
    copied = (await world.read(P)).record
    assert copied is not None
    assert (copied.org_uuid, copied.target_uuid, copied.is_primary) == (UUIDS.primary, UUIDS.secondary, True)
    assert (copied.status, copied.modified_by, copied.modified_at) == (3, "stamp", START)


async def test_a_write_to_an_org_that_did_not_answer_is_not_sent() -> None:
    world = await _world()
    world.readings = world.readings.with_(P, replace(world.readings.primary, sight=DARK))
    assert isinstance(await world.write(_draft(P, FAILOVER)), NotSent)


async def test_the_server_moves_nothing_before_somebody_has_waited_for_it() -> None:
    world = await _world(FAILOVER, playbook=SERVER_ADVANCES)
    assert (await world.read(P)).status is FAILOVER
    await world.clock.sleep(1)
    assert [(await world.read(role)).status for role in (P, S)] == [ACTIVE, ACTIVE]


async def test_the_predicted_clock_moves_when_somebody_sleeps() -> None:
    clock = PredictedClock(START, 5.0)
    await clock.sleep(2.5)
    assert (clock.now(), clock.monotonic()) == (START + timedelta(seconds=2.5), 7.5)


# A plan is what a run does


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[Bench, Status]:
    statuses = [ABSENT, ONBOARDING, PASSIVE, FAILOVER, ACTIVE, RECOVERY]
    mirrors = draw(st.sampled_from([Mirrors.YES, Mirrors.NO]))
    mode = draw(st.sampled_from(list(Mode)))
    orders = {transition.name: draw(st.sampled_from([(S, P), (P, S)])) for transition in CREATING.transitions}
    playbook = replace(
        CREATING,
        transitions=tuple(
            replace(transition, writes=orders[transition.name]) for transition in CREATING.transitions
        ),
    )
    b = bench(mirrors=mirrors, mode=mode, playbook=playbook, mirrored=mirrors is Mirrors.YES)
    for role in (P, S):
        status = draw(st.sampled_from(statuses))
        at = START - timedelta(hours=1, minutes=draw(st.integers(0, 3)))
        b.world.records[role] = None if status is ABSENT else record(role, status, at=at)
    if mode is Mode.EMERGENCY and draw(st.booleans()):
        b.world.sights[P] = DARK
    return b, draw(st.sampled_from([ONBOARDING, PASSIVE, ACTIVE]))


@settings(derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(_pairs())
async def test_law_01_a_run_sends_exactly_what_its_plan_foretold(drawn: tuple[Bench, Status]) -> None:
    b, goal = drawn
    plan = await forecast(b, goal)
    ending = await b.engine.drive(goal)
    assert plan.requests() == requests(b.notes)
    assert (plan.ending.end, plan.ending.message) == (ending.end, ending.message)
    assert [event.transition for event in plan.notes.of(TransitionMade)] == [
        event.transition for event in b.notes.of(TransitionMade)
    ]
