"""How ready pairs are, and were: what doctor, drills, runs and proofs have left in the journal, folded. Reads nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator import __version__
from orchestrator.journal import JournalStore
from orchestrator.journal.history import event_of
from orchestrator.model.events import Certificate, DoctorChecked, DrillScored, PlaybookProven, RunFinished
from orchestrator.model.journal import Record
from orchestrator.model.plain import moment
from orchestrator.model.playbook import Playbook
from orchestrator.model.readiness import Level
from orchestrator.model.readiness_history import (
    SPEAKS_FOR,
    Arrival,
    Drilled,
    ReadinessHistory,
    Spell,
    Turned,
)
from orchestrator.model.result import Leg, Score
from orchestrator.model.status import Both, Status

GOAL = Status.ACTIVE
"""Where a failover goes: the time that it takes to there is measured."""

_RARE = (RunFinished.kind, DrillScored.kind)
"""Few, and all of them are read; of the looks, which are many, only those of the time that is asked about."""


class Rehearsed(Struct, frozen=True):
    """The drills of a playbook on the simulator, and their runs that got to the goal: they are of no pair."""

    drills: tuple[Drilled, ...] = ()
    arrivals: tuple[Arrival, ...] = ()


def _records(store: JournalStore, pair: str, first: int, *, before: int) -> Iterator[Record]:
    """What matters of a pair; of its looks, those from a number on."""
    certificate = store.newest(pair, PlaybookProven.kind)
    if certificate is not None:
        yield certificate
    yield from store.records(pair=pair, kinds=_RARE, before=before)
    yield from store.records(pair=pair, kinds=(DoctorChecked.kind,), after=first - 1, before=before)


_SINCE_FOR = timedelta(days=1)
"""How much longer than it is asked for the time becomes whose looks are told, before all of it is read again."""


class ReadinessOverTime:
    """How ready the pairs of one journal are and were, as often as it is asked for: only what was journalled since is read.

    The time whose looks count, `span` at least, begins where it did at first, and for a day: it says how long it is. Drills on the
    simulator are in `beside`, where that is another journal, as well as in `store`.
    """

    def __init__(
        self,
        store: JournalStore,
        pairs: Sequence[str],
        playbook: Playbook,
        span: timedelta,
        beside: JournalStore | None = None,
    ) -> None:
        self._stores = (store,) if beside is None or beside.place == store.place else (beside, store)
        self._store, self._pairs, self._playbook, self._span = store, pairs, playbook, span
        self._since = datetime.min.replace(tzinfo=UTC)
        self._upto = 0
        self._found: dict[str, Found] = {}
        self._one_at_a_time = Lock()

    def read(self, now: datetime) -> Sequence[ReadinessHistory]:
        """How ready each of the pairs is and was, in their order; a JournalDamaged where a record cannot be read."""
        with self._one_at_a_time:
            upto = self._store.head().seq
            if now - self._span - self._since > _SINCE_FOR:
                self._since = now - self._span
                first = first_at(self._store, self._since)
                self._found = {pair: Found() for pair in self._pairs}
                for pair, found in self._found.items():
                    for record in _records(self._store, pair, first, before=upto + 1):
                        found.note(record, self._playbook, self._since, now)
            else:
                kinds = (*_RARE, DoctorChecked.kind, PlaybookProven.kind)
                for record in self._store.records(kinds=kinds, after=self._upto, before=upto + 1):
                    if record.pair in self._found:
                        self._found[record.pair].note(record, self._playbook, self._since, now)
            self._upto = upto
            scored = (record for each in self._stores for record in each.records(kinds=(DrillScored.kind,)))
            rehearsed = rehearsed_of(scored, self._playbook)
            return [
                found.history(pair, self._playbook, rehearsed, since=self._since, now=now)
                for pair, found in self._found.items()
            ]


def first_at(store: JournalStore, since: datetime) -> int:
    """The number of the first record of that time or later, found by halving: records are dated nearly in their order."""
    low, high = 1, store.head().seq + 1
    while low < high:
        middle = (low + high) // 2
        found = next(store.numbered((middle,)), None)
        if found is not None and moment(found.at) < since:
            low = middle + 1
        else:
            high = middle
    return low


def rehearsed_of(records: Iterable[Record], playbook: Playbook) -> Rehearsed:
    """What drills on the simulator say of a playbook. Pure; a JournalDamaged where a record's data does not fit its kind."""
    found: list[tuple[Drilled, Arrival | None]] = []
    for record in records:
        event = event_of(record)
        if isinstance(event, DrillScored) and event.score.simulated and event.score.playbook == playbook.name:
            at = moment(record.at)
            found.append((_drilled(event.score, at, playbook), _arrival_of(event.score, at)))
    found.sort(key=lambda each: each[0].at)
    return Rehearsed(
        tuple(drilled for drilled, _ in found), tuple(arrival for _, arrival in found if arrival is not None)
    )


class _Said(Struct, frozen=True):
    """What a check says, since when, and what it said before; None where it never said anything else."""

    level: Level
    since: datetime
    before: Level | None = None


