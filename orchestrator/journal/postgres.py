"""A journal's tables on a team's PostgreSQL: one connection for a whole process, and one thread that alone uses it.

Who asks waits for an answer, and for no longer than it may: a server that is silent holds up nobody. What several runs
of this process append meanwhile goes into one transaction. A connection that was lost is made anew, once, within that
time; where it was lost at COMMIT, the server is asked what became of the transaction.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar, cast
from weakref import WeakValueDictionary

import psycopg
from msgspec import Struct

from orchestrator.model.journal import Witness

from .address import Address
from .failures import UNSENT, UNWRITTEN, unavailable
from .layouts import LaidOut, lay_out, refuse_other_layouts
from .opening import BUSY_SECONDS
from .postgres_failures import from_postgres
from .tables import Rows, Statements

T = TypeVar("T")

CONNECT_SECONDS = 2
"""How long one host of a server may take to be reached."""

ATTENDED_SECONDS = 15
"""After so long without a heartbeat the server closes the session of a process that was stopped."""

_IDLE_IN_TRANSACTION = 5_000
"""In ms: a process that was stopped in the middle of a transaction must not keep everybody else from writing."""

_KEY = "hashtextextended(%s, 0)"


def open_team(address: Address, *, writes: bool, patience: float) -> PostgresDatabase:
    """Open a team's journal, for as long as its line is used.

    Args:
        address: where it is.
        writes: whether anything is to be written.
        patience: seconds to wait for an answer.

    Raises:
        JournalUnavailable: it cannot be reached, is not laid out for this version, or we may not use it.
    """
    database = PostgresDatabase(_line_to(address), writes=writes, patience=patience)
    try:
        database.read(lambda statements: refuse_other_layouts(statements, address))
    except BaseException:
        database.close()
        raise
    return database


class PostgresDatabase:
    """A team's database, as one store of this process uses it: `orchestrator.journal.store.Database`."""

    exists = True

    def __init__(self, line: _Line, *, writes: bool, patience: float) -> None:
        self.place = str(line.address)
        self._line = line
        self._writes = writes
        self._patience = patience
        self._open = True
        line.take_up()

    def read(self, work: Callable[[Statements], T]) -> T:
        """Do work that changes nothing."""
        return self._line.ask(work, writes=False, seconds=self._patience)

    def write(self, work: Callable[[Statements], T]) -> T:
        """Do work in one durable transaction, maybe that of others of this process, too."""
        if not self._writes:
            raise unavailable(self.place, "was opened for reading only", sent=UNWRITTEN)
        return self._line.ask(work, writes=True, seconds=self._patience)

    def afresh(self) -> PostgresDatabase:
        """The same through a connection of its own."""
        return PostgresDatabase(_Line(self._line.address), writes=False, patience=self._patience)

    def check_whole(self) -> str:
        """Nothing: the server looks after its own files."""
        return ""

    def wait_at_most(self, seconds: float) -> None:
        """How long a call waits for an answer."""
        self._patience = seconds

    def attend(self, lock: str) -> None:
        """Have the session itself be a lock's witness: it goes with this process, or when that was stopped for long."""
        self._line.attended.add(lock)

    def leave(self, lock: str) -> None:
        """Take the witness back."""
        self._line.attended.discard(lock)

    def role(self) -> str:
        """The role of this session."""
        return str(self.read(lambda statements: statements.execute("SELECT session_user").fetchall())[0][0])

    def witness(self, lock: str) -> Witness:
        """Whether the session of the process that holds a lock stands, and when that was heard of, by the server's clock."""
        row = self.read(
            lambda statements: statements.execute(
                "SELECT lives FROM witnesses WHERE lock = ?", (lock,)
            ).fetchone()
        )
        if row is None or row[0] is None:
            return Witness.HIDDEN
        return Witness.STANDS if row[0] else Witness.GONE

    def close(self) -> None:
        """Hang up, unless another store of this process uses the line."""
        if self._open:
            self._open = False
            self._line.let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Job(Struct, eq=False):
    """Work that somebody waits for."""

    work: Callable[[Statements], Any]
    writes: bool
    seconds: float
    """How long somebody waits for it."""
    done: threading.Event
    result: Any = None
    error: BaseException | None = None
    abandoned: bool = False
    """Whether nobody waits for it any more: it must not be committed."""


