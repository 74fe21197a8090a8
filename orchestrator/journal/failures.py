"""What SQLite and the file system report, in words for a person: unavailable, or damaged."""

from __future__ import annotations

import errno
import os
import shlex
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

from orchestrator.errors import HamrError, JournalBusy, JournalDamaged, JournalUnavailable
from orchestrator.model import next_step

from .address import Address

ELSEWHERE = next_step.shell(
    "--journal FILE",
    "go on in a new journal, or in a copy of this one: that alone knows its lock and history",
)
VERIFY = next_step.verify().so_that("see how much of the journal is whole")

_DAMAGE = "Nothing is sent on a journal that cannot be trusted."
_UNAVAILABLE = {
    sqlite3.SQLITE_FULL: "is full: its disk has no room left, so nothing could be added",
    sqlite3.SQLITE_BUSY: "is busy: another process has been writing to it for several seconds",
    sqlite3.SQLITE_LOCKED: "is busy: another process has been writing to it for several seconds",
    sqlite3.SQLITE_READONLY: "can only be read here, so nothing could be added",
    sqlite3.SQLITE_CANTOPEN: "could not be opened",
    sqlite3.SQLITE_PERM: "could not be opened: permission denied",
    sqlite3.SQLITE_IOERR: "could not be read or written: the disk reported an error",
    sqlite3.SQLITE_NOMEM: "could not be read or written: no memory left",
}
_DAMAGED = {
    sqlite3.SQLITE_CORRUPT: "is damaged: a part of the file is missing or overwritten",
    sqlite3.SQLITE_NOTADB: "is no journal: the file is not a SQLite database, or its beginning was overwritten",
    sqlite3.SQLITE_ERROR: "is not laid out as a hamr journal",
    sqlite3.SQLITE_MISMATCH: "holds values of the wrong kind",
}
_FORBIDDEN = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
UNSENT = "Nothing was sent."
UNWRITTEN = "The record was not written, and nothing more is sent without it."
UNSURE = "Whether the record was written nobody could tell, and nothing more is sent until somebody can."


def from_sqlite(error: sqlite3.Error, place: Path, *, sent: str = UNSENT) -> HamrError:
    """The error to raise for what sqlite3 raised about the journal at that place; `sent` says what was not sent."""
    primary = primary_code(error)
    if primary is None and str(error).startswith("Could not decode"):
        return damaged(place, "is damaged: it holds text that is not valid UTF-8")
    if primary in _DAMAGED:
        return damaged(place, f"{_DAMAGED[primary]} ({error})")
    words = f"{_UNAVAILABLE.get(primary or 0, 'could not be used')} ({error})"
    if primary in _FORBIDDEN:
        words += whose(place)
    return unavailable(place, words, sent=sent, busy=primary in _BUSY)


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code, or None where it was sqlite3 itself that refused.

    A read that ends too soon is told as damage, though SQLite counts it among the disk's errors.
    """
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_IOERR_SHORT_READ:
        return sqlite3.SQLITE_CORRUPT
    return None if code is None else code & 0xFF


def from_system(error: OSError, place: Path) -> JournalUnavailable:
    """The error to raise where the file system would not let the journal be created or opened."""
    words = {
        errno.EACCES: "cannot be opened: permission denied",
        errno.EROFS: "cannot be written: its disk is read-only",
        errno.ENOSPC: "cannot be created: its disk is full",
        errno.EISDIR: "is a folder: the path of a file is wanted",
        errno.ENOTDIR: "cannot be created: a part of its path is a file, not a folder",
    }
    reason = words.get(error.errno or 0, f"cannot be opened: {os.strerror(error.errno or 0)}")
    where = f" ({error.filename})" if error.filename and str(error.filename) != str(place) else ""
    rights = whose(Path(error.filename or place)) if error.errno in (errno.EACCES, errno.EROFS) else ""
    return unavailable(place, reason + where + rights)


def whose(path: Path) -> str:
    """Of what may be in the way, a mount, a file or else its folder: its mode and owner, and what its owner could type; "" where nothing is."""
    mount = _read_only_mount(path)
    if mount is not None:
        return f"; {mount} is mounted read-only, so no permission helps: mount it to be written, or keep the journal elsewhere"
    effective = os.access in os.supports_effective_ids
    for place in (path, Path(os.path.realpath(path)).parent):
        try:
            found = place.stat()
        except OSError:
            continue
        wanted = os.R_OK | os.W_OK | (os.X_OK if stat.S_ISDIR(found.st_mode) else 0)
        if os.access(place, wanted, effective_ids=effective):
            continue
        mode = "2770" if stat.S_ISDIR(found.st_mode) else "660"
        return (
            f"; {place} is {stat.filemode(found.st_mode)} of user {_named(place.owner, found.st_uid)} and group {_named(place.group, found.st_gid)}:"
            f" where that group is to share it, its owner types chmod {mode} {place}"
        )
    return ""


def _read_only_mount(path: Path) -> Path | None:
    """Where the disk is mounted that a file lies on, or would; None where it is not mounted read-only."""
    there = os.path.realpath(path)
    while not os.path.exists(there):  # noqa: PTH110 - a folder that may not be searched is passed over, too
        there = os.path.dirname(there)  # noqa: PTH120 - as above
    if not _is_read_only(there):
        return None
    while not os.path.ismount(there) and _is_read_only(os.path.dirname(there)):  # noqa: PTH120 - as above
        there = os.path.dirname(there)  # noqa: PTH120 - as above
    return Path(there)


def _is_read_only(place: str) -> bool:
    try:
        return bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _named(name: Callable[[], str], number: int) -> str:
    try:
        return name()
    except (KeyError, NotImplementedError):  # nobody has that number; or a system without such names
        return str(number)


def unavailable(
    place: Path | Address | str, reason: str, *, sent: str = UNSENT, busy: bool = False
) -> JournalUnavailable:
    """The journal at that place cannot be used, for that reason ("is busy: …"); whether only for as long as others write."""
    words = f"The journal {place} {reason}."
    if not busy:
        return JournalUnavailable(words, sent=sent, next_steps=[ELSEWHERE])
    again = next_step.shell(f"--journal {shlex.quote(str(place))}", "the same again: it waits for its turn")
    return JournalBusy(words, sent=sent, next_steps=[again, ELSEWHERE])


def damaged(place: Path | Address | str, reason: str) -> JournalDamaged:
    """The journal at that place cannot be trusted, for that reason ("is damaged: …")."""
    return JournalDamaged(f"The journal {place} {reason}.", sent=_DAMAGE, next_steps=[VERIFY, ELSEWHERE])


def lost(place: str, number: int, pair: str) -> JournalDamaged:
    """The journal at that place does not hold a record any more that this process wrote for a run of the pair."""
    return JournalDamaged(
        f"the journal {place} does not hold record {number} any more, which this run wrote into it: "
        "an older copy took its place (a file put back, a standby promoted), or it was moved, deleted or written over",
        sent=_DAMAGE,
        next_steps=(next_step.verify(), next_step.status(pair)),
    )