class _Looks(Struct):
    spells: list[Spell] = []
    said: dict[str, _Said] = {}
    last: DoctorChecked | None = None
    last_at: datetime | None = None
    count: int = 0

    def note(self, look: DoctorChecked, at: datetime) -> None:
        """The next one."""
        self._pass(at)
        levels = (look.planned, look.emergency)
        if not self.spells or not self.spells[-1].looked or self.spells[-1].levels != levels:
            self.spells.append(Spell(at, at, levels))
        if self.last is None:
            self.said = {name: _Said(level, at) for name, level in look.not_well.items()}
        elif look.not_well != self.last.not_well:
            for name in {**self.last.not_well, **look.not_well}:
                level, before = look.not_well.get(name, Level.OK), self.last.not_well.get(name, Level.OK)
                if level is not before:
                    self.said[name] = _Said(level, at, before)
        self.last, self.last_at = look, at
        self.count += 1

    def _pass(self, at: datetime) -> None:
        """Time has gone by since the last look, which tells how it was, for a while."""
        if self.last_at is None:
            return
        told = max(self.spells[-1].since, min(at, self.last_at + SPEAKS_FOR))
        last = self.spells[-1]
        self.spells[-1] = Spell(last.since, told, last.levels)
        if told < at:
            self.spells.append(Spell(told, at, (Level.UNKNOWN, Level.UNKNOWN), looked=False))

    def until(self, now: datetime) -> tuple[Spell, ...]:
        """All of them, up to now."""
        looks = replace(self, spells=[*self.spells])
        looks._pass(now)  # noqa: SLF001 - a copy of its own
        return tuple(looks.spells)

    def turned(self) -> tuple[Turned, ...]:
        """What got worse and is not well yet, the worst first, else the newest."""
        found = [
            Turned(name, said.level, said.before, said.since)
            for name, said in self.said.items()
            if said.before is not None and said.level > said.before
        ]
        found.sort(key=lambda each: each.since, reverse=True)
        return tuple(sorted(found, key=lambda each: each.level > Level.UNKNOWN, reverse=True))


class Found(Struct):
    """What was found of a pair so far. Pure; a JournalDamaged where a record's data does not fit its kind."""

    looks: _Looks = field(default_factory=_Looks)
    drills: list[Drilled] = []
    arrivals: list[Arrival] = []
    certificate: Certificate | None = None

    def note(self, record: Record, playbook: Playbook, since: datetime, now: datetime) -> None:
        """The pair's next record, of its kind."""
        at, event = moment(record.at), event_of(record)
        match event:
            case DoctorChecked() if since <= at:
                self.looks.note(event, min(at, now))
            case DrillScored(score=score) if not score.simulated:
                self.drills.append(_drilled(score, at, playbook))
            case RunFinished() if any(step.target is GOAL for step in event.steps):
                self.arrivals.append(Arrival(record.run, at, _took(event)))
            case PlaybookProven():
                self.certificate = Certificate(event, at)
            case _:
                pass

    def history(
        self, pair: str, playbook: Playbook, rehearsed: Rehearsed, *, since: datetime, now: datetime
    ) -> ReadinessHistory:
        """What that comes to by now."""
        objective, last = playbook.objectives.get(GOAL), self.looks.last
        return ReadinessHistory(
            pair,
            playbook.name,
            now,
            since,
            looks=self.looks.count,
            last_look=self.looks.last_at,
            look_seconds=0.0 if last is None else last.seconds,
            round_trips=Both(None, None) if last is None else last.round_trips,
            spells=self.looks.until(now),
            not_well={} if last is None else last.not_well,
            turned=self.looks.turned(),
            drills=tuple(sorted((*rehearsed.drills, *self.drills), key=lambda each: each.at)),
            arrivals=tuple(sorted((*rehearsed.arrivals, *self.arrivals), key=lambda each: each.at)),
            objective=None if objective is None else objective.total_seconds(),
            playbook_sha256=playbook.digest,
            version=__version__,
            certificate=self.certificate,
        )


def _drilled(score: Score, at: datetime, playbook: Playbook) -> Drilled:
    return Drilled(
        score.drill,
        at,
        score.simulated,
        score.passed,
        there_and_back=score.passed and _came_back(score),
        changed=score.playbook_sha256 != playbook.digest,
        scenario=score.scenario,
    )


def _came_back(score: Score) -> bool:
    """Whether a run got to the goal, and the last one somewhere else, without a fault left."""
    went = any(leg.goal is GOAL and leg.phase == f"agreed({GOAL})" for leg in score.legs)
    return went and score.legs[-1].goal is not GOAL and score.legs[-1].exit_code == 0


def _arrival_of(score: Score, at: datetime) -> Arrival | None:
    for leg in score.legs:
        if any(step.target is GOAL for step in leg.steps):
            return Arrival(leg.run, at, _took(leg), simulated=True)
    return None


def _took(run: RunFinished | Leg) -> float:
    """Seconds to the goal: as the objective counts them, where there is one, else how long the run took."""
    took = [each.took for each in run.objectives if each.status is GOAL]
    return took[0].total_seconds() if took else run.seconds
