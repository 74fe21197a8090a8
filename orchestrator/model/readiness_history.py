"""Readiness over time: what looks, drills, runs and proofs have left in the journal, as `hamr readiness` shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from math import ceil

from msgspec import Struct

from .events import Certificate
from .plain import EMPTY
from .readiness import Level, is_ready, worst
from .status import Both

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
    playbook_sha256: str = ""
    version: str = ""
    """The playbook's and hamr's own, now: a drill or a proof may have been of others."""
    certificate: Certificate | None = None
    """The newest of `hamr prove --record`."""

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
