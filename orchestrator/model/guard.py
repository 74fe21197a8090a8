"""Guards as the playbook declares them, and their verdicts."""

from __future__ import annotations

import enum
from datetime import date, time, timedelta

from msgspec import Struct

from .probe import Value
from .status import Role


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
