"""The world beside the two regions: gauges that probes read, programs that hooks start, and people who are asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from msgspec import Struct, field

from orchestrator.datadog.transport import Transport
from orchestrator.errors import JournalDamaged, JournalUnavailable
from orchestrator.model.events import Event
from orchestrator.model.guard import Measured, Probe, ProbeReading, Unmeasured
from orchestrator.model.journal import Entry
from orchestrator.model.playbook import Program, ProgramEnded, Question, Reply
from orchestrator.model.protocols import Prober, Programs, Store
from orchestrator.model.status import Both
from orchestrator.operations.session import Session
from orchestrator.simulator import Regions

from .around import Deed, Ends, Gauge, Says, Surroundings
from .killable import Process, ProcessClock, ProcessLoop, world_context
from .tape import Tape

Asker = Callable[[Question], Awaitable[Reply | None]]

WELL = Says(yes=True, after=2.0)
"""What somebody says who closes an incident: it was done, it may be done."""


class Doomed(Struct):
    """At which of its hooks, or questions, a process dies; counted from 1, 0: never."""

    hook_begun: int = 0
    hook_done: int = 0
    asked: int = 0


class Beside(Struct, eq=False):
    """What is drawn for an incident, as it goes on."""

    loop: ProcessLoop
    regions: Regions
    tape: Tape
    drawn: Surroundings
    begun: Counter[str] = field(default_factory=Counter)
    """How often each hook's program was started."""
    questions: int = 0
    over: bool = False
    """Nothing goes wrong any more."""
    first_question: asyncio.Event = field(default_factory=asyncio.Event)

    def gauge(self, name: str) -> Gauge:
        """A gauge that nobody drew shows that all is well."""
        return next((each for each in self.drawn.gauges if each.name == name), Gauge(name, None))

    def deed(self, name: str) -> Deed:
        """A hook by its name."""
        return next(each for each in self.drawn.deeds if each.name == name)

    def says(self) -> Says | None:
        """What the next question gets; None where there is nobody."""
        if self.over:
            return WELL
        people = self.drawn.people
        self.questions += 1
        return people[(self.questions - 1) % len(people)] if people else None


class PlayedProber(Struct):
    """`orchestrator.model.protocols.Prober` of one process."""

    beside: Beside
    process: Process
    clock: ProcessClock

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        self.process.alive()
        beside, tape = self.beside, self.beside.tape
        limit = probe.kind.timeout.total_seconds()
        limit = limit if within is None else min(limit, within)
        gauge, asked, began = beside.gauge(probe.name), tape.now, self.clock.monotonic()
        dark = None if gauge.org is None else beside.regions.darkness(gauge.org)
        takes = 0.05 if beside.over else gauge.takes
        if dark is not None:
            takes = limit + 1.0 if dark.how.silent else 0.02
        # What is asked answers at its own time, whether or not this machine is awake to hear it.
        answering = beside.loop.create_task(_after(min(takes, limit)), context=world_context())
        try:
            await asyncio.wait({answering})
        finally:
            answering.cancel()
        self.process.alive()
        measured = asked + min(takes, limit)
        sight = self._sight(gauge, measured, takes=takes, limit=limit, dark=dark is not None)
        tape.measured(self.process, probe.name, asked, measured, sight)
        return ProbeReading(
            probe.name, sight, self.clock.now(), self.clock.monotonic(), self.clock.monotonic() - began
        )

    def _sight(
        self, gauge: Gauge, at: float, *, takes: float, limit: float, dark: bool
    ) -> Measured | Unmeasured:
        if takes > limit:
            return Unmeasured(f"no answer within {limit:g} s")
        if dark:
            return Unmeasured("the connection was refused")
        value = gauge.value(at, over=self.beside.over)
        return Unmeasured("no data", no_data=True) if value is None else Measured(value)


async def _after(seconds: float) -> None:
    await asyncio.sleep(seconds)


