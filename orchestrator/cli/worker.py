"""`hamr worker`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from orchestrator.errors import ExitCode

from . import options
from .invocation import Invocation

if TYPE_CHECKING:
    from orchestrator.journal import Address


@click.command()
@options.at_once("How many pairs this worker is at, at the same time.")
@options.log_level("info")
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve what hamr readiness --metrics writes to Prometheus there, read anew at each look; :PORT for every address.",
)
@options.takes("pairs", "playbook", "journal", "operator", "log_format")
def worker(invocation: Invocation, at_once: int, metrics: str | None, log_level: str) -> ExitCode:
    """Bring pairs on for fleet runs, and do what the schedule wants, until it is stopped.

    On as many machines as are wanted: they share a team's journal, and take the pairs of hamr fleet run --workers from each
    other's hands. Each has the inventory and its keys: a pair whose keys it lacks is left to others. One line is logged for each
    pair that is taken, and for each that ended. What schedule in pairs.yaml wants is done by whichever worker is free.

    SIGTERM or Ctrl-C once: what is under way ends its transition, another worker goes on with it, and this one ends with 0.
    Twice: it stops before the next write. docs/howto/many-machines.md shows how to run several.
    """
    from .signals import supervised

    invocation.log_level = log_level
    team, sources = team_of_workers(invocation), invocation.sources  # which says what is not installed

    from orchestrator.fleet.queue import open_jobs
    from orchestrator.fleet.worker import Gear, Worker

    gear_of = (sources, sources.inventory(), invocation.load_playbook(), sources.named_operator())
    with ExitStack() as stack:
        store = stack.enter_context(invocation.store(writes=True))
        gear = Gear(*gear_of, store, invocation.redactor)
        if metrics is not None:
            from orchestrator.fleet.metrics import serve

            stack.callback(serve(metrics, gear.readiness()))
        workers: list[Worker] = []

        async def work() -> None:
            async with open_jobs(team) as jobs:
                workers.append(Worker(gear, jobs, at_once))
                await workers[0].work()

        def interrupt(code: ExitCode) -> bool:
            for each in workers:
                each.interrupt(code)
            return bool(workers)

        supervised(work(), interrupt)
    return ExitCode.DONE


def team_of_workers(invocation: Invocation) -> Address:
    """The team's journal, whose tables for jobs are there; a UsageError where it is a file, or the library is not installed."""
    from orchestrator.errors import UsageError
    from orchestrator.journal import Address
    from orchestrator.model import next_step

    from .signals import supervised

    place = invocation.sources.place()
    if not isinstance(place, Address):
        raise UsageError(
            f"Workers share a team's journal, on PostgreSQL, and {place} is a file. Name a team's with --journal or HAMR_JOURNAL; "
            "on one machine, hamr fleet run moves the pairs by itself, without --workers.",
            next_steps=(next_step.lay_out("postgresql://USER@HOST/DATABASE"),),
        )
    try:
        from orchestrator.fleet.queue import open_jobs
    except ImportError as error:
        raise UsageError(
            f"Workers need the extra [fleet], which is not installed: {error}.",
            next_steps=(next_step.shell("pip install 'hamr-orchestrator[fleet]'", "install it"),),
        ) from error

    async def look() -> None:
        async with open_jobs(place):
            pass

    with invocation.store(writes=False):  # what is wrong with the server, that tells best
        supervised(look())
    return place
