"""The journal over a database's tables: `orchestrator.model.protocols.Store`, the same for a file and for a team's server."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from msgspec.structs import asdict, astuple, replace

from orchestrator.errors import HamrError, JournalBusy, JournalDamaged, JournalUnavailable, Locked, UsageError
from orchestrator.model import next_step
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
from orchestrator.model.plain import moment, timestamp
from orchestrator.model.words import utc

from . import tables
from .address import Address
from .chain import Link, Walk, canonical, fault_of, is_text, read_json, storable, storable_text
from .failures import ELSEWHERE, UNWRITTEN, damaged, lost
from .sqlite_file import BUSY_SECONDS, SqliteFile
from .tables import Statements

T = TypeVar("T")
Work = Callable[[Statements], T]
"""What is asked of the tables, or done to them, in one transaction. It may be done again from the start, so it changes
nothing else."""

_COLUMNS = ", ".join(Link.__struct_fields__)
_INSERT = f"INSERT INTO records ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constant columns
_SELECT = f"SELECT {_COLUMNS} FROM records WHERE {{}} ORDER BY seq LIMIT ?"  # noqa: S608 - values are bound
_THERE = "SELECT seq, hash FROM records WHERE seq IN ({}, (SELECT max(seq) FROM records)) ORDER BY seq"
_PAGE = 500
"""How many records are in memory at a time while many are read."""

_over: set[str] = set()
"""Locks of this process that could not be given back: it is done with them, and knows it for as long as it lives."""

VERIFY_NEWEST = 5_000
"""How many of the journal's newest records are verified before it is believed; `hamr audit verify` reads them all."""


class Database(Protocol):
    """A journal's tables, wherever they are kept: in a file, or on a server."""

    @property
    def place(self) -> str:
        """Where they are, in a person's words."""

    @property
    def exists(self) -> bool:
        """Whether there is a journal; False only where one was opened to be looked at."""

    def read(self, work: Work[T]) -> T:
        """Do work that changes nothing. What the database reports is raised in words for a person."""

    def write(self, work: Work[T]) -> T:
        """Do work in one durable transaction, all of it or nothing, while nobody else writes."""

    def afresh(self) -> Database:
        """The same tables through a fresh handle, opened by the journal's name, to be looked at."""

    def check_whole(self) -> str:
        """What the database itself finds wrong with its tables; "" where it finds nothing."""

    def wait_at_most(self, seconds: float) -> None:
        """How long a call waits from now on for others who write."""

    def attend(self, lock: str) -> None:
        """Give a lock that is about to be taken its witness, where there is such a thing."""

    def leave(self, lock: str) -> None:
        """Take the witness back."""

    def witness(self, lock: str) -> Witness:
        """What the database itself can tell of the process that holds a lock."""

    def role(self) -> str:
        """Who the database itself says that we are; "" where it can't tell."""

    def close(self) -> None:
        """Let go of the tables."""


