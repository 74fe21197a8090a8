"""Processes on a virtual loop, each of which can be killed or frozen at any step, and time as one of them sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, field

from orchestrator.proof.virtual_time import ProcessDied, Turn, VirtualClock, VirtualLoop

MOST_TASKS = 64
"""Of a process, until those that are done are dropped."""

PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)
"""Which process the running code belongs to; None: the world's own."""


class Process(Struct, eq=False):
    """One life of the program: its tasks, and how it may end."""

    name: str
    loop: ProcessLoop
    crash_at_step: int = 0
    """Dies before that step of its own (an await, a callback); 0: never."""
    freeze_at_step: int = 0
    freeze_for: float = 0.0
    freezes_alone: bool = False
    """It is stopped, and its machine goes on: so does its monotonic clock."""
    steps: int = 0
    dead: bool = False
    finished: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: dict[asyncio.Task[Any], None] = field(default_factory=dict)
    held: list[Turn] = field(default_factory=list)
    frozen: bool = False
    away: float = 0.0
    """Seconds that it was frozen."""
    lost: float = 0.0
    """Seconds of them for which its monotonic clock stood still."""
    why: str = ""
    on_freeze: Callable[[], None] = lambda: None

    def alive(self) -> None:
        """Let go on; ProcessDied where it was killed."""
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
        """Suspend the machine that it runs on, or stop it alone: time goes on, and it does not."""
        self.on_freeze()
        self.frozen, self.away = True, self.away + seconds
        self.lost += 0.0 if self.freezes_alone else seconds
        self.loop.call_later(seconds, self.thaw, context=Context())

    def thaw(self) -> None:
        """Let it go on."""
        self.frozen = False
        held, self.held = self.held, []
        for turn in held:
            self.loop.put_back(turn)

    def admit(self, turn: Turn) -> bool:
        """Count one step; False where it is held back."""
        if self.dead or self.finished:
            return True
        if self.frozen:
            self.held.append(turn)
            return False
        self.steps += 1
        if self.steps == self.crash_at_step:
            self.kill(f"at its step {self.steps}")
        elif self.steps == self.freeze_at_step:
            self.freeze(self.freeze_for)
            self.held.append(turn)
            return False
        return True


class ProcessLoop(VirtualLoop):
    """A virtual loop on which what runs belongs to a process, or to the world."""

    def __init__(self) -> None:
        super().__init__(_admits)

    def create_task(  # type: ignore[override] # of any coroutine
        self, coroutine: Any, *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """Begin a task, of the process that begins it; ProcessDied where that was killed."""
        process = PROCESS.get() if context is None else context.get(PROCESS)
        if process is not None and process.dead:
            coroutine.close()
            raise ProcessDied
        task = super().create_task(coroutine, name=name, context=context)
        if process is not None:
            if len(process.tasks) > MOST_TASKS:
                process.tasks = {old: None for old in process.tasks if not old.done()}
            process.tasks[task] = None
        return task

    def put_back(self, turn: Turn) -> None:
        """Take a turn that was held back."""
        self.due.append(turn)


def _admits(turn: Turn) -> bool:
    process = turn.context.get(PROCESS)
    return process is None or process.admit(turn)


def own_context(process: Process) -> Context:
    """The context in which a process runs."""
    context = copy_context()
    context.run(PROCESS.set, process)
    return context


def world_context() -> Context:
    """The context of what belongs to no process."""
    return Context()


class ProcessClock(VirtualClock):
    """Time as one process sees it."""

    def __init__(self, loop: ProcessLoop, process: Process) -> None:
        super().__init__(loop)
        self._process = process
        self.wall_offset = 0.0
        """Seconds by which the wall clock was set, forward or back."""
        self.on_wake: Callable[[float], None] = lambda _: None

    def now(self) -> datetime:
        """The wall clock, UTC: it goes on while the machine is suspended."""
        return super().now() + timedelta(seconds=self.wall_offset)

    def monotonic(self) -> float:
        """Seconds; stands still while the machine is suspended."""
        return super().monotonic() - self._process.lost

    async def sleep(self, seconds: float) -> None:
        """Wait, in virtual time."""
        await super().sleep(seconds)
        self.on_wake(seconds)
