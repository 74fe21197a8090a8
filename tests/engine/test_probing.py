"""Probes of different speeds, in time that passes for all of them at once: no transition is judged on an old answer."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct, field

from orchestrator.engine.context import RunContext, RunServices
from orchestrator.engine.predicted import NobodyAgreed, NonInteractive, NothingRun
from orchestrator.engine.probing import Probing
from orchestrator.engine.reader import PairReader
from orchestrator.model.guard import Measured, Metric, Probe, ProbeReading
from orchestrator.model.run import Operator
from orchestrator.situation.state import RunState

from .fake import PLAYBOOK, RUN, FakeWorld, Notes, S, pair
from .fake import FakeClock as StillClock


class SharedClock(Struct):
    """Time passes when everybody waits: then whoever is due first goes on."""

    seconds: float = 1000.0
    due: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.due, (self.seconds + seconds, len(self.due) + id(future), future))
        await future

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let time pass until the work is done."""
        task = asyncio.create_task(work)
        while not task.done():
            for _ in range(50):
                await asyncio.sleep(0)
            if not task.done() and self.due:
                at, _, future = heapq.heappop(self.due)
                self.seconds = max(self.seconds, at)
                future.set_result(None)
        return task.result()


class SlowProber(Struct):
    """Each probe takes as long as its name says."""

    clock: SharedClock
    taken: list[str] = field(default_factory=list)

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        self.taken.append(probe.name)
        began = self.clock.monotonic()
        await self.clock.sleep(float(probe.name))
        return ProbeReading(
            probe.name,
            Measured(1.0),
            self.clock.now(),
            self.clock.monotonic(),
            self.clock.monotonic() - began,
        )


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("seconds", "takes", "reads"),
    [
        ((0.05,) * 10, 0.05, 10),
        ((25.0,), 25.0, 1),
        ((4.0, 25.0), 29.0, 3),
        ((11.0, 25.0), 50.0, 4),
        ((1.0, 7.0, 13.0, 26.0), 52.0, 8),
    ],
    ids=["ten quick ones", "one slow one", "a quick and a slow one", "two slow ones", "all kinds"],
)
async def test_law_06_answers_of_probes_are_never_old_whatever_their_speeds(
    seconds: tuple[float, ...], takes: float, reads: int
) -> None:
    clock = SharedClock()
    prober = SlowProber(clock)
    services = RunServices(prober, NothingRun(), NonInteractive(), NobodyAgreed())
    run = RunContext(
        pair(),
        PLAYBOOK,
        Operator("alice", "laptop"),
        RunState(RUN),
        FakeWorld(StillClock()),
        clock,
        Notes(),
        services,
        jitter=lambda: 0.5,
    )
    probing = Probing(run, PairReader(run))
    probes = [
        Probe(f"{each + number * 1e-9:.9f}", Metric(S, "q", timeout=timedelta(minutes=1)))
        for number, each in enumerate(seconds)
    ]
    readings = await clock.run(probing.take(probes))
    assert clock.monotonic() - 1000.0 == pytest.approx(takes, abs=0.01)
    assert len(prober.taken) == reads
    assert all(clock.monotonic() - reading.monotonic <= 5.0 for reading in readings)
