"""Guards and probes as the playbook declares them, and what came of asking."""

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


class Quiet(Struct, frozen=True):
    """Nobody but this run changed either record for so long, by the servers' clock."""

    for_: timedelta
    """How long it has to have been quiet."""


class Reachable(Struct, frozen=True):
    """The orgs answer."""

    orgs: tuple[Role, ...] = (Role.PRIMARY, Role.SECONDARY)
    """primary, secondary or both (the default)."""


class Located(Struct, frozen=True):
    """Both records name the datacenters that the inventory names."""


class Freeze(Struct, frozen=True):
    """Whole days in which nothing may be changed, both included."""

    first: date
    """First day."""
    last: date
    """Last day."""


class Window(Struct, frozen=True):
    """It is a day and a time at which changes are allowed."""

    zone: str
    """Time zone that days and times are meant in, such as Europe/Paris."""
    days: tuple[int, ...] = tuple(range(7))
    """Days of the week (all).

    0 is Monday, 6 is Sunday.
    """
    opens: time = time.min
    """Time of day from which changes are allowed (00:00)."""
    closes: time = time.max
    """Time of day at which that ends (24:00); earlier than from means the day after.

    The window then spans midnight, and belongs to the day on which it opened.
    """
    freezes: tuple[Freeze, ...] = ()
    """Spans of days in which nothing may be changed."""


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
    """What a probe answered, compared; every comparison that is given has to hold.

    Without one, the probe's own word counts.
    """

    probe: str
    """The probe."""
    above: float | None = None
    """Its value is a number greater than this one."""
    below: float | None = None
    """Its value is a number less than this one."""
    equals: Value | None = None
    """Its value is this."""
    one_of: tuple[Value, ...] | None = None
    """Its value is one of these."""


class Approved(Struct, frozen=True):
    """Other people than whoever asked for the run have agreed to exactly this."""

    by: int = 1
    """How many people (1)."""
    within: timedelta = timedelta(minutes=30)
    """How long a run waits for them, and how long their word counts (30m)."""


GuardKind = Quiet | Reachable | Located | Window | Compared | Approved | AllOf | AnyOf | Not


class IfUnknown(enum.Enum):
    """What happens where a guard could not be judged: the transition is refused, or a person is asked first."""

    FAIL = "fail"
    ASK = "ask"


ALWAYS_ON: tuple[str, ...] = ("linked", "fresh", "alone")
"""Guards that every transition has, named or not. Their names are taken."""

BEFORE_A_RUN: tuple[str, ...] = ("unknown", "cool_down", "reverted", "renamed")
"""Questions that a new run answers before its first transition, overridden by these names: is an earlier write's
outcome unknown, is the pair cooling down, and were its orgs run under another name? A playbook's guards cannot take these names either."""

BEFORE_AN_ADOPTION: tuple[str, ...] = ("alone", "reverted", "renamed")
"""What an adoption answers, which asks no guard of a playbook."""

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
    predicted: bool = False
    """Judged on a predicted situation: the transition is not the first one of its plan."""
    judged_again: bool = False
    """It goes by a probe's value of today, for a transition that comes later: it is judged again then, and stops no plan."""
    blind: Role | None = None
    """The org whose silence made the verdict unknown, or None."""

    @property
    def overridable(self) -> bool:
        """Whether `--override GUARD=REASON` is allowed for it."""
        return self.guard not in NEVER_OVERRIDDEN
