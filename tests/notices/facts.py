"""A run to tell of: its pair, its playbook, and how it began."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from orchestrator.config import load_playbook
from orchestrator.model.events import Event, RunStarted, SituationRead
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import HamrRecord, Present, Reading, Sight, Unreachable
from orchestrator.model.run import Mode, Operator
from orchestrator.model.status import Both, Role, Status
from orchestrator.notices import About
from tests.datadog.orgs import PRIMARY_UUID, SECONDARY_UUID, pair_at

P, S = Role.PRIMARY, Role.SECONDARY
RUN = "20261122-031502-k3f9"
PAIR = pair_at("https://api.datadoghq.com", "https://api.us5.datadoghq.com")
AT = datetime(2026, 11, 22, 3, 15, 2, tzinfo=UTC)
DARK = Unreachable("no connection within 3 s")


@cache
def shipped() -> Playbook:
    return load_playbook("regional-failover")


def started(goal: Status = Status.ACTIVE, mode: Mode = Mode.PLANNED, drill: str = "") -> RunStarted:
    return RunStarted(
        pair="payments",
        goal=goal,
        mode=mode,
        reason="us1 is down",
        ref="INC-1234",
        since=None,
        overrides={},
        playbook="regional-failover",
        playbook_text="schema: 1\n",
        playbook_sha256="ab" * 32,
        orgs=Both(PRIMARY_UUID, SECONDARY_UUID),
        urls=Both("https://api.datadoghq.com", "https://api.us5.datadoghq.com"),
        version="1.0.0",
        drill=drill,
    )


def shows(status: Status) -> Present:
    record = HamrRecord(PRIMARY_UUID, int(status), True, "ana", AT, SECONDARY_UUID, "Payments DR", "us5")
    return Present(record, status)


def read(primary: Sight, secondary: Sight) -> SituationRead:
    return SituationRead("start", Both(Reading(P, primary, AT, 1.0), Reading(S, secondary, AT, 1.0)))


def about(*events: Event, playbook: Playbook | None = None) -> About:
    """The run after those events."""
    known = About(RUN, PAIR, playbook or shipped(), Operator("alice", "laptop"), "/var/hamr/journal.db")
    for event in events:
        known = known.after(event)
    return known


def begun(goal: Status = Status.ACTIVE, mode: Mode = Mode.PLANNED, drill: str = "") -> About:
    """A run that has read both orgs, which show PASSIVE; in an emergency the primary is dark."""
    primary: Sight = DARK if mode is Mode.EMERGENCY else shows(Status.PASSIVE)
    return about(started(goal, mode, drill), read(primary, shows(Status.PASSIVE)))
