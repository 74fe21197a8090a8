"""A file's text, or one clear sentence about why there is none; and the files that come with hamr."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from orchestrator.errors import DocumentError, Problem, UsageError
from orchestrator.model.next_step import NextStep

from .messages import did_you_mean, shown

LARGEST = 10_000_000
"""Bytes of a file that is read: an inventory of 10,000 pairs is less than half of it."""


PATIENCE = 10.0
"""Seconds that a pipe may take until all of it was written: whoever writes it may have a key to fetch first."""

_NOBODY = 1.0
"""Seconds until somebody has to have opened the other end of a pipe that stands in a folder."""


_WHY_NOT: Mapping[type[Exception], str] = {
    FileNotFoundError: "there is no such file",
    IsADirectoryError: "this is a directory, and a file is wanted",
    PermissionError: "permission to read it is denied",
    ValueError: "no file has a NUL character in its name",
    TimeoutError: "this is a pipe, and nobody has written all of it: write it to a file, and name that",
}


def content(path: Path, most: int = LARGEST) -> bytes:
    """What stands in a file, or comes out of a pipe: `<(sops -d pairs.yaml)`, for one, is a pipe.

    Raises a DocumentError where it is missing, empty, larger than `most` bytes, a directory or a device, cannot be read, or
    is a pipe that nobody writes to.
    """
    file = str(path)
    try:
        kind = _kind(path)
        if stat.S_ISFIFO(kind):
            found = _from_pipe(path, most + 1)
        elif stat.S_ISREG(kind) or stat.S_ISDIR(kind):
            with path.open("rb") as stream:
                found = stream.read(most + 1)
        else:
            raise _refused(file, "this is a device or a socket, and a file is wanted")
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else None
        why = _WHY_NOT.get(type(error), f"it cannot be read ({(words or str(error)).lower()})")
        raise _refused(file, why) from None
    if len(found) > most:
        raise _refused(file, f"it is larger than {most:,} bytes: is it the right file?")
    if not found.strip():
        raise _refused(file, "the file is empty")
    return found


def _kind(path: Path) -> int:
    """What kind of thing it is, as a mode; a file where there is nothing, which opening it tells best."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return stat.S_IFREG


def _from_pipe(path: Path, most: int) -> bytes:
    """What comes out of a pipe until its last writer closes it; a TimeoutError where that is not in time."""
    until, found, opened = time.monotonic() + PATIENCE, b"", False
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        while len(found) < most:
            try:
                part = os.read(descriptor, most - len(found))
            except BlockingIOError:  # somebody holds the other end, and has more to write
                opened = True
                _wait(descriptor, until - time.monotonic())
                continue
            found += part
            if not part and (found or opened):
                break
            if not part:  # so it is with a pipe that nobody has opened yet, too
                _wait(descriptor, _NOBODY)
                opened = True
    finally:
        os.close(descriptor)
    return found


def _wait(descriptor: int, seconds: float) -> None:
    """Wait until there is something to read, or the last writer has gone; a TimeoutError where neither came in time."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    if not waiting.poll(max(seconds, 0.0) * 1000):
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


def read_text(path: Path) -> str:
    """The UTF-8 text of a file or pipe; a DocumentError where there is none (see `content`), or it is no UTF-8."""
    file, found = str(path), content(path)
    if b"\0" in found:
        raise _refused(file, "this is a binary file (or UTF-16), and a YAML text in UTF-8 is wanted")
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError as error:
        before = found[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        raise _refused(file, "this is not UTF-8 text from here on", line, column) from None


def named_file(
    what: str, name: str, places: Iterable[str], shipped: Mapping[str, Path], *, where: str, instead: NextStep
) -> Path:
    """The file that a path means, or a bare name: the first of these places that is a file, else what ships with hamr.

    A UsageError says `what` there is none of by that name, and `where` it was looked for.
    """
    if "/" in name or "\\" in name or name.endswith((".yaml", ".yml")):
        return Path(name)
    # A name that is too long, or has a NUL, is no file to isfile, where Path.is_file would raise.
    found = next((Path(place) for place in places if name and os.path.isfile(place)), None)  # noqa: PTH113
    if found is None and name not in shipped:
        raise UsageError(
            f"There is no {what} {shown(name)}: no {shown(name + '.yaml')} in {where}, and none of that name "
            f"ships with hamr{did_you_mean(name, shipped) or '.'} Shipped: {', '.join(shipped)}.",
            next_steps=(instead,),
        )
    return found or shipped[name]


def shipped_files(pattern: str) -> Mapping[str, Path]:
    """What comes with hamr, by name: from the installed package, else from the checkout."""
    package = Path(__file__).resolve().parent.parent
    folder = package / "shipped"
    if not folder.is_dir():
        folder = package.parent / "playbooks"
    return MappingProxyType({path.stem: path for path in sorted(folder.glob(pattern))})


def _refused(file: str, message: str, line: int = 0, column: int = 0) -> DocumentError:
    return DocumentError([Problem(file, line, column, message)])
