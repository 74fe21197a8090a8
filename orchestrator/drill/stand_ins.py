"""What stands in for the world around the orgs in a rehearsal: probes, programs, and processes that may die."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime

from msgspec import Struct, field

from orchestrator.config.scenario import At, Death, Unknown
from orchestrator.datadog.transport import Transport
from orchestrator.model.guard import (
    Measured,
    Metric,
    Monitor,
    Probe,
    ProbeReading,
    Unmeasured,
    Value,
)
from orchestrator.model.journal import Entry, Head, Holder, Record, Whereabouts
from orchestrator.model.playbook import Program, ProgramEnded
from orchestrator.model.protocols import Clock, Prober, Programs, Store
from orchestrator.model.status import Both, Role
from orchestrator.operations.session import Session

NOT_RUN = "not run: the regions are simulated"
"""What a hook's program says in a rehearsal."""


class ProbeStubs(Struct):
    """What the probes of a rehearsal say, as it is now."""

    values: dict[str, Value | Unknown]
    """As the scenario has it, by the probe's name."""
    assumed: Mapping[str, Measured]
    """What lets the guards pass, for the probes that the scenario does not name."""
    dark: Callable[[Role], bool]
    """Whether an org's region does not answer just now."""
    hooks: dict[str, int] = field(default_factory=dict)
    """What hooks' programs end with, by the hook's name."""


class StubProber(Struct):
    """A Prober that says what was agreed, and nothing where the org's region is dark."""

    stubs: ProbeStubs
    clock: Clock
    asked: Prober | None = None
    """Reads metrics and monitors of the simulated regions, where the scenario scripts them there."""

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        """What it says now."""
        of_an_org = isinstance(probe.kind, Metric | Monitor)
        if of_an_org and self.asked is not None and probe.name not in self.stubs.values:
            return await self.asked.take(probe, within=within)
        return ProbeReading(probe.name, self._sight(probe), self.clock.now(), self.clock.monotonic())

    def _sight(self, probe: Probe) -> Measured | Unmeasured:
        if isinstance(probe.kind, Metric | Monitor) and self.stubs.dark(probe.kind.org):
            return Unmeasured(f"the region of the {probe.kind.org} does not answer")
        agreed = self.stubs.values.get(probe.name)
        match agreed:
            case Unknown(reason=reason):
                return Unmeasured(reason)
            case None:
                return self.stubs.assumed.get(probe.name, Measured())
            case bool():
                return Measured(agreed, good=agreed, detail="as the scenario has it")
            case _:
                return Measured(agreed, detail="as the scenario has it")


class NoPrograms(Struct, frozen=True):
    """Programs of hooks are not started: a rehearsal must not move anybody's traffic."""

    codes: Mapping[str, int]
    """As the scenario has it, by the hook's name."""

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        """Ended at once, without having run: well, where the scenario does not say otherwise."""
        del program
        return ProgramEnded(self.codes.get(about["HAMR_HOOK"], 0), NOT_RUN, 0.0)


class RehearsedSession(Session, eq=False):
    """A Session on simulated regions, around which nothing is real."""

    stubs: ProbeStubs = field(default_factory=lambda: ProbeStubs({}, {}, lambda _: False))
    scripted: bool = False
    """Whether the scenario scripts metrics or monitors of the regions."""

    @asynccontextmanager
    async def prober(self, over: Both[Transport] | None = None) -> AsyncIterator[Prober]:
        """Probes that say what was agreed."""
        async with Session.prober(self, over) if self.scripted else nullcontext() as asked:
            yield StubProber(self.stubs, self.clock, asked)

    def programs(self) -> Programs:
        """Programs that are not started."""
        return NoPrograms(self.stubs.hooks)


class FakeHost(Struct):
    """The machine of a rehearsal: it knows which of its processes are gone."""

    name: str
    pid: int
    token: str
    gone: set[str]

    def this_process(self) -> tuple[int, str]:
        """This program's own pid, and what tells the rehearsed process from the others in it."""
        return self.pid, self.token

    def whereabouts(self, holder: Holder) -> Whereabouts:
        """Of the rehearsed processes that are gone it knows."""
        return Whereabouts.GONE if holder.process_started in self.gone else Whereabouts.UNCERTAIN


# -- a process that may die ------------------------------------------------------------------------------------


