"""Reading an inventory or a playbook from Python."""

from __future__ import annotations

import os

from orchestrator.model.org import Inventory
from orchestrator.model.playbook import Playbook

from .sources import Sources


def load_inventory(path: str | os.PathLike[str] | None = None) -> Inventory:
    """All pairs of an inventory.

    Args:
        path: its file; None looks at HAMR_PAIRS, then for ./pairs.yaml.

    Raises:
        UsageError: there is none.
        DocumentError: it has problems; with all of them at once.
    """
    return Sources(pairs=as_text(path)).inventory()


def load_playbook(name: str | os.PathLike[str] | None = None) -> Playbook:
    """A playbook.

    Args:
        name: its file, or the name of one that ships with hamr; None looks at HAMR_PLAYBOOK, then takes the default.

    Raises:
        UsageError: there is none of that name.
        DocumentError: it has problems; with all of them at once.
    """
    return Sources(playbook=as_text(name)).load_playbook()


def as_text(path: str | os.PathLike[str] | None) -> str | None:
    """A path as the text that an option would have."""
    return None if path is None else os.fspath(path)
