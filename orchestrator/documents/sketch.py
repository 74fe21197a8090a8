"""The table of a playbook as far as it could be read: what the checks look at, whatever else is wrong with the file.

A part that cannot be read is None here, and no check says anything about it: the shape has told.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model.plain import JSON
from orchestrator.model.status import Status

from .nodes import Steps
from .wording import meant


@dataclass(frozen=True, slots=True)
class RowSketch:
    """One row as it stands in the file."""

    index: int
    name: str | None
    source: Status | None
    target: Status | None
    guards: tuple[tuple[Steps, str], ...]
    writes: tuple[str, ...] | None
    """None where they are left out or cannot be read."""
    survivor: str | None

    @property
    def steps(self) -> Steps:
        """Where the row stands."""
        return ("transitions", self.index)

    @property
    def label(self) -> str:
        """The row in a person's words."""
        return f'"{self.name}"' if self.name else f"row {self.index + 1}"


@dataclass(frozen=True, slots=True)
class GuardSketch:
    """One guard as it stands in the file."""

    name: str
    kinds: tuple[str, ...]
    """The kinds that it names; exactly one is right."""
    refers: tuple[tuple[Steps, str], ...]
    """Guards that it is made of, each with its place."""

    @property
    def steps(self) -> Steps:
        """Where the guard stands."""
        return ("guards", self.name)


@dataclass(frozen=True, slots=True)
class TableSketch:
    """All rows and guards, and whether the table is whole."""

    rows: tuple[RowSketch, ...]
    guards: tuple[GuardSketch, ...]
    stops: tuple[tuple[Steps, Status], ...] | None
    """None where they are left out."""
    whole: bool
    """Every row's from and to could be read, and every stop: ways through the table can be judged."""


KINDS = ("quiet", "reachable", "located", "window", "all", "any", "not")
LATER_KINDS = ("probe",)


def sketch(data: dict[str, JSON]) -> TableSketch:
    """Read what can be read of a playbook's table."""
    listed = data.get("transitions")
    rows = tuple(_row(index, row) for index, row in enumerate(listed)) if isinstance(listed, list) else ()
    stops = data.get("stops")
    read_stops = tuple(
        (("stops", index), status)
        for index, item in enumerate(_list(stops))
        if (status := _target(item)) is not None
    )
    named = _mapping(data.get("guards"))
    return TableSketch(
        rows,
        tuple(_guard(name, guard) for name, guard in named.items() if isinstance(guard, dict)),
        read_stops if "stops" in data else None,
        bool(rows)
        and all(row.source is not None and row.target is not None for row in rows)
        and ("stops" not in data or (isinstance(stops, list) and len(read_stops) == len(stops) > 0)),
    )


def _row(index: int, row: JSON) -> RowSketch:
    data = _mapping(row)
    writes = data.get("writes")
    # A misspelled key is told by the shape; what stands there is still what its author meant as guards.
    guards = "guards" if "guards" in data else next(iter(meant("guards", data)), "guards")
    return RowSketch(
        index,
        _text(data.get("name")),
        _status(data.get("from")),
        _target(data.get("to")),
        _names(("transitions", index, guards), data.get(guards)),
        tuple(item for item in writes if isinstance(item, str)) if isinstance(writes, list) else None,
        _text(data.get("survivor")),
    )


def _guard(name: str, guard: JSON) -> GuardSketch:
    data = _mapping(guard)
    refers = [
        *_names(("guards", name, "all"), data.get("all")),
        *_names(("guards", name, "any"), data.get("any")),
    ]
    negated = _text(data.get("not"))
    if negated is not None:
        refers.append((("guards", name, "not"), negated))
    return GuardSketch(name, tuple(key for key in data if key in (*KINDS, *LATER_KINDS)), tuple(refers))


def _names(steps: Steps, value: JSON) -> tuple[tuple[Steps, str], ...]:
    return tuple(((*steps, index), item) for index, item in enumerate(_list(value)) if isinstance(item, str))


def _status(value: JSON) -> Status | None:
    return Status.__members__.get(value) if isinstance(value, str) else None


def _target(value: JSON) -> Status | None:
    status = _status(value)
    return status if status is not None and status > 0 else None


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


def _mapping(value: JSON) -> dict[str, JSON]:
    return value if isinstance(value, dict) else {}
