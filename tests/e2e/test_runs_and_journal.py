"""What a run owes its journal, and other runs of its pair; and that a busy journal keeps none from ending."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec.structs import replace

from orchestrator.errors import (
    Conflict,
    ExitCode,
    JournalDamaged,
    JournalUnavailable,
    KeyUnavailable,
    Locked,
    UsageError,
)
from orchestrator.journal import InlineCalls
from orchestrator.journal.history import event_of
from orchestrator.model.events import (
    LockBroken,
    RunFinished,
    SituationRead,
    TransitionIntended,
    WriteConfirmed,
)
from orchestrator.model.journal import Entry, Holder
from orchestrator.model.org import EnvironmentKey
from orchestrator.model.playbook import Confirm, Hook, Program
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.status import Both, Role, Status
from orchestrator.operations import supervise
from orchestrator.operations.holding import RunControl
from orchestrator.operations.locking import break_lock
from orchestrator.operations.plan import make_plan
from orchestrator.operations.run import adopt, resume, start
from orchestrator.operations.status import read_status
from orchestrator.simulator import AppliedLate, ClientError, Fault, ServerError, SimulatorConfig
from tests.journal.conftest import tamper
from tests.playbooks import changed
from tests.steps import typed

from .pairs import Bench, On, before_appending, exits, full_disk, quick_playbook, simulated

pytestmark = pytest.mark.anyio

TO_ACTIVE = RunRequest("sim", Status.ACTIVE)
HOME = RunRequest("sim", Status.PASSIVE)
SHORT = replace(quick_playbook(), confirm=Confirm(timedelta(milliseconds=300), timedelta(milliseconds=20)))


async def midway(bench: Bench) -> str:
    """A run that stopped between its two writes, and can be resumed."""
    bench.sim.faults.add(Fault(ClientError(400, "not now"), method="POST", role=Role.PRIMARY))
    stopped = exits(await start(bench.session, TO_ACTIVE), ExitCode.INCOMPLETE)
    return stopped.run


async def test_law_14_a_refused_run_leaves_the_open_one_to_be_resumed(tmp_path: Path) -> None:
    async with simulated(tmp_path, playbook=SHORT) as bench:
        run = await midway(bench)
        bench.sim.set_dark(Role.PRIMARY, True)
        exits(await start(bench.session, HOME), ExitCode.REFUSED)
        bench.sim.set_dark(Role.PRIMARY, False)
        open_run = bench.open_run
        assert open_run.run == run
        assert (await resume(bench.session, open_run)).exit_code is ExitCode.DONE


async def test_law_05_what_came_late_before_a_later_run_is_not_said_to_be_on_its_way(tmp_path: Path) -> None:
    late = Fault(AppliedLate(0.6), method="POST", role=Role.SECONDARY)
    async with simulated(tmp_path, playbook=replace(SHORT, resend=0), faults=[late]) as bench:
        exits(await start(bench.session, TO_ACTIVE), ExitCode.UNKNOWN)
        await asyncio.sleep(0.6)
        known = replace(TO_ACTIVE, overrides={"unknown": "it came", "settled": "it came"})
        done = exits(await start(bench.session, known), ExitCode.DONE)
        assert done.ending.sent == "3 writes were sent and seen by reading back."
        assert (await read_status(bench.session)).given_up == ()


async def test_a_transition_that_was_half_made_before_counts_the_writes_of_both_halves(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        controls = RunControl()
        controls.watchers = (On(WriteConfirmed, lambda: controls.interrupt(ExitCode.INTERRUPTED)),)
        stopped = exits(await start(bench.session, TO_ACTIVE, controls=controls), ExitCode.INTERRUPTED)
        assert stopped.ending.message == "stopped before the next write, as asked; it can be resumed"
        resumed = exits(await resume(bench.session, bench.open_run), ExitCode.DONE)
        assert [(step.transition, step.writes) for step in resumed.steps] == [("declare", 2), ("activate", 2)]


async def test_a_run_that_was_interrupted_before_it_sent_anything_is_not_said_to_be_resumable(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        controls = RunControl()
        controls.watchers = (On(SituationRead, lambda: controls.interrupt(ExitCode.INTERRUPTED)),)
        stopped = exits(await start(bench.session, TO_ACTIVE, controls=controls), ExitCode.INTERRUPTED)
        assert (stopped.resumable, stopped.ending.sent) == (False, "Nothing was sent.")
        assert stopped.ending.message == "stopped before the next write, as asked"


async def test_law_12_a_lock_that_was_given_back_meanwhile_is_not_said_to_be_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path) as bench:
        store = bench.session.store
        release, now = type(store).release, bench.session.clock.now()
        store.take_lock(Holder("abc", "sim", "run", "bob", "elsewhere", 1, "", taken_at=now, beat_at=now))

        def too_late(self: object, lock: str, *entries: Entry) -> bool:
            release(store, lock)
            return release(store, lock, *entries)

        monkeypatch.setattr(type(store), "release", too_late)
        with pytest.raises(UsageError, match="nobody holds pair sim"):
            break_lock(bench.session, "abc", "stuck")
        assert [*store.records(kinds=(LockBroken.kind,))] == []


async def test_law_09_a_missing_key_of_the_dead_org_does_not_hold_an_emergency_up(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        pair = bench.session.pair
        keyless = replace(pair.orgs.primary, api_key=EnvironmentKey("NOBODY_SET_THIS"))
        bench.session.pair = replace(pair, orgs=Both(keyless, pair.orgs.secondary))
        emergency = replace(TO_ACTIVE, mode=Mode.EMERGENCY, reason="us1 is down")
        exits(await start(bench.session, emergency), ExitCode.OWING)
        assert bench.posts() == ["secondary 3 applied", "secondary 4 applied"]
        with pytest.raises(KeyUnavailable, match="NOBODY_SET_THIS"):
            await adopt(bench.session, Role.SECONDARY, "so it is")


async def test_law_07_a_run_is_not_taken_up_on_other_orgs_than_it_began_on(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        name = await midway(bench)
        run = bench.session.history().runs[name]
        posts = len(bench.posts())
        pair = bench.session.pair
        other = replace(pair.orgs.primary, uuid="770e8400-e29b-41d4-a716-446655440000")
        bench.session.pair = replace(pair, orgs=Both(other, pair.orgs.secondary))
        with pytest.raises(Conflict, match="began on other orgs than the inventory now names"):
            await resume(bench.session, run)
        assert len(bench.posts()) == posts


async def test_law_14_a_failed_step_says_what_was_sent_and_how_to_resume_go_back_or_switch(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        run = await midway(bench)
        (record,) = bench.session.store.records(run=run, kinds=(RunFinished.kind,))
        ending = record.data["ending"]
        assert isinstance(ending, dict)
        assert ending["sent"] == "1 write was sent and seen by reading back."
        finished = event_of(record)
        assert isinstance(finished, RunFinished)
        assert typed(finished.ending.next_steps) == (
            f"hamr resume {run}",
            "hamr run sim --to PASSIVE",
            f"hamr resume {run} --emergency --reason TEXT",
            "hamr status sim",
            f"hamr show {run}",
        )


async def test_a_run_that_goes_takes_the_place_of_the_open_one(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        run = await midway(bench)
        stale = bench.session.history().runs[run]
        back = exits(await start(bench.session, HOME), ExitCode.DONE)
        assert bench.session.history().runs[run].superseded_by == back.run
        with pytest.raises(Conflict, match=f"run {back.run} took its place"):
            await resume(bench.session, stale)


async def test_law_16_a_journal_that_was_edited_is_not_believed_and_nothing_is_sent(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        run = await midway(bench)
        posts = len(bench.posts())
        other_way = "UPDATE records SET data = replace(data, 'ACTIVE', 'PASSIVE') WHERE seq = 2"
        tamper(tmp_path / "journal.db", other_way)
        for session in (bench.other_session(), bench.other_session()):
            with pytest.raises(JournalDamaged, match="record 2"):
                await start(session, HOME)
            with pytest.raises(JournalDamaged):
                await resume(session, None)
            with pytest.raises(JournalDamaged):
                await read_status(session)
            session.store.close()
        assert len(bench.posts()) == posts
        assert run


async def test_a_saved_plan_is_spent_once_even_for_two_who_apply_it_at_the_same_moment(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        plan = await make_plan(bench.session, TO_ACTIVE)
        assert (await start(bench.session, TO_ACTIVE, plan=plan)).exit_code is ExitCode.DONE
        with pytest.raises(Conflict, match="spent"):
            await start(bench.session, TO_ACTIVE, plan=plan)


async def test_law_06_a_lock_that_was_broken_before_the_first_intent_leaves_a_run_that_never_was(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        with pytest.raises(Locked):
            await start(
                bench.session,
                TO_ACTIVE,
                controls=RunControl(watchers=[On(TransitionIntended, bench.break_lock)]),
            )
        assert bench.posts() == []


async def test_law_12_a_heartbeat_that_finds_the_lock_gone_does_not_look_like_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.operations.supervise.HEARTBEAT_SECONDS", 0.001)
    config = SimulatorConfig(latency=Both(0.02, 0.02))
    async with simulated(tmp_path, config) as bench:
        monkeypatch.setattr(type(bench.session.store), "beat", lambda *_: False)
        result = await start(bench.session, TO_ACTIVE, controls=RunControl())
        assert result.exit_code in (ExitCode.LOCKED, ExitCode.INCOMPLETE)
        assert "the lock was broken" in result.ending.message


async def test_done_is_not_said_where_the_end_could_not_be_journalled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path) as bench:
        before_appending(bench, monkeypatch, full_disk, RunFinished.kind)
        result = await start(bench.session, TO_ACTIVE)
        monkeypatch.undo()
        assert result.exit_code is ExitCode.INCOMPLETE
        assert "the journal has not confirmed the end of this run: the disk is full" in result.ending.message
        assert typed(result.ending.next_steps) == (f"hamr resume {result.run}", "hamr status sim")
        open_run = bench.open_run
        assert (await resume(bench.session, open_run)).exit_code is ExitCode.DONE


async def test_law_05_an_adoption_that_ended_unknown_is_remembered_and_made_anew(tmp_path: Path) -> None:
    config = SimulatorConfig(status=Both(Status.PASSIVE, Status.ACTIVE))
    faults = [Fault(ServerError(503), method="POST", times=2)]
    async with simulated(tmp_path, config, faults=faults, playbook=SHORT) as bench:
        lost = exits(await adopt(bench.session, Role.SECONDARY, "the secondary serves"), ExitCode.UNKNOWN)
        assert "was answered (HTTP 503: " in lost.ending.message
        anew = "hamr adopt sim --truth secondary --reason 'the secondary serves'"
        assert typed(lost.ending.next_steps)[0] == anew
        assert {run for run, _ in bench.session.history().unknown} == {lost.run}
        exits(await adopt(bench.session, Role.SECONDARY, "the secondary serves"), ExitCode.DONE)
        assert bench.session.history().unknown == ()


async def test_law_15_an_adoption_closes_the_open_run_though_nothing_had_to_be_written(
    tmp_path: Path,
) -> None:
    """Else `status` would go on to offer the goal that the person has just decided against."""
    async with simulated(
        tmp_path, faults=[Fault(ClientError(400), role=Role.PRIMARY, method="POST")]
    ) as bench:
        assert (await start(bench.session, TO_ACTIVE)).exit_code is ExitCode.INCOMPLETE
        bench.sim.foreign_write(Role.SECONDARY, Status.PASSIVE, "bob@example.com")
        assert bench.session.history().open_run is not None
        posts = bench.posts()
        exits(await adopt(bench.session, Role.SECONDARY, "bob has called it off"), ExitCode.DONE)
        assert bench.posts() == posts
        assert bench.session.history().open_run is None


async def test_an_objective_ends_when_the_pair_stands_there_and_not_after_the_hooks(tmp_path: Path) -> None:
    slow = Hook("flip", Program(("sleep", "1")))
    async with simulated(tmp_path, playbook=changed(quick_playbook(), "activate", after=(slow,))) as bench:
        result = await start(bench.session, TO_ACTIVE)
    assert result.exit_code is ExitCode.DONE, result.ending
    (objective,) = result.objectives
    assert objective.took.total_seconds() <= result.seconds - 0.9


# A journal that is busy


T = TypeVar("T")


class BusyAtHeartbeats:
    """The journal is busy for every heartbeat; a call is waited for to its end, also by whoever is cancelled meanwhile."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()

    async def __call__(self, call: Callable[[], T]) -> T:
        if getattr(call, "__name__", "") != "beat":
            return await InlineCalls()(call)
        self.waits.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise JournalUnavailable("the journal is busy") from None
        raise AssertionError("nobody waits so long")


