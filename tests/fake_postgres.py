"""A PostgreSQL of the tests' own making: sessions, witnesses and transactions as a team's journal meets them, over a file of SQLite.

Everything of `orchestrator.journal.postgres_session` runs on it, with its connection alone in the place of psycopg's. It
stands still while it answers: how long an answer would have taken is counted, for whoever lets time go by. What goes wrong,
and at which statement, is said by whoever made the server.
"""

from __future__ import annotations

import enum
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import psycopg
from msgspec import Struct, field
from psycopg import errors

from orchestrator.journal.address import DEFAULT_SCHEMA, Address
from orchestrator.journal.postgres import PostgresDatabase, silent
from orchestrator.journal.postgres_session import (
    ATTENDED_SECONDS,
    CONNECT_SECONDS,
    IDLE_IN_TRANSACTION,
    Job,
    TeamSession,
)
from orchestrator.journal.tables import STATEMENTS, Statements, newest_layout

T = TypeVar("T")

ADDRESS = Address("", "postgresql://team/ops", DEFAULT_SCHEMA, 1)
"""What people see of it."""

_LAYOUT = (
    *(statement for statement in STATEMENTS if not statement.startswith("PRAGMA")),
    "CREATE TABLE layout (version INTEGER NOT NULL)",
    f"INSERT INTO layout VALUES ({newest_layout()})",  # noqa: S608 - a number of ours
    "ALTER TABLE locks ADD COLUMN heard REAL",
    "ALTER TABLE locks ADD COLUMN witnessed INTEGER",
    *(
        f"""CREATE TRIGGER lock_is_heard_of_at_{what} AFTER {what} ON locks BEGIN
            UPDATE locks SET heard = clock_timestamp(), witnessed = stands(NEW.lock) WHERE lock = NEW.lock; END"""  # noqa: S608 - two words of ours
        for what in ("INSERT", "UPDATE")
    ),
    """CREATE VIEW witnesses AS SELECT lock, CASE WHEN witnessed THEN
        stands(lock) OR clock_timestamp() - heard < 15 END AS lives FROM locks""",
)
"""As layout/0001_records_and_locks.sql, in the other dialect."""

_LOCK_TIMEOUT = re.compile(r"lock_timeout = (\d+)")
_STATEMENT_TIMEOUT = re.compile(r"statement_timeout = (\d+)")
LATE_SECONDS = 3.0
"""After so long the server gets to what it had not heard when its connection was lost."""


class Trouble(enum.Enum):
    """What may become of a statement."""

    UNHEARD = "the connection is lost before it arrives"
    UNANSWERED = "it takes effect, and the connection is lost before its answer"
    SWALLOWED = "nobody answers, and it never arrives"
    SWALLOWED_ANSWER = "nobody answers, and it takes effect"
    TERMINATED = "the server ends the session"
    CANCELLED = "it takes longer than the server lets it"
    BUSY = "somebody else writes for longer than the server lets it wait"
    FULL = "the disk is full"
    READ_ONLY = "the server only takes what reads"
    REFUSED = "there is no server"
    LATE = "the connection is lost, and the server gets to it only in a while"

    def concerns(self, statement: str) -> bool:
        """Whether it makes a difference to that one."""
        if self in (Trouble.FULL, Trouble.READ_ONLY):
            return statement.startswith(_WRITES)
        if self is Trouble.CANCELLED:
            return statement not in ("COMMIT", "ROLLBACK")
        return self is not Trouble.BUSY or "pg_advisory_xact_lock" in statement


_WRITES = ("INSERT", "UPDATE", "DELETE")
_SAYS: dict[Trouble, tuple[type[psycopg.Error], str]] = {
    Trouble.TERMINATED: (errors.AdminShutdown, "terminating connection due to administrator command"),
    Trouble.CANCELLED: (errors.QueryCanceled, "canceling statement due to statement timeout"),
    Trouble.BUSY: (errors.LockNotAvailable, "canceling statement due to lock timeout"),
    Trouble.FULL: (errors.DiskFull, "could not extend file: No space left on device"),
    Trouble.READ_ONLY: (
        errors.ReadOnlySqlTransaction,
        "cannot execute it in a read-only transaction",
    ),
}
_LOST = (psycopg.OperationalError, "server closed the connection unexpectedly")


