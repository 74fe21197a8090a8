"""A drill on a pair that may be drilled: what it refuses, whom it keeps out, and how it is closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from orchestrator.drill import close, close_rehearsed, drill, drill_named
from orchestrator.errors import Conflict, ExitCode, Incomplete, JournalUnavailable, Refused, UsageError
from orchestrator.model.events import (
    DrillClosed,
    DrillStarted,
    Event,
    RunFinished,
    TransitionMade,
    WriteAnswered,
    WriteIntended,
)
from orchestrator.model.guard import Guard, Not
from orchestrator.model.journal import Holder
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Confirm
from orchestrator.model.run import Mode, Operator, RunRequest
from orchestrator.model.situation import PhaseName
from orchestrator.model.status import Both, Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.run import adopt, start
from orchestrator.operations.status import read_status
from orchestrator.simulator import Fault, ServerError
from tests.e2e.pairs import Bench, exits, quick_playbook, simulated
from tests.playbooks import changed
from tests.report.happened import ATTEMPT, POST, STARTED
from tests.steps import typed

pytestmark = pytest.mark.anyio

EMERGENCY = RunRequest("sim", Status.ACTIVE, Mode.EMERGENCY, "us1 is down")


@asynccontextmanager
async def drillable(folder: Path, *faults: Fault, may: bool = True) -> AsyncIterator[Bench]:
    """A simulated pair that is taken for a live one, and the shipped transitions without guards over probes."""
    quicker = Confirm(timedelta(milliseconds=200), timedelta(milliseconds=10))
    playbook = replace(changed(quick_playbook(), guards=()), confirm=quicker)
    async with simulated(folder, faults=faults, playbook=playbook) as bench:
        bench.session.pair = replace(bench.session.pair, drill=may, events=False)
        yield bench


def opened(bench: Bench) -> str:
    """A drill that was begun, and whose process then died."""
    bench.session.append("20260528-150000-abcd", DrillStarted(Status.ACTIVE, Status.PASSIVE, simulated=False))
    return "20260528-150000-abcd"


def statuses(bench: Bench) -> list[int]:
    return [bench.sim.record(role).status for role in Role]  # type: ignore[union-attr]


def noted(bench: Bench, drill: str) -> JSON:
    """What was to be remembered when it was closed."""
    (closed,) = bench.session.store.records(run=drill, kinds=(DrillClosed.kind,))
    return closed.data["notes"]


async def test_out_home_scored_and_closed(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        result = await drill(bench.session, Status.ACTIVE, notes="May's drill")
        assert result.exit_code is ExitCode.DONE, result.score.expectations
        assert statuses(bench) == [2, 2]
        assert len(bench.posts()) == 8
        assert [each.name for each in result.score.expectations] == [
            "out: exit code 0",
            "home: exit code 0",
            "out: ACTIVE within 15 min",
            "home: PASSIVE within 4 h",
            "at home in the end (agreed(PASSIVE))",
        ]
        assert not result.score.simulated
        held = bench.session.history().drills[result.score.drill]
        assert (held.open, held.passed, noted(bench, held.drill)) == (False, True, "May's drill")
        assert held.legs == [leg.run for leg in result.score.legs]


async def test_law_05_the_end_of_a_drill_says_first_to_look_again_where_something_may_come_late(
    tmp_path: Path,
) -> None:
    gone = Fault(ServerError(504), role=Role.PRIMARY, method="POST")
    async with drillable(tmp_path, gone) as bench:
        result = await drill(bench.session, Status.ACTIVE)
        assert result.exit_code is ExitCode.DONE, result.score.expectations
        assert typed(result.next_steps) == (f"hamr status {bench.session.pair.name}",)


async def test_a_pair_that_does_not_say_so_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    async with drillable(tmp_path, may=False) as bench:
        with pytest.raises(Refused, match="does not say drill: true, and no flag changes that"):
            await drill(bench.session, Status.ACTIVE)
        assert bench.sim.requests == ()
        assert bench.session.store.head().seq == 0


async def test_while_it_is_open_status_says_so_and_other_runs_are_refused(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        name = opened(bench)
        standing = await read_status(bench.session)
        assert standing.open_drill is not None
        assert (standing.open_drill.drill, standing.open_drill.home) == (name, Status.PASSIVE)
        with pytest.raises(Refused) as refusal:
            await start(bench.session, RunRequest("sim", Status.ACTIVE))
        assert typed(refusal.value.next_steps)[0] == f"hamr drill close {name} --notes TEXT"
        assert bench.posts() == []
        with pytest.raises(Refused, match="is in drill 20260528-150000-abcd already"):
            await drill(bench.session, Status.ACTIVE)


async def test_law_15_a_leg_of_a_drill_that_is_done_leads_to_no_other_run(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        request = RunRequest("sim", Status.ACTIVE)
        leg = exits(await start(bench.session, request, drill=opened(bench)), ExitCode.DONE)
        assert typed(leg.ending.next_steps) == (f"hamr show {leg.run}",)


async def test_law_09_an_emergency_is_not_held_up_by_a_drill_and_closes_none(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        opened(bench)
        bench.sim.set_dark(Role.PRIMARY, True)
        exits(await start(bench.session, EMERGENCY), ExitCode.OWING)
        assert bench.session.history().open_drill is not None


async def test_a_run_of_a_drill_that_was_closed_meanwhile_goes_no_further(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        name = opened(bench)
        bench.session.append(name, DrillClosed("by somebody else"))
        with pytest.raises(Refused, match="is not open any more"):
            await start(bench.session, RunRequest("sim", Status.ACTIVE), drill=name)


async def test_closing_after_a_crash_brings_the_pair_home(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        name = opened(bench)
        out = exits(await start(bench.session, RunRequest("sim", Status.ACTIVE), drill=name), ExitCode.DONE)
        found = drill_named({"sim": bench.session.history()}, out.run)
        assert found.drill == name
        failback = await close(bench.session, found, "the laptop's battery was empty")
        assert failback.at_home
        assert statuses(bench) == [2, 2]
        held = bench.session.history().drills[name]
        assert (held.open, noted(bench, name)) == (False, "the laptop's battery was empty")
        with pytest.raises(UsageError, match=r"was closed at .* already"):
            drill_named({"sim": bench.session.history()}, name)


async def test_closing_in_the_middle_of_a_transition_takes_the_way_back(tmp_path: Path) -> None:
    broken = Fault(ServerError(503), role=Role.PRIMARY, method="POST", times=None)
    async with drillable(tmp_path, broken) as bench:
        name = opened(bench)
        out = await start(bench.session, RunRequest("sim", Status.ACTIVE), drill=name)
        assert out.exit_code is not ExitCode.DONE
        with pytest.raises(Incomplete, match="stays open") as error:
            await close(bench.session, bench.session.history().drills[name], "too early")
        assert f"hamr drill close {name} --notes TEXT" in typed(error.value.next_steps)
        bench.sim.faults.clear()
        assert (await close(bench.session, bench.session.history().drills[name], "now")).at_home
        assert statuses(bench) == [2, 2]


async def test_closing_where_the_pair_is_at_home_writes_nothing_to_it(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        name = opened(bench)
        failback = await close(bench.session, bench.session.history().drills[name], "nothing was done")
        assert (failback.at_home, failback.results) == (True, ())
        assert bench.posts() == []


async def test_a_pair_that_an_emergency_has_moved_meanwhile_is_left_alone(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        name = opened(bench)
        real = await start(bench.session, EMERGENCY)
        before = len(bench.posts())
        failback = await close(bench.session, bench.session.history().drills[name], "it became real")
        assert failback.left_alone
        assert real.run in failback.why
        assert len(bench.posts()) == before
        assert bench.session.history().open_drill is None


async def test_a_drill_whose_way_out_fails_comes_home_all_the_same(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        transitions = bench.session.playbook.transitions
        shut = tuple(
            replace(transition, guards=("never",)) if transition.name == "activate" else transition
            for transition in transitions
        )
        guards = {**bench.session.playbook.guards, "never": Guard("never", Not("in_place"))}
        bench.session.playbook = replace(bench.session.playbook, transitions=shut, guards=guards)
        result = await drill(bench.session, Status.ACTIVE)
        assert result.exit_code is ExitCode.DRILL_MISSED
        assert not result.score.expectations[0].held
        assert [leg.name for leg in result.score.legs] == ["out", "clean-up"]
        assert result.closed
        assert statuses(bench) == [2, 2]


async def test_what_a_run_did_before_its_clean_up_took_it_up_is_told_once(tmp_path: Path) -> None:
    lost = (Fault(ServerError(503), role=Role.PRIMARY, method="POST", at=each) for each in (4, 5))
    async with drillable(tmp_path, *lost) as bench:
        result = await drill(bench.session, Status.ACTIVE)
        assert [leg.exit_code for leg in result.score.legs] == [0, 7, 0]
        assert len({leg.run for leg in result.score.legs}) == 2, "the clean-up took up the run home"
        assert [each for each in result.score.executed if "transition" in each] == [
            "out: transition declare (PASSIVE → FAILOVER), 2 writes",
            "out: transition activate (FAILOVER → ACTIVE), 2 writes",
            "home: transition recover (ACTIVE → RECOVERY), 2 writes",
            "clean-up: transition settle (RECOVERY → PASSIVE), 4 writes",
        ]


class StopsAfter(Struct):
    """Interrupts a run as soon as it has made a transition, as Ctrl-C would."""

    controls: RunControl
    transitions: int = 0

    def tell(self, event: Event) -> None:
        if isinstance(event, TransitionMade):
            self.transitions += 1
        if isinstance(event, TransitionMade) and self.transitions == 1:
            self.controls.interrupt(ExitCode.INTERRUPTED)


async def test_an_interrupted_drill_stays_open_for_a_person_to_close(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        controls = RunControl()
        controls.watchers = [StopsAfter(controls)]
        result = await drill(bench.session, Status.ACTIVE, controls=controls)
        assert result.exit_code is ExitCode.INTERRUPTED
        assert not result.closed
        assert result.score.expectations[-1].found == "the drill was interrupted"
        assert typed(result.next_steps) == (f"hamr drill close {result.score.drill} --notes TEXT",)
        assert bench.session.history().open_drill is not None
        held = bench.session.history().drills[result.score.drill]
        assert (await close(bench.session, held, "now")).at_home


class EmergencyAfterTheWayOut(Struct):
    """Somebody takes the pair for a real emergency, right after the drill has arrived."""

    bench: Bench
    done: bool = False

    def tell(self, event: Event) -> None:
        if isinstance(event, RunFinished) and not self.done:
            self.done = True
            self.bench.session.append("20260528-160000-real", STARTED)
            self.bench.session.append("20260528-160000-real", WriteIntended(ATTEMPT, POST, None))


class FullAfter(Struct):
    """The journal's disk is full as soon as a transition is made."""

    bench: Bench
    patch: pytest.MonkeyPatch

    def tell(self, event: Event) -> None:
        if isinstance(event, TransitionMade):
            for name in ("append", "append_all"):
                self.patch.setattr(self.bench.session.store, name, self.refuse)

    def refuse(self, *_: object, **__: object) -> None:
        raise JournalUnavailable("the journal is full")


