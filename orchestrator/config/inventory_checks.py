"""What must fit together in an inventory. Works on whatever could be read, so that all is found at once.

A value of the wrong type is passed over here: the shape has told about it already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from orchestrator.model.org import datacenter_label, datacenter_of_site
from orchestrator.model.plain import JSON

from .inventory_shape import UUID_PATTERN
from .nodes import Finding, Steps, mapping_in
from .urls import is_loopback

_ROLES = ("primary", "secondary")
_KEYS = ("api_key", "app_key")


def inventory_findings(data: dict[str, JSON]) -> Iterator[Finding]:
    """Everything that does not fit together."""
    pairs = mapping_in(data.get("pairs"))
    first_use: dict[str, Steps] = {}
    for name, pair in pairs.items():
        orgs = {role: mapping_in(mapping_in(pair).get(role)) for role in _ROLES}
        for role, org in orgs.items():
            steps: Steps = ("pairs", name, role)
            if org:
                yield from _place_of(steps, org)
                yield from _keys_of(steps, org)
            yield from _repeated_uuid(steps, org, first_use)
        yield from _one_region(("pairs", name), orgs["primary"], orgs["secondary"])


def _place_of(steps: Steps, org: dict[str, JSON]) -> Iterator[Finding]:
    """Exactly one of site and url, and a datacenter that agrees."""
    if "site" in org and "url" in org:
        yield Finding((*steps, "url"), "an org has a site or a url, not both: leave one out", at_key=True)
        return
    if "site" not in org and "url" not in org:
        yield Finding(
            steps,
            f'"site" is missing in {_dotted(steps)}: site: us1, or url: for any other address',
            at_key=True,
        )
        return
    if "url" in org and "datacenter" not in org:
        yield Finding(
            steps,
            f'"datacenter" is missing in {_dotted(steps)}: with url: it has to be said, such as datacenter: us1',
            at_key=True,
        )
    site, datacenter = org.get("site"), org.get("datacenter")
    told = datacenter_of_site(site) if isinstance(site, str) else None
    if told and isinstance(datacenter, str) and datacenter.strip() and datacenter_label(datacenter) != told:
        yield Finding(
            (*steps, "datacenter"),
            f"the site {site} is in the datacenter {told}: correct one of them, or leave the datacenter out",
        )


def _keys_of(steps: Steps, org: dict[str, JSON]) -> Iterator[Finding]:
    """Exactly one source of each key."""
    for key in _KEYS:
        reference = org.get(key)
        if not isinstance(reference, dict):
            continue
        named = [source for source in ("env", "file", "command") if source in reference]
        if len(named) > 1:
            yield Finding(
                (*steps, key),
                f"a key has one source, and here are {len(named)}: leave one of env, file and command",
                at_key=True,
            )
        elif "timeout" in reference and named and named != ["command"]:
            yield Finding(
                (*steps, key, "timeout"),
                "only a command takes time: leave timeout out, or give the key by a command",
                at_key=True,
            )
        elif not named:
            yield Finding(
                (*steps, key),
                "say where the key is found: {env: NAME}, {file: PATH} or {command: [PROGRAM, …]}",
                at_key=True,
            )


def _repeated_uuid(steps: Steps, org: dict[str, JSON], first_use: dict[str, Steps]) -> Iterator[Finding]:
    """An org is on one side of one pair."""
    uuid = org.get("uuid")
    if not isinstance(uuid, str) or not re.fullmatch(UUID_PATTERN, uuid):
        return
    first = first_use.setdefault(uuid.lower(), steps)
    if first == steps:
        return
    if first[:2] == steps[:2]:
        message = "both orgs of this pair have the same uuid: each has its own (data.id of GET /api/v2/validate with its API key)"
    else:
        message = f"this org stands in {_dotted(first)} already: an org belongs to one pair"
    yield Finding((*steps, "uuid"), message)


def _one_region(steps: Steps, primary: dict[str, JSON], secondary: dict[str, JSON]) -> Iterator[Finding]:
    """Two orgs of a pair are in different regions, except on loopback, where both are simulated."""
    where = _datacenter_of(primary), _datacenter_of(secondary)
    if where[0] is None or where[0] != where[1] or _is_local(primary) or _is_local(secondary):
        return
    field = "site" if "site" in secondary else "datacenter"
    yield Finding(
        (*steps, "secondary", field),
        f"both orgs are in {where[0]}: a pair fails over between two regions, so one of them is wrong",
    )


def _datacenter_of(org: dict[str, JSON]) -> str | None:
    site, datacenter = org.get("site"), org.get("datacenter")
    if isinstance(site, str):
        return datacenter_of_site(site)
    return datacenter_label(datacenter) if isinstance(datacenter, str) and datacenter.strip() else None


def _is_local(org: dict[str, JSON]) -> bool:
    url = org.get("url")
    try:
        host = urlsplit(url).hostname if isinstance(url, str) else None
    except ValueError:
        return False
    return host is not None and is_loopback(host.lower())


def _dotted(steps: Steps) -> str:
    return ".".join(str(step) for step in steps)
