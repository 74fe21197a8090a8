"""Posting one event to one org: POST /api/v1/events, with the API key alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

from msgspec import Struct

from orchestrator.datadog.answers import one_line, said_of
from orchestrator.datadog.client import OrgClient
from orchestrator.datadog.connections import open_transport
from orchestrator.datadog.transport import Exchanged, Transport, seconds
from orchestrator.errors import HamrError
from orchestrator.model.org import Org, Pair
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Timeouts
from orchestrator.model.protocols import Clock
from orchestrator.model.status import Both, Role
from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor

EVENTS_PATH = "/api/v1/events"

TIMEOUTS = Timeouts(connect=timedelta(seconds=2), read=timedelta(seconds=3), total=timedelta(seconds=3))
"""Short: an event is worth less than the time that it takes. The total includes fetching the key."""


class Failed(Struct, frozen=True):
    """An event was not taken, or nobody knows."""

    reason: str
    no_such_place: bool = False
    """404: this API takes no events, and a warning about that helps nobody."""


@dataclass(slots=True, repr=False)
class Poster:
    """Posts to a pair's orgs, over connections of its own, opened when an org is first told something.

    Args:
        pair: whose orgs.
        keys: where API keys come from.
        redactor: cleans what is posted, and what a server says.
        clock: what exchanges are timed with.
        transports: in the place of the network, for tests; whoever gave them closes them.
        timeouts: bounds of one event.
    """

    pair: Pair
    keys: KeyRing
    redactor: Redactor
    clock: Clock
    transports: Both[Transport] | None = None
    timeouts: Timeouts = TIMEOUTS
    opened: dict[Role, Transport] = field(default_factory=dict)
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def post(self, role: Role, body: Mapping[str, JSON]) -> Failed | None:
        """Post one event, once. None where the org took it; never raises for what the org or the network does."""
        org = self.pair[role]
        content = json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")
        try:
            transport = await self._transport(org)
            client = OrgClient(org, transport, self.timeouts, self.keys, self.redactor, self.clock)
            exchanged = await client.ask(
                "POST", EVENTS_PATH, content=content, app_key=False, within=seconds(self.timeouts.total)
            )
        except HamrError as error:  # no key; or this machine's certificates or proxy cannot be used
            return Failed(one_line(error.message, self.redactor))
        return self._failed(exchanged)

    def _failed(self, exchanged: Exchanged) -> Failed | None:
        status = exchanged.status
        if status is None:
            return Failed(one_line(exchanged.failure, self.redactor))
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        return Failed(said_of(exchanged, self.redactor), no_such_place=status == HTTPStatus.NOT_FOUND)

    async def _transport(self, org: Org) -> Transport:
        if self.transports is not None:
            return self.transports[org.role]
        async with self.opening:
            if org.role not in self.opened:
                # Loading certificates takes tens of milliseconds: not in the loop that the run lives in.
                self.opened[org.role] = await asyncio.to_thread(open_transport, org)
        return self.opened[org.role]

    async def aclose(self) -> None:
        """Close the connections that were opened here."""
        while self.opened:
            _, transport = self.opened.popitem()
            await transport.aclose()
