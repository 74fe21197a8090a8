"""What doctor found, kept in the journal: how ready a pair was over time, and the one proof that the journal can be written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator import __version__
from orchestrator.model.events import DoctorChecked
from orchestrator.model.journal import Entry
from orchestrator.model.readiness import Level, Readiness, worst
from orchestrator.model.status import Both
from orchestrator.operations.session import Session
from orchestrator.operations.sources import Sources

Keep = Callable[[Sequence[Entry]], None]
"""Adds looks to the journal, all in one transaction, or raises a HamrError that says why it could not."""

PATIENCE = 1.0
"""Seconds that opening the journal may wait for others who write, and adding to it as many again: doctor is no slower by more."""


def keeper(sources: Sources) -> Keep:
    """Adds to the journal that is named there; where there is none, it is made.

    Raises:
        UsageError: the place cannot be right.
    """

    def keep(looks: Sequence[Entry]) -> None:
        # Opened anew: what a look reads is open for reading only, which works on a journal that can't be written, too.
        with sources.store(writes=True, patience=PATIENCE) as store:
            store.append_all(looks)

    return keep


def checked(session: Session, readiness: Readiness) -> Entry:
    """One look, as the journal keeps it. It belongs to no run."""
    not_well: dict[str, Level] = {}
    for check in readiness.checks:
        name = check.name if check.role is None else f"{check.role} {check.name}"
        level = worst((check.worst, not_well.get(name)))
        if level is not None and not check.fine and not check.follows:
            not_well[name] = level
    return session.entry(
        "",
        DoctorChecked(
            readiness.planned,
            readiness.emergency,
            len(readiness.checks),
            not_well,
            Both(*(took if took is None else round(took, 4) for took in readiness.round_trips)),
            round(readiness.seconds, 3),
            readiness.playbook,
            session.playbook.digest,
            __version__,
        ),
    )
