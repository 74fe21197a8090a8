"""What each exit code says, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from orchestrator.errors import ExitCode

MEANINGS: Mapping[ExitCode, str] = MappingProxyType(
    {
        ExitCode.DONE: "done, or nothing to do",
        ExitCode.FAILED: "failed before anything was intended",
        ExitCode.USAGE: "bad usage, or a bad file",
        ExitCode.REFUSED: "refused",
        ExitCode.MOVED: "stale plan, or somebody else wrote",
        ExitCode.LOCKED: "locked by another run",
        ExitCode.INCOMPLETE: "incomplete: it can be resumed",
        ExitCode.UNKNOWN: "the outcome of a write is unknown",
        ExitCode.OWING: "done, but owing: an org its status, or a hook its end",
        ExitCode.JOURNAL_DAMAGED: "the journal is damaged",
        ExitCode.PLAN_HAS_CHANGES: "the plan has changes",
        ExitCode.DRILL_MISSED: "a drill missed an expectation",
        ExitCode.CLOSED_TERMINAL: "the terminal was closed",
        ExitCode.INTERRUPTED: "interrupted",
        ExitCode.TERMINATED: "terminated",
    }
)


def meaning(code: int) -> str:
    """What an exit code says, also one that this version does not know."""
    return MEANINGS[ExitCode(code)] if code in set(ExitCode) else "not known to this version"
