"""The JSON forms of the nouns that several documents share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from orchestrator.model.guard import Verdict
from orchestrator.model.plain import JSON, timestamp
from orchestrator.model.reading import HamrRecord, Present, Reading, Request
from orchestrator.model.run import Attempt, Objective, Step
from orchestrator.model.situation import OpenDrill, Owed
from orchestrator.model.status import Both, Status

SIGHTS = {
    "Present": "record",
    "Unrecognised": "unrecognised",
    "Absent": "absent",
    "Denied": "denied",
    "Hampered": "hampered",
    "Unreachable": "unreachable",
    "Unreadable": "unreadable",
}
"""What a reading said, by the class of its sight."""


def seconds(value: float) -> float:
    """Seconds, to the millisecond."""
    return round(value, 3)


def when(at: datetime | None) -> JSON:
    """RFC 3339 in UTC, or null."""
    return None if at is None else timestamp(at)


def status_name(status: Status | None) -> JSON:
    """The status by name, or null."""
    return None if status is None else status.name


def record_fact(record: HamrRecord | None) -> JSON:
    """A HAMR record, whichever casing it came in, or null."""
    if record is None:
        return None
    status = Status.of(record.status)
    return {
        "org_uuid": record.org_uuid,
        "status": record.status if status is None else status.name,
        "is_primary": record.is_primary,
        "modified_by": record.modified_by,
        "modified_at": when(record.modified_at),
        "target_uuid": record.target_uuid,
        "target_name": record.target_name,
        "target_datacenter": record.target_datacenter,
        "datacenter": record.datacenter,
    }


def reading_fact(reading: Reading) -> dict[str, JSON]:
    """What one GET of one org said; `status` is null where no known status was seen."""
    exchange = reading.exchange
    return {
        "said": SIGHTS[type(reading.sight).__name__],
        "status": status_name(reading.status),
        "reason": None if isinstance(reading.sight, Present) else getattr(reading.sight, "reason", None),
        "record": record_fact(reading.record),
        "at": when(reading.at),
        "round_trip_seconds": seconds(exchange.seconds),
        "http_status": exchange.http_status,
        "server_date": when(exchange.server_date),
        "request_id": exchange.request_id,
    }


def readings_fact(readings: Both[Reading]) -> JSON:
    """Both orgs' readings, by role."""
    return {role.value: reading_fact(reading) for role, reading in readings.items()}


def verdict_fact(verdict: Verdict) -> dict[str, JSON]:
    """A guard's verdict."""
    return {
        "guard": verdict.guard,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "why": verdict.why,
        "predicted": verdict.predicted,
        "judged_again": verdict.judged_again,
        "blind": None if verdict.blind is None else verdict.blind.value,
        "overridable": verdict.overridable,
    }


def request_fact(request: Request) -> dict[str, JSON]:
    """A request as it goes over the wire, without its key headers."""
    return {"method": request.method, "url": request.url, "body": request.body}


def attempt_fact(attempt: Attempt) -> dict[str, JSON]:
    """One POST to one org, as intended."""
    return {
        "attempt": attempt.number,
        "org": attempt.role.value,
        "status": attempt.status.name,
        "stamp": attempt.stamp,
        "transition": attempt.transition,
        "purpose": attempt.purpose,
    }


def owed_fact(owed: Owed | None) -> JSON:
    """What an emergency left untold, or null."""
    if owed is None:
        return None
    return {
        "org": owed.role.value,
        "status": owed.status.name,
        "run": owed.run,
        "since": when(owed.since),
    }


def open_drill_fact(drill: OpenDrill | None) -> JSON:
    """A drill that was not closed yet, or null."""
    if drill is None:
        return None
    return {
        "drill": drill.drill,
        "started_at": when(drill.started_at),
        "by": drill.by,
        "goal": drill.goal.name,
        "home": drill.home.name,
    }


def step_fact(step: Step) -> dict[str, JSON]:
    """One transition that was made."""
    return {
        "transition": step.transition,
        "from": step.source.name,
        "to": step.target.name,
        "seconds": seconds(step.seconds),
        "writes": step.writes,
    }


def objective_fact(objective: Objective) -> dict[str, JSON]:
    """A recovery time objective, and how the run did."""
    return {
        "status": objective.status.name,
        "wanted_seconds": objective.wanted.total_seconds(),
        "took_seconds": seconds(objective.took.total_seconds()),
        "met": objective.met,
    }


def listed(items: Iterable[JSON]) -> list[JSON]:
    """A JSON array."""
    return list(items)
