"""Answers of probes that let a playbook's guards pass: what a rehearsal and a proof take for granted."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model.guard import Compared, Measured, Not, Value
from orchestrator.model.playbook import Playbook


def assumed_values(playbook: Playbook) -> dict[str, Measured]:
    """For each probe an answer that lets the playbook's guards pass, as far as one answer can."""
    return {name: Measured(_passing(list(_wanted(name, playbook)))) for name in playbook.probes}


def _wanted(probe: str, playbook: Playbook) -> Iterator[Compared]:
    """Each comparison with that probe which ought to hold; one that stands under a `not` ought to fail."""
    negated = {guard.kind.guard for guard in playbook.guards.values() if isinstance(guard.kind, Not)}
    for guard in playbook.guards.values():
        if isinstance(guard.kind, Compared) and guard.kind.probe == probe and guard.name not in negated:
            yield guard.kind


def _passing(comparisons: list[Compared]) -> Value | None:
    """A value for which all of them hold; the one for which most do, where none fits all."""
    candidates = [value for each in comparisons for value in _values_for(each)]
    return max(candidates, key=lambda value: sum(_holds(each, value) for each in comparisons), default=None)


def _values_for(kind: Compared) -> Iterator[Value]:
    if kind.equals is not None:
        yield kind.equals
    yield from kind.one_of or ()
    if kind.above is not None and kind.below is not None:
        yield (kind.above + kind.below) / 2
    if kind.above is not None:
        yield kind.above + 1
    if kind.below is not None:
        yield kind.below - 1


def _holds(kind: Compared, value: Value) -> bool:
    number = None if isinstance(value, bool | str) else value
    return (
        (kind.above is None or (number is not None and number > kind.above))
        and (kind.below is None or (number is not None and number < kind.below))
        and (kind.equals is None or value == kind.equals)
        and (kind.one_of is None or value in kind.one_of)
    )
