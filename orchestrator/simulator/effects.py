"""What comes in to a region and what goes out of it: nouns without sockets."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from orchestrator.config.faults import RECORD_PATH
from orchestrator.model.plain import JSON
from orchestrator.model.status import Role


class Incoming(Struct, frozen=True):
    """One request as a region gets it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Moment(Struct, frozen=True):
    """Now, on both clocks: the wall's, UTC, and the one that only goes forward, in seconds."""

    wall: datetime
    monotonic: float


class Response(Struct, frozen=True):
    """An HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    pace: float = 0.0
    """Seconds between the bytes of the body; 0: all at once."""


class Truncated(Struct, frozen=True):
    """An HTTP answer whose Content-Length promises the whole body, and which ends after `sent` bytes of it."""

    response: Response
    sent: int


class NoAnswer(enum.Enum):
    """What becomes of the connection, where there is no answer."""

    CLOSED = "closed"
    RESET = "reset"
    REFUSED = "refused"
    """There is none: nobody listens."""
    SILENT = "silent"
    """It stays open, and nothing is ever sent."""


Effect = Response | Truncated | NoAnswer


class LoggedRequest(Struct, frozen=True):
    """One request, as the simulator saw it: the other witness of what a run says that it did."""

    seq: int
    """Counts from 1 over both regions, in the order of arrival."""
    at: datetime
    role: Role
    method: str
    path: str
    body: JSON
    """Parsed; the text of one that is not JSON; None where there was none."""
    outcome: str = "pending"
    """200, 403, closed, reset, refused, silent, truncated 200, …"""
    applied: bool = False
    """Whether it changed the org's record; becomes true later for a write that is applied late."""
    query: str = ""
    """Of the URL, without the question mark."""

    @property
    def is_write(self) -> bool:
        """Whether it wants to write a record."""
        return self.method == "POST" and self.path == RECORD_PATH
