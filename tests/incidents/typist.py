"""Somebody who knows nothing of the program: they type the first command of what they read, letter by letter, and no other.

Only a look that showed nothing new when it was typed before is passed over for the next command, as anybody would.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable

from msgspec import Struct

from orchestrator.errors import HamrError, UsageError
from orchestrator.model.result import RunResult
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.situation import Standing
from orchestrator.model.status import Role, Status
from orchestrator.operations.locking import break_lock
from orchestrator.operations.run import acknowledge, adopt, resume, start
from orchestrator.report.status import status_json
from tests.steps import typed

from .draw import Life
from .operators import closed, look
from .scene import PAIR, Machine, Outcome, Present, Raised, Returned, Scene

DONE = "it is done"
"""What a command that gives no result of a run ends with here."""

LOOKS = ("status", "show", "runs", "check", "report", "graph", "doctor")
"""Verbs after which somebody looks at the pair again."""

WORDS = ("TEXT", "REASON")
"""What stands where a person has to think."""

BECAUSE = "the region's own people say so"


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
) -> tuple[bool, list[Typed], Standing | None]:
    """Bring an incident to its end after the faults are over.

    Returns:
        Whether it is closed, what was typed, and how the pair stands.
    """
    typed: list[Typed] = []
    looked: set[tuple[str, str]] = set()
    line, read = f"hamr status {PAIR}", True
    for _ in range(3 * tries):
        if _verb(line) in LOOKS:
            standing = await look(scene, machine)
            if closed(standing, goal) or len(typed) == tries:
                return closed(standing, goal), typed, standing
            line, read = _first_of(standing, goal, looked)
            if _verb(line) in LOOKS:
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


def nexts(standing: Standing) -> tuple[str, ...]:
    """The commands that `hamr status` shows, in its order."""
    steps = status_json(standing)["next"]
    if not isinstance(steps, list):
        return ()
    return tuple(str(step.get("command", "")) if isinstance(step, dict) else str(step) for step in steps)


def first_next(standing: Standing) -> str:
    """The first of them; "" where there is none."""
    return (*nexts(standing), "")[0]


def steps_of(outcome: Outcome) -> tuple[str, ...]:
    """What the end of a command says to type."""
    match outcome:
        case Returned(result=result):
            return tuple(str(step) for step in typed(result.ending.next_steps))
        case Raised(error=error):
            return tuple(str(step) for step in typed(error.next_steps))
        case _:
            return ()


def _first_of(standing: Standing, goal: Status, looked: set[tuple[str, str]]) -> tuple[str, bool]:
    steps = [step for step in nexts(standing) if (step, standing.phase.label) not in looked]
    line = (*steps, first_next(standing))[0]
    if _verb(line) in ("plan", ""):
        # Nothing is amiss; whoever came wants the pair at the goal.
        return f"hamr run {PAIR} --to {goal}", False
    return line, True


def _next_after(outcome: Outcome, looked: set[tuple[str, str]]) -> str:
    steps = steps_of(outcome)
    good = isinstance(outcome, Returned) and outcome.result.exit_code in (0, 8)
    if not steps or good:
        return f"hamr status {PAIR}"
    if _verb(steps[0]) in LOOKS:
        if (steps[0], "") in looked:
            return next((step for step in steps if _verb(step) not in LOOKS), steps[0])
        looked.add((steps[0], ""))
    return steps[0]


def _verb(line: str) -> str:
    words = shlex.split(line)
    return words[1] if len(words) > 1 and words[0] == "hamr" else ""


def types(line: str) -> Callable[[Present], Awaitable[RunResult]]:
    """What a command does, as it stands there; words in capitals are filled in."""
    words = shlex.split(line)
    verb, rest = (words[1], words[2:]) if len(words) > 1 else ("", [])
    flags, names = _parsed(rest)

    async def act(present: Present) -> RunResult:
        session = present.session
        mode = Mode.EMERGENCY if "--emergency" in flags else None
        named = dict(each.split("=", 1) for each in flags.get("--override", []))
        overrides = {guard: BECAUSE if why in WORDS else why for guard, why in named.items()}
        reason = "us1 is down" if "--reason" in flags else ""
        match verb:
            case "run":
                request = RunRequest(
                    PAIR, Status[flags["--to"][0]], mode or Mode.PLANNED, reason=reason, overrides=overrides
                )
                return await start(session, request, controls=present.controls)
            case "resume":
                history = session.history()
                run = history.open_run if names in ([], [PAIR]) else history.runs.get(names[0])
                if names not in ([], [PAIR]) and run is None:
                    raise UsageError(f"there is no run {names[0]}")
                run = run if run is not None and run.open else None
                return await resume(
                    session, run, mode=mode, reason=reason, overrides=overrides, controls=present.controls
                )
            case "adopt":
                truth = Role(flags["--truth"][0])
                return await adopt(
                    session, truth, "both teams agree", overrides=overrides, controls=present.controls
                )
            case "unlock":
                break_lock(session, flags["--lock-id"][0], "nobody answers there")
                raise HamrError(DONE)
            case "ack":
                acknowledge(session, session.history().runs[names[0]], "we have looked")
                raise HamrError(DONE)
            case _:
                raise UsageError(f"nobody can type {line!r}")

    return act


_BARE = ("--emergency", "--yes")


def _parsed(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Flags with their values, and what is no flag."""
    flags: dict[str, list[str]] = {}
    names: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            names.append(word)
        elif word in _BARE:
            flags.setdefault(word, [])
        else:
            flags.setdefault(word, []).append(rest.pop(0) if rest else "")
    return flags, names
