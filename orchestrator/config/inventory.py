"""The inventory: `pairs.yaml` → Inventory, where it is looked for, and a pair by its name."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from orchestrator.errors import UsageError
from orchestrator.model import next_step
from orchestrator.model.org import (
    Apprise,
    Channel,
    FileKey,
    Inventory,
    KeyReference,
    Org,
    Pair,
    Webhook,
    is_loopback,
)
from orchestrator.model.status import Both
from orchestrator.model.words import NO_APPRISE

from .compose import compose
from .document import Document, Finding, Steps, mapping_in, parts
from .inventory_form import InventoryForm
from .messages import did_you_mean, meant, shown
from .source import read_text
from .validate import read_as

INVENTORY_NAME = "pairs.yaml"
INVENTORY_VARIABLE = "HAMR_PAIRS"

LARGE = 200_000
"""Characters from which on a verb for one pair reads its part alone: about five hundred pairs."""


def load_inventory(path: Path) -> Inventory:
    """Read an inventory from a file; a DocumentError with all its problems at once where it is none."""
    return parse_inventory(read_text(path), str(path))


def load_pair(path: Path, name: str) -> Pair:
    """Read one pair as `load_inventory`, of a large one its part alone; a UsageError says which there are where it has no such pair."""
    text = read_text(path)
    if len(text) > LARGE:
        from .inventory_part import part_of  # noqa: PLC0415 - its patterns take 5 ms to compile

        part = part_of(text, name)
        if part is not None:
            pair = pair_named(parse_inventory(part.text, str(path)), name)
            return replace(pair, all_keys=part.variables)
    return pair_named(parse_inventory(text, str(path)), name)


def pair_names(path: Path) -> tuple[str, ...]:
    """The names of an inventory's pairs; of a large one, nothing else is looked at. Raises as `load_inventory`."""
    text = read_text(path)
    if len(text) > LARGE:
        from .inventory_part import names_in  # noqa: PLC0415 - as above

        names = names_in(text)
        if names is not None:
            return names
    return tuple(pair.name for pair in parse_inventory(text, str(path)).pairs)


def parse_inventory(text: str, file: str) -> Inventory:
    """Read an inventory from its text, as `load_inventory`; relative paths of keys are meant from the folder of `file`."""
    return read_inventory(compose(text, file))


def read_inventory(document: Document, *, here: bool = False) -> Inventory:
    """Read an inventory from a composed document; see `parse_inventory`.

    What it needs of this machine (files of `ca`, the library Apprise) is looked for only with `here`. Who goes on to ask
    the orgs meets that there, each its own: what one lacks must not stop what is done at the others.
    """
    checks = (inventory_findings, machine_findings) if here else (inventory_findings,)
    inventory: Inventory = read_as(InventoryForm, document, *checks)
    folder = Path(document.file).parent
    # One set, which all pairs share.
    everyones = frozenset().union(*(pair.own_keys for pair in inventory.pairs))
    pairs = tuple(
        replace(
            pair,
            orgs=Both(*(_placed(org, folder) for org in pair.orgs)),
            tell=tuple(_placed_channel(channel, folder) for channel in pair.tell),
            all_keys=everyones,
        )
        for pair in inventory.pairs
    )
    return replace(inventory, path=document.file, pairs=pairs)


def _placed(org: Org, folder: Path) -> Org:
    """An org with absolute paths: relative ones are meant from the inventory's folder."""
    ca = None if org.ca is None else absolute(org.ca, folder)
    api_key, app_key = _placed_key(org.api_key, folder), _placed_key(org.app_key, folder)
    return replace(org, api_key=api_key, app_key=app_key, ca=ca)


def _placed_channel(channel: Channel, folder: Path) -> Channel:
    match channel.via:
        case Webhook(url, secret):
            via: Webhook | Apprise = Webhook(_placed_key(url, folder), _placed_key(secret, folder))
        case Apprise(address):
            via = Apprise(_placed_key(address, folder))
    return replace(channel, via=via)


