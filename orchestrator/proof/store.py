"""The journal of a proof: records and locks in memory. It keeps the order of things, and no hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.errors import Locked
from orchestrator.journal.checkpoint import read_history
from orchestrator.journal.history import History
from orchestrator.model.journal import (
    GENESIS,
    Broken,
    Entry,
    Head,
    Holder,
    Record,
    Verification,
    Verified,
    Witness,
)
from orchestrator.model.org import Pair
from orchestrator.model.plain import timestamp

from .virtual_time import EPOCH


class Kept(Struct):
    """What is in it: it outlives every process."""

    records: list[Record] = field(default_factory=list)
    holder: Holder | None = None
    _read: tuple[int, History] | None = None
    """What its first records, so many, say of the pair: whoever asks next, or goes on in another way, asks it again."""

    def copy(self) -> Kept:
        """The same, to go on from in another way."""
        return Kept([*self.records], self.holder, self._read)

    def history(self, pair: Pair) -> History:
        """What it says of the pair; nobody may change that."""
        if self._read is None or self._read[0] != len(self.records):
            self._read = (len(self.records), read_history(MemoryStore(self, lambda: EPOCH), pair))
        return self._read[1]


class MemoryStore(Struct, eq=False):
    """`orchestrator.model.protocols.Store` of one process, over what all processes have kept."""

    kept: Kept
    now: Callable[[], datetime]
    alive: Callable[[], None] = lambda: None
    """Raises where the process is dead: then nothing that it does has an effect."""
    around_commit: Callable[[Sequence[Entry], Callable[[], None]], None] = lambda _, commit: commit()
    """Makes the commit that it is given, or does not: the process may die before or after it."""

    place: str = "memory"

    def append(self, entry: Entry, *, holding: str | None = None) -> Record:
        """Append one."""
        return self.append_all((entry,), holding=holding)[0]

    def append_all(
        self, entries: Sequence[Entry], *, holding: str | None = None, kept: Sequence[Head] = ()
    ) -> tuple[Record, ...]:
        """Append several at once; Locked where the lock is not held any more. Nothing that was kept goes missing."""
        del kept
        self.alive()
        if holding is not None and (self.kept.holder is None or self.kept.holder.lock != holding):
            raise Locked("the pair's lock is not held any more")
        first = len(self.kept.records)
        self.around_commit(entries, lambda: self._append(entries))
        return tuple(self.kept.records[first:])

    def _append(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            seq = len(self.kept.records) + 1
            at = timestamp(entry.at or self.now())
            self.kept.records.append(
                Record(
                    seq,
                    at,
                    entry.run,
                    entry.pair,
                    entry.kind,
                    entry.by,
                    entry.host,
                    entry.data,
                    GENESIS,
                    str(seq),
                )
            )

    def first_missing(self, kept: Sequence[Head]) -> int | None:
        """None: nobody puts an older copy in its place."""
        del kept
        self.alive()
        return None

    def wait_at_most(self, seconds: float) -> None:
        """Nobody else writes at the same moment."""

    def records(
        self,
        *,
        run: str | None = None,
        pair: str | None = None,
        kinds: Sequence[str] | None = None,
        after: int = 0,
        before: int | None = None,
    ) -> Iterator[Record]:
        """Those that fit, in order."""
        self.alive()
        upto = len(self.kept.records) if before is None else before - 1
        for record in self.kept.records[after:upto]:
            if run is not None and record.run != run:
                continue
            if pair is not None and record.pair != pair:
                continue
            if kinds is None or record.kind in kinds:
                yield record

    def newest(self, pair: str, kind: str) -> Record | None:
        """The last of that kind."""
        return next((each for each in reversed([*self.records(pair=pair, kinds=(kind,))])), None)

    def newest_that_names(self, uuid: str, kind: str, after: int) -> Iterator[Record]:
        """None of another pair: there is one."""
        del uuid, kind, after
        return iter(())

    def pairs(self) -> tuple[str, ...]:
        """There is one."""
        return tuple(dict.fromkeys(record.pair for record in self.kept.records))

    def runs_of(self, pair: str) -> frozenset[str]:
        """Every run."""
        return frozenset(record.run for record in self.records(pair=pair) if record.run)

    def ids(self, prefix: str, most: int) -> tuple[str, ...]:
        """The newest first."""
        found = {record.run for record in self.kept.records if record.run.startswith(prefix)}
        return tuple(sorted(found, reverse=True)[:most])

    def first_broken(self, numbers: Sequence[int]) -> Broken | None:
        """None: there are no hashes to break."""
        del numbers
        return None

    def head(self) -> Head:
        """The newest record."""
        self.alive()
        return Head(len(self.kept.records), str(len(self.kept.records)))

    def verify(self) -> Verification:
        """It holds."""
        return Verified(len(self.kept.records), self.head())

    def verify_newest(self, count: int) -> Verification:
        """It holds."""
        del count
        return self.verify()

    def take_lock(self, holder: Holder, *entries: Entry) -> Holder | None:
        """Take it, or say who has it."""
        self.alive()
        if self.kept.holder is not None:
            return self.kept.holder
        self._hand(holder, entries)
        return None

    def replace_lock(
        self, old: str, holder: Holder, *entries: Entry, beat_at: datetime | None = None
    ) -> bool:
        """Hand a dead holder's lock over."""
        del beat_at
        return self._hand_from(old, holder, entries)

    def _hand_from(self, old: str, to: Holder | None, entries: Sequence[Entry]) -> bool:
        self.alive()
        if self.kept.holder is None or self.kept.holder.lock != old:
            return False
        self._hand(to, entries)
        return True

    def _hand(self, to: Holder | None, entries: Sequence[Entry]) -> None:
        def commit() -> None:
            self.kept.holder = to
            self._append(entries)

        if entries:
            self.around_commit(entries, commit)
        else:
            commit()

    def beat(self, lock: str, at: datetime) -> bool:
        """Renew it."""
        self.alive()
        if self.kept.holder is None or self.kept.holder.lock != lock:
            return False
        self.kept.holder = replace(self.kept.holder, beat_at=at)
        return True

    def release(self, lock: str, *entries: Entry) -> bool:
        """Let go."""
        return self._hand_from(lock, None, entries)

    def holder(self, pair: str) -> Holder | None:
        """Who has it."""
        del pair
        self.alive()
        return self.kept.holder

    def holders(self) -> tuple[Holder, ...]:
        """Whoever holds the one pair."""
        self.alive()
        return () if self.kept.holder is None else (self.kept.holder,)

    def role(self) -> str:
        """Nobody's: there is no server."""
        return ""

    def witness(self, lock: str) -> Witness:
        """It witnesses nothing, as a file does."""
        del lock
        return Witness.NONE

    def close(self) -> None:
        """What is kept stays."""
