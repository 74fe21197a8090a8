"""What has to fit together in a scenario: one kind to a step, reasons where they are wanted, names that differ."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from orchestrator.model.plain import JSON

from .fault_scripts import fault_findings, one_kind
from .nodes import Document, Finding, Steps
from .scenario_shape import DEEDS, MeanwhileShape, StepShape
from .wording import one_of

_TYPED = ("run", "resume", "adopt")
"""The kinds that somebody types, and that a process works at."""


def scenario_findings(document: Document) -> Iterator[Finding]:
    """Everything that does not fit together, whatever else is wrong with the file."""
    steps = document.data.get("steps")
    listed_steps = list(enumerate(steps)) if isinstance(steps, list) else []
    yield from fault_findings(document, ("faults",))
    if listed_steps:
        yield from _repeated(listed_steps)
    elif steps == []:
        yield Finding(
            ("steps",), "there are no steps: leave steps out, and the drill goes out and home", at_key=True
        )
    for index, step in listed_steps:
        if not isinstance(step, dict):
            continue
        place: Steps = ("steps", index)
        meanwhile = step.get("meanwhile")
        yield from chain(
            fault_findings(document, (*place, "faults")),
            one_kind(place, step, StepShape, "step", "what is done"),
            _process(place, step),
            _reasons(place, step),
            _contradictions((*place, "expect"), step.get("expect")),
        )
        if isinstance(meanwhile, dict):
            yield from one_kind((*place, "meanwhile"), meanwhile, MeanwhileShape, "step", "what is done")
            yield from _reasons((*place, "meanwhile"), meanwhile)
            yield from _contradictions((*place, "meanwhile", "expect"), meanwhile.get("expect"))
    yield from _contradictions(("expect",), document.data.get("expect"))
    yield from _ending(document.data.get("expect"))


def _process(place: Steps, step: dict[str, JSON]) -> Iterator[Finding]:
    """Only what somebody types has a process that can die, and in the middle of which something can happen."""
    typed = any(kind in step for kind in _TYPED)
    world = [kind for kind in DEEDS if kind in step and kind not in _TYPED]
    for key in ("dies", "meanwhile"):
        if key in step and world and not typed:
            yield Finding(
                (*place, key),
                f'"{key}" belongs to a step that somebody types ({one_of(_TYPED)}), and this one is {world[0]}',
                at_key=True,
            )
    expect = step.get("expect")
    if "dies" in step and isinstance(expect, dict) and "exit" in expect:
        yield Finding(
            (*place, "expect", "exit"),
            "a process that dies has no exit code of its own: leave exit out (that it dies there is expected already)",
            at_key=True,
        )


def _reasons(place: Steps, deed: dict[str, JSON]) -> Iterator[Finding]:
    for kind in ("run", "resume"):
        asked = deed.get(kind)
        if isinstance(asked, dict) and asked.get("emergency") is True and "reason" not in asked:
            yield Finding(
                (*place, kind), '"reason" is missing: an emergency wants one, for the journal', at_key=True
            )


def _contradictions(place: Steps, expect: JSON) -> Iterator[Finding]:
    """Two expectations of which one has to be missed, whatever happens."""
    if not isinstance(expect, dict):
        return
    refused, writes, spared = (expect.get(key) for key in ("refused", "writes", "no_writes_to"))
    if isinstance(refused, list) and refused and expect.get("exit") == 0:
        yield Finding(
            (*place, "refused"),
            "a step that guards refused does not end with exit code 0: one of the two cannot hold",
        )
    takers = (
        {each.partition(" ")[0] for each in writes if isinstance(each, str)}
        if isinstance(writes, list)
        else ()
    )
    for index, org in enumerate(spared if isinstance(spared, list) else ()):
        if isinstance(org, str) and org in takers:
            yield Finding(
                (*place, "no_writes_to", index),
                f"the {org} is among those that take no write, and writes says what it takes: one of the two cannot hold",
            )


def _repeated(steps: list[tuple[int, JSON]]) -> Iterator[Finding]:
    """A step's name says in the report which one it was: two of the same name can't be told apart."""
    first: dict[str, int] = {}
    for index, step in steps:
        name = step.get("name") if isinstance(step, dict) else None
        if not isinstance(name, str):
            continue
        if name in first:
            yield Finding(
                ("steps", index, "name"), f"step {first[name] + 1} has this name too: give each its own"
            )
        first.setdefault(name, index)


def _ending(expect: JSON) -> Iterator[Finding]:
    """The end of a drill is no command: it has no exit code, and refuses nothing."""
    if not isinstance(expect, dict):
        return
    for key in ("exit", "refused", "says"):
        if key in expect:
            yield Finding(("expect", key), f'"{key}" is about one step: put it into that step', at_key=True)
