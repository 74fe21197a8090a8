"""The pair, the playbook and the readings that the tests of this folder talk about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from orchestrator.model.floor import Floors
from orchestrator.model.guard import Guard, GuardKind
from orchestrator.model.org import EnvironmentKey, Org, Pair, Wire
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.reading import (
    Absent,
    Denied,
    Exchange,
    Hampered,
    HamrRecord,
    Identity,
    Present,
    Reading,
    Sight,
    Trouble,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.run import Mode
from orchestrator.model.situation import OpenRun, Owed, Phase, Situation
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import View, phase_of
from orchestrator.situation.state import RunState, Sent

PRIMARY, SECONDARY = Role.PRIMARY, Role.SECONDARY

UUIDS = {
    PRIMARY: "550e8400-e29b-41d4-a716-446655440000",
    SECONDARY: "7c9e6679-7425-40de-944b-e07fc1f90ae7",
}
STRANGER = "00000000-0000-4000-8000-000000000bad"

NOW = datetime(2026, 5, 28, 16, 40, 0, tzinfo=UTC)
"""A Thursday."""
YESTERDAY = datetime(2026, 5, 27, 9, 30, 0, 250_000, tzinfo=UTC)
MONOTONIC = 5000.0


def _org(role: Role, name: str, datacenter: str) -> Org:
    return Org(
        role=role,
        name=name,
        uuid=UUIDS[role],
        base_url=f"http://{role}.test",
        datacenter=datacenter,
        wire=Wire.AUTO,
        api_key=EnvironmentKey("API"),
        app_key=EnvironmentKey("APP"),
    )


PAIR = Pair("payments", Both(_org(PRIMARY, "Payments", "us1"), _org(SECONDARY, "Payments EU", "eu1")))

ENROLL = Transition("enroll", Status.ONBOARDING, Status.PASSIVE)
DECLARE = Transition("declare", Status.PASSIVE, Status.FAILOVER, survivor=SECONDARY)
ACTIVATE = Transition("activate", Status.FAILOVER, Status.ACTIVE, survivor=SECONDARY)
ABORT = Transition("abort", Status.FAILOVER, Status.PASSIVE)
RECOVER = Transition("recover", Status.ACTIVE, Status.RECOVERY)
SETTLE = Transition("settle", Status.RECOVERY, Status.PASSIVE)
CONNECT = Transition("connect", Status.ABSENT, Status.ONBOARDING)

FAILOVER = Playbook(
    "regional-failover",
    transitions=(ENROLL, DECLARE, ACTIVATE, ABORT, RECOVER, SETTLE),
    stops=(Status.PASSIVE, Status.ACTIVE),
)
ONBOARDING = Playbook("onboarding", transitions=(CONNECT, ENROLL), stops=(Status.ONBOARDING, Status.PASSIVE))


def with_guards(**kinds: GuardKind) -> Playbook:
    """The failover playbook with these guards, none of them named by a transition."""
    guards = {name: Guard(name, kind, why=f"why {name}") for name, kind in kinds.items()}
    return replace(FAILOVER, guards=guards)


def record(
    role: Role,
    status: int = 2,
    *,
    at: datetime | None = YESTERDAY,
    by: str = "alice@example.com",
    is_primary: bool | None = True,
    org_uuid: str | None = None,
    target_uuid: str | None = None,
    target_datacenter: str | None = None,
    datacenter: str | None = None,
) -> HamrRecord:
    """A record as that org should have it; `is_primary` True means "as it should be", False the opposite."""
    return HamrRecord(
        org_uuid=UUIDS[role] if org_uuid is None else org_uuid,
        status=status,
        is_primary=None if is_primary is None else is_primary is (role is PRIMARY),
        modified_by=by,
        modified_at=at,
        target_uuid=UUIDS[role.other] if target_uuid is None else target_uuid,
        target_name=PAIR[role.other].name,
        target_datacenter=PAIR[role.other].datacenter if target_datacenter is None else target_datacenter,
        datacenter=datacenter,
    )


def reading(role: Role, sight: Sight, *, at: datetime = NOW, date: datetime | None = NOW) -> Reading:
    """A reading that was taken a second ago."""
    return Reading(role, sight, at, MONOTONIC - 1, Exchange(server_date=date))


def shows(
    role: Role, status: Status, *, at: datetime | None = YESTERDAY, by: str = "alice@example.com"
) -> Reading:
    """An org that shows a status, linked as it should be."""
    return reading(role, Present(record(role, int(status), at=at, by=by), status))


def holds(role: Role, held: HamrRecord, *, date: datetime | None = NOW) -> Reading:
    """An org with that very record."""
    status = Status.of(held.status)
    return reading(role, Unrecognised(held) if status is None else Present(held, status), date=date)


def absent(role: Role) -> Reading:
    return reading(role, Absent())


def denied(role: Role) -> Reading:
    return Reading(role, Denied("403 Forbidden"), NOW, MONOTONIC - 1, Exchange(http_status=403))


def keyless(role: Role, reason: str = "The API key of it cannot be used") -> Reading:
    """An org that was asked nothing, since a key of ours could not be had."""
    return reading(role, Hampered(reason, "set what is missing", Trouble.KEYS))


def hampered(role: Role, trouble: Trouble, reason: str = "the proxy px:3128 cannot be reached") -> Reading:
    """An org that something on our side keeps us from."""
    return reading(role, Hampered(reason, "correct HTTPS_PROXY", trouble))


def dead(role: Role) -> Reading:
    return reading(role, Unreachable("timed out after 10 s"), date=None)


def garbled(role: Role) -> Reading:
    return reading(role, Unreadable("the body is HTML"))


def both(primary: Reading, secondary: Reading) -> Both[Reading]:
    return Both(primary, secondary)


KEYS = Both(Identity(PRIMARY, UUIDS[PRIMARY]), Identity(SECONDARY, UUIDS[SECONDARY]))
"""validate says that the keys are the inventory's."""
NO_KEYS = Both(Identity(PRIMARY, None, "timed out"), Identity(SECONDARY, None, "timed out"))
"""validate could not tell."""


