"""The journal in one SQLite file: `orchestrator.model.protocols.Store` for one machine."""

from __future__ import annotations

import sqlite3
import sys
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

from msgspec.structs import astuple, replace

from orchestrator.errors import JournalDamaged, Locked
from orchestrator.model import next_step
from orchestrator.model.journal import GENESIS, Broken, Entry, Head, Holder, Record, Verification, Verified
from orchestrator.model.plain import timestamp

from . import tables
from .calls import turns_at
from .chain import Link, Walk, canonical, fault_of, read_json, storable, storable_text
from .failures import UNSENT, UNWRITTEN, damaged, from_sqlite, unavailable
from .opening import BUSY_SECONDS, Opened, open_for_reading, open_for_writing, open_nothing
from .tables import EACH_PAIR, IS_RUN, RUN_BELOW, RUNS_OF_A_PAIR, first_of_each_run, places, selection

_COLUMNS = ", ".join(Link.__struct_fields__)
_INSERT = f"INSERT INTO records ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constant columns
_SELECT = f"SELECT {_COLUMNS} FROM records WHERE {{}} ORDER BY seq LIMIT ?"  # noqa: S608 - values are bound
_PAGE = 500
"""How many records are in memory at a time while many are read."""

VERIFY_NEWEST = 5_000
"""How many of the journal's newest records are verified before it is believed; `hamr audit verify` reads them all."""


