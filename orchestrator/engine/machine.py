"""The state machine: `transitions.AsyncMachine`, built from the playbook's transitions (law 1), and what makes a transition.

What the library does that shapes this file, each found by running 0.9.3 and each with a test:

- callbacks in one slot run at the same time, so there is exactly one coroutine in `before`;
- a condition must return a real bool: a truthy object counts as refusal;
- an exception up to and including `before` leaves the state; one in `after_state_change` is raised with the
  state already moved, and so is one in `on_enter`; an error in `finalize_event` is swallowed, and where `on_exception`
  is set every error is: so nothing is in those slots;
- a cancelled trigger returns False instead of raising, so the task is asked after each one;
- a second trigger on the same model cancels the first: only the drive loop fires triggers;
- a transition that is refused falls through to the next one with the same trigger and source, so there is one per (from, to);
- a dotted string for a callback would be imported and called, so it is given functions only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from msgspec import Struct
from transitions.extensions.asyncio import AsyncMachine

from orchestrator.model.events import OwedSettled, TransitionIntended, TransitionMade, WriteOwed
from orchestrator.model.guard import Probe
from orchestrator.model.playbook import Advances, Playbook, Transition
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Role, Status
from orchestrator.situation.guard_kinds import transition_probes

from .check import Checker
from .context import RunContext, Stopped
from .evaluator import GuardEvaluator
from .hooks import Hooks
from .probing import Probing
from .reader import PairReader
from .writer import Writer

# The library logs each exception as an error before it raises it; the engine tells its own story.
logging.getLogger("transitions").setLevel(logging.CRITICAL + 1)


class Executor(Protocol):
    """What the machine calls, in this order."""

    async def evaluate(self, transition: Transition) -> bool:
        """Judge the transition's guards."""

    async def intend(self, transition: Transition) -> None:
        """Journal the transition's intent, durably."""

    async def make(self, transition: Transition) -> None:
        """Make the transition's writes, and wait until it is done."""

    def arrive(self, transition: Transition) -> None:
        """Journal the transition's arrival."""


def first_steps(playbook: Playbook, goal: Status) -> tuple[Transition, ...]:
    """The transitions that are the first step towards a goal, from every status that has a way there."""
    ways = ((each, playbook.route(each.source, goal)) for each in playbook.transitions)
    return tuple(transition for transition, way in ways if way and way[0] is transition)


class Machine:
    """One event, towards one goal, and where the pair stands, as far as the machine is concerned."""

    state: str
    """Set by the library, whose model this is."""

    def __init__(self, playbook: Playbook, goal: Status, executor: Executor, start: Status) -> None:
        self._transitions = {
            (transition.source.name, transition.target.name): transition
            for transition in playbook.transitions
        }
        self._executor = executor
        self._event = f"to_{goal.name}"
        self._machine: Any = AsyncMachine(
            model=self,
            states=[status.name for status in Status],
            initial=start.name,
            transitions=[
                {
                    "trigger": self._event,
                    "source": transition.source.name,
                    "dest": transition.target.name,
                    "conditions": [self._calling(executor.evaluate)],
                    "before": [self._calling(executor.make)],
                }
                for transition in first_steps(playbook, goal)
            ],
            before_state_change=[self._calling(executor.intend)],
            after_state_change=[self._arrive],
            auto_transitions=False,
            send_event=True,
            model_override=True,
            queued=False,
        )

    @property
    def status(self) -> Status:
        """The state as a status."""
        return Status[self.state]

    async def step(self) -> bool:
        """Fire the one transition that leads on from here; False where its guards refused it.

        Raises:
            asyncio.CancelledError: this task was cancelled meanwhile; the library would hide it.
            transitions.MachineError: there is no transition from here.
        """
        fired = await self._machine.events[self._event].trigger(self)
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        return bool(fired)

    def _calling(
        self, act: Callable[[Transition], Awaitable[Any]]
    ) -> Callable[[Any], Coroutine[Any, Any, Any]]:
        async def call(event: Any) -> Any:
            return await act(self._transition(event))

        return call

    def _transition(self, event: Any) -> Transition:
        return self._transitions[event.transition.source, event.transition.dest]

    def _arrive(self, event: Any) -> None:
        self._executor.arrive(self._transition(event))


