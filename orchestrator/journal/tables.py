"""The journal's tables: how they are laid out in a file and for a team, who holds a pair, and queries that an index answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct
from msgspec.structs import astuple

from orchestrator.errors import JournalUnavailable
from orchestrator.model import next_step
from orchestrator.model.journal import Holder
from orchestrator.model.plain import UNREADABLE, moment, timestamp

from .address import Address
from .failures import unavailable


class Rows(Protocol):
    """What a statement found or changed."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Statements(Protocol):
    """How statements are made, with ? for each value: the connection of sqlite3, or what stands for one."""

    def execute(self, query: str, values: Sequence[object] = ..., /) -> Rows:
        """Make one."""

    def executemany(self, query: str, rows: Sequence[Sequence[object]], /) -> object:
        """Make one for each of these rows."""


APPLICATION_ID = 0x48414D52
"""`HAMR` in ASCII, in the file's header: tells a journal from other programs' databases."""

_BEGINNINGS = "kind IN ('run.started', 'pair.adopted')"
"""How runs and adoptions begin."""

VERSION = 3
"""In the file's user_version; a newer hamr raises it with each change of layout, or of the records' kinds and fields."""

STATEMENTS = (
    """CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        run TEXT NOT NULL,
        pair TEXT NOT NULL,
        kind TEXT NOT NULL,
        by TEXT NOT NULL,
        host TEXT NOT NULL,
        prev TEXT NOT NULL,
        hash TEXT NOT NULL,
        data TEXT NOT NULL
    )""",
    "CREATE INDEX records_of_a_run ON records (run)",
    "CREATE INDEX records_of_a_pair ON records (pair, kind)",
    f"CREATE INDEX runs_of_a_pair ON records (pair, run, kind) WHERE {_BEGINNINGS}",
    """CREATE TRIGGER records_are_not_changed BEFORE UPDATE ON records
    BEGIN SELECT RAISE(ABORT, 'journal records are never changed'); END""",
    """CREATE TRIGGER records_are_not_deleted BEFORE DELETE ON records
    BEGIN SELECT RAISE(ABORT, 'journal records are never deleted'); END""",
    """CREATE TABLE locks (
        pair TEXT PRIMARY KEY,
        lock TEXT NOT NULL UNIQUE,
        run TEXT NOT NULL,
        operator TEXT NOT NULL,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        process_started TEXT NOT NULL,
        taken_at TEXT NOT NULL,
        beat_at TEXT NOT NULL
    )""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)


def lay_out_file(connection: sqlite3.Connection) -> None:
    """Create the tables, in the transaction that the caller has begun."""
    for statement in STATEMENTS:
        connection.execute(statement)


def identity(connection: sqlite3.Connection) -> tuple[int, int, frozenset[str]]:
    """The file's application id, its version, and the names of its tables."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return application, version, frozenset(name for (name,) in tables)


EACH_PAIR = """WITH RECURSIVE each(name) AS (
    SELECT min(pair) FROM records
    UNION ALL SELECT (SELECT min(pair) FROM records WHERE pair > each.name) FROM each WHERE name IS NOT NULL
) SELECT name FROM each WHERE name IS NOT NULL"""
"""The query for the names of all pairs."""

NEWEST_THAT_NAMES = f"""SELECT seq FROM records WHERE seq IN (
    SELECT (SELECT max(seq) FROM records WHERE pair = name AND kind = ?) FROM ({EACH_PAIR}) AS pairs
) AND seq > ? AND lower(data) LIKE ?"""  # noqa: S608 - values are bound
"""The query for each pair's newest record of a kind, where it is behind a number and names something, in lower case."""

_EACH_RUN = """WITH RECURSIVE each(name) AS (
    SELECT min(run) FROM records WHERE run > ''
    UNION ALL SELECT (SELECT min(run) FROM records WHERE run > each.name) FROM each WHERE name IS NOT NULL
)"""


IS_RUN = "SELECT 1 FROM records WHERE run = ? AND run > '' LIMIT 1"
"""The query for whether that is a whole id."""

RUN_BELOW = "SELECT run FROM records WHERE run < ? AND run >= ? AND run > '' ORDER BY run DESC LIMIT 1"
"""The query for the next id below one, down to a prefix."""

RUNS_OF_A_PAIR = f"SELECT DISTINCT run FROM records WHERE pair = ? AND {_BEGINNINGS}"  # noqa: S608 - constant kinds
"""The query for the ids of a pair's runs and adoptions, which its index tells."""


def selection(run: str | None, pair: str | None, kinds: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
    """The query for the records of a run, of a pair and of some kinds, to be narrowed by AND, and its values."""
    conditions: list[str] = []
    values: list[str] = []
    if run is not None:
        conditions.append("run = ?")
        values.append(run)
    if pair is not None:
        conditions.append("pair = ?")
        values.append(pair)
    elif run is None:
        conditions.append(f"pair IN ({EACH_PAIR})")
    if kinds is not None:
        conditions.append(f"kind IN ({places(len(kinds))})")
        values.extend(kinds)
    return f"SELECT seq FROM records WHERE {' AND '.join(conditions)}", tuple(values)  # noqa: S608 - values are bound


def first_of_each_run(kinds: Sequence[str], pair: Sequence[str] = ()) -> str:
    """The query for each run's, or each of a pair's, first record of so many kinds; its values are the pair, where one is given, and the kinds."""
    each = f"WITH each(name) AS ({RUNS_OF_A_PAIR} AND run > '')" if pair else _EACH_RUN
    first = f"SELECT seq FROM records WHERE run = each.name AND kind IN ({places(len(kinds))})"  # noqa: S608 - values are bound
    return f"{each} SELECT found FROM (SELECT ({first} ORDER BY seq LIMIT 1) AS found FROM each) AS firsts WHERE found > 0"  # noqa: S608 - as above


def places(count: int) -> str:
    """So many places for values; for none, what nothing equals."""
    return ", ".join("?" * count) or "NULL"


_COLUMNS = "lock, pair, run, operator, host, pid, process_started, taken_at, beat_at"


def holder_of(statements: Statements, pair: str) -> Holder | None:
    """Who holds a pair, or None."""
    row = statements.execute(f"SELECT {_COLUMNS} FROM locks WHERE pair = ?", (pair,)).fetchone()  # noqa: S608 - constant columns
    return None if row is None else _holder(row)


def holders(statements: Statements) -> tuple[Holder, ...]:
    """Whoever holds any pair."""
    return tuple(map(_holder, statements.execute(f"SELECT {_COLUMNS} FROM locks").fetchall()))  # noqa: S608 - constant columns


def _holder(row: Sequence[Any]) -> Holder:
    lock, pair, run, operator, host, pid, process_started, taken_at, beat_at = row
    return Holder(lock, pair, run, operator, host, pid, process_started, _time(taken_at), _time(beat_at))


def _time(text: str) -> datetime:
    """A lock's time; long ago where somebody else wrote there what is none, so that it counts as silent for long, and can be broken."""
    try:
        return moment(text)
    except (TypeError, ValueError, OverflowError):
        return UNREADABLE


def take(statements: Statements, holder: Holder) -> Holder | None:
    """Enter the holder where the pair is free: None where it has the pair now, else who has."""
    present = holder_of(statements, holder.pair)
    if present is None:
        statements.execute(
            f"INSERT INTO locks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant columns
            _row(holder),
        )
    return None if present is None or present.lock == holder.lock else present


def replace(statements: Statements, old: str, holder: Holder, beat_at: datetime | None = None) -> bool:
    """Hand the pair from the lock `old` to the holder; False where `old` does not hold it, or was heard of since."""
    present = holder_of(statements, holder.pair)
    if beat_at is not None and (present is None or present.beat_at != beat_at):
        return False
    changed = statements.execute(
        f"UPDATE locks SET ({_COLUMNS}) = (?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE pair = ? AND lock = ?",  # noqa: S608 - constant columns
        (*_row(holder), holder.pair, old),
    )
    return changed.rowcount == 1


def beat(statements: Statements, lock: str, at: datetime) -> bool:
    """Note that the holder is alive; False where the lock is gone."""
    changed = statements.execute("UPDATE locks SET beat_at = ? WHERE lock = ?", (timestamp(at), lock))
    return changed.rowcount == 1


def release(statements: Statements, lock: str) -> bool:
    """Remove the lock; False where it was gone already."""
    return statements.execute("DELETE FROM locks WHERE lock = ?", (lock,)).rowcount == 1


def _row(holder: Holder) -> tuple[object, ...]:
    return tuple(timestamp(value) if isinstance(value, datetime) else value for value in astuple(holder))


if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


class LaidOut(Struct, frozen=True):
    """What `hamr journal init` did, and what is left to a DBA."""

    before: int
    """The layout's version that stood there; 0 where there was none."""
    version: int
    grants: tuple[str, ...]
    """What gives a role the rights that an operator needs, and no others: ROLE stands for its name."""


def _files() -> list[Traversable]:
    """In order; each is numbered by the layout's version that it brings about."""
    from importlib.resources import files  # noqa: PLC0415 - a journal in a file does not pay for it

    return sorted(files(__package__).joinpath("layout").iterdir(), key=lambda file: file.name)


def newest_layout() -> int:
    """The layout's version that this hamr knows."""
    return len(_files())


def refuse_other_layouts(statements: Statements, address: Address) -> None:
    """A JournalUnavailable where there is no journal, or one of another version."""
    found, known = _version(statements, address), newest_layout()
    if found == 0:
        raise JournalUnavailable(
            f"The database of {address} holds no journal in its schema {address.schema}.",
            next_steps=(next_step.lay_out(str(address)),),
        )
    if found > known:
        raise _newer(address, found)
    if found < known:
        raise JournalUnavailable(
            f"The journal {address} was laid out by an older hamr (its layout is version {found}, this one knows {known}).",
            next_steps=(next_step.lay_out(str(address)),),
        )


def lay_out(statements: Statements, address: Address) -> LaidOut:
    """Create the schema and its tables, or bring them up to this version's; a JournalUnavailable where they are newer, or can't be had."""
    ((encoding,),) = statements.execute("SHOW server_encoding").fetchall()
    if encoding != "UTF8":
        raise unavailable(
            address, f"can't be laid out in a database whose encoding is {encoding}: UTF8 is wanted"
        )
    known, schema = newest_layout(), address.schema
    if statements.execute("SELECT to_regnamespace(?)", (schema,)).fetchone() == (None,):
        statements.execute(f'CREATE SCHEMA "{schema}"')
    statements.execute(f'GRANT USAGE ON SCHEMA "{schema}" TO PUBLIC')
    before = _version(statements, address)
    if before > known:
        raise _newer(address, before)
    if not before and statements.execute("SELECT to_regclass(?)", (f"{schema}.records",)).fetchone() != (
        None,
    ):
        raise unavailable(
            address,
            f"would stand among tables of another program, in schema {schema}: name another with ?schema=NAME",
        )
    for file in _files()[before:]:
        statements.execute(file.read_text("utf-8"))
    statements.execute("DELETE FROM layout")
    statements.execute("INSERT INTO layout VALUES (?)", (known,))
    return LaidOut(
        before,
        known,
        (
            f"GRANT SELECT, INSERT ON {schema}.records, {schema}.locks TO ROLE;",
            f"GRANT UPDATE, DELETE ON {schema}.locks TO ROLE;",
        ),
    )


def _version(statements: Statements, address: Address) -> int:
    """The layout's version; 0 where there is none."""
    if statements.execute("SELECT to_regclass(?)", (f"{address.schema}.layout",)).fetchone() == (None,):
        return 0
    row = statements.execute("SELECT max(version) FROM layout").fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


def _newer(address: Address, found: int) -> JournalUnavailable:
    return unavailable(
        address,
        f"was laid out by a newer hamr (its layout is version {found}, this one knows {newest_layout()}): use that version",
    )
