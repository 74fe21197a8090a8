"""A pair from Python: looking and planning write nothing, running moves it, and what fails is raised."""

from __future__ import annotations

import asyncio
import inspect
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

import orchestrator
from orchestrator import (
    Both,
    Conflict,
    End,
    ExitCode,
    Incomplete,
    Interrupted,
    Locked,
    OpenPair,
    Refused,
    Role,
    SimulatedRegions,
    Status,
    UsageError,
    WaitingPair,
)
from orchestrator.api.calls import ERRORS, reached
from orchestrator.model.events import Event, Waiting, WriteAnswered, WriteConfirmed, WriteIntended
from orchestrator.model.run import RunOutcome
from orchestrator.simulator import ClientError, Fault, Slow
from tests.report.scenes import PAIR, result
from tests.steps import typed

pytestmark = pytest.mark.anyio

PASSIVE = Both(Status.PASSIVE, Status.PASSIVE)
ACTIVE = Both(Status.ACTIVE, Status.ACTIVE)


async def test_law_02_looking_and_planning_write_nothing_anywhere(
    pair: OpenPair, regions: SimulatedRegions, tmp_path: Path
) -> None:
    standing = await pair.status()
    plan = await pair.plan("ACTIVE")
    assumed = await pair.plan("ACTIVE", assume="PASSIVE")
    assert standing.phase.label == "agreed(PASSIVE)"
    assert [(transition.name, len(transition.writes)) for transition in plan.transitions] == [
        ("declare", 2),
        ("activate", 2),
    ]
    assert [transition.name for transition in assumed.transitions] == ["declare", "activate"]
    assert {request.method for request in regions.requests} == {"GET"}
    assert not (tmp_path / "journal.db").exists()


async def test_a_run_returns_when_the_pair_stands_at_its_goal(
    pair: OpenPair, regions: SimulatedRegions
) -> None:
    ended = await pair.run("ACTIVE", ref="INC-1")
    assert (ended.exit_code, ended.phase, ended.goal) == (ExitCode.DONE, "agreed(ACTIVE)", Status.ACTIVE)
    assert regions.statuses == ACTIVE
    assert len(regions.writes) == 4
    (transition,) = pair.journal.runs()
    assert (transition.run, transition.by, transition.host, transition.end) == (
        ended.run,
        "alice",
        "laptop",
        "done",
    )


async def test_a_run_that_expects_another_status_is_refused_before_anything_is_sent(
    pair: OpenPair, regions: SimulatedRegions
) -> None:
    with pytest.raises(Conflict, match="ACTIVE"):
        await pair.run("ACTIVE", expect="ACTIVE")
    assert regions.writes == ()
    with pytest.raises(UsageError, match="planned moves"):
        await pair.run("ACTIVE", emergency=True, reason="why", expect="PASSIVE")


async def test_a_run_waits_for_its_time_and_stop_ends_the_waiting(
    pair: OpenPair, regions: SimulatedRegions
) -> None:
    def stops(event: Event) -> None:
        if isinstance(event, Waiting):
            assert pair.stop() is True

    begin = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(Interrupted, match="stopped before its time"):
        await pair.run("ACTIVE", at=begin, listener=stops)
    assert regions.requests == ()
    assert [record.kind for record in pair.journal.records()] == ["run.scheduled", "run.cancelled"]
    ended = await pair.run("ACTIVE", at=datetime.now(UTC) + timedelta(seconds=0.2))
    assert ended.exit_code is ExitCode.DONE


async def test_a_time_that_cannot_be_waited_for_is_an_error(
    pair: OpenPair, regions: SimulatedRegions
) -> None:
    now = datetime.now(UTC)
    for at, said in (
        (now + timedelta(days=8), "more than 7 days ahead"),
        (now.replace(tzinfo=None), "no time zone"),
        (cast("Any", "03:15"), "no datetime"),
    ):
        with pytest.raises(UsageError, match=said):
            await pair.run("ACTIVE", at=at)
    assert regions.requests == ()


async def test_a_goal_is_a_status_or_its_name(pair: OpenPair, regions: SimulatedRegions) -> None:
    await pair.run(Status.ACTIVE)
    await pair.run("passive")
    assert regions.statuses == PASSIVE


