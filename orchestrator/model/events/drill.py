"""Drills, from start to close, and what was told outside this machine."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from orchestrator.model.drill import Score
from orchestrator.model.status import Both, Role, Status


class DrillStarted(Struct, frozen=True):
    """A drill began; its own run id is the drill's id, and the runs out and home name it."""

    kind: ClassVar[str] = "drill.started"
    goal: Status
    home: Status
    scenario: str = ""
    """The scenario's name, or "" for one without."""
    seed: int | None = None
    simulated: bool = True
    orgs: Both[str] | None = None
    """Their uuids, where it is live; None in a journal of before they were kept."""


class DrillScored(Struct, frozen=True):
    """What a drill showed; journalled whole, so that its report can be made at any time."""

    kind: ClassVar[str] = "drill.scored"
    score: Score


class DrillClosed(Struct, frozen=True):
    """A drill was cleaned up: the pair is at home again, or a person said why not."""

    kind: ClassVar[str] = "drill.closed"
    notes: str = ""


class NoticeSent(Struct, frozen=True):
    """An event was posted to an org: an anchor of the journal outside this machine."""

    kind: ClassVar[str] = "notice.sent"
    role: Role
    title: str
    head: str
    """SEQ:HASH that it carries."""


class NoticeFailed(Struct, frozen=True):
    """An event could not be posted; it stops nothing."""

    kind: ClassVar[str] = "notice.failed"
    role: Role
    title: str
    reason: str
