"""Opening the journal for a run: beside the loop, apart for an emergency, and for nobody else when nobody waits any more."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from orchestrator import open_pair, simulated_regions
from orchestrator.api import pair as module
from orchestrator.api.under_way import Slots
from orchestrator.journal import SqliteStore
from orchestrator.operations.sources import Sources

pytestmark = pytest.mark.anyio


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


async def test_a_journal_that_is_opened_for_a_run_which_was_cancelled_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    really, close = Sources.store, SqliteStore.close

    def slowly(sources: Sources, *, writes: bool, patience: float | None = None) -> SqliteStore:
        opens.set()
        assert go_on.wait(20)
        return really(sources, writes=writes, patience=patience)

    def closes(store: SqliteStore) -> None:
        close(store)
        closed.set()

    with simulated_regions(tmp_path / "regions") as regions:
        pair = open_pair("sim", pairs=regions.pairs, journal=tmp_path / "j.db", operator="robot@ci")
        monkeypatch.setattr(Sources, "store", slowly)
        monkeypatch.setattr(SqliteStore, "close", closes)
        running = asyncio.create_task(pair.run("ACTIVE"))
        assert await asyncio.to_thread(opens.wait, 20)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not closed.is_set()
        go_on.set()
        assert await asyncio.to_thread(closed.wait, 20)
