"""The state machine: `transitions.AsyncMachine`, built from the playbook's rows (law 1).

What the library does that shapes this file, each found by running 0.9.3 and each with a test:

- callbacks in one slot run at the same time, so there is exactly one coroutine in `before`;
- a condition must return a real bool: a truthy object counts as refusal;
- an exception up to and including `before` leaves the state; one in `after_state_change` is raised with the
  state already moved, and so is one in `on_enter`; an error in `finalize_event` is swallowed, and where `on_exception`
  is set every error is: so nothing is in those slots;
- a cancelled trigger returns False instead of raising, so the task is asked after each one;
- a second trigger on the same model cancels the first: only the drive loop fires triggers;
- a row that is refused falls through to the next one with the same trigger and source, so there is one per (from, to);
- a dotted string for a callback would be imported and called, so it is given functions only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from msgspec import Struct
from transitions.extensions.asyncio import AsyncMachine

from orchestrator.model.playbook import Playbook, Row
from orchestrator.model.status import Status

# The library logs each exception as an error before it raises it; the engine tells its own story.
logging.getLogger("transitions").setLevel(logging.CRITICAL + 1)


class RowMaker(Protocol):
    """What the machine calls, in this order."""

    async def admit(self, row: Row) -> bool:
        """Judge the row's guards."""

    async def intend(self, row: Row) -> None:
        """Journal the row's intent, durably."""

    async def make(self, row: Row) -> None:
        """Make the row's writes, and wait until it is done."""

    def arrive(self, row: Row) -> None:
        """Journal the row's arrival."""


class Position(Struct):
    """The machine's model: where the pair stands, as far as the machine is concerned."""

    state: str

    @property
    def status(self) -> Status:
        """The state as a status."""
        return Status[self.state]


def first_steps(playbook: Playbook, goal: Status) -> tuple[Row, ...]:
    """The rows that are the first step towards a goal, from every status that has a way there."""
    steps: list[Row] = []
    for row in playbook.rows:
        route = playbook.route(row.source, goal)
        if route and route[0] is row:
            steps.append(row)
    return tuple(steps)


class Machine:
    """One event, towards one goal."""

    def __init__(self, playbook: Playbook, goal: Status, maker: RowMaker) -> None:
        self._rows = {(row.source.name, row.target.name): row for row in playbook.rows}
        self._maker = maker
        self._event = f"to_{goal.name}"
        statuses = sorted({status for row in playbook.rows for status in (row.source, row.target)} | {goal})
        self._machine: Any = AsyncMachine(
            model=None,
            states=[status.name for status in statuses],
            initial=statuses[0].name,
            transitions=[
                {
                    "trigger": self._event,
                    "source": row.source.name,
                    "dest": row.target.name,
                    "conditions": [self._calling(maker.admit)],
                    "before": [self._calling(maker.make)],
                }
                for row in first_steps(playbook, goal)
            ],
            before_state_change=[self._intend],
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
        """Fire the one row that leads on from here.

        Returns:
            False where its guards refused it.

        Raises:
            asyncio.CancelledError: this task was cancelled meanwhile; the library would hide it.
            transitions.MachineError: there is no row from here.
        """
        fired = await self._machine.events[self._event].trigger(position)
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        return bool(fired)

    def _calling(self, act: Callable[[Row], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        async def call(event: Any) -> Any:
            return await act(self._row(event))

        return call

    def _row(self, event: Any) -> Row:
        return self._rows[event.transition.source, event.transition.dest]

    async def _intend(self, event: Any) -> None:
        await self._maker.intend(self._row(event))

    def _arrive(self, event: Any) -> None:
        self._maker.arrive(self._row(event))
