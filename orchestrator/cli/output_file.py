"""Files that a verb writes: for their owner alone, and whole or not at all."""

from __future__ import annotations

import errno
import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from orchestrator.errors import PreparationError, UsageError

_DATABASE = b"SQLite format 3\x00"
"""How a journal begins."""
_BESIDE = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a database, under the same name; the last two are an older hamr's."""


def refuse_misplaced(path: Path, *, what: str, option: str = "--out") -> None:
    """Make sure that a file may be written there at all: neither over a journal, nor where there is no folder.

    Args:
        path: its name.
        what: for messages: "the plan".
        option: which one named the file, for messages.

    Raises:
        UsageError: it is a folder, or a journal stands there, this one or another.
        PreparationError: its folder is not there, or cannot be written to.
    """
    if path.is_dir():
        raise UsageError(f"{option} {path}: this is a folder, and {what} needs the name of a file.")
    try:
        for each in (path, *(path.with_name(path.name.removesuffix(tail)) for tail in _BESIDE)):
            if each.is_file() and _begins_as_database(each):
                raise UsageError(
                    f"{option} {path}: a journal stands there, or another database, and {what} would take its place. "
                    "Name another file."
                )
        if path.exists() or (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
            return
        path.parent.stat()
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unwritable(path, error, what=what, option=option) from error


def _begins_as_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_DATABASE)) == _DATABASE


def _unwritable(path: Path, error: OSError, *, what: str, option: str) -> PreparationError:
    words = (error.strerror or str(error)).lower()
    folder = shlex.quote(str(path.parent))
    look = f"mkdir -p {folder}"
    if path.parent.exists():
        look = f"df -h {folder}" if error.errno == errno.ENOSPC else f"ls -ld {folder}"
    return PreparationError(
        f"{option} {path}: {what} cannot be written there: {words}. Name another file, or see to its folder.",
        next_steps=(look,),
    )


@contextmanager
def written_whole(path: Path, *, what: str, option: str = "--out") -> Iterator[IO[bytes]]:
    """A file to write to, which takes its name only when all of it is on the disk; mode 0600.

    What stood there before is replaced. A device or a pipe is written to directly.

    Args:
        path: its name.
        what: for messages: "the plan".
        option: which one named the file, for messages.

    Raises:
        UsageError: it is a folder, or a journal stands there.
        PreparationError: it cannot be written.
    """
    refuse_misplaced(path, what=what, option=option)
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as device:
                yield device
            return
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
    except OSError as error:
        raise _unwritable(path, error, what=what, option=option) from error