class Transaction(Struct):
    """What the server remembers of one."""

    status: str = "in progress"
    due: float = 0.0
    """When it is committed, whoever has gone meanwhile."""
    statements: list[tuple[str, Sequence[Any]]] = field(default_factory=list)


class FakeServer:
    """A server with one database, in which a journal is laid out; whoever has the file has the tables."""

    def __init__(
        self,
        path: Path,
        now: Callable[[], float] = time.monotonic,
        befalls: Callable[[str], Trouble | None] = lambda _: None,
        *,
        pooled: bool = False,
    ) -> None:
        """Start it.

        Args:
            path: where its tables are.
            now: its own clock, in seconds.
            befalls: is asked at every statement what goes wrong with it; at CONNECT, too.
            pooled: whether a pooler stands in front of it.
        """
        self.path, self.befalls, self.pooled = path, befalls, pooled
        self._clock = now
        self.started = now()
        self.ahead = 0.0
        """For how long it has been about the present answer."""
        self.sessions: list[FakeConnection] = []
        self.transactions: dict[str, Transaction] = {}
        self._numbers = count(1)
        if not path.exists() or not path.stat().st_size:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                for statement in ("PRAGMA synchronous = OFF", *_LAYOUT):
                    connection.execute(statement)

    def now(self) -> float:
        """Its own clock, in seconds."""
        return self._clock() + self.ahead

    def number(self) -> int:
        """The next one."""
        return next(self._numbers)

    def database(
        self, *, writes: bool = True, patience: float = 5.0, spend: Callable[[float], None] = lambda _: None
    ) -> PostgresDatabase:
        """As one process has it, on a session of its own; `spend` is told how long it waited, in seconds."""
        return PostgresDatabase(FakeLine(self, spend), writes=writes, patience=patience)

    def stands(self, lock: str) -> bool:
        """Whether a session holds the advisory lock of that name."""
        return any(lock in session.holds for session in self.living())

    def living(self) -> list[FakeConnection]:
        """The sessions that stand; the server closes those that were idle for too long."""
        for session in self.sessions:
            if session.timeout and self.now() - session.heard >= session.timeout:
                session.end()
        self.sessions = [session for session in self.sessions if not session.ended]
        return self.sessions

    def fail_over(self, standby: Path) -> None:
        """Another server answers from now on, with these tables: it goes on counting transactions from where it had got to."""
        self.stop()
        self.path, self.started = standby, self.now() + 1

    def stop(self) -> None:
        """End every session."""
        for session in self.sessions:
            session.end()

    def settle(self) -> None:
        """Commit what was under way, once it is due."""
        for transaction in self.transactions.values():
            if 0 < transaction.due <= self.now():
                transaction.due, transaction.status = 0.0, "committed"
                with closing(FakeConnection(self)) as connection:
                    connection.replay(transaction)


