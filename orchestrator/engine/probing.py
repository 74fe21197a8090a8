"""Taking the probes of a transition's guards: beside the readings of the orgs, all at once, and never an old one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from msgspec import Struct, field

from orchestrator.model.events import Event, ProbesRead
from orchestrator.model.guard import Probe, ProbeReading, Unmeasured
from orchestrator.model.org import Pair
from orchestrator.model.protocols import Clock, Prober
from orchestrator.model.situation import SEND_WITHIN
from orchestrator.situation.compared import depends_on

from .look import CLOCKS_AGREE_WITHIN, Eyes
from .memory import Memory


class Probing(Struct):
    """Probes under way, and what they last said."""

    pair: Pair
    prober: Prober
    clock: Clock
    eyes: Eyes
    memory: Memory
    tell: Callable[[Event], None]
    under_way: dict[str, asyncio.Task[ProbeReading]] = field(default_factory=dict)
    broken_off: list[asyncio.Task[ProbeReading]] = field(default_factory=list)
    told: dict[str, ProbeReading] = field(default_factory=dict)
    """What was last journalled of each."""

    def start(self, probes: Iterable[Probe]) -> None:
        """Begin to take probes, without waiting for them: what is under way or has just been read stays."""
        for probe in probes:
            task = self.under_way.get(probe.name)
            if task is None or (task.done() and self._is_old(task.result())):
                self.under_way[probe.name] = asyncio.create_task(self._take(probe))

    async def take(self, probes: Sequence[Probe]) -> tuple[ProbeReading, ...]:
        """What the probes say now: the slowest of them, not their sum, is waited for.

        What had grown old until the slowest one was there is read once more. Where that would take so long that others
        grow old meanwhile, all are read once more, each begun so late that their answers come together.
        """
        self.start(probes)
        readings = await self._all(probes)
        old = [reading for reading in readings if self._is_old(reading)]
        if not old:
            return readings
        if max(reading.seconds for reading in old) <= SEND_WITHIN.total_seconds():
            self.start(probes)
        else:
            slowest = max(reading.seconds for reading in readings)
            for probe, reading in zip(probes, readings, strict=True):
                later = self._take_later(probe, slowest - reading.seconds)
                self.under_way[probe.name] = asyncio.create_task(later)
        return await self._all(probes)

    async def _all(self, probes: Sequence[Probe]) -> tuple[ProbeReading, ...]:
        return tuple(await asyncio.gather(*(self.under_way[probe.name] for probe in probes)))

    def note(self, transition: str, readings: tuple[ProbeReading, ...], *, polling: bool) -> None:
        """Journal what was read; while polling, only where it says something new."""
        news = any(self._is_news(reading, polling=polling) for reading in readings)
        if news:
            self.tell(ProbesRead(transition, readings))
            self.told |= {reading.probe: reading for reading in readings}

    def _is_news(self, reading: ProbeReading, *, polling: bool) -> bool:
        before = self.told.get(reading.probe)
        return before is None or (before.sight != reading.sight if polling else before != reading)

    def distrust(self) -> None:
        """Forget what was read: the next transition takes everything anew. What is under way is broken off."""
        self.broken_off = [task for task in self.broken_off if not task.done()]
        for task in self.under_way.values():
            if not task.done():
                task.cancel()
                self.broken_off.append(task)
        self.under_way.clear()

    async def close(self) -> None:
        """Break off what is under way, and wait until it is."""
        self.distrust()
        for task in self.broken_off:
            with suppress(asyncio.CancelledError):
                await task
        self.broken_off.clear()

    async def _take_later(self, probe: Probe, seconds: float) -> ProbeReading:
        if seconds > 0:
            await self.clock.sleep(seconds)
        return await self._take(probe)

    async def _take(self, probe: Probe) -> ProbeReading:
        org = depends_on(probe, self.pair)
        if org is not None and org in self.memory.dead:
            sight = Unmeasured(f"{self.pair[org]} is left out of this emergency")
            return ProbeReading(probe.name, sight, self.clock.now(), self.clock.monotonic())
        within = None if org is None else self.eyes.deadline(org)
        while True:
            began = (self.clock.now(), self.clock.monotonic())
            reading = await self.prober.take(probe, within=within)
            if not self._suspended_since(*began):
                return reading

    def _is_old(self, reading: ProbeReading) -> bool:
        age = self.clock.monotonic() - reading.monotonic
        return age > SEND_WITHIN.total_seconds() or self._suspended_since(reading.at, reading.monotonic)

    def _suspended_since(self, at: datetime, monotonic: float) -> bool:
        """Law 18: whether the clocks disagree on how long ago that was, so that nobody knows how old an answer is."""
        wall = (self.clock.now() - at).total_seconds()
        return abs(wall - (self.clock.monotonic() - monotonic)) > CLOCKS_AGREE_WITHIN
