"""hamr from Python: a pair opened, its journal read, two simulated regions to try it on, and the nouns that come back.

`open_pair` gives an OpenPair; nothing of it writes to an org unless `run`, `resume` or `drill` stands in the call's name.
The names below are loaded when they are first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.errors import (
        DocumentError,
        ExitCode,
        HamrError,
        Incomplete,
        Interrupted,
        JournalDamaged,
        JournalUnavailable,
        KeyUnavailable,
        Locked,
        Moved,
        OutcomeUnknown,
        PreparationError,
        Refused,
        UsageError,
    )
    from orchestrator.model.journal import Broken, Head, Record, Verified
    from orchestrator.model.plan import Plan
    from orchestrator.model.result import DrillResult, RunResult, Score
    from orchestrator.model.run import End
    from orchestrator.model.situation import Standing
    from orchestrator.model.status import Both, Role, Status
    from orchestrator.report.journal import RunSummary

    from .journal import Journal, open_journal
    from .listening import Listener
    from .loading import load_inventory, load_playbook
    from .opening import open_pair
    from .pair import OpenPair
    from .rehearsing import rehearse
    from .simulated import SimulatedRegions, simulated_regions
    from .waiting import WaitingPair

_HOME: Mapping[str, str] = MappingProxyType(
    {
        "Both": "orchestrator.model.status",
        "Broken": "orchestrator.model.journal",
        "DocumentError": "orchestrator.errors",
        "DrillResult": "orchestrator.model.result",
        "End": "orchestrator.model.run",
        "ExitCode": "orchestrator.errors",
        "HamrError": "orchestrator.errors",
        "Head": "orchestrator.model.journal",
        "Incomplete": "orchestrator.errors",
        "Interrupted": "orchestrator.errors",
        "Journal": ".journal",
        "JournalDamaged": "orchestrator.errors",
        "JournalUnavailable": "orchestrator.errors",
        "KeyUnavailable": "orchestrator.errors",
        "Listener": ".listening",
        "Locked": "orchestrator.errors",
        "Moved": "orchestrator.errors",
        "OpenPair": ".pair",
        "OutcomeUnknown": "orchestrator.errors",
        "Plan": "orchestrator.model.plan",
        "PreparationError": "orchestrator.errors",
        "Record": "orchestrator.model.journal",
        "Refused": "orchestrator.errors",
        "Role": "orchestrator.model.status",
        "RunResult": "orchestrator.model.result",
        "RunSummary": "orchestrator.report.journal",
        "Score": "orchestrator.model.result",
        "SimulatedRegions": ".simulated",
        "Standing": "orchestrator.model.situation",
        "Status": "orchestrator.model.status",
        "UsageError": "orchestrator.errors",
        "Verified": "orchestrator.model.journal",
        "WaitingPair": ".waiting",
        "load_inventory": ".loading",
        "load_playbook": ".loading",
        "open_journal": ".journal",
        "open_pair": ".opening",
        "rehearse": ".rehearsing",
        "simulated_regions": ".simulated",
    }
)
"""Each name, and the module that it comes from."""

__all__ = [
    "Both",
    "Broken",
    "DocumentError",
    "DrillResult",
    "End",
    "ExitCode",
    "HamrError",
    "Head",
    "Incomplete",
    "Interrupted",
    "Journal",
    "JournalDamaged",
    "JournalUnavailable",
    "KeyUnavailable",
    "Listener",
    "Locked",
    "Moved",
    "OpenPair",
    "OutcomeUnknown",
    "Plan",
    "PreparationError",
    "Record",
    "Refused",
    "Role",
    "RunResult",
    "RunSummary",
    "Score",
    "SimulatedRegions",
    "Standing",
    "Status",
    "UsageError",
    "Verified",
    "WaitingPair",
    "load_inventory",
    "load_playbook",
    "open_journal",
    "open_pair",
    "rehearse",
    "simulated_regions",
]

if not TYPE_CHECKING:  # for a type checker the names are those that are imported above, and no others

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_HOME[name], __name__), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
