"""`hamr runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode


@click.command()
@click.option("--pair", metavar="PAIR", help="Only the runs of this pair.")
@options.takes(*options.READING)
def runs(opening: Opening, pair: str | None) -> ExitCode:
    """List the runs in the journal.

    The newest first; those that are open can be resumed. Drills that nobody has closed are pointed out below.
    """
    from orchestrator.errors import ExitCode
    from orchestrator.operations.finding import outlines, summaries
    from orchestrator.report.journal import runs_json, runs_page

    with opening.store(writes=False) as store:
        histories = outlines(store, pair)
        rows = summaries(histories)
        unjournalled = "" if store.head().seq else store.place
        drills = [
            (name, drill.as_open_drill())
            for name, history in histories.items()
            for drill in history.drills.values()
            if drill.open
        ]
    if pair is not None and not rows and not unjournalled:
        opening.front.console.note(f"The journal {store.place} has no run of pair {pair!r}.")
    opening.front.console.facts(
        runs_page(rows, drills, unjournalled=unjournalled),
        runs_json(rows, drills, unjournalled=unjournalled),
    )
    return ExitCode.DONE
