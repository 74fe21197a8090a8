"""So many runs at once, and the others in a queue: none is refused, no emergency waits."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from orchestrator import open_pair, simulated_regions
from orchestrator.api import under_way
from orchestrator.api.under_way import turn
from orchestrator.journal import JournalStore
from orchestrator.operations.sources import Sources


def test_no_more_than_so_many_are_at_work_and_all_get_their_turn_in_each_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(under_way, "MOST_AT_ONCE", 3)
    at_work, most = list[int](), list[int]()

    async def work() -> None:
        async with turn():
            at_work.append(1)
            most.append(len(at_work))
            await asyncio.sleep(0.001)
            at_work.pop()

    async def all_of_them() -> None:
        await asyncio.gather(*(work() for _ in range(50)))

    for _ in range(2):
        asyncio.run(all_of_them())
    assert len(most) == 100
    assert max(most) == 3


@pytest.mark.anyio
async def test_law_09_an_emergency_waits_for_no_planned_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "MOST_AT_ONCE", 0)
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
