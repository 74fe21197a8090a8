"""Somebody at work whom this journal does not know: a young stamp of a run that it never saw (law 20)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from orchestrator.model.reading import Reading
from orchestrator.model.run import Stamp
from orchestrator.model.situation import ALONE_FOR, Stranger
from orchestrator.model.status import Both, Role


def _stranger_at(role: Role, reading: Reading, known_runs: Collection[str], at: datetime) -> Stranger | None:
    """Whoever moves an org by a run that the journal does not know, and did so less than ALONE_FOR ago, or None.

    Args:
        role: which org.
        reading: what it said. One that was not seen, or has no record, names nobody.
        known_runs: the runs of this pair that the journal knows.
        at: our wall clock, where the answer did not carry the server's own.
    """
    record = reading.record
    stamp = None if record is None else Stamp.parse(record.modified_by)
    if record is None or stamp is None or stamp.run in known_runs:
        return None
    who = f"{stamp.operator}@{stamp.host}"
    if record.modified_at is None:
        return Stranger(role, stamp.run, who, None)
    age = max((reading.exchange.server_date or at) - record.modified_at, timedelta(0))
    return Stranger(role, stamp.run, who, age.total_seconds()) if age < ALONE_FOR else None


def strangers(readings: Both[Reading], known_runs: Collection[str], at: datetime) -> tuple[Stranger, ...]:
    """The same for both orgs; whoever has stamped both is named for each."""
    found = (_stranger_at(role, reading, known_runs, at) for role, reading in readings.items())
    return tuple(stranger for stranger in found if stranger is not None)
