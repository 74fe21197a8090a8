"""The end of a drill: objectives, score, exit code, and what the journal keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.errors import ExitCode
from orchestrator.model.drill import DrillResult, Expectation, Leg, Score
from orchestrator.model.events import DrillClosed, DrillScored, Event
from orchestrator.model.protocols import Watcher
from orchestrator.model.words import span
from orchestrator.operations.active_run import RunControl
from orchestrator.operations.session import Session


def objectives_met(legs: Iterable[Leg]) -> tuple[Expectation, ...]:
    """One expectation for each recovery time objective that a run of the drill was measured against."""
    return tuple(
        Expectation(
            f"{leg.name}: {objective.status} within {span(objective.wanted)}",
            objective.met,
            f"it took {span(objective.took)}",
        )
        for leg in legs
        for objective in leg.objectives
    )


def exit_code_of(expectations: Iterable[Expectation], controls: RunControl) -> ExitCode:
    """What the command returns: a signal's code where one stopped it, else whether everything held."""
    if controls.asked:
        return controls.code
    return ExitCode.DONE if all(each.held for each in expectations) else ExitCode.DRILL_MISSED


def score_and_close(
    session: Session,
    score: Score,
    *,
    notes: str,
    closes: bool,
    exit_code: ExitCode,
    watchers: Sequence[Watcher] = (),
    why_open: str = "",
    next_steps: tuple[str, ...] = (),
) -> DrillResult:
    """Journal the score, and that the drill is closed where it is.

    Args:
        session: its pair.
        score: what it showed.
        notes: what the journal keeps beside the end.
        closes: whether it is cleaned up.
        exit_code: what the command returns.
        watchers: are told, after it was journalled.
        why_open: why it is not cleaned up.
        next_steps: what to type then.
    """
    events: list[Event] = [DrillScored(score), *([DrillClosed(notes)] if closes else [])]
    for event in events:
        session.append(score.drill, event)
        for watcher in watchers:
            watcher.tell(event)
    return DrillResult(score, closes, exit_code, session.store.head(), why_open, next_steps)
