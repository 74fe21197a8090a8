"""One org's rate limit: windows that open with their first request."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct

from .config import RateLimit


class Allowance(Struct, frozen=True):
    """Where an org stands in its window, this request counted."""

    limit: RateLimit
    allowed: bool
    remaining: int
    reset: float
    """Seconds until the next window."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer says about it."""
        return limit_headers(
            limit=self.limit.limit,
            period=self.limit.period,
            remaining=self.remaining,
            reset=math.ceil(self.reset),
            name=self.limit.name,
        )


class RateWindow:
    """Counts one org's requests."""

    def __init__(self, limit: RateLimit | None) -> None:
        self._limit = limit
        self._opened = float("-inf")
        self._used = 0

    def take(self, monotonic: float) -> Allowance | None:
        """Count one request; None where there is no limit."""
        limit = self._limit
        if limit is None:
            return None
        if monotonic >= self._opened + limit.period:
            self._opened, self._used = monotonic, 0
        allowed = self._used < limit.limit
        self._used += allowed
        return Allowance(limit, allowed, limit.limit - self._used, self._opened + limit.period - monotonic)


def limit_headers(*, limit: int, period: float, remaining: int, reset: int, name: str) -> dict[str, str]:
    """The five X-RateLimit headers; `reset` is a number of seconds, not a time [doc]."""
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Period": f"{period:g}",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(reset),
        "X-RateLimit-Name": name,
    }
