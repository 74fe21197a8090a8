"""A span of time that runs out on the Clock."""

from __future__ import annotations

from orchestrator.model.protocols import Clock


class Patience:
    """How long something may still take."""

    __slots__ = ("_clock", "_until")

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._until = clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until it is over."""
        return max(0.0, self._until - self._clock.monotonic())

    @property
    def over(self) -> bool:
        """Whether it has run out."""
        return self.left <= 0
