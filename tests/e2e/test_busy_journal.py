"""A journal that another process holds: whoever waits for it in the background never keeps a run from ending."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from orchestrator.errors import ExitCode, JournalUnavailable
from orchestrator.journal import InlineCalls
from orchestrator.model.run import RunRequest
from orchestrator.model.status import Status
from orchestrator.operations import supervise
from orchestrator.operations.run import start

from .pairs import simulated

pytestmark = pytest.mark.anyio

T = TypeVar("T")


class BusyAtHeartbeats:
    """The journal is busy for every heartbeat; a call is waited for to its end, also by whoever is cancelled meanwhile."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()

    async def __call__(self, call: Callable[[], T]) -> T:
        if getattr(call, "__name__", "") != "beat":
            return await InlineCalls()(call)
        self.waits.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise JournalUnavailable("the journal is busy") from None
        raise AssertionError("nobody waits so long")


async def test_a_heartbeat_that_waits_for_the_journal_keeps_no_run_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "HEARTBEAT_SECONDS", 0.001)
    async with simulated(tmp_path) as bench:
        calls = bench.session.calls = BusyAtHeartbeats()
        async with asyncio.timeout(20):
            result = await start(bench.session, RunRequest("sim", Status.ACTIVE))
    assert calls.waits.is_set()
    assert result.exit_code is ExitCode.DONE
