"""How an org is called on a page."""

from __future__ import annotations

from orchestrator.model.status import Role

from .layout import shortened

LONGEST_NAME = 60
"""Characters of a name that are shown; the inventory has it whole."""


def called(name: str, role: Role) -> str:
    """An org by its name and its role: Payments EU (secondary)."""
    return f"{shortened(name, LONGEST_NAME)} ({role})"
