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
