"""One session on a team's PostgreSQL: what is asked of it goes into transactions, and is done once whatever becomes of the session.

A connection that was lost is made anew, once; where it was lost at COMMIT, the server is asked what became of the
transaction.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import psycopg
from msgspec import Struct

from orchestrator.errors import JournalUnavailable

from .address import Address
from .failures import UNSENT, UNSURE, UNWRITTEN, unavailable
from .tables import Rows, Statements

_WORDS = {
    "53100": "is full: its server's disk has no room left, so nothing could be added",
    "53300": "takes no more connections just now",
    "57P01": "is being shut down",
    "57P02": "is being shut down",
    "57P03": "is starting up or shutting down",
    "25006": "can only be read there (a standby?), so nothing could be added",
    "55P03": "is busy: another process has been writing to it for several seconds",
    "57014": "is busy, or slow: its server did not get through with it for several seconds",
    "3D000": "does not exist on that server",
    "42501": "may not be used by that role: a DBA types the GRANT lines that hamr journal init prints",
    "42P01": "is not laid out as a hamr journal",
    "42703": "is not laid out as a hamr journal",
    "3F000": "is not laid out as a hamr journal",
}


_HINT = re.compile(r"\s*Is the server running[^?]*\?")
"""What libpq puts on a line of its own below each host that refused."""
_BUSY = frozenset({"55P03", "57014"})


def from_postgres(error: psycopg.Error, address: Address, *, sent: str = UNSENT) -> JournalUnavailable:
    """The error to raise for what psycopg raised about a journal, whose passwords are not in it; `sent` says what was not sent."""
    said = " ".join((error.diag.message_primary or _HINT.sub(";", str(error)).strip(" ;\n")).split())
    for secret in address.secrets:
        said = said.replace(secret, "[redacted]")
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return unavailable(address, f"has an address that can't be used ({said})", sent=sent)
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
        words = "can't be reached"
    else:
        words = _WORDS.get(error.sqlstate or "", "could not be used")
    return unavailable(address, f"{words} ({said})", sent=sent, busy=error.sqlstate in _BUSY)


CONNECT_SECONDS = 2
"""How long one host of a server may take to be reached."""

ATTENDED_SECONDS = 15
"""After so long without a heartbeat the server closes the session of a process that was stopped."""

IDLE_IN_TRANSACTION = 5_000
"""In ms: a process that was stopped in the middle of a transaction must not keep everybody else from writing."""

_KEY = "hashtextextended(%s, 0)"


class Job(Struct, eq=False):
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
        return self._connection.execute(cast("Any", query.replace("?", "%s")), values or None)

    def executemany(self, query: str, rows: Sequence[Sequence[object]], /) -> None:
        """Make one for each of these rows, in one exchange."""
        with self._connection.cursor() as cursor:
            cursor.executemany(cast("Any", query.replace("?", "%s")), rows)


def connect(address: Address) -> psycopg.Connection[Any]:
    """A new connection."""
    return psycopg.connect(
        address.conninfo,
        autocommit=True,
        prepare_threshold=None,  # a pooler hands the next statement to another session
        connect_timeout=CONNECT_SECONDS,
        client_encoding="utf8",
        fallback_application_name="hamr",
    )


class Connector:
    """Connects to a team's server. Of one that let a connection time out it is said for as long again that it is silent.

    Whatever is to be asked of it in that time would wait in vain, one thing after the other.
    """

    def __init__(
        self,
        connect: Callable[[Address], psycopg.Connection[Any]] = connect,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect, self._now = connect, now
        self._silent, self._until = "", 0.0

    def anew(self) -> None:
        """Somebody opens the journal: for them it is asked."""
        self._until = 0.0

    def __call__(self, address: Address) -> psycopg.Connection[Any]:
        """A new connection; a psycopg.OperationalError where there is none."""
        began = self._now()
        if began < self._until:
            raise psycopg.OperationalError(self._silent)
        try:
            return self._connect(address)
        except psycopg.OperationalError as error:
            waited = self._now() - began
            if waited >= CONNECT_SECONDS:
                self._silent, self._until = str(error), self._now() + waited
            raise


class TeamSession:
    """A connection, which is made when it is needed, and made anew when it was lost; one thread alone uses it."""

    def __init__(
        self,
        address: Address,
        attended: set[str],
        connect: Callable[[Address], psycopg.Connection[Any]],
    ) -> None:
        self._address = address
        self._attended = attended
        """The locks whose witness the session is to be."""
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None
        self._pooled = False
        """Whether something stands between us and the server, so that a session is nobody's."""
        self._attends: set[str] = set()

    def cut(self) -> None:
        """End what the thread waits for: nobody wants it any more."""
        connection = self._connection
        if connection is not None:
            with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)

    def serve(self, jobs: list[Job]) -> None:
        """Do these in one transaction; where one of them fails, each alone."""
        jobs = [job for job in jobs if not job.abandoned]
        if not jobs:
            return
        try:
            results = self._transact(jobs)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
            if len(jobs) > 1 and self._connection is not None:
                for job in jobs:
                    self.serve([job])
                return
            for job in jobs:
                job.error = self._in_words(error, job)
        else:
            for job, result in zip(jobs, results, strict=True):
                job.result = result
        for job in jobs:
            job.done.set()

    def _in_words(self, error: BaseException, job: Job) -> BaseException:
        if not isinstance(error, psycopg.Error):
            return error
        unsure = any(isinstance(each, _LostAtCommitError) for each in (error, error.__context__))
        written = UNSURE if unsure else UNWRITTEN
        told = from_postgres(error, self._address, sent=written if job.writes else UNSENT)
        told.__cause__ = error
        return told

    def _transact(self, jobs: list[Job], *, again: bool = True) -> list[Any]:
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
            self.hang_up()
            if isinstance(error, _LostAtCommitError) and self._was_committed(transaction, jobs, error):
                return results
            if again and isinstance(error, psycopg.OperationalError) and not _abandoned(jobs):
                return self._transact(jobs, again=False)
            raise
        return results

    def _begin(self, jobs: Sequence[Job]) -> str:
        """What begins a transaction, its settings its own, since behind a pooler a session is nobody's; the last statement tells a writing one's id, and whose."""
        schema = self._address.schema
        # Sooner than whoever waits gives up, to be told why.
        least = round(1000 * min(job.seconds for job in jobs))
        settings = (
            f'SET LOCAL search_path TO "{schema}"; SET LOCAL lock_timeout = {least * 8 // 10}; '
            f"SET LOCAL statement_timeout = {least * 9 // 10}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION}"
        )
        if not jobs[0].writes:
            return f"BEGIN READ ONLY; {settings}"
        # One writer after the other, so that a chain is one; the next statement then sees what the one before wrote.
        return (
            f"BEGIN; {settings}; "
            "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'; "
            f"SELECT pg_advisory_xact_lock(hashtextextended('hamr journal {schema}', 0)); "
            "SELECT pg_current_xact_id() || ' of ' || date_part('epoch', pg_postmaster_start_time())"
        )

    def _was_committed(self, transaction: str, jobs: Sequence[Job], lost: _LostAtCommitError) -> bool:
        """What became of a transaction whose COMMIT nobody answered; the same error again where nobody can tell yet.

        One that only read has no id, and may be done again.
        """
        if not transaction:
            return False
        number, _, server = transaction.partition(" of ")
        connection = self._connected()
        try:
            # It waits its turn among those who write: the server may not even have got to that COMMIT yet.
            present = _last_of(connection.execute(cast("Any", self._begin(jobs)))).partition(" of ")[2]
            status = _last_of(connection.execute("SELECT pg_xact_status(%s::xid8)", (number,)))
        except psycopg.errors.InvalidParameterValue:  # the server crashed, and never heard of it since
            return False
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")
        if status == "aborted":
            return False
        # A standby that was promoted gives the ids that it never got to others.
        if status != "committed" or present != server:
            raise lost
        return True

    def _connected(self) -> psycopg.Connection[Any]:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connect(self._address)
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            # A pooler hands out process ids of its own.
            self._pooled = row is None or row[0] != connection.info.backend_pid
            self._attends = set()
        if not self._pooled:
            self._attend(connection)
        return connection

    def _attend(self, connection: psycopg.Connection[Any]) -> None:
        wanted = set(self._attended)
        if wanted == self._attends:
            return
        if bool(wanted) != bool(self._attends):
            connection.execute(f"SET idle_session_timeout = '{ATTENDED_SECONDS if wanted else 0}s'")
        for lock in self._attends - wanted:
            connection.execute(f"SELECT pg_advisory_unlock({_KEY})", (lock,))
            self._attends.discard(lock)
        for lock in wanted - self._attends:
            # Without waiting: a session of our own that was cut off keeps it until the server ends that; then it is ours.
            if connection.execute(f"SELECT pg_try_advisory_lock({_KEY})", (lock,)).fetchone() == (True,):
                self._attends.add(lock)

    def hang_up(self) -> None:
        """End it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _LostAtCommitError(psycopg.OperationalError):
    """The connection was lost at COMMIT: what became of it, the server has to be asked."""


class _AbandonedError(Exception):
    """Somebody does not wait any more for what would have been committed."""


def _abandoned(jobs: Sequence[Job]) -> bool:
    return any(job.abandoned for job in jobs)


def _commit(connection: psycopg.Connection[Any], jobs: Sequence[Job]) -> None:
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
