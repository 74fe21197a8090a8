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
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import CommandKey, Pair
from orchestrator.model.playbook import Question, Reply
from orchestrator.model.reading import Reading
from orchestrator.model.run import End, Mode, RunOutcome, RunRequest, new_mark
from orchestrator.model.situation import Owed
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import author
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
    active.purpose = purpose
    active.given_up = history.given_up(beside=active.run)
    active.engine = Engine(
        RunContext(
            session.pair,
            session.playbook,
            operator,
            replace(
                state,
                floors=dict(history.floors),
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
        )
    )
    return active.engine


async def drive(
    engine: Engine, request: RunRequest, shown: Both[Reading] | None, cancelled: str = ""
) -> RunOutcome:
    """Go to the goal; only as long as the orgs stand as they were `shown` and the request has it; not at all where it was `cancelled`, in words."""
    if cancelled:
        return RunOutcome(End.INTERRUPTED, cancelled)
    if request.expect is not None:
        other = _not_at(
            request.expect, engine.run.pair, await engine.reader.read_both("expected", once=False)
        )
        if other is not None:
            return RunOutcome(End.MOVED, other, next_steps=(next_step.status(request.pair),))
    again = request.as_step("plan", engine.run.playbook.name)
    moved = await _moved_since(engine, shown, "the plan was made", again)
    return moved or await engine.drive(request.goal)


async def drive_adoption(engine: Engine, truth: Role, reason: str, shown: Both[Reading] | None) -> RunOutcome:
    """Tell the other org what the true one shows; only as long as both stand as a person was shown them."""
    again = next_step.status(engine.run.pair.name)
    moved = await _moved_since(engine, shown, "this was asked", again)
    return moved or await engine.adopt(truth, reason)


def _not_at(expected: Status, pair: Pair, readings: Both[Reading]) -> str | None:
    """Which org does not stand at the status that was expected, or None."""
    for role, now in readings.items():
        if now.status is not expected:
            shows = f"shows {now.status}" if now.status is not None else f"was not seen there: {now.reason}"
            return f"the pair was expected at {expected}, and {pair[role]} {shows}"
    return None


async def _moved_since(
    engine: Engine, shown: Both[Reading] | None, when: str, again: NextStep
) -> RunOutcome | None:
    """The end of a run under which an org has changed since it was shown, or None; nothing is read where nothing was shown."""
    if shown is None:
        return None
    for role, now in (await engine.reader.read_both("plan", once=False)).items():
        then, org = shown[role], engine.run.pair[role]
        if then.record is None or now.record is None:
            if type(then.sight) is type(now.sight):
                continue
            was, is_ = (type(reading.sight).__name__.lower() for reading in (then, now))
            words = f"{org} answered {was} when {when}, and {is_} now"
        elif now.record.same_version(then.record):
            continue
        else:
            words = f"{org} was changed since {when}, by {author(now.record.modified_by)}"
        return RunOutcome(End.MOVED, words, next_steps=(again,))
    return None


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
