"""Where a run enters the table, and law 14: it never goes back without a transition, or into what was not reached."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.engine.context import Stopped
from orchestrator.engine.route import Entry, enter, survivor_of
from orchestrator.journal.history import histories_of
from orchestrator.model.events import TransitionMade
from orchestrator.model.playbook import Transition
from orchestrator.model.reading import Absent, Denied, Present, Sight, Unreadable, Unrecognised
from orchestrator.model.run import End, Mode
from orchestrator.model.situation import OpenRun, PhaseName
from orchestrator.model.status import Both, Role, Status
from tests.clock import START
from tests.playbooks import changed, without
from tests.steps import typed

from .fake import DARK, PLAYBOOK, Bench, P, S, bench, look, record, started

pytestmark = pytest.mark.anyio

ABSENT, ONBOARDING, ACTIVE, FAILOVER, PASSIVE, RECOVERY = (
    Status.ABSENT,
    Status.ONBOARDING,
    Status.ACTIVE,
    Status.FAILOVER,
    Status.PASSIVE,
    Status.RECOVERY,
)
TRANSITION = {transition.name: transition for transition in PLAYBOOK.transitions}


def standing(primary: Status, secondary: Status, *, first: Role = S, mode: Mode = Mode.PLANNED) -> Bench:
    """A pair whose orgs were changed a minute apart, `first` before the other."""
    b = bench(mode=mode)
    for role, status in ((P, primary), (S, secondary)):
        at = START - timedelta(hours=2, minutes=0 if role is not first else 1)
        b.world.records[role] = None if status is ABSENT else record(role, status, at=at)
    return b


async def entry_of(b: Bench, goal: Status, open_run: OpenRun | None = None) -> Entry:
    b.engine.run.open_run = open_run
    phase = await look(b, goal)
    return enter(b.engine.run, phase, b.engine.reader.readings, goal)


@pytest.mark.parametrize("status", [ONBOARDING, PASSIVE, FAILOVER, ACTIVE, RECOVERY])
async def test_an_agreed_pair_enters_where_it_stands(status: Status) -> None:
    assert await entry_of(standing(status, status), PASSIVE) == Entry(status)


async def test_a_pair_without_records_enters_at_absent_where_a_transition_begins_there() -> None:
    create = Transition("create", ABSENT, ONBOARDING)
    b = standing(ABSENT, ABSENT)
    b.engine.run.playbook = replace(PLAYBOOK, transitions=(create, *PLAYBOOK.transitions))
    assert await entry_of(b, PASSIVE) == Entry(ABSENT)


async def test_a_pair_without_records_is_refused_where_no_transition_begins_there() -> None:
    with pytest.raises(Stopped) as stop:
        await entry_of(standing(ABSENT, ABSENT), PASSIVE)
    assert stop.value.ending.end is End.REFUSED
    assert typed(stop.value.ending.next_steps)


async def test_a_half_made_transition_is_entered_at_its_beginning_with_the_org_that_is_there() -> None:
    b = standing(PASSIVE, FAILOVER, first=P)
    assert await entry_of(b, ACTIVE) == Entry(PASSIVE, TRANSITION["declare"], frozenset({S}))


async def test_the_way_there_may_lead_on_from_the_half_made_transition() -> None:
    b = standing(FAILOVER, ACTIVE, first=P)
    assert await entry_of(b, PASSIVE) == Entry(FAILOVER, TRANSITION["activate"], frozenset({S}))


# Going back


async def test_law_14_going_back_takes_the_transition_that_leads_back() -> None:
    b = standing(PASSIVE, FAILOVER, first=P)
    assert await entry_of(b, PASSIVE) == Entry(FAILOVER, TRANSITION["abort"], frozenset({P}))
    b = standing(PASSIVE, FAILOVER, first=P)
    await b.drive(PASSIVE, End.DONE)
    assert b.world.posts() == ["POST secondary PASSIVE"]


async def test_law_14_going_back_without_such_a_transition_is_refused() -> None:
    b = standing(PASSIVE, FAILOVER, first=P)
    b.engine.run.playbook = without(PLAYBOOK, "abort")
    with pytest.raises(Stopped) as stop:
        await entry_of(b, PASSIVE)
    assert "no transition that leads back" in stop.value.ending.message
    assert "hamr run payments --to ACTIVE" in typed(stop.value.ending.next_steps)


async def test_law_14_going_back_to_the_start_never_enters_a_status_that_was_not_reached() -> None:
    """Midway in activate, with PASSIVE as the start: the way home would lead through RECOVERY."""
    open_run = OpenRun("20261122-030000-test", ACTIVE, PASSIVE, "activate")
    with pytest.raises(Stopped) as stop:
        await entry_of(standing(FAILOVER, ACTIVE, first=P), PASSIVE, open_run)
    assert stop.value.ending.end is End.REFUSED


async def test_law_14_where_a_run_began_is_known_from_its_first_transition() -> None:
    b = bench()
    b.notes.tell(started(ACTIVE))
    b.world.script[P] = ["ok", "400"]
    await b.drive(ACTIVE, End.INCOMPLETE)
    open_run = histories_of(b.notes.records(START))["payments"].open_run
    assert open_run is not None
    facts = open_run.as_open_run()
    assert facts is not None
    assert (facts.start, facts.transition, facts.goal) == (PASSIVE, "activate", ACTIVE)
    assert b.world.statuses() == (FAILOVER, ACTIVE)
    again = bench(world=b.world, open_run=facts)
    await again.drive(PASSIVE, End.REFUSED)
    assert b.world.statuses() == (FAILOVER, ACTIVE)


async def test_law_14_a_failed_step_pauses_and_rolls_nothing_back() -> None:
    b = bench(script={P: ["400"]})
    await b.drive(ACTIVE, End.INCOMPLETE)
    assert b.world.statuses() == (PASSIVE, FAILOVER)
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER"]
    assert b.notes.of(TransitionMade) == []


async def test_law_14_a_person_who_stops_a_run_leaves_it_where_it_is() -> None:
    b = bench()
    b.world.after_write = lambda _draft: b.engine.ask_to_stop("stopped, as asked")
    await b.drive(ACTIVE, End.INTERRUPTED)
    assert b.world.posts() == ["POST secondary FAILOVER"]


# Refusals


@pytest.mark.parametrize(
    ("primary", "secondary"),
    [(PASSIVE, ACTIVE), (PASSIVE, ABSENT), (RECOVERY, FAILOVER)],
    ids=["diverged", "half-absent", "far apart"],
)
async def test_law_15_a_pair_that_nothing_explains_is_refused_with_a_next_command(
    primary: Status, secondary: Status
) -> None:
    b = standing(primary, secondary)
    ending = await b.drive(ACTIVE, End.REFUSED)
    assert any("hamr adopt" in step for step in typed(ending.next_steps))
    assert b.world.posts() == []


@pytest.mark.parametrize(
    "sight",
    [DARK, Denied("403"), Unreadable("HTML"), Unrecognised(replace(record(P, PASSIVE), status=7)), Absent()],
    ids=["dark", "403", "html", "status 7", "404"],
)
@pytest.mark.parametrize("role", [P, S])
async def test_law_09_planned_mode_needs_both_orgs(role: Role, sight: Sight) -> None:
    b = bench()
    if isinstance(sight, Unrecognised):
        sight = Unrecognised(replace(record(role, PASSIVE), status=7))
    b.world.sights[role] = sight
    ending = await b.drive(ACTIVE, End.REFUSED)
    assert typed(ending.next_steps)
    assert b.world.posts() == []


async def test_a_mislinked_pair_is_refused() -> None:
    b = bench()
    b.world.sights[P] = Present(replace(record(P, PASSIVE), target_uuid="x"), PASSIVE)
    await b.drive(ACTIVE, End.REFUSED)
    assert b.world.posts() == []


async def test_a_status_without_a_way_to_the_goal_is_refused() -> None:
    b = bench(start=Status.UNSPECIFIED)
    await b.drive(ACTIVE, End.REFUSED, saying="has no way from UNSPECIFIED")


async def test_law_15_a_pair_without_records_is_led_to_the_playbook_that_creates_them() -> None:
    ending = await standing(ABSENT, ABSENT).drive(ACTIVE, End.REFUSED, saying="has no way from ABSENT")
    assert typed(ending.next_steps)[0] == "hamr plan payments --to ONBOARDING --playbook onboarding"


async def test_a_half_made_transition_without_a_way_on_is_refused() -> None:
    short = replace(
        PLAYBOOK, transitions=(TRANSITION["enroll"], TRANSITION["declare"], TRANSITION["activate"])
    )
    b = standing(PASSIVE, FAILOVER, first=P)
    b.engine.run.playbook = short
    with pytest.raises(Stopped) as stop:
        await entry_of(b, RECOVERY)
    assert "no way on to RECOVERY" in stop.value.ending.message


# Emergencies


async def test_law_09_an_emergency_enters_where_its_survivor_stands() -> None:
    b = standing(PASSIVE, FAILOVER, mode=Mode.EMERGENCY)
    b.world.sights[P] = DARK
    assert await entry_of(b, ACTIVE) == Entry(FAILOVER, None, frozenset(), S)


async def test_law_09_an_emergency_may_find_the_other_org_ahead() -> None:
    b = standing(FAILOVER, PASSIVE, mode=Mode.EMERGENCY, first=S)
    assert await entry_of(b, ACTIVE) == Entry(PASSIVE, TRANSITION["declare"], frozenset({P}), S)


async def test_law_09_an_emergency_on_a_diverged_pair_that_is_seen_is_refused() -> None:
    b = standing(RECOVERY, FAILOVER, mode=Mode.EMERGENCY)
    await b.drive(ACTIVE, End.REFUSED)
    assert b.world.posts() == []


def test_survivors_are_named_by_transitions() -> None:
    b = bench()
    assert survivor_of(b.engine.run, PASSIVE, ACTIVE) is S
    assert PLAYBOOK.survivors_at(ACTIVE) == {S}
    assert PLAYBOOK.survivors_at(RECOVERY) == frozenset()
    with pytest.raises(Stopped, match="different survivors"):
        survivor_of(bench(playbook=changed(PLAYBOOK, "declare", survivor=P)).engine.run, PASSIVE, ACTIVE)


async def test_phase_of_a_half_made_transition_is_midway() -> None:
    b = standing(PASSIVE, FAILOVER, first=P)
    phase = await look(b, ACTIVE)
    assert (phase.name, phase.transition) == (PhaseName.MIDWAY, "declare")
    assert Both(P, S)[P] is P
