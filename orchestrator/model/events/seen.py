"""What was read, what it taught, and what is waited for."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from orchestrator.model.change import Change
from orchestrator.model.reading import HamrRecord, Identity, Reading
from orchestrator.model.status import Both, Role


class SituationRead(Struct, frozen=True):
    """Both orgs were read, at the same time."""

    kind: ClassVar[str] = "situation.read"
    purpose: str
    """start, transition, before write, after write, confirm, recheck."""
    readings: Both[Reading | None]
    """None for an org that was left out (dead in an emergency)."""
    identities: Both[Identity] | None = None
    """Whose keys these are; only with the first reading."""


class ReadingsTaken(Struct, frozen=True):
    """Both orgs were read again while waiting; nothing new was seen, so nothing is journalled."""

    kind: ClassVar[str] = ""
    readings: Both[Reading | None]


class MirrorFound(Struct, frozen=True):
    """Whether this pair mirrors, found out by waiting after the first confirmed write."""

    kind: ClassVar[str] = "mirror.found"
    mirrors: bool
    seconds: float


class NameLearned(Struct, frozen=True):
    """How this pair's server names us: it puts another name than our stamp into modified_by."""

    kind: ClassVar[str] = "name.learned"
    name: str
    role: Role


class ChangeSeen(Struct, frozen=True):
    """A record was not as last seen, and it was not simply our write arriving."""

    kind: ClassVar[str] = "change.seen"
    role: Role
    change: Change
    reason: str
    record: HamrRecord | None
    expected: HamrRecord | None
    accepted: bool = False
    """REVERTED: a person resumed the run, and it goes on from this record."""


class OrgGivenUp(Struct, frozen=True):
    """The other org of an emergency did not answer in time: it stays out of the run."""

    kind: ClassVar[str] = "org.given_up"
    role: Role
    reason: str


class ClockDistrusted(Struct, frozen=True):
    """The clocks disagree or a step stalled: everything is read again (law 18)."""

    kind: ClassVar[str] = "clock.distrusted"
    wall_seconds: float
    monotonic_seconds: float
    reason: str


class Waiting(Struct, frozen=True):
    """The run waits, and says for what; for people, not journalled."""

    kind: ClassVar[str] = ""
    what: str
    seconds: float
    role: Role | None = None
