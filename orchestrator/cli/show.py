"""`hamr show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode


@click.command()
@click.argument("run")
@options.takes(*options.READING)
def show(opening: Opening, run: str) -> ExitCode:
    """Show one run, step by step.

    What it read, how the guards were judged, what it sent and what came back, from the journal.
    """
    from orchestrator.api.finding import run_named
    from orchestrator.errors import ExitCode
    from orchestrator.report.journal import show_json, show_page

    with opening.store(writes=False) as store:
        records = list(store.records(run=run)) if run else []
        if not records:
            run_named({}, run, store)
    opening.front.console.facts(show_page(records), show_json(records))
    return ExitCode.DONE
