"""A journal's tables in one SQLite file, for one machine: who has it, and what SQLite reports, in words."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

from orchestrator.model.journal import Witness

from .calls import turns_at
from .failures import UNSENT, UNWRITTEN, from_sqlite, unavailable
from .opening import BUSY_SECONDS, Opened, open_for_reading, open_for_writing, open_nothing
from .tables import Statements

T = TypeVar("T")


class SqliteFile:
    """An open file: `orchestrator.journal.store.Database`."""

    def __init__(self, opened: Opened, path: Path, patience: float, *, shown: str = "") -> None:
        self.place = shown or str(path)
        self.exists = opened.exists
        self._connection = opened.connection
        self._opened = opened
        self._path = path
        self._mutex = threading.RLock()
        self._turns = turns_at(path)
        self._patience = patience

    @classmethod
    def open(cls, path: Path, *, create: bool, durable: bool, patience: float, older: bool) -> SqliteFile:
        """Open it, as `JournalStore.open` says."""
        with turns_at(path).one(path, patience):
            if create:
                opened = open_for_writing(path, durable=durable, patience=patience)
            else:
                opened = open_for_reading(path, patience=patience, older=older)
        return cls(opened, path, patience)

    @classmethod
    def nothing(cls, shown: str) -> SqliteFile:
        """An empty one in memory, in the place of what cannot be opened."""
        return cls(open_nothing(), Path(os.devnull), BUSY_SECONDS, shown=shown)

    def read(self, work: Callable[[Statements], T]) -> T:
        """Do work that changes nothing."""
        with self._reading() as connection:
            return work(connection)

    def write(self, work: Callable[[Statements], T]) -> T:
        """Do work in one durable transaction."""
        with self._writing() as connection:
            return work(connection)

    def afresh(self) -> SqliteFile:
        """Whatever file stands there now, to be looked at."""
        return SqliteFile.open(self._path, create=False, durable=True, patience=self._patience, older=False)

    def check_whole(self) -> str:
        """What SQLite finds wrong with the file; "" where it finds nothing."""
        with self._reading() as connection:
            ((finding,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
        return "" if finding == "ok" else str(finding)

    def wait_at_most(self, seconds: float) -> None:
        """How long a call waits for others who write, of this process and then of another."""
        self._patience = seconds
        with self._mutex:  # no turn is needed: it touches no file
            self._connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

    def attend(self, lock: str) -> None:
        """Nothing: on one machine, processes tell who lives."""

    def leave(self, lock: str) -> None:
        """Nothing, as above."""

    def role(self) -> str:
        """None: whoever may write the file may call themselves as they like."""
        return ""

    def witness(self, lock: str) -> Witness:  # noqa: ARG002 - a file has none for any
        """None, as above."""
        return Witness.NONE

    def close(self) -> None:
        """Close the file."""
        with self._mutex:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self, *, sent: str = UNSENT) -> Iterator[sqlite3.Connection]:
        """The file for us alone, as far as this process goes; what SQLite reports is raised in words for a person."""
        with self._mutex, self._turns.one(self._path, self._patience, sent=sent):
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise from_sqlite(error, self._path, sent=sent) from error

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
            raise unavailable(self.place, "was opened for reading only", sent=UNWRITTEN)
        try:
            found = self._path.stat()
            same = (found.st_dev, found.st_ino) == self._opened.file
        except OSError:
            same = False
        if not same:
            raise unavailable(
                self.place, "was moved, deleted or replaced while it was in use", sent=UNWRITTEN
            )

    def _want_no_log(self, connection: sqlite3.Connection) -> None:
        """Law 16: another program may have switched the file over since, and then records would lie beside it."""
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "wal":
            raise unavailable(
                self.place,
                "was switched to write-ahead logging by another program (an older hamr?) while it was in use, which "
                "keeps records in a file beside it",
                sent=UNWRITTEN,
            )
