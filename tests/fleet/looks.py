"""Looks, drills and runs, as a journal has them, at times that are written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from orchestrator.config import load_playbook
from orchestrator.fleet.readiness import Found, Rehearsed, rehearsed_of
from orchestrator.model.events import DoctorChecked, DrillScored, Event, PlaybookProven, RunFinished, encode
from orchestrator.model.journal import Record
from orchestrator.model.plain import timestamp
from orchestrator.model.readiness import Level
from orchestrator.model.readiness_history import ReadinessHistory
from orchestrator.model.result import Expectation, Leg, Score, StepTime
from orchestrator.model.run import End, Objective, RunOutcome, Step
from orchestrator.model.status import Both, Status

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=7)
PLAYBOOK = load_playbook("regional-failover")
OK, WARNING, UNKNOWN, CRITICAL = Level.OK, Level.WARNING, Level.UNKNOWN, Level.CRITICAL


def hours(number: float) -> datetime:
    """So many hours ago."""
    return NOW - timedelta(hours=number)


def record(event: Event, at: datetime, *, run: str = "", pair: str = "payments") -> Record:
    return Record(1, timestamp(at), run, pair, event.kind, "alice", "desk", encode(event), "", "")


def look(
    at: datetime,
    planned: Level = OK,
    emergency: Level = OK,
    not_well: Mapping[str, Level] | None = None,
    pair: str = "payments",
) -> Record:
    found = DoctorChecked(
        planned, emergency, 46, not_well or {}, Both(0.2, 0.1), 0.3, PLAYBOOK.name, PLAYBOOK.digest, "1.0"
    )
    return record(found, at, pair=pair)


def ran(at: datetime, seconds: float, run: str = "r", target: Status = Status.ACTIVE) -> Record:
    """A live run that got to a status in so many seconds by its objective, and took a second more in all."""
    objective = Objective(target, timedelta(minutes=15), timedelta(seconds=seconds))
    steps = (Step("activate", Status.FAILOVER, target, 1.0, 2),)
    ended = RunFinished(
        RunOutcome(End.DONE, "done"), 0, f"agreed({target})", steps, seconds + 1, (objective,)
    )
    return record(ended, at, run=run)


def leg(name: str, goal: Status, exit_code: int = 0) -> Leg:
    step = StepTime("x", Status.FAILOVER, goal, 0.3, 0.1, 0.0)
    return Leg(name, f"run-{name}", goal, exit_code, f"agreed({goal})", 0.5, (step,))


THERE, BACK = leg("out", Status.ACTIVE), leg("home", Status.PASSIVE)


def drilled(
    at: datetime,
    *legs: Leg,
    held: bool = True,
    simulated: bool = False,
    drill: str = "d",
    digest: str = PLAYBOOK.digest,
    playbook: str = PLAYBOOK.name,
) -> Record:
    score = Score(
        drill,
        "payments",
        playbook,
        legs or (THERE, BACK),
        (Expectation("home", held, "as it was"),),
        (),
        (),
        simulated=simulated,
        playbook_sha256=digest,
    )
    return record(DrillScored(score), at, run=drill, pair="sim-0001" if simulated else "payments")


def proven(at: datetime, digest: str, version: str) -> Record:
    return record(PlaybookProven(PLAYBOOK.name, digest, version, 2, 12, 1000, 400), at)


def said_of(*records: Record, rehearsals: Sequence[Record] = ()) -> ReadinessHistory:
    """What they say of payments."""
    rehearsed = rehearsed_of(rehearsals, PLAYBOOK) if rehearsals else Rehearsed()
    return of("payments", records, rehearsed)


def of(pair: str, records: Sequence[Record], rehearsed: Rehearsed) -> ReadinessHistory:
    """What the records of a pair's among these say of it."""
    found = Found()
    for each in records:
        if each.pair == pair:
            found.note(each, PLAYBOOK, SINCE, NOW)
    return found.history(pair, PLAYBOOK, rehearsed, since=SINCE, now=NOW)