def situation(
    primary: Reading | None = None,
    secondary: Reading | None = None,
    *,
    emergency: Role | None = None,
    identities: Both[Identity] = KEYS,
    our_names: frozenset[str] = frozenset(),
    known_runs: frozenset[str] = frozenset(),
    run: str = "",
    at: datetime = NOW,
    predicted: bool = False,
    monotonic: float = MONOTONIC,
) -> Situation:
    """Both orgs PASSIVE since yesterday, unless said otherwise; `emergency` names the survivor of one."""
    return Situation(
        pair=PAIR,
        readings=Both(
            primary or shows(PRIMARY, Status.PASSIVE), secondary or shows(SECONDARY, Status.PASSIVE)
        ),
        identities=identities,
        at=at,
        monotonic=monotonic,
        mode=Mode.PLANNED if emergency is None else Mode.EMERGENCY,
        survivor=emergency,
        run=run,
        our_names=our_names,
        known_runs=known_runs,
        predicted=predicted,
    )


def ago(**span: float) -> datetime:
    """A time so long before now."""
    return NOW - timedelta(**span)


RUN = "20260528-163000-k3f9"
OTHER_RUN = "20260528-150000-zzzz"


def open_run(transition: str = "", *, goal: Status = Status.ACTIVE, mode: Mode = Mode.PLANNED) -> OpenRun:
    """A run from PASSIVE that has not finished."""
    return OpenRun(RUN, goal, Status.PASSIVE, transition, mode)


def owed(role: Role = PRIMARY, status: Status = Status.ACTIVE) -> Owed:
    """An emergency's debt."""
    return Owed(role, status, RUN, YESTERDAY)


def phase(
    primary: Reading,
    secondary: Reading,
    *,
    playbook: Playbook = FAILOVER,
    identities: Both[Identity] = KEYS,
    debt: Owed | None = None,
    run: OpenRun | None = None,
    goal: Status | None = None,
    floors: Floors | None = None,
) -> Phase:
    """Where the pair stands."""
    return phase_of(View(PAIR, Both(primary, secondary), playbook, debt, run, goal), identities, floors)


def knows(
    run: str,
    expected: Mapping[Role, HamrRecord | None],
    sent: Iterable[Sent] = (),
    names: Iterable[str] = (),
    *,
    confirmed: Mapping[Role, Iterable[HamrRecord]] | None = None,
    earlier: Mapping[Role, Iterable[HamrRecord | None]] | None = None,
    began: datetime | None = None,
    **more: Any,
) -> RunState:
    """What a run knows when it compares."""
    return RunState(
        run,
        expected=dict(expected),
        sent=[*sent],
        names={*names},
        confirmed={role: [*(confirmed or {}).get(role, ())] for role in Role},
        earlier={role: [*(earlier or {}).get(role, ())] for role in Role},
        intent_dates={1: began},
        **more,
    )