async def test_a_listener_hears_each_step_as_it_happens_an_intent_once_it_is_durable(
    pair: OpenPair,
) -> None:
    heard: list[tuple[str, int]] = []

    def listener(event: Event) -> None:
        if isinstance(event, WriteIntended):
            heard.append((event.kind, sum(record.kind == event.kind for record in pair.journal.records())))

    await pair.run("ACTIVE", listener=listener)
    assert heard == [
        ("write.intended", 1),
        ("write.intended", 2),
        ("write.intended", 3),
        ("write.intended", 4),
    ]


async def test_law_10_a_refusal_is_raised_with_its_guards_and_its_result(
    pair: OpenPair, regions: SimulatedRegions
) -> None:
    regions.write_as_somebody_else(Role.PRIMARY, Status.PASSIVE, "bob@example.com")
    with pytest.raises(Refused, match=r"settled .*bob@example\.com") as caught:
        await pair.run("ACTIVE")
    assert caught.value.result is not None
    assert [verdict.guard for verdict in caught.value.result.refused_by] == ["settled"]
    assert caught.value.sent == "Nothing was sent."
    assert regions.statuses == PASSIVE
    overridden = await pair.run("ACTIVE", overrides={"settled": "bob is one of us"})
    assert [reason for _, reason in overridden.overridden] == ["bob is one of us"]


async def test_law_09_an_emergency_returns_with_what_is_owed_and_resume_pays(
    pair: OpenPair, regions: SimulatedRegions
) -> None:
    regions.set_dark(Role.PRIMARY)
    with pytest.raises(Refused):
        await pair.run("ACTIVE")
    ended = await pair.run("ACTIVE", emergency=True, reason="us1 is down")
    assert ended.exit_code is ExitCode.OWING
    assert ended.owed is not None
    assert (ended.owed.role, ended.owed.status) == (Role.PRIMARY, Status.ACTIVE)
    regions.set_dark(Role.PRIMARY, dark=False)
    assert (await pair.status()).phase.label == "behind(primary)"
    assert (await pair.resume()).exit_code is ExitCode.DONE
    assert regions.statuses == ACTIVE


async def test_a_run_that_stopped_midway_is_raised_and_resumed_with_its_own_playbook(
    pair: OpenPair, regions: SimulatedRegions, tmp_path: Path
) -> None:
    regions.add_fault(Fault(ClientError(400), role=Role.PRIMARY, method="POST"))
    with pytest.raises(Incomplete) as caught:
        await pair.run("ACTIVE")
    stopped = caught.value.result
    assert stopped is not None
    assert stopped.resumable
    assert f"hamr resume {stopped.run}" in typed(caught.value.next_steps)
    other = orchestrator.open_pair(
        "sim",
        pairs=regions.pairs,
        playbook="onboarding",
        journal=tmp_path / "journal.db",
        operator="bob@desk",
    )
    ended = await other.resume(stopped.run)
    assert (ended.run, ended.phase) == (stopped.run, "agreed(ACTIVE)")


async def test_a_plan_is_run_once_and_exactly(pair: OpenPair, regions: SimulatedRegions) -> None:
    plan = await pair.plan("ACTIVE")
    assert (await pair.run_plan(plan)).run == plan.run
    assert regions.statuses == ACTIVE
    with pytest.raises(Conflict, match="spent"):
        await pair.run_plan(plan)


async def test_law_12_two_runs_at_once_are_one_too_many(pair: OpenPair, regions: SimulatedRegions) -> None:
    regions.add_fault(Fault(Slow(1.0), role=Role.SECONDARY, method="POST"))
    both = await asyncio.gather(pair.run("ACTIVE"), pair.run("ACTIVE"), return_exceptions=True)
    assert sorted(type(each).__name__ for each in both) == ["Locked", "RunResult"]
    assert any(isinstance(each, Locked) for each in both)
    assert regions.statuses == ACTIVE


async def test_stop_ends_a_run_before_its_next_write_and_it_can_be_resumed(
    pair: OpenPair, regions: SimulatedRegions
) -> None:
    assert pair.stop() is False

    def stop_after_the_first_write(event: Event) -> None:
        if isinstance(event, WriteConfirmed):
            pair.stop()

    with pytest.raises(Interrupted, match="it can be resumed") as caught:
        await pair.run("ACTIVE", listener=stop_after_the_first_write)
    assert caught.value.exit_code is ExitCode.INTERRUPTED
    assert regions.statuses == Both(Status.PASSIVE, Status.FAILOVER)
    assert (await pair.resume()).phase == "agreed(ACTIVE)"


