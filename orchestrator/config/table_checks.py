"""What must fit together in a playbook's table: transitions, stops, and ways through them.

Like all checks, these look at what could be read of a file, whatever else is wrong with it. What could not be read is
None or left out there, and nothing more is said about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from orchestrator.model.status import Role, Status
from orchestrator.model.words import listed

from .document import Document, Finding, Steps, items, list_in, parts, repeated


class _Line(Struct, frozen=True):
    """One transition of the table, with its place."""

    steps: Steps
    name: str | None
    source: Status | None
    target: Status | None
    survivor: Role | None

    @property
    def number(self) -> int:
        return int(self.steps[-1]) + 1

    @property
    def label(self) -> str:
        return f'"{self.name}"' if self.name else f"transition {self.number}"


def table_findings(_: Document, playbook: dict[str, Any]) -> Iterator[Finding]:
    """Everything about the transitions that does not fit together."""
    table = [
        _Line(steps, *(line.get(key) for key in ("name", "from", "to", "survivor")))
        for steps, line in parts(playbook, "transitions")
    ]
    stops = items(playbook, "stops")
    yield from _repeated_transitions(table)
    for line in table:
        yield from _within_transition(playbook, line)
    for steps, stop in repeated(stops):
        yield Finding(steps, f"{stop} stands twice among the stops")
    if is_whole(playbook):
        if "stops" in playbook:  # left out, every status that a transition leads to is one
            yield from _ways(table, stops)
        yield from _emergency_ways(table, stops_of(playbook))


def stops_of(playbook: dict[str, Any]) -> list[Status]:
    """The stops as far as they could be read; where they are left out, all that a transition leads to."""
    if "stops" in playbook:
        return [stop for _, stop in items(playbook, "stops")]
    return [line["to"] for _, line in parts(playbook, "transitions") if line.get("to") is not None]


def is_whole(playbook: dict[str, Any]) -> bool:
    """Whether every transition's from and to could be read, and every stop: so ways through the table can be judged."""
    table, stops = list_in(playbook.get("transitions")), list_in(playbook.get("stops"))
    return (
        bool(table)
        and all(isinstance(line, dict) and None not in (line.get("from"), line.get("to")) for line in table)
        and ("stops" not in playbook or (bool(stops) and None not in stops))
    )


def _repeated_transitions(table: Iterable[_Line]) -> Iterator[Finding]:
    names: dict[str, _Line] = {}
    moves: dict[tuple[Status, Status], _Line] = {}
    for line in table:
        if line.name is not None and (first := names.setdefault(line.name, line)) is not line:
            yield Finding(
                (*line.steps, "name"),
                f'two transitions are named "{line.name}" (transitions {first.number} and {line.number})',
            )
        if line.source is None or line.target is None:
            continue
        if (other := moves.setdefault((line.source, line.target), line)) is not line:
            yield Finding(
                line.steps,
                f"two transitions go from {line.source} to {line.target}: {other.label} does already, "
                "and a refused transition must not fall through to a laxer one",
            )


def _within_transition(playbook: dict[str, Any], line: _Line) -> Iterator[Finding]:
    if line.source is not None and line.source == line.target:
        yield Finding((*line.steps, "to"), f"{line.label} goes from {line.source} to itself")
    writes, guards = items(playbook, *line.steps, "writes"), items(playbook, *line.steps, "guards")
    for place, role in repeated(writes):
        yield Finding(place, f"{role} is written twice in this transition: once is enough")
    for place, guard in repeated(guards):
        yield Finding(place, f'the guard "{guard}" is named twice in this transition')
    named = {name for _, name in guards}
    for place, guard in items(playbook, *line.steps, "planned_only"):
        if guard not in named:
            yield Finding(
                place,
                f'"{guard}" is not among the guards of this transition, so no emergency would stop at it',
            )
        elif "survivor" not in playbook["transitions"][line.number - 1]:
            yield Finding(
                place, "this transition names no survivor, so it is made in planned runs alone anyway"
            )
    if line.survivor is not None and writes and line.survivor not in [role for _, role in writes]:
        yield Finding(
            (*line.steps, "survivor"),
            f"{line.survivor} is not among the writes of this transition, so it cannot be the org that is written alone",
        )
    if line.survivor is not None and line.source is Status.ABSENT:
        yield Finding(
            (*line.steps, "survivor"),
            "a connection cannot be made with one org alone: a transition from ABSENT has no survivor",
            at_key=True,
        )


def _ways(table: list[_Line], placed: list[tuple[Steps, Status]]) -> Iterator[Finding]:
    """Every stop can be reached, and from everywhere else some stop can."""
    moves = _moves(table)
    arrivals = {target for targets in moves.values() for target in targets}
    stops = {stop for _, stop in placed}
    entries = set(moves) - arrivals
    for steps, stop in placed:
        starts = (stops | entries) - {stop}
        if stop not in arrivals:
            yield Finding(steps, f"{stop} can't be reached: no transition leads to it")
        elif starts and stop not in _reached(moves, starts):
            yield Finding(
                steps, f"{stop} can't be reached: no way through the transitions leads to it from elsewhere"
            )
    for here, steps in _first_places(table).items():
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


def _first_places(table: Iterable[_Line]) -> dict[Status, Steps]:
    """Each status of the table, with the place where it stands first; places that lead to it go before others."""
    places: dict[Status, Steps] = {}
    for line in table:
        if line.target is not None:
            places.setdefault(line.target, (*line.steps, "to"))
    for line in table:
        if line.source is not None:
            places.setdefault(line.source, (*line.steps, "from"))
    return places


def _emergency_ways(table: list[_Line], stops: Iterable[Status]) -> Iterator[Finding]:
    """A run with --emergency that begins a transition can go on to a stop with the same survivor."""
    goals = set(stops)
    moves = {role: _moves(line for line in table if line.survivor is role) for role in Role}
    for line in table:
        if line.survivor is None or line.target is None or line.target in goals:
            continue
        if goals.isdisjoint(_reached(moves[line.survivor], {line.target})):
            names = [other.label for other in table if other.source == line.target]
            others = f": {listed(names, 'or')} would need the same survivor" if names else ""
            yield Finding(
                (*line.steps, "survivor"),
                f"with --emergency, a run would get stuck at {line.target}, which is no stop, "
                f"as no way on has the survivor {line.survivor}{others}",
            )


def _moves(table: Iterable[_Line]) -> dict[Status, set[Status]]:
    moves: dict[Status, set[Status]] = {}
    for line in table:
        if line.source is not None and line.target is not None:
            moves.setdefault(line.source, set()).add(line.target)
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
