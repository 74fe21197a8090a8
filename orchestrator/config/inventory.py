"""The inventory: `pairs.yaml` → Inventory, where it is looked for, and a pair by its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from orchestrator.errors import UsageError
from orchestrator.model.org import Inventory, Org, Pair
from orchestrator.model.secret import FileKey, KeyReference
from orchestrator.model.status import Both

from .compose import compose
from .fit import fit
from .inventory_checks import absolute, certificate_findings, inventory_findings
from .inventory_part import LARGE, part_of
from .inventory_shape import InventoryShape
from .nodes import Document, bounded
from .source import read_text
from .wording import did_you_mean, shown

INVENTORY_NAME = "pairs.yaml"
INVENTORY_VARIABLE = "HAMR_PAIRS"


def load_inventory(path: Path) -> Inventory:
    """Read an inventory from a file.

    Raises:
        DocumentError: the file cannot be read, or is no inventory; with all its problems at once.
    """
    return parse_inventory(read_text(path), str(path))


def load_pair(path: Path, name: str) -> Pair:
    """Read one pair from an inventory: of a large one, its own part alone, and `hamr check` finds what is wrong elsewhere.

    Raises:
        DocumentError: as `load_inventory`.
        UsageError: there is no such pair; says which there are.
    """
    text = read_text(path)
    part = part_of(text, name) if len(text) > LARGE else None
    if part is None:
        return pair_named(parse_inventory(text, str(path)), name)
    pair = pair_named(parse_inventory(part.text, str(path)), name)
    return replace(pair, all_keys=part.variables)


def parse_inventory(text: str, file: str) -> Inventory:
    """Read an inventory from its text.

    Args:
        text: the YAML text.
        file: its path, for messages; relative paths of keys are meant from its folder.

    Raises:
        DocumentError: it is no inventory; with all its problems at once.
    """
    return read_inventory(compose(text, file))


def read_inventory(document: Document, *, certificates: bool = False) -> Inventory:
    """Read an inventory from a composed document; see `parse_inventory`.

    Args:
        document: what was composed.
        certificates: whether to look into the files of `ca`, too. Whoever goes on to ask the orgs meets them there, each
            its own: what one org lacks must not stop what is done at the others.
    """
    folder = Path(document.file).parent
    fitted = fit(InventoryShape, document)
    certified = certificate_findings(fitted.values, folder) if certificates else ()
    checks = [*bounded(inventory_findings(document, fitted.values)), *bounded(certified)]
    inventory: Inventory = fitted.noun(checks)
    everyones = frozenset().union(
        *(pair.own_keys for pair in inventory.pairs)
    )  # one set, which all pairs share
    return Inventory(
        document.file,
        tuple(
            replace(
                pair,
                orgs=Both(*(_placed(org, folder) for org in pair.orgs)),
                all_keys=everyones,
            )
            for pair in inventory.pairs
        ),
    )


def _placed(org: Org, folder: Path) -> Org:
    """An org with absolute paths: relative ones are meant from the inventory's folder."""
    return replace(
        org,
        api_key=_placed_key(org.api_key, folder),
        app_key=_placed_key(org.app_key, folder),
        ca=None if org.ca is None else absolute(org.ca, folder),
    )


def _placed_key(key: KeyReference, folder: Path) -> KeyReference:
    return FileKey(absolute(key.path, folder)) if isinstance(key, FileKey) else key


def find_inventory(option: str | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Where the inventory is: `--pairs`, then `HAMR_PAIRS`, then `./pairs.yaml`.

    Args:
        option: what `--pairs` says, or None.
        environ: the process's environment.
        cwd: the folder that relative paths are meant from.

    Raises:
        UsageError: there is no such file.
    """
    named = [("--pairs", option), (INVENTORY_VARIABLE, environ.get(INVENTORY_VARIABLE))]
    for source, text in named:
        if text:
            path = cwd / text
            if not _exists(path):
                raise UsageError(
                    f"There is no inventory at {path} (named by {source}).",
                    next_steps=("hamr init", "hamr status PAIR --pairs FILE"),
                )
            return path
    path = cwd / INVENTORY_NAME
    if not _exists(path):
        raise UsageError(
            f"There is no inventory: no --pairs FILE was given, {INVENTORY_VARIABLE} is not set, "
            f"and there is no {INVENTORY_NAME} in this folder. `hamr init` writes one to start from.",
            next_steps=("hamr init", "hamr status PAIR --pairs FILE"),
        )
    return path


def _exists(path: Path) -> bool:
    """Whether there is anything at all; what is wrong with it, reading tells."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return True


def pair_named(inventory: Inventory, name: str) -> Pair:
    """The pair of that name.

    Raises:
        UsageError: there is none; says which there are.
    """
    for pair in inventory.pairs:
        if pair.name == name:
            return pair
    names = [pair.name for pair in inventory.pairs]
    raise UsageError(
        f"There is no pair {shown(name)} in {inventory.path}{did_you_mean(name, names) or '.'} "
        f"Its pairs: {', '.join(names)}."
    )
