"""The real clock."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from orchestrator.model.protocols import Clock
from orchestrator.system.clock import SystemClock


@pytest.mark.anyio
async def test_the_system_clock_is_a_clock() -> None:
    clock: Clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.005)
    assert clock.monotonic() - before >= 0.004


def test_the_wall_clock_is_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert now.utcoffset() == timedelta(0)