class PlayedPrograms(Struct):
    """`orchestrator.model.protocols.Programs` of one process. What it started goes on when it is killed."""

    beside: Beside
    process: Process
    clock: ProcessClock
    doom: Doomed
    begun: int = 0

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        self.process.alive()
        beside = self.beside
        deed, began = beside.deed(about["HAMR_HOOK"]), self.clock.monotonic()
        beside.begun[deed.name] += 1
        self.begun += 1
        key = (about["HAMR_RUN"], about["HAMR_TRANSITION"], about["HAMR_WHEN"], about["HAMR_HOOK"])
        beside.tape.hook(self.process, key, "begins")
        ends = self._ends(deed)
        working = beside.loop.create_task(self._work(deed, ends, key), context=world_context())
        if self.begun == self.doom.hook_begun:
            self.process.kill(f"when its hook {self.begun} had begun")
        self.process.alive()
        try:
            done, _ = await asyncio.wait({working}, timeout=program.timeout.total_seconds())
        except asyncio.CancelledError:
            if not self.process.dead:
                working.cancel()  # its process group is ended
            raise
        if not done:
            working.cancel()
        if self.begun == self.doom.hook_done:
            self.process.kill(f"when its hook {self.begun} was over")
        self.process.alive()
        took = self.clock.monotonic() - began
        printed = f"./{deed.name} as {beside.regions.config.orgs.primary.api_key}\n"  # it prints a key
        if not done:
            return ProgramEnded(None, printed, took, f"did not end within {program.timeout.seconds} s")
        return ProgramEnded(0 if ends is Ends.WELL else 1, printed, took)

    def _ends(self, deed: Deed) -> Ends:
        if self.beside.over or (deed.ends is Ends.FAILS_ONCE and self.beside.begun[deed.name] > 1):
            return Ends.WELL
        return Ends.FAILS if deed.ends is Ends.FAILS_ONCE else deed.ends

    async def _work(self, deed: Deed, ends: Ends, key: tuple[str, str, str, str]) -> None:
        if ends is Ends.HANGS:
            await asyncio.sleep(3600.0)
        await asyncio.sleep(min(deed.takes, 1.0) if self.beside.over else deed.takes)
        self.beside.tape.hook(self.process, key, "ends well" if ends is Ends.WELL else "fails")


def asker(beside: Beside, process: Process, doom: Doomed) -> Asker | None:
    """How a process asks whoever sits in front of it; None where nobody does."""
    if not beside.drawn.people and not beside.over:
        return None
    count = 0

    async def ask(question: Question) -> Reply | None:
        nonlocal count
        process.alive()
        count += 1
        beside.tape.asked(process, question)
        beside.first_question.set()
        if count == doom.asked:
            process.kill(f"while its question {count} stood")
        process.alive()
        says = beside.says()
        try:
            if says is not None:
                await asyncio.sleep(says.after)
            process.alive()
        finally:
            if not process.dead:
                beside.tape.replied(process, question)
        if says is None or says.yes is None:
            return None
        # Whoever answers may paste anything: a key, too.
        return Reply(says.yes, f"looked, with {beside.regions.config.orgs.secondary.app_key}")

    return ask


class PlayedSession(Session, eq=False):
    """A session whose probes and programs are played, as its network is."""

    played_prober: Prober | None = None
    told: Callable[[Entry], None] = lambda _: None
    """Is shown what will be journalled, when it happens."""
    played_programs: Programs | None = None
    within: Callable[[Store], Store] = lambda store: store
    """The journal to which it moves, as its process has that."""

    def move_journal(self, why: JournalUnavailable | JournalDamaged) -> None:
        Session.move_journal(self, why)
        self.store = self.within(self.store)

    def entry(self, run: str, event: Event) -> Entry:
        entry = Session.entry(self, run, event)
        self.told(entry)
        return entry

    def prober(self, over: Both[Transport] | None = None) -> AbstractAsyncContextManager[Prober]:
        assert self.played_prober is not None
        return _open(self.played_prober)

    def programs(self) -> Programs:
        assert self.played_programs is not None
        return self.played_programs


@asynccontextmanager
async def _open(prober: Prober) -> AsyncIterator[Prober]:
    yield prober
