"""The way home: what a drill needs of it, how a pair is brought home, and how a drill that stayed open is closed."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import assert_never

from msgspec import Struct, field

from orchestrator.errors import Conflict, ExitCode, HamrError, Incomplete, Refused, UsageError
from orchestrator.journal.history import DrillHistory, History, RunHistory
from orchestrator.model import next_step
from orchestrator.model.events import DrillClosed, Event, encode
from orchestrator.model.journal import Entry
from orchestrator.model.next_step import NextStep, each_once
from orchestrator.model.org import Pair
from orchestrator.model.plain import EMPTY
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Store
from orchestrator.model.result import RunResult
from orchestrator.model.run import Mode, Operator, RunRequest
from orchestrator.model.situation import PairStatus, PhaseName
from orchestrator.model.status import Role, Status
from orchestrator.model.words import utc
from orchestrator.operations.holding import RunControl
from orchestrator.operations.locking import refuse_held
from orchestrator.operations.preflight import check_overrides
from orchestrator.operations.run import adopt, resume, start
from orchestrator.operations.session import Session
from orchestrator.operations.status import read_status
from orchestrator.situation.next_steps import in_drill


def refuse_undrillable(pair: Pair) -> None:
    """Refused where a pair's inventory does not say `drill: true`: no other may be drilled live, and no flag changes that."""
    if not pair.drill:
        raise Refused(
            f"pair {pair.name} is not for drills: its inventory does not say drill: true, and no flag changes that. "
            "Without a pair the drill runs on the built-in simulator",
            next_steps=(
                NextStep("drill run", why="rehearse on the simulator"),
                next_step.plan(pair.name, Status.ACTIVE),
            ),
        )


def check_routes(playbook: Playbook, home: Status, goal: Status) -> None:
    """Make sure that a drill can go out, and home again; a UsageError where it can't."""
    stops = ", ".join(str(stop) for stop in playbook.stops)
    for status in (home, goal):
        if status not in playbook.stops:
            raise UsageError(
                f"playbook {playbook.name} can't be drilled from {home} to {goal} and back: {status} is no stop of it. "
                f"Its stops are: {stops}"
            )
    if home is goal:
        raise UsageError(
            f"the drill would go to {goal}, and that is where it begins. The stops of playbook {playbook.name} are: {stops}"
        )
    for source, target in ((home, goal), (goal, home)):
        if playbook.route(source, target) is None:
            raise UsageError(
                f"playbook {playbook.name} has no transitions that lead from {source} to {target}, and a drill needs the way out "
                "and the way home"
            )


_TRIES = 6
"""Runs that a clean-up makes at most: what is left then wants a person."""


class OpenDrill(Struct):
    """A drill while it is open, and the commands that it gives on its pair."""

    session: Session
    drill: str
    controls: RunControl = field(default_factory=RunControl)
    cools: bool = False
    """Whether the playbook's cooling down binds it."""

    async def run(
        self, goal: Status, overrides: Mapping[str, str], *, mode: Mode = Mode.PLANNED, reason: str = ""
    ) -> RunResult:
        """As `hamr run`; a playbook's cooling down is for people, and a drill goes on at once, unless that is rehearsed."""
        session = self.session
        if not self.cools and session.playbook.cool_down is not None:
            overrides = {"cool_down": f"drill {self.drill} goes on at once", **overrides}
        request = RunRequest(session.pair.name, goal, mode, reason, dict(overrides), ref=self.drill)
        return await start(session, request, controls=self.controls, drill=self.drill)

    async def resume(
        self, overrides: Mapping[str, str], *, mode: Mode | None = None, reason: str = ""
    ) -> RunResult:
        """As `hamr resume`."""
        session, controls = self.session, self.controls
        run = session.history().open_run
        return await resume(session, run, mode=mode, reason=reason, overrides=overrides, controls=controls)

    async def adopt(self, truth: Role, reason: str, overrides: Mapping[str, str] = EMPTY) -> RunResult:
        """As `hamr adopt`."""
        return await adopt(self.session, truth, reason, overrides=overrides, controls=self.controls)

    def tell(self, event: Event) -> None:
        """Tell those who watch."""
        for watcher in self.controls.watchers:
            watcher.tell(event)


class FailbackResult(Struct, frozen=True):
    """What came of bringing a pair home."""

    at_home: bool
    phase: str
    why: str = ""
    """Why it is not at home, in words."""
    next_steps: tuple[NextStep, ...] = ()
    results: tuple[RunResult, ...] = ()
    """The runs that it took, in order."""
    left_alone: bool = False
    """Somebody else moved the pair meanwhile: it is not the drill's to bring home any more."""

    @property
    def found(self) -> str:
        """What was found in the end, in words."""
        if self.at_home:
            return "it held"
        return f"it stands at {self.phase}: {self.why}" if self.phase else self.why


