"""Writes, from the intent to the reading that shows them, and what is owed."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from orchestrator.model.change import Change
from orchestrator.model.reading import Answer, HamrRecord, Request
from orchestrator.model.run import Attempt
from orchestrator.model.status import Role, Status


class WriteIntended(Struct, frozen=True):
    """Durable before the request leaves."""

    kind: ClassVar[str] = "write.intended"
    attempt: Attempt
    request: Request
    expected: HamrRecord | None
    """What was last seen of that org's record; None where it has none."""
    server_date: datetime | None = None
    """That org's own clock at the look which it is sent on; None where it does not tell."""


class WriteAnswered(Struct, frozen=True):
    """What the POST came to; 2xx means accepted, not done."""

    kind: ClassVar[str] = "write.answered"
    attempt: Attempt
    answer: Answer


class WriteConfirmed(Struct, frozen=True):
    """A GET shows the status (law 4)."""

    kind: ClassVar[str] = "write.confirmed"
    role: Role
    status: Status
    record: HamrRecord
    change: Change
    """OURS, ECHO or UNPROVEN; SAME where it was there already."""
    attempt: int | None = None
    seconds: float = 0.0
    """From the intent to the reading that shows it."""


class WriteUnknown(Struct, frozen=True):
    """Sent, and neither its answer nor reading back says what became of it."""

    kind: ClassVar[str] = "write.unknown"
    attempt: Attempt
    reason: str


class WriteThrottled(Struct, frozen=True):
    """429: the server asked us to wait, and we do."""

    kind: ClassVar[str] = "write.throttled"
    role: Role
    seconds: float


class WriteOwed(Struct, frozen=True):
    """An emergency left an org untold: it is owed the survivor's present status."""

    kind: ClassVar[str] = "write.owed"
    role: Role
    status: Status
    reason: str


class OwedSettled(Struct, frozen=True):
    """What was owed was delivered, or the org shows it already."""

    kind: ClassVar[str] = "write.settled"
    role: Role
    status: Status
    how: str
    """delivered or void."""
