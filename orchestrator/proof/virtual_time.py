"""Virtual time: an event loop that never waits, and processes on it that can be killed or frozen at any step."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from msgspec import Struct, field

T = TypeVar("T")

EPOCH = datetime(2026, 11, 22, 3, 15, 2, tzinfo=UTC)
"""The wall clock when an incident begins."""

BEGINNING = 1000.0
"""The monotonic clock when an incident begins, in seconds."""

MOST_STEPS = 300_000
"""An incident that takes more steps of its loop than this goes round in circles."""


MOST_TASKS = 64
"""Of a process, until those that are done are dropped."""


class Deadlock(Exception):
    """Nothing is ready, nothing is due: somebody waits for what can never happen."""


class Endless(Exception):
    """The incident does not come to an end."""


class ProcessDied(BaseException):
    """Raised in what is left of a killed process by everything outside it, so that no code of it has an effect."""


PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)
"""Which process the running code belongs to; None: the world's own."""


class Process(Struct, eq=False):
    """One life of the program: its tasks, and how it may end."""

    name: str
    loop: VirtualLoop
    crash_at_step: int = 0
    """Dies before that step of its own (an await, a callback); 0: never."""
    freeze_at_step: int = 0
    freeze_for: float = 0.0
    steps: int = 0
    dead: bool = False
    finished: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: dict[asyncio.Task[Any], None] = field(default_factory=dict)
    held: list[asyncio.Handle] = field(default_factory=list)
    frozen: bool = False
    lost: float = 0.0
    """Seconds that it was frozen: its monotonic clock stood still."""
    why: str = ""
    on_freeze: Callable[[], None] = lambda: None

    def alive(self) -> None:
        """Let go on.

        Raises:
            ProcessDied: it was killed.
        """
        if self.dead:
            raise ProcessDied

    def kill(self, why: str) -> None:
        """Throw it away: from now on nothing that it does has an effect."""
        if self.dead or self.finished:
            return
        self.dead, self.why = True, why
        for task in self.tasks:
            task.cancel()
        self.thaw()
        self.ended.set()

    def freeze(self, seconds: float) -> None:
        """Suspend the machine that it runs on: time goes on, and it does not."""
        self.on_freeze()
        self.frozen, self.lost = True, self.lost + seconds
        self.loop.call_later(seconds, self.thaw, context=Context())

    def thaw(self) -> None:
        """Let it go on."""
        self.frozen = False
        held, self.held = self.held, []
        for handle in held:
            self.loop.put_back(handle)

    def admit(self, handle: asyncio.Handle) -> bool:
        """Count one step; False where it is held back."""
        if self.dead or self.finished:
            return True
        if self.frozen:
            self.held.append(handle)
            return False
        self.steps += 1
        if self.steps == self.crash_at_step:
            self.kill(f"at its step {self.steps}")
        elif self.steps == self.freeze_at_step:
            self.freeze(self.freeze_for)
            self.held.append(handle)
            return False
        return True


class VirtualLoop(asyncio.BaseEventLoop):
    """Deterministic: runs what is ready in order, and jumps to the next timer when nothing is."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, *, processes: bool = True) -> None:
        """`processes`: whether what runs on it belongs to processes that can be killed; else it is one that can not."""
        super().__init__()
        self.virtual = BEGINNING
        self.processes = processes
        self.steps = 0
        self.complaints: list[str] = []
        if processes:
            self.set_task_factory(_enlist)
        self.set_exception_handler(self._complain)

    def time(self) -> float:
        """Virtual seconds."""
        return self.virtual

    def skip(self, seconds: float) -> bool:
        """Let time pass at once, where nothing else would happen meanwhile: whoever sleeps would go on next anyway.

        Raises:
            Endless: it goes round in circles.
        """
        if self._ready or self.processes:
            return False
        scheduled, until = self._scheduled, self.virtual + seconds
        while scheduled and scheduled[0].cancelled():
            heapq.heappop(scheduled)
        if scheduled and scheduled[0].when() <= until:
            return False
        self._count()
        self.virtual = max(self.virtual, until)
        return True

    def put_back(self, handle: asyncio.Handle) -> None:
        """Run a handle that was held back."""
        self._ready.append(handle)

    def _write_to_self(self) -> None:
        """Nothing sleeps, so nothing has to be woken."""

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no sockets."""

    def _complain(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, ProcessDied):
            self.complaints.append(f"{context.get('message')}: {error!r}")

    def _run_once(self) -> None:
        scheduled, ready = self._scheduled, self._ready
        while scheduled and scheduled[0].cancelled():
            heapq.heappop(scheduled)
        if not ready:
            if not scheduled:
                raise Deadlock(f"at {self.virtual - BEGINNING:.3f} s")
            self.virtual = max(self.virtual, scheduled[0].when())
        while scheduled and scheduled[0].when() <= self.virtual:
            ready.append(heapq.heappop(scheduled))
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle.cancelled():
                continue
            process = _owner(handle) if self.processes else None
            if process is not None and not process.admit(handle):
                continue
            handle._run()  # noqa: SLF001 - as asyncio's own loop does
        self._count()

    def _count(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Endless(f"after {self.virtual - BEGINNING:.0f} virtual seconds")


def _owner(handle: asyncio.Handle) -> Process | None:
    context: Context = handle._context  # type: ignore[attr-defined] # noqa: SLF001 - nothing else has it
    return context.get(PROCESS)


def _enlist(
    loop: asyncio.AbstractEventLoop, coroutine: Any, *, context: Context | None = None
) -> asyncio.Task[Any]:
    process = PROCESS.get() if context is None else context.get(PROCESS)
    if process is not None and process.dead:
        coroutine.close()
        raise ProcessDied
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, context=context)
    if process is not None:
        if len(process.tasks) > MOST_TASKS:
            process.tasks = {old: None for old in process.tasks if not old.done()}
        process.tasks[task] = None
    return task


def own_context(process: Process) -> Context:
    """The context in which a process runs."""
    context = copy_context()
    context.run(PROCESS.set, process)
    return context


def world_context() -> Context:
    """The context of what belongs to no process."""
    return Context()


class VirtualClock:
    """Time as one process sees it; the world's own where there is none."""

    def __init__(self, loop: VirtualLoop, process: Process | None = None) -> None:
        self._loop = loop
        self._process = process
        self.wall_offset = 0.0
        """Seconds by which the wall clock was set, forward or back."""
        self.on_wake: Callable[[float], None] = lambda _: None

    def now(self) -> datetime:
        """The wall clock, UTC: it goes on while the machine is suspended."""
        return EPOCH + timedelta(seconds=self._loop.time() - BEGINNING + self.wall_offset)

    def monotonic(self) -> float:
        """Seconds; stands still while the machine is suspended."""
        return self._loop.time() - (self._process.lost if self._process is not None else 0.0)

    async def sleep(self, seconds: float) -> None:
        """Wait, in virtual time."""
        if not self._loop.skip(seconds):
            await asyncio.sleep(seconds)
        self.on_wake(seconds)


def run_to_the_end(loop: VirtualLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run one coroutine on the loop, and close it.

    Raises:
        Deadlock: it waits for what can never happen.
        Endless: it does not end.
    """
    asyncio.set_event_loop(None)
    try:
        return loop.run_until_complete(coroutine)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.sleep(0))
            loop.run_until_complete(asyncio.sleep(0))
        loop.close()
