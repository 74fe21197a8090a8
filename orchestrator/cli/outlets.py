"""stdout and stderr whose trouble stays their own: a full disk, a closed stream, a reader that went away or stalls.

What cannot be written is dropped below everything that prints: click, rich, the log, a traceback, and Python's own
flush at its end, which would turn the exit code into 120 (law 19). The console asks afterwards whether there was trouble.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TextIO, cast

PATIENCE = 5.0
"""Seconds that a reader who takes nothing may hold up a run; without one it is waited for as long as it likes."""

BRIEFLY = 0.25
"""Seconds that a reader who takes nothing may hold up what is drawn anew in a moment."""

_AT_ONCE = 512
"""Bytes that a pipe takes without blocking where it has room at all, on any system."""


class Outlet(io.RawIOBase):
    """A descriptor that takes every write; what the system refuses is dropped, and so is all that comes after it.

    A reader who takes nothing for too long misses what came meanwhile, and gets the rest once there is room again. The
    descriptor is never closed here. `trouble` is the errno of what is known to be wrong with it; 0 for nothing.
    """

    def __init__(self, descriptor: int, *, trouble: int = 0) -> None:
        super().__init__()
        self._descriptor = descriptor
        own = _opened_anew(descriptor)
        self._written = descriptor if own is None else own
        self.never_blocks = own is not None
        """Whether writing to it takes no longer than `patience`, however little room there is: a terminal has room for
        a byte, and then holds up whoever writes more."""
        self.trouble = trouble
        """The errno of the write that failed; 0 while none did."""
        self.patience: float | None = None
        """Seconds until what has no room is dropped; None waits for ever, as for a pager that is being read."""

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor below."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether a person sits at the other end."""
        try:
            return os.isatty(self._descriptor)
        except OSError:
            return False

    def write(self, data: Any, /) -> int:
        """Write all of it, or drop it; always as many bytes as it was given."""
        view = memoryview(data).cast("B")
        sent = 0
        if self.trouble == errno.EAGAIN and self.has_room(0.0):  # the reader goes on, after Ctrl-Q for one
            self.trouble = 0
        while sent < len(view) and not self.trouble:
            if self.patience is not None and not self.has_room(self.patience):
                self.trouble = errno.EAGAIN
                break
            part = view[sent:] if self.patience is None else view[sent : sent + _AT_ONCE]
            try:
                sent += os.write(self._written, part)
            except BlockingIOError:  # whoever shares the stream has made it so
                self.has_room(self.patience)
            except OSError as error:
                self.trouble = error.errno or errno.EIO
        return len(view)

    @contextmanager
    def briefly(self) -> Iterator[None]:
        """Wait for room no longer than BRIEFLY until the block ends."""
        before, self.patience = self.patience, BRIEFLY
        try:
            yield
        finally:
            self.patience = before

    def has_room(self, within: float | None) -> bool:
        """Wait until there is room for a few bytes, or writing would fail at once; False where there was none in time."""
        room = select.poll()
        room.register(self._written, select.POLLOUT)
        return bool(room.poll(None if within is None else within * 1000))


def _opened_anew(descriptor: int) -> int | None:
    """The terminal behind a descriptor, opened once more and not blocking; the shell's own descriptor is left as it is.

    None for what is no terminal, or cannot be opened by its name.
    """
    try:
        return os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return None


class Output(io.TextIOWrapper):
    """A text stream on an Outlet, written out at every line: a log that is followed shows what has happened."""

    def __init__(self, outlet: Outlet) -> None:
        # What a terminal cannot show becomes \\u2192, not a crash.
        super().__init__(
            cast("IO[bytes]", io.BufferedWriter(outlet)),
            encoding=_encoding(outlet),
            errors="backslashreplace",
            line_buffering=True,
        )
        self.outlet = outlet
        self.before_writing: Callable[[], None] = lambda: None
        """Is called before anything is written: it clears what another stream has drawn on the same terminal."""

    def write(self, text: str, /) -> int:
        """Write it, at a place of its own."""
        self.before_writing()
        return super().write(text)


def _encoding(outlet: Outlet) -> str:
    """The encoding that Python chose for the stream itself, PYTHONIOENCODING included."""
    present = sys.stderr if outlet.fileno() == 2 else sys.stdout  # noqa: PLR2004 - stderr's number
    return getattr(present, "encoding", None) or "utf-8"


def hold_standard_streams() -> None:
    """Make stdin, stdout and stderr be there, and let no trouble of theirs come up. Called before anything is opened.

    A descriptor below 3 that was closed (`>&-`) would be given to the next file that is opened, the journal for one,
    and whatever prints would then print into it: each is opened on /dev/null. What cannot even be opened there, on a
    machine without a /dev/null, is left closed.
    """
    missing = [number for number in range(3) if not _is_open(number)]
    for number in missing:
        _open_nowhere(number)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - for the life of the process
    sys.stdout = _held(sys.stdout, 1, closed=1 in missing)
    sys.stderr = _held(sys.stderr, 2, closed=2 in missing)  # noqa: PLR2004 - stderr's number


def _held(present: TextIO | None, number: int, *, closed: bool) -> TextIO:
    """The stream as an Output; left as it is where somebody put another one in its place, as tests do."""
    if present is not None:
        try:
            if present.fileno() != number:
                return present
            present.flush()
        except (OSError, ValueError):
            return present
    return Output(Outlet(number, trouble=errno.EBADF if closed or present is None else 0))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _open_nowhere(number: int) -> None:
    """Put /dev/null at a descriptor that is free; hooks inherit it, as they would the stream."""
    try:
        opened = os.open(os.devnull, os.O_RDWR)
    except OSError:
        return
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    else:
        os.set_inheritable(number, True)
