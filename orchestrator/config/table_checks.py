"""What must fit together in a playbook's table: transitions, stops, and ways through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.model.status import Status

from .nodes import Finding, Steps
from .sketch import TableSketch, TransitionSketch
from .wording import listed


def table_findings(table: TableSketch) -> Iterator[Finding]:
    """Everything about the transitions that does not fit together."""
    yield from _repeated_transitions(table.transitions)
    for transition in table.transitions:
        yield from _within_transition(transition)
    yield from _repeated_stops(table)
    if table.whole:
        yield from _ways(table)
        yield from _emergency_ways(table)


def _repeated_transitions(transitions: Iterable[TransitionSketch]) -> Iterator[Finding]:
    names: dict[str, TransitionSketch] = {}
    moves: dict[tuple[Status, Status], TransitionSketch] = {}
    for transition in transitions:
        if (
            transition.name is not None
            and (first := names.setdefault(transition.name, transition)) is not transition
        ):
            yield Finding(
                (*transition.steps, "name"),
                f'two transitions are named "{transition.name}" (transitions {first.index + 1} and {transition.index + 1})',
            )
        if transition.source is None or transition.target is None:
            continue
        if (other := moves.setdefault((transition.source, transition.target), transition)) is not transition:
            yield Finding(
                transition.steps,
                f"two transitions go from {transition.source} to {transition.target}: {other.label} does already, "
                "and a refused transition must not fall through to a laxer one",
            )


def _within_transition(transition: TransitionSketch) -> Iterator[Finding]:
    if transition.source is not None and transition.source == transition.target:
        yield Finding(
            (*transition.steps, "to"), f"{transition.label} goes from {transition.source} to itself"
        )
    seen: set[str] = set()
    for index, role in enumerate(transition.writes or ()):
        if role in seen:
            yield Finding(
                (*transition.steps, "writes", index),
                f"{role} is written twice in this transition: once is enough",
            )
        seen.add(role)
    named: set[str] = set()
    for steps, guard in transition.guards:
        if guard in named:
            yield Finding(steps, f'the guard "{guard}" is named twice in this transition')
        named.add(guard)
    yield from _planned_only(transition, named)
    if transition.survivor is None:
        return
    if transition.writes is not None and transition.survivor not in transition.writes:
        yield Finding(
            (*transition.steps, "survivor"),
            f"{transition.survivor} is not among the writes of this transition, so it cannot be the org that is written alone",
        )
    if transition.source is Status.ABSENT:
        yield Finding(
            (*transition.steps, "survivor"),
            "a connection cannot be made with one org alone: a transition from ABSENT has no survivor",
            at_key=True,
        )


def _planned_only(transition: TransitionSketch, named: set[str]) -> Iterator[Finding]:
    for steps, guard in transition.planned_only:
        if guard not in named:
            yield Finding(
                steps,
                f'"{guard}" is not among the guards of this transition, so no emergency would stop at it',
            )
        elif transition.survivor is None:
            yield Finding(
                steps, "this transition names no survivor, so it is made in planned runs alone anyway"
            )


def _repeated_stops(table: TableSketch) -> Iterator[Finding]:
    seen: set[Status] = set()
    for steps, stop in table.stops or ():
        if stop in seen:
            yield Finding(steps, f"{stop} stands twice among the stops")
        seen.add(stop)


def _ways(table: TableSketch) -> Iterator[Finding]:
    """Every stop can be reached, and from everywhere else some stop can. With stops left out, both are so."""
    if table.stops is None:
        return
    moves = _moves(table.transitions)
    arrivals = {target for targets in moves.values() for target in targets}
    stops = {stop for _, stop in table.stops}
    entries = set(moves) - arrivals
    for steps, stop in table.stops:
        starts = (stops | entries) - {stop}
        if stop not in arrivals:
            yield Finding(steps, f"{stop} can't be reached: no transition leads to it")
        elif starts and stop not in _reached(moves, starts):
            yield Finding(
                steps, f"{stop} can't be reached: no way through the transitions leads to it from elsewhere"
            )
    for here, steps in _first_places(table.transitions).items():
        if here in stops or not stops.isdisjoint(_reached(moves, {here})):
            continue
        if here in moves:
            yield Finding(
                steps, f"{here} is no stop, and no way through the transitions leads from it to one"
            )
        else:
            yield Finding(
                steps,
                f"{here} is no stop and can't be left: no transition comes from it, so a pair would stay there; "
                "add a transition, or add it to stops",
            )


def _first_places(transitions: Iterable[TransitionSketch]) -> dict[Status, Steps]:
    """Each status of the table, with the place where it stands first; places that lead to it go before others."""
    places: dict[Status, Steps] = {}
    for transition in transitions:
        if transition.target is not None:
            places.setdefault(transition.target, (*transition.steps, "to"))
    for transition in transitions:
        if transition.source is not None:
            places.setdefault(transition.source, (*transition.steps, "from"))
    return places


def _emergency_ways(table: TableSketch) -> Iterator[Finding]:
    """A run with --emergency that begins a transition can go on to a stop with the same survivor."""
    stops = (
        {stop for _, stop in table.stops}
        if table.stops is not None
        else {transition.target for transition in table.transitions}
    )
    survivors = ("primary", "secondary")
    moves = {
        name: _moves(transition for transition in table.transitions if transition.survivor == name)
        for name in survivors
    }
    for transition in table.transitions:
        if transition.survivor not in moves or transition.target is None or transition.target in stops:
            continue
        if stops.isdisjoint(_reached(moves[transition.survivor], {transition.target})):
            names = [other.label for other in table.transitions if other.source == transition.target]
            transitions = f": {listed(names, 'or')} would need the same survivor" if names else ""
            yield Finding(
                (*transition.steps, "survivor"),
                f"with --emergency, a run would get stuck at {transition.target}, which is no stop, "
                f"as no way on has the survivor {transition.survivor}{transitions}",
            )


def _moves(transitions: Iterable[TransitionSketch]) -> dict[Status, set[Status]]:
    moves: dict[Status, set[Status]] = {}
    for transition in transitions:
        if transition.source is not None and transition.target is not None:
            moves.setdefault(transition.source, set()).add(transition.target)
    return moves


def _reached(moves: dict[Status, set[Status]], starts: Iterable[Status]) -> set[Status]:
    """Statuses that can be reached in one or more moves."""
    reached: set[Status] = set()
    left = list(starts)
    while left:
        for target in moves.get(left.pop(), ()):
            if target not in reached:
                reached.add(target)
                left.append(target)
    return reached
