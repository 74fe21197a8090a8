"""What people do, with nothing but the commands that there are: each is typed at the proof's keyboard."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import cast

from orchestrator.drill import close as close_drill
from orchestrator.drill import drill, drill_named
from orchestrator.errors import HamrError, JournalBusy, Locked
from orchestrator.journal import JournalStore
from orchestrator.journal.merge import merge
from orchestrator.model.result import RunResult
from orchestrator.model.run import Mode
from orchestrator.model.situation import PairStatus, Phase, PhaseName
from orchestrator.model.status import Role, Status
from orchestrator.operations.approval import approve, asked_by_run
from orchestrator.operations.locking import break_lock
from orchestrator.operations.status import read_status
from orchestrator.proof.keyboard import BECAUSE, DONE, WORDS, Outcome, Raised, Returned, closed, type_line
from tests.steps import typed

from .draw import Life
from .scene import PAIR, Machine, Present, Scene
from .team import TeamJournal

ALONE = " --override 'alone=we have talked to each other'"
ACCEPTED = f" --override 'unknown=the faults are over'{ALONE}"
"""What a person accepts by name when closing an incident."""

PUT_BACK = " --override 'reverted=it was put back'"

RESUME = f"hamr resume {PAIR}"


def types(line: str) -> Callable[[Present], Awaitable[RunResult]]:
    """What a command does, as it stands there; words in capitals are filled in."""
    words = shlex.split(line)

    async def act(present: Present) -> RunResult:
        if words[1:3] != ["drill", "close"]:
            return await type_line(line, present.session, present.controls)
        session = present.session
        named = (word.split("=", 1) for before, word in pairwise(words) if before == "--override")
        overrides = {guard: BECAUSE if why in WORDS else why for guard, why in named}
        drill = drill_named({PAIR: session.history()}, words[3])
        home = await close_drill(session, drill, "", overrides=overrides, controls=present.controls)
        if home.results:
            return home.results[-1]
        raise HamrError(DONE)

    return act


def drills(goal: Status) -> Callable[[Present], Awaitable[RunResult]]:
    """Hamr drill run, live; what came of its last run."""

    async def act(present: Present) -> RunResult:
        results: list[RunResult] = []
        present.controls.on_result = results.append
        await drill(present.session, goal, controls=present.controls)
        if results:
            return results[-1]
        raise HamrError("no run of it began")

    return act


async def run(scene: Scene, machine: Machine, who: str, life: Life, goal: Status, *, mode: Mode) -> Outcome:
    """Hamr run, in one life."""
    line = f"hamr run {PAIR} --to {goal}" + (f" {EMERGENCY}" if mode is Mode.EMERGENCY else "")
    return await scene.live(machine, who, life, types(line), what=f"run --to {goal} ({mode.value})")


EMERGENCY = "--emergency --reason TEXT"


async def bring_in(scene: Scene, machine: Machine) -> None:
    """Hamr journal merge, tried again where the team's is busy, at each computer where an emergency went on alone: every command there says so."""
    if machine.team is None:
        return
    for each in (machine, *machine.others.values()):
        file = machine.team.refuge(each.host or each.name)
        if not file.exists():
            continue

        async def merging(present: Present, file: Path = file, team: TeamJournal = machine.team) -> RunResult:
            session = present.session
            with JournalStore.open(file, create=False, now=present.clock.now) as other:
                merged = merge(cast("JournalStore", session.store), other, session.operator, session.host)
            team.set_aside(file)
            raise HamrError(f"{merged.added} records are merged, {merged.known} were known")

        for seconds in (0.0, 5.0, 20.0):
            await asyncio.sleep(seconds)
            merged = await scene.live(each, "merger", Life(), merging, what=f"journal merge '{file.name}'")
            if not (isinstance(merged, Raised) and isinstance(merged.error, JournalBusy)):
                break  # else the next try may well succeed, as that says


async def agree(scene: Scene, machine: Machine, run: str) -> None:
    """Hamr approve, by a second person."""

    async def agreeing(present: Present) -> RunResult:
        approve(present.session, asked_by_run(present.session.store, run, afterwards=False), "go ahead")
        raise HamrError(DONE)

    await scene.live(machine, "olga", Life(), agreeing, what=f"approve {run}")


async def break_the_lock(scene: Scene, machine: Machine) -> bool:
    """Hamr unlock, by somebody who read the lock's id in `hamr status`; whether there was one to break."""

    async def breaking(present: Present) -> RunResult:
        holder = present.session.store.holder(PAIR)
        if holder is None:
            raise HamrError("nobody holds the pair")
        break_lock(present.session, holder.lock, "nobody answers there")
        raise HamrError(BROKEN)

    outcome = await scene.live(machine, "dave", Life(), breaking, what="unlock")
    return isinstance(outcome, Raised) and outcome.error.message == BROKEN


BROKEN = "the lock is broken"