async def test_a_heartbeat_that_waits_for_the_journal_keeps_no_run_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "HEARTBEAT_SECONDS", 0.001)
    async with simulated(tmp_path) as bench:
        calls = bench.session.calls = BusyAtHeartbeats()
        async with asyncio.timeout(20):
            result = await start(bench.session, RunRequest("sim", Status.ACTIVE))
    assert calls.waits.is_set()
    assert result.exit_code is ExitCode.DONE


async def test_law_15_whoever_was_gone_over_by_name_is_not_asked_about_by_what_leads_on(
    tmp_path: Path,
) -> None:
    playbook = replace(changed(quick_playbook(), guards=()), guards={}, probes={})
    async with simulated(tmp_path, playbook=playbook) as bench:
        bench.sim.foreign_write(Role.PRIMARY, Status.PASSIVE, "carol+hamr-20261122-025900-zzzz-1@bastion")
        controls = RunControl()
        controls.watchers = (On(WriteConfirmed, lambda: controls.interrupt(ExitCode.INTERRUPTED)),)
        request = RunRequest("sim", Status.ACTIVE, overrides={"alone": "carol agrees"})
        result = exits(await start(bench.session, request, controls=controls), ExitCode.INTERRUPTED)
        assert bench.posts() == ["secondary 3 applied"]
        assert typed(result.ending.next_steps)[0] == f"hamr resume {result.run}"
