"""A journal's tables in one SQLite file, for one machine: how it is opened, who has it, and what SQLite reports, in words."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from orchestrator.model.journal import Witness

from .calls import turns_at
from .failures import UNSENT, UNWRITTEN, damaged, from_sqlite, from_system, primary_code, unavailable
from .tables import APPLICATION_ID, VERSION, Statements, identity, lay_out_file

T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long to wait for another process that is writing."""

_LEAST_PAGE = 512
"""A SQLite file is made of whole pages, of at least so many bytes."""

_ROLLBACK_HEADER = 28
"""Bytes of a rollback journal's header; the database's size before, in pages, stands at 16 (sqlite.org/fileformat2.html)."""

_NEW: tuple[int, int, frozenset[str]] = (0, 0, frozenset())


class SqliteFile:
    """An open file: `orchestrator.journal.store.Database`."""

    def __init__(
        self,
        connection: sqlite3.Connection | None,
        path: Path,
        patience: float,
        *,
        file: tuple[int, int] | None = None,
        shown: str = "",
    ) -> None:
        self.place = shown or str(path)
        self.exists = connection is not None
        self._connection = _nothing() if connection is None else connection
        self._file = file
        """Device and inode of a file that is written: how one that was swapped underneath is noticed; None of one that is read."""
        self._path = path
        self._mutex = threading.RLock()
        self._turns = turns_at(path)
        self._patience = patience

    @classmethod
    def open(cls, path: Path, *, create: bool, durable: bool, patience: float, older: bool) -> SqliteFile:
        """Open it, as `JournalStore.open` says."""
        with turns_at(path).one(path, patience):
            if not create:
                return cls(_open_for_reading(path, patience=patience, older=older), path, patience)
            connection, file = _open_for_writing(path, durable=durable, patience=patience)
            return cls(connection, path, patience, file=file)

    @classmethod
    def nothing(cls, shown: str) -> SqliteFile:
        """An empty one in memory, in the place of what cannot be opened."""
        return cls(None, Path(os.devnull), BUSY_SECONDS, shown=shown)

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
        if self._file is None:
            raise unavailable(self.place, "was opened for reading only", sent=UNWRITTEN)
        try:
            found = self._path.stat()
            same = (found.st_dev, found.st_ino) == self._file
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
                "was switched to write-ahead logging by another program while it was in use, which "
                "keeps records in a file beside it",
                sent=UNWRITTEN,
            )


def _open_for_writing(
    place: Path, *, durable: bool, patience: float
) -> tuple[sqlite3.Connection, tuple[int, int]]:
    """Open the journal, and create it where there is none; and which file it is. Raises as `JournalStore.open`.

    The file is for its owner alone, and so is its folder; in a folder that a group shares (setgid, and writable for
    the group) it is for the group, too, as far as the umask lets it.

    Law 16: no file beside it may hold committed records, so it is kept with a rollback journal, and one that another
    program has switched to a write-ahead log is switched back.
    """
    with _in_words(place):
        _refuse_odd_files(place)
        _refuse_second_name(place)
        file = _touch(_real(place))
        connection = _connect(place, "mode=rw", patience)
        with _closed_on_failure(connection):
            connection.execute(f"PRAGMA synchronous = {'EXTRA' if durable else 'OFF'}")
            _lay_out_where_new(connection, place)
            _use_rollback_journal(connection, place)
            connection.execute("PRAGMA fullfsync = ON")
    return connection, file


def _open_for_reading(place: Path, *, patience: float, older: bool) -> sqlite3.Connection | None:
    """Open the journal so that nothing can be added; None where there is none. Raises as `JournalStore.open`.

    Works on a file, and in a folder, that may only be read.
    """
    with _in_words(place):
        _refuse_odd_files(place)
        found = _stat(place)
        if found is None or found.st_size == 0:
            return None
        try:
            return _look(place, "mode=rw", patience, older=older)
        except sqlite3.Error as error:
            # SQLite rolls back what a killed process left, and of an older hamr's journal it keeps an index beside it:
            # neither can be done here.
            if primary_code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            left = _pending(place)
            if left is not None:
                raise unavailable(
                    place,
                    f"cannot be read without {left.name}, which a killed process left beside it, and that takes write"
                    " permission for both and their folder: copy both files to a folder of your own, and name the copy",
                ) from error
            return _look(place, "mode=ro&immutable=1", patience, older=older)


def _look(place: Path, access: str, patience: float, *, older: bool) -> sqlite3.Connection:
    connection = _connect(place, access, patience)
    with _closed_on_failure(connection):
        connection.execute("PRAGMA query_only = ON")
        _refuse_others(connection, place, older=older)
    return connection


