"""`hamr readiness` of a week, from journals in which doctor has kept a look each half hour for longer and longer."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from orchestrator.config import load_playbook
from orchestrator.fleet.readiness import ReadinessOverTime
from orchestrator.journal import JournalStore
from orchestrator.model.events import DoctorChecked, encode
from orchestrator.model.journal import Entry
from orchestrator.model.readiness import Level
from orchestrator.model.status import Both

from .figures import figure, least

PAIRS = 10
DAYS = (7, 70, 365)
A_DAY = 48


def readiness_growth(folder: Path) -> None:
    """Time for a week's looks, whatever lies before them; and by how many pairs there are."""
    first = 0.0
    for days in DAYS:
        seconds = least(3, partial(_week, _journal(folder / f"looks{days}.db", PAIRS, days), PAIRS))
        first = first or seconds
        looks = PAIRS * days * A_DAY
        figure(
            f"readiness of {PAIRS} pairs for a week, {looks:,} looks",
            f"{seconds:.3f} s",
            seconds / first,
            1.5,
        )
    place = _journal(folder / "looks-many.db", 10 * PAIRS, DAYS[0])
    seconds = least(3, lambda: _week(place, 10 * PAIRS))
    figure(f"readiness of {10 * PAIRS} pairs for a week", f"{seconds:.3f} s", seconds / first / 10, 1.5)


def _journal(place: Path, pairs: int, days: int) -> Path:
    if place.exists():
        return place
    now, well = datetime.now(UTC), Level.OK
    look = encode(DoctorChecked(well, well, 46, {}, Both(0.1, 0.2), 0.3, "regional-failover", "a" * 64, "1"))
    with JournalStore.open(place, durable=False, now=lambda: now) as store:
        for number in range(days * A_DAY, 0, -1):
            at = now - timedelta(days=number / A_DAY)
            store.append_all(
                [
                    Entry("", f"pair-{pair}", DoctorChecked.kind, "alice", "desk", look, at)
                    for pair in range(pairs)
                ]
            )
    return place


def _week(place: Path, pairs: int) -> float:
    playbook, now = load_playbook("regional-failover"), datetime.now(UTC)
    names = [f"pair-{pair}" for pair in range(pairs)]
    with (
        JournalStore.open(place, create=False, now=lambda: now) as store,
        JournalStore.nothing(place.with_name("no.db"), now=lambda: now) as beside,
    ):
        began = time.monotonic()
        found = ReadinessOverTime(store, names, playbook, timedelta(days=7), beside).read(now)
        seconds = time.monotonic() - began
    assert all(each.looks >= 7 * A_DAY - 1 for each in found), found[0].looks
    return seconds
