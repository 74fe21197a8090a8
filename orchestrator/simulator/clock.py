"""The time that simulated regions live in when they are served on real sockets."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class RealTime:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
