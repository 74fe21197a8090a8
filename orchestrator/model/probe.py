"""Probes: readings of anything but the two HAMR records, as the playbook declares them, and what they said."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from .status import Role

Value = float | str | bool
"""What a probe can answer with."""


class Take(enum.Enum):
    """Which point of a metric's window counts."""

    LAST = "last"
    AVERAGE = "average"
    LEAST = "least"
    MOST = "most"


class Metric(Struct, frozen=True):
    """A metric query to one org's own region: `GET /api/v1/query` [doc]."""

    org: Role
    query: str
    over: timedelta = timedelta(minutes=5)
    """How far back the window goes."""
    take: Take = Take.LAST


class Monitor(Struct, frozen=True):
    """The state of one monitor of one org: `GET /api/v1/monitor/{id}` [doc]. Its value is a word, such as OK or Alert."""

    org: Role
    id: int


class Http(Struct, frozen=True):
    """A GET of any page, without keys and without following redirects to another host."""

    url: str = ""
    """Where it is; "" where the pair says so."""
    status: int = 200
    """The answer's status that counts as good."""
    pointer: str | None = None
    """RFC 6901: which value of a JSON answer is the probe's value; None where only the status counts."""
    page: str = ""
    """Its name among the pair's pages in the inventory, in the place of a URL."""

    def at(self, pages: Mapping[str, str]) -> str | None:
        """Its URL, for a pair with these pages; None where the pair has no page of that name."""
        return self.url or pages.get(self.page)


class Command(Struct, frozen=True):
    """A program, run without a shell and without keys: exit 0 is good, 1 is bad, anything else is unknown.

    Its value is the first line of its output, where that is a number.
    """

    run: tuple[str, ...]


ProbeKind = Metric | Monitor | Http | Command


class Probe(Struct, frozen=True):
    """A named reading."""

    name: str
    kind: ProbeKind
    timeout: timedelta = timedelta(seconds=10)
    """How long it may take; past it, it reads as unknown."""


class Measured(Struct, frozen=True):
    """There is an answer."""

    value: Value | None = None
    """None where this probe has no value beyond good or bad."""
    good: bool = True
    """What the probe itself says: the status that was wanted, exit 0."""
    detail: str = ""
    """Where the value is from, in words: "at 03:12:05 UTC", "answered 200"."""


class Unmeasured(Struct, frozen=True):
    """There is none: no data, a null, an error, a refusal, a time-out. Never zero, never a pass (law 8)."""

    reason: str
    no_data: bool = False
    """The question was understood and there is nothing to answer it with: not yet, perhaps. As unknown as the rest."""


class ProbeReading(Struct, frozen=True):
    """What one probe said, and when."""

    probe: str
    sight: Measured | Unmeasured
    at: datetime
    """Our wall clock, UTC, when the answer was there."""
    monotonic: float
    """Our monotonic clock, in seconds, at the same moment."""
    seconds: float = 0.0
    """How long it took."""
    predicted: bool = False
    """Today's value, shown by a plan for a transition that comes later."""
