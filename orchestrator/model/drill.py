"""Drills: what was expected of one, what came of it, and its score."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.errors import ExitCode

from .journal import Head
from .run import Objective
from .status import Status


class Expectation(Struct, frozen=True):
    """One thing that a scenario wants to hold at the end, and whether it did."""

    name: str
    """What was wanted, in words: "out: exit code 0", "no writes to the primary"."""
    held: bool
    found: str
    """What was found instead, or that it held."""
    records: tuple[int, ...] = ()
    """Sequence numbers of the journal records that show it."""


class StepTime(Struct, frozen=True):
    """How long one transition took, and where that time went. All in seconds."""

    transition: str
    source: Status
    target: Status
    seconds: float
    api: float
    """Waiting for the orgs: round trips, and for a write to be seen."""
    people: float
    """Waiting for a person."""
    world: float = 0.0
    """Waiting for guards to pass, and for hooks' programs."""

    @property
    def machine(self) -> float:
        """What is left: our own time."""
        return max(0.0, self.seconds - self.api - self.people - self.world)


class Leg(Struct, frozen=True):
    """One run of a drill: out, or home."""

    name: str
    """out, home, resume, …"""
    run: str
    goal: Status
    exit_code: int
    phase: str
    seconds: float
    steps: tuple[StepTime, ...] = ()
    objectives: tuple[Objective, ...] = ()


class LessStrict(Struct, frozen=True):
    """A guard that was judged less strictly than it would be live."""

    guard: str
    why: str


class Score(Struct, frozen=True):
    """What a drill showed."""

    drill: str
    """The drill's id."""
    pair: str
    playbook: str
    legs: tuple[Leg, ...]
    expectations: tuple[Expectation, ...]
    executed: tuple[str, ...]
    """What was really done: transitions, hooks, probes; each in a few words."""
    not_executed: tuple[str, ...]
    """What a live failover would do and this drill did not, each with why."""
    less_strict: tuple[LessStrict, ...] = ()
    scenario: str = ""
    seed: int | None = None
    simulated: bool = True

    @property
    def passed(self) -> bool:
        """Whether every expectation held."""
        return all(expectation.held for expectation in self.expectations)


class DrillResult(Struct, frozen=True):
    """What came of a drill, for a person and for a script."""

    score: Score
    closed: bool
    """Whether it was cleaned up; one that was not keeps other runs off its pair."""
    exit_code: ExitCode
    head: Head
    """The journal's newest record after the drill."""
    why_open: str = ""
    """Why it was not closed, in words."""
    next_steps: tuple[str, ...] = ()