class _PsycopgStatements:
    """Statements as all stores write them, on a connection of psycopg."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, query: str, values: Sequence[object] = (), /) -> Rows:
        """Make one."""
        return self._connection.execute(cast("Any", query.replace("?", "%s")), values or None)

    def executemany(self, query: str, rows: Sequence[Sequence[object]], /) -> None:
        """Make one for each of these rows, in one exchange."""
        with self._connection.cursor() as cursor:
            cursor.executemany(cast("Any", query.replace("?", "%s")), rows)


class _Line:
    """The one connection of this process to a team's database, and the thread that alone uses it."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.attended: set[str] = set()
        """The locks whose witness the session is."""
        self._changed = threading.Condition()
        self._users = 0
        self._jobs: deque[_Job] = deque()
        self._worker: _Worker | None = None

    def take_up(self) -> None:
        """Somebody uses the line from now on."""
        with self._changed:
            self._users += 1

    def let_go(self) -> None:
        """Somebody does not use it any more; the last one hangs up."""
        with self._changed:
            self._users -= 1
            worker, last = self._worker, self._users == 0
            if last:
                self._worker = None
                self._changed.notify_all()
        if last and worker is not None:
            worker.thread.join(CONNECT_SECONDS)

    def ask(self, work: Callable[[Statements], T], *, writes: bool, seconds: float) -> T:
        """What the work gave, within so many seconds.

        Raises:
            JournalUnavailable: no answer came in time, or the database can't be used.
        """
        waits = max(seconds, CONNECT_SECONDS * self.address.hosts)
        job = _Job(work, writes, waits, threading.Event())
        with self._changed:
            self._jobs.append(job)
            if self._worker is None:
                self._worker = _Worker(self)
            self._changed.notify_all()
        if not job.done.wait(waits):
            self._give_up(job)
            raise unavailable(
                self.address,
                f"does not answer: nothing came back from its server within {waits:g} s",
                sent=UNWRITTEN if writes else UNSENT,
            )
        if job.error is not None:
            raise job.error
        return cast("T", job.result)

    def _give_up(self, job: _Job) -> None:
        """Nobody waits for the job any more; where it is under way, its connection is of no use to the next one either."""
        with self._changed:
            job.abandoned = True
            if job in self._jobs:
                self._jobs.remove(job)
                return
            worker, self._worker = self._worker, None
            self._changed.notify_all()
        if worker is not None:
            worker.cut()

    def next_for(self, worker: _Worker) -> list[_Job] | None:
        """All jobs that wait, as soon as there are any; None where the worker is not wanted any more."""
        with self._changed:
            while self._worker is worker and not self._jobs:
                self._changed.wait()
            if self._worker is not worker:
                return None
            jobs = list(self._jobs)
            self._jobs.clear()
            return jobs


