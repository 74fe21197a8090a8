"""The state machine: `transitions.AsyncMachine`, built from the playbook's transitions (law 1).

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

from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.status import Status

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


class Position(Struct):
    """The machine's model: where the pair stands, as far as the machine is concerned."""

    state: str

    @property
    def status(self) -> Status:
        """The state as a status."""
        return Status[self.state]


def first_steps(playbook: Playbook, goal: Status) -> tuple[Transition, ...]:
    """The transitions that are the first step towards a goal, from every status that has a way there."""
    steps: list[Transition] = []
    for transition in playbook.transitions:
        route = playbook.route(transition.source, goal)
        if route and route[0] is transition:
            steps.append(transition)
    return tuple(steps)


class Machine:
    """One event, towards one goal."""

    def __init__(self, playbook: Playbook, goal: Status, executor: Executor) -> None:
        self._transitions = {
            (transition.source.name, transition.target.name): transition
            for transition in playbook.transitions
        }
        self._executor = executor
        self._event = f"to_{goal.name}"
        statuses = sorted(
            {
                status
                for transition in playbook.transitions
                for status in (transition.source, transition.target)
            }
            | {goal}
        )
        self._machine: Any = AsyncMachine(
            model=None,
            states=[status.name for status in statuses],
            initial=statuses[0].name,
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

    def place(self, position: Position) -> None:
        """Put a model on the machine, where its state says."""
        self._machine.add_model(position, initial=position.state)

    async def step(self, position: Position) -> bool:
        """Fire the one transition that leads on from here; False where its guards refused it.

        Raises:
            asyncio.CancelledError: this task was cancelled meanwhile; the library would hide it.
            transitions.MachineError: there is no transition from here.
        """
        fired = await self._machine.events[self._event].trigger(position)
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