class _Move(enum.Enum):
    RESUME = "resume"
    RUN = "run"
    ONWARD = "onward"
    """To the drill's goal: from the middle of a transition, the way home may lead through there."""
    ADOPT = "adopt"


async def bring_home(
    opened: OpenDrill, drill: DrillHistory, *, overrides: Mapping[str, str] = EMPTY
) -> FailbackResult:
    """Bring the pair to where it stood when the drill began; it sends nothing where it stands there already.

    `overrides` are guards that need not pass on the way, each with the operator's reason.

    Raises:
        Refused: it would have to be written, and its inventory does not say that it may be drilled.
        HamrError: the journal or the orgs could not be used at all.
    """
    session = opened.session
    results: list[RunResult] = []
    tried: set[tuple[_Move, str]] = set()
    trouble: RunResult | HamrError | None = None
    while True:
        history, standing = session.history(), await read_status(session)
        strangers = history.outsiders(drill)
        if strangers:
            return _left_alone(session, standing, strangers[-1], results)
        if _is_home(standing, drill.started.home) and history.open_run is None:
            return FailbackResult(True, standing.phase.label, results=tuple(results))
        moves = _moves(history, standing, simulated=drill.started.simulated)
        move = next((each for each in moves if (each, standing.phase.label) not in tried), None)
        if move is None or len(results) >= _TRIES or opened.controls.asked:
            return _not_home(session, drill, standing, results, trouble)
        _refuse_undrillable(session, drill)
        tried.add((move, standing.phase.label))
        try:
            results.append(await _do(move, opened, drill, overrides))
        except HamrError as error:
            trouble = error
        else:
            if results[-1].exit_code is ExitCode.DONE:
                tried = {(move, standing.phase.label)}  # what was refused before it may be taken now
            else:
                trouble = results[-1]


def _refuse_undrillable(session: Session, drill: DrillHistory) -> None:
    """A drill's way home is a drill, too: it never writes to a pair that may not be drilled."""
    if session.pair.drill:
        return
    name = session.pair.name
    raise Refused(
        f"pair {name} would have to be brought home to {drill.started.home}, and its inventory does not say drill: true: "
        f"another inventory than that of drill {drill.drill}, or it was changed since. Where this is the pair that was "
        "drilled, put drill: true back until it is at home",
        next_steps=(next_step.close_drill(drill.drill), next_step.status(name)),
    )


def _is_home(standing: PairStatus, home: Status) -> bool:
    phase = standing.phase
    return (
        phase.name is PhaseName.AGREED
        and phase.status is home
        and standing.owed is None
        and not standing.unknown
    )


def _moves(history: History, standing: PairStatus, *, simulated: bool) -> tuple[_Move, ...]:
    """What may bring it nearer to home, best first."""
    open_run = history.open_run
    if standing.phase.name is PhaseName.DIVERGED and simulated:
        # Live, which org is right is for a person to say.
        return (_Move.ADOPT,) if open_run is None else (_Move.RESUME, _Move.ADOPT)
    if history.owed is not None or history.unknown:
        return (_Move.RESUME, _Move.RUN, _Move.ONWARD)
    if open_run is None:
        return (_Move.RUN, _Move.ONWARD)
    # A new run takes the shortest way home from where the pair stands; the open one would go out first.
    return (_Move.RUN, _Move.RESUME, _Move.ONWARD)


async def _do(move: _Move, opened: OpenDrill, drill: DrillHistory, overrides: Mapping[str, str]) -> RunResult:
    match move:
        case _Move.RESUME:
            return await opened.resume(overrides)
        case _Move.ADOPT:
            return await opened.adopt(Role.SECONDARY, f"clean-up of drill {drill.drill}")
        case _Move.RUN | _Move.ONWARD:
            if drill.started.simulated and opened.session.history().unknown:
                # Live, only a person may accept that; here the regions tell that nothing is on its way any more.
                accepted = "the rehearsal is over, and nothing is on its way any more"
                overrides = {**overrides, "unknown": accepted}
            goal = drill.started.home if move is _Move.RUN else drill.started.goal
            return await opened.run(goal, overrides)
        case _ as never:
            assert_never(never)


def _left_alone(
    session: Session, standing: PairStatus, stranger: RunHistory, results: Sequence[RunResult]
) -> FailbackResult:
    why = (
        f"run {stranger.run} of {stranger.by}@{stranger.host}, which is not of this drill, has moved the pair "
        "meanwhile: it is left where it stands"
    )
    steps = (next_step.status(session.pair.name), next_step.show(stranger.run))
    return FailbackResult(False, standing.phase.label, why, steps, tuple(results), left_alone=True)


