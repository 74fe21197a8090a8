"""How a run ended → the value that is returned, or the error that is raised: nobody goes on after a refusal by oversight."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from orchestrator.errors import (
    ExitCode,
    HamrError,
    Incomplete,
    Interrupted,
    JournalDamaged,
    Locked,
    Moved,
    OutcomeUnknown,
    PreparationError,
    Refused,
)
from orchestrator.model.org import Pair
from orchestrator.model.result import RunResult

ERRORS: Mapping[ExitCode, type[HamrError]] = MappingProxyType(
    {
        ExitCode.FAILED: PreparationError,
        ExitCode.REFUSED: Refused,
        ExitCode.MOVED: Moved,
        ExitCode.LOCKED: Locked,
        ExitCode.INCOMPLETE: Incomplete,
        ExitCode.UNKNOWN: OutcomeUnknown,
        ExitCode.JOURNAL_DAMAGED: JournalDamaged,
    }
)
"""The error that each exit code stands for."""

REACHED: frozenset[ExitCode] = frozenset({ExitCode.DONE, ExitCode.OWING})
"""The pair stands where it was to go; after an emergency the other org may still be owed its status."""


def reached(result: RunResult, pair: Pair) -> RunResult:
    """The result of a run that came to its goal.

    Raises:
        HamrError: it did not; the error has the run's own exit code and words, and its `result` is the run's.
    """
    if result.exit_code in REACHED:
        return result
    error = _error(result, None if result.ending.org is None else str(pair[result.ending.org]))
    error.result = result
    raise error


def _error(result: RunResult, org: str | None) -> HamrError:
    ending = result.ending
    message = f"Run {result.run} of pair {result.pair}: {ending.message}"
    unsaid = [verdict for verdict in result.refused_by if verdict.reason not in ending.message]
    message += "".join(f"\n  {verdict.guard}: {verdict.reason}" for verdict in unsaid)
    kind = ERRORS.get(result.exit_code)
    if kind is None:
        return Interrupted(message, code=result.exit_code, sent=ending.sent, next_steps=ending.next_steps)
    return kind(message, org=org, sent=ending.sent, next_steps=ending.next_steps)
