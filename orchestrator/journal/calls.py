"""How the store is called: from an event loop, which a slow disk never holds up, and by several of one process in turn."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from .failures import UNSENT, unavailable

T = TypeVar("T")

IDLE_SECONDS = 10.0
"""How long the thread waits for another call before it ends."""


class InlineCalls:
    """Makes each call at once, in the loop: for simulations, whose time stands still meanwhile."""

    __slots__ = ()

    async def __call__(self, call: Callable[[], T]) -> T:
        """Make the call."""
        return call()


class ThreadCalls:
    """Makes one call after the other, in the order in which they were asked for, in one thread beside the loop.

    The thread is a daemon: a disk that never answers does not keep the process from ending.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._mutex = threading.Lock()
        self._at_work = False

    async def __call__(self, call: Callable[[], T]) -> T:
        """Make the call in the thread, and wait for its end, also where the caller is cancelled meanwhile: a call that failed says so first."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        # In the caller's context: what is logged meanwhile carries its run and pair.
        self._put(partial(_make, partial(copy_context().run, call), loop, future))
        cancelled: asyncio.CancelledError | None = None
        while not future.done():
            try:
                await asyncio.wait({future})
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None and future.exception() is None:
            raise cancelled
        return future.result()

    def _put(self, job: Callable[[], None]) -> None:
        with self._mutex:
            self._waiting.put(job)
            if not self._at_work:
                self._at_work = True
                threading.Thread(target=self._work, name="hamr-journal", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                job = self._waiting.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                with self._mutex:
                    if self._waiting.empty():
                        self._at_work = False
                        return
                continue
            job()


def _make(call: Callable[[], T], loop: asyncio.AbstractEventLoop, future: asyncio.Future[T]) -> None:
    try:
        settle = partial(future.set_result, call())
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
        settle = partial(future.set_exception, error)
    try:
        loop.call_soon_threadsafe(lambda: None if future.done() else settle())
    except RuntimeError:
        # The loop was closed: nobody waits any more.
        if not loop.is_closed():
            raise


class Turns:
    """Of one file, in the order in which they were asked for: of many runs at once, none is passed over until it gives up."""

    def __init__(self) -> None:
        self._queue: deque[int] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def one(self, place: Path, seconds: float, *, sent: str = UNSENT) -> Iterator[None]:
        """Have the file alone, as far as this process goes, within so many seconds; else a JournalUnavailable that says what was not sent."""
        turn = threading.get_ident()
        with self._changed:
            if turn in self._queue:  # this thread has it already
                self._queue.appendleft(turn)
            else:
                self._queue.append(turn)
        try:
            with self._changed:
                mine = self._changed.wait_for(lambda: self._queue[0] == turn, seconds)
            if not mine:
                raise unavailable(
                    place,
                    "is busy: another run of this process has been writing to it for several seconds",
                    sent=sent,
                )
            yield
        finally:
            with self._changed:
                self._queue.remove(turn)
                self._changed.notify_all()


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