def _not_home(
    session: Session,
    drill: DrillHistory,
    standing: PairStatus,
    results: Sequence[RunResult],
    trouble: RunResult | HamrError | None,
) -> FailbackResult:
    """What stopped it last; a way home that a guard refused is open to whoever overrides that guard by name."""
    again = next_step.close_drill(drill.drill)
    steps: Sequence[NextStep]
    match trouble:
        case RunResult(ending=ending, refused_by=refused):
            unsaid = [f"{each.guard}: {each.reason}" for each in refused if each.reason not in ending.message]
            why, steps = "; ".join((ending.message, *unsaid)), ending.next_steps
            if not results[-1].resumable:
                again = again.overriding(*(each.guard for each in refused))
        case HamrError():
            steps = in_drill(drill.drill, trouble.next_steps)
            again = next(step for step in steps if step.verb == again.verb)
            steps = [step for step in steps if step is not again]
            why = trouble.message
        case None:
            why, steps = standing.phase.sentence, standing.phase.next_steps
        case _ as never:
            assert_never(never)
    onward = (step for step in steps if not step.begins_anew)  # which an open drill refuses
    every = each_once((*onward, next_step.status(session.pair.name), again))
    return FailbackResult(False, standing.phase.label, why, every, tuple(results))


# -- closing ---------------------------------------------------------------------------------------------------


def drill_named(histories: Mapping[str, History], name: str) -> DrillHistory:
    """The open drill of that id, or the one that a run of that id belongs to, or the open one of that pair; a UsageError where there is none, or it is closed."""
    drills = {drill.drill: drill for history in histories.values() for drill in history.drills.values()}
    by_leg = {leg: drill for drill in drills.values() for leg in drill.legs}
    found = drills.get(name) or by_leg.get(name)
    if found is None and name in histories:
        found = histories[name].open_drill
        if found is None:
            raise UsageError(f"pair {name} has no open drill", next_steps=(next_step.runs(),))
    if found is None:
        still = [drill.drill for drill in drills.values() if drill.open]
        words = f" Open: {', '.join(still)}." if still else " None is open."
        raise UsageError(f"the journal knows no drill {name[:60]!r}.{words}", next_steps=(next_step.runs(),))
    if found.closed_at is not None:
        raise UsageError(
            f"drill {found.drill} was closed at {utc(found.closed_at)} already",
            next_steps=(next_step.show(found.drill),),
        )
    return found


def close_rehearsed(store: Store, operator: Operator, drill: DrillHistory, notes: str) -> None:
    """Close a drill on simulated regions, which are gone: there is nothing to bring home. The notes hold no keys. A JournalUnavailable where it cannot be written."""
    closed = DrillClosed(notes)
    entry = Entry(drill.drill, drill.pair, closed.kind, operator.name, operator.host, encode(closed))
    store.append(entry)


async def close(
    session: Session,
    drill: DrillHistory,
    notes: str,
    *,
    overrides: Mapping[str, str] | None = None,
    controls: RunControl | None = None,
) -> FailbackResult:
    """Bring a live pair home, and close its drill; `notes` are what the journal keeps.

    A pair that a run of somebody else's has moved since (an emergency) is left where it stands, and the drill is closed.

    Raises:
        Locked: somebody is at work on the pair.
        Conflict: the inventory names other orgs for the pair than those that were drilled.
        Refused: it would have to be written, and its inventory does not say that it may be drilled.
        UsageError: an override cannot be right.
        Incomplete: it can't be brought home; the drill stays open.
        HamrError: the journal or the orgs could not be used at all.
    """
    overrides = overrides or {}
    check_overrides(overrides, session.playbook)
    _refuse_other_orgs(session, drill)
    _refuse_held(session, drill)
    opened = OpenDrill(session, drill.drill, controls or RunControl())
    failback = await bring_home(opened, drill, overrides=overrides)
    if not failback.at_home and not failback.left_alone:
        raise Incomplete(
            f"pair {session.pair.name} is not at home ({drill.started.home}): it stands at {failback.phase}. "
            f"{failback.why[:1].upper()}{failback.why[1:].rstrip('.')}. Drill {drill.drill} stays open",
            sent=failback.results[-1].ending.sent if failback.results else "Nothing was sent.",
            next_steps=failback.next_steps,
        )
    session.append(drill.drill, DrillClosed(notes))
    return failback


def _refuse_other_orgs(session: Session, drill: DrillHistory) -> None:
    """A name is not an org: another inventory may call other orgs the same."""
    began_on = drill.started.orgs
    if began_on is None or session.pair.is_of(began_on):
        return
    raise Conflict(
        f"drill {drill.drill} began on other orgs than the inventory now names for pair {session.pair.name}",
        next_steps=(next_step.show(drill.drill), next_step.check()),
    )


def _refuse_held(session: Session, drill: DrillHistory) -> None:
    """Somebody at work on the pair goes first; a process that died in a run of this drill is in nobody's way."""
    holder = session.store.holder(session.pair.name)
    if holder is not None and holder.run in drill.legs and session.is_gone(holder):
        return  # what it left is taken up on the way home
    refuse_held(session)
