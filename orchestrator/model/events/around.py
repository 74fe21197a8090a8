"""Hooks, people and probes: what happens around a transition, beside its writes."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from orchestrator.model.hook import HookOutcome, When
from orchestrator.model.person import Question, Reply
from orchestrator.model.probe import ProbeReading


class ProbesRead(Struct, frozen=True):
    """The probes of a transition's guards were read."""

    kind: ClassVar[str] = "probe.read"
    transition: str
    readings: tuple[ProbeReading, ...]


class WaitBegan(Struct, frozen=True):
    """A transition's guards do not pass yet, and may be waited for."""

    kind: ClassVar[str] = "wait.began"
    transition: str
    guards: tuple[str, ...]
    seconds: float
    """For how long at most."""


class WaitEnded(Struct, frozen=True):
    """The waiting for a transition's guards is over; this is time that the machine waited for the world."""

    kind: ClassVar[str] = "wait.ended"
    transition: str
    passed: bool
    seconds: float


class PersonAsked(Struct, frozen=True):
    """A person is asked something, without the pair's lock; this is time that the run waits for people."""

    kind: ClassVar[str] = "person.asked"
    question: Question


class PersonAnswered(Struct, frozen=True):
    """What came of asking."""

    kind: ClassVar[str] = "person.answered"
    question: Question
    reply: Reply | None
    """None where there was nobody to ask."""
    seconds: float


class HookIntended(Struct, frozen=True):
    """A hook's program is about to be started, or a person about to be asked."""

    kind: ClassVar[str] = "hook.intended"
    transition: str
    when: When
    hook: str
    what: str
    """The command line, or what a person is to do."""


class HookEnded(Struct, frozen=True):
    """What became of a hook."""

    kind: ClassVar[str] = "hook.ended"
    transition: str
    when: When
    hook: str
    outcome: HookOutcome
    reason: str = ""
    code: int | None = None
    output: str = ""
    """The first and last of what it printed, bounded and without keys."""
    seconds: float = 0.0
