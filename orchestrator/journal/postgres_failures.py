"""What PostgreSQL and its library report, in words for a person."""

from __future__ import annotations

import re

import psycopg

from orchestrator.errors import JournalUnavailable

from .address import Address
from .failures import UNSENT, unavailable

_WORDS = {
    "53100": "is full: its server's disk has no room left, so nothing could be added",
    "53300": "takes no more connections just now",
    "57P01": "is being shut down",
    "57P02": "is being shut down",
    "57P03": "is starting up or shutting down",
    "25006": "can only be read there (a standby?), so nothing could be added",
    "55P03": "is busy: another process has been writing to it for several seconds",
    "57014": "is busy, or slow: its server did not get through with it for several seconds",
    "3D000": "does not exist on that server",
    "42501": "may not be used by that role: a DBA types the GRANT lines that hamr journal init prints",
    "42P01": "is not laid out as a hamr journal",
    "42703": "is not laid out as a hamr journal",
    "3F000": "is not laid out as a hamr journal",
}


_HINT = re.compile(r"\s*Is the server running[^?]*\?")
"""What libpq puts on a line of its own below each host that refused."""
_BUSY = frozenset({"55P03", "57014"})


def from_postgres(error: psycopg.Error, address: Address, *, sent: str = UNSENT) -> JournalUnavailable:
    """The error to raise for what psycopg raised about a journal, whose passwords are not in it; `sent` says what was not sent."""
    said = " ".join((error.diag.message_primary or _HINT.sub(";", str(error)).strip(" ;\n")).split())
    for secret in address.secrets:
        said = said.replace(secret, "[redacted]")
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return unavailable(address, f"has an address that can't be used ({said})", sent=sent)
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
        words = "can't be reached"
    else:
        words = _WORDS.get(error.sqlstate or "", "could not be used")
    return unavailable(address, f"{words} ({said})", sent=sent, busy=error.sqlstate in _BUSY)
