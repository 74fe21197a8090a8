"""The runs that are under way in this process: their turn, asking them to stop, and what comes of how they ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from weakref import WeakKeyDictionary

from orchestrator.errors import (
    ExitCode,
    HamrError,
    Incomplete,
    Interrupted,
    JournalDamaged,
    Locked,
    Moved,
    OutcomeUnknown,
    PreparationError,
    Refused,
)
from orchestrator.model.org import Pair
from orchestrator.model.result import RunResult
from orchestrator.operations.holding import RunControl

MOST_AT_ONCE = 32
"""Planned runs of an event loop: each keeps a journal open, and connections to two orgs. An emergency waits for nobody."""


def turn() -> asyncio.Semaphore:
    """A place among the planned runs of this event loop; the others get theirs in the order in which they came."""
    return _PLACES.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MOST_AT_ONCE))


_PLACES: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


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
        for kind in (PreparationError, Refused, Moved, Locked, Incomplete, OutcomeUnknown, JournalDamaged)
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
