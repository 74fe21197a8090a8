"""Somebody who knows nothing of the program: they type the first command of what they read, letter by letter, and no other.

Only a look that showed nothing new when it was typed before is passed over for the next command, as anybody would.
"""

from __future__ import annotations

import asyncio

from msgspec import Struct

from orchestrator.model.situation import PairStatus
from orchestrator.model.status import Status
from orchestrator.proof.keyboard import LOOKS, Outcome, closed, next_steps, verb_of
from orchestrator.report.status import status_json
from tests.steps import typed

from .draw import Life
from .operators import look, types
from .scene import PAIR, Machine, Scene


class Typed(Struct, frozen=True):
    """One command, and what came of it."""

    line: str
    read: bool
    """Somebody read it as the first thing to type; else it is where they want to go."""
    outcome: Outcome
    number: int
    """The tape's, when it began."""


async def type_on(
    scene: Scene, machine: Machine, goal: Status, *, tries: int
) -> tuple[bool, list[Typed], PairStatus | None]:
    """Bring an incident to its end after the faults are over.

    Returns:
        Whether it is closed, what was typed, and how the pair stands.
    """
    typed: list[Typed] = []
    looked: set[tuple[str, str]] = set()
    line, read = f"hamr status {PAIR}", True
    for _ in range(3 * tries):
        if verb_of(line) in LOOKS:
            standing = await look(scene, machine)
            if closed(standing, goal) or len(typed) == tries:
                return closed(standing, goal), typed, standing
            line, read = _first_of(standing, goal, looked)
            if verb_of(line) in LOOKS:
                looked.add((line, standing.phase.label))
                await asyncio.sleep(20.0)  # it says to wait
            continue
        if len(typed) == tries:
            break
        began = scene.tape.next
        outcome = await scene.live(machine, f"typist{len(typed)}", Life(), types(line), what=line)
        typed.append(Typed(line, read, outcome, began))
        await asyncio.sleep(5.0)  # people read what it says
        line, read = _next_after(outcome, looked), True
    standing = await look(scene, machine)
    return closed(standing, goal), typed, standing


def nexts(standing: PairStatus) -> tuple[str, ...]:
    """The commands that `hamr status` shows, in its order."""
    steps = status_json(standing)["next"]
    if not isinstance(steps, list):
        return ()
    return tuple(str(step.get("command", "")) if isinstance(step, dict) else str(step) for step in steps)


def first_next(standing: PairStatus) -> str:
    """The first of them; "" where there is none."""
    return (*nexts(standing), "")[0]


def _first_of(standing: PairStatus, goal: Status, looked: set[tuple[str, str]]) -> tuple[str, bool]:
    steps = [step for step in nexts(standing) if (step, standing.phase.label) not in looked]
    line = (*steps, first_next(standing))[0]
    if verb_of(line) in ("plan", ""):
        # Nothing is amiss; whoever came wants the pair at the goal.
        return f"hamr run {PAIR} --to {goal}", False
    return line, True


def _next_after(outcome: Outcome, looked: set[tuple[str, str]]) -> str:
    steps = typed(next_steps(outcome))
    if not steps:
        return f"hamr status {PAIR}"
    if verb_of(steps[0]) in LOOKS:
        if (steps[0], "") in looked:
            return next((step for step in steps if verb_of(step) not in LOOKS), steps[0])
        looked.add((steps[0], ""))
    return steps[0]
