"""So many runs at once, and the others in a queue: none is refused, none that gave up keeps a place, no emergency waits."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from orchestrator import open_pair, simulated_regions
from orchestrator.api import pair as module
from orchestrator.api.calls import Slots
from orchestrator.journal import JournalStore
from orchestrator.operations.sources import Sources


async def work(slots: Slots, at_work: list[int], most: list[int]) -> None:
    async with slots.one():
        at_work.append(1)
        most.append(len(at_work))
        await asyncio.sleep(0.001)
        at_work.pop()


def test_no_more_than_so_many_are_at_work_and_all_get_their_turn() -> None:
    slots, most = Slots(3), list[int]()

    async def all_of_them() -> None:
        await asyncio.gather(*(work(slots, at_work, most) for _ in range(50)))

    at_work: list[int] = []
    asyncio.run(all_of_them())
    assert len(most) == 50
    assert max(most) == 3


def test_the_places_are_shared_by_the_loops_of_all_threads() -> None:
    slots, most = Slots(2), list[int]()
    at_work: list[int] = []

    async def some() -> None:
        await asyncio.gather(*(work(slots, at_work, most) for _ in range(10)))

    threads = [threading.Thread(target=lambda: asyncio.run(some())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(most) == 40
    assert max(most) <= 2


@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "when it is its turn"])
def test_who_gives_up_leaves_the_place_to_the_next(late: bool) -> None:
    slots = Slots(1)

    async def scene() -> None:
        async with slots.one():
            given_up = asyncio.create_task(work(slots, [], []))
            next_one = asyncio.create_task(work(slots, [], []))
            await asyncio.sleep(0)
            if not late:
                given_up.cancel()
        given_up.cancel()
        await asyncio.wait_for(next_one, 5)
        assert given_up.cancelled()
        await asyncio.wait_for(work(slots, [], []), 5)

    asyncio.run(scene())


def test_a_loop_that_has_stopped_is_passed_over() -> None:
    slots, stopped = Slots(1), asyncio.new_event_loop()

    async def queue() -> None:
        waiting.append(asyncio.ensure_future(work(slots, [], [])))
        await asyncio.sleep(0)

    async def scene() -> None:
        async with slots.one():
            await asyncio.to_thread(stopped.run_until_complete, queue())
        await asyncio.wait_for(work(slots, [], []), 5)

    waiting: list[asyncio.Future[None]] = []
    asyncio.run(scene())
    waiting[0].cancel()
    stopped.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
    stopped.close()


@pytest.mark.anyio
async def test_law_09_an_emergency_waits_for_no_planned_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLANNED", Slots(0))
    with simulated_regions(tmp_path / "regions") as regions:
        pair = open_pair("sim", pairs=regions.pairs, journal=tmp_path / "j.db", operator="robot@ci")
        planned = asyncio.create_task(pair.run("ACTIVE"))
        ended = await asyncio.wait_for(pair.run("ACTIVE", emergency=True, reason="us1 is down"), 30)
        assert not planned.done()
        planned.cancel()
    assert ended.exit_code == 0


@pytest.mark.anyio
async def test_a_journal_that_is_opened_for_a_run_which_was_cancelled_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    really, close = Sources.store, JournalStore.close

    def slowly(sources: Sources, *, writes: bool, patience: float | None = None) -> JournalStore:
        opens.set()
        assert go_on.wait(20)
        return really(sources, writes=writes, patience=patience)

    def closes(store: JournalStore) -> None:
        close(store)
        closed.set()

    with simulated_regions(tmp_path / "regions") as regions:
        pair = open_pair("sim", pairs=regions.pairs, journal=tmp_path / "j.db", operator="robot@ci")
        monkeypatch.setattr(Sources, "store", slowly)
        monkeypatch.setattr(JournalStore, "close", closes)
        running = asyncio.create_task(pair.run("ACTIVE"))
        assert await asyncio.to_thread(opens.wait, 20)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not closed.is_set()
        go_on.set()
        assert await asyncio.to_thread(closed.wait, 20)
