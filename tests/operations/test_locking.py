"""A pair's lock is held only where the journal says so (law 12)."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.journal import JournalStore
from orchestrator.model.events import Event, LockTaken
from orchestrator.model.run import End, RunRequest
from orchestrator.model.status import Status
from orchestrator.operations.run import start
from orchestrator.operations.session import Session
from tests.e2e.pairs import simulated

pytestmark = pytest.mark.anyio

REQUEST = RunRequest("sim", Status.ACTIVE)


async def test_law_12_a_lock_that_could_not_be_journalled_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process may live on, and nobody could tell that it works on nothing."""
    append = Session.append

    def full(session: Session, run: str, event: Event) -> None:
        if isinstance(event, LockTaken):
            raise JournalUnavailable("the disk is full")
        append(session, run, event)

    async with simulated(tmp_path) as bench:
        with monkeypatch.context() as patch:
            patch.setattr(Session, "append", full)
            with pytest.raises(JournalUnavailable, match="the disk is full"):
                await start(bench.session, REQUEST)
        assert bench.session.store.holder("sim") is None
        assert bench.posts() == []
        result = await start(bench.session, REQUEST)
        assert result.ending.end is End.DONE, result.ending


async def test_law_12_where_a_lock_cannot_be_given_back_either_the_first_trouble_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise JournalUnavailable("the disk is full")

    def gone(*_: object) -> bool:
        raise JournalUnavailable("the file is gone")

    async with simulated(tmp_path) as bench:
        monkeypatch.setattr(JournalStore, "append", full)
        monkeypatch.setattr(JournalStore, "release", gone)
        with pytest.raises(JournalUnavailable, match="the disk is full"):
            await start(bench.session, REQUEST)
