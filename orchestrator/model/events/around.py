"""Hooks, people and probes: what happens around a row, beside its writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestrator.model.hook import HookOutcome, When
from orchestrator.model.person import Question, Reply
from orchestrator.model.probe import ProbeReading


@dataclass(frozen=True, slots=True)
class ProbesRead:
    """The probes of a row's guards were read."""

    kind: ClassVar[str] = "probe.read"
    row: str
    readings: tuple[ProbeReading, ...]


@dataclass(frozen=True, slots=True)
class WaitBegan:
    """A row's guards do not pass yet, and may be waited for."""

    kind: ClassVar[str] = "wait.began"
    row: str
    guards: tuple[str, ...]
    seconds: float
    """For how long at most."""


@dataclass(frozen=True, slots=True)
class WaitEnded:
    """The waiting for a row's guards is over; this is time that the machine waited for the world."""

    kind: ClassVar[str] = "wait.ended"
    row: str
    passed: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class PersonAsked:
    """A person is asked something, without the pair's lock; this is time that the run waits for people."""

    kind: ClassVar[str] = "person.asked"
    question: Question


@dataclass(frozen=True, slots=True)
class PersonAnswered:
    """What came of asking."""

    kind: ClassVar[str] = "person.answered"
    question: Question
    reply: Reply | None
    """None where there was nobody to ask."""
    seconds: float


@dataclass(frozen=True, slots=True)
class HookIntended:
    """A hook's program is about to be started, or a person about to be asked."""

    kind: ClassVar[str] = "hook.intended"
    row: str
    when: When
    hook: str
    what: str
    """The command line, or what a person is to do."""


@dataclass(frozen=True, slots=True)
class HookEnded:
    """What became of a hook."""

    kind: ClassVar[str] = "hook.ended"
    row: str
    when: When
    hook: str
    outcome: HookOutcome
    reason: str = ""
    code: int | None = None
    output: str = ""
    """The first and last of what it printed, bounded and without keys."""
    seconds: float = 0.0