class FakeLine:
    """A way to the server whose answers come at once: `orchestrator.journal.postgres.Line`."""

    def __init__(self, server: FakeServer, spend: Callable[[float], None]) -> None:
        self._server, self._spend = server, spend
        self.address = ADDRESS
        self.attended: set[str] = set()
        self.connections: list[FakeConnection] = []
        self._job: Job | None = None
        self._left = 0.0
        self._mutex = threading.RLock()
        self._session = TeamSession(self.address, self.attended, self._connect)

    def _connect(self, _: Address) -> psycopg.Connection[Any]:
        match self._server.befalls("CONNECT"):
            case Trouble.SWALLOWED | Trouble.SWALLOWED_ANSWER:
                self.wait(CONNECT_SECONDS)
                raise errors.ConnectionTimeout("connection timeout expired")
            case Trouble.REFUSED:
                raise psycopg.OperationalError("connection failed: Connection refused")
        connection = FakeConnection(self._server, self)
        self._server.sessions.append(connection)
        self.connections.append(connection)
        return cast("psycopg.Connection[Any]", connection)

    def take_up(self) -> None:
        """Nothing: the line is its database's own."""

    def let_go(self) -> None:
        """Hang up."""
        self._session.hang_up()

    def die(self) -> None:
        """The process is gone, and the server hears of it."""
        for connection in self.connections:
            connection.end()

    def another(self) -> FakeLine:
        """One with a connection of its own."""
        return FakeLine(self._server, self._spend)

    def ask(self, work: Callable[[Statements], T], *, writes: bool, seconds: float) -> T:
        """What the work gave."""
        with self._mutex:
            self._server.settle()
            waits = max(seconds, CONNECT_SECONDS * self.address.hosts)
            self._job = job = Job(work, writes, waits, threading.Event())
            self._left = waits
            self._session.serve([job])
            waited, self._server.ahead = self._server.ahead, 0.0
            self._spend(waited)
            if job.abandoned:
                raise silent(self.address, job)
            if job.error is not None:
                raise job.error
            return cast("T", job.result)

    def wait(self, seconds: float) -> None:
        """Somebody waits for so long, and gives up where that is too long."""
        assert self._job is not None
        waited = min(seconds, self._left)
        self._left -= waited
        self._server.ahead += waited
        self._job.abandoned |= self._left <= 0


