"""A pair with canary keys, and a draft for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from orchestrator.model.org import EnvironmentKey, Org, Pair, Wire
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Timeouts
from orchestrator.model.protocols import Clock
from orchestrator.model.reading import Draft
from orchestrator.model.status import Both, Role, Status
from orchestrator.system.clock import SystemClock
from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor

A = TypeVar("A")

PRIMARY_UUID = "550e8400-e29b-41d4-a716-446655440000"
SECONDARY_UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

KEYS = {
    "P_API": "canary0primary0api0key0000000001",
    "P_APP": "canary0primary0app0key0000000002",
    "S_API": "canary0secondary0api0key00000003",
    "S_APP": "canary0secondary0app0key00000004",
}

PATIENT = Timeouts(connect=timedelta(seconds=20), read=timedelta(seconds=20), total=timedelta(seconds=20))
"""Longer than any test takes: what ends sooner was ended by something else."""

SHORT = Timeouts(
    connect=timedelta(milliseconds=500), read=timedelta(milliseconds=50), total=timedelta(milliseconds=150)
)


def pair_at(primary: str, secondary: str) -> Pair:
    return Pair(
        "payments",
        Both(
            Org(
                Role.PRIMARY,
                "Payments",
                PRIMARY_UUID,
                primary,
                "us1",
                Wire.AUTO,
                EnvironmentKey("P_API"),
                EnvironmentKey("P_APP"),
            ),
            Org(
                Role.SECONDARY,
                "Payments DR",
                SECONDARY_UUID,
                secondary,
                "us5",
                Wire.AUTO,
                EnvironmentKey("S_API"),
                EnvironmentKey("S_APP"),
            ),
        ),
    )


def org_at(url: str) -> Org:
    return pair_at(url, url).orgs.secondary


def client(
    kind: Callable[..., A],
    pair: Pair,
    held: Mapping[str, str] = KEYS,
    *,
    timeouts: Timeouts = SHORT,
    redactor: Redactor | None = None,
    clock: Clock | None = None,
    **more: Any,
) -> A:
    """A pair's client that holds these keys, and redacts them from the start."""
    redactor = redactor or Redactor()
    keys = KeyRing(held, redactor, refetch_after=0.0)
    return kind(pair, timeouts=timeouts, keys=keys, redactor=redactor, clock=clock or SystemClock(), **more)


def draft(role: Role = Role.SECONDARY, wire: Wire = Wire.SNAKE) -> Draft:
    return Draft(
        role=role,
        org_uuid=SECONDARY_UUID if role is Role.SECONDARY else PRIMARY_UUID,
        status=Status.FAILOVER,
        is_primary=role is Role.PRIMARY,
        modified_by="ana+hamr-20261122-031502-k3f9-1@laptop",
        target_uuid=PRIMARY_UUID if role is Role.SECONDARY else SECONDARY_UUID,
        target_name="Payments",
        target_datacenter="us1",
        wire=wire,
    )


WRITTEN: JSON = {
    "data": {
        "id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "type": "hamr_org_connections",
        "attributes": {
            "hamr_status": 3,
            "is_primary": False,
            "modified_by": "ana+hamr-20261122-031502-k3f9-1@laptop",
            "target_org_datacenter": "us1",
            "target_org_name": "Payments",
            "target_org_uuid": "550e8400-e29b-41d4-a716-446655440000",
        },
    }
}
"""What the secondary's draft is in the documented casing."""
