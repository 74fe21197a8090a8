"""How ready pairs are, and were: what doctor, drills, runs and proofs have left in the journal, folded. Reads nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain

from msgspec import Struct

from orchestrator import __version__
from orchestrator.journal import JournalStore
from orchestrator.journal.history import event_of
from orchestrator.model.events import Certificate, DoctorChecked, DrillScored, PlaybookProven, RunFinished
from orchestrator.model.journal import Record
from orchestrator.model.plain import moment
from orchestrator.model.playbook import Playbook
from orchestrator.model.readiness import Level, is_worse
from orchestrator.model.readiness_history import (
    SPEAKS_FOR,
    Arrival,
    Drilled,
    ReadinessHistory,
    Spell,
    Turned,
)
from orchestrator.model.result import Score
from orchestrator.model.status import Both, Status

GOAL = Status.ACTIVE
"""Where a failover goes: the time that it takes to there is measured."""

_RARE = (RunFinished.kind, DrillScored.kind)
"""Few, and all of them are read; of the looks, which are many, only those of the time that is asked about."""


class Rehearsed(Struct, frozen=True):
    """The drills of a playbook on the simulator, and their runs that got to the goal: they are of no pair."""

    drills: tuple[Drilled, ...] = ()
    arrivals: tuple[Arrival, ...] = ()


def read_readiness(
    store: JournalStore,
    beside: JournalStore,
    pairs: Sequence[str],
    playbook: Playbook,
    *,
    since: datetime,
    now: datetime,
) -> Iterator[ReadinessHistory]:
    """How ready each of the pairs is and was, in their order; one is read when it is asked for.

    Args:
        store: where the pairs' runs are journalled.
        beside: where drills on the simulator are; those that `store` has count, too.
        pairs: their names.
        playbook: theirs.
        since: when the time begins whose looks are read.
        now: by our wall clock.

    Raises:
        JournalDamaged: a record cannot be read.
    """
    stores = (store,) if beside.place == store.place else (beside, store)
    scored = (record for each in stores for record in each.records(kinds=(DrillScored.kind,)))
    rehearsed, before = rehearsed_of(scored, playbook), first_at(store, since) - 1
    for pair in pairs:
        certificate = store.newest(pair, PlaybookProven.kind)
        records = (
            *(() if certificate is None else (certificate,)),
            *store.records(pair=pair, kinds=_RARE),
        )
        looks = store.records(pair=pair, kinds=(DoctorChecked.kind,), after=before)
        yield readiness_of(pair, chain(records, looks), playbook, rehearsed, since=since, now=now)


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
    """What drills on the simulator say of a playbook. Pure.

    Raises:
        JournalDamaged: a record's data does not fit its kind.
    """
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


def readiness_of(
    pair: str,
    records: Iterable[Record],
    playbook: Playbook,
    rehearsed: Rehearsed,
    *,
    since: datetime,
    now: datetime,
) -> ReadinessHistory:
    """What the records say of a pair. Pure.

    Args:
        pair: its name.
        records: of each kind in their order; others than those that matter are passed over.
        playbook: as it is now.
        rehearsed: that playbook's drills on the simulator.
        since: when the time began whose looks are asked about.
        now: by our wall clock.

    Raises:
        JournalDamaged: a record's data does not fit its kind.
    """
    looks, drills, arrivals = _Looks(), [*rehearsed.drills], [*rehearsed.arrivals]
    certificate: Certificate | None = None
    for record in records:
        at, event = moment(record.at), event_of(record)
        match event:
            case DoctorChecked() if record.pair == pair and since <= at:
                looks.note(event, min(at, now))
            case DrillScored(score=score) if record.pair == pair and not score.simulated:
                drills.append(_drilled(score, at, playbook))
            case RunFinished() if record.pair == pair and any(step.target is GOAL for step in event.steps):
                arrivals.append(Arrival(record.run, at, _took(event)))
            case PlaybookProven() if record.pair == pair:
                certificate = Certificate(event, at)
            case _:
                pass
    objective = playbook.objectives.get(GOAL)
    last = looks.last
    return ReadinessHistory(
        pair,
        playbook.name,
        now,
        since,
        looks=looks.count,
        last_look=looks.last_at,
        look_seconds=0.0 if last is None else last.seconds,
        round_trips=Both(None, None) if last is None else last.round_trips,
        spells=looks.until(now),
        not_well={} if last is None else last.not_well,
        turned=looks.turned(),
        drills=tuple(sorted(drills, key=lambda each: each.at)),
        arrivals=tuple(sorted(arrivals, key=lambda each: each.at)),
        objective=None if objective is None else objective.total_seconds(),
        playbook_sha256=playbook.digest,
        version=__version__,
        certificate=certificate,
    )


class _Said(Struct, frozen=True):
    """What a check says, since when, and what it said before; None where it never said anything else."""

    level: Level
    since: datetime
    before: Level | None = None


class _Looks(Struct):
    """The looks so far."""

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
        self._pass(now)
        return tuple(self.spells)

    def turned(self) -> tuple[Turned, ...]:
        """What got worse and is not well yet, the worst first, else the newest."""
        found = [
            Turned(name, said.level, said.before, said.since)
            for name, said in self.said.items()
            if said.before is not None and is_worse(said.level, said.before)
        ]
        found.sort(key=lambda each: each.since, reverse=True)
        return tuple(sorted(found, key=lambda each: is_worse(each.level, Level.UNKNOWN), reverse=True))


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
    """A drill's run that got to the goal."""
    for leg in score.legs:
        if any(step.target is GOAL for step in leg.steps):
            took = [each.took for each in leg.objectives if each.status is GOAL]
            seconds = took[0].total_seconds() if took else leg.seconds
            return Arrival(leg.run, at, seconds, simulated=True)
    return None


def _took(finished: RunFinished) -> float:
    """Seconds to the goal: as the objective counts them, where there is one, else how long the run took."""
    took = [each.took for each in finished.objectives if each.status is GOAL]
    return took[0].total_seconds() if took else finished.seconds
