"""Where a run enters the table: from the pair's phase, or not at all."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.reading import Reading
from orchestrator.model.run import End, Mode
from orchestrator.model.situation import OpenRun, Phase, PhaseName
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import commands

from .stop import Stopped, stopped


class Entry(Struct, frozen=True):
    """The state that the machine starts in."""

    status: Status
    half_done: Transition | None = None
    """The transition of which a write is already in effect."""
    taken_as_is: frozenset[Role] = frozenset()
    """The orgs that stand at that transition's target already."""
    survivor: Role | None = None
    """The one org that an emergency's transitions need; None in a planned run."""


def enter(
    pair: Pair,
    playbook: Playbook,
    phase: Phase,
    readings: Both[Reading],
    goal: Status,
    *,
    mode: Mode,
    open_run: OpenRun | None,
    ours: frozenset[Role] = frozenset(),
) -> Entry:
    """Where to start towards a goal.

    Args:
        pair: for names.
        playbook: the table.
        phase: where the pair stands.
        readings: what both orgs show.
        goal: where to.
        mode: whether one org is enough.
        open_run: the run that has not finished, if any.
        ours: the orgs whose record is a confirmed write of this very run: where an emergency is resumed, what it
            wrote explains that the other org is behind.

    Raises:
        Stopped: the pair stands where no transition of this run leads on; nothing was written.
    """
    if mode is Mode.EMERGENCY:
        return _enter_emergency(pair, playbook, phase, readings, goal, ours)
    match phase.name:
        case PhaseName.AGREED | PhaseName.ABSENT if phase.status is not None:
            _require_route(pair, playbook, phase.status, goal)
            return Entry(phase.status)
        case PhaseName.MIDWAY if phase.transition is not None:
            transition = playbook.transition(phase.transition)
            if transition is not None:
                return _enter_midway(pair, playbook, transition, readings, goal, open_run)
    raise _refused(phase)


def survivor_of(pair: Pair, playbook: Playbook, start: Status, goal: Status) -> Role:
    """The one org that every transition of an emergency's route names as its survivor.

    Raises:
        Stopped: a transition of the route names none, or another one.
    """
    route = _require_route(pair, playbook, start, goal)
    survivors = {transition.survivor for transition in route}
    for transition in route:
        if transition.survivor is None:
            raise stopped(
                End.REFUSED,
                f"transition {transition} names no survivor in playbook {playbook.name}, so it is not for emergencies; it needs both orgs",
                next_steps=(commands.watch(pair), commands.graph(playbook)),
            )
    survivor = survivors.pop() if len(survivors) == 1 else None
    if survivor is None:
        raise stopped(
            End.REFUSED,
            f"the transitions from {start} to {goal} name different survivors, so neither org is enough for the whole way",
            next_steps=(commands.watch(pair),),
        )
    return survivor


def _require_route(pair: Pair, playbook: Playbook, start: Status, goal: Status) -> tuple[Transition, ...]:
    route = playbook.route(start, goal)
    if route is None:
        raise stopped(
            End.REFUSED,
            f"playbook {playbook.name} has no way from {start}, where pair {pair.name} stands, to {goal}",
            next_steps=(commands.status(pair), commands.graph(playbook)),
        )
    return route


def _refused(phase: Phase) -> Stopped:
    return stopped(End.REFUSED, phase.sentence, org=phase.role, next_steps=phase.next_steps)


def _enter_emergency(  # noqa: PLR0917 - the facts that decide it
    pair: Pair,
    playbook: Playbook,
    phase: Phase,
    readings: Both[Reading],
    goal: Status,
    ours: frozenset[Role],
) -> Entry:
    if phase.name is PhaseName.AGREED and phase.status is goal:
        return Entry(goal)
    refusal = _refused(phase)
    for role in (Role.SECONDARY, Role.PRIMARY):
        status = readings[role].status
        if status is None or playbook.route(status, goal) is None:
            continue
        try:
            survivor = (
                playbook.survivor_at(goal) if status is goal else survivor_of(pair, playbook, status, goal)
            )
        except Stopped as stop:
            refusal = stop
            continue
        if survivor is not role:
            continue
        if phase.name is PhaseName.DIVERGED and readings[role.other].status is not None and role not in ours:
            raise _refused(phase)
        half_done, there = _half_done(playbook, readings, role, status, goal)
        return Entry(status, half_done, there, role)
    raise refusal


def _half_done(
    playbook: Playbook, readings: Both[Reading], survivor: Role, status: Status, goal: Status
) -> tuple[Transition | None, frozenset[Role]]:
    """The other org of an emergency may be ahead: it got the first write of a planned run."""
    route = playbook.route(status, goal)
    if route and readings[survivor.other].status is route[0].target:
        return route[0], frozenset({survivor.other})
    return None, frozenset()


def _enter_midway(  # noqa: PLR0917 - the facts that decide it
    pair: Pair,
    playbook: Playbook,
    transition: Transition,
    readings: Both[Reading],
    goal: Status,
    open_run: OpenRun | None,
) -> Entry:
    """Forward through the half-done transition, or back by a transition that leads back; never into a status not yet reached."""
    back_to_start = (
        _on_its_way(playbook, transition, open_run) and open_run is not None and goal is open_run.start
    )
    going_back = goal is transition.source or (back_to_start and goal is not transition.target)
    if not going_back:
        if goal is not transition.target and playbook.route(transition.target, goal) is None:
            raise _no_way_on(pair, playbook, transition, goal)
        arrived = playbook.server_moves(transition.target)
        there = frozenset(role for role in Role if readings[role].status in arrived)
        return Entry(transition.source, transition, there)
    back = playbook.between(transition.target, transition.source)
    beyond = playbook.route(transition.source, goal)
    reached = {reading.status for reading in readings} | ({open_run.start} if open_run else set())
    if (
        back is None
        or beyond is None
        or transition in beyond
        or any(step.target not in reached for step in beyond)
    ):
        raise stopped(
            End.REFUSED,
            f"pair {pair.name} is midway in transition {transition}, and playbook {playbook.name} has no transition that leads back to "
            f"{goal} without entering a status that was not reached yet",
            next_steps=(
                *((commands.resume(pair),) if open_run is not None else ()),
                *_runs_on(pair, playbook, transition, goal),
            ),
        )
    there = frozenset(role for role in Role if readings[role].status is transition.source)
    return Entry(transition.target, back, there)


def _on_its_way(playbook: Playbook, transition: Transition, open_run: OpenRun | None) -> bool:
    """Whether a half-made transition is one that the open run was to make; a transition that somebody else began is not."""
    if open_run is None or open_run.start is None:
        return False
    return transition in (playbook.route(open_run.start, open_run.goal) or ())


def _no_way_on(pair: Pair, playbook: Playbook, transition: Transition, goal: Status) -> Stopped:
    return stopped(
        End.REFUSED,
        f"pair {pair.name} is midway in transition {transition}, and playbook {playbook.name} has no way on to {goal}",
        next_steps=_runs_on(pair, playbook, transition, goal),
    )


def _runs_on(pair: Pair, playbook: Playbook, transition: Transition, refused: Status) -> tuple[str, ...]:
    """The commands that lead on from a half-made transition: to every stop beyond it but the one that was refused."""
    stops = (stop for stop in playbook.stops if stop is not refused)
    return tuple(
        commands.run(pair, stop) for stop in stops if playbook.route(transition.target, stop) is not None
    )
