"""The real clock: what everything that is not a test or a simulation runs on."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """This machine's time, as model.protocols.Clock asks for it."""

    __slots__ = ()

    def now(self) -> datetime:
        """The wall clock, in UTC. It may jump, either way: measure with `monotonic`."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on a clock that only goes forward; it may stand still while the machine is suspended."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds, letting everything else go on."""
        await asyncio.sleep(seconds)