class JournalStore:
    """An append-only journal with a hash chain, and one lock per pair.

    Safe to use from several processes, and from several threads of one.
    """

    def __init__(self, database: Database, now: Callable[[], datetime], *, hurried: bool = False) -> None:
        self._database = database
        self._now = now
        self._hurried = hurried
        """Whether it was told to wait for others less than usual, as in an emergency."""
        self._doubtful: tuple[Link, ...] = ()
        """What may or may not have been written: nobody answered in time."""
        self._unsure: set[str] = set()
        """Locks that may have been taken all the same, though whoever wanted them was told that they were not."""

    @classmethod
    def open(
        cls,
        place: Path | Address,
        *,
        create: bool = True,
        durable: bool = True,
        now: Callable[[], datetime],
        patience: float | None = None,
        older: bool = False,
    ) -> JournalStore:
        """Open the journal.

        Args:
            place: its file, or the address of a team's.
            create: open it for writing, and create file and folder where they are missing; a team's was laid out
                before. False is for commands that only look: nothing can be appended, a file that may only be read is
                enough, and where there is none the journal is empty and no file appears.
            durable: a record is on the disk before `append` returns; only simulations do without.
            now: the wall clock, which dates the records.
            patience: seconds to wait for others who write, here and later; None for BUSY_SECONDS.
            older: where nothing is created, take an older hamr's journal too: its records can be passed on, not read.

        Raises:
            JournalUnavailable: it cannot be opened, or is not for this version or this program.
            JournalDamaged: the file is not a whole journal.
        """
        wait = BUSY_SECONDS if patience is None else patience
        # Who only looks, as whoever resumes does first, finds nothing in another one.
        hurried = create and patience is not None
        with _led_elsewhere_first(hurried):
            if not isinstance(place, Address):
                file = SqliteFile.open(place, create=create, durable=durable, patience=wait, older=older)
                return cls(file, now, hurried=hurried)
            try:
                from .postgres import open_team  # noqa: PLC0415 - its library is loaded for a team's journal alone
            except ImportError as error:
                raise UsageError(
                    f"The journal {place} is a team's, and the library for it is not installed: {error}.",
                    next_steps=(next_step.shell("pip install 'hamr-orchestrator[team]'", "install it"),),
                ) from error
            return cls(open_team(place, writes=create, patience=wait), now, hurried=hurried)

    @classmethod
    def nothing(cls, place: Path | Address, *, now: Callable[[], datetime]) -> JournalStore:
        """An empty journal that can't be added to, in the place of one that cannot be opened. Leaves no file."""
        return cls(SqliteFile.nothing(str(place)), now)

    @property
    def place(self) -> str:
        """The path of its file, or a team's address without a password."""
        return self._database.place

    def role(self) -> str:
        """Who the journal's own server says that we are, which nobody can make up; "" where the journal is a file."""
        return self._database.role()

    @property
    def exists(self) -> bool:
        """Whether there is a journal; False only where it was opened with `create=False`."""
        return self._database.exists

    def append(self, entry: Entry, *, holding: str | None = None) -> Record:
        """Append durably; see `Store.append`. The record is dated with the wall clock, whatever came before it."""
        return self.append_all((entry,), holding=holding)[0]

    def append_all(
        self,
        entries: Sequence[Entry],
        *,
        holding: str | None = None,
        kept: Sequence[Head] = (),
        behind: int | None = None,
    ) -> tuple[Record, ...]:
        """Append several durably in one transaction, each dated with when it happened, else with the wall clock; see `Store.append_all`.

        None of them where the newest record's number is not `behind` any more.
        """
        tried: list[Link] = []

        def append(statements: Statements) -> list[Link]:
            overtaken = behind is not None and _last(statements).seq != behind
            return [] if overtaken else self._append(statements, entries, tried, holding, kept)

        try:
            links = self._write(append)
        except JournalUnavailable:
            self._doubtful += tuple(tried)
            raise
        self._doubtful = ()
        return tuple(map(self._record, links))

    def _append(
        self,
        statements: Statements,
        entries: Sequence[Entry],
        tried: list[Link],
        holding: str | None = None,
        kept: Sequence[Head] = (),
    ) -> list[Link]:
        there = _there(statements, kept)
        missing = _first_missing(there, kept)
        if missing is not None:
            raise lost(self.place, missing, entries[0].pair)
        if holding is not None:
            for pair in dict.fromkeys(entry.pair for entry in entries):
                _want_lock(statements, pair, holding)
        links: list[Link] = []
        last = there[-1]
        tried.clear()
        doubtful = {_content(link): link for link in self._doubtful if _stands(statements, link)}
        for entry in entries:
            at = self._now() if entry.at is None else entry.at
            link = _link_for(entry, after=last, at=timestamp(at))
            # What stands there after all, though nobody said so, is not told twice.
            known = doubtful.pop(_content(link), None)
            links.append(link if known is None else known)
            if known is None:
                tried.append(link)
                last = Head(link.seq, link.hash)
        statements.executemany(_INSERT, list(map(astuple, tried)))
        return links

    def first_missing(self, kept: Sequence[Head]) -> int | None:
        """Which of these records a fresh handle, opened by the journal's name, does not show; see the protocol."""
        if not kept:
            return None
        with closing(self._database.afresh()) as fresh:
            return fresh.read(lambda statements: _first_missing(_there(statements, kept), kept))

    def wait_at_most(self, seconds: float) -> None:
        """How long a call waits for others who write, of this process and then of another; BUSY_SECONDS until this is called."""
        self._database.wait_at_most(seconds)
        self._hurried = True

    def records(
        self,
        *,
        run: str | None = None,
        pair: str | None = None,
        kinds: Sequence[str] | None = None,
        after: int = 0,
        before: int | None = None,
    ) -> Iterator[Record]:
        """Records in order, up to the newest one when the reading begins; a JournalDamaged where one cannot be read. See `Store.records`."""
        newest = self.head().seq if before is None else min(self.head().seq, before - 1)
        if run is None and pair is None and kinds is None:
            yield from self._all(after, newest)
            return
        run, pair = (text if text is None else storable_text(text) for text in (run, pair))
        found, values = tables.selection(run, pair, kinds)
        yield from self.numbered(
            self._numbers(f"{found} AND seq > ? AND seq <= ? ORDER BY seq", (*values, after, newest))
        )

    def outline(
        self, kinds: Sequence[str], *, begins: Sequence[str], pair: str | None = None
    ) -> Iterator[Record]:
        """In order, the records of some kinds, and of each run the first one that has a kind of `begins`; of one pair, of its own alone.

        Whatever else the runs have recorded is not read. A JournalDamaged where a record cannot be.
        """
        newest = self.head().seq
        found, values = tables.selection(None, pair, kinds)
        numbers = {*self._numbers(f"{found} AND seq <= ?", (*values, newest))}
        of_pair = () if pair is None else (pair,)
        numbers |= {*self._numbers(tables.first_of_each_run(begins, of_pair), (*of_pair, *begins))}
        for record in self.numbered(sorted(numbers)):
            if pair in (None, record.pair) and record.seq <= newest:
                yield record

    def _all(self, after: int, newest: int) -> Iterator[Record]:
        while page := self._page(_SELECT.format("seq > ? AND seq <= ?"), (after, newest, _PAGE)):
            yield from map(self._record, page)
            after = page[-1].seq

    def _numbers(self, query: str, values: tuple[object, ...]) -> array[int]:
        """Sequence numbers, which an index alone tells; eight bytes each."""
        return self._read(
            lambda statements: array("q", (seq for (seq,) in statements.execute(query, values)))
        )

    def numbered(self, numbers: Sequence[int]) -> Iterator[Record]:
        """The records of these numbers, which ascend; a page at a time."""
        for begin in range(0, len(numbers), _PAGE):
            part = numbers[begin : begin + _PAGE]
            query = _SELECT.format(f"seq IN ({tables.places(len(part))})")
            yield from map(self._record, self._page(query, (*part, _PAGE)))

    def newest(self, pair: str, kind: str) -> Record | None:
        """A pair's newest record of a kind, whose own hash holds; see `Store.newest`."""
        ((seq,),) = self._rows("SELECT max(seq) FROM records WHERE pair = ? AND kind = ?", (pair, kind))
        if seq is None:
            return None
        (link,) = self._page(_SELECT.format("seq = ?"), (seq, 1))
        fault = fault_of(link, forms=False)
        if fault is not None:
            raise damaged(self.place, f"is damaged: record {seq}: {fault}")
        return self._record(link) if (link.pair, link.kind) == (pair, kind) else None

    def newest_that_names(self, uuid: str, kind: str, after: int) -> Iterator[Record]:
        """Of each pair the newest record of a kind; see `Store.newest_that_names`."""
        return self.numbered(self._numbers(tables.NEWEST_THAT_NAMES, (kind, after, f"%{uuid.lower()}%")))

    def pairs(self) -> tuple[str, ...]:
        """The names of all pairs that have records."""
        return tuple(pair for (pair,) in self._rows(tables.EACH_PAIR))

    def runs_of(self, pair: str) -> frozenset[str]:
        """The ids of a pair's runs and adoptions."""
        return frozenset(run for (run,) in self._rows(tables.RUNS_OF_A_PAIR, (pair,)))

    def ids(self, prefix: str, most: int) -> tuple[str, ...]:
        """The ids of runs and drills that begin so, the last in their order first; see `Store.ids`."""
        return self._read(lambda statements: _ids(statements, storable_text(prefix), most))

    def head(self) -> Head:
        """The newest record's number and hash; 0 and GENESIS where there is none."""
        return self._read(_last)

    def verify(self) -> Verification:
        """Walk the whole chain, from the stored bytes, in one pass and with constant memory.

        A JournalDamaged where all records hold, but the file that they lie in does not, its indexes for one.
        """
        found = self._walked(Walk())
        finding = self._database.check_whole() if isinstance(found, Verified) else ""
        if finding:
            raise damaged(self.place, f"is damaged, though its records hold: {finding}")
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
            query = _SELECT.format(f"seq IN ({tables.places(len(wanted))})")
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
                    return walk.broken(error.message.removesuffix("."))
                size = 1  # somewhere in this page: go on one by one, to name the record
                continue
            if not page:
                return walk.verified()
            for link in page:
                broken = walk.take(link)
                if broken is not None:
                    return broken
            start = walk.good + 1

    def take_lock(self, holder: Holder, *entries: Entry) -> Holder | None:
        """Take the pair's lock: None where it is now the caller's, else its present holder; see `Store.take_lock`."""

        def take(statements: Statements) -> Holder | None:
            present = tables.take(statements, holder)
            if present is None and entries:
                self._append(statements, entries, [])
            return present

        with self._attending(holder.lock):
            present = self._write(take)
        if present is not None:
            self._database.leave(holder.lock)
        return present

    def replace_lock(
        self, old: str, holder: Holder, *entries: Entry, beat_at: datetime | None = None
    ) -> bool:
        """Hand a dead holder's lock over: True where `old` still held the pair and `holder` has it now."""

        def change(statements: Statements) -> bool:
            replaced = tables.replace(statements, old, holder, beat_at)
            if replaced and entries:
                self._append(statements, entries, [])
            return replaced

        with self._attending(holder.lock):
            replaced = self._write(change)
        if not replaced:
            self._database.leave(holder.lock)
        return replaced

    @contextmanager
    def _attending(self, lock: str) -> Iterator[None]:
        """Give a lock its witness while it is taken; where that fails, nobody is to hold it, whatever the server makes of it."""
        self._database.attend(lock)
        _over.discard(lock)
        try:
            yield
        except HamrError:
            self._database.leave(lock)
            self._unsure.add(lock)
            raise

    def beat(self, lock: str, at: datetime) -> bool:
        """Renew a heartbeat; False where the lock is no longer held."""
        return self._write(lambda statements: tables.beat(statements, lock, at))

    def release(self, lock: str, *entries: Entry) -> bool:
        """Let go; False where it was not held any more."""

        def let_go(statements: Statements) -> bool:
            released = tables.release(statements, lock)
            if released and entries:
                self._append(statements, entries, [])
            return released

        try:
            return self._write(let_go)
        except HamrError:
            _over.add(lock)
            raise
        finally:
            # Also where it could not be written: a process that lives on is no witness of a run that is over.
            self._database.leave(lock)

    def holder(self, pair: str) -> Holder | None:
        """Who holds a pair, or None."""
        return self._read(lambda statements: tables.holder_of(statements, pair))

    def holders(self) -> tuple[Holder, ...]:
        """Whoever holds any pair."""
        return self._read(tables.holders)

    def witness(self, lock: str) -> Witness:
        """What the store itself can tell of the process that holds a lock; see the protocol."""
        return Witness.GONE if lock in _over else self._database.witness(lock)

    def close(self) -> None:
        """Close the store."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, work: Work[T]) -> T:
        with _led_elsewhere_first(self._hurried):
            return self._database.read(work)

    def _write(self, work: Work[T]) -> T:
        """In one transaction, which first lets go of what nobody was told that they hold: this process may live for long."""
        unsure = frozenset(self._unsure)

        def without_them(statements: Statements) -> T:
            for lock in unsure:
                tables.release(statements, lock)
            return work(statements)

        with _led_elsewhere_first(self._hurried):
            done = self._database.write(without_them)
        self._unsure -= unsure
        return done

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        """All rows at once, so that no statement stays open: one would keep other processes' records out of sight."""
        return self._read(lambda statements: statements.execute(query, values).fetchall())

    def _page(self, query: str, values: tuple[object, ...]) -> list[Link]:
        return [Link(*row) for row in self._rows(query, values)]

    def _record(self, link: Link) -> Record:
        try:
            data, _ = read_json(link.data), moment(link.at)
        except (ValueError, TypeError, OverflowError):
            data = None
        if not (isinstance(data, dict) and is_text(link)):
            raise damaged(self.place, f"is damaged: record {link.seq} cannot be read")
        return Record(**{**asdict(link), "data": data})


