"""Something that is under way at this terminal: what is drawn meanwhile; Ctrl-C, SIGTERM, and a terminal that is closed."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from orchestrator.errors import ExitCode, Interrupted

if TYPE_CHECKING:
    from orchestrator.operations.session import Session

    from .console import Console

T = TypeVar("T")

SIGNALS: dict[signal.Signals, ExitCode] = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.CLOSED_TERMINAL,
}


def code_of(error: KeyboardInterrupt) -> ExitCode:
    """The exit code of a signal that came while nothing listened to it."""
    return ExitCode(error.args[0]) if error.args else ExitCode.INTERRUPTED


TICK = 0.25
"""Seconds between two times at which what is drawn in place is drawn anew."""


class Drawn(Protocol):
    """Something that is drawn in place on a terminal; it never waits for one."""

    def redraw(self) -> None:
        """Draw it as it is now."""


def supervised(
    work: Coroutine[Any, Any, T],
    interrupt: Callable[[ExitCode], bool] | None = None,
    drawn: Sequence[Drawn] = (),
) -> T:
    """Run something to its end; a signal stops it in the way that is safe for it.

    `interrupt` is told of a signal, and says whether the work now comes to an end by itself; where it does not, and
    where there is none, the work is dropped: Interrupted. What is `drawn` while it goes changes nothing of the work:
    trouble with that is logged (law 19).
    """

    async def watched() -> T:
        task = asyncio.current_task()
        stopped_by: list[ExitCode] = []

        def stop(code: ExitCode) -> None:
            ends_by_itself = interrupt is not None and interrupt(code)
            if task is not None and not ends_by_itself:
                stopped_by.append(code)
                task.cancel()

        drawing = asyncio.create_task(_draw(drawn)) if drawn else None
        with listening(stop):
            try:
                return await work
            except asyncio.CancelledError:
                if not stopped_by:
                    raise
                raise Interrupted("Interrupted.", code=stopped_by[-1], sent="Nothing was sent.") from None
            finally:
                if drawing is not None:
                    drawing.cancel()

    return asyncio.run(watched())


async def _draw(drawn: Sequence[Drawn]) -> None:
    try:
        while True:
            await asyncio.sleep(TICK)
            for each in drawn:
                each.redraw()
    except Exception:  # noqa: BLE001 - whoever only watches never stops a run
        from orchestrator.system.log import logger

        logger().exception("what is shown could not be drawn; the work goes on")


def showing_silence(console: Console, session: Session, work: Coroutine[Any, Any, T]) -> T:
    """Do what only looks at a pair, and show on a terminal who is silent meanwhile."""
    stream = console.aside
    if not stream.redraws:
        return supervised(work)
    from .frames import Silence

    session.watcher = silence = Silence(stream, session.pair)
    try:
        return supervised(work, drawn=(silence,))
    finally:
        session.watcher = None
        stream.end()


@contextmanager
def going_on(again: Callable[[], None]) -> Iterator[None]:
    """Call `again` whenever this process goes on after it was stopped, as by Ctrl-Z: in its running loop, where it has one."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        before = signal.signal(signal.SIGCONT, lambda *_: again())
        try:
            yield
        finally:
            signal.signal(signal.SIGCONT, before)
        return
    loop.add_signal_handler(signal.SIGCONT, again)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGCONT)


@contextmanager
def listening(heard: Callable[[ExitCode], None]) -> Iterator[None]:
    """Call `heard` with the signal's exit code, in the running loop, in the place of the signal's usual effect.

    A terminal is closed once, however often that is told: the system says so, and the shell that ran there as well.
    Elsewhere than in the main thread Python has no signals: then nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def hear(number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            loop.add_signal_handler(number, int)
        heard(SIGNALS[number])

    for number in SIGNALS:
        if before[number] is not signal.SIG_IGN or number is signal.SIGINT:  # nohup ignores SIGHUP: so do we
            loop.add_signal_handler(number, hear, number)
    try:
        yield
    finally:
        for number in SIGNALS:
            if loop.remove_signal_handler(number):
                signal.signal(number, before[number])
