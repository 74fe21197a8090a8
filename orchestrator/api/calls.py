"""A call from Python: its arguments as people write them, its turn among the runs of this process, being stopped, and what comes of its end."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from types import MappingProxyType

from msgspec import Struct

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
    UsageError,
)
from orchestrator.model.events import Event
from orchestrator.model.org import Pair
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import RunResult
from orchestrator.model.status import Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.preflight import status_named

# -- arguments -----------------------------------------------------------------------------------------------

Listener = Callable[[Event], None]
"""Is told each event of a run as it happens, and an intent once it is durable. What it raises is logged, and the run goes on."""


class _Told(Struct, frozen=True):
    listener: Listener

    def tell(self, event: Event) -> None:
        self.listener(event)


def watchers(listener: Listener | None) -> Sequence[Watcher]:
    """Those who are told what a run does; a UsageError where nobody can be."""
    if listener is not None and not callable(listener):
        raise UsageError(f"listener={listener!r} can't be called: a function of one event is wanted")
    return () if listener is None else (_Told(listener),)


def as_text(path: str | os.PathLike[str] | None) -> str | None:
    """A path as the text that an option would have; a UsageError where it is none."""
    if path is not None and not isinstance(path, str | os.PathLike):
        raise UsageError(f"{path!r} is no path, and no name of a file: a text or a Path is wanted")
    return None if path is None else os.fspath(path)


def as_status(goal: Status | str) -> Status:
    """A status, or the one of that name; a UsageError where there is none."""
    if isinstance(goal, Status):
        return goal
    require_texts(goal=goal)
    return status_named(goal)


def require_texts(**named: object) -> None:
    """A UsageError for the argument that is no text: a ticket number from a YAML or JSON file may well be an integer."""
    for name, value in named.items():
        if not isinstance(value, str):
            raise UsageError(
                f"{name}={value!r} is no text, and the journal keeps it as one: put it in quotes"
            )


def require_flags(**named: object) -> None:
    """A UsageError for the argument that is neither true nor false: the text "false" of a configuration would count as true."""
    for name, value in named.items():
        if not isinstance(value, bool):
            raise UsageError(f"{name}={value!r} is neither true nor false: write it without quotes")


def require_moments(**named: object) -> None:
    """A UsageError for the argument that is neither a moment with a time zone nor None."""
    for name, value in named.items():
        if value is not None and not isinstance(value, datetime):
            raise UsageError(f"{name}={value!r} is no datetime: datetime.now(UTC) is one")
        if value is not None and value.tzinfo is None:
            raise UsageError(f"{name}={value!r} has no time zone: datetime.now(UTC) has one")


def require_reasons(overrides: object) -> None:
    """A UsageError where overrides are neither None nor guards' names, each with a reason."""
    if overrides is None:
        return
    if not isinstance(overrides, Mapping):
        raise UsageError(
            f"overrides={overrides!r}: a guard and a reason are wanted for each, as in {{'alone': 'why'}}"
        )
    require_texts(**{f"overrides[{guard!r}]": reason for guard, reason in overrides.items()})


# -- the runs that are under way -------------------------------------------------------------------------------

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
