"""A receiver of webhooks that checks each signature as its documentation says, and nothing of ours does."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct, field

from orchestrator.model.org import Channel, EnvironmentKey, Occasion, Webhook
from tests.datadog.servers import http, raw_server

SECRET = "canary-webhook-secret"
PATH = "/services/T0CANARY0/cAnArYaDdReSs00000001"

Answering = Callable[[int, asyncio.StreamWriter], Awaitable[bool]]
"""Answers the request of that number, from 1; whether to go on listening."""


class Delivery(Struct):
    """One POST, taken apart."""

    headers: Mapping[str, str]
    body: Any


class Receiver(Struct):
    """What was delivered."""

    url: str = ""
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def told(self) -> list[str]:
        """The words of the inventory that each delivery was for."""
        return [str(delivery.body["on"]) for delivery in self.deliveries]

    @property
    def environ(self) -> dict[str, str]:
        """Where its address and its secret are found."""
        return {"HOOK_URL": f"{self.url}{PATH}", "HOOK_SECRET": SECRET}


HOOK = Webhook(EnvironmentKey("HOOK_URL"), EnvironmentKey("HOOK_SECRET"))


def channel(*on: Occasion, name: str = "on_call") -> Channel:
    return Channel(name, HOOK, frozenset(on or Occasion))


def answering(*answers: bytes) -> Answering:
    """One after the other, the last one for ever."""

    async def answer(number: int, writer: asyncio.StreamWriter) -> bool:
        writer.write(answers[min(number, len(answers)) - 1])
        await writer.drain()
        return True

    return answer


async def silent(_: int, __: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(60)
    return False


TAKES = answering(http("204 No Content", b""))


@asynccontextmanager
async def receiver(answer: Answering = TAKES, certificate: str | None = None) -> AsyncIterator[Receiver]:
    """One on a free loopback port; as `raw_server`."""
    found = Receiver()

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> bool:
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        assert first == f"POST {PATH} HTTP/1.1"
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        signed = headers["x-hamr-timestamp"].encode() + b"." + body
        expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        assert headers["x-hamr-signature"] == f"v1={expected}"
        found.deliveries.append(Delivery(headers, json.loads(body)))
        return await answer(len(found.deliveries), writer)

    async with raw_server(talk, certificate) as server:
        found.url = server.url
        yield found
