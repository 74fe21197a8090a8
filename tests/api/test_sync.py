"""The sync door: the same calls without an event loop, and a plain word where there is one."""

from __future__ import annotations

import inspect
import threading

import pytest

from orchestrator import (
    Both,
    ExitCode,
    Interrupted,
    OpenPair,
    SimulatedRegions,
    Status,
    UsageError,
    WaitingPair,
)
from orchestrator.model.events import Event, WriteConfirmed


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


@pytest.mark.anyio
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
