"""The journal's nouns: records, its head, and the lock that lives beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .plain import JSON

GENESIS = "0" * 64
"""The first record's `prev`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be appended; the store adds seq, at, prev and hash."""

    run: str
    """The run's id, or "" for what belongs to no run."""
    pair: str
    kind: str
    by: str
    """The operator."""
    host: str
    data: Mapping[str, JSON]
    at: datetime | None = None
    """When it happened, in UTC; None: when it is appended."""


@dataclass(frozen=True, slots=True)
class Record:
    """One journal record. `hash` = SHA-256 over the other fields as RFC 8785 canonical JSON."""

    seq: int
    """Counts from 1 without gaps."""
    at: str
    """UTC with microseconds: 2026-01-13T17:26:48.830968Z."""
    run: str
    pair: str
    kind: str
    by: str
    host: str
    data: Mapping[str, JSON]
    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record's number and hash: what anchors the journal when it is copied elsewhere."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a pair's lock."""

    lock: str
    """The lock's own id, which `hamr unlock` wants."""
    pair: str
    run: str
    operator: str
    host: str
    pid: int
    process_started: str
    """What tells this process from a later one with the same pid: the kernel's start time of it, or ""."""
    taken_at: datetime
    beat_at: datetime
    """The last heartbeat."""

    def __str__(self) -> str:
        return f"{self.operator} on {self.host} (process {self.pid})"


@dataclass(frozen=True, slots=True)
class Verified:
    """The chain holds, so many records, up to this head."""

    records: int
    head: Head


@dataclass(frozen=True, slots=True)
class Broken:
    """The chain does not hold: the first record that is wrong, and how."""

    seq: int
    reason: str
    good: int
    """How many records before it are fine."""


Verification = Verified | Broken