@contextmanager
def _led_elsewhere_first(hurried: bool) -> Iterator[None]:
    """Law 9: whoever may not wait long for a journal that is busy is not told first to wait for it once more."""
    try:
        yield
    except JournalBusy as busy:
        if hurried:
            busy.next_steps = (ELSEWHERE, *(step for step in busy.next_steps if step != ELSEWHERE))
        raise


def _last(statements: Statements) -> Head:
    return _there(statements, ())[-1]


def _there(statements: Statements, kept: Sequence[Head]) -> list[Head]:
    """What stands where these records were, and the newest record, in order; one statement for both."""
    found = statements.execute(_THERE.format(tables.places(len(kept))), [head.seq for head in kept])
    return [Head(0, GENESIS), *(Head(*row) for row in found)]


def _stands(statements: Statements, link: Link) -> bool:
    head = Head(link.seq, link.hash)
    return head in _there(statements, (head,))


def _content(link: Link) -> Link:
    """All of a record but its place in the chain."""
    return replace(link, seq=0, prev="", hash="")


def _first_missing(there: Sequence[Head], kept: Sequence[Head]) -> int | None:
    standing = frozenset(there)
    return next((head.seq for head in kept if head not in standing), None)


def _ids(statements: Statements, prefix: str, most: int) -> tuple[str, ...]:
    if statements.execute(tables.IS_RUN, (prefix,)).fetchone():
        return (prefix,)
    found: list[str] = []
    below = (prefix + chr(sys.maxunicode),)
    while len(found) < most and (row := statements.execute(tables.RUN_BELOW, (*below, prefix)).fetchone()):
        found.append(row[0])
        below = row
    return tuple(found)


def _want_lock(statements: Statements, pair: str, lock: str) -> None:
    present = tables.holder_of(statements, pair)
    if present is not None and present.lock == lock:
        return
    now_held = (
        "nobody holds it now"
        if present is None
        else f"{present} holds it since {utc(present.taken_at)} for run {present.run} with the lock {present.lock}"
    )
    raise Locked(
        f"The lock {lock} on {pair} is no longer ours: {now_held}.",
        sent=UNWRITTEN,
        next_steps=[next_step.status(pair)],
    )


def digest_of(record: Record) -> str:
    """The hash that a record has by its other fields."""
    data = canonical(storable(record.data)).decode("utf-8")
    return Link(**{**asdict(record), "data": data}).digest()


def _link_for(entry: Entry, *, after: Head, at: str) -> Link:
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
