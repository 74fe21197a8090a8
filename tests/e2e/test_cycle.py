"""The whole cycle over real sockets, against every way in which a server may behave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.config import load_playbook
from orchestrator.errors import ExitCode, Locked, Refused, UsageError
from orchestrator.model.events import TransitionMade
from orchestrator.model.journal import Verified
from orchestrator.model.org import Mirrors, Wire
from orchestrator.model.plain import plain, restore
from orchestrator.model.plan import Plan
from orchestrator.model.playbook import Confirm, Timeouts
from orchestrator.model.run import End, Mode, RunRequest
from orchestrator.model.status import Both, Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.locking import take_lock
from orchestrator.operations.plan import make_plan
from orchestrator.operations.run import apply, resume, start
from orchestrator.operations.status import read_status
from orchestrator.report.outcomes import not_passed
from orchestrator.report.run_fold import report_of
from orchestrator.simulator import AnswerLost, Fault, ServerError, Silence, SimulatorConfig
from tests.steps import typed

from .pairs import On, exits, quick_playbook, simulated

pytestmark = pytest.mark.anyio

TO_ACTIVE = RunRequest("sim", Status.ACTIVE)
HOME = RunRequest("sim", Status.PASSIVE)
EMERGENCY = RunRequest("sim", Status.ACTIVE, Mode.EMERGENCY, "us1 is down")

SERVERS = {
    "pascal, strict": SimulatorConfig(wire=Wire.PASCAL, strict=True),
    "renaming, skewed clocks": SimulatorConfig(renames_author=True, skew=Both(30.0, -30.0)),
    "mirroring": SimulatorConfig(mirror=0.0),
    "mirroring late, renaming": SimulatorConfig(mirror=0.05, renames_author=True),
    "lagging reads": SimulatorConfig(read_lag=0.1),
}


@pytest.mark.parametrize("server", SERVERS)
async def test_out_and_home_again(server: str, tmp_path: Path) -> None:
    async with simulated(tmp_path, SERVERS[server], mirrors=Mirrors.AUTO) as bench:
        exits(await start(bench.session, TO_ACTIVE), ExitCode.DONE)
        assert [bench.sim.record(role).status for role in Role] == [4, 4]  # type: ignore[union-attr]
        exits(await start(bench.session, HOME), ExitCode.DONE)
        assert [bench.sim.record(role).status for role in Role] == [2, 2]  # type: ignore[union-attr]
        assert isinstance(bench.session.store.verify(), Verified)
        expected = 4 if "mirroring" in server else 8
        assert len(bench.posts()) == expected, bench.posts()


async def test_whole_second_times_still_tell_versions_apart_by_their_stamps(tmp_path: Path) -> None:
    async with simulated(tmp_path, SimulatorConfig(whole_seconds=True)) as bench:
        assert (await start(bench.session, TO_ACTIVE)).exit_code is ExitCode.DONE


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize(
    "kind", [AnswerLost(), ServerError(applied=True)], ids=["no answer", "5xx after applying"]
)
async def test_law_05_a_lost_answer_is_found_by_reading_and_not_sent_again(
    at: int, kind: AnswerLost | ServerError, tmp_path: Path
) -> None:
    faults = [Fault(kind, at=at, method="POST", role=Role.SECONDARY)]
    async with simulated(tmp_path, faults=faults) as bench:
        exits(await start(bench.session, TO_ACTIVE), ExitCode.DONE)
        assert len(bench.posts()) == 4


async def test_absent_orgs_are_enrolled_from_the_inventory(tmp_path: Path) -> None:
    config = SimulatorConfig(status=Both(Status.ABSENT, Status.ABSENT))
    async with simulated(tmp_path, config, playbook=load_playbook("onboarding")) as bench:
        goal = bench.session.playbook.stops[-1]
        result = await start(bench.session, RunRequest("sim", goal))
        assert result.steps, result.ending
        assert result.steps[0].source is Status.ABSENT
        assert bench.sim.record(Role.PRIMARY) is not None


async def test_law_09_an_emergency_owes_the_dead_region_and_resume_pays_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        bench.sim.set_dark(Role.PRIMARY, True)
        result = exits(await start(bench.session, EMERGENCY), ExitCode.OWING)
        assert result.owed is not None
        assert result.owed.role is Role.PRIMARY
        standing = await read_status(bench.session)
        assert standing.owed is not None
        with pytest.raises(Refused, match="still owed ACTIVE"):
            await start(bench.session, HOME)
        bench.sim.set_dark(Role.PRIMARY, False)
        exits(await resume(bench.session, None), ExitCode.DONE)
        assert [bench.sim.record(role).status for role in Role] == [4, 4]  # type: ignore[union-attr]
        assert bench.posts() == ["secondary 3 applied", "secondary 4 applied", "primary 4 applied"]
        assert bench.session.history().owed is None
        assert (await start(bench.session, HOME)).exit_code is ExitCode.DONE


async def test_law_09_an_emergency_that_was_refused_binds_no_later_resume(tmp_path: Path) -> None:
    """Whoever types resume alone means both orgs; once an emergency has written, it stays one."""
    async with simulated(tmp_path) as bench:
        controls = RunControl()
        controls.watchers = (On(TransitionMade, lambda: controls.interrupt(ExitCode.INTERRUPTED)),)
        exits(await start(bench.session, TO_ACTIVE, controls=controls), ExitCode.INTERRUPTED)
        bench.sim.set_dark(Role.SECONDARY, True)
        left = bench.session.history().open_run
        exits(await resume(bench.session, left, mode=Mode.EMERGENCY, reason="us1 is down"), ExitCode.REFUSED)
        standing = await read_status(bench.session)
        assert standing.open_run is not None
        assert standing.open_run.mode is Mode.PLANNED
        bench.sim.set_dark(Role.SECONDARY, False)
        again = await resume(bench.session, bench.session.history().open_run)
        assert (again.mode, again.exit_code) == (Mode.PLANNED, ExitCode.DONE), again.ending


async def test_law_01_a_saved_plan_is_what_its_run_sends_to_the_byte(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        plan = restore(Plan, plain(await make_plan(bench.session, TO_ACTIVE)))
        exits(await apply(bench.session, plan), ExitCode.DONE)
        posts = [request for request in bench.sim.requests if request.method == "POST"]
        sent = [request.body for request in posts if request.path == "/api/v2/hamr"]
        assert sent == [write.request.body for write in plan.writes]


async def test_law_13_cooling_down_never_holds_up_an_emergency(tmp_path: Path) -> None:
    # Both regions are well: the deadline is only for a machine that is not.
    playbook = replace(
        quick_playbook(), cool_down=timedelta(minutes=10), emergency_deadline=timedelta(seconds=20)
    )
    async with simulated(tmp_path, playbook=playbook) as bench:
        await start(bench.session, TO_ACTIVE)
        await start(bench.session, replace(HOME, overrides={"cool_down": "we know", **HOME.overrides}))
        again = replace(TO_ACTIVE, mode=Mode.EMERGENCY, reason="us1 is down")
        plan = await make_plan(bench.session, again)
        assert plan.refused_before == ()
        assert plan.before[1].reason.endswith("; an emergency does not wait for that")
        result = await start(bench.session, again)
        assert result.ending.end is End.DONE, result.ending


async def test_law_13_cooling_down_never_lasts_longer_than_itself(tmp_path: Path) -> None:
    playbook = replace(quick_playbook(), cool_down=timedelta(minutes=10))
    async with simulated(tmp_path, playbook=playbook) as bench:
        await start(bench.session, TO_ACTIVE)
        history = bench.session.history()
        (run,) = history.runs.values()
        assert run.finished_at is not None
        for fast in (timedelta(0), timedelta(days=2), timedelta(days=2000)):
            before = run.finished_at - fast
            assert history.cooling_down(playbook.cool_down, before) == (run, timedelta(minutes=10))
        assert history.cooling_down(playbook.cool_down, run.finished_at + timedelta(minutes=10)) is None


async def test_law_13_what_clears_a_cooling_down_keeps_every_flag(tmp_path: Path) -> None:
    playbook = replace(quick_playbook(), cool_down=timedelta(minutes=10))
    async with simulated(tmp_path, playbook=playbook) as bench:
        await start(bench.session, TO_ACTIVE)
        wanted = RunRequest(
            "sim",
            Status.PASSIVE,
            reason="it's over",
            overrides={"settled": "Bob's typo"},
            ref="INC 1",
            since=datetime(2026, 5, 28, 3, 15, tzinfo=UTC),
        )
        with pytest.raises(Refused) as refused:
            await start(bench.session, wanted)
        assert typed(refused.value.next_steps)[1] == (
            "hamr run sim --to PASSIVE --reason 'it'\"'\"'s over' --override 'settled=Bob'\"'\"'s typo' --ref 'INC 1' "
            "--since 2026-05-28T03:15:00.000000Z --override cool_down=REASON"
        )


async def test_law_10_what_is_overridden_before_the_first_transition_is_journalled_and_told(
    tmp_path: Path,
) -> None:
    playbook = replace(quick_playbook(), cool_down=timedelta(minutes=10))
    async with simulated(tmp_path, playbook=playbook) as bench:
        await start(bench.session, TO_ACTIVE)
        home = replace(HOME, overrides={**HOME.overrides, "cool_down": "the tests are over"})
        result = await start(bench.session, home)
        assert result.ending.end is End.DONE, result.ending
        assert [(verdict.guard, reason) for verdict, reason in result.overridden] == [
            ("cool_down", "the tests are over")
        ]
        (record,) = bench.session.store.records(run=result.run, kinds=("guard.overridden",))
        assert (record.data["transition"], record.data["reason"]) == ("", "the tests are over")
        story = report_of(result.run, list(bench.session.store.records()), result.head)
        (let_pass,) = not_passed(story.runs[-1])
        assert (let_pass.transition, let_pass.verdict.guard, let_pass.outcome) == (
            "",
            "cool_down",
            "overridden",
        )


async def test_an_emergency_that_is_taken_up_wants_a_reason_from_python_too(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        await start(bench.session, TO_ACTIVE)
        (run,) = bench.session.history().runs.values()
        with pytest.raises(UsageError, match="--emergency wants a reason"):
            await resume(bench.session, run, mode=Mode.EMERGENCY, reason=" ")


async def test_a_held_pair_is_told_before_an_unknown_write_of_its_run(tmp_path: Path) -> None:
    from orchestrator.model.events import WriteIntended
    from orchestrator.model.reading import Request
    from orchestrator.model.run import Attempt

    async with simulated(tmp_path) as bench:
        run = bench.session.new_run()
        lock = take_lock(bench.session, run, take_over=False)
        attempt = Attempt(1, Role.SECONDARY, Status.FAILOVER, "stamp", "declare")
        bench.session.append(run, WriteIntended(attempt, Request("POST", "http://127.0.0.1:1", None), None))
        other = bench.other_session()
        with pytest.raises(Locked):
            await start(other, TO_ACTIVE)
        lock.release()


async def test_an_unknown_write_has_to_be_accepted_by_name_and_resume_is_offered_first(
    tmp_path: Path,
) -> None:
    faults = [Fault(Silence(applied=False), method="POST", times=None)]
    playbook = replace(
        quick_playbook(),
        confirm=Confirm(timedelta(milliseconds=300), timedelta(milliseconds=20)),
        timeouts=Timeouts(timedelta(seconds=1), timedelta(milliseconds=100), timedelta(milliseconds=200)),
    )
    async with simulated(tmp_path, faults=faults, playbook=playbook) as bench:
        lost = exits(await start(bench.session, TO_ACTIVE), ExitCode.UNKNOWN)
        assert len(bench.posts()) == 2, "once, and once again after reading"
        with pytest.raises(Refused, match="unknown") as refused:
            await start(bench.session, TO_ACTIVE)
        assert typed(refused.value.next_steps) == (
            f"hamr resume {lost.run}",
            "hamr run sim --to ACTIVE --override unknown=REASON",
        )
        bench.sim.faults.clear()
        accepted = RunRequest("sim", Status.ACTIVE, overrides={"unknown": "the region was rebooted"})
        exits(await start(bench.session, accepted), ExitCode.DONE)
        assert bench.session.history().unknown == ()
