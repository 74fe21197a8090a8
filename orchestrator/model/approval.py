"""A second pair of eyes: what exactly somebody agrees to, and who did."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from .plain import EMPTY, plain
from .run import Mode
from .status import Both, Status


class Approvable(Struct, frozen=True):
    """What a run is about to do: an approval is of exactly this, and of nothing else."""

    pair: str
    orgs: Both[str]
    """The orgs' uuids."""
    start: Status
    """Where its first transition starts from."""
    goal: Status
    mode: Mode
    route: tuple[str, ...]
    """The transitions from there to the goal."""
    playbook_sha256: str
    overrides: Mapping[str, str] = EMPTY

    @property
    def digest(self) -> str:
        """What an approval is bound to: SHA-256 of all of it; another one as soon as anything of it changes."""
        return hashlib.sha256(msgspec.json.encode(plain(self), order="sorted")).hexdigest()


class Approval(Struct, frozen=True):
    """Somebody agreed."""

    operator: str
    host: str
    at: datetime
    reason: str = ""
    role: str = ""
    """Who the journal's own server says that it was; "" where nothing vouches for the name."""
