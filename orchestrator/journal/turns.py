"""Turns of the stores that this process has open on one file.

Between processes SQLite waits by looking again and again, which leaves one of many behind. Here each is woken.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from .failures import UNSENT, unavailable
from .opening import BUSY_SECONDS


class Turns:
    """Of one file."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    @contextmanager
    def one(self, place: Path, seconds: float = BUSY_SECONDS, *, sent: str = UNSENT) -> Iterator[None]:
        """Have the file alone, as far as this process goes.

        Args:
            place: the file, for messages.
            seconds: how long to wait.
            sent: what was not sent, as a sentence.

        Raises:
            JournalUnavailable: it was not our turn in time.
        """
        if not self._lock.acquire(timeout=seconds):
            raise unavailable(
                place,
                "is busy: another run of this process has been writing to it for several seconds",
                sent=sent,
            )
        try:
            yield
        finally:
            self._lock.release()


_of_files: WeakValueDictionary[str, Turns] = WeakValueDictionary()
_mutex = threading.Lock()


def turns_at(place: Path) -> Turns:
    """The turns of a file, by whatever name; the same as long as anybody uses it."""
    name = os.path.realpath(place)
    with _mutex:
        turns = _of_files.get(name)
        if turns is None:
            turns = _of_files[name] = Turns()
        return turns
