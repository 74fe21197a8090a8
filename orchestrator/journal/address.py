"""Where the journal is: a file, or the address of a team's, as a person sees it and as the database's library is given it."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from msgspec import Struct

from orchestrator.errors import UsageError
from orchestrator.model import next_step

SCHEMES = ("postgresql", "postgres")
DEFAULT_SCHEMA = "hamr"

_SCHEMA = r"[a-z_][a-z0-9_]{0,62}"
_SECRET = frozenset({"password", "sslpassword"})
_NEARLY = re.compile(r"postgres(ql)?(:|/)|(\w+=\S* )?(host|dbname|service|user|password)=", re.IGNORECASE)
"""A typing error, or the library's other way to write one."""
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


def default_place(option: str | None, environ: Mapping[str, str]) -> Path | Address:
    """The journal's file, or a team's address: `--journal`, else HAMR_JOURNAL, else `~/.local/state/hamr/journal.db`.

    XDG_STATE_HOME replaces `~/.local/state` where it is an absolute path, as the XDG base directory specification asks. A
    UsageError where it is neither a path nor an address.
    """
    if option is not None:
        return _path(option, "--journal", environ)
    if environ.get("HAMR_JOURNAL"):
        return _path(environ["HAMR_JOURNAL"], "HAMR_JOURNAL", environ)
    return state_folder(environ) / "journal.db"


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where journals are that nobody has named."""
    state = Path(environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = _home(environ) / ".local" / "state"
    return state / "hamr"


def _path(text: str, source: str, environ: Mapping[str, str]) -> Path | Address:
    line = f"{source}{' ' if source.startswith('--') else '='}~/.local/state/hamr/journal.db"
    advice = [next_step.shell(line, "the usual place")]
    scheme, separator, _ = text.partition("://")
    if separator and scheme.lower() in SCHEMES:
        return parse_address(text, source)
    if separator:
        raise UsageError(
            f"{source} wants the path of a file or postgresql://…, not an address that begins with {scheme}://.",
            next_steps=advice,
        )
    if _NEARLY.match(text):  # a file of that name would hold a journal of one machine
        raise UsageError(
            f"{source} is nearly a team's address, which begins with postgresql:// (for a file of that name: ./NAME).",
            next_steps=advice,
        )
    if not text.strip() or "\0" in text:
        raise UsageError(f"{source} wants the path of a file, and got {text!r}.", next_steps=advice)
    if text == "~" or text.startswith("~/"):
        return _home(environ) / text[2:]
    return Path(text)


def _home(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("HOME", ""))
    if home.is_absolute():  # else each folder would have a journal of its own
        return home
    try:  # Path.home() takes a HOME that is empty for the root of all folders
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        raise UsageError(
            f"There is no home folder for a journal: HOME is not set, and user {os.getuid()} has no entry on this machine. "
            "Name a file with --journal or HAMR_JOURNAL.",
            next_steps=[next_step.shell("--journal FILE", "the same again, with a journal that is kept")],
        ) from None


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
