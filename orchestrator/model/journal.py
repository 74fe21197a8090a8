"""The journal's nouns: records, its head, and the lock that lives beside them."""

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from .plain import JSON

GENESIS = "0" * 64
"""The first record's `prev`."""


class Entry(Struct, frozen=True):
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


class Record(Struct, frozen=True):
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


class Head(Struct, frozen=True):
    """The newest record's number and hash: what anchors the journal when it is copied elsewhere."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


SILENT_FOR = timedelta(minutes=1)
"""How long a heartbeat may be late before anybody wonders."""


class Holder(Struct, frozen=True):
    """Who holds a pair's lock."""

    lock: str
    """The lock's own id, which `hamr unlock` wants."""
    pair: str
    run: str
    operator: str
    host: str
    pid: int
    process_started: str
    """What tells this process from any other on this machine, later or in a container: its boot, its pid namespace and
    its start time, or "" where the system tells none."""
    taken_at: datetime
    beat_at: datetime
    """The last heartbeat."""

    def __str__(self) -> str:
        return f"{self.operator} on {self.host} (process {self.pid})"

    def is_silent(self, now: datetime) -> bool:
        """Whether it gave no sign of life for so long that it may be gone; a person has to find out."""
        return now - self.beat_at > SILENT_FOR


class Whereabouts(enum.Enum):
    """What can be told from here of the process that holds a lock. Only GONE lets anybody take it over (law 12)."""

    RUNS = "it runs on this very machine"
    GONE = "that process is gone on this very machine"
    UNCERTAIN = "same machine, and whether the process of that number is the one can't be told from here"
    OTHER_NAMESPACE = "same machine, other pid namespace (a container?), which can't be looked into from here"
    ELSEWHERE = "another machine or boot, which can't be looked into from here"


class Witness(enum.Enum):
    """What a journal itself can tell of the process that holds a lock, wherever that process is."""

    NONE = "the journal is a file, and witnesses nothing"
    HIDDEN = "the journal's server has not seen it (a pooler in between?), so a person has to tell whether it lives"
    STANDS = "its connection to the journal stands, or was heard of a moment ago"
    GONE = "its connection to the journal is gone, and its heartbeats have stopped"


class Verified(Struct, frozen=True):
    """The chain holds, so many records, up to this head."""

    records: int
    head: Head


class Broken(Struct, frozen=True):
    """The chain does not hold: the first record that is wrong, and how."""

    seq: int
    reason: str
    good: int
    """How many records before it are fine."""


Verification = Verified | Broken
