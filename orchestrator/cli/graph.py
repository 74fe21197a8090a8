"""`hamr graph`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode


@click.command()
@click.argument("playbook", required=False)
@options.takes("json")
def graph(opening: Opening, playbook: str | None) -> ExitCode:
    """Draw a playbook's state machine, as Mermaid.

    PLAYBOOK is a file, or the name of one that ships with hamr (regional-failover). The diagram is made from the
    same table that runs are made from; GitHub, GitLab and mermaid.live draw it.
    """
    from orchestrator.errors import ExitCode
    from orchestrator.report.documents import document
    from orchestrator.report.graph import mermaid

    opening.playbook = playbook
    found = opening.load_playbook()
    drawn = mermaid(found)
    console = opening.front.console
    if console.json:
        console.facts((), document("hamr/graph/1", {"playbook": found.name, "mermaid": drawn}))
    else:
        console.out.text(drawn)
    return ExitCode.DONE
