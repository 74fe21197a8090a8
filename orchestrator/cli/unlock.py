"""`hamr unlock`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode


@click.command()
@click.argument("pair")
@click.option("--lock-id", metavar="ID", required=True, help="The lock's id, as hamr status shows it.")
@options.required_reason
@options.yes
@options.takes(*options.LOOKING)
def unlock(opening: Opening, pair: str, lock_id: str, reason: str, yes: bool) -> ExitCode:
    """Break a pair's lock, by its id.

    For a lock whose holder is gone, and that hamr resume does not take over by itself: from another machine, for
    one. Make sure that nobody works behind it. It is refused while the holder runs on this machine. The orgs are not touched.
    """
    from orchestrator.errors import ExitCode
    from orchestrator.operations.locking import break_lock, check_unlock
    from orchestrator.report.documents import document
    from orchestrator.report.layout import Span, line

    from .prompt import confirm, require_somebody, require_text

    console = opening.front.console
    require_text("--reason", reason)
    if not yes:
        require_somebody(opening.front.typed)
    with opening.session(pair, writes=False) as session:
        holder = check_unlock(session, lock_id)
        if not yes:
            words = (
                f"This breaks the lock {holder.lock} of {holder}, whose run {holder.run} may then be resumed."
            )
            console.aside.page((line(words, "bold"),))
            confirm(console, session.pair.name)
    with opening.session(pair, writes=True) as session:
        holder = break_lock(session, lock_id, reason)
    said = f"The lock {holder.lock} of {holder}, run {holder.run}, is broken. The journal has it."
    console.facts(
        (line(said), line(), (Span("  "), Span(f"hamr status {shlex.quote(pair)}", "command"))),
        document(
            "hamr/unlock/1",
            {
                "pair": pair,
                "lock": holder.lock,
                "run": holder.run,
                "operator": holder.operator,
                "host": holder.host,
                "process": holder.pid,
            },
        ),
    )
    return ExitCode.DONE