async def test_a_cancelled_task_leaves_a_run_that_can_be_resumed(
    pair: OpenPair, regions: SimulatedRegions
) -> None:
    answered = asyncio.Event()

    def listener(event: Event) -> None:
        if isinstance(event, WriteAnswered):
            answered.set()

    run = asyncio.create_task(pair.run("ACTIVE", listener=listener))
    await answered.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    standing = await pair.status()
    assert standing.holder is None
    assert standing.open_run is not None
    assert (await pair.resume()).phase == "agreed(ACTIVE)"
    assert regions.statuses == ACTIVE


async def test_what_cannot_be_right_is_told_before_anything_is_read(
    pair: OpenPair, regions: SimulatedRegions
) -> None:
    with pytest.raises(UsageError, match="did you mean ACTIVE"):
        await pair.run("ACTIV")
    with pytest.raises(UsageError, match="can't stop there"):
        await pair.run("FAILOVER")
    with pytest.raises(UsageError, match="wants a reason"):
        await pair.run("ACTIVE", emergency=True)
    with pytest.raises(UsageError, match="wants a reason"):
        await pair.resume(emergency=True)
    with pytest.raises(UsageError, match="no guard of that name"):
        await pair.plan("ACTIVE", overrides={"setled": "x"})
    with pytest.raises(UsageError, match="time zone"):
        await pair.plan("ACTIVE", since=datetime(2026, 11, 22, 3, 15))  # noqa: DTZ001 - that is what is wrong with it
    with pytest.raises(UsageError, match="no datetime"):
        await pair.plan("ACTIVE", since="now")  # type: ignore[arg-type]  # that is what is wrong with it
    with pytest.raises(UsageError, match="no open run"):
        await pair.resume()
    assert regions.requests == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 3},
        {"pairs": {}},
        {"playbook": ["a.yaml"]},
        {"journal": 5},
        {"journal": b"j.db"},
        {"operator": 7},
    ],
    ids=str,
)
def test_what_a_pair_cannot_be_opened_with_is_refused_by_name(
    wrong: dict[str, Any], regions: SimulatedRegions
) -> None:
    with pytest.raises(UsageError, match=r"is no (text|path)"):
        orchestrator.open_pair(**{"name": "sim", "pairs": regions.pairs, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"ref": 1234},
        {"reason": None},
        {"overrides": {"settled": 5}},
        {"overrides": ["settled"]},
        {"listener": 3},
    ],
    ids=str,
)
async def test_what_the_journal_could_not_read_back_is_refused_before_it_is_written(
    wrong: dict[str, Any], pair: OpenPair, regions: SimulatedRegions
) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        await pair.run("ACTIVE", **wrong)
    with pytest.raises(UsageError, match=r"notes=None is no text"):
        await pair.drill(notes=cast("str", None))
    assert (await pair.status()).phase.label == "agreed(PASSIVE)"
    assert {request.method for request in regions.requests} <= {"GET"}


async def test_a_run_of_another_pair_is_not_resumed_here(
    pair: OpenPair, regions: SimulatedRegions, playbook: Path, tmp_path: Path
) -> None:
    regions.add_fault(Fault(ClientError(400), role=Role.PRIMARY, method="POST"))
    with pytest.raises(Incomplete) as caught:
        await pair.run("ACTIVE")
    assert caught.value.result is not None
    renamed = tmp_path / "renamed.yaml"
    renamed.write_text(regions.pairs.read_text().replace("  sim:", "  other:"))
    other = orchestrator.open_pair(
        "other", pairs=renamed, playbook=playbook, journal=tmp_path / "journal.db", operator="bob@desk"
    )
    with pytest.raises(UsageError, match="belongs to pair sim, and this is pair other"):
        await other.resume(caught.value.result.run)
    with pytest.raises(UsageError, match="Pair other has no open run"):
        await other.resume()


async def test_since_counts_the_objective_from_the_incident(pair: OpenPair) -> None:
    ended = await pair.run("ACTIVE", since=datetime.now(UTC) - timedelta(minutes=20))
    (objective,) = ended.objectives
    assert not objective.met
    assert objective.took >= timedelta(minutes=20)


