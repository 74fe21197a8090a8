"""Guards and probes as the playbook declares them, and what came of asking."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

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


class Quiet(Struct, frozen=True):
    """Nobody but this run changed either record for so long, by the servers' clock."""

    for_: timedelta


class Reachable(Struct, frozen=True):
    """The named orgs answer."""

    orgs: tuple[Role, ...] = (Role.PRIMARY, Role.SECONDARY)


class Located(Struct, frozen=True):
    """Both orgs' records name the datacenters that the inventory names."""


class Freeze(Struct, frozen=True):
    """A span of whole days, both included, in which nothing may be changed."""

    first: date
    last: date


class Window(Struct, frozen=True):
    """It is now, in that time zone, one of those week days and between those times, and in no freeze."""

    zone: str
    days: tuple[int, ...] = tuple(range(7))
    """0 is Monday, 6 is Sunday."""
    opens: time = time.min
    closes: time = time.max
    """May be earlier than `opens`: then the window spans midnight, and belongs to the day on which it opened."""
    freezes: tuple[Freeze, ...] = ()


class AllOf(Struct, frozen=True):
    """Every one of the named guards passes."""

    guards: tuple[str, ...]


class AnyOf(Struct, frozen=True):
    """At least one of the named guards passes."""

    guards: tuple[str, ...]


class Not(Struct, frozen=True):
    """The named guard fails."""

    guard: str


class Compared(Struct, frozen=True):
    """What a probe answered, compared; every comparison that is given has to hold. Without one, the probe's own word counts."""

    probe: str
    above: float | None = None
    below: float | None = None
    equals: Value | None = None
    one_of: tuple[Value, ...] | None = None


GuardKind = Quiet | Reachable | Located | Window | Compared | AllOf | AnyOf | Not


class IfUnknown(enum.Enum):
    """What happens where a guard could not be judged: the transition is refused, or a person is asked first."""

    FAIL = "fail"
    ASK = "ask"


ALWAYS_ON: tuple[str, ...] = ("linked", "fresh", "alone")
"""Guards that every transition has, named or not. Their names are taken."""

BEFORE_A_RUN: tuple[str, ...] = ("unknown", "cool_down", "reverted")
"""Questions that a new run answers before its first transition, overridden by these names: is an earlier write's
outcome unknown, and is the pair cooling down? A playbook's guards cannot take these names either."""

NEVER_OVERRIDDEN: frozenset[str] = frozenset({"linked", "fresh"})
"""Guards that no flag overrides (law 10)."""


class Guard(Struct, frozen=True):
    """A named question to a situation."""

    name: str
    kind: GuardKind
    why: str = ""
    """What a refusal means to on-call, in the playbook author's words."""
    within: timedelta | None = None
    """How long a run may wait for it to pass; None where it does not wait."""
    if_unknown: IfUnknown = IfUnknown.FAIL


class Outcome(enum.Enum):
    """Three values: unknown is not pass (law 8)."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    UNKNOWN = "unknown"


class Verdict(Struct, frozen=True):
    """A guard's answer, with the reason in words."""

    guard: str
    outcome: Outcome
    reason: str
    why: str = ""
    blind: Role | None = None
    """The org whose silence made the verdict unknown, or None."""
    predicted: bool = False
    """Judged on a predicted situation: the transition is not the first one of its plan."""
    judged_again: bool = False
    """It goes by a probe's value of today, for a transition that comes later: it is judged again then, and stops no plan."""

    @property
    def overridable(self) -> bool:
        """Whether `--override GUARD=REASON` is allowed for it."""
        return self.guard not in NEVER_OVERRIDDEN
