"""The address of a team's journal: what a person sees of it, and what the database's library is given."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from msgspec import Struct

from orchestrator.errors import UsageError

SCHEMES = ("postgresql", "postgres")
DEFAULT_SCHEMA = "hamr"

_SCHEMA = r"[a-z_][a-z0-9_]{0,62}"
_SECRET = frozenset({"password", "sslpassword"})
_SOMEWHERE = r"(?i)(?:postgresql|postgres)://\S+"


class Address(Struct, frozen=True):
    """A PostgreSQL database, and the schema in it that holds the journal."""

    conninfo: str
    """What the database's library connects with; it may hold a password, so it is never shown."""
    shown: str
    """The same for people, without any password."""
    schema: str
    hosts: int
    """How many hosts are tried, one after the other."""
    secrets: tuple[str, ...] = ()
    """The passwords in it, as they stand there and as they are meant."""

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Address({self.shown})"


def parse_address(text: str, source: str) -> Address:
    """The address that a text names; a UsageError, which names its `source`, where its schema cannot be one."""
    parts = urlsplit(text)
    user, at, hosts = parts.netloc.rpartition("@")
    name, colon, password = user.partition(":")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    schema = dict(pairs).get("schema", DEFAULT_SCHEMA)
    if re.fullmatch(_SCHEMA, schema) is None:
        raise UsageError(
            f"{source} names the schema {schema[:60]!r}: small letters, digits and _ are wanted, no digit first."
        )
    passed = [(key, value) for key, value in pairs if key != "schema"]
    secrets = [password, unquote(password)] if colon else []
    secrets += [form for key, value in pairs if key in _SECRET for form in (value, quote(value))]
    query = f"?{urlencode(passed, safe='/', quote_via=quote)}" if passed else ""
    return Address(
        f"postgresql://{parts.netloc}{parts.path}{query}",
        _shown(f"{name}{at}{hosts}", parts.path, pairs),
        schema,
        len(hosts.split(",")),
        tuple(dict.fromkeys(filter(None, secrets))),
    )


def _shown(netloc: str, path: str, pairs: list[tuple[str, str]]) -> str:
    user, at, hosts = netloc.rpartition("@")
    kept = [(key, value) for key, value in pairs if key not in _SECRET]
    query = f"?{urlencode(kept, safe='/', quote_via=quote)}" if kept else ""
    return f"postgresql://{user.partition(':')[0]}{at}{hosts}{path}{query}"


def is_address(place: str) -> bool:
    """Whether a place in a person's words is a team's, and no file."""
    return place.startswith("postgresql://")


def without_password(text: str) -> str:
    """The same text, where an address of a database in it has lost its password (law 17)."""

    def shown(found: re.Match[str]) -> str:
        parts = urlsplit(found[0])
        return _shown(parts.netloc, parts.path, parse_qsl(parts.query, keep_blank_values=True))

    return re.sub(_SOMEWHERE, shown, text)
