"""A clock that goes on when a test says so, or somebody sleeps by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, 3, 0, 0, tzinfo=UTC)


@dataclass
class HandClock:
    """Its wall clock alone may be moved, too: the machine was suspended then, or its time was set."""

    wall: datetime = START
    seconds: float = 1000.0
    on_sleep: list[Callable[[], None]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        for act in self.on_sleep:
            act()

    def advance(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds
