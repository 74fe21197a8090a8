"""A pair's lock is held only where the journal says so (law 12)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.model.events import LockReleased, LockTaken
from orchestrator.model.run import End, RunRequest
from orchestrator.model.status import Status
from orchestrator.operations.run import start
from tests.e2e.pairs import simulated

pytestmark = pytest.mark.anyio

REQUEST = RunRequest("sim", Status.ACTIVE)


def refuse(place: str, kind: str) -> None:
    """Let the journal take no record of a kind, until `allow`."""
    with closing(sqlite3.connect(place)) as file:
        file.execute(
            f"CREATE TRIGGER refused BEFORE INSERT ON records WHEN NEW.kind = '{kind}' "
            "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )


def allow(place: str) -> None:
    with closing(sqlite3.connect(place)) as file:
        file.execute("DROP TRIGGER refused")


async def test_law_12_a_lock_that_could_not_be_journalled_is_not_kept(tmp_path: Path) -> None:
    """The process may live on, and nobody could tell that it works on nothing."""
    async with simulated(tmp_path) as bench:
        store = bench.session.store
        refuse(store.place, LockTaken.kind)
        with pytest.raises(JournalUnavailable, match="not this one"):
            await start(bench.session, REQUEST)
        assert store.holder("sim") is None
        assert bench.posts() == []
        allow(store.place)
        result = await start(bench.session, REQUEST)
        assert result.ending.end is End.DONE, result.ending


async def test_law_12_a_lock_whose_release_could_not_be_journalled_stays_and_the_run_ends_as_it_did(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        store = bench.session.store
        refuse(store.place, LockReleased.kind)
        result = await start(bench.session, REQUEST)
        assert result.ending.end is End.DONE, result.ending
        held = store.holder("sim")
        assert held is not None
        assert held.run == result.run
