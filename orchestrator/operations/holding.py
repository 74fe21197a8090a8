"""A pair that is held for a run: its lock, what records the run and tells others of it, and both orgs, asked at once.

The engine is not needed for that: it is loaded beside the orgs' first answers, and `driving` has it.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from orchestrator.errors import ExitCode
from orchestrator.journal.history import GivenUp
from orchestrator.model import next_step
from orchestrator.model.events import RunStarted
from orchestrator.model.floor import Floors
from orchestrator.model.guard import Verdict
from orchestrator.model.next_step import NextStep
from orchestrator.model.playbook import Question, Reply
from orchestrator.model.protocols import Clock, Prober, Watcher, World
from orchestrator.model.reading import Answer, Draft, Identity, Reading, Request
from orchestrator.model.result import RunResult
from orchestrator.model.run import RunOutcome, RunRequest
from orchestrator.model.situation import Premise
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.state import RunState

from .locking import Lock, hold
from .recorder import Recorder
from .session import Session

if TYPE_CHECKING:
    from orchestrator.engine.engine import Engine

Asker = Callable[[Question], Awaitable[Reply | None]]
"""Puts a question to whoever sits at the terminal; None where nobody answers."""


_RESTS = "stopped before its next transition, as asked"


class RunControl(Struct, eq=False):
    """How a person reaches a run, and it reaches them: signals set it, and tests do."""

    engine: Engine | None = None
    task: asyncio.Task[RunOutcome] | None = None
    asked: int = 0
    rests: bool = False
    """Whether it was asked to stop before its next transition."""
    hands_on: bool = False
    """Whether another process goes on with it, where this one leaves it in the middle: then that is no end."""
    code: ExitCode = ExitCode.INTERRUPTED
    asker: Asker | None = None
    """How the run asks a person; None where there is nobody to ask (--yes)."""
    shown: Both[Reading] | None = None
    """The orgs as a person was shown them who then agreed; None where that binds nothing."""
    unattended: Floors | None = None
    """As of a `RunContext`; None where a person has just looked."""
    run: str = ""
    """The id of the run that it reaches, once that holds its lock."""
    watchers: Sequence[Watcher] = ()
    """Who is told what happens, step by step."""
    on_result: Callable[[RunResult], None] | None = None
    """Is told the result as soon as it is known: what is still being posted about the run may take a moment more."""

    def reaches(self, engine: Engine, work: Coroutine[Any, Any, RunOutcome]) -> asyncio.Task[RunOutcome]:
        """Begin the work of a run, so that whoever interrupts stops it."""
        self.engine = engine
        if self.asked:
            engine.ask_to_stop("stopped before the first write, as asked")
        if self.rests:
            engine.ask_to_rest(_RESTS)
        self.task = asyncio.create_task(work)
        return self.task

    def rest(self, code: ExitCode) -> None:
        """Stop before the next transition; the one that it is in is ended first."""
        self.rests, self.code = True, code
        if self.engine is not None:
            self.engine.ask_to_rest(_RESTS)

    def hand_on(self, code: ExitCode) -> None:
        """The same, and another process goes on with it."""
        self.hands_on = True
        self.rest(code)

    def interrupt(self, code: ExitCode) -> None:
        """Once: stop before the next write. Twice: give up waiting; the write in flight is journalled as unknown."""
        self.asked += 1
        self.code = code
        if self.engine is not None:
            self.engine.ask_to_stop("stopped before the next write, as asked")
        if self.asked > 1 and self.task is not None:
            self.task.cancel()


class Begun(enum.Enum):
    """How a run came to be under way here."""

    HERE = "here"
    TAKEN_UP = "taken up"
    """Another process may have sent something under this run's id."""
    ADOPTION = "adoption"
    """`hamr resume` can't take it up again: it is made anew."""


class Purpose(Struct, frozen=True):
    """What a run is for."""

    begun: Begun
    command: NextStep
    """What a person began it with, or took it up with, as they may type it again."""
    request: RunRequest | None = None
    """What was asked for, where it began here."""
    goal: Status | None = None
    started_at: datetime | None = None
    premise: Premise | None = None
    overridden_before: tuple[tuple[Verdict, str], ...] = ()
    """What it went over before its first transition, by name, each with the operator's reason."""