class _Worker:
    """The thread of a line, and its connection, which is made when it is needed, and made anew when it was lost."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._connection: psycopg.Connection[Any] | None = None
        self._pooled = False
        """Whether something stands between us and the server, so that a session is nobody's."""
        self._attends: set[str] = set()
        self.thread = threading.Thread(target=self._work, name="hamr-team-journal", daemon=True)
        self.thread.start()

    def cut(self) -> None:
        """End what the thread waits for: nobody wants it any more."""
        connection = self._connection
        if connection is not None:
            with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)

    def _work(self) -> None:
        while (jobs := self._line.next_for(self)) is not None:
            self._serve([job for job in jobs if job.writes])
            for job in jobs:
                if not job.writes:
                    self._serve([job])
        self._hang_up()

    def _serve(self, jobs: list[_Job]) -> None:
        """Do these in one transaction; where one of them fails, each alone."""
        jobs = [job for job in jobs if not job.abandoned]
        if not jobs:
            return
        try:
            results = self._transact(jobs)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
            if len(jobs) > 1 and self._connection is not None:
                for job in jobs:
                    self._serve([job])
                return
            for job in jobs:
                job.error = self._in_words(error, job)
        else:
            for job, result in zip(jobs, results, strict=True):
                job.result = result
        for job in jobs:
            job.done.set()

    def _in_words(self, error: BaseException, job: _Job) -> BaseException:
        if not isinstance(error, psycopg.Error):
            return error
        told = from_postgres(error, self._line.address, sent=UNWRITTEN if job.writes else UNSENT)
        told.__cause__ = error
        return told

    def _transact(self, jobs: list[_Job], *, again: bool = True) -> list[Any]:
        """What each job gave, in one transaction; once more on a new connection, where this one turns out to be lost."""
        transaction = ""
        try:
            connection = self._connected()
            transaction = _last_of(connection.execute(cast("Any", self._begin(jobs))))
            results = [job.work(_PsycopgStatements(connection)) for job in jobs]
            _commit(connection, jobs)
        except BaseException as error:
            stood = self._connection
            if stood is None:  # there is no server to be reached
                raise
            if not stood.closed:
                stood.execute("ROLLBACK")
                raise
            self._hang_up()
            if isinstance(error, _LostAtCommitError) and self._was_committed(transaction, error):
                return results
            if again and isinstance(error, psycopg.OperationalError) and not _abandoned(jobs):
                return self._transact(jobs, again=False)
            raise
        return results

    def _begin(self, jobs: Sequence[_Job]) -> str:
        """What begins a transaction; its last statement tells a writing one's id.

        All settings are the transaction's own: behind a pooler, a session is nobody's.
        """
        schema = self._line.address.schema
        # Sooner than whoever waits gives up, to be told why.
        least = round(1000 * min(job.seconds for job in jobs))
        settings = (
            f'SET LOCAL search_path TO "{schema}"; SET LOCAL lock_timeout = {least * 8 // 10}; '
            f"SET LOCAL statement_timeout = {least * 9 // 10}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {_IDLE_IN_TRANSACTION}"
        )
        if not jobs[0].writes:
            return f"BEGIN READ ONLY; {settings}"
        # One writer after the other, so that a chain is one; the next statement then sees what the one before wrote.
        return (
            f"BEGIN; {settings}; "
            "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'; "
            f"SELECT pg_advisory_xact_lock(hashtextextended('hamr journal {schema}', 0)); SELECT pg_current_xact_id()::text"
        )

    def _was_committed(self, transaction: str, lost: _LostAtCommitError) -> bool:
        """What became of a transaction whose COMMIT nobody answered; one that only read has no id, and may be done again.

        Raises:
            _LostAtCommitError: nobody can tell yet.
        """
        if not transaction:
            return False
        try:
            status = _last_of(self._connected().execute("SELECT pg_xact_status(%s::xid8)", (transaction,)))
        except psycopg.errors.InvalidParameterValue:  # the server crashed, and never heard of it since
            return False
        if status not in ("committed", "aborted"):
            raise lost
        return status == "committed"

    def _connected(self) -> psycopg.Connection[Any]:
        connection = self._connection
        if connection is None:
            connection = self._connection = _connect(self._line.address)
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            # A pooler hands out process ids of its own.
            self._pooled = row is None or row[0] != connection.info.backend_pid
            self._attends = set()
        if not self._pooled:
            self._attend(connection)
        return connection

    def _attend(self, connection: psycopg.Connection[Any]) -> None:
        wanted = set(self._line.attended)
        if wanted == self._attends:
            return
        for lock in wanted - self._attends:
            connection.execute(f"SELECT pg_advisory_lock({_KEY})", (lock,))
        for lock in self._attends - wanted:
            connection.execute(f"SELECT pg_advisory_unlock({_KEY})", (lock,))
        if bool(wanted) != bool(self._attends):
            connection.execute(f"SET idle_session_timeout = '{ATTENDED_SECONDS if wanted else 0}s'")
        self._attends = wanted

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _LostAtCommitError(psycopg.OperationalError):
    """The connection was lost at COMMIT: what became of it, the server has to be asked."""


class _AbandonedError(Exception):
    """Somebody does not wait any more for what would have been committed."""


def _abandoned(jobs: Sequence[_Job]) -> bool:
    return any(job.abandoned for job in jobs)


def _commit(connection: psycopg.Connection[Any], jobs: Sequence[_Job]) -> None:
    if _abandoned(jobs):
        raise _AbandonedError
    try:
        connection.execute("COMMIT")
    except psycopg.OperationalError as error:
        if connection.closed:
            raise _LostAtCommitError(*error.args) from error
        raise


def _last_of(cursor: psycopg.Cursor[Any]) -> str:
    """The value that the last of several statements gave; "" where it gave none."""
    while cursor.nextset():
        pass
    row = cursor.fetchone() if cursor.description is not None else None
    return "" if row is None else str(row[0])


def _connect(address: Address) -> psycopg.Connection[Any]:
    return psycopg.connect(
        address.conninfo,
        autocommit=True,
        prepare_threshold=None,  # a pooler hands the next statement to another session
        connect_timeout=CONNECT_SECONDS,
        client_encoding="utf8",
        fallback_application_name="hamr",
    )


_lines: WeakValueDictionary[Address, _Line] = WeakValueDictionary()
_mutex = threading.Lock()


def _line_to(address: Address) -> _Line:
    """The line of this process to a team's database; the same as long as anybody uses it."""
    with _mutex:
        line = _lines.get(address)
        if line is None:
            line = _lines[address] = _Line(address)
        return line


def lay_out_team(address: Address) -> LaidOut:
    """Lay a team's journal out, in one transaction.

    Raises:
        JournalUnavailable: it cannot be reached, we may not, or what stands there is not for this version.
    """
    with PostgresDatabase(_Line(address), writes=True, patience=BUSY_SECONDS) as database:
        return database.write(lambda statements: lay_out(statements, address))
