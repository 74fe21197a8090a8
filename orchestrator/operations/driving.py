"""The engine of a run that holds its pair: made ready, driven towards its goal, and how it asks a person on the way."""

from __future__ import annotations

import asyncio

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.engine.context import RunContext, RunServices
from orchestrator.engine.engine import Engine
from orchestrator.errors import Conflict
from orchestrator.journal.history import History
from orchestrator.model import next_step
from orchestrator.model.events import SituationRead
from orchestrator.model.floor import raise_floors
from orchestrator.model.org import CommandKey
from orchestrator.model.playbook import Question, Reply
from orchestrator.model.run import End, Mode, RunOutcome, new_mark
from orchestrator.model.situation import Owed
from orchestrator.model.status import Both, Status
from orchestrator.situation.state import RunState

from .approval import JournalledApprovals
from .holding import ActiveRun, Begun, Purpose
from .locking import hold, left_to


def prepare(active: ActiveRun, purpose: Purpose, state: RunState, history: History) -> Engine:
    """The engine of the run, with what the journal says of its pair.

    A run whose id is not new to the world gets a mark for this process: no stamp is ever used twice, whatever a
    journal that was restored from an older copy has forgotten.
    """
    session = active.session
    operator = session.operator
    if purpose.begun is Begun.TAKEN_UP:
        operator = replace(operator, mark=new_mark(session.dice.choice))
    active.purpose, floors = purpose, dict(history.floors)
    if purpose.premise is not None and purpose.premise.shown is not None:
        # A replica may lag behind what a person was shown, too.
        raise_floors(floors, SituationRead("shown", Both(*purpose.premise.shown)))
    active.given_up = history.given_up(beside=active.run)
    active.engine = Engine(
        RunContext(
            session.pair,
            session.playbook,
            operator,
            replace(
                state,
                floors=floors,
                given_up=tuple(each.attempt for each in active.given_up),
            ),
            active.world,
            session.clock,
            active.recorder,
            RunServices(
                active.prober,
                session.programs(),
                LockReleasingPrompter(active),
                JournalledApprovals(session),
            ),
            session.dice.random,
            session.pace,
            owed=history.owed,
            open_run=history.as_open_run(),
            known_runs=history.known_runs | {active.run},
            command=purpose.command,
            unattended=active.controls.unattended,
            premise=purpose.premise,
        )
    )
    return active.engine


async def drive(engine: Engine, goal: Status, cancelled: str = "") -> RunOutcome:
    """Go to the goal; not at all where the run was `cancelled`, in words."""
    return RunOutcome(End.INTERRUPTED, cancelled) if cancelled else await engine.drive(goal)


async def go_on(engine: Engine, goal: Status, owed: Owed | None, *, finishing: bool) -> RunOutcome:
    """What is owed first, directly; then the rest of the route."""
    if owed is not None and (engine.run.state.mode is Mode.PLANNED or not finishing):
        ending = await engine.deliver(owed)
        if ending.end is not End.DONE or not finishing:
            return ending
    return await engine.drive(goal)


class LockReleasingPrompter(Struct):
    """Asks in the middle of a run: the pair's lock is let go meanwhile, and taken again before anything else (law 12)."""

    active: ActiveRun

    @property
    def there(self) -> bool:
        """Whether somebody sits at the terminal."""
        return self.active.controls.asker is not None

    async def ask(self, question: Question) -> Reply | None:
        """The reply, or None where there is nobody to ask; Locked or Conflict where another run, or another process of this one, has the pair by now."""
        active = self.active
        session, run, lock, asker = active.session, active.run, active.lock, active.controls.asker
        if asker is None:
            return None
        await session.calls(lock.let_go)
        try:
            reply = await asker(question)
        finally:
            # Also where the question was broken off: what is journalled next needs the lock, or must say that it is lost.
            try:
                lock.take_again(await hold(session, run, take_over=False))
            finally:
                # Once nobody else can take the run up any more; of a lock that somebody has, how the run ends is theirs to say.
                taken_up = await session.calls(lock.taken_up_meanwhile)
        if taken_up is not None:
            # What this process knows of the run is old by now: it must neither go on, nor say how the run ended.
            raise left_to(taken_up, "it waited for an answer here")
        history = await session.calls(session.history)
        known = history.runs.get(run)
        if known is not None and known.superseded_by:
            raise Conflict(
                f"run {known.superseded_by} took the place of this run while it waited for an answer",
                next_steps=(next_step.show(known.superseded_by), next_step.status(session.pair.name)),
            )
        for event in await session.calls(lock.hooks_settled):
            active.state.apply(event)
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