class ProcessDied(BaseException):  # no Exception: nothing may catch it that would not outlive a kill -9
    """The process of a rehearsed run is gone: from here on it does nothing more."""


def _index(at: At | None, kinds: Sequence[str]) -> int | None:
    """Which of the records of these kinds is the moment; None where it has not come."""
    if at is None:
        return None
    of_it = [index for index, kind in enumerate(kinds) if kind == at.after]
    return of_it[at.number - 1] if len(of_it) >= at.number else None


class ProcessStore:
    """A Store that counts the records of one process, and lets something happen at some of them.

    What is to happen at a moment is called once, when that has come. What only reads is the journal's own.
    """

    def __init__(
        self, store: Store, dies: Death | None, moments: Sequence[tuple[At, Callable[[], None]]]
    ) -> None:
        self._store = store
        self._dies = dies
        self._moments = moments
        self._is_last = False
        self.records_written: list[Record] = []
        self.dead = False
        self.place = store.place
        self.role = store.role
        self.first_missing = store.first_missing
        self.wait_at_most = store.wait_at_most
        self.records = store.records
        self.newest = store.newest
        self.newest_that_names = store.newest_that_names
        self.pairs = store.pairs
        self.runs_of = store.runs_of
        self.ids = store.ids
        self.first_broken = store.first_broken
        self.head = store.head
        self.verify = store.verify
        self.verify_newest = store.verify_newest
        self.holder = store.holder
        self.holders = store.holders
        self.witness = store.witness

    def append(self, entry: Entry, *, holding: str | None = None) -> Record:
        """Append durably; then, where the moment has come, die or let something happen; ProcessDied where the moment has come, or had come before."""
        return self.append_all((entry,), holding=holding)[0]

    def append_all(
        self, entries: Sequence[Entry], *, holding: str | None = None, kept: Sequence[Head] = ()
    ) -> tuple[Record, ...]:
        """As `append`: where one of them is that moment, what comes after it does not become durable any more."""
        self._must_live(*entries)
        before = len(self.records_written)
        dies = _index(self._dies, [*self._kinds(), *(entry.kind for entry in entries)])
        durable = entries if dies is None else entries[: dies + 1 - before]
        records = self._store.append_all(durable, holding=holding, kept=kept)
        self._have_written(records)
        return records

    def _kinds(self) -> list[str]:
        return [record.kind for record in self.records_written]

    def _have_written(self, records: Sequence[Record]) -> None:
        before = len(self.records_written)
        self.records_written += records
        for at, happens in self._moments:
            index = _index(at, self._kinds())
            if index is not None and before <= index:
                happens()
        dies = _index(self._dies, self._kinds()) is not None
        if dies and self._dies is not None and self._dies.sent:
            self._is_last = True
        elif dies:
            self.dead = True
            raise ProcessDied(f"after record {records[-1].seq} ({records[-1].kind})")

    def _have_said(self, entries: Sequence[Entry]) -> None:
        written = (self._store.newest(entry.pair, entry.kind) for entry in entries)
        self._have_written([record for record in written if record is not None])

    def _must_live(self, *entries: Entry) -> None:
        if self.dead:
            raise ProcessDied("it is gone already")
        if entries and self._is_last:
            self.dead = True
            raise ProcessDied(f"before it wrote down {entries[0].kind}")

    def take_lock(self, holder: Holder, *entries: Entry) -> Holder | None:
        """As the journal's own; a process that is gone takes none."""
        self._must_live(*entries)
        present = self._store.take_lock(holder, *entries)
        if present is None:
            self._have_said(entries)
        return present

    def replace_lock(
        self, old: str, holder: Holder, *entries: Entry, beat_at: datetime | None = None
    ) -> bool:
        """As the journal's own; a process that is gone takes none."""
        self._must_live(*entries)
        replaced = self._store.replace_lock(old, holder, *entries, beat_at=beat_at)
        if replaced:
            self._have_said(entries)
        return replaced

    def beat(self, lock: str, at: datetime) -> bool:
        """As the journal's own; a process that is gone has no heart."""
        self._must_live()
        return self._store.beat(lock, at)

    def release(self, lock: str, *entries: Entry) -> bool:
        """As the journal's own; a process that is gone leaves its lock behind."""
        self._must_live(*entries)
        released = self._store.release(lock, *entries)
        if released:
            self._have_said(entries)
        return released

    def close(self) -> None:
        """Nothing: the journal belongs to the drill."""
