"""The journal of a machine as one process has it: everything stops with the process, and the disk may be full."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import cast

from msgspec import Struct

from orchestrator.errors import JournalUnavailable
from orchestrator.journal import JournalStore
from orchestrator.model.journal import Broken, Entry, Head, Holder, Record, Verification, Witness
from orchestrator.model.protocols import Store
from orchestrator.proof.virtual_time import EPOCH, VirtualClock

from .killable import Process
from .tape import Tape
from .team import TeamJournal
from .wire import Doom


class Dated(Struct):
    """The wall clock that dates a journal's records: that of whichever machine appends."""

    clock: VirtualClock | None = None

    def now(self) -> datetime:
        """Its time."""
        return EPOCH if self.clock is None else self.clock.now()


class Ledger:
    """A store that lives as long as its process."""

    def __init__(  # noqa: PLR0917 - what it stands between
        self,
        inner: Store,
        process: Process,
        tape: Tape,
        doom: Doom,
        machine: str,
        full_at: int = 0,
        dating: Callable[[], None] = lambda: None,
        noted: set[str] | None = None,
        team: TeamJournal | None = None,
    ) -> None:
        self._dating = dating
        self._inner = inner
        self._process = process
        self._tape = tape
        self._doom = doom
        self.journal = machine
        """Its name."""
        self._team = team
        self._noted = noted
        """What the process has journalled, where it may go on in another journal: that one begins with it."""
        self._full_at = full_at

    @property
    def place(self) -> str:
        return self._inner.place

    def role(self) -> str:
        return self._inner.role()

    def _begin(self) -> int:
        self._process.alive()
        self._dating()
        number = self._doom.next()
        if number == self._doom.before:
            self._process.kill(f"before its journal operation {number}")
            self._process.alive()
        if 0 < self._full_at <= number:
            raise JournalUnavailable("the journal cannot be written: no space left on device", sent="")
        return number

    def _end(self, number: int) -> None:
        if number == self._doom.after:
            self._process.kill(f"after its journal operation {number}")
            self._process.alive()

    def _note(self, record: Record, number: int) -> None:
        if self._noted is not None:
            content = f"{record.run} {record.at} {record.kind} {record.data}"
            if content in self._noted:
                return
            self._noted.add(content)
        self._tape.appended(self._process, self.journal, record, number)

    def append(self, entry: Entry, *, holding: str | None = None) -> Record:
        return self.append_all((entry,), holding=holding)[0]

    def append_all(
        self,
        entries: Sequence[Entry],
        *,
        holding: str | None = None,
        kept: Sequence[Head] = (),
        behind: int | None = None,
    ) -> tuple[Record, ...]:
        number = self._begin()
        inner = cast("JournalStore", self._inner)  # which alone knows `behind`, for whoever merges
        more = {} if behind is None else {"behind": behind}
        records = inner.append_all(entries, holding=holding, kept=kept, **more)
        self._appended(records if self._team is None else self._team.not_noted(records), number)
        self._end(number)
        return records

    def _appended(self, records: Iterable[Record | None], number: int) -> None:
        for record in records:
            assert record is not None
            self._note(record, number)

    def _said(self, entries: Sequence[Entry], number: int) -> None:
        if self._team is not None:
            self._team.note_unanswered()
            return
        self._appended((self._inner.newest(entry.pair, entry.kind) for entry in entries), number)

    def first_missing(self, kept: Sequence[Head]) -> int | None:
        self._process.alive()
        return self._inner.first_missing(kept)

    def wait_at_most(self, seconds: float) -> None:
        self._process.alive()
        self._inner.wait_at_most(seconds)

    def numbered(self, numbers: Sequence[int]) -> Iterator[Record]:
        return cast("JournalStore", self._inner).numbered(numbers)

    def records(
        self,
        *,
        run: str | None = None,
        pair: str | None = None,
        kinds: Sequence[str] | None = None,
        after: int = 0,
        before: int | None = None,
    ) -> Iterator[Record]:
        self._process.alive()
        return self._inner.records(run=run, pair=pair, kinds=kinds, after=after, before=before)

    def newest(self, pair: str, kind: str) -> Record | None:
        self._process.alive()
        return self._inner.newest(pair, kind)

    def newest_that_names(self, uuid: str, kind: str, after: int) -> Iterator[Record]:
        self._process.alive()
        return self._inner.newest_that_names(uuid, kind, after)

    def pairs(self) -> tuple[str, ...]:
        self._process.alive()
        return self._inner.pairs()

    def runs_of(self, pair: str) -> frozenset[str]:
        self._process.alive()
        return self._inner.runs_of(pair)

    def ids(self, prefix: str, most: int) -> tuple[str, ...]:
        self._process.alive()
        return self._inner.ids(prefix, most)

    def first_broken(self, numbers: Sequence[int]) -> Broken | None:
        return self._inner.first_broken(numbers)

    def head(self) -> Head:
        self._process.alive()
        return self._inner.head()

    def verify(self) -> Verification:
        return self._inner.verify()

    def verify_newest(self, count: int) -> Verification:
        return self._inner.verify_newest(count)

    def take_lock(self, holder: Holder, *entries: Entry) -> Holder | None:
        number = self._begin()
        present = self._inner.take_lock(holder, *entries)
        if present is None:
            self._said(entries, number)
        self._end(number)
        return present

    def replace_lock(
        self, old: str, holder: Holder, *entries: Entry, beat_at: datetime | None = None
    ) -> bool:
        number = self._begin()
        replaced = self._inner.replace_lock(old, holder, *entries, beat_at=beat_at)
        if replaced:
            self._said(entries, number)
        self._end(number)
        return replaced

    def beat(self, lock: str, at: datetime) -> bool:
        self._process.alive()
        if 0 < self._full_at <= self._doom.count:
            raise JournalUnavailable("the journal cannot be written: no space left on device", sent="")
        return self._inner.beat(lock, at)

    def release(self, lock: str, *entries: Entry) -> bool:
        number = self._begin()
        released = self._inner.release(lock, *entries)
        if released:
            self._said(entries, number)
        self._end(number)
        return released

    def holder(self, pair: str) -> Holder | None:
        self._process.alive()
        return self._inner.holder(pair)

    def holders(self) -> tuple[Holder, ...]:
        self._process.alive()
        return self._inner.holders()

    def witness(self, lock: str) -> Witness:
        self._process.alive()
        return self._inner.witness(lock)

    def close(self) -> None:
        self._inner.close()