class FakeConnection:
    """A session, as psycopg gives it."""

    def __init__(self, server: FakeServer, line: FakeLine | None = None) -> None:
        self._server, self._line = server, line
        self._tables = sqlite3.connect(server.path, isolation_level=None, check_same_thread=False)
        self._tables.execute("PRAGMA synchronous = OFF")
        self._tables.create_function("stands", 1, server.stands)
        self._tables.create_function("clock_timestamp", 0, server.now)
        self._tables.create_function("to_regclass", 1, self._has)
        self.pid = server.number()
        self.holds: set[str] = set()
        self.idle_timeout = 0.0
        self.heard = server.now()
        self.ended = False
        """Whether the server has ended it."""
        self.closed = False
        """Whether whoever uses it knows."""
        self._cut_off = False
        """Whether nothing arrives any more, the end of it neither."""
        self._transaction = ""
        self._reads_only = False
        self._timeout = 0.0

    @property
    def info(self) -> FakeConnection:
        """What the library knows of it."""
        return self

    @property
    def backend_pid(self) -> int:
        """The server's process, as it said in the beginning."""
        return self.pid

    @property
    def is_in_the_way(self) -> bool:
        """Whether it has the journal alone, of somebody who has cut it off."""
        return self._cut_off and bool(self._transaction)

    @property
    def timeout(self) -> float:
        """After which the server ends it, where it says nothing; 0 where it does not."""
        return IDLE_IN_TRANSACTION / 1000 if self.is_in_the_way else self.idle_timeout

    def _has(self, name: str) -> str | None:
        table = name.rpartition(".")[2]
        found = self._tables.execute("SELECT name FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        return None if found is None else name

    def close(self) -> None:
        """End it from this side, of which the server hears where packets arrive."""
        self.closed = True
        if not self._cut_off:
            self.end()

    def end(self) -> None:
        """It is gone, for the server: what was not committed is rolled back, and what it held is free."""
        if not self.ended:
            self.ended = True
            self._roll_back()
            self.holds.clear()
            self._tables.close()

    @contextmanager
    def cursor(self) -> Iterator[FakeConnection]:
        """For many rows."""
        yield self

    def executemany(self, query: str, rows: Sequence[Sequence[object]]) -> None:
        """In one exchange."""
        with self._exchange(query):
            for values in rows:
                self._do(query, values)

    def execute(self, query: str, values: Sequence[object] | None = None) -> FakeCursor:
        """Make one statement."""
        with self._exchange(query):
            return self._do(query, values or ())

    @contextmanager
    def _exchange(self, query: str) -> Iterator[None]:
        """One statement's way to the server and back, and what becomes of it."""
        if self.closed:
            raise psycopg.OperationalError("the connection is closed")
        trouble = self._server.befalls(query)
        if self not in self._server.living():
            self._lose(errors.IdleSessionTimeout("terminating connection due to idle-session timeout"))
        self._on_the_way(trouble, query)
        self._refuse(trouble, query)
        try:
            yield
        except sqlite3.OperationalError as error:
            raise (errors.LockNotAvailable if "locked" in str(error) else errors.SyntaxError)(
                str(error)
            ) from error
        except sqlite3.Error as error:
            raise errors.RaiseException(str(error)) from error
        self.heard = self._server.now()
        if trouble is Trouble.UNANSWERED:
            self.end()
            self._lose(_said(None))
        if trouble is Trouble.SWALLOWED_ANSWER:
            self._give_up()

    def _on_the_way(self, trouble: Trouble | None, query: str) -> None:
        """What becomes of it before the server gets to it."""
        if trouble is Trouble.SWALLOWED:
            self._give_up()
        if trouble is Trouble.LATE and query == "COMMIT" and self._transaction:
            self._server.transactions[self._transaction].due = self._server.now() + LATE_SECONDS
            self._transaction = ""
        if trouble in (Trouble.UNHEARD, Trouble.REFUSED, Trouble.TERMINATED, Trouble.LATE):
            self.end()
            self._lose(_said(trouble))

    def _refuse(self, trouble: Trouble | None, query: str) -> None:
        """What the server says no to."""
        if trouble is None or not trouble.concerns(query):
            return
        if trouble is Trouble.BUSY:
            self._wait(_lock_timeout(query))
            raise _said(trouble)
        if trouble is Trouble.CANCELLED and self._timeout:
            self._wait(self._timeout)
            raise _said(trouble)
        if trouble in (Trouble.FULL, Trouble.READ_ONLY):
            raise _said(trouble)

    def _lose(self, error: psycopg.Error) -> NoReturn:
        self.closed = True
        raise error

    def _give_up(self) -> NoReturn:
        """Nobody answers: whoever waits gives up in the end, and cuts the connection, of which the server never hears."""
        self._cut_off = True
        self._wait(float("inf"))
        self._lose(_said(None))

    def _wait(self, seconds: float) -> None:
        if self._line is not None:
            self._line.wait(seconds)

    def _do(self, query: str, values: Sequence[Any]) -> FakeCursor:
        for words, does in _DOES.items():
            if words in query:
                return does(self, query, values)
        if self._reads_only and query.startswith(_WRITES):
            raise _said(Trouble.READ_ONLY)
        if self._transaction:
            self._server.transactions[self._transaction].statements.append((query, tuple(values)))
        return FakeCursor.of(self._tables.execute(query.replace("%s", "?"), values))

    def tell_pid(self, _query: str, _values: Sequence[Any]) -> FakeCursor:
        """Of whatever process the server has for it."""
        return FakeCursor((self.pid + self._server.pooled,))

    def tell_user(self, _query: str, _values: Sequence[Any]) -> FakeCursor:
        """There is one."""
        return FakeCursor(("postgres",))

    def tell_status(self, _query: str, values: Sequence[Any]) -> FakeCursor:
        """What became of a transaction."""
        known = self._server.transactions.get(values[0])
        if known is None:
            raise errors.InvalidParameterValue("transaction ID is in the future")
        return FakeCursor((known.status,))

    def set_idle_timeout(self, query: str, _values: Sequence[Any]) -> FakeCursor:
        """After which the server closes the session."""
        self.idle_timeout = float(ATTENDED_SECONDS if f"'{ATTENDED_SECONDS}s'" in query else 0)
        return FakeCursor(None)

    def try_advisory(self, _query: str, values: Sequence[Any]) -> FakeCursor:
        """Take it where nobody holds it."""
        others = (each for each in self._server.living() if each is not self)
        mine = not any(values[0] in each.holds for each in others)
        if mine:
            self.holds.add(values[0])
        return FakeCursor((mine,))

    def drop_advisory(self, _query: str, values: Sequence[Any]) -> FakeCursor:
        """Give it back."""
        self.holds.discard(values[0])
        return FakeCursor((True,))

    def end_transaction(self, query: str, _values: Sequence[Any]) -> FakeCursor:
        """COMMIT or ROLLBACK."""
        if self._tables.in_transaction:
            self._tables.execute(query)
        self._settled("committed" if query == "COMMIT" else "aborted")
        return FakeCursor(None)

    def begin(self, query: str, _values: Sequence[Any]) -> FakeCursor:
        """One that reads, or one that has the journal alone."""
        self._timeout = float(cast("re.Match[str]", _STATEMENT_TIMEOUT.search(query))[1]) / 1000
        self._reads_only = query.startswith("BEGIN READ ONLY")
        if self._reads_only:  # each statement sees what is committed by then
            return FakeCursor(None)
        self._wait_for_writers(_lock_timeout(query))
        self._tables.execute("BEGIN IMMEDIATE")
        self._transaction = str(self._server.number())
        self._server.transactions[self._transaction] = Transaction()
        return FakeCursor((f"{self._transaction} of {self._server.started}",))

    def _wait_for_writers(self, patience: float) -> None:
        """Until nobody else has the journal alone: what is under way is committed, and whoever is silent is ended."""
        due = [each.due for each in self._server.transactions.values() if each.due]
        due += [each.heard + each.timeout for each in self._server.living() if each.is_in_the_way]
        left = max(due, default=0.0) - self._server.now()
        self._wait(max(0.0, min(left, patience)))
        if left > patience:
            raise _said(Trouble.BUSY)
        self._server.settle()
        self._server.living()

    def _roll_back(self) -> None:
        if self._tables.in_transaction:
            self._tables.execute("ROLLBACK")
        self._settled("aborted")

    def _settled(self, how: str) -> None:
        if self._transaction:
            self._server.transactions[self._transaction].status = how
            self._server.transactions[self._transaction].statements.clear()
        self._transaction, self._reads_only = "", False

    def replay(self, transaction: Transaction) -> None:
        """Do what a session has done that is gone."""
        with self._tables:
            for query, values in transaction.statements:
                if query.startswith(_WRITES):
                    self._tables.execute(query.replace("%s", "?"), values)
        transaction.statements.clear()


class FakeCursor:
    """What a statement found or changed."""

    def __init__(self, row: tuple[Any, ...] | None) -> None:
        self._rows: list[Any] = [] if row is None else [row]
        self.description = None if row is None else ()
        self.rowcount = -1

    @classmethod
    def of(cls, found: sqlite3.Cursor) -> FakeCursor:
        """Of one of the tables."""
        cursor = cls(None)
        cursor._rows, cursor.rowcount = found.fetchall(), found.rowcount
        return cursor

    def nextset(self) -> bool:
        """There is one result."""
        return False

    def fetchone(self) -> Any:
        """The next row."""
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Any]:
        """What is left."""
        rows, self._rows = self._rows, []
        return rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


_DOES: dict[str, Callable[[FakeConnection, str, Sequence[Any]], FakeCursor]] = {
    "BEGIN": FakeConnection.begin,
    "COMMIT": FakeConnection.end_transaction,
    "ROLLBACK": FakeConnection.end_transaction,
    "pg_backend_pid": FakeConnection.tell_pid,
    "session_user": FakeConnection.tell_user,
    "pg_xact_status": FakeConnection.tell_status,
    "SET idle_session_timeout": FakeConnection.set_idle_timeout,
    "pg_try_advisory_lock": FakeConnection.try_advisory,
    "pg_advisory_unlock": FakeConnection.drop_advisory,
}
"""What is not for the tables, by words in its statement."""


def _lock_timeout(query: str) -> float:
    return float(cast("re.Match[str]", _LOCK_TIMEOUT.search(query))[1]) / 1000


def _said(trouble: Trouble | None) -> psycopg.Error:
    kind, words = _LOST if trouble is None else _SAYS.get(trouble, _LOST)
    return kind(words)
