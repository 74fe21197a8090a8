"""Hooks, what became of them, and what a run asks a person."""

from __future__ import annotations

import enum
from datetime import timedelta

from msgspec import Struct


class When(enum.Enum):
    """Which side of a transition's writes a hook stands on."""

    BEFORE = "before"
    AFTER = "after"


class Again(enum.Enum):
    """Whether a hook that did not end well may be repeated: by itself, or only when a person says so."""

    SAFE = "safe"
    ASK = "ask"


class InEmergency(enum.Enum):
    """Whether a hook belongs to an emergency, too; it never holds one up."""

    RUN = "run"
    SKIP = "skip"


class Program(Struct, frozen=True, tag_field="is", tag=True):
    """A program, run without a shell, in a process group of its own, and without Datadog's keys."""

    run: tuple[str, ...]
    timeout: timedelta = timedelta(seconds=60)


class Manual(Struct, frozen=True, tag_field="is", tag=True):
    """Something that a person does and confirms."""

    text: str


class Hook(Struct, frozen=True):
    """One thing to do around a transition."""

    name: str
    what: Program | Manual
    again: Again = Again.ASK
    emergency: InEmergency = InEmergency.RUN


class HookOutcome(enum.Enum):
    """What became of a hook."""

    DONE = "done"
    FAILED = "failed"
    """It ended badly, could not be started, or took too long."""
    CUT_OFF = "cut off"
    """It was under way when the run was given up: nobody knows how far it came."""
    NOT_DONE = "not done"
    """A person said that it was not done, or that it must not be repeated."""
    LEFT_TO_PERSON = "left to a person"
    """Manual, and there was nobody to ask: listed at the end of the run."""
    SKIPPED = "skipped"
    """It does not belong here: the playbook says so for emergencies, or the transition was half made already."""


SETTLED: frozenset[HookOutcome] = frozenset(
    {HookOutcome.DONE, HookOutcome.LEFT_TO_PERSON, HookOutcome.SKIPPED}
)
"""Outcomes after which an `after` hook is no longer owed."""


class ProgramEnded(Struct, frozen=True):
    """How a program ended."""

    code: int | None
    """Its exit code, negative for a signal; None where it did not start or was stopped by us."""
    output: str
    """The first and the last of what it printed, bounded and without keys."""
    seconds: float
    failure: str = ""
    """Why there is no exit code, in words; "" where there is one."""


class Asks(enum.Enum):
    """What a run can want to know from a person."""

    MANUAL = "manual"
    """Has this been done by hand?"""
    AGAIN = "again"
    """May this hook be repeated?"""
    UNKNOWN = "unknown"
    """Shall the run go on, though this guard could not be judged?"""


class Question(Struct, frozen=True):
    """One question, about one hook or guard of one transition."""

    asks: Asks
    subject: str
    """The hook's or guard's name."""
    transition: str
    text: str


class Reply(Struct, frozen=True):
    """What was answered."""

    yes: bool
    words: str = ""
    """A reason, where one was asked for."""
