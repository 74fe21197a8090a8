"""Next steps in tests: as the lines that a person reads, and made from such lines."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import cast

from msgspec.structs import replace

from orchestrator.model.next_step import NextStep, shell
from orchestrator.model.situation import Phase

_TWO_WORDS = ("drill", "audit", "journal")


def typed(steps: Iterable[NextStep]) -> tuple[str, ...]:
    """What is to be typed."""
    return tuple(step.command for step in steps)


def step(line: str) -> NextStep:
    """The step that is typed so."""
    words = shlex.split(line)
    if words[:1] != ["hamr"]:
        return shell(line, "")
    count = 3 if words[1] in _TWO_WORDS else 2
    verb, rest = " ".join(words[1:count]), words[count:]
    subject = rest.pop(0) if rest and not rest[0].startswith("--") else ""
    return NextStep(verb, subject, tuple(rest))


def bare(phase: Phase) -> Phase:
    """A phase whose steps do not say what they are for."""
    return replace(phase, next_steps=tuple(replace(each, why="") for each in phase.next_steps))


def next_of(document: Mapping[str, object]) -> list[str]:
    """What a document says to type."""
    return [
        str(cast("Mapping[str, object]", each)["command"]) for each in cast("list[object]", document["next"])
    ]
