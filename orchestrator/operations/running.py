"""A run that holds its pair's lock, and how a person reaches it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.engine.context import RunContext, RunServices
from orchestrator.engine.engine import Engine
from orchestrator.engine.evaluator import GuardPolicy
from orchestrator.errors import ExitCode
from orchestrator.journal.history import GivenUp, History
from orchestrator.model.guard import Verdict
from orchestrator.model.protocols import Prober, World
from orchestrator.model.result import RunResult
from orchestrator.model.run import Ending, RunRequest, new_mark
from orchestrator.model.status import Status
from orchestrator.situation.state import RunState

from .journalling import Journalling
from .locking import Lock
from .people import Asker, LetGoWhileAsking
from .session import Session


class Controls(Struct, eq=False):
    """How a person reaches a run: signals set it, and tests do."""

    engine: Engine | None = None
    task: asyncio.Task[Ending] | None = None
    asked: int = 0
    code: ExitCode = ExitCode.INTERRUPTED
    asker: Asker | None = None
    """How the run asks a person; None where there is nobody to ask (--yes)."""
    run: str = ""
    """The id of the run that it reaches, once that holds its lock."""
    on_result: Callable[[RunResult], None] | None = None
    """Is told the result as soon as it is known: what is still being posted about the run may take a moment more."""

    def interrupt(self, code: ExitCode) -> None:
        """Once: stop before the next write. Twice: give up waiting; the write in flight is journalled as unknown."""
        self.asked += 1
        self.code = code
        if self.engine is not None:
            self.engine.ask_to_stop("stopped before the next write, as asked; it can be resumed")
        if self.asked > 1 and self.task is not None:
            self.task.cancel()


class Running(Struct):
    """A run that holds its lock."""

    session: Session
    lock: Lock
    observer: Journalling
    memory: RunState
    controls: Controls
    began: float
    engine: Engine | None = None
    since: datetime | None = None
    started_at: datetime | None = None
    goal: Status | None = None
    command: str = ""
    """What a person began it with, or took it up with, as they may type it again."""
    request: RunRequest | None = None
    """What was asked for, where it was begun here; None for a run that was taken up, and for an adoption."""
    overridden_before: tuple[tuple[Verdict, str], ...] = ()
    """What it went over before its first transition, by name, each with the operator's reason."""
    taken_up: bool = False
    """Whether another process may have sent something under this run's id."""
    take_up: str = ""
    """What takes it up again where `hamr resume` can't: an adoption is made anew."""
    given_up: tuple[GivenUp, ...] = ()
    """Attempts of earlier runs that may still come."""
    lock_lost: bool = False
    """Somebody broke the lock under this run."""
    left_to_others: bool = False
    """Somebody took this run up, or took its place: there is nothing of it left to resume here."""

    def __post_init__(self) -> None:
        self.controls.run = self.memory.run


def engine_for(
    running: Running, world: World, prober: Prober, request: RunRequest, history: History
) -> Engine:
    """The engine of a run, with what the journal says of its pair.

    A run whose id is not new to the world gets a mark for this process: no stamp is ever used twice, whatever a journal
    that was restored from an older copy has forgotten.
    """
    session = running.session
    operator = session.operator
    if running.taken_up:
        operator = replace(operator, mark=new_mark(session.dice.choice))
    open_run = history.open_run
    running.memory.floors = dict(history.floors)
    running.given_up = tuple(each for each in history.given_up if each.run != running.memory.run)
    running.memory.given_up = tuple(each.attempt for each in running.given_up)
    people = LetGoWhileAsking(
        session, running.memory.run, running.lock, running.controls.asker, running.observer
    )
    return Engine(
        RunContext(
            session.pair,
            session.playbook,
            operator,
            running.memory,
            world,
            session.clock,
            running.observer,
            RunServices(prober, session.programs(), people),
            session.dice.random,
            owed=history.owed,
            open_run=open_run.as_open_run() if open_run is not None else None,
            known_runs=history.known_runs | {running.memory.run},
            command=running.command,
            old_is_true="reverted" in request.overrides,
        ),
        GuardPolicy(request.overrides),
    )
