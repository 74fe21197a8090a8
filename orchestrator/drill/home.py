"""Bringing a pair home: what a drill does when it is over, and what closing one does after a crash."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import assert_never

from msgspec import Struct

from orchestrator.errors import ExitCode, HamrError, Refused
from orchestrator.journal.history import DrillHistory, History, RunHistory
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import RunResult
from orchestrator.model.run import RunRequest
from orchestrator.model.situation import PhaseName
from orchestrator.model.standing import Standing
from orchestrator.model.status import Role, Status
from orchestrator.operations.active_run import RunControl
from orchestrator.operations.run import adopt, resume, start
from orchestrator.operations.session import Session
from orchestrator.operations.status import read_status

_TRIES = 6
"""Runs that a clean-up makes at most: what is left then wants a person."""


class Homecoming(Struct, frozen=True):
    """What came of bringing a pair home."""

    at_home: bool
    phase: str
    why: str = ""
    """Why it is not at home, in words."""
    next_steps: tuple[str, ...] = ()
    results: tuple[RunResult, ...] = ()
    """The runs that it took, in order."""
    left_alone: bool = False
    """Somebody else moved the pair meanwhile: it is not the drill's to bring home any more."""


def pace(session: Session, drill: str) -> dict[str, str]:
    """The overrides that a drill's own runs need: a playbook's cooling down is for people, and a drill goes on at once."""
    if session.playbook.cool_down is None:
        return {}
    return {"cool_down": f"drill {drill} goes on at once"}


class _Action(enum.Enum):
    RESUME = "resume"
    RUN = "run"
    ONWARD = "onward"
    """To the drill's goal: from the middle of a transition, the way home may lead through there."""
    ADOPT = "adopt"


async def bring_home(
    session: Session,
    drill: DrillHistory,
    *,
    overrides: Mapping[str, str] | None = None,
    watchers: Sequence[Watcher] = (),
    controls: RunControl | None = None,
) -> Homecoming:
    """Bring the pair to where it stood when the drill began; it sends nothing where it stands there already.

    Args:
        session: the pair.
        drill: the drill, which is open.
        overrides: guards that need not pass on the way, each with the operator's reason.
        watchers: are told each event as it happens; an intent a moment before it is durable.
        controls: how a person stops it.

    Raises:
        Refused: it would have to be written, and its inventory does not say that it may be drilled.
        HamrError: the journal or the orgs could not be used at all.
    """
    controls = controls or RunControl()
    results: list[RunResult] = []
    tried: set[tuple[_Action, str]] = set()
    trouble: RunResult | HamrError | None = None
    while True:
        history, standing = session.history(), await read_status(session)
        strangers = history.outsiders(drill)
        if strangers:
            return _left_alone(session, standing, strangers[-1], results)
        if _is_home(standing, drill.started.home) and history.open_run is None:
            return Homecoming(True, standing.phase.label, results=tuple(results))
        left = [
            action
            for action in _actions(history, standing, simulated=drill.started.simulated)
            if (action, standing.phase.label) not in tried
        ]
        if not left or len(results) >= _TRIES or controls.asked:
            return _not_home(session, drill, standing, results, trouble)
        _refuse_undrillable(session, drill)
        tried.add((left[0], standing.phase.label))
        try:
            results.append(
                await _do(left[0], session, drill, overrides or {}, watchers=watchers, controls=controls)
            )
        except HamrError as error:
            trouble = error
        else:
            if results[-1].exit_code is not ExitCode.DONE:
                trouble = results[-1]


def _refuse_undrillable(session: Session, drill: DrillHistory) -> None:
    """A drill's way home is a drill, too: it never writes to a pair that may not be drilled.

    Raises:
        Refused: its inventory does not say `drill: true`.
    """
    if session.pair.drill:
        return
    name = session.pair.name
    raise Refused(
        f"pair {name} would have to be brought home to {drill.started.home}, and its inventory does not say drill: true: "
        f"another inventory than that of drill {drill.drill}, or it was changed since. Where this is the pair that was "
        "drilled, put drill: true back until it is at home",
        next_steps=(f"hamr drill close {drill.drill} --notes TEXT", f"hamr status {name}"),
    )


