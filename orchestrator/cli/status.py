"""`hamr status`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode
    from orchestrator.model.situation import Standing
    from orchestrator.operations.session import Session

SHORTEST_WATCH = 0.5
"""Seconds; each look is four requests."""


@click.command()
@click.argument("pair")
@click.option(
    "--watch",
    is_flag=False,
    flag_value="2",
    metavar="[SECONDS]",
    help="Look again every so many seconds (2), until Ctrl-C. Stands after PAIR, or as --watch=SECONDS.",
)
@options.takes(*options.LOOKING)
def status(opening: Opening, pair: str, watch: str | None) -> ExitCode:
    """Show both orgs, where the pair stands, and what to type next.

    Reads both orgs and the journal, and writes nothing anywhere. Exits with 7 where a write's outcome is unknown,
    with 8 where an org is owed its status, and with 0 otherwise, whatever the phase.
    """
    from orchestrator.operations.standing import stand
    from orchestrator.report.status import status_json, status_page

    from .signals import supervised

    every = None if watch is None else _seconds(watch, pair)
    with opening.session(pair, writes=False) as session:
        if every is not None:
            return _watch(opening, session, every)
        standing = supervised(stand(session), opening.front.console)
        opening.front.console.facts(status_page(standing, session.playbook), status_json(standing))
        return exit_code(standing)


def exit_code(standing: Standing) -> ExitCode:
    """What a script learns from a look. The write that a living run is waiting for right now is not unknown yet."""
    from orchestrator.errors import ExitCode

    at_work = standing.holder.run if standing.holder is not None and not standing.holder_dead else None
    if any(run != at_work for run, _ in standing.unknown):
        return ExitCode.UNKNOWN
    owes_hooks = standing.open_run is not None and bool(standing.open_run.hooks_owed)
    return ExitCode.OWING if standing.owed is not None or owes_hooks else ExitCode.DONE


def _seconds(text: str, pair: str) -> float:
    from math import isfinite

    from orchestrator.errors import UsageError

    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not isfinite(seconds) or seconds < SHORTEST_WATCH:
        raise UsageError(
            f"--watch {text[:40]!r}: a number of seconds is wanted, {SHORTEST_WATCH} or more. The pair stands before it.",
            next_steps=(f"hamr status {shlex.quote(pair)} --watch 5",),
        )
    return seconds


def _watch(opening: Opening, session: Session, every: float) -> ExitCode:
    from orchestrator.errors import Interrupted

    from .signals import supervised

    try:
        return supervised(_looks(opening, session, every), opening.front.console)
    except Interrupted as stop:  # how a person ends it: there is nothing to say about that
        return stop.code


async def _looks(opening: Opening, session: Session, every: float) -> ExitCode:
    from orchestrator.operations.standing import stand
    from orchestrator.report.layout import line
    from orchestrator.report.status import status_json, status_page

    console = opening.front.console
    while True:
        # Opened anew for each look: a journal that was not there yet may be there now.
        with opening.store(writes=False) as store:
            session.store = store
            standing = await stand(session, settle=False)
        if console.json:
            console.fact_line(status_json(standing))
        else:
            console.out.clear()
            page = status_page(standing, session.playbook)
            console.out.page((*page, line(), line(f"Again in {every:g} s; Ctrl-C ends it.", "dim"), line()))
        if console.out.closed:
            return exit_code(standing)
        await session.clock.sleep(every)
