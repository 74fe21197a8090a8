"""Virtual time: an event loop that never waits, and a clock that goes by it."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from msgspec import Struct

T = TypeVar("T")

EPOCH = datetime(2026, 11, 22, 3, 15, 2, tzinfo=UTC)
"""The wall clock when an incident begins."""

BEGINNING = 1000.0
"""The monotonic clock when an incident begins, in seconds."""

MOST_STEPS = 300_000
"""An incident that takes more steps of its loop than this goes round in circles."""


class Deadlock(Exception):
    """Nothing is ready, nothing is due: somebody waits for what can never happen."""


class Endless(Exception):
    """The incident does not come to an end."""


class ProcessDied(BaseException):
    """Raised in what is left of a killed process by everything outside it, so that no code of it has an effect."""


class Turn(Struct, eq=False):
    """What is due: a step of a task, or a callback. An `asyncio.TimerHandle` in all that anybody asks of one."""

    callback: Callable[..., object]
    args: tuple[Any, ...]
    context: Context
    at: float = 0.0
    off: bool = False

    def cancel(self) -> None:
        """It is not done any more."""
        self.off, self.args = True, ()

    def cancelled(self) -> bool:
        """Whether it is not done any more."""
        return self.off

    def when(self) -> float:
        """Virtual seconds."""
        return self.at


class VirtualLoop(asyncio.BaseEventLoop):
    """Deterministic: runs what is ready in order, and jumps to the next timer when nothing is.

    A proof lives hundreds of thousands of lives on one of these each, so it does no more than what these ask of a loop.
    """

    def __init__(self, admits: Callable[[Turn], bool] | None = None) -> None:
        """`admits` is asked before each turn whether it may be done now, and else keeps it; None where all may."""
        super().__init__()
        self.virtual = BEGINNING
        self.admits = admits
        self.steps = 0
        self.complaints: list[str] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.due: deque[Turn] = deque()
        self._timers: list[tuple[float, int, Turn]] = []
        """With their numbers: of two that are due at one moment, the older one goes first."""
        self._timed = 0
        self.set_exception_handler(self._complain)

    def time(self) -> float:
        """Virtual seconds."""
        return self.virtual

    get_debug = bool  # for every task and future it is asked for: no, without a call of Python's

    def skip(self, seconds: float) -> bool:
        """Let time pass at once, where nothing else would happen meanwhile: whoever sleeps would go on next anyway.

        Raises:
            Endless: it goes round in circles.
        """
        if self.due or self.admits is not None:
            return False
        timers, until = self._timers, self.virtual + seconds
        while timers and timers[0][2].off:
            heapq.heappop(timers)
        if timers and timers[0][0] <= until:
            return False
        self._count()
        self.virtual = max(self.virtual, until)
        return True

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Turn:  # type: ignore[override] # a Turn is all that a Handle is
        """Do it in the next round."""
        turn = Turn(callback, args, copy_context() if context is None else context)
        self.due.append(turn)
        return turn

    call_soon_threadsafe = call_soon  # type: ignore[assignment] # there are no threads

    def call_at(  # type: ignore[override] # as above
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Turn:
        """Do it at that virtual second."""
        turn = Turn(callback, args, copy_context() if context is None else context, when)
        self._timed += 1
        heapq.heappush(self._timers, (when, self._timed, turn))
        return turn

    def call_later(  # type: ignore[override] # as above
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Turn:
        """Do it in so many virtual seconds."""
        return self.call_at(self.virtual + delay, callback, *args, context=context)

    def create_task(  # type: ignore[override] # of any coroutine
        self, coroutine: Any, *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """Begin a task."""
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no sockets."""

    def _complain(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, ProcessDied):
            self.complaints.append(f"{context.get('message')}: {error!r}")

    def _run_once(self) -> None:
        """All rounds, until somebody stops it."""
        timers, due, admits = self._timers, self.due, self.admits
        while not self._stopping:  # type: ignore[attr-defined] # of BaseEventLoop
            while timers and timers[0][2].off:
                heapq.heappop(timers)
            if not due:
                if not timers:
                    raise Deadlock(f"at {self.virtual - BEGINNING:.3f} s")
                self.virtual = max(self.virtual, timers[0][0])
            while timers and timers[0][0] <= self.virtual:
                due.append(heapq.heappop(timers)[2])
            for _ in range(len(due)):
                turn = due.popleft()
                if not turn.off and (admits is None or admits(turn)):
                    try:
                        turn.context.run(turn.callback, *turn.args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:  # noqa: BLE001 - as asyncio's own loop does
                        self.call_exception_handler({"message": f"in {turn.callback!r}", "exception": error})
            self._count()

    def _count(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Endless(f"after {self.virtual - BEGINNING:.0f} virtual seconds")


class VirtualClock:
    """Time as it goes on a loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._shown: tuple[float, datetime] = (BEGINNING, EPOCH)
        """What it showed last, after so many seconds: it is asked many times at one moment."""

    def now(self) -> datetime:
        """The wall clock, UTC."""
        at = self._loop.virtual
        if at != self._shown[0]:
            self._shown = (at, EPOCH + timedelta(seconds=at - BEGINNING))
        return self._shown[1]

    def monotonic(self) -> float:
        """Seconds."""
        return self._loop.virtual

    async def sleep(self, seconds: float) -> None:
        """Wait, in virtual time."""
        if not self._loop.skip(seconds):
            await asyncio.sleep(seconds)


def run_to_the_end(loop: VirtualLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine on the loop, and close it; a Deadlock where it waits for what can never happen, an Endless where it does not end."""
    asyncio.set_event_loop(None)
    try:
        return loop.run_until_complete(coroutine)
    finally:
        left = [task for task in loop.tasks if not task.done()]
        loop.tasks.clear()
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.sleep(0))
            loop.run_until_complete(asyncio.sleep(0))
        loop.close()
