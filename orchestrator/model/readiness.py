"""Readiness: what `hamr doctor` asks, in peace, and how ready each answer leaves a pair."""

import enum
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from .next_step import NextStep
from .status import Both, Role


class Level(enum.Enum):
    """A verdict, in the words of Nagios; the better one is less. Unknown is worse than a warning: it is not a pass."""

    OK = "ok"
    WARNING = "warning"
    """It would work, and somebody should look at it before the night in which it is needed."""
    UNKNOWN = "unknown"
    """It could not be told."""
    CRITICAL = "critical"
    """It would be refused, or fail."""

    def __lt__(self, other: "Level") -> bool:
        return [*Level].index(self) < [*Level].index(other)


def worst(levels: Iterable[Level | None]) -> Level | None:
    """The worst of several; None where none of them counts."""
    return max((level for level in levels if level is not None), default=None)


def is_ready(level: Level) -> bool:
    """Whether it would work: what could not be told is not ready (law 8)."""
    return level in (Level.OK, Level.WARNING)


class NagiosCode(enum.IntEnum):
    """The exit codes of a Nagios plugin (Monitoring Plugins guidelines): what `hamr doctor` alone ends with."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Group(enum.Enum):
    """Where on the page a check stands."""

    KEYS = "Keys"
    ORGS = "Orgs"
    GUARDS = "Guards and probes"
    HOOKS = "Hooks"
    PEOPLE = "Telling people"
    JOURNAL = "Journal"
    HERE = "Playbook and operator"


class Check(Struct, frozen=True):
    """One question of readiness, with its answer for a planned run and for an emergency."""

    group: Group
    name: str
    """What was asked, in a few words: API key, link, guard settled."""
    planned: Level | None
    """None where a planned run does not need it."""
    emergency: Level | None
    """None where an emergency does without it."""
    sentence: str
    """What was found; where it is not well, what that means."""
    role: Role | None = None
    """The org that it is about, where it is about one."""
    next_steps: tuple[NextStep, ...] = ()
    """What to type to mend it, or to learn more."""
    brief: str = ""
    """A fact worth a word even where all is well: PASSIVE, 41 ms."""
    follows: bool = False
    """Not known for want of a key alone, which is a problem of its own: this is none beside it."""

    @property
    def worst(self) -> Level | None:
        """The worse of its two verdicts."""
        return worst((self.planned, self.emergency))

    @property
    def fine(self) -> bool:
        """Whether nobody has to look at it."""
        return self.worst in (None, Level.OK)


def worst_first(checks: Iterable[Check]) -> list[Check]:
    """The worst first, otherwise in their order."""
    return sorted(checks, key=lambda check: (check.worst is not None, check.worst), reverse=True)


class KeysSaid(Struct, frozen=True):
    """What `GET /api/v2/validate_keys` said of an org's two keys together."""

    role: Role
    valid: bool | None
    """None where it could not be told."""
    reason: str = ""


class Readiness(Struct, frozen=True):
    """All that was found out about one pair."""

    pair: str
    at: datetime
    """Our wall clock, UTC, when the last answer was there."""
    playbook: str
    checks: tuple[Check, ...]
    round_trips: Both[float | None]
    """Seconds in which each org answered, connecting included; None where it did not."""
    seconds: float
    """How long finding out took."""
    next_steps: tuple[NextStep, ...] = ()
    """What to type, the most useful first."""

    @property
    def planned(self) -> Level:
        """Whether a planned run can be made: the worst of its column."""
        return worst(check.planned for check in self.checks) or Level.OK

    @property
    def emergency(self) -> Level:
        """Whether an emergency can be gone through with: the worst of its column."""
        return worst(check.emergency for check in self.checks) or Level.OK

    @property
    def level(self) -> Level:
        """The worse of the two: what the exit code says."""
        return worst((self.planned, self.emergency)) or Level.OK