async def close(
    scene: Scene, machine: Machine, goal: Status, *, tries: int
) -> tuple[bool, list[str], PairStatus | None]:
    """Bring an incident to its end after the faults are over.

    Returns:
        Whether it is closed, what was done, and how the pair stands.
    """
    done: list[str] = []
    standing: PairStatus | None = None
    before = ""
    for number in range(tries):
        standing = await look(scene, machine)
        goal = _within_reach(scene, standing, goal)
        if closed(standing, goal):
            return True, done, standing
        command = next_command(standing, goal, last=done[-1] if done else "", stuck=before)
        done.append(command)
        outcome = await scene.live(
            machine, f"closer{number}", Life(), types(line_of(command, goal)), what=command
        )
        before = _said(outcome)
        await asyncio.sleep(5.0)  # people read what it says
        if machine.team is not None and isinstance(outcome, Raised) and isinstance(outcome.error, Locked):
            before = ""  # whoever held it at another computer may be gone in a while; who is not heard of then, is asked
            if done.count(command) > 1:
                await break_the_lock(scene, machine)
            else:
                await asyncio.sleep(20.0)
    standing = await look(scene, machine)
    return closed(standing, goal), done, standing


def _within_reach(scene: Scene, standing: PairStatus, goal: Status) -> Status:
    """The goal; where somebody has gone past it, and no transition leads back, where the pair stands by now, as status offers."""
    at, playbook = standing.phase.status, scene.playbook
    passed = standing.phase.name is PhaseName.AGREED and at is not None and playbook.route(at, goal) is None
    return at if passed and at is not None and at in playbook.stops else goal


async def look(scene: Scene, machine: Machine) -> PairStatus:
    """Hamr status, by somebody who only looks, when nothing goes wrong any more."""
    found = await glance(scene, machine)
    assert found is not None, "hamr status failed"
    return found


async def glance(scene: Scene, machine: Machine) -> PairStatus | None:
    """The same at any time; None where a team's journal can't be had."""
    found: list[PairStatus] = []

    async def looking(present: Present) -> RunResult:
        standing = await read_status(present.session)
        scene.looks.append((present.process, standing))
        found.append(standing)
        raise HamrError("looked")

    outcome = await scene.live(machine, "onlooker", Life(), looking, what="status")
    if not found and machine.team is None:
        raise AssertionError(f"hamr status failed: {outcome}")
    return found[0] if found else None


def next_command(standing: PairStatus, goal: Status, *, last: str, stuck: str) -> str:
    """What a person types next."""
    phase = standing.phase
    drill, lags = standing.open_drill, phase.name is PhaseName.LAGGING
    if drill is not None and (lags or not (last.startswith("drill") and stuck)):
        return f"drill close {drill.drill}" + (" over what was put back" if lags and stuck else "")
    first = not last or (last.startswith("adopt") and not stuck) or stuck == ""
    if (standing.open_run is not None or standing.owed is not None) and first:
        return "resume"
    if phase.name is PhaseName.BEHIND and phase.role is not None:
        return f"adopt {phase.role.other}"  # somebody moved the survivor: a person says that this is right
    if phase.name is PhaseName.LAGGING and last.startswith("adopt") and stuck:
        return f"{last} over what was put back"  # as it says
    if phase.name in (PhaseName.DIVERGED, PhaseName.HALF_ABSENT):
        return f"adopt {_truth(phase)}"
    if standing.owed is not None:
        return f"adopt {standing.owed.role.other}"  # somebody changed an org since: a person looks, and settles it
    if phase.name.value == "lagging" and last.startswith("run"):
        return "run on from what was put back"  # it stays so: a person has asked, and says so
    offered = _offered(phase)
    if standing.cooling_down_after and not last.startswith("ack"):
        return f"ack {standing.cooling_down_after}"
    if phase.name is PhaseName.MIDWAY and stuck and last.startswith("run") and offered:
        return f"run to {offered[(last == f'run to {offered[0]}') % len(offered)]}"  # as status says
    return "run"


def _offered(phase: Phase) -> list[str]:
    """The goals that `hamr status` names."""
    words = [line.split() for line in typed(phase.next_steps)]
    return [word[4] for word in words if word[:2] == ["hamr", "run"] or word[:2] == ["hamr", "plan"]]


def _truth(phase: Phase) -> Role:
    words = " ".join(typed(phase.next_steps))
    return Role.SECONDARY if "--truth secondary" in words or "--truth" not in words else Role.PRIMARY


def line_of(command: str, goal: Status) -> str:
    """What a person types who means a command."""
    verb, *words = command.split()
    match verb:
        case "resume":
            return RESUME
        case "drill":
            return f"hamr drill close {words[1]}{ACCEPTED}" + (PUT_BACK if words[2:] else "")
        case "ack":
            return f"hamr ack {words[0]}"
        case "adopt":
            return f"hamr adopt {PAIR} --truth {words[0]}{ALONE}" + (PUT_BACK if words[1:] else "")
        case _:
            meant = words[1] if words[:1] == ["to"] else goal
            more = f"{PUT_BACK} --override 'cool_down=this cannot wait'" if words[:1] == ["on"] else ""
            return f"hamr run {PAIR} --to {meant}{ACCEPTED}{more}"


def _said(outcome: Outcome) -> str:
    """What a person makes of it: "" where going on helps, else why another command is wanted."""
    if isinstance(outcome, Returned):
        return "" if outcome.is_good else outcome.result.ending.end.value
    return "error"
