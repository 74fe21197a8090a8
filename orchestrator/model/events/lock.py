"""The pair's lock."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class LockTaken(Struct, frozen=True):
    """The run holds its pair."""

    kind: ClassVar[str] = "lock.taken"
    lock: str


class LockTakenOver(Struct, frozen=True):
    """The holder was provably dead (this very machine and boot, that very process gone): the lock changed hands."""

    kind: ClassVar[str] = "lock.taken_over"
    lock: str
    from_lock: str
    from_holder: str


class LockReleased(Struct, frozen=True):
    """The run let go of its pair."""

    kind: ClassVar[str] = "lock.released"
    lock: str


class LockBroken(Struct, frozen=True):
    """A person removed a lock, by its id and with a reason."""

    kind: ClassVar[str] = "lock.broken"
    lock: str
    holder: str
    reason: str
