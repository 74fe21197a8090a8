"""The inventory of a simulated pair, ready for use: a pairs.yaml, and beside it the files that its keys stand in."""

from __future__ import annotations

import json
import os
from pathlib import Path

from orchestrator.errors import PreparationError, UsageError
from orchestrator.model.status import Role

from .simulation import Simulation

_MARK = "# Written by the HAMR simulator"


def inventory_text(sim: Simulation, *, keys: str = "sim-keys") -> str:
    """A pairs.yaml with the simulated pair; its keys are references to files.

    Args:
        sim: a simulation that runs.
        keys: the folder of the key files, relative to the inventory's own.
    """
    lines = [
        f"{_MARK}. The pair is made up: nothing here reaches Datadog.",
        "schema: 1",
        "pairs:",
        f"  {sim.config.pair}:",
        "    mirrors: auto",
        "    pages:",
        f"      secondary_from_outside: {sim.org(Role.SECONDARY).url}/health",
    ]
    for role in Role:
        org, served = sim.config.orgs[role], sim.org(role)
        lines += [
            f"    {role}:",
            f"      name: {org.name}",
            f"      uuid: {org.uuid}",
            f"      url: {served.url}",
            f"      datacenter: {org.datacenter}",
            "      wire: auto",
            f"      api_key: {{file: {_quoted(f'{keys}/{role}-api-key')}}}",
            f"      app_key: {{file: {_quoted(f'{keys}/{role}-app-key')}}}",
        ]
    return "\n".join(lines) + "\n"


def write_inventory(sim: Simulation, path: Path) -> None:
    """Write the pairs.yaml and its key files (for the owner alone), in place of an earlier simulation's.

    The key files stand in a folder that is named after the inventory: pairs.yaml gets pairs-keys/.

    Raises:
        UsageError: a file that the simulator did not write is there already.
        PreparationError: the files cannot be written.
    """
    folder = path.parent / f"{path.stem}-keys"
    try:
        if path.exists() and not path.read_bytes().startswith(_MARK.encode()):
            raise UsageError(
                f"{path} is there already, and the simulator did not write it: it is left as it is.",
                next_steps=(f"hamr simulate --inventory-out {path.with_name('sim-pairs.yaml')}",),
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for role in Role:
            served = sim.org(role)
            _write(folder / f"{role}-api-key", served.api_key)
            _write(folder / f"{role}-app-key", served.app_key)
        path.write_text(inventory_text(sim, keys=folder.name), encoding="utf-8")
    except OSError as error:
        raise PreparationError(
            f"The simulated pair's inventory cannot be written to {path} ({error.strerror}: {error.filename}).",
            next_steps=("hamr simulate --inventory-out FILE    # a place that can be written to",),
        ) from error


def _quoted(text: str) -> str:
    """A YAML scalar, whatever a folder may be called."""
    return json.dumps(text, ensure_ascii=False)


def _write(path: Path, key: str) -> None:
    path.unlink(missing_ok=True)  # an older file might be open to others
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{key}\n")