@contextmanager
def _in_words(place: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into errors for a person."""
    try:
        yield
    except sqlite3.Error as error:
        raise from_sqlite(error, place) from error
    except OSError as error:
        raise from_system(error, place) from error


@contextmanager
def _closed_on_failure(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _nothing() -> sqlite3.Connection:
    """An empty journal in memory, to which nothing can be added."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    lay_out_file(connection)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _pending(place: Path) -> Path | None:
    """The file beside the journal that belongs to its content: a rollback journal, or an older hamr's write-ahead log."""
    place = _real(place)
    for suffix in ("-journal", "-wal"):
        beside = place.with_name(place.name + suffix)
        found = _stat(beside)
        if found is not None and found.st_size > 0:
            return beside
    return None


def _real(place: Path) -> Path:
    """The path without symbolic links: one file has one name, and one rollback journal."""
    return Path(os.path.realpath(place))


def _refuse_second_name(place: Path) -> None:
    """Law 16: what a killed process leaves stands beside one name of the file, and whoever comes by another misses it."""
    found = _stat(place)
    if found is not None and found.st_nlink > 1:
        raise unavailable(
            place,
            f"has {found.st_nlink} names (hard links), and a journal must have one: find the others with"
            f" find DIR -samefile {place}, and remove all but one, or make a copy in the place of a link",
        )


def _stat(place: Path) -> os.stat_result | None:
    """What is there, or None; unlike `Path.exists`, a path that leads through a file is not "nothing"."""
    try:
        return place.stat()
    except FileNotFoundError:
        return None


def _refuse_odd_files(place: Path) -> None:
    found = _stat(place)
    if found is None:
        return
    if stat.S_ISDIR(found.st_mode):
        raise unavailable(place, "is a folder: the path of a file is wanted")
    if not stat.S_ISREG(found.st_mode):
        raise unavailable(place, "is not a regular file")
    left = _pending(place)
    if found.st_size == 0 and left is not None and not _began_empty(left):
        raise damaged(place, f"is damaged: the file is empty, but {left.name} beside it is not")
    if 0 < found.st_size < _LEAST_PAGE and left is None:
        # SQLite would take a file of one byte for an empty one, and write over it.
        raise damaged(place, f"is no journal: {found.st_size} bytes are too few for a SQLite database")


def _began_empty(left: Path) -> bool:
    """Whether a rollback journal says that the file was empty before: somebody was killed while he began it."""
    if not left.name.endswith("-journal"):
        return False
    try:
        with left.open("rb") as file:
            header = file.read(_ROLLBACK_HEADER)
    except FileNotFoundError:
        return True  # whoever began it is through with it by now
    return len(header) < _ROLLBACK_HEADER or header[16:20] == b"\0\0\0\0"


def _touch(place: Path) -> tuple[int, int]:
    """Make sure that the file is there, and tell which one it is (device, inode).

    A file that exists is not opened: closing it again would drop the locks that SQLite holds on it for
    another store in this process (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    missing = [folder for folder in (place.parent, *place.parent.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    try:
        mode = 0o660 if _is_shared(place.parent) else 0o600
        os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
        _sync_folder(place.parent)
    except FileExistsError:
        pass
    found = place.stat()
    return found.st_dev, found.st_ino


def _is_shared(folder: Path) -> bool:
    """Whether a group shares the folder, and so what is in it."""
    shared = stat.S_ISGID | stat.S_IWGRP
    return folder.stat().st_mode & shared == shared


def _sync_folder(folder: Path) -> None:
    """A new file's name is durable only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(place: Path, access: str, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{_real(place).as_uri()}?{access}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _lay_out_where_new(connection: sqlite3.Connection, place: Path) -> None:
    """Create the tables in a new file; on any other, make sure that it can be written."""
    if identity(connection) == _NEW:
        connection.execute("BEGIN IMMEDIATE")
        if identity(connection) == _NEW:  # now that nobody else can make it one of ours
            lay_out_file(connection)
        connection.execute("COMMIT")
    _refuse_others(connection, place)
    # SQLite begins to write to a file that may only be read, and says so at the first change alone: here it is none.
    connection.execute("DELETE FROM locks WHERE FALSE")
    if not os.access(
        _real(place).parent, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids
    ):
        raise from_system(PermissionError(errno.EACCES, "", str(_real(place).parent)), place)


def _refuse_others(connection: sqlite3.Connection, place: Path, *, older: bool = False) -> None:
    application, version, tables = identity(connection)
    if application != APPLICATION_ID:
        raise unavailable(place, "is a database of another program, and was left alone")
    if version > VERSION:
        raise unavailable(
            place,
            f"was written by a newer hamr (its layout is version {version}, this one knows {VERSION}):"
            " use that version",
        )
    if version < 1 or not {"records", "locks"} <= tables:
        raise damaged(place, "is not laid out as a hamr journal")
    if version < VERSION and not older:
        raise unavailable(
            place,
            f"was written by an older hamr (its layout is version {version}, this one knows {VERSION}):"
            " hamr audit export passes its records on, and a new journal begins in another file",
        )
    if place.stat().st_size % _LEAST_PAGE and _pending(place) is None:
        raise damaged(place, "is damaged: the file was cut short, in the middle of a page")


def _use_rollback_journal(connection: sqlite3.Connection, place: Path) -> None:
    """Take the records of a write-ahead log into the file, which wants it alone for a moment."""
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError as error:
        if primary_code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        mode = "wal"
    if mode != "delete":
        raise unavailable(
            place,
            "was switched to write-ahead logging by another program, which leaves records in a file beside it, and it can't be"
            " switched back while another process has it open: wait until that process has ended",
        )
