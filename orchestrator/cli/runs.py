"""`hamr runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode
    from orchestrator.history import RunHistory
    from orchestrator.report.journal import RunSummary


@click.command()
@click.option("--pair", metavar="PAIR", help="Only the runs of this pair.")
@options.takes(*options.READING)
def runs(opening: Opening, pair: str | None) -> ExitCode:
    """List the runs in the journal.

    The newest first; those that are open can be resumed.
    """
    from orchestrator.errors import ExitCode
    from orchestrator.report.journal import runs_json, runs_page

    from .finding import all_histories

    with opening.store(writes=False) as store:
        histories = all_histories(store)
    if pair is not None and pair not in histories:
        opening.front.console.note(f"The journal {store.place} has no run of pair {pair!r}.")
    found = [
        run for name, history in histories.items() if pair in (None, name) for run in history.runs.values()
    ]
    found.sort(key=lambda run: (run.started_at, run.run), reverse=True)
    rows = [_summary(run) for run in found if run.run]
    opening.front.console.facts(runs_page(rows), runs_json(rows))
    return ExitCode.DONE


def _summary(run: RunHistory) -> RunSummary:
    from orchestrator.model.run import Mode
    from orchestrator.report.journal import RunSummary

    started, finished = run.started, run.finished
    return RunSummary(
        run=run.run,
        pair=run.pair,
        goal=None if started is None else started.goal,
        mode=Mode.PLANNED if started is None else started.mode,
        by=run.by,
        host=run.host,
        started_at=run.started_at,
        finished_at=run.finished_at,
        end="superseded" if run.superseded_by else "" if finished is None else finished.ending.end.value,
        exit_code=None if finished is None else finished.exit_code,
        open=run.open,
    )
