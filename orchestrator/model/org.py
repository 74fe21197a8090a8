"""Orgs and pairs, as the inventory declares them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct, field

from .secret import EnvironmentKey, KeyReference
from .status import Both, Role


class Wire(enum.Enum):
    """The casing of a HAMR record's attribute keys on the wire; AUTO writes in the casing that was read."""

    AUTO = "auto"
    SNAKE = "snake"
    PASCAL = "pascal"


class Mirrors(enum.Enum):
    """Whether a write to one org of a pair shows on both."""

    YES = "true"
    NO = "false"
    AUTO = "auto"

    @property
    def known(self) -> bool | None:
        """Whether it does; None where that is to be found out."""
        return None if self is Mirrors.AUTO else self is Mirrors.YES


class Org(Struct, frozen=True):
    """One Datadog organisation: who it is, where its API is, and where its keys are found."""

    role: Role
    name: str
    uuid: str
    base_url: str
    """Scheme, host and port of its region's API, without a trailing slash: https://api.datadoghq.com"""
    datacenter: str
    """First label of its datacenter, lower case: us1, eu1."""
    wire: Wire
    api_key: KeyReference
    app_key: KeyReference
    ca: str | None = None
    """A file of certificates, in PEM, that its API's may be signed by, beside those that are trusted anyway."""

    def __str__(self) -> str:
        return f"{self.name} ({self.role})"


class Pair(Struct, frozen=True):
    """A primary and a secondary org that are linked by HAMR."""

    name: str
    orgs: Both[Org]
    mirrors: Mirrors = Mirrors.AUTO
    drill: bool = False
    events: bool = True
    """Whether runs post Datadog events to the org that takes over."""
    pages: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Web pages of this pair's own that a playbook's probes ask by name, each with its URL."""
    all_keys: frozenset[str] = frozenset()
    """Environment variables that hold keys of any pair of the inventory: no program of this one may see them."""

    def __getitem__(self, role: Role) -> Org:
        return self.orgs[role]

    @property
    def uuids(self) -> Both[str]:
        """Its orgs' uuids, in lower case."""
        return Both(self.orgs.primary.uuid.lower(), self.orgs.secondary.uuid.lower())

    def is_of(self, uuids: Both[str]) -> bool:
        """Whether these are its orgs' uuids, however they are cased."""
        return [uuid.lower() for uuid in uuids] == [*self.uuids]

    @property
    def own_keys(self) -> frozenset[str]:
        """Environment variables that hold keys of this pair."""
        references = (reference for org in self.orgs for reference in (org.api_key, org.app_key))
        return frozenset(
            reference.variable for reference in references if isinstance(reference, EnvironmentKey)
        )


class Inventory(Struct, frozen=True):
    """All pairs of one `pairs.yaml`, by name, in file order."""

    path: str
    pairs: tuple[Pair, ...]
