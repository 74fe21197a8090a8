"""The pair's lock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class LockTaken:
    """The run holds its pair."""

    kind: ClassVar[str] = "lock.taken"
    lock: str


@dataclass(frozen=True, slots=True)
class LockTakenOver:
    """The holder was provably dead (this very machine and boot, that very process gone): the lock changed hands."""

    kind: ClassVar[str] = "lock.taken_over"
    lock: str
    from_lock: str
    from_holder: str


@dataclass(frozen=True, slots=True)
class LockReleased:
    """The run let go of its pair."""

    kind: ClassVar[str] = "lock.released"
    lock: str


@dataclass(frozen=True, slots=True)
class LockBroken:
    """A person removed a lock, by its id and with a reason."""

    kind: ClassVar[str] = "lock.broken"
    lock: str
    holder: str
    reason: str
