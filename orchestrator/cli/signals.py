"""Ctrl-C, SIGTERM and a closed terminal, while something is under way."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from orchestrator.errors import ExitCode, Interrupted

from .console import Console

if TYPE_CHECKING:  # a verb that only looks does not load what a run needs
    from orchestrator.operations.active_run import RunControl

T = TypeVar("T")

SIGNALS: dict[signal.Signals, ExitCode] = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.CLOSED_TERMINAL,
}

FIRST = (
    "Stopping before the next write; a write that was sent is still waited for, and the run can be resumed. "
    "Again, to give up waiting: what is in flight then counts as unknown."
)
SECOND = "Giving up waiting. What is in flight is journalled as unknown."


def supervised(work: Coroutine[Any, Any, T], console: Console, controls: RunControl | None = None) -> T:
    """Run something to its end; a signal stops it in the way that is safe for it.

    Args:
        work: what to do.
        console: where a person is told what the signal does.
        controls: of a run, which ends by itself when it is asked to; None for what can be dropped at any point.

    Raises:
        Interrupted: a signal came while nothing could have been sent.
    """
    if controls is not None:
        console.follow(lambda: controls.run)
    return asyncio.run(_Supervision(console, controls).over(work))


class _Supervision(Struct):
    console: Console
    controls: RunControl | None
    stopped_by: ExitCode | None = None
    task: asyncio.Task[Any] | None = None

    async def over(self, work: Coroutine[Any, Any, T]) -> T:
        self.task = asyncio.current_task()
        with listening(self.stop):
            try:
                return await work
            except asyncio.CancelledError:
                if self.stopped_by is None:
                    raise
                raise Interrupted("Interrupted.", code=self.stopped_by, sent="Nothing was sent.") from None

    def stop(self, code: ExitCode) -> None:
        controls = self.controls
        if controls is None or controls.engine is None:
            # Before a run has its lock, and in a verb that only looks, there is nothing to bring to an end.
            self.stopped_by = code
            if self.task is not None:
                self.task.cancel()
            return
        controls.interrupt(code)
        words = FIRST if controls.asked == 1 else SECOND
        if controls.asked <= 2:  # noqa: PLR2004 - the third time changes nothing more
            self.console.aside.end()
            self.console.note(words, "warn")


@contextmanager
def listening(heard: Callable[[ExitCode], None]) -> Iterator[None]:
    """Call `heard` with the signal's exit code, in the running loop, in the place of the signal's usual effect.

    Elsewhere than in the main thread Python has no signals: then nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, code in SIGNALS.items():
        if before[number] is not signal.SIG_IGN or number is signal.SIGINT:  # nohup ignores SIGHUP: so do we
            loop.add_signal_handler(number, heard, code)
    try:
        yield
    finally:
        for number in SIGNALS:
            if loop.remove_signal_handler(number):
                signal.signal(number, before[number])
