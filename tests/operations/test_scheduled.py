"""A run at its time: it waits without the lock, is cancelled from elsewhere, and goes by what it finds when it begins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.errors import Conflict, ExitCode, Locked, UsageError
from orchestrator.model.events import Event, RunCancelled, RunScheduled, RunStarted, Waiting
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.status import Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.locking import take_lock
from orchestrator.operations.run import start
from orchestrator.operations.scheduled import cancel, scheduled_named, start_at
from orchestrator.operations.status import read_status
from orchestrator.system.clock import SystemClock
from tests.e2e.pairs import Bench, exits, simulated
from tests.notices.receivers import channel, receiver
from tests.notices.test_runs import tells
from tests.playbooks import changed

pytestmark = pytest.mark.anyio

P, S = Role.PRIMARY, Role.SECONDARY
TO_ACTIVE = RunRequest("sim", Status.ACTIVE, reason="CHG-77", expect=Status.PASSIVE)
HOUR = timedelta(hours=1)


class QuickClock(SystemClock):
    """A wall clock that is set on by as much as is waited, until the time has come; then it goes as ever."""

    __slots__ = ("ahead", "meanwhile", "until")

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.until = self.now() + HOUR
        self.meanwhile: Callable[[], object] = lambda: None
        """Is called at the first look."""

    def now(self) -> datetime:
        return super().now() + self.ahead

    async def sleep(self, seconds: float) -> None:
        if self.now() >= self.until:
            await super().sleep(seconds)
            return
        act, self.meanwhile = self.meanwhile, lambda: None
        act()
        self.ahead += (
            max(timedelta(seconds=seconds), HOUR / 20)
            if self.now() < self.until - HOUR / 20
            else timedelta(seconds=seconds)
        )
        await super().sleep(0)


def quick(bench: Bench) -> QuickClock:
    """Such a clock, and no guards: the regions' telemetry is of their own time."""
    clock = QuickClock()
    bench.session.playbook = replace(changed(bench.session.playbook, guards=()), guards={}, probes={})
    bench.session.clock = clock
    return clock


def kinds(bench: Bench) -> list[str]:
    wanted = (RunScheduled.kind, RunCancelled.kind, RunStarted.kind)
    return [record.kind for record in bench.session.store.records(kinds=wanted)]


class Watching:
    def __init__(self) -> None:
        self.waits: list[str] = []

    def tell(self, event: Event) -> None:
        if isinstance(event, Waiting) and "UTC" in event.what:
            self.waits.append(event.what)


