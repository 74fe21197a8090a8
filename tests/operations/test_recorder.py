"""Whoever watches a run never stops it (law 19)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from orchestrator.model.events import Event, RunFinished
from orchestrator.model.run import End, RunRequest
from orchestrator.model.status import Status
from orchestrator.operations.run import start
from orchestrator.system import log
from tests.e2e.pairs import simulated

pytestmark = pytest.mark.anyio


class Fails:
    """A watcher with a bug, and one who is told of everything all the same."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def tell(self, event: Event) -> None:
        self.told.append(event)
        raise OSError(28, "No space left on device")


async def test_law_19_a_watcher_that_fails_stops_nothing_and_is_logged_once(tmp_path: Path) -> None:
    said = io.StringIO()
    log.configure("json", stream=said)
    watcher = Fails()
    async with simulated(tmp_path) as bench:
        result = await start(bench.session, RunRequest("sim", Status.ACTIVE), watchers=[watcher])
    log.configure()
    assert result.ending.end is End.DONE, result.ending
    assert isinstance(watcher.told[-1], RunFinished)
    assert said.getvalue().count("somebody who watches this run failed; the run goes on") == 1
