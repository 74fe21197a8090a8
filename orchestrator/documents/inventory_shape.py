"""The shape of an inventory: which keys there are, and of what type. What fits together is checked elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from msgspec import field
from msgspec.structs import replace

from orchestrator.model.org import Inventory, Org, Pair, Wire
from orchestrator.model.secret import CommandKey, EnvironmentKey, FileKey, KeyReference
from orchestrator.model.sites import api_url
from orchestrator.model.status import Both, Role

from .fields import Name, SchemaVersion, Text
from .org_fields import (
    Argument,
    CertificatePath,
    Datacenter,
    KeyPath,
    KeyTimeout,
    MirrorsChoice,
    Site,
    Url,
    Uuid,
    Variable,
    WireName,
)
from .probe_fields import Page
from .shapes import AT_LEAST_ONE, Shape


def _key(
    env: str | None = None, file: str | None = None, command: tuple[str, ...] = (), **timeout: timedelta
) -> KeyReference:
    """The one source that the checks have made sure of."""
    if env is not None:
        return EnvironmentKey(env)
    return FileKey(file) if file is not None else CommandKey(command, **timeout)


def _org(
    *, site: str = "", url: str = "", datacenter: str = "", wire: Wire = Wire.AUTO, **settings: Any
) -> Org:
    """An org, as if it were the primary one."""
    datacenter = site or datacenter
    return Org(
        Role.PRIMARY, base_url=url or api_url(datacenter), datacenter=datacenter, wire=wire, **settings
    )


def _pair(*, primary: Org, secondary: Org, **settings: Any) -> Pair:
    """A pair, but for its name."""
    return Pair("", Both(primary, replace(secondary, role=Role.SECONDARY)), **settings)


def _inventory(*, _schema: int, pairs: Mapping[str, Pair]) -> Inventory:
    """An inventory, but for its place."""
    return Inventory("", tuple(replace(pair, name=name) for name, pair in pairs.items()))


class KeyShape(Shape):
    """Where a key is found: exactly one of env, file and command. The key itself never stands in the inventory."""

    makes = _key

    env: Variable | None = None
    """Name of the environment variable that holds the key."""
    file: KeyPath | None = None
    """Path of a file that holds the key; a relative one is meant from the inventory's folder."""
    command: Annotated[tuple[Argument, ...], AT_LEAST_ONE] | None = None
    """Program and arguments of a command that prints the key; run without a shell."""
    timeout: KeyTimeout | None = None
    """How long the command may take (10s): longer where it waits for a person."""


class OrgShape(Shape, kw_only=True):
    """One Datadog organisation; exactly one of site and url."""

    makes = _org

    name: Text
    """The org's name, as people know it; it is sent to its peer as target_org_name."""
    uuid: Uuid
    """The org's own uuid: what GET /api/v2/validate answers for its API key as data.id."""
    site: Site | None = None
    """Datadog site: us1, eu1, datadoghq.eu, and so on."""
    url: Url | None = None
    """Base URL of the API instead of a site: a simulator, a proxy, a site that hamr does not know."""
    datacenter: Datacenter | None = None
    """Datacenter, such as us1; needed with url, told by site otherwise."""
    ca: CertificatePath | None = None
    """File of certificates (PEM) that its API's may be signed by, beside those that are trusted anyway; a relative path is meant from the inventory's folder."""
    wire: WireName | None = None
    """Casing of the record's keys when writing: auto (the default: as they were read), snake or pascal."""
    api_key: KeyShape
    """Where the org's API key is found: {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT]}."""
    app_key: KeyShape
    """Where its application key is found, in the same three ways; its owner needs disaster_recovery_status_write."""


class PairShape(Shape, kw_only=True):
    """A primary and a secondary org that are linked by HAMR."""

    makes = _pair

    mirrors: MirrorsChoice | None = None
    """Whether a write to one org shows on both: true, false, or auto (the default: find out in the run)."""
    drill: bool = False
    """Whether live drills may use this pair."""
    events: bool = True
    """Whether what a run does is also posted as Datadog events, to the org that serves."""
    pages: dict[Name, Page] = field(default_factory=dict)
    """Web pages of your own that a playbook's probes ask by name (http: {page: NAME}), each with its address."""
    primary: OrgShape
    """The org that normally serves."""
    secondary: OrgShape
    """The org that takes over."""


class InventoryShape(Shape):
    """All pairs that hamr may work on."""

    makes = _inventory

    _schema: SchemaVersion = field(name="schema")
    """Version of this format: 1."""
    pairs: Annotated[dict[Name, PairShape], AT_LEAST_ONE]
    """Pairs by name; the name is what is typed on the command line."""
