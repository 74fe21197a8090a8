"""A journal's tables on a team's PostgreSQL: one connection for a whole process, and one thread that alone uses it.

Who asks waits for an answer, and for no longer than it may: a server that is silent holds up nobody. What several runs
of this process append meanwhile goes into one transaction. A connection that was lost is made anew, once, within that
time: `postgres_session`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from typing import Protocol, TypeVar, cast
from weakref import WeakValueDictionary

from msgspec.structs import replace

from orchestrator.errors import JournalUnavailable
from orchestrator.model.journal import Witness

from .address import Address
from .failures import UNSENT, UNWRITTEN, unavailable
from .postgres_session import CONNECT_SECONDS, Connector, Job, TeamSession
from .sqlite_file import BUSY_SECONDS
from .tables import LaidOut, Statements, lay_out, refuse_other_layouts

T = TypeVar("T")


def open_team(address: Address, *, writes: bool, patience: float) -> PostgresDatabase:
    """Open a team's journal; a JournalUnavailable where it cannot be had in `patience` seconds, or is not laid out for this version."""
    line = _line_to(address)
    line.connect.anew()
    database = PostgresDatabase(line, writes=writes, patience=patience)
    try:
        database.read(lambda statements: refuse_other_layouts(statements, address))
    except BaseException:
        database.close()
        raise
    return database


class Line(Protocol):
    """A way to a team's database."""

    address: Address
    attended: set[str]
    """The locks whose witness its session is."""

    def take_up(self) -> None:
        """Somebody uses the line from now on."""

    def let_go(self) -> None:
        """Somebody does not use it any more; the last one hangs up."""

    def another(self) -> Line:
        """One of its own to the same database."""

    def ask(self, work: Callable[[Statements], T], *, writes: bool, seconds: float) -> T:
        """What the work gave, within so many seconds; a JournalUnavailable where it gave nothing in time, or can't be done."""


def silent(address: Address, job: Job) -> JournalUnavailable:
    """Nobody has answered a job in time."""
    return unavailable(
        address,
        f"does not answer: nothing came back from its server within {job.seconds:g} s",
        sent=UNWRITTEN if job.writes else UNSENT,
    )


class PostgresDatabase:
    """A team's database, as one store of this process uses it: `orchestrator.journal.store.Database`."""

    exists = True

    def __init__(self, line: Line, *, writes: bool, patience: float) -> None:
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
        return PostgresDatabase(self._line.another(), writes=False, patience=self._patience)

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


class _Line:
    """The one connection of this process to a team's database, and the thread that alone uses it."""

    def __init__(self, address: Address, connect: Connector | None = None) -> None:
        self.address = address
        self.connect = connect or Connector()
        self.attended: set[str] = set()
        self._changed = threading.Condition()
        self._users = 0
        self._jobs: deque[Job] = deque()
        self._worker: _Worker | None = None

    def another(self) -> _Line:
        return _Line(self.address, self.connect)

    def take_up(self) -> None:
        with self._changed:
            self._users += 1

    def let_go(self) -> None:
        with self._changed:
            self._users -= 1
            worker, last = self._worker, self._users == 0
            if last:
                self._worker = None
                self._changed.notify_all()
        if last and worker is not None:
            worker.thread.join(CONNECT_SECONDS)

    def ask(self, work: Callable[[Statements], T], *, writes: bool, seconds: float) -> T:
        waits = max(seconds, CONNECT_SECONDS * self.address.hosts)
        job = Job(work, writes, waits, threading.Event())
        with self._changed:
            self._jobs.append(job)
            if self._worker is None:
                self._worker = _Worker(self)
            self._changed.notify_all()
        if not job.done.wait(waits):
            self._give_up(job)
            raise silent(self.address, job)
        if job.error is not None:
            raise job.error
        return cast("T", job.result)

    def _give_up(self, job: Job) -> None:
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

    def next_for(self, worker: _Worker) -> list[Job] | None:
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
    """The thread of a line, and its session."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._session = TeamSession(line.address, line.attended, line.connect)
        self.cut = self._session.cut
        self.thread = threading.Thread(target=self._work, name="hamr-team-journal", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while (jobs := self._line.next_for(self)) is not None:
            self._session.serve([job for job in jobs if job.writes])
            for job in jobs:
                if not job.writes:
                    self._session.serve([job])
        self._session.hang_up()


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
    """Lay a team's journal out, in one transaction; a JournalUnavailable where we can't or may not, or another version did."""
    with closing(PostgresDatabase(_Line(address), writes=True, patience=BUSY_SECONDS)) as database:
        return database.write(lambda statements: lay_out(statements, address))


def lay_out_beside(address: Address, schema: str, made_by: str, sql: str) -> bool:
    """Lay out tables of something else beside a journal, in a schema of their own, in one transaction; whether anything was to be done.

    What another version of it has made there goes with all that it holds: nothing is kept in it that the journal lacks.
    `made_by` names it, with its version, as the schema's comment; a JournalUnavailable refuses others' schemas.
    """

    def work(statements: Statements) -> bool:
        found = statements.execute(
            "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = ?", (schema,)
        ).fetchone()
        there = None if found is None else str(found[0])
        if there == made_by:
            return False
        if there is not None and there.partition(",")[0] != made_by.partition(",")[0]:
            raise unavailable(address, f"has a schema {schema} beside it that is another program's")
        statements.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
        statements.execute(f'CREATE SCHEMA "{schema}"')
        statements.execute(f"COMMENT ON SCHEMA \"{schema}\" IS '{made_by}'")
        statements.execute(sql)
        return True

    beside = replace(address, schema=schema)
    with closing(PostgresDatabase(_Line(beside), writes=True, patience=BUSY_SECONDS)) as database:
        return database.write(work)