async def test_a_drill_whose_journal_is_full_never_says_that_nothing_was_intended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with drillable(tmp_path) as bench:
        with pytest.raises(Incomplete, match=r"has begun, and could not go on: .*is full") as error:
            await drill(
                bench.session, Status.ACTIVE, controls=RunControl(watchers=[FullAfter(bench, monkeypatch)])
            )
        monkeypatch.undo()
        held = bench.session.history().open_drill
        assert held is not None
        assert typed(error.value.next_steps) == (
            "hamr status sim",
            f"hamr drill close {held.drill} --notes TEXT",
        )
        assert statuses(bench) == [3, 3]


async def test_a_drill_does_not_go_home_over_an_emergency_that_came_between(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        result = await drill(
            bench.session, Status.ACTIVE, controls=RunControl(watchers=[EmergencyAfterTheWayOut(bench)])
        )
        assert statuses(bench) == [4, 4]
        assert "20260528-160000-real" in result.score.expectations[1].found
        assert result.exit_code is ExitCode.DRILL_MISSED
        assert result.closed


class StrangerAfter(Struct):
    """Somebody else writes as soon as so many transitions were made, or runs have ended."""

    bench: Bench
    kind: type[Event]
    left: int
    role: Role = Role.PRIMARY
    status: Status = Status.FAILOVER

    def tell(self, event: Event) -> None:
        self.left -= isinstance(event, self.kind)
        if not self.left:
            self.left = -1
            self.bench.sim.foreign_write(self.role, self.status, "bob@example.com")


@pytest.mark.parametrize(
    ("kind", "count"),
    [(DrillStarted, 1), (RunFinished, 1), (RunFinished, 2), (WriteAnswered, 1), (WriteAnswered, 6)],
    ids=["after its look", "after the way out", "at home", "on the way out", "on the way home"],
)
async def test_law_03_a_drill_never_goes_on_over_somebody_else_until_a_person_says_so(
    tmp_path: Path, kind: type[Event], count: int
) -> None:
    async with drillable(tmp_path) as bench:
        stranger = StrangerAfter(bench, kind, count)
        result = await drill(bench.session, Status.ACTIVE, controls=RunControl(watchers=[stranger]))
        assert bench.sim.record(Role.PRIMARY).modified_by == "bob@example.com"  # type: ignore[union-attr]
        assert (result.exit_code, result.closed) == (ExitCode.DRILL_MISSED, False)
        assert "changed by somebody else: FAILOVER by bob@example.com" in result.score.expectations[-1].found
        drilled = result.score.drill
        steps = typed(result.next_steps)
        assert (steps[0], steps[-1]) == ("hamr status sim", f"hamr drill close {drilled} --notes TEXT")
        held = bench.session.history().drills[drilled]
        if (await read_status(bench.session)).phase.name is PhaseName.DIVERGED:
            with pytest.raises(Incomplete, match=r"once\. Drill") as error:
                await close(bench.session, held, "bob was asked")
            assert "hamr adopt sim --truth secondary --reason TEXT" in typed(error.value.next_steps)
            await adopt(bench.session, Role.SECONDARY, "bob was asked")
        assert (await close(bench.session, held, "bob was asked")).at_home


async def test_a_drill_begins_only_where_nothing_is_left_over(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        bench.sim.set_dark(Role.PRIMARY, True)
        await start(bench.session, EMERGENCY)
        bench.sim.set_dark(Role.PRIMARY, False)
        with pytest.raises(Refused, match="an org is owed its status"):
            await drill(bench.session, Status.ACTIVE)
    (tmp_path / "dark").mkdir()
    async with drillable(tmp_path / "dark") as bench:
        bench.sim.set_dark(Role.PRIMARY, True)
        with pytest.raises(Refused, match="a drill begins where both orgs agree"):
            await drill(bench.session, Status.ACTIVE)


async def test_a_drill_on_regions_that_are_gone_is_closed_without_them(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        bench.session.append("20260528-150000-abcd", DrillStarted(Status.ACTIVE, Status.PASSIVE))
        found = bench.session.history().drills["20260528-150000-abcd"]
        close_rehearsed(bench.session.store, Operator("bob", "desk"), found, "its terminal was closed")
        assert bench.session.history().open_drill is None
        assert bench.sim.requests == ()


def refusing(bench: Bench, transition: str) -> None:
    """A guard of that transition refuses from now on."""
    transitions, guards = bench.session.playbook.transitions, bench.session.playbook.guards
    bench.session.playbook = replace(
        bench.session.playbook,
        transitions=tuple(
            replace(each, guards=("never",)) if each.name == transition else each for each in transitions
        ),
        guards={**guards, "never": Guard("never", Not("in_place"))},
    )


async def test_a_way_home_that_a_guard_refuses_is_said_and_can_be_overridden_by_name(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        name = opened(bench)
        await start(bench.session, RunRequest("sim", Status.ACTIVE), drill=name)
        refusing(bench, "recover")
        held = bench.session.history().drills[name]
        with pytest.raises(Incomplete, match="never") as error:
            await close(bench.session, held, "too early")
        offered = typed(error.value.next_steps)
        assert f"hamr drill close {name} --notes TEXT --override never=REASON" in offered
        assert not any(each.startswith("hamr run") for each in offered), "an open drill refuses it"
        assert statuses(bench) == [4, 4]
        with pytest.raises(UsageError, match="no guard of that name"):
            await close(bench.session, held, "mistyped", overrides={"nevr": "I looked"})
        assert (await close(bench.session, held, "now", overrides={"never": "I looked"})).at_home
        assert statuses(bench) == [2, 2]


async def test_closing_never_writes_to_a_pair_that_may_not_be_drilled(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        name = opened(bench)
        await start(bench.session, RunRequest("sim", Status.ACTIVE), drill=name)
        sent = len(bench.posts())
        bench.session.pair = replace(bench.session.pair, drill=False)
        with pytest.raises(Refused, match="does not say drill: true"):
            await close(bench.session, bench.session.history().drills[name], "with another inventory")
        assert len(bench.posts()) == sent
        assert bench.session.history().open_drill is not None


async def test_closing_never_touches_other_orgs_under_the_same_name(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        result = await drill(bench.session, Status.ACTIVE)
        held = bench.session.history().drills[result.score.drill]
        assert held.started.orgs == Both(*(org.uuid for org in bench.session.pair.orgs))
        asked = len(bench.sim.requests)
        orgs = Both("550e8400-e29b-41d4-a716-446655440000", "650e8400-e29b-41d4-a716-446655440000")
        held.started = replace(held.started, orgs=orgs)
        with pytest.raises(Conflict, match="began on other orgs"):
            await close(bench.session, held, "with another inventory")
        assert len(bench.sim.requests) == asked


async def test_a_drill_of_other_orgs_under_the_same_name_keeps_no_run_off_these(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        orgs = Both("550e8400-e29b-41d4-a716-446655440000", "650e8400-e29b-41d4-a716-446655440000")
        began = DrillStarted(Status.ACTIVE, Status.PASSIVE, simulated=False, orgs=orgs)
        bench.session.append("20260528-150000-abcd", began)
        assert not any(each.verb == "drill close" for each in (await read_status(bench.session)).next_steps)
        result = await start(bench.session, RunRequest("sim", Status.ACTIVE))
        assert result.exit_code is ExitCode.DONE
        assert (await drill(bench.session, Status.PASSIVE)).closed


async def test_closing_takes_up_what_a_killed_process_of_the_drill_left(tmp_path: Path) -> None:
    async with drillable(tmp_path) as bench:
        name, controls = opened(bench), RunControl()
        controls.watchers = [StopsAfter(controls)]
        out = await start(bench.session, RunRequest("sim", Status.ACTIVE), controls=controls, drill=name)
        assert out.resumable
        pid, token = bench.session.host.this_process()
        gone = " ".join([*token.split(" ")[:2], "1"])  # the same pid, earlier in this boot
        now = bench.session.clock.now()
        bench.session.store.take_lock(
            Holder("0123456789ab", "sim", out.run, "ann", bench.session.host.name, pid, gone, now, now)
        )
        assert (await close(bench.session, bench.session.history().drills[name], "battery")).at_home
        assert statuses(bench) == [2, 2]
        assert bench.session.store.holder("sim") is None


def test_a_drill_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match=r"the journal knows no drill 'abc'\. None is open\."):
        drill_named({}, "abc")


async def test_closing_a_drill_goes_over_by_name_what_it_would_be_refused_for(tmp_path: Path) -> None:
    async with drillable(tmp_path, Fault(ServerError(), role=Role.SECONDARY, method="POST", at=2)) as bench:
        stranger = StrangerAfter(bench, WriteIntended, 3, Role.SECONDARY, Status.ACTIVE)
        result = await drill(bench.session, Status.ACTIVE, controls=RunControl(watchers=[stranger]))
        drilled = result.score.drill
        closing = f"hamr drill close {drilled} --notes TEXT --override unknown=REASON"
        assert typed(result.next_steps) == ("hamr status sim", closing)
        assert typed((await read_status(bench.session)).next_steps)[0] == closing
        held = bench.session.history().drills[drilled]
        with pytest.raises(Incomplete, match="nobody knows whether attempt 3") as error:
            await close(bench.session, held, "bob was asked")
        assert typed(error.value.next_steps) == ("hamr status sim", closing)
        assert (await close(bench.session, held, "bob was asked", overrides={"unknown": "we looked"})).at_home
