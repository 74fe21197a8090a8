"""What must fit together among a playbook's guards: one kind each, names that exist, no circles, none left over."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from orchestrator.model.guard import ALWAYS_ON

from .nodes import Finding
from .sketch import GuardSketch, TableSketch, one_kind, unknown_names
from .wording import listed


def guard_findings(table: TableSketch) -> Iterator[Finding]:
    """Everything about the guards that does not fit together."""
    for guard in table.guards:
        yield from one_kind(guard)
        if guard.name in ALWAYS_ON:
            yield Finding(
                guard.steps,
                f'"{guard.name}" is taken: {listed(ALWAYS_ON)} are always on, and cannot be defined anew',
                at_key=True,
            )
    uses = chain(
        (use for transition in table.transitions for use in transition.guards),
        (use for guard in table.guards for use in guard.refers),
    )
    unknown, probable = unknown_names(uses, [*(guard.name for guard in table.guards), *ALWAYS_ON], "guard")
    yield from unknown
    yield from _circles(table.guards)
    yield from _unused(table, probable)
    yield from _idle_waiting(table)


def _circles(guards: tuple[GuardSketch, ...]) -> Iterator[Finding]:
    """A guard that asks itself, directly or through others: told once for each circle, where it closes."""
    by_name = {guard.name: guard for guard in guards}
    done: set[str] = set()
    for start, first in by_name.items():
        if start in done:
            continue
        path, on_path = [start], {start}
        asking = [iter(first.refers)]
        while path:
            use = next(asking[-1], None)
            if use is None:
                on_path.discard(path[-1])
                done.add(path.pop())
                asking.pop()
                continue
            steps, name = use
            if name in on_path:
                circle = " → ".join([*path[path.index(name) :], name])
                yield Finding(steps, f"these guards ask each other in a circle: {circle}")
            elif name in by_name and name not in done:
                path.append(name)
                on_path.add(name)
                asking.append(iter(by_name[name].refers))


def _unused(table: TableSketch, probable: set[str]) -> Iterator[Finding]:
    by_name = {guard.name: guard for guard in table.guards}
    left = [name for transition in table.transitions for _, name in transition.guards]
    left += probable
    used: set[str] = set()
    while left:
        name = left.pop()
        if name in by_name and name not in used:
            used.add(name)
            left.extend(other for _, other in by_name[name].refers)
    for guard in table.guards:
        if guard.name not in used and guard.name not in ALWAYS_ON:
            yield Finding(
                guard.steps,
                f'the guard "{guard.name}" is used by no transition: name it in the guards of a transition, or take it out',
                at_key=True,
            )


def _idle_waiting(table: TableSketch) -> Iterator[Finding]:
    """A guard that is only a part of others says how patient a run is with it, where no run ever is."""
    named = {name for transition in table.transitions for _, name in transition.guards}
    parts = {name for guard in table.guards for _, name in guard.refers}
    for guard in table.guards:
        if guard.name in named or guard.name not in parts:
            continue
        for key in guard.waiting:
            yield Finding(
                (*guard.steps, key),
                f'"{key}" has no effect here: no transition names the guard "{guard.name}", which is only a part of others; '
                "write it on the guard that a transition names",
                at_key=True,
            )
