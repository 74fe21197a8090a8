"""hamr from Python: one pair opened, its journal read, two simulated regions to try it on.

`open_pair` gives an OpenPair; nothing of it writes to an org unless `run`, `resume` or `drill` stands in the call's name.
The names below are loaded when they are first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .journal import Journal, open_journal
    from .loading import load_inventory, load_playbook
    from .pair import OpenPair, open_pair
    from .simulated import SimulatedRegions, simulated_regions
    from .waiting import WaitingPair

_HOME: Mapping[str, str] = MappingProxyType(
    {
        "Journal": "journal",
        "OpenPair": "pair",
        "SimulatedRegions": "simulated",
        "WaitingPair": "waiting",
        "load_inventory": "loading",
        "load_playbook": "loading",
        "open_journal": "journal",
        "open_pair": "pair",
        "simulated_regions": "simulated",
    }
)
"""Each name, and the module here that it comes from."""

__all__ = [
    "Journal",
    "OpenPair",
    "SimulatedRegions",
    "WaitingPair",
    "load_inventory",
    "load_playbook",
    "open_journal",
    "open_pair",
    "simulated_regions",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
