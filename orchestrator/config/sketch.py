"""The table of a playbook as far as it could be read: what the checks look at, whatever else is wrong with the file.

A part that cannot be read is None here, and no check says anything about it: the shape has told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from msgspec import Struct

from orchestrator.model.plain import JSON
from orchestrator.model.status import Status

from .nodes import MOST_FINDINGS, Finding, Steps, list_in, mapping_in
from .wording import listed, meant, one_of, shown

KINDS = ("quiet", "reachable", "located", "window", "probe", "all", "any", "not")
"""Kinds of guards."""

PROBE_KINDS = ("metric", "monitor", "http", "command")

WAITING = ("within", "unknown")
"""What a guard may say of a run's patience with it."""


class TransitionSketch(Struct, frozen=True):
    """One transition as it stands in the file."""

    index: int
    name: str | None
    source: Status | None
    target: Status | None
    guards: tuple[tuple[Steps, str], ...]
    writes: tuple[str, ...] | None
    """None where they are left out or cannot be read."""
    survivor: str | None
    planned_only: tuple[tuple[Steps, str], ...]

    @property
    def steps(self) -> Steps:
        """Where the transition stands."""
        return ("transitions", self.index)

    @property
    def label(self) -> str:
        """The transition in a person's words."""
        return f'"{self.name}"' if self.name else f"transition {self.index + 1}"


class GuardSketch(Struct, frozen=True):
    """One guard as it stands in the file."""

    name: str
    kinds: tuple[str, ...]
    """The kinds that it names; exactly one is right."""
    refers: tuple[tuple[Steps, str], ...]
    """Guards that it is made of, each with its place."""
    probe: tuple[Steps, str] | None
    """The probe that it compares, with its place."""
    waiting: tuple[str, ...]
    """Which of WAITING it says."""

    @property
    def steps(self) -> Steps:
        """Where the guard stands."""
        return ("guards", self.name)


class ProbeSketch(Struct, frozen=True):
    """One probe as it stands in the file."""

    name: str
    kinds: tuple[str, ...]
    """The kinds that it names; exactly one is right."""

    @property
    def steps(self) -> Steps:
        """Where the probe stands."""
        return ("probes", self.name)


class TableSketch(Struct, frozen=True):
    """All transitions, guards and probes, and whether the table is whole."""

    transitions: tuple[TransitionSketch, ...]
    guards: tuple[GuardSketch, ...]
    probes: tuple[ProbeSketch, ...]
    stops: tuple[tuple[Steps, Status], ...] | None
    """None where they are left out."""
    whole: bool
    """Every transition's from and to could be read, and every stop: ways through the table can be judged."""


def one_kind(named: GuardSketch | ProbeSketch) -> Iterator[Finding]:
    """What is wrong with a guard or a probe that has not exactly one kind."""
    what, lacking, more = "probe", "reads", ""
    kinds: tuple[str, ...] = PROBE_KINDS
    if isinstance(named, GuardSketch):
        what, lacking, more, kinds = "guard", "asks", ", and join them with all or any", KINDS
    if not named.kinds:
        words = f"{lacking} nothing: give it one kind ({one_of(kinds)})"
    elif len(named.kinds) > 1:
        words = f"has {len(named.kinds)} kinds ({listed(named.kinds)}), and one is allowed: make a {what} of each{more}"
    else:
        return
    yield Finding(named.steps, f'the {what} "{named.name}" {words}', at_key=True)


def unknown_names(
    uses: Iterable[tuple[Steps, str]], known: Sequence[str], what: str
) -> tuple[list[Finding], set[str]]:
    """Names that nothing has, among the uses of guards or probes; and those that they probably mean.

    The latter are not told again as unused.
    """
    names = frozenset(known)
    findings, probable = [], set[str]()
    for steps, name in islice((use for use in uses if use[1] not in names), MOST_FINDINGS + 1):
        near = meant(name, known)
        probable.update(near)
        guess = "".join(f'; did you mean "{other}"?' for other in near)
        findings.append(Finding(steps, f"{shown(name)} is no {what} of this playbook{guess}"))
    return findings, probable


def sketch(data: dict[str, JSON]) -> TableSketch:
    """Read what can be read of a playbook's table."""
    listed = data.get("transitions")
    transitions = (
        tuple(_transition(index, transition) for index, transition in enumerate(listed))
        if isinstance(listed, list)
        else ()
    )
    stops = data.get("stops")
    read_stops = tuple(
        (("stops", index), status)
        for index, item in enumerate(list_in(stops))
        if (status := _target(item)) is not None
    )
    named = mapping_in(data.get("guards"))
    return TableSketch(
        transitions,
        tuple(_guard(name, guard) for name, guard in named.items() if isinstance(guard, dict)),
        tuple(
            ProbeSketch(name, tuple(kind for kind in probe if kind in PROBE_KINDS))
            for name, probe in mapping_in(data.get("probes")).items()
            if isinstance(probe, dict)
        ),
        read_stops if "stops" in data else None,
        bool(transitions)
        and all(transition.source is not None and transition.target is not None for transition in transitions)
        and ("stops" not in data or (isinstance(stops, list) and len(read_stops) == len(stops) > 0)),
    )


def _transition(index: int, transition: JSON) -> TransitionSketch:
    data = mapping_in(transition)
    writes = data.get("writes")
    # A misspelled key is told by the shape; what stands there is still what its author meant as guards.
    guards = "guards" if "guards" in data else next(iter(meant("guards", data)), "guards")
    return TransitionSketch(
        index,
        _text(data.get("name")),
        _status(data.get("from")),
        _target(data.get("to")),
        _names(("transitions", index, guards), data.get(guards)),
        tuple(item for item in writes if isinstance(item, str)) if isinstance(writes, list) else None,
        _text(data.get("survivor")),
        _names(("transitions", index, "planned_only"), data.get("planned_only")),
    )


def _guard(name: str, guard: JSON) -> GuardSketch:
    data = mapping_in(guard)
    refers = [
        *_names(("guards", name, "all"), data.get("all")),
        *_names(("guards", name, "any"), data.get("any")),
    ]
    negated = _text(data.get("not"))
    if negated is not None:
        refers.append((("guards", name, "not"), negated))
    return GuardSketch(
        name,
        tuple(key for key in data if key in KINDS),
        tuple(refers),
        _probe(("guards", name, "probe"), data.get("probe")),
        tuple(key for key in data if key in WAITING),
    )


def _probe(steps: Steps, compared: JSON) -> tuple[Steps, str] | None:
    if isinstance(compared, str):  # the shape tells that a mapping is wanted; its author meant this probe
        return steps, compared
    data = mapping_in(compared)
    key = "name" if "name" in data else next(iter(meant("name", data)), "name")
    name = _text(data.get(key))
    return None if name is None else ((*steps, key), name)


def _names(steps: Steps, value: JSON) -> tuple[tuple[Steps, str], ...]:
    return tuple(
        ((*steps, index), item) for index, item in enumerate(list_in(value)) if isinstance(item, str)
    )


def _status(value: JSON) -> Status | None:
    return Status.__members__.get(value) if isinstance(value, str) else None


def _target(value: JSON) -> Status | None:
    status = _status(value)
    return status if status is not None and status > 0 else None


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) else None
