"""Where the journal is, and opening its file: for writing, for reading only, or in place of one that does not exist."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from orchestrator.errors import UsageError
from orchestrator.model import next_step

from .address import SCHEMES, Address, parse_address
from .failures import damaged, from_sqlite, from_system, primary_code, unavailable
from .tables import APPLICATION_ID, VERSION, identity, lay_out_file

_NEARLY = re.compile(r"postgres(ql)?(:|/)", re.IGNORECASE)


def default_place(option: str | None, environ: Mapping[str, str]) -> Path | Address:
    """The journal's file, or a team's address: `--journal`, else HAMR_JOURNAL, else `~/.local/state/hamr/journal.db`.

    XDG_STATE_HOME replaces `~/.local/state` where it is an absolute path, as the XDG base directory specification asks. A
    UsageError where it is neither a path nor an address.
    """
    if option is not None:
        return _path(option, "--journal", environ)
    if environ.get("HAMR_JOURNAL"):
        return _path(environ["HAMR_JOURNAL"], "HAMR_JOURNAL", environ)
    return state_folder(environ) / "journal.db"


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where journals are that nobody has named."""
    state = Path(environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = _home(environ) / ".local" / "state"
    return state / "hamr"


def _path(text: str, source: str, environ: Mapping[str, str]) -> Path | Address:
    line = f"{source}{' ' if source.startswith('--') else '='}~/.local/state/hamr/journal.db"
    advice = [next_step.shell(line, "the usual place")]
    scheme, separator, _ = text.partition("://")
    if separator and scheme.lower() in SCHEMES:
        return parse_address(text, source)
    if separator:
        raise UsageError(
            f"{source} wants the path of a file or postgresql://…, not an address that begins with {scheme}://.",
            next_steps=advice,
        )
    if _NEARLY.match(text):  # a file of that name would hold a journal of one machine
        raise UsageError(
            f"{source} is nearly a team's address, which begins with postgresql:// (a file of that name: ./postgres…).",
            next_steps=advice,
        )
    if not text.strip() or "\0" in text:
        raise UsageError(f"{source} wants the path of a file, and got {text!r}.", next_steps=advice)
    if text == "~" or text.startswith("~/"):
        return _home(environ) / text[2:]
    return Path(text)


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


BUSY_SECONDS = 5.0
"""How long to wait for another process that is writing."""

_LEAST_PAGE = 512
"""A SQLite file is made of whole pages, of at least so many bytes."""

_ROLLBACK_HEADER = 28
"""Bytes of a rollback journal's header; the database's size before, in pages, stands at 16 (sqlite.org/fileformat2.html)."""

_NEW: tuple[int, int, frozenset[str]] = (0, 0, frozenset())


class Opened(Struct, frozen=True):
    """A connection to a journal, and what is known about its file."""

    connection: sqlite3.Connection
    writable: bool
    exists: bool
    """False where there is no file: the connection then shows an empty journal in memory."""
    file: tuple[int, int] | None = None
    """Device and inode of a file that is written: how a file that was swapped underneath is noticed."""


def open_for_writing(place: Path, *, durable: bool, patience: float) -> Opened:
    """Open the journal, and create it where there is none; raises as `JournalStore.open`.

    The file is for its owner alone, and so is its folder; in a folder that a group shares (setgid, and writable for
    the group) it is for the group, too, as far as the umask lets it.

    Law 16: no file beside it may hold committed records, so it is kept with a rollback journal, and one that an older
    hamr kept with a write-ahead log is switched over.
    """
    with _in_words(place):
        _refuse_odd_files(place)
        _refuse_second_name(place)
        file = _touch(_real(place))
        connection = _connect(place, "mode=rw", patience)
        with _closed_on_failure(connection):
            connection.execute(f"PRAGMA synchronous = {'EXTRA' if durable else 'OFF'}")
            _lay_out_where_new(connection, place)
            _use_rollback_journal(connection, place, patience)
            connection.execute("PRAGMA fullfsync = ON")
    return Opened(connection, writable=True, exists=True, file=file)


def open_for_reading(place: Path, *, patience: float, older: bool = False) -> Opened:
    """Open the journal so that nothing can be added; where there is none, an empty one that leaves no file. Raises as `JournalStore.open`.

    Works on a file, and in a folder, that may only be read.
    """
    with _in_words(place):
        _refuse_odd_files(place)
        found = _stat(place)
        if found is None or found.st_size == 0:
            return open_nothing()
        try:
            connection = _look(place, "mode=rw", patience, older=older)
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
            connection = _look(place, "mode=ro&immutable=1", patience, older=older)
    return Opened(connection, writable=False, exists=True)


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


def open_nothing() -> Opened:
    """An empty journal in memory, to which nothing can be added."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    lay_out_file(connection)
    connection.execute("PRAGMA query_only = ON")
    return Opened(connection, writable=False, exists=False)


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


def _use_rollback_journal(connection: sqlite3.Connection, place: Path, patience: float) -> None:
    """Take the records of an older hamr's write-ahead log into the file, which wants it alone for a moment."""
    deadline = time.monotonic() + patience
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError as error:
            if primary_code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            mode = "wal"
        if mode == "delete":
            return
        if time.monotonic() > deadline:
            raise unavailable(
                place,
                "was kept by an older hamr, which leaves records in a file beside it, and it can't be switched over while"
                " another process has it open: wait until that process has ended",
            )
        time.sleep(0.005)
