"""Taking the probes of a transition's guards: beside the readings of the orgs, all at once, and never an old one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from msgspec import Struct, field

from orchestrator.model.events import PersonAnswered, PersonAsked, ProbesRead
from orchestrator.model.guard import Probe, ProbeReading, Unmeasured
from orchestrator.model.playbook import Question, Reply
from orchestrator.model.situation import SEND_WITHIN
from orchestrator.situation.guard_kinds import depends_on

from .context import RunContext
from .reader import CLOCKS_AGREE_WITHIN, PairReader


class Probing(Struct):
    """Probes under way, and what they last said."""

    run: RunContext
    reader: PairReader
    under_way: dict[str, asyncio.Task[ProbeReading]] = field(default_factory=dict)
    broken_off: list[asyncio.Task[ProbeReading]] = field(default_factory=list)
    told: dict[str, ProbeReading] = field(default_factory=dict)
    """What was last journalled of each."""
    ahead: tuple[Probe, ...] = ()
    """What the guards of the next transition will want to know."""

    def start(self, probes: Iterable[Probe]) -> None:
        """Begin to take probes, without waiting for them: what is under way or has just been read stays."""
        for probe in probes:
            task = self.under_way.get(probe.name)
            if task is None or (task.done() and self._is_old(task.result())):
                self.under_way[probe.name] = asyncio.create_task(self._take(probe))

    def plan_ahead(self, probes: tuple[Probe, ...]) -> None:
        """What to begin once the next request has been answered, so that it goes on beside the reading back."""
        self.ahead = probes

    def start_ahead(self) -> None:
        """Begin what was planned."""
        self.start(self.ahead)

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
            self.run.tell(ProbesRead(transition, readings))
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

    def distrust_all(self) -> None:
        """Law 18: after hooks, a wait or a question, nothing that was read before is trusted, of the orgs neither."""
        self.reader.distrust()
        self.distrust()

    async def close(self) -> None:
        """Break off what is under way, and wait until it is."""
        self.distrust()
        for task in self.broken_off:
            with suppress(asyncio.CancelledError):
                await task
        self.broken_off.clear()

    async def _take_later(self, probe: Probe, seconds: float) -> ProbeReading:
        if seconds > 0:
            await self.run.clock.sleep(seconds)
        return await self._take(probe)

    async def _take(self, probe: Probe) -> ProbeReading:
        org = depends_on(probe, self.run.pair)
        if org is not None and org in self.run.state.dead:
            sight = Unmeasured(f"{self.run.pair[org]} is left out of this emergency")
            return ProbeReading(probe.name, sight, *self.run.moment())
        within = None if org is None else self.reader.deadline(org)
        stalled = False
        while True:
            began = self.run.moment()
            reading = await self.run.services.prober.take(probe, within=within)
            if self._suspended_since(*began):
                continue
            if stalled or not _has_stalled(probe, reading):
                return reading
            stalled = True

    def _is_old(self, reading: ProbeReading) -> bool:
        age = self.run.clock.monotonic() - reading.monotonic
        return age > SEND_WITHIN.total_seconds() or self._suspended_since(reading.at, reading.monotonic)

    def _suspended_since(self, at: datetime, monotonic: float) -> bool:
        """Law 18: whether the clocks disagree on how long ago that was, so that nobody knows how old an answer is."""
        wall, seconds = self.run.elapsed((at, monotonic))
        return abs(wall - seconds) > CLOCKS_AGREE_WITHIN


def _has_stalled(probe: Probe, reading: ProbeReading) -> bool:
    """Law 18: whether this process was stopped meanwhile, since an answer comes in its time or not at all: it was there long before it was heard."""
    return reading.seconds > (probe.kind.timeout + SEND_WITHIN).total_seconds()


class Asking(Struct):
    """Asks people: journalled before and after."""

    run: RunContext
    probing: Probing

    async def ask(self, question: Question) -> Reply | None:
        """The reply, or None where there is nobody to ask; the pair's lock may be lost meanwhile (HamrError)."""
        run, people = self.run, self.run.services.people
        if not people.there:
            return None
        began = run.clock.monotonic()
        run.tell(PersonAsked(question))
        await run.observer.commit()  # the question may stand for long, and others look meanwhile
        reply = await people.ask(question)
        run.tell(PersonAnswered(question, reply, run.clock.monotonic() - began))
        self.probing.distrust_all()
        return reply