class TransitionExecutor(Struct):
    """Makes transitions; the machine says which."""

    run: RunContext
    reader: PairReader
    checker: Checker
    writer: Writer
    evaluator: GuardEvaluator
    hooks: Hooks
    probing: Probing
    began: float = 0.0

    async def evaluate(self, transition: Transition) -> bool:
        """The machine's one condition."""
        return await self.evaluator.evaluate(transition)

    async def intend(self, transition: Transition) -> None:
        """Before the state changes: the intent. It is durable with the first hook or write; where none comes, at once."""
        self.began = self.run.clock.monotonic()
        if transition.name == self.run.half_done:
            self.run.may_go_on()
        else:
            self.run.may_begin()
        intended = TransitionIntended(transition.name, transition.source, transition.target)
        if transition.advances is Advances.SERVER:
            await self.run.intend(intended)
        else:
            self.run.tell(intended)

    async def make(self, transition: Transition) -> None:
        """The `before` hooks, the coordinated writes, and waiting until the transition is done."""
        if await self.hooks.before(transition, half_done=transition.name == self.run.half_done):
            self.probing.distrust_all()
        if self.run.state.mode is Mode.EMERGENCY and transition.survivor is not None:
            await self._with_survivor(transition, transition.survivor)
        elif transition.advances is Advances.SERVER:
            await self.writer.wait_until_converged(transition.target, hint=self._hint(transition))
        else:
            await self._with_both(transition)

    def arrive(self, transition: Transition) -> None:
        """After the state changed: the arrival."""
        self.tell_made(transition, self.run.clock.monotonic() - self.began)
        self.run.half_done, self.run.taken_as_is = "", frozenset()

    def tell_made(self, transition: Transition, seconds: float = 0.0) -> None:
        """A transition is made; or turns out to be: its process died after its last write, and before it could say so."""
        writes = sum(sent.attempt.transition == transition.name for sent in self.run.state.sent)
        due = self.hooks.due_after(transition)
        made = TransitionMade(transition.name, transition.source, transition.target, seconds, writes, due)
        self.run.tell(made)

    async def _with_both(self, transition: Transition) -> None:
        there = [role for role in Role if self._is_there(role, transition.target)]
        if len(there) == 1:
            # Half made by a process that died before it knew whether the pair mirrors.
            await self.writer.find_mirror(there[0])
        for role in transition.writes:
            if self._is_there(role, transition.target) or await self._comes_by_mirror(transition):
                continue
            await self._write(
                role, transition, last=role is transition.writes[-1] or bool(self.run.state.mirrors)
            )
            await self.writer.find_mirror(role)
            if self.run.state.mirrors:
                break
        await self.writer.wait_until_converged(transition.target, hint=self._hint(transition))

    async def _write(self, role: Role, transition: Transition, *, last: bool) -> None:
        # The next transition's probes are read beside the reading back of this transition's last write.
        self.probing.plan_ahead(self._probes_beyond(transition) if last else ())
        await self.writer.write(role, transition.target, transition=transition.name, explained_by=transition)

    def _probes_beyond(self, transition: Transition) -> tuple[Probe, ...]:
        playbook, goal = self.run.playbook, self.run.goal
        beyond = None if goal is None else playbook.route(transition.target, goal)
        return transition_probes(beyond[0], playbook) if beyond else ()

    async def _comes_by_mirror(self, transition: Transition) -> bool:
        """Whether the other org gets it by itself: on a pair that mirrors one write is enough.

        Writing the other side too can set the first one back, so that is left to the mirror. But a run that finds
        the transition half made gives the mirror its time once, and then writes: a copy that got lost while a region was
        dark never comes.
        """
        if not self.run.state.mirrors or not any(self._is_there(role, transition.target) for role in Role):
            return False
        if transition.name != self.run.half_done:
            return True
        try:
            await self.writer.wait_until_converged(transition.target)
        except Stopped as stop:
            if stop.ending.end is not End.INCOMPLETE:
                raise
            return False
        return True

    async def _with_survivor(self, transition: Transition, survivor: Role) -> None:
        if transition.advances is Advances.SERVER:
            await self.writer.wait_until_converged(
                transition.target, roles=(survivor,), hint=self._hint(transition)
            )
        elif not self._is_there(survivor, transition.target):
            await self._write(survivor, transition, last=True)
            if survivor.other not in self.run.state.dead:
                # It lives, and telling it too may set the survivor back where the pair mirrors.
                within = self.run.playbook.emergency_deadline.total_seconds()
                await self.writer.find_mirror(survivor, within=within)
        await self.tell_other(survivor, transition.target, transition=transition)

    async def tell_other(
        self, survivor: Role, target: Status, *, transition: Transition | None = None
    ) -> None:
        """What the other org of an emergency gets: the survivor's status while it lives, else a debt.

        No transition is named where the emergency was there already.
        """
        other, state = survivor.other, self.run.state
        await self.writer.wait_until_converged(target, roles=(survivor,))
        if other not in state.dead:
            await self._try_other(other, target, transition)
            await self.writer.wait_until_converged(target, roles=(survivor,))
        if other in state.dead:
            if state.told_owed.get(other) is not target:
                reason = f"not seen in this emergency; it is owed {target}"
                self.run.tell(WriteOwed(other, target, reason))
        elif other in state.owed:
            self.run.tell(OwedSettled(other, target, "void"))

    async def _try_other(self, other: Role, target: Status, transition: Transition | None) -> None:
        """The other org, while it lives: one try under its short deadline, never stopping the run."""
        deadline = self.run.playbook.emergency_deadline.total_seconds()
        ours = transition is None or transition.advances is Advances.CLIENT
        writes = ours and not self.run.state.mirrors and not self._is_there(other, target)
        if writes and transition is None:
            self.checker.require_untouched(other, target)
            self.evaluator.require_alone(other)  # of a transition, its guards have judged that
        elif writes and (changed := self.checker.changed_unseen(other, target)):
            self.reader.give_up(changed)  # the survivor goes on; who delivers what is owed stops for it
            return
        try:
            if writes:
                name, purpose = (transition.name, "transition") if transition is not None else ("", "deliver")
                await self.writer.write(other, target, transition=name, purpose=purpose)
            await self.writer.wait_until_converged(target, roles=(other,), within=deadline)
        except Stopped as stop:
            if stop.ending.end not in (End.INCOMPLETE, End.REFUSED, End.UNKNOWN):
                raise
            self.reader.give_up(stop.ending.message)

    def _is_there(self, role: Role, status: Status) -> bool:
        """Whether an org shows a status, by a write of ours, an echo, or from before a half-done transition was entered.

        A server that moves on by itself has been there, too.
        """
        reading, state = self.reader.readings[role], self.run.state
        if reading.status not in self.run.playbook.server_moves(status):
            return False
        there = state.wrote(role, reading.record) or state.is_brought(role, reading.record)
        return there or role in self.run.taken_as_is

    def _hint(self, transition: Transition) -> str:
        if transition.advances is Advances.SERVER:
            return f"transition {transition.name} waits for the server to make this move"
        if self.run.state.mirrors:
            return (
                "the inventory or this run found that this pair mirrors, so it was not written itself; "
                "if it does not, say mirrors: false in the inventory"
            )
        alone = f"transition {transition.name} writes {', '.join(map(str, transition.writes))} alone"
        if self.run.state.mirrors is False and len(transition.writes) == 1:
            return f"{alone}, and this pair does not mirror: have it write both in the playbook, and a new run goes on"
        return alone
