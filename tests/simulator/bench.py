"""What the simulator's tests share: both regions in one process, and requests as a client makes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from orchestrator.model.plain import JSON
from orchestrator.model.status import Role
from orchestrator.simulator import Effect, Fault, Regions, Response, SimulatorConfig
from tests.clock import HandClock

P, S = Role.PRIMARY, Role.SECONDARY
PRIMARY_UUID = "11111111-1111-4111-8111-000000000000"
SECONDARY_UUID = "22222222-2222-4222-8222-000000000000"
START = datetime(2026, 11, 22, 3, 0, 0, 250_000, tzinfo=UTC)
AGENTS = "sum:datadog.agent.running{*}"
KEYS = {
    P: {
        "DD-API-KEY": "simulated-primary-api-key-0000",
        "DD-APPLICATION-KEY": "simulated-primary-app-key-0000",
    },
    S: {
        "DD-API-KEY": "simulated-secondary-api-key-0000",
        "DD-APPLICATION-KEY": "simulated-secondary-app-key-0000",
    },
}


def snake(role: Role, status: int, **changes: JSON) -> dict[str, JSON]:
    """A POST's body as the reference has it."""
    attributes: dict[str, JSON] = {
        "hamr_status": status,
        "is_primary": role is P,
        "modified_by": "night.shift@example.com",
        "target_org_datacenter": "eu1" if role is P else "us1",
        "target_org_name": "The Other",
        "target_org_uuid": SECONDARY_UUID if role is P else PRIMARY_UUID,
    }
    attributes.update(changes)
    uuid = PRIMARY_UUID if role is P else SECONDARY_UUID
    return {"data": {"id": uuid, "type": "hamr_org_connections", "attributes": attributes}}


class Bench:
    """Both regions in this process."""

    def __init__(self, config: SimulatorConfig | None = None, *faults: Fault) -> None:
        self.clock = HandClock(START)
        self.regions = Regions(SimulatorConfig() if config is None else config, self.clock, faults)

    async def ask(
        self,
        role: Role,
        method: str = "GET",
        path: str = "/api/v2/hamr",
        *,
        keys: Mapping[str, str] | None = None,
        body: JSON | bytes = None,
        query: str = "",
    ) -> Effect:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return await self.regions.handle(role, method, path, query, KEYS[role] if keys is None else keys, raw)

    async def answer(self, *request: Any, **more: Any) -> Response:
        """What such a request is answered; it is asked as `ask` has it."""
        effect = await self.ask(*request, **more)
        assert isinstance(effect, Response)
        return effect

    async def said(self, *request: Any, **more: Any) -> tuple[int, Any]:
        """The status and the JSON of what such a request is answered."""
        response = await self.answer(*request, **more)
        return response.status, json.loads(response.body)

    async def points(self, role: Role, query: str = AGENTS, *, over: int = 60) -> list[tuple[int, JSON]]:
        """What a query shows over the last so many seconds: (seconds before now, value); [] where it has no data."""
        now = int(self.clock.now().timestamp())
        asked = urlencode({"from": now - over, "to": now, "query": query})
        status, body = await self.said(role, path="/api/v1/query", query=asked)
        assert status == 200
        return [(now - int(at / 1000), value) for each in body["series"] for at, value in each["pointlist"]]

    async def post(self, role: Role, status: int, **changes: JSON) -> Response:
        return await self.answer(role, "POST", body=snake(role, status, **changes))

    async def status(self, role: Role) -> int | None:
        """What a GET shows; None for a 404."""
        response = await self.answer(role)
        if response.status == 404:
            return None
        found = attributes(response)["hamr_status"]
        assert isinstance(found, int)
        return found


def attributes(response: Response) -> dict[str, JSON]:
    found = json.loads(response.body)["data"]["attributes"]
    assert isinstance(found, dict)
    return found
