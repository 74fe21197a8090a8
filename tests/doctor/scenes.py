"""What was found out about a pair that is ready, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec.structs import replace

from orchestrator.doctor import all_checks
from orchestrator.doctor.answers import Answers, JournalFound, KeyFound, OrgAnswers
from orchestrator.journal.history import History
from orchestrator.model.guard import Measured, Probe, ProbeReading, Unmeasured
from orchestrator.model.playbook import Playbook
from orchestrator.model.readiness import Check, KeysSaid, Level
from orchestrator.model.reading import Exchange, Reading
from orchestrator.model.run import Operator
from orchestrator.model.status import Both, Role, Status
from tests.situation.scenes import FAILOVER, KEYS, MONOTONIC, NOW, PAIR, shows

P, S = Role.PRIMARY, Role.SECONDARY
OK, WARNING, UNKNOWN, CRITICAL = Level.OK, Level.WARNING, Level.UNKNOWN, Level.CRITICAL

PLAYBOOK = replace(FAILOVER, objectives={Status.ACTIVE: timedelta(minutes=15)})


def answered(reading: Reading, seconds: float = 0.05, off: float = 0.5) -> Reading:
    """The same, answered in so many seconds by a server whose clock is so many seconds behind ours."""
    date = reading.at - timedelta(seconds=off)
    return replace(reading, exchange=Exchange(seconds, 200, date))


def orgs(
    primary: Reading | None = None,
    secondary: Reading | None = None,
    probes: Mapping[str, Measured | Unmeasured] | None = None,
) -> OrgAnswers:
    """Both orgs PASSIVE, every key there and accepted."""
    return OrgAnswers(
        keys=tuple(
            KeyFound(role, name, "environment variable KEY")
            for role in Role
            for name in ("API key", "application key")
        ),
        accepted=Both(KeysSaid(P, valid=True), KeysSaid(S, valid=True)),
        identities=KEYS,
        readings=Both(
            primary or answered(shows(P, Status.PASSIVE)), secondary or answered(shows(S, Status.PASSIVE))
        ),
        probes={name: ProbeReading(name, sight, NOW, MONOTONIC) for name, sight in (probes or {}).items()},
        at=NOW,
        monotonic=MONOTONIC,
    )


def answers(
    asked: OrgAnswers | None = None,
    *,
    playbook: Playbook = PLAYBOOK,
    journal: JournalFound | None = None,
    history: History | None = None,
    operator: str = "alice",
    missing: frozenset[str] = frozenset(),
) -> Answers:
    """A pair that is ready."""
    found = journal or JournalFound("/j/journal.db", exists=True, history=history or History("payments"))
    return Answers(PAIR, playbook, Operator(operator, "laptop"), asked or orgs(), found, missing)


def checks(found: Answers) -> dict[str, Check]:
    """Its checks, as "API key primary" or "phase"."""
    return {
        check.name if check.role is None else f"{check.name} {check.role}": check
        for check in all_checks(found)
    }


def verdicts(found: Answers, *names: str) -> dict[str, tuple[Level | None, Level | None]]:
    """(planned, emergency) of these checks; of all that are not well where none is named."""
    return {
        name: (check.planned, check.emergency)
        for name, check in checks(found).items()
        if (name in names if names else check.worst not in (None, OK))
    }


def probing(*probes: Probe) -> Mapping[str, Probe]:
    """Probes by their names."""
    return {probe.name: probe for probe in probes}