class SqliteStore:
    """An append-only journal with a hash chain, and one lock per pair, in one file.

    Safe to use from several processes, and from several threads of one.
    """

    def __init__(self, opened: Opened, place: Path, now: Callable[[], datetime], patience: float) -> None:
        self._connection = opened.connection
        self._opened = opened
        self._place = place
        self._now = now
        self._mutex = threading.RLock()
        self._turns = turns_at(place)
        self._patience = patience

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: bool = True,
        durable: bool = True,
        now: Callable[[], datetime],
        patience: float | None = None,
        older: bool = False,
    ) -> SqliteStore:
        """Open the journal.

        Args:
            path: its file.
            create: open it for writing, and create file and folder where they are missing. False is for
                commands that only look: nothing can be appended, a file that may only be read is enough, and
                where there is none the journal is empty and no file appears.
            durable: a record is on the disk before `append` returns; only simulations do without.
            now: the wall clock, which dates the records.
            patience: seconds to wait for others who write, here and later; None for BUSY_SECONDS.
            older: where nothing is created, take an older hamr's journal too: its records can be passed on, not read.

        Raises:
            JournalUnavailable: it cannot be opened, or is not for this version or this program.
            JournalDamaged: the file is not a whole journal.
        """
        wait = BUSY_SECONDS if patience is None else patience
        with turns_at(path).one(path, wait):
            if create:
                opened = open_for_writing(path, durable=durable, patience=wait)
            else:
                opened = open_for_reading(path, patience=wait, older=older)
        return cls(opened, path, now, wait)

    @classmethod
    def nothing(cls, path: Path, *, now: Callable[[], datetime]) -> SqliteStore:
        """An empty journal that can't be added to, in the place of one that cannot be opened. Leaves no file."""
        return cls(open_nothing(), path, now, BUSY_SECONDS)

    @property
    def place(self) -> str:
        """The path of its file."""
        return str(self._place)

    @property
    def exists(self) -> bool:
        """Whether there is a file; False only where it was opened with `create=False`."""
        return self._opened.exists

    def append(self, entry: Entry, *, holding: str | None = None) -> Record:
        """Append durably; see `Store.append`. The record is dated with the wall clock, whatever came before it."""
        return self.append_all((entry,), holding=holding)[0]

    def append_all(self, entries: Sequence[Entry], *, holding: str | None = None) -> tuple[Record, ...]:
        """Append several durably in one transaction; see `Store.append_all`.

        Each is dated with when it happened, else with the wall clock, whatever came before it.
        """
        links: list[Link] = []
        with self._writing() as connection:
            if holding is not None:
                for pair in dict.fromkeys(entry.pair for entry in entries):
                    self._want_lock(connection, pair, holding)
            last = self._last(connection)
            for entry in entries:
                at = self._now() if entry.at is None else entry.at
                link = _link_for(entry, after=last, at=timestamp(at))
                connection.execute(_INSERT, astuple(link))
                links.append(link)
                last = Head(link.seq, link.hash)
        return tuple(self._record(link) for link in links)

    def first_missing(self, kept: Sequence[Head]) -> int | None:
        """Which of these records a new connection, opened by the journal's name, does not show; see the protocol."""
        if not kept:
            return None
        with self._turns.one(self._place, self._patience):
            opened = open_for_reading(self._place, patience=self._patience)
        with SqliteStore(opened, self._place, self._now, self._patience) as fresh:
            return fresh._first_missing(kept)

    def _first_missing(self, kept: Sequence[Head]) -> int | None:
        query = "SELECT hash FROM records WHERE seq = ?"
        with self._reading() as connection:
            for head in kept:
                if connection.execute(query, (head.seq,)).fetchone() != (head.hash,):
                    return head.seq
        return None

    def wait_at_most(self, seconds: float) -> None:
        """How long a call waits for others who write, of this process and then of another; BUSY_SECONDS until this is called."""
        self._patience = seconds
        with self._mutex:  # no turn is needed: it touches no file
            self._connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

    def records(
        self,
        *,
        run: str | None = None,
        pair: str | None = None,
        kinds: Sequence[str] | None = None,
        after: int = 0,
        before: int | None = None,
    ) -> Iterator[Record]:
        """Records in order, up to the newest one when the reading begins; see `Store.records`.

        Raises:
            JournalDamaged: a record cannot be read.
        """
        newest = self.head().seq if before is None else min(self.head().seq, before - 1)
        if run is None and pair is None and kinds is None:
            yield from self._all(after, newest)
            return
        found, values = selection(run, pair, kinds)
        yield from self._numbered(
            self._numbers(f"{found} AND seq > ? AND seq <= ? ORDER BY seq", (*values, after, newest))
        )

    def outline(
        self, kinds: Sequence[str], *, begins: Sequence[str], pair: str | None = None
    ) -> Iterator[Record]:
        """In order, the records of some kinds, and of each run the first one that has a kind of `begins`.

        Whatever else the runs have recorded is not read; nor, of one pair, anything of another.

        Args:
            kinds: of all runs.
            begins: kinds of which each run's first is wanted.
            pair: of this pair only; of its runs, those that have a beginning.

        Raises:
            JournalDamaged: a record cannot be read.
        """
        newest = self.head().seq
        found, values = selection(None, pair, kinds)
        numbers = {*self._numbers(f"{found} AND seq <= ?", (*values, newest))}
        of_pair = () if pair is None else (pair,)
        numbers |= {*self._numbers(first_of_each_run(begins, of_pair), (*of_pair, *begins))}
        for record in self._numbered(array("q", sorted(numbers))):
            if pair in (None, record.pair) and record.seq <= newest:
                yield record

    def _all(self, after: int, newest: int) -> Iterator[Record]:
        while page := self._page(_SELECT.format("seq > ? AND seq <= ?"), (after, newest, _PAGE)):
            yield from map(self._record, page)
            after = page[-1].seq

    def _numbers(self, query: str, values: tuple[object, ...]) -> array[int]:
        """Sequence numbers, which an index alone tells; eight bytes each."""
        with self._reading() as connection:
            return array("q", (seq for (seq,) in connection.execute(query, values)))

    def _numbered(self, numbers: array[int]) -> Iterator[Record]:
        """Those records, a page at a time."""
        for begin in range(0, len(numbers), _PAGE):
            part = numbers[begin : begin + _PAGE]
            query = _SELECT.format(f"seq IN ({places(len(part))})")
            yield from map(self._record, self._page(query, (*part, _PAGE)))

    def newest(self, pair: str, kind: str) -> Record | None:
        """A pair's newest record of a kind, whose own hash holds; see `Store.newest`."""
        with self._reading() as connection:
            ((seq,),) = connection.execute(
                "SELECT max(seq) FROM records WHERE pair = ? AND kind = ?", (pair, kind)
            )
        if seq is None:
            return None
        (link,) = self._page(_SELECT.format("seq = ?"), (seq, 1))
        fault = fault_of(link, forms=False)
        if fault is not None:
            raise damaged(self._place, f"is damaged: record {seq}: {fault}")
        return self._record(link) if (link.pair, link.kind) == (pair, kind) else None

    def pairs(self) -> tuple[str, ...]:
        """The names of all pairs that have records."""
        with self._reading() as connection:
            return tuple(pair for (pair,) in connection.execute(EACH_PAIR))

    def runs_of(self, pair: str) -> frozenset[str]:
        """The ids of a pair's runs and adoptions."""
        with self._reading() as connection:
            return frozenset(run for (run,) in connection.execute(RUNS_OF_A_PAIR, (pair,)))

    def ids(self, prefix: str, most: int) -> tuple[str, ...]:
        """The ids of runs and drills that begin so, the last in their order first; see `Store.ids`."""
        prefix = storable_text(prefix)
        found: list[str] = []
        with self._reading() as connection:
            if connection.execute(IS_RUN, (prefix,)).fetchone():
                return (prefix,)
            below = (prefix + chr(sys.maxunicode),)
            while len(found) < most and (row := connection.execute(RUN_BELOW, (*below, prefix)).fetchone()):
                found.append(row[0])
                below = row
        return tuple(found)

    def head(self) -> Head:
        """The newest record's number and hash; 0 and GENESIS where there is none."""
        with self._reading() as connection:
            return self._last(connection)

    def verify(self) -> Verification:
        """Walk the whole chain, from the stored bytes, in one pass and with constant memory.

        Raises:
            JournalDamaged: all records hold, but the file that they lie in does not, its indexes for one.
        """
        found = self._walked(Walk())
        if isinstance(found, Verified):
            self._want_whole_file()
        return found

    def verify_newest(self, count: int) -> Verification:
        """Walk the newest records alone: quick however long the journal is, and says nothing of what is older.

        Their hashes are over the very bytes that were written; whether those have the canonical form, `verify` tells.
        """
        number = max(0, self.head().seq - count)
        before = self._page(_SELECT.format("seq = ?"), (number, 1))
        if number and not before:
            return Broken(number, "it is missing", 0)
        return self._walked(Walk(number, before[0].hash if number else GENESIS, forms=False))

    def first_broken(self, numbers: Sequence[int]) -> Broken | None:
        """Which of these records does not hold, by its own hash or on the one before it; see `Store.first_broken`."""
        for begin in range(0, len(numbers), _PAGE):
            part = numbers[begin : begin + _PAGE]
            wanted = sorted({*part, *(seq - 1 for seq in part)})
            query = _SELECT.format(f"seq IN ({places(len(wanted))})")
            near = {link.seq: link for link in self._page(query, (*wanted, len(wanted)))}
            for seq in part:
                missing = next((each for each in (seq - 1, seq) if each and each not in near), None)
                if missing is not None:
                    return Broken(missing, "it is missing", 0)
                before = near[seq - 1].hash if seq > 1 else GENESIS
                broken = Walk(seq - 1, before, forms=False).take(near[seq])
                if broken is not None:
                    return broken
        return None

    def _walked(self, walk: Walk) -> Verification:
        """Go on from where the walk stands, to the end."""
        start, size = walk.good + 1 if walk.good else -(2**63), _PAGE
        while True:
            try:
                page = self._page(_SELECT.format("seq >= ?"), (start, size))
            except JournalDamaged as error:
                if size == 1:
                    return walk.broken(error.message)
                size = 1  # somewhere in this page: go on one by one, to name the record
                continue
            if not page:
                return walk.verified()
            for link in page:
                broken = walk.take(link)
                if broken is not None:
                    return broken
            start = walk.good + 1

    def take_lock(self, holder: Holder) -> Holder | None:
        """Take the pair's lock: None where it is now the caller's, else its present holder."""
        with self._writing() as connection:
            return tables.take(connection, holder)

    def replace_lock(self, old: str, holder: Holder, *, beat_at: datetime | None = None) -> bool:
        """Hand a dead holder's lock over: True where `old` still held the pair and `holder` has it now."""
        with self._writing() as connection:
            return tables.replace(connection, old, holder, beat_at)

    def beat(self, lock: str, at: datetime) -> bool:
        """Renew a heartbeat; False where the lock is no longer held."""
        with self._writing() as connection:
            return tables.beat(connection, lock, at)

    def release(self, lock: str) -> bool:
        """Let go; False where it was not held any more."""
        with self._writing() as connection:
            return tables.release(connection, lock)

    def holder(self, pair: str) -> Holder | None:
        """Who holds a pair, or None."""
        with self._reading() as connection:
            return tables.holder_of(connection, pair)

    def close(self) -> None:
        """Close the store."""
        with self._mutex:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self, *, sent: str = UNSENT) -> Iterator[sqlite3.Connection]:
        """The file for us alone, as far as this process goes; what SQLite reports is raised in words for a person."""
        with self._mutex, self._turns.one(self._place, self._patience, sent=sent):
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise from_sqlite(error, self._place, sent=sent) from error
            except tables.UnreadableLock as error:
                raise damaged(self._place, f"is damaged: {error}") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the file from its first statement on, and leaves nothing behind if it fails."""
        with self._reading(sent=UNWRITTEN) as connection:
            self._want_writable()
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._want_no_log(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _want_writable(self) -> None:
        if not self._opened.writable:
            raise unavailable(self._place, "was opened for reading only", sent=UNWRITTEN)
        try:
            found = self._place.stat()
            same = (found.st_dev, found.st_ino) == self._opened.file
        except OSError:
            same = False
        if not same:
            raise unavailable(
                self._place, "was moved, deleted or replaced while it was in use", sent=UNWRITTEN
            )

    def _want_no_log(self, connection: sqlite3.Connection) -> None:
        """Law 16: another program may have switched the file over since, and then records would lie beside it."""
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "wal":
            raise unavailable(
                self._place,
                "was switched to write-ahead logging by another program (an older hamr?) while it was in use, which "
                "keeps records in a file beside it",
                sent=UNWRITTEN,
            )

    def _want_lock(self, connection: sqlite3.Connection, pair: str, lock: str) -> None:
        present = tables.holder_of(connection, pair)
        if present is not None and present.lock == lock:
            return
        now_held = (
            "nobody holds it now"
            if present is None
            else f"{present.operator} on {present.host} (process {present.pid}) holds it since"
            f" {timestamp(present.taken_at)} for run {present.run} with the lock {present.lock}"
        )
        raise Locked(
            f"The lock {lock} on {pair} is no longer ours: {now_held}.",
            sent=UNWRITTEN,
            next_steps=[next_step.status(pair)],
        )

    def _last(self, connection: sqlite3.Connection) -> Head:
        row = connection.execute("SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1").fetchone()
        return Head(0, GENESIS) if row is None else Head(*row)

    def _page(self, query: str, values: tuple[object, ...]) -> list[Link]:
        """All rows at once, so that no statement stays open: one would keep other processes' records out of sight."""
        with self._reading() as connection:
            return [Link(*row) for row in connection.execute(query, values).fetchall()]

    def _want_whole_file(self) -> None:
        with self._reading() as connection:
            ((finding,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
        if finding != "ok":
            raise damaged(self._place, f"is damaged, though its records hold: {finding}")

    def _record(self, link: Link) -> Record:
        try:
            data = read_json(link.data)
        except (ValueError, TypeError):
            data = None
        if not isinstance(data, dict):
            raise damaged(self._place, f"is damaged: the data of record {link.seq} is not a JSON object")
        return Record(
            link.seq, link.at, link.run, link.pair, link.kind, link.by, link.host, data, link.prev, link.hash
        )


def _link_for(entry: Entry, *, after: Head, at: str) -> Link:
    """The next record, as it will be stored."""
    link = Link(
        seq=after.seq + 1,
        at=at,
        run=storable_text(entry.run),
        pair=storable_text(entry.pair),
        kind=storable_text(entry.kind),
        by=storable_text(entry.by),
        host=storable_text(entry.host),
        prev=after.hash,
        hash="",
        data=canonical(storable(entry.data)).decode("utf-8"),
    )
    return replace(link, hash=link.digest())
