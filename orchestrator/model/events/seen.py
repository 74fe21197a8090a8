"""What was read, what it taught, and what is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from orchestrator.model.change import Change
from orchestrator.model.reading import HamrRecord, Identity, Reading
from orchestrator.model.status import Both, Role


@dataclass(frozen=True, slots=True)
class SituationRead:
    """Both orgs were read, at the same time."""

    kind: ClassVar[str] = "situation.read"
    purpose: str
    """start, row, before write, after write, confirm, recheck."""
    readings: Both[Reading | None]
    """None for an org that was left out (dead in an emergency)."""
    identities: Both[Identity] | None = None
    """Whose keys these are; only with the first reading."""


@dataclass(frozen=True, slots=True)
class ReadingsTaken:
    """Both orgs were read again while waiting; nothing new was seen, so nothing is journalled."""

    kind: ClassVar[str] = ""
    readings: Both[Reading | None]


@dataclass(frozen=True, slots=True)
class MirrorFound:
    """Whether this pair mirrors, found out by waiting after the first confirmed write."""

    kind: ClassVar[str] = "mirror.found"
    mirrors: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class NameLearned:
    """How this pair's server names us: it puts another name than our stamp into modified_by."""

    kind: ClassVar[str] = "name.learned"
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class ChangeSeen:
    """A record was not as last seen, and it was not simply our write arriving."""

    kind: ClassVar[str] = "change.seen"
    role: Role
    change: Change
    reason: str
    record: HamrRecord | None
    expected: HamrRecord | None
    accepted: bool = False
    """REVERTED: a person resumed the run, and it goes on from this record."""


@dataclass(frozen=True, slots=True)
class OrgGivenUp:
    """The other org of an emergency did not answer in time: it stays out of the run."""

    kind: ClassVar[str] = "org.given_up"
    role: Role
    reason: str


@dataclass(frozen=True, slots=True)
class ClockDistrusted:
    """The clocks disagree or a step stalled: everything is read again (law 18)."""

    kind: ClassVar[str] = "clock.distrusted"
    wall_seconds: float
    monotonic_seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The run waits, and says for what; for people, not journalled."""

    kind: ClassVar[str] = ""
    what: str
    seconds: float
    role: Role | None = None