@pytest.mark.parametrize("name", ["open_pair", "load_inventory"])
def test_a_missing_inventory_is_told(name: str) -> None:
    arguments = {"open_pair": ("sim",), "load_inventory": ()}[name]
    with pytest.raises(UsageError, match="no inventory"):
        getattr(orchestrator, name)(*arguments)


def test_a_mistyped_pair_or_operator_leaves_no_journal(regions: SimulatedRegions, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    with pytest.raises(UsageError, match='did you mean "sim"'):
        orchestrator.open_pair("simm", pairs=regions.pairs, journal=journal)
    with pytest.raises(UsageError, match="letters, digits"):
        orchestrator.open_pair("sim", pairs=regions.pairs, journal=journal, operator="a b")
    assert not journal.exists()


def test_what_is_not_named_comes_from_the_environment(
    regions: SimulatedRegions, playbook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAMR_PAIRS", str(regions.pairs))
    monkeypatch.setenv("HAMR_PLAYBOOK", str(playbook))
    monkeypatch.setenv("HAMR_JOURNAL", str(tmp_path / "other.db"))
    monkeypatch.setenv("HAMR_OPERATOR", "carol@ci")
    pair = orchestrator.open_pair("sim")
    assert pair.playbook.name == "quick"
    assert pair.journal.place == str(tmp_path / "other.db")
    assert str(pair.operator) == "carol@ci"
    assert pair.pair.orgs.primary.name == "Simulated Primary"
    assert repr(pair) == f"OpenPair('sim', playbook='quick', journal='{tmp_path}/other.db')"


@pytest.mark.parametrize("code", [code for code in ExitCode if int(code) not in (0, 8, 2, 10, 11)], ids=str)
def test_every_way_a_run_can_end_short_of_its_goal_is_an_error_with_that_exit_code(code: ExitCode) -> None:
    ended = replace(result(), exit_code=code, ending=RunOutcome(End.INCOMPLETE, "it stopped", Role.PRIMARY))
    with pytest.raises(orchestrator.HamrError, match="it stopped") as caught:
        reached(ended, PAIR)
    error = caught.value
    assert error.exit_code is code
    assert error.result is ended
    assert set(ERRORS.values()).isdisjoint({Interrupted})


def test_out_and_home_without_an_event_loop(pair: OpenPair, regions: SimulatedRegions) -> None:
    hamr = pair.sync
    assert hamr.status().phase.label == "agreed(PASSIVE)"
    plan = hamr.plan("ACTIVE")
    assert hamr.run_plan(plan).exit_code is ExitCode.DONE
    assert hamr.run("PASSIVE").exit_code is ExitCode.DONE
    assert regions.statuses == Both(Status.PASSIVE, Status.PASSIVE)
    assert hamr.pair is pair


def test_a_thread_stops_a_run_of_another_one(pair: OpenPair) -> None:
    confirmed, stopped = threading.Event(), threading.Event()

    def listener(event: Event) -> None:
        if isinstance(event, WriteConfirmed):
            confirmed.set()
            stopped.wait(5)

    def stopper() -> None:
        confirmed.wait(5)
        assert pair.stop() is True
        stopped.set()

    thread = threading.Thread(target=stopper)
    thread.start()
    with pytest.raises(Interrupted):
        pair.sync.run("ACTIVE", listener=listener)
    thread.join(5)
    assert pair.sync.resume().phase == "agreed(ACTIVE)"


async def test_where_a_loop_runs_already_it_says_what_to_write(
    pair: OpenPair, regions: SimulatedRegions
) -> None:
    with pytest.raises(UsageError, match=r"write `await pair\.run\(…\)`"):
        pair.sync.run("ACTIVE")
    assert regions.requests == ()


def test_every_call_that_waits_has_its_twin() -> None:
    calls = {
        name for name, call in inspect.getmembers(OpenPair, inspect.iscoroutinefunction) if name[0] != "_"
    }
    twins = {name for name, call in inspect.getmembers(WaitingPair, inspect.isfunction) if name[0] != "_"}
    assert twins == calls
    assert inspect.getdoc(WaitingPair.run) == inspect.getdoc(OpenPair.run)


def test_nothing_that_writes_is_called_by_another_word() -> None:
    harmless = {"status", "plan", "stop"}
    calls = {name for name, call in inspect.getmembers(OpenPair, inspect.isfunction) if name[0] != "_"}
    assert {
        name for name in calls - harmless if not {"run", "resume", "drill"} & set(name.split("_"))
    } == set()
