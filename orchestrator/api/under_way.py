"""The runs that are under way in this process: their turn, asking them to stop, and what comes of how they ended."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from types import MappingProxyType

from orchestrator.errors import (
    Conflict,
    ExitCode,
    HamrError,
    Incomplete,
    Interrupted,
    JournalDamaged,
    Locked,
    OutcomeUnknown,
    PreparationError,
    Refused,
)
from orchestrator.model.org import Pair
from orchestrator.model.result import RunResult
from orchestrator.operations.holding import RunControl

MOST_AT_ONCE = 32
"""Planned runs: each keeps a journal open, and connections to two orgs. An emergency waits for nobody."""


class Slots:
    """So many at a time, and the others in the order in which they came."""

    def __init__(self, free: int = MOST_AT_ONCE) -> None:
        self._free = free
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._mutex = threading.Lock()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a slot, and keep it until the block ends."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._mutex:
            if self._free:
                self._free -= 1
                turn.set_result(None)
            else:
                self._waiting.append(turn)
        try:
            await turn
        except BaseException:  # cancelled, or given up without that
            self._leave(turn)
            raise
        try:
            yield
        finally:
            self._pass_on()

    def _leave(self, turn: asyncio.Future[None]) -> None:
        with self._mutex:
            queued = turn in self._waiting
            if queued:
                self._waiting.remove(turn)
        if not queued:  # it was its turn already
            self._pass_on()

    def _pass_on(self) -> None:
        with self._mutex:
            while self._waiting:
                turn = self._waiting.popleft()
                if not turn.get_loop().is_running():
                    continue
                with suppress(RuntimeError):  # its loop has closed, and nobody waits any more
                    turn.get_loop().call_soon_threadsafe(_give, turn)
                    return
            self._free += 1


def _give(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


PLANNED = Slots()
"""Of this process."""


class UnderWay:
    """The runs of one opened pair that have not ended yet: one at most, while the pair's lock is held."""

    def __init__(self) -> None:
        self._runs: list[tuple[asyncio.AbstractEventLoop, RunControl]] = []

    @contextmanager
    def controls(self) -> Iterator[RunControl]:
        """The controls of a run, for as long as it lasts."""
        run = (asyncio.get_running_loop(), RunControl())
        self._runs.append(run)
        try:
            yield run[1]
        finally:
            self._runs.remove(run)

    def stop(self) -> bool:
        """Ask each to stop before its next write, and the second time to give up waiting; whether there was one."""
        asked = False
        for loop, controls in tuple(self._runs):
            if loop is loop_of_this_thread():
                controls.interrupt(ExitCode.INTERRUPTED)
                asked = True
                continue
            with suppress(RuntimeError):  # its loop has closed: it is under way no longer
                loop.call_soon_threadsafe(controls.interrupt, ExitCode.INTERRUPTED)
                asked = True
        return asked


def loop_of_this_thread() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, if any."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


ERRORS: Mapping[ExitCode, type[HamrError]] = MappingProxyType(
    {
        kind.exit_code: kind
        for kind in (PreparationError, Refused, Conflict, Locked, Incomplete, OutcomeUnknown, JournalDamaged)
    }
)
"""The error that each exit code stands for."""

REACHED: frozenset[ExitCode] = frozenset({ExitCode.DONE, ExitCode.OWING})
"""The pair stands where it was to go; after an emergency the other org may still be owed its status."""


def reached(result: RunResult, pair: Pair) -> RunResult:
    """The result of a run that came to its goal; else a HamrError with the run's own exit code and words, whose `result` is the run's."""
    if result.exit_code in REACHED:
        return result
    error = _error(result, None if result.ending.org is None else str(pair[result.ending.org]))
    error.result = result
    raise error


def _error(result: RunResult, org: str | None) -> HamrError:
    ending = result.ending
    message = f"Run {result.run} of pair {result.pair}: {ending.message}"
    unsaid = [verdict for verdict in result.refused_by if verdict.reason not in ending.message]
    message += "".join(f"\n  {verdict.guard}: {verdict.reason}" for verdict in unsaid)
    kind = ERRORS.get(result.exit_code)
    if kind is None:
        return Interrupted(message, code=result.exit_code, sent=ending.sent, next_steps=ending.next_steps)
    return kind(message, org=org, sent=ending.sent, next_steps=ending.next_steps)
