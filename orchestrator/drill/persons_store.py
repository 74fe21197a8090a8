"""The journal as one process of a rehearsal has it: it remembers what that process wrote, and can end with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct, field

from orchestrator.model.journal import Entry, Head, Holder, Record, Verification
from orchestrator.model.protocols import Store
from orchestrator.model.scenario import At


class ProcessDied(BaseException):  # no Exception: nothing may catch it that would not outlive a kill -9
    """The process of a rehearsed run is gone: from here on it does nothing more."""


class PersonsStore(Struct):
    """A Store that counts the records of one process, and lets something happen at one of them."""

    store: Store
    dies: At | None = None
    meanwhile: At | None = None
    happens: Callable[[], None] = field(default=lambda: None)
    """Called once, when `meanwhile` has come."""
    records_written: list[Record] = field(default_factory=list)
    dead: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def place(self) -> str:
        """As the journal's own."""
        return self.store.place

    def append(self, entry: Entry, *, holding: str | None = None) -> Record:
        """Append durably; then, where the moment has come, die or let something happen.

        Raises:
            ProcessDied: the moment has come, or had come before.
        """
        return self.append_all((entry,), holding=holding)[0]

    def append_all(self, entries: Sequence[Entry], *, holding: str | None = None) -> tuple[Record, ...]:
        """As `append`: where one of them is that moment, what comes after it does not become durable any more.

        Raises:
            ProcessDied: the moment has come, or had come before.
        """
        self._must_live()
        entries = entries[: self._durable(entries)]
        records = self.store.append_all(entries, holding=holding)
        for record in records:
            self._pass(record)
        return records

    def _durable(self, entries: Sequence[Entry]) -> int:
        """How many of these are journalled before the process dies."""
        counts = self.counts.copy()
        for number, entry in enumerate(entries, start=1):
            counts[entry.kind] += 1
            if self.dies is not None and (self.dies.after, self.dies.number) == (
                entry.kind,
                counts[entry.kind],
            ):
                return number
        return len(entries)

    def _pass(self, record: Record) -> None:
        self.records_written.append(record)
        self.counts[record.kind] += 1
        if self._is(self.meanwhile, record):
            self.happens()
        if self._is(self.dies, record):
            self.dead = True
            raise ProcessDied(f"after record {record.seq} ({record.kind})")

    def first_missing(self, kept: Sequence[Head]) -> int | None:
        """As the journal's own."""
        return self.store.first_missing(kept)

    def wait_at_most(self, seconds: float) -> None:
        """As the journal's own."""
        self.store.wait_at_most(seconds)

    def _is(self, at: At | None, record: Record) -> bool:
        return at is not None and at.after == record.kind and at.number == self.counts[record.kind]

    def _must_live(self) -> None:
        if self.dead:
            raise ProcessDied("it is gone already")

    def records(
        self,
        *,
        run: str | None = None,
        pair: str | None = None,
        kinds: Sequence[str] | None = None,
        after: int = 0,
    ) -> Iterator[Record]:
        """As the journal's own."""
        return self.store.records(run=run, pair=pair, kinds=kinds, after=after)

    def newest(self, pair: str, kind: str) -> Record | None:
        """As the journal's own."""
        return self.store.newest(pair, kind)

    def pairs(self) -> tuple[str, ...]:
        """As the journal's own."""
        return self.store.pairs()

    def runs_of(self, pair: str) -> frozenset[str]:
        """As the journal's own."""
        return self.store.runs_of(pair)

    def head(self) -> Head:
        """As the journal's own."""
        return self.store.head()

    def verify(self) -> Verification:
        """As the journal's own."""
        return self.store.verify()

    def verify_newest(self, count: int) -> Verification:
        """As the journal's own."""
        return self.store.verify_newest(count)

    def take_lock(self, holder: Holder) -> Holder | None:
        """As the journal's own; a process that is gone takes none."""
        self._must_live()
        return self.store.take_lock(holder)

    def replace_lock(self, old: str, holder: Holder, *, beat_at: datetime | None = None) -> bool:
        """As the journal's own; a process that is gone takes none."""
        self._must_live()
        return self.store.replace_lock(old, holder, beat_at=beat_at)

    def beat(self, lock: str, at: datetime) -> bool:
        """As the journal's own; a process that is gone has no heart."""
        self._must_live()
        return self.store.beat(lock, at)

    def release(self, lock: str) -> bool:
        """As the journal's own; a process that is gone leaves its lock behind."""
        self._must_live()
        return self.store.release(lock)

    def holder(self, pair: str) -> Holder | None:
        """As the journal's own."""
        return self.store.holder(pair)

    def close(self) -> None:
        """Nothing: the journal belongs to the drill."""
