"""Calls of the store from an event loop: in order, beside the loop, and through to their end."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from pathlib import Path

import pytest

from orchestrator.journal import InlineCalls, ThreadCalls, calls
from tests.processes import python

pytestmark = pytest.mark.anyio


async def test_calls_are_made_one_after_the_other_in_the_order_in_which_they_were_asked_for() -> None:
    run = ThreadCalls()
    made: list[int] = []
    go = threading.Event()

    def first() -> int:
        go.wait(10)
        made.append(1)
        return 1

    def second() -> int:
        made.append(2)
        return 2

    both = asyncio.gather(run(first), run(second))
    await asyncio.sleep(0.01)
    assert made == [], "the loop goes on while the store is slow"
    go.set()
    assert list(await both) == [1, 2]
    assert made == [1, 2]


@pytest.mark.parametrize("run", [ThreadCalls(), InlineCalls()])
async def test_an_error_is_the_callers(run: ThreadCalls | InlineCalls) -> None:
    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await run(fails)
    assert await run(lambda: 3) == 3


async def test_a_call_is_made_in_the_context_of_its_caller() -> None:
    said: ContextVar[str] = ContextVar("said", default="")
    said.set("run 1")
    assert await ThreadCalls()(said.get) == "run 1"


async def test_law_06_a_caller_that_is_cancelled_hears_of_it_when_the_call_has_ended() -> None:
    go = threading.Event()
    made: list[int] = []

    def slow() -> None:
        go.wait(10)
        made.append(1)

    task = asyncio.create_task(ThreadCalls()(slow))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert made == [1]


async def test_a_call_that_fails_under_a_cancelled_caller_says_that_it_failed() -> None:
    go = threading.Event()

    def fails() -> None:
        go.wait(10)
        raise KeyError("x")

    task = asyncio.create_task(ThreadCalls()(fails))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    go.set()
    with pytest.raises(KeyError):
        await task


async def test_an_idle_thread_ends_and_another_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "IDLE_SECONDS", 0.01)
    run = ThreadCalls()
    first = await run(threading.current_thread)
    first.join(10)
    assert not first.is_alive()
    assert await run(threading.current_thread) is not first


def test_a_store_that_never_answers_does_not_keep_the_process_from_ending() -> None:
    script = """
import asyncio, threading
from orchestrator.journal import ThreadCalls

loop = asyncio.new_event_loop()
task = loop.create_task(ThreadCalls()(threading.Event().wait))
loop.run_until_complete(asyncio.sleep(0.1))
print("ended")
raise SystemExit(3)
"""
    assert python("-c", script, code=3) == "ended\n"


def test_whoever_asked_first_for_a_file_has_it_before_one_who_had_it_just_now(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    had = threading.Event()

    def other() -> None:
        with calls.turns_at(place).one(place, 10):
            had.set()

    thread = threading.Thread(target=other)
    with calls.turns_at(place).one(place, 10):
        thread.start()
        assert not had.wait(0.2)
    with calls.turns_at(place).one(place, 10):
        assert had.is_set()
    thread.join()