def _is_home(standing: Standing, home: Status) -> bool:
    phase = standing.phase
    return (
        phase.name is PhaseName.AGREED
        and phase.status is home
        and standing.owed is None
        and not standing.unknown
    )


def _actions(history: History, standing: Standing, *, simulated: bool) -> tuple[_Action, ...]:
    """What may bring it nearer to home, best first."""
    open_run = history.open_run
    if standing.phase.name is PhaseName.DIVERGED and simulated:
        # Live, which org is right is for a person to say.
        return (_Action.ADOPT,) if open_run is None else (_Action.RESUME, _Action.ADOPT)
    if history.owed is not None or history.unknown:
        return (_Action.RESUME, _Action.RUN, _Action.ONWARD)
    if open_run is None:
        return (_Action.RUN, _Action.ONWARD)
    # A new run takes the shortest way home from where the pair stands; the open one would go out first.
    return (_Action.RUN, _Action.RESUME, _Action.ONWARD)


async def _do(
    action: _Action,
    session: Session,
    drill: DrillHistory,
    named: Mapping[str, str],
    *,
    watchers: Sequence[Watcher],
    controls: RunControl,
) -> RunResult:
    match action:
        case _Action.RESUME:
            run = session.history().open_run
            return await resume(session, run, overrides=dict(named), watchers=watchers, controls=controls)
        case _Action.ADOPT:
            reason = f"clean-up of drill {drill.drill}"
            return await adopt(session, Role.SECONDARY, reason, watchers=watchers, controls=controls)
        case _Action.RUN | _Action.ONWARD:
            overrides = {**pace(session, drill.drill), **named}
            if drill.started.simulated and session.history().unknown:
                # Live, only a person may accept that; here the regions tell that nothing is on its way any more.
                overrides["unknown"] = "the rehearsal is over, and nothing is on its way any more"
            goal = drill.started.home if action is _Action.RUN else drill.started.goal
            request = RunRequest(session.pair.name, goal, overrides=overrides, ref=drill.drill)
            return await start(session, request, watchers=watchers, controls=controls, drill=drill.drill)
        case _ as never:
            assert_never(never)


def _left_alone(
    session: Session, standing: Standing, stranger: RunHistory, results: Sequence[RunResult]
) -> Homecoming:
    why = (
        f"run {stranger.run} of {stranger.by}@{stranger.host}, which is not of this drill, has moved the pair "
        "meanwhile: it is left where it stands"
    )
    steps = (f"hamr status {session.pair.name}", f"hamr show {stranger.run}")
    return Homecoming(False, standing.phase.label, why, steps, tuple(results), left_alone=True)


def _not_home(
    session: Session,
    drill: DrillHistory,
    standing: Standing,
    results: Sequence[RunResult],
    trouble: RunResult | HamrError | None,
) -> Homecoming:
    """What stopped it last; a way home that a guard refused is open to whoever overrides that guard by name."""
    again = f"hamr drill close {drill.drill} --notes TEXT"
    steps: tuple[str, ...]
    match trouble:
        case RunResult(ending=ending, refused_by=refused):
            unsaid = [f"{each.guard}: {each.reason}" for each in refused if each.reason not in ending.message]
            why, steps = "; ".join((ending.message, *unsaid)), ending.next_steps
            flags = " ".join(f"--override {each.guard}=REASON" for each in refused)
            again += f" {flags}" if flags and not results[-1].resumable else ""
        case HamrError():
            why, steps = trouble.message, trouble.next_steps
        case None:
            why, steps = standing.phase.sentence, standing.phase.next_steps
        case _ as never:
            assert_never(never)
    every = tuple(dict.fromkeys((*steps, f"hamr status {session.pair.name}", again)))
    return Homecoming(False, standing.phase.label, why, every, tuple(results))
