"""`hamr ack`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode


@click.command()
@click.argument("run")
@options.reason
@options.takes(*options.LOOKING)
def ack(opening: Opening, run: str, reason: str) -> ExitCode:
    """Take note of a finished run, which ends its cooling down.

    Only a playbook with cool_down has any. The orgs are not touched.
    """
    from orchestrator.api.finding import run_named
    from orchestrator.errors import ExitCode
    from orchestrator.journal.checkpoint import read_histories
    from orchestrator.operations.resume import acknowledge
    from orchestrator.report.documents import document
    from orchestrator.report.layout import line

    with opening.store(writes=False) as store:
        found = run_named(read_histories(store), run, store)
    with opening.session(found.pair, writes=True) as session:
        acknowledge(session, found, reason)
    opening.front.console.facts(
        (
            line(
                f"Run {found.run} of pair {found.pair} is acknowledged: it makes the pair cool down no longer."
            ),
        ),
        document("hamr/ack/1", {"run": found.run, "pair": found.pair, "reason": reason}),
    )
    return ExitCode.DONE
