"""What must fit together in a playbook's table: rows, stops, and ways through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.model.status import Status

from .nodes import Finding, Steps
from .sketch import RowSketch, TableSketch
from .wording import listed


def table_findings(table: TableSketch) -> Iterator[Finding]:
    """Everything about the rows that does not fit together."""
    yield from _repeated_rows(table.rows)
    for row in table.rows:
        yield from _within_row(row)
    yield from _repeated_stops(table)
    if table.whole:
        yield from _ways(table)
        yield from _emergency_ways(table)


def _repeated_rows(rows: Iterable[RowSketch]) -> Iterator[Finding]:
    names: dict[str, RowSketch] = {}
    moves: dict[tuple[Status, Status], RowSketch] = {}
    for row in rows:
        if row.name is not None and (first := names.setdefault(row.name, row)) is not row:
            yield Finding(
                (*row.steps, "name"),
                f'two rows are named "{row.name}" (rows {first.index + 1} and {row.index + 1})',
            )
        if row.source is None or row.target is None:
            continue
        if (other := moves.setdefault((row.source, row.target), row)) is not row:
            yield Finding(
                row.steps,
                f"two rows go from {row.source} to {row.target}: {other.label} does already, "
                "and a refused row must not fall through to a laxer one",
            )


def _within_row(row: RowSketch) -> Iterator[Finding]:
    if row.source is not None and row.source == row.target:
        yield Finding((*row.steps, "to"), f"{row.label} goes from {row.source} to itself")
    seen: set[str] = set()
    for index, role in enumerate(row.writes or ()):
        if role in seen:
            yield Finding(
                (*row.steps, "writes", index), f"{role} is written twice in this row: once is enough"
            )
        seen.add(role)
    named: set[str] = set()
    for steps, guard in row.guards:
        if guard in named:
            yield Finding(steps, f'the guard "{guard}" is named twice in this row')
        named.add(guard)
    yield from _planned_only(row, named)
    if row.survivor is None:
        return
    if row.writes is not None and row.survivor not in row.writes:
        yield Finding(
            (*row.steps, "survivor"),
            f"{row.survivor} is not among the writes of this row, so it cannot be the org that is written alone",
        )
    if row.source is Status.ABSENT:
        yield Finding(
            (*row.steps, "survivor"),
            "a connection cannot be made with one org alone: a row from ABSENT has no survivor",
            at_key=True,
        )


def _planned_only(row: RowSketch, named: set[str]) -> Iterator[Finding]:
    for steps, guard in row.planned_only:
        if guard not in named:
            yield Finding(
                steps, f'"{guard}" is not among the guards of this row, so no emergency would stop at it'
            )
        elif row.survivor is None:
            yield Finding(steps, "this row names no survivor, so it is made in planned runs alone anyway")


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
    moves = _moves(table.rows)
    arrivals = {target for targets in moves.values() for target in targets}
    stops = {stop for _, stop in table.stops}
    entries = set(moves) - arrivals
    for steps, stop in table.stops:
        starts = (stops | entries) - {stop}
        if stop not in arrivals:
            yield Finding(steps, f"{stop} can't be reached: no row leads to it")
        elif starts and stop not in _reached(moves, starts):
            yield Finding(
                steps, f"{stop} can't be reached: no way through the rows leads to it from elsewhere"
            )
    for here, steps in _first_places(table.rows).items():
        if here in stops or not stops.isdisjoint(_reached(moves, {here})):
            continue
        if here in moves:
            yield Finding(steps, f"{here} is no stop, and no way through the rows leads from it to one")
        else:
            yield Finding(
                steps,
                f"{here} is no stop and can't be left: no row comes from it, so a pair would stay there; "
                "add a row, or add it to stops",
            )


def _first_places(rows: Iterable[RowSketch]) -> dict[Status, Steps]:
    """Each status of the table, with the place where it stands first; places that lead to it go before others."""
    places: dict[Status, Steps] = {}
    for row in rows:
        if row.target is not None:
            places.setdefault(row.target, (*row.steps, "to"))
    for row in rows:
        if row.source is not None:
            places.setdefault(row.source, (*row.steps, "from"))
    return places


def _emergency_ways(table: TableSketch) -> Iterator[Finding]:
    """A run with --emergency that begins a row can go on to a stop with the same survivor."""
    stops = (
        {stop for _, stop in table.stops} if table.stops is not None else {row.target for row in table.rows}
    )
    survivors = ("primary", "secondary")
    moves = {name: _moves(row for row in table.rows if row.survivor == name) for name in survivors}
    for row in table.rows:
        if row.survivor not in moves or row.target is None or row.target in stops:
            continue
        if stops.isdisjoint(_reached(moves[row.survivor], {row.target})):
            names = [other.label for other in table.rows if other.source == row.target]
            rows = f": {listed(names, 'or')} would need the same survivor" if names else ""
            yield Finding(
                (*row.steps, "survivor"),
                f"with --emergency, a run would get stuck at {row.target}, which is no stop, "
                f"as no way on has the survivor {row.survivor}{rows}",
            )


def _moves(rows: Iterable[RowSketch]) -> dict[Status, set[Status]]:
    moves: dict[Status, set[Status]] = {}
    for row in rows:
        if row.source is not None and row.target is not None:
            moves.setdefault(row.source, set()).add(row.target)
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
