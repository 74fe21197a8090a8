"""The inventory: `pairs.yaml` → Inventory, where it is looked for, and a pair by its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from orchestrator.errors import UsageError
from orchestrator.model import next_step
from orchestrator.model.org import Apprise, Channel, FileKey, Inventory, KeyReference, Org, Pair, Webhook
from orchestrator.model.status import Both

from .compose import compose
from .document import Document, Finding, bounded
from .inventory_checks import absolute, inventory_findings, machine_findings
from .inventory_form import InventoryForm
from .messages import did_you_mean, shown
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
    """Read one pair from an inventory: of a large one, its part alone; `hamr check` finds what is wrong elsewhere.

    Raises a DocumentError as `load_inventory`, and a UsageError where there is no such pair; it says which there are.
    """
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
    """Read an inventory from its text; `file` is its path: relative paths of keys are meant from its folder.

    Raises a DocumentError where it is none, with all its problems at once.
    """
    return read_inventory(compose(text, file))


def read_inventory(document: Document, *, here: bool = False) -> Inventory:
    """Read an inventory from a composed document; see `parse_inventory`.

    What it needs of this machine (files of `ca`, the library Apprise) is looked for only with `here`. Who goes on to ask
    the orgs meets that there, each its own: what one lacks must not stop what is done at the others.
    """
    folder = Path(document.file).parent

    def checks(document: Document, values: dict[str, Any]) -> Iterator[Finding]:
        yield from bounded(inventory_findings(document, values))
        if here:
            yield from bounded(machine_findings(values, folder))

    inventory: Inventory = read_as(InventoryForm, document, checks)
    everyones = frozenset().union(
        *(pair.own_keys for pair in inventory.pairs)
    )  # one set, which all pairs share
    pairs = (
        replace(
            pair,
            orgs=Both(*(_placed(org, folder) for org in pair.orgs)),
            tell=tuple(_placed_channel(channel, folder) for channel in pair.tell),
            all_keys=everyones,
        )
        for pair in inventory.pairs
    )
    return Inventory(document.file, tuple(pairs), inventory.waves, inventory.schedule)


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


def pair_named(inventory: Inventory, name: str) -> Pair:
    """The pair of that name; a UsageError that says which there are where there is none."""
    for pair in inventory.pairs:
        if pair.name == name:
            return pair
    names = [pair.name for pair in inventory.pairs]
    raise UsageError(
        f"There is no pair {shown(name)} in {inventory.path}{did_you_mean(name, names) or '.'} "
        f"Its pairs: {', '.join(names)}."
    )