@dataclass(eq=False, repr=False)
class ActiveRun:
    """A run that holds its pair; `hold_pair` makes it, and `supervise.prepare` gives it its engine."""

    session: Session
    run: str
    lock: Lock
    recorder: Recorder
    controls: RunControl
    world: World
    prober: Prober
    began: float
    """On the monotonic clock."""
    purpose: Purpose = field(init=False)
    engine: Engine = field(init=False)
    given_up: tuple[GivenUp, ...] = field(init=False)
    """Attempts of earlier runs that may still come."""
    lock_lost: bool = False
    """Somebody broke the lock under this run."""
    left_to_others: bool = False
    """Somebody took this run up, or took its place: there is nothing of it left to resume here."""

    @property
    def state(self) -> RunState:
        """What the run knows."""
        return self.engine.run.state

    @property
    def again(self) -> NextStep:
        """The command that goes on with it."""
        return self.purpose.command if self.purpose.begun is Begun.ADOPTION else next_step.resume(self.run)

    def lose_lock(self) -> None:
        """Stop before the next write: somebody else broke the lock."""
        self.lock_lost = True
        self.engine.ask_to_stop(
            "the lock was broken by somebody else (hamr unlock); stopped before the next write"
        )

    def leave_to_others(self) -> None:
        """There is nothing of this run left to resume here."""
        self.left_to_others = True


@asynccontextmanager
async def hold_pair(
    session: Session,
    run: str,
    *,
    take_over: bool,
    wants_keys: bool,
    controls: RunControl | None = None,
    started: RunStarted | None = None,
) -> AsyncIterator[ActiveRun]:
    """Both orgs, the probes, whoever is told, and the pair's lock: until the block ends.

    What was read of the journal before may not be true any more: somebody else may have held the lock until now. With
    `take_over` the lock of a provably dead process changes hands; `wants_keys` stops it before the lock where a key
    can't be had, and asks both orgs as soon as the lock is there; `started` is how a run began that is taken up again.

    Raises:
        KeyUnavailable: a key that is wanted can't be had.
        Locked: somebody else holds the pair.
    """
    controls = controls or RunControl()
    over = session.connections()
    async with session.world(over) as world, session.prober(over) as prober:
        if wants_keys:
            await world.require_keys()
        lock = await hold(session, run, take_over=take_over)
        ahead = FirstLook(world, session.clock)
        if wants_keys:
            ahead.begin()
        recorder = Recorder(session, run, lock)
        try:
            controls.run = run
            async with session.notices(run, over, recorder.note, started) as notices:
                recorder.watchers = (*controls.watchers, notices)
                began = session.clock.monotonic()
                try:
                    # Beside the loop, which brings the first questions on their way meanwhile.
                    for part in (".driving", ".supervise"):
                        await session.calls(partial(import_module, part, __package__))
                    yield ActiveRun(session, run, lock, recorder, controls, ahead, prober, began)
                finally:
                    await session.calls(lock.release)
        finally:
            await ahead.close()
            await session.calls(lock.release)
            await recorder.close()


FRESH_SECONDS = 1.0
"""How long before the run wants it the first look may have begun: a look that waited for longer is taken anew."""


class FirstLook(Struct, eq=False):
    """A World whose orgs were asked already, once each, for what a run asks first.

    Whoever asks with a deadline, over a new connection, or late is given a look of their own.
    """

    world: World
    clock: Clock
    begun: dict[tuple[Role, str], asyncio.Task[Any]] = {}
    wall: float = 0.0
    monotonic: float = 0.0
    """When it began, by both clocks, in seconds."""

    def begin(self) -> None:
        """Ask both orgs for their record, and whose keys we hold."""
        self.wall, self.monotonic = self.clock.now().timestamp(), self.clock.monotonic()
        for role in Role:
            self.begun[role, "record"] = asyncio.create_task(self.world.read(role))
        for role in Role:
            self.begun[role, "identity"] = asyncio.create_task(self.world.identify(role))

    async def read(self, role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        """GET one org's record."""
        begun = self._taken(role, "record", fits=within is None and not anew)
        return await (self.world.read(role, within=within, anew=anew) if begun is None else begun)

    async def identify(self, role: Role, *, within: float | None = None) -> Identity:
        """Which org the API key belongs to."""
        begun = self._taken(role, "identity", fits=within is None)
        return await (self.world.identify(role, within=within) if begun is None else begun)

    def describe(self, draft: Draft) -> Request:
        """The request that `write` would send, without keys."""
        return self.world.describe(draft)

    async def write(
        self, draft: Draft, *, within: float | None = None, leave_by: float | None = None
    ) -> Answer:
        """POST one draft to its org, once."""
        return await self.world.write(draft, within=within, leave_by=leave_by)

    def _taken(self, role: Role, what: str, *, fits: bool) -> asyncio.Task[Any] | None:
        begun = self.begun.pop((role, what), None)
        if begun is None or (fits and self._is_fresh()):
            return begun
        begun.cancel()
        return None

    def _is_fresh(self) -> bool:
        """By both clocks: after a suspension nothing is, that was read before it (law 18)."""
        by_wall = self.clock.now().timestamp() - self.wall
        return max(abs(by_wall), self.clock.monotonic() - self.monotonic) <= FRESH_SECONDS

    async def close(self) -> None:
        """Break off what nobody has asked for."""
        left, self.begun = list(self.begun.values()), {}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
