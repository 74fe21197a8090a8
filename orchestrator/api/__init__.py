"""hamr from Python: a pair opened, its journal read, two simulated regions to try it on, and the nouns that come back.

`open_pair` gives an OpenPair; nothing of it writes to an org unless `run`, `resume` or `drill` stands in the call's name.
The names below are loaded when they are first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.errors import (
        Conflict,
        DocumentError,
        ExitCode,
        HamrError,
        Incomplete,
        Interrupted,
        JournalDamaged,
        JournalUnavailable,
        KeyUnavailable,
        Locked,
        OutcomeUnknown,
        PreparationError,
        Refused,
        UsageError,
    )
    from orchestrator.model.journal import Broken, Head, Record, Verified
    from orchestrator.model.next_step import NextStep
    from orchestrator.model.plan import Plan
    from orchestrator.model.result import DrillResult, RunResult, Score
    from orchestrator.model.run import End
    from orchestrator.model.situation import PairStatus
    from orchestrator.model.status import Both, Role, Status
    from orchestrator.report.journal import RunSummary

    from .calls import Listener
    from .pair import OpenPair, WaitingPair, open_pair
    from .reading import Journal, load_inventory, load_playbook, open_journal
    from .simulated import SimulatedRegions, rehearse, simulated_regions

_MODULES = (
    "orchestrator.errors",
    *(
        f"orchestrator.model.{name}"
        for name in ["status", "journal", "next_step", "plan", "result", "run", "situation"]
    ),
    "orchestrator.report.journal",
    *(".calls", ".reading", ".pair", ".simulated"),
)
"""Where the names come from, what costs least first; a name is looked for until it is found."""

__all__ = [
    "Both",
    "Broken",
    "Conflict",
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
    "NextStep",
    "OpenPair",
    "OutcomeUnknown",
    "PairStatus",
    "Plan",
    "PreparationError",
    "Record",
    "Refused",
    "Role",
    "RunResult",
    "RunSummary",
    "Score",
    "SimulatedRegions",
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
        for module in _MODULES if name in __all__ else ():
            found = getattr(import_module(module, __name__), name, None)
            if found is not None:
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
