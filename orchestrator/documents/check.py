"""Any file of ours: which kind it is, and all that is wrong with it (`hamr check`)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from orchestrator.errors import DocumentError, Problem

from .compose import compose
from .inventory import INVENTORY_NAME, read_inventory
from .nodes import Document
from .playbook import read_playbook
from .source import read_text

Kind = Literal["inventory", "playbook"]

_PLAYBOOK_KEYS = frozenset({"transitions", "stops", "guards", "objectives", "confirm", "probes", "remember"})


def document_kind(path: Path) -> Kind:
    """Whether a file is an inventory or a playbook, by its top keys.

    Raises:
        DocumentError: it cannot be read, or is neither.
    """
    return _kind(compose(read_text(path), str(path)))


def problems_in(path: Path) -> tuple[Problem, ...]:
    """Everything that is wrong with an inventory or a playbook, in the order of the file; () where nothing is."""
    try:
        text = read_text(path)
        document = compose(text, str(path))
        if _kind(document) == "inventory":
            read_inventory(document)
        else:
            read_playbook(document, text)
    except DocumentError as error:
        return error.problems
    return ()


def _kind(document: Document) -> Kind:
    keys = document.data.keys()
    if "pairs" in keys:
        return "inventory"
    if not _PLAYBOOK_KEYS.isdisjoint(keys):
        return "playbook"
    if Path(document.file).name == INVENTORY_NAME:
        return "inventory"
    raise DocumentError(
        [
            Problem(
                document.file,
                document.root.line,
                document.root.column,
                "this is neither an inventory (which has pairs:) nor a playbook (which has transitions:)",
            )
        ]
    )