async def test_a_run_waits_for_its_time_and_then_goes(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        clock, watching = quick(bench), Watching()
        began: list[object] = []
        clock.meanwhile = lambda: began.extend([bench.session.store.holder("sim"), len(bench.sim.requests)])
        result = await start_at(
            bench.session, TO_ACTIVE, clock.until, controls=RunControl(watchers=[watching])
        )
        assert result.exit_code is ExitCode.DONE, result.ending
        assert began == [None, 0], "without the lock, and nothing was asked yet"
        assert kinds(bench) == ["run.scheduled", "run.started"]
        assert set(watching.waits) == {f"{clock.until:%Y-%m-%d %H:%M:%S} UTC"}
        started = next(iter(bench.session.store.records(kinds=(RunStarted.kind,))))
        assert started.run == result.run
        assert datetime.fromisoformat(started.at) >= clock.until
        assert bench.session.history().waiting(clock.now()) == ()


async def test_who_looks_meanwhile_is_told_of_it_and_how_to_cancel_it(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        clock = quick(bench)
        run = bench.session.new_run()
        bench.session.append(run, RunScheduled(Status.ACTIVE, clock.until, Status.PASSIVE))
        standing = await read_status(bench.session)
        (scheduled,) = standing.scheduled
        assert (scheduled.run, scheduled.goal, scheduled.by) == (run, Status.ACTIVE, "alice@laptop")
        assert [str(step) for step in standing.next_steps] == [
            "hamr plan sim --to ACTIVE",
            f"hamr cancel {run}",
        ]
        clock.ahead += HOUR + timedelta(seconds=90)
        assert (await read_status(bench.session)).scheduled == (), "its time is past"


async def test_a_cancellation_that_comes_just_before_its_beginning_stops_it(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        run = bench.session.new_run()
        bench.session.append(run, RunCancelled("just in time"))
        result = exits(await start(bench.session, TO_ACTIVE, run=run), ExitCode.INTERRUPTED)
        assert result.ending.message == "cancelled by alice@laptop: just in time"
        assert bench.posts() == []


async def test_a_run_that_has_begun_is_not_cancelled(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        result = await start(bench.session, TO_ACTIVE)
        with pytest.raises(Conflict, match="has begun meanwhile"):
            cancel(bench.session, result.run, "too late")
        with pytest.raises(UsageError, match="has begun, and waits for no time any more"):
            scheduled_named([bench.session.history()], result.run)


async def test_law_18_a_machine_that_slept_over_its_time_does_not_begin(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        clock = quick(bench)

        def sleeps() -> None:
            clock.ahead += 6 * HOUR

        clock.meanwhile = sleeps
        with pytest.raises(Conflict, match="this machine slept meanwhile, or its clock was set"):
            await start_at(bench.session, TO_ACTIVE, clock.until)
        assert kinds(bench) == ["run.scheduled", "run.cancelled"]
        assert bench.sim.requests == ()


async def test_law_18_one_that_woke_before_its_time_still_waits_for_it(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        clock = quick(bench)

        def sleeps() -> None:
            clock.ahead += HOUR / 2

        clock.meanwhile = sleeps
        result = await start_at(bench.session, TO_ACTIVE, clock.until)
        assert result.exit_code is ExitCode.DONE, result.ending
        started = next(iter(bench.session.store.records(kinds=(RunStarted.kind,))))
        assert datetime.fromisoformat(started.at) >= clock.until


async def test_a_pair_that_was_moved_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        clock = quick(bench)

        def moves() -> None:
            for role in Role:
                bench.sim.foreign_write(role, Status.FAILOVER, "bob@example.com")

        clock.meanwhile = moves
        result = await start_at(bench.session, TO_ACTIVE, clock.until)
        assert result.exit_code is ExitCode.MOVED
        assert result.ending.message.startswith(
            "the pair was expected at PASSIVE, and Simulated Primary (primary) shows FAILOVER"
        )
        assert bench.posts() == []


async def test_law_12_who_holds_the_pair_when_the_time_has_come_goes_first(tmp_path: Path) -> None:
    async with receiver() as there, simulated(tmp_path) as bench:
        clock = quick(bench)
        tells(bench, channel(), environ=there.environ)
        bob = bench.other_session()
        clock.meanwhile = lambda: take_lock(bob, bob.new_run(), take_over=False)
        with pytest.raises(Locked):
            await start_at(bench.session, TO_ACTIVE, clock.until)
        assert kinds(bench) == ["run.scheduled", "run.cancelled"]
        assert there.told == ["waiting", "stopped"]
        waiting, stopped = (delivery.body for delivery in there.deliveries)
        assert waiting["title"] == f"hamr: sim waits until {clock.until:%Y-%m-%d %H:%M:%S} UTC"
        assert waiting["next"]["command"] == f"hamr cancel {waiting['run']}"
        assert stopped["title"] == "hamr: sim does not begin"
        assert "is locked by bob on " in stopped["text"]


async def test_an_emergency_waits_for_nothing(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        clock = quick(bench)
        with pytest.raises(UsageError, match="an emergency waits for no time"):
            await start_at(bench.session, replace(TO_ACTIVE, mode=Mode.EMERGENCY), clock.until)
        assert kinds(bench) == []
