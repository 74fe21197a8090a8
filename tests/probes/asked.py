"""Taking one probe from a real server, and what the server was sent."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from orchestrator.datadog.probes import Probes
from orchestrator.model.guard import Http, Metric, Monitor, Probe, ProbeKind, ProbeReading, Unmeasured
from orchestrator.model.playbook import Timeouts
from orchestrator.model.status import Role
from orchestrator.system.clock import SystemClock
from orchestrator.system.redaction import Redactor
from tests.datadog.orgs import KEYS, client, pair_at
from tests.datadog.servers import RawServer, http, raw_server, says

NOWHERE = "http://127.0.0.1:9"

AT = datetime(2026, 11, 22, 3, 15, 2, 750_000, UTC)
"""1795317302.75 seconds since 1970."""

METRIC = Metric(Role.SECONDARY, "sum:datadog.agent.running{*}")
MONITOR = Monitor(Role.SECONDARY, 4711)


class Clock(SystemClock):
    """A wall clock that stands still."""

    __slots__ = ()

    def now(self) -> datetime:
        return AT


def probes(
    secondary: str = NOWHERE,
    *,
    redactor: Redactor | None = None,
    environ: Mapping[str, str] | None = None,
    timeouts: Timeouts | None = None,
) -> Probes:
    """Probes with canary keys; they know every one of them from the start."""
    return client(
        Probes,
        pair_at(NOWHERE, secondary),
        timeouts=timeouts or Timeouts(),
        redactor=redactor,
        clock=Clock(),
        environ={"PATH": os.environ["PATH"], **KEYS} if environ is None else environ,
    )


def probe(kind: ProbeKind, *, seconds: float = 10.0) -> Probe:
    return Probe("agents", replace(kind, timeout=timedelta(seconds=seconds)))


async def asked(kind: Metric | Monitor, answer: bytes) -> tuple[ProbeReading, RawServer]:
    """What a probe reads from an org that answers so, and what the org was sent."""
    async with raw_server(says(answer)) as server, probes(server.url) as taker:
        return await taker.take(probe(kind)), server


async def got(path: str, answers: Mapping[str, bytes], **wanted: object) -> tuple[ProbeReading, list[str]]:
    """What a probe reads from a site with these pages, and which of them were asked for."""

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(answers[request.split(b" ")[1].decode()].replace(b"{site}", server.url.encode()))
        return True

    async with raw_server(talk) as server, probes() as taker:
        reading = await taker.take(probe(Http(server.url + path, **wanted)))  # type: ignore[arg-type]
    return reading, [request.split(b" ")[1].decode() for request in server.requests]


def said(reading: ProbeReading) -> str:
    """Why there is no answer."""
    assert isinstance(reading.sight, Unmeasured), reading.sight
    return reading.sight.reason


def ok(value: object) -> bytes:
    """A JSON answer."""
    return http("200 OK", json.dumps(value).encode(), "Content-Type: application/json")