def _placed_key(key: KeyReference, folder: Path) -> KeyReference:
    return FileKey(absolute(key.path, folder)) if isinstance(key, FileKey) else key


def find_inventory(option: str | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Where the inventory is: the option `--pairs`, then `HAMR_PAIRS`, then `./pairs.yaml`; else a UsageError."""
    for source, text in (("--pairs", option), (INVENTORY_VARIABLE, environ.get(INVENTORY_VARIABLE))):
        if text:
            path, told = cwd / text, f"There is no inventory at {cwd / text} (named by {source})."
            break
    else:
        path = cwd / INVENTORY_NAME
        told = (
            f"There is no inventory: no --pairs FILE was given, {INVENTORY_VARIABLE} is not set, "
            f"and there is no {INVENTORY_NAME} in this folder. `hamr init` writes one to start from."
        )
    if not _exists(path):
        raise UsageError(
            told, next_steps=(next_step.init(), next_step.status("PAIR").with_options("--pairs", "FILE"))
        )
    return path


def _exists(path: Path) -> bool:
    """Whether there is anything at all; what is wrong with it, reading tells."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return True


_NAMED = 20
"""How many pairs are named where another one was meant."""


def pair_named(inventory: Inventory, name: str) -> Pair:
    """The pair of that name; a UsageError that says which there are where there is none."""
    for pair in inventory.pairs:
        if pair.name == name:
            return pair
    names = [pair.name for pair in inventory.pairs]
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    raise UsageError(
        f"There is no pair {shown(name)} in {inventory.path}{did_you_mean(name, names) or '.'} "
        f"Its pairs: {', '.join(names[:_NAMED])}{more}.",
        next_steps=[next_step.status(near) for near in meant(name, names)],
    )


_ROLES = ("primary", "secondary")


def inventory_findings(document: Document, inventory: dict[str, Any]) -> Iterator[Finding]:
    """Everything that does not fit together in what could be read of a document."""
    first_use: dict[str, Steps] = {}
    for place, pair in parts(inventory, "pairs"):
        orgs = {role: mapping_in(pair.get(role)) for role in _ROLES}
        for role, org in orgs.items():
            steps = (*place, role)
            yield from _place_of(document, steps, org)
            if org.get("uuid") is not None:
                yield from _repeated_uuid(steps, org["uuid"].lower(), first_use)
        yield from _one_region(place, orgs["primary"], orgs["secondary"])


def _place_of(document: Document, steps: Steps, org: dict[str, Any]) -> Iterator[Finding]:
    """A datacenter that agrees with the site."""
    if "url" in org:
        return
    told, datacenter = org.get("site"), org.get("datacenter")
    if told is not None and datacenter is not None and datacenter != told:
        site = document.value((*steps, "site"))
        yield Finding(
            (*steps, "datacenter"),
            f"the site {site} is in the datacenter {told}: correct one of them, or leave the datacenter out",
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
    # A ~ that leads nowhere is left as it is, where Path.expanduser would raise. abspath takes .. out of the path that
    # messages show, without following links, as resolve would.
    if path.startswith("~/") and not os.environ.get("HOME"):
        # expanduser takes a HOME that is empty for the root of all folders.
        with suppress(KeyError):
            path = pwd.getpwuid(os.getuid()).pw_dir + path[1:]
    else:
        path = os.path.expanduser(path)  # noqa: PTH111 - as said above
    return os.path.abspath(folder / path)  # noqa: PTH100 - as said above


def machine_findings(document: Document, inventory: dict[str, Any]) -> Iterator[Finding]:
    """Every `ca` that is no file of certificates, and the first `apprise` where that library is not installed."""
    for place, pair in parts(inventory, "pairs"):
        for role in _ROLES:
            path = mapping_in(pair.get(role)).get("ca")
            if path is not None:
                yield from _unusable((*place, role, "ca"), absolute(path, Path(document.file).parent))
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
