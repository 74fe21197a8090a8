"""A run that holds its pair, with its engine; and how a person is asked on the way."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.engine.context import RunContext, RunServices
from orchestrator.engine.engine import Engine
from orchestrator.engine.evaluator import GuardPolicy
from orchestrator.errors import Moved
from orchestrator.journal.history import GivenUp, History
from orchestrator.model import next_step
from orchestrator.model.guard import Verdict
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import CommandKey
from orchestrator.model.playbook import Question, Reply
from orchestrator.model.protocols import Prober, World
from orchestrator.model.run import RunRequest, new_mark
from orchestrator.model.status import Status
from orchestrator.situation.state import RunState

from .approval import JournalledApprovals
from .holding import RunControl
from .locking import Lock, hold, left_to
from .recorder import Recorder
from .session import Session


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
    request: RunRequest
    """What was asked for, with every override that binds from here on."""
    goal: Status | None = None
    started_at: datetime | None = None
    overridden_before: tuple[tuple[Verdict, str], ...] = ()
    """What it went over before its first transition, by name, each with the operator's reason."""


@dataclass(eq=False, repr=False)
class ActiveRun:
    """A run that holds its pair: what `hold_pair` gave, and once it is prepared, its engine."""

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

    def prepare(self, purpose: Purpose, state: RunState, history: History) -> Engine:
        """The engine of the run, with what the journal says of its pair.

        A run whose id is not new to the world gets a mark for this process: no stamp is ever used twice, whatever a
        journal that was restored from an older copy has forgotten.
        """
        session, overrides = self.session, purpose.request.overrides
        operator = session.operator
        if purpose.begun is Begun.TAKEN_UP:
            operator = replace(operator, mark=new_mark(session.dice.choice))
        self.purpose = purpose
        self.given_up = tuple(each for each in history.given_up if each.run != self.run)
        self.engine = Engine(
            RunContext(
                session.pair,
                session.playbook,
                operator,
                replace(
                    state,
                    floors=dict(history.floors),
                    given_up=tuple(each.attempt for each in self.given_up),
                ),
                self.world,
                session.clock,
                self.recorder,
                RunServices(
                    self.prober,
                    session.programs(),
                    LockReleasingPrompter(self),
                    JournalledApprovals(session),
                ),
                session.dice.random,
                owed=history.owed,
                open_run=history.as_open_run(),
                known_runs=history.known_runs | {self.run},
                command=purpose.command,
                fleet=session.fleet,
                old_is_true="reverted" in overrides,
            ),
            GuardPolicy(overrides),
        )
        return self.engine

    def lose_lock(self) -> None:
        """Stop before the next write: somebody else broke the lock."""
        self.lock_lost = True
        self.engine.ask_to_stop(
            "the lock was broken by somebody else (hamr unlock); stopped before the next write"
        )

    def leave_to_others(self) -> None:
        """There is nothing of this run left to resume here."""
        self.left_to_others = True


class LockReleasingPrompter(Struct):
    """Asks in the middle of a run: the pair's lock is let go meanwhile, and taken again before anything else (law 12)."""

    active: ActiveRun

    @property
    def there(self) -> bool:
        """Whether somebody sits at the terminal."""
        return self.active.controls.asker is not None

    async def ask(self, question: Question) -> Reply | None:
        """The reply, or None where there is nobody to ask.

        Raises:
            Locked: another run holds the pair by now, or somebody who took this one up.
            Moved: another run took this one's place meanwhile, or somebody took it up.
        """
        active = self.active
        session, run, lock, asker = active.session, active.run, active.lock, active.controls.asker
        if asker is None:
            return None
        await session.calls(lock.let_go)
        try:
            reply = await asker(question)
        finally:
            # Also where the question was broken off: what is journalled next needs the lock, or must say that it is lost.
            taken_up = await session.calls(lock.taken_up_meanwhile)
            lock.take_again(await hold(session, run, take_over=False))
        if taken_up is not None:
            # What this process knows of the run is old by now: it must neither go on, nor say how the run ended.
            raise left_to(taken_up, "it waited for an answer here")
        history = await session.calls(session.history)
        known = history.runs.get(run)
        if known is not None and known.superseded_by:
            raise Moved(
                f"run {known.superseded_by} took the place of this run while it waited for an answer",
                next_steps=(next_step.show(known.superseded_by), next_step.status(session.pair.name)),
            )
        # Whoever began a run meanwhile, and waits for an answer in their turn: this one goes on first.
        active.recorder.will_supersede(history.open_beside(run))
        if reply is None:
            return None
        await self._know_keys()
        return replace(reply, words=session.redactor.clean(reply.words))

    async def _know_keys(self) -> None:
        """Let the redactor know every key that can be read without running a program: people paste the oddest things."""
        session = self.active.session
        resolved = (
            session.keys.resolve(reference, org=str(org), which=which)
            for org in session.pair.orgs
            for which, reference in org.keys.items()
            if not isinstance(reference, CommandKey)
        )
        await asyncio.gather(*resolved, return_exceptions=True)
