"""Readiness: what `hamr doctor` asks, in peace, how ready each answer leaves a pair, and what came of it over time."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from math import ceil

from msgspec import Struct

from .next_step import NextStep
from .plain import EMPTY
from .status import Both, Role


class Level(enum.Enum):
    """A verdict, in the words of Nagios."""

    OK = "ok"
    WARNING = "warning"
    """It would work, and somebody should look at it before the night in which it is needed."""
    UNKNOWN = "unknown"
    """It could not be told."""
    CRITICAL = "critical"
    """It would be refused, or fail."""


_WORSE = (Level.OK, Level.WARNING, Level.UNKNOWN, Level.CRITICAL)


def worst(levels: Iterable[Level | None]) -> Level | None:
    """The worst of several; None where none of them counts. Unknown is worse than a warning: it is not a pass."""
    counting = [level for level in levels if level is not None]
    return max(counting, key=_WORSE.index, default=None)


def is_worse(level: Level, than: Level) -> bool:
    """Whether a verdict is worse than another one."""
    return _WORSE.index(level) > _WORSE.index(than)


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
    return sorted(
        checks, key=lambda check: -1 if check.worst is None else _WORSE.index(check.worst), reverse=True
    )


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


# -- over time ---------------------------------------------------------------------------------------------------

SPEAKS_FOR = timedelta(days=1)
"""How long a look tells how ready a pair is, unless the next one comes before: after that nobody knows."""


class Spell(Struct, frozen=True):
    """A stretch of time in which every look said the same of a pair."""

    since: datetime
    until: datetime
    levels: tuple[Level, Level]
    """For a planned run, and for an emergency; both UNKNOWN where nobody looked."""
    looked: bool = True
    """False where the last look was too old to tell."""


class Stands(Struct, frozen=True):
    """How ready a pair is now for one kind of run, and how ready it was in the time that was looked at."""

    level: Level
    """UNKNOWN where nobody has looked lately."""
    since: datetime | None
    """Since when it is ready, or is not; None where nobody has ever looked."""
    or_longer: bool
    """Whether it may have been so before: nobody had looked."""
    not_ready: timedelta
    """How long it was not ready in that time, as far as anybody looked."""


class Turned(Struct, frozen=True):
    """A check that says something worse than it did before it last changed."""

    check: str
    level: Level
    before: Level
    since: datetime


class Drilled(Struct, frozen=True):
    """A drill that was scored."""

    drill: str
    at: datetime
    simulated: bool
    passed: bool
    there_and_back: bool
    """Whether it went to ACTIVE and home again, and every expectation held."""
    changed: bool
    """Whether the playbook is another now than it was then, or that is not known."""
    scenario: str = ""


class Arrival(Struct, frozen=True):
    """A run, a drill's or a real one, that got a pair to ACTIVE."""

    run: str
    at: datetime
    seconds: float
    """From its start, or from the incident's (--since), until the pair stood there."""
    simulated: bool = False


class Certified(Struct, frozen=True):
    """The newest certificate of `hamr prove --record`."""

    at: datetime
    faults: int
    changed: bool
    """Whether the playbook or hamr is another now than it was then."""


class ReadinessHistory(Struct, frozen=True):
    """How ready a pair is, and was: all that looks, drills, runs and proofs have left in the journal."""

    pair: str
    playbook: str
    at: datetime
    since: datetime
    """When the time begins that was looked at; drills, runs and proofs are older, too."""
    looks: int = 0
    """How often doctor has looked in that time."""
    last_look: datetime | None = None
    look_seconds: float = 0.0
    round_trips: Both[float | None] = Both(None, None)
    """Of the last look."""
    spells: tuple[Spell, ...] = ()
    """In order; the first begins with the first look, and the last one ends now."""
    not_well: Mapping[str, Level] = EMPTY
    """What each check said in the last look that was not well."""
    turned: tuple[Turned, ...] = ()
    """The checks that got worse and are not well yet, the worst first."""
    drills: tuple[Drilled, ...] = ()
    """In order; those on the simulator among them."""
    arrivals: tuple[Arrival, ...] = ()
    """In order; those on the simulator among them."""
    objective: float | None = None
    """How many seconds a run may take to ACTIVE; None where the playbook does not say."""
    certified: Certified | None = None

    @property
    def planned(self) -> Stands:
        """For a planned run."""
        return self._stands(0)

    @property
    def emergency(self) -> Stands:
        """For an emergency."""
        return self._stands(1)

    @property
    def level(self) -> Level:
        """The worse of the two."""
        return worst((self.planned.level, self.emergency.level)) or Level.UNKNOWN

    def _stands(self, column: int) -> Stands:
        if not self.spells:
            return Stands(Level.UNKNOWN, None, or_longer=False, not_ready=timedelta())
        told = [(spell, spell.levels[column]) for spell in self.spells]
        level = told[-1][1]

        def is_so(each: tuple[Spell, Level]) -> bool:
            return (each[0].looked, is_ready(each[1])) == (told[-1][0].looked, is_ready(level))

        alike = [*takewhile(is_so, reversed(told))]
        before = told[: -len(alike)]
        lost = [spell.until - spell.since for spell, each in told if spell.looked and not is_ready(each)]
        unseen = not before or not before[-1][0].looked
        return Stands(level, alike[-1][0].since, or_longer=unseen, not_ready=sum(lost, timedelta()))

    def last_drill(self, *, simulated: bool) -> Drilled | None:
        """The newest drill on the simulator, or live."""
        return next((each for each in reversed(self.drills) if each.simulated is simulated), None)

    def last_way(self, *, simulated: bool) -> Drilled | None:
        """The newest drill of that kind which proved the way there and back."""
        ways = (each for each in reversed(self.drills) if each.there_and_back)
        return next((each for each in ways if each.simulated is simulated), None)

    def took(self, share: float, *, simulated: bool = False) -> float | None:
        """Seconds within which so great a share of the runs got to ACTIVE: 0.5 is the median; None where none did."""
        return quantile([each.seconds for each in self.arrivals if each.simulated is simulated], share)

    @property
    def slower(self) -> tuple[float, float] | None:
        """Seconds of the newest live arrival and the median of those before it, where that is half as much again."""
        *before, newest = [each.seconds for each in self.arrivals if not each.simulated] or [0.0]
        usual = quantile(before, 0.5)
        if len(before) < _ENOUGH or usual is None or newest <= _SLOWER * usual:
            return None
        return newest, usual


_ENOUGH = 3
"""So many runs are needed before any can be told to be slow."""
_SLOWER = 1.5


def quantile(values: Sequence[float], share: float) -> float | None:
    """The least of the values that so great a share of them does not exceed; None of none."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None
