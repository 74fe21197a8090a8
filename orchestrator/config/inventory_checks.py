"""What must fit together in an inventory. Works on whatever could be read, so that all is found at once.

A value of the wrong type is passed over here: the shape has told about it already.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestrator.model.words import NO_APPRISE

from .document import Document, Finding, Steps, mapping_in, parts
from .fields import is_loopback

_ROLES = ("primary", "secondary")
_KEYS = ("api_key", "app_key")


def inventory_findings(document: Document, inventory: dict[str, Any]) -> Iterator[Finding]:
    """Everything that does not fit together in what could be read of a document."""
    first_use: dict[str, Steps] = {}
    yield from _channels_of((), inventory)
    for place, pair in parts(inventory, "pairs"):
        yield from _channels_of(place, pair)
        orgs = {role: mapping_in(pair.get(role)) for role in _ROLES}
        for role, org in orgs.items():
            steps = (*place, role)
            if org:
                yield from _place_of(document, steps, org)
                yield from _keys_of(steps, org)
            if org.get("uuid") is not None:
                yield from _repeated_uuid(steps, org["uuid"].lower(), first_use)
        yield from _one_region(place, orgs["primary"], orgs["secondary"])


def _place_of(document: Document, steps: Steps, org: dict[str, Any]) -> Iterator[Finding]:
    """A datacenter that is there where it has to be said, and agrees with the site."""
    if "site" in org and "url" in org:
        return
    if "url" in org and "datacenter" not in org:
        yield Finding(
            steps,
            f'"datacenter" is missing in {_dotted(steps)}: with url: it has to be said, such as datacenter: us1',
            at_key=True,
        )
    told, datacenter = org.get("site"), org.get("datacenter")
    if told is not None and datacenter is not None and datacenter != told:
        site = document.value((*steps, "site"))
        yield Finding(
            (*steps, "datacenter"),
            f"the site {site} is in the datacenter {told}: correct one of them, or leave the datacenter out",
        )


def _channels_of(steps: Steps, holder: dict[str, Any]) -> Iterator[Finding]:
    for name, channel in mapping_in(holder.get("tell")).items():
        place = (*steps, "tell", name)
        yield from _keys_of(place, mapping_in(channel), ("apprise",))
        webhook = mapping_in(mapping_in(channel).get("webhook"))
        yield from _keys_of((*place, "webhook"), webhook, ("url", "secret"))


def _keys_of(steps: Steps, org: dict[str, Any], keys: tuple[str, ...] = _KEYS) -> Iterator[Finding]:
    for key in keys:
        named = [source for source in mapping_in(org.get(key)) if source != "timeout"]
        if "timeout" in mapping_in(org.get(key)) and len(named) == 1 and named != ["command"]:
            yield Finding(
                (*steps, key, "timeout"),
                "only a command takes time: leave timeout out, or give the key by a command",
                at_key=True,
            )


def _repeated_uuid(steps: Steps, uuid: str, first_use: dict[str, Steps]) -> Iterator[Finding]:
    """An org is on one side of one pair."""
    first = first_use.setdefault(uuid, steps)
    if first == steps:
        return
    if first[:2] == steps[:2]:
        message = "both orgs of this pair have the same uuid: each has its own (data.id of GET /api/v2/validate with its API key)"
    else:
        message = f"this org stands in {_dotted(first)} already: an org belongs to one pair"
    yield Finding((*steps, "uuid"), message)


def _one_region(steps: Steps, primary: dict[str, Any], secondary: dict[str, Any]) -> Iterator[Finding]:
    """Two orgs of a pair are in different regions, except on loopback, where both are simulated."""
    where = _datacenter_of(primary), _datacenter_of(secondary)
    if where[0] is None or where[0] != where[1] or _is_local(primary) or _is_local(secondary):
        return
    field = "site" if "site" in secondary else "datacenter"
    yield Finding(
        (*steps, "secondary", field),
        f"both orgs are in {where[0]}: a pair fails over between two regions, so one of them is wrong",
    )


def _datacenter_of(org: dict[str, Any]) -> str | None:
    told: str | None = org["site"] if "site" in org else org.get("datacenter")
    return told


def _is_local(org: dict[str, Any]) -> bool:
    host = urlsplit(org.get("url") or "").hostname
    return host is not None and is_loopback(host)


def _dotted(steps: Steps) -> str:
    return ".".join(str(step) for step in steps)


def absolute(path: str, folder: Path) -> str:
    """A path of an inventory's as an absolute one: a relative one is meant from the inventory's folder."""
    # expanduser leaves a ~ that leads nowhere as it is; Path.expanduser would raise. abspath takes .. out of the path
    # that messages show, without following links, as resolve would.
    return os.path.abspath(folder / os.path.expanduser(path))  # noqa: PTH100, PTH111 - as said above


def machine_findings(inventory: dict[str, Any], folder: Path) -> Iterator[Finding]:
    """Every `ca` that is no file of certificates, and the first `apprise` where that library is not installed."""
    yield from _certificates(inventory, folder)
    holders = [((), inventory), *parts(inventory, "pairs")]
    wanting = (
        (*place, "tell", name, "apprise")
        for place, holder in holders
        for name, channel in mapping_in(holder.get("tell")).items()
        if "apprise" in mapping_in(channel)
    )
    first = next(wanting, None)
    if first is not None and find_spec("apprise") is None:
        yield Finding(first, NO_APPRISE, at_key=True)


def _certificates(inventory: dict[str, Any], folder: Path) -> Iterator[Finding]:
    for place, pair in parts(inventory, "pairs"):
        for role in _ROLES:
            path = mapping_in(pair.get(role)).get("ca")
            if path is not None:
                yield from _unusable((*place, role, "ca"), absolute(path, folder))


def _unusable(steps: Steps, path: str) -> Iterator[Finding]:
    import ssl  # noqa: PLC0415 - few inventories name certificates, and every command reads one

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        yield Finding(
            steps, f"{path} holds no certificates: it has to be a PEM file (-----BEGIN CERTIFICATE-----)"
        )
    except OSError as error:
        yield Finding(
            steps, f"the certificates in {path} cannot be read: {error.strerror or type(error).__name__}"
        )
