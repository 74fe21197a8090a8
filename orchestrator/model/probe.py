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
    """One number of a metric query, asked of one org in its own region.

    It is `GET /api/v1/query` [doc].
    """

    org: Role
    """The org that is asked: primary or secondary."""
    query: str
    """The query, as it stands in a graph of that org: sum:datadog.agent.running{*}."""
    over: timedelta = timedelta(minutes=5)
    """How far back it looks (5m)."""
    take: Take = Take.LAST
    """Which point of that time counts: last (the default), average, least or most."""
    timeout: timedelta = timedelta(seconds=10)
    """How long it may take (10s); past that, it is unknown."""


class Monitor(Struct, frozen=True):
    """The state of one monitor of one org, such as OK or Alert.

    It is `GET /api/v1/monitor/{id}` [doc].
    """

    org: Role
    """The org that the monitor belongs to: primary or secondary."""
    id: int
    """Its number, as it stands in its page's address."""
    timeout: timedelta = timedelta(seconds=10)
    """How long it may take (10s); past that, it is unknown."""


class Http(Struct, frozen=True):
    """A GET of any page, without keys, and without following redirects to another host."""

    url: str = ""
    """Address of the page; or instead:"""
    status: int = 200
    """The status of the answer that counts as good (200)."""
    pointer: str | None = None
    """Which value of a JSON answer is the probe's value, as a JSON pointer (RFC 6901): /status/indicator."""
    page: str = ""
    """Its name among the pages of the pair in pairs.yaml, so that the playbook suits every pair."""
    timeout: timedelta = timedelta(seconds=10)
    """How long it may take (10s); past that, it is unknown."""

    def at(self, pages: Mapping[str, str]) -> str | None:
        """Its URL, for a pair with these pages; None where the pair has no page of that name."""
        return self.url or pages.get(self.page)


class Command(Struct, frozen=True):
    """A program, run without a shell and without keys, that only looks: exit 0 is good, 1 is bad, all else unknown.

    Its value is the first line of its output, where that is a number.
    """

    run: tuple[str, ...]
    """Program and arguments; a relative path is meant from the folder in which hamr is started."""
    timeout: timedelta = timedelta(seconds=10)
    """How long it may take (10s); past that, it is ended, and unknown."""


ProbeKind = Metric | Monitor | Http | Command


class Probe(Struct, frozen=True):
    """A named reading."""

    name: str
    kind: ProbeKind


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
