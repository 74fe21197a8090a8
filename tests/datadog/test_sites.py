"""What the connections of many pairs have in common: a site that had enough is left alone for a while, and not for long."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from orchestrator.datadog.connections import Sites
from orchestrator.model.org import EnvironmentKey, Org, Wire
from orchestrator.model.status import Both, Role

pytestmark = pytest.mark.anyio

US, EU, ELSEWHERE = "https://api.us.example", "https://api.eu.example", "https://api.ap.example"


class Clock:
    """Time that goes only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def orgs(primary: str, secondary: str) -> Both[Org]:
    key = EnvironmentKey("A")
    made = (
        Org(role, "O", "u", url, "us1", Wire.AUTO, key, key)
        for role, url in zip(Role, (primary, secondary), strict=True)
    )
    return Both(*made)


def answer(code: int, **headers: str) -> httpx.Response:
    return httpx.Response(code, headers={name.replace("_", "-"): text for name, text in headers.items()})


@pytest.mark.parametrize(
    ("response", "waited"),
    [
        (answer(200, retry_after="7"), 0.0),
        (answer(429, retry_after="3"), 3.0),
        (answer(429), 1.0),
        (answer(429, retry_after="600"), 10.0),
    ],
)
async def test_a_pair_waits_for_a_site_that_had_enough_and_no_longer_than_ten_seconds(
    response: httpx.Response, waited: float
) -> None:
    clock = Clock()
    sites = Sites(clock)
    sites.heard(EU, response)
    await sites.wait_for(orgs(US, ELSEWHERE))
    assert clock.seconds == 100.0, "a pair of other sites waits for nobody"
    await sites.wait_for(orgs(US, EU))
    assert clock.seconds == 100.0 + waited
    await sites.wait_for(orgs(US, EU))
    assert clock.seconds == 100.0 + waited, "once"
