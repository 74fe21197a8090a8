"""`hamr fleet status | plan | run | resume | stop | doctor | drill | report`, the pair's own verbs over many pairs; and `hamr worker`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from orchestrator.errors import ExitCode, UsageError
from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep
from orchestrator.model.readiness import NagiosCode

from . import completion, options
from .invocation import Invocation
from .look import NagiosVerb

if TYPE_CHECKING:
    from orchestrator.fleet.selection import Selection
    from orchestrator.journal import Address


@click.group()
def fleet() -> None:
    """Look at many pairs, and move them in waves.

    Which pairs: by name, by patterns such as 'pay-*', by the labels that pairs.yaml gives them (--select tier=gold), or
    --all. Each pair is moved as hamr run moves it, with its own guards, lock and journal. docs/howto/many-pairs.md shows how.
    """


_waves = click.option(
    "--waves",
    metavar="WAVES",
    help="Who comes first: numbers of pairs, shares of all and rest, such as 1,10%,rest. [default: waves in pairs.yaml, else "
    "1,10%,rest; in an emergency, all at once]",
)

_at_once = options.at_once("How many pairs are under way at the same time.")

_workers = click.option(
    "--workers",
    is_flag=True,
    help="Let workers bring the pairs (hamr worker), and look on; each of them has its own --at-once. Wants a team's journal.",
)

_fleet_id = click.argument("fleet_id", metavar="[FLEET]", required=False)


@fleet.command()
@options.selection
@options.takes(*options.LOOKING)
def status(invocation: Invocation, which: Selection) -> ExitCode:
    """Show where these pairs stand, a line each.

    Those that need a person come first. Reads the orgs and the journal, and writes nothing anywhere. Exits as hamr status does.
    """
    from .fleet_run import selected
    from .look import status_of_all

    return status_of_all(invocation, selected(invocation, which), None)


@fleet.command()
@options.selection
@options.run_flags
@_waves
@options.takes(*options.LOOKING)
def plan(invocation: Invocation, **flags: Any) -> None:
    """Show what moving these pairs would do, a line each.

    Every pair is planned as hamr plan does it. With --emergency it shows which pairs have lost which org; only those would be
    moved. Reads, and cannot send anything but GETs.
    """
    from .fleet_run import show_plan

    show_plan(invocation, **flags)


@fleet.command()
@options.selection
@options.run_flags
@_waves
@_at_once
@click.option(
    "--stop-after",
    type=click.IntRange(1),
    metavar="N",
    help="Begin nothing new once so many pairs of a wave did not arrive. [default: go on]",
)
@_workers
@options.yes
@options.takes(*options.LOOKING)
def run(invocation: Invocation, **flags: Any) -> ExitCode:
    """Move these pairs to a status, in waves.

    Shows the plan of all and wants the goal and the number of pairs typed; then moves wave after wave, each pair as
    hamr run does it, and asks before each further wave. What is in the way of one pair stops no other. Ctrl-C lets what is
    under way end its own transition, and begins nothing new; hamr fleet resume goes on, by anybody.

    With --emergency, the pairs are looked at first, and those that have lost an org are moved, all at once. Exits with the
    worst of any pair's codes.
    """
    from .fleet_run import run_fleet

    return run_fleet(invocation, **flags)


@fleet.command()
@_fleet_id
@options.reason
@_workers
@options.yes
@options.takes(*options.LOOKING)
def resume(invocation: Invocation, **flags: Any) -> ExitCode:
    """Go on with a fleet that stopped, or whose process died.

    FLEET is an id, the beginning of one, or last; without it, the only one that has not tried all of its pairs, nor left them to one that began later. Pairs that have arrived are left;
    runs that are open are resumed, what is owed is delivered, and the others begin, with the playbook, the waves and the
    goal that the fleet began with.
    """
    from .fleet_run import resume_fleet

    return resume_fleet(invocation, **flags)


@fleet.command()
@_fleet_id
@options.reason
@options.takes(*options.LOOKING)
def stop(invocation: Invocation, **flags: Any) -> None:
    """Let a fleet stop, from anywhere.

    What is under way ends its own transition, and nothing new begins; hamr fleet resume goes on. The journal carries the wish,
    and whoever is at the fleet sees it within a second or two. The orgs are not touched.
    """
    from .fleet_run import stop_fleet

    stop_fleet(invocation, **flags)


@fleet.command()
@_fleet_id
@options.html
@options.file("--junit", "Write JUnit XML, one case for each pair; - for stdout.")
@options.takes(*options.LOOKING)
def report(invocation: Invocation, **flags: Any) -> None:
    """Show what became of each pair of a fleet, and what is left to do.

    FLEET is an id, the beginning of one, or last, which is also meant where none is named. Made from the journal alone; asks no
    org. With --html or --junit, nothing else is printed unless --json asks for it. Exits with 0 whatever it shows.
    """
    from .fleet_run import report_fleet

    report_fleet(invocation, **flags)


@fleet.command()
@options.selection
@click.option(
    "--live",
    is_flag=True,
    help="Really move these pairs, one after the other; only those whose inventory says drill: true.",
)
@click.option(
    "--to",
    metavar="STATUS",
    shell_complete=completion.stops,
    help="Where to, before they go home. [default: ACTIVE]",
)
@click.option(
    "--notes", metavar="TEXT", default="", help="What the journal keeps with the end of each live drill."
)
@_waves
@_at_once
@options.yes
@options.takes(*options.LOOKING)
def drill(
    invocation: Invocation,
    *,
    which: Selection,
    live: bool,
    to: str | None,
    notes: str,
    waves: str | None,
    at_once: int,
) -> ExitCode:
    """Rehearse moving these pairs, out and home again, with a score.

    On the simulator: as many made-up pairs, moved by the fleet's own loop, in the same waves; nothing reaches Datadog, and nobody
    is asked. With --live, each pair is drilled as hamr drill run PAIR does it, after the goal and the number of pairs were typed. Exits
    with 11 where an expectation was missed.
    """
    from orchestrator.model.status import Status
    from orchestrator.operations.preflight import status_named

    from .drilling import drill_fleet_live, drill_fleet_simulated
    from .fleet_run import selected

    pairs = selected(invocation, which)
    goal = Status.ACTIVE if to is None else status_named(to)
    if live:
        return drill_fleet_live(invocation, pairs, goal, notes)
    return drill_fleet_simulated(invocation, pairs, goal, waves, at_once)


@fleet.command(cls=NagiosVerb)
@options.selection
@click.option(
    "--record/--no-record",
    default=None,
    help="Keep what was found in the journal, or keep nothing, as hamr doctor does. [default: kept where there is a journal]",
)
@options.takes(*options.LOOKING)
def doctor(invocation: Invocation, which: Selection, record: bool | None) -> NagiosCode:
    """Find out whether these pairs are ready, a line each.

    Each is examined as hamr doctor does it, 16 at a time; those that are worst come first. hamr doctor PAIR says in full what is
    wrong with one. Exits as Nagios plugins do, with the worst verdict of any pair.
    """
    from orchestrator.report.doctor import doctor_code, doctor_json, doctors_page

    from .fleet_run import selected
    from .look import examined, with_a_fleet

    pairs = selected(invocation, which)
    found = examined(invocation, pairs, record=record)
    first: tuple[NextStep, ...] = ()
    if any(step.verb == "resume" for each in found for step in each.next_steps[:1]):
        with invocation.store(writes=False) as store:
            first = with_a_fleet(store, pairs, ExitCode.INCOMPLETE)
    invocation.console.facts(doctors_page(found, first), doctor_json(found, first))
    return doctor_code(found)


@click.command()
@options.at_once("How many pairs this worker is at, at the same time.")
@options.log_level("info")
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve what hamr readiness --metrics writes to Prometheus there, read anew at each look; :PORT for every address.",
)
@options.takes("pairs", "playbook", "journal", "operator", "log_format")
def worker(invocation: Invocation, at_once: int, metrics: str | None, log_level: str) -> None:
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

        invocation.console.follow(lambda: "")
        supervised(work(), interrupt)


def team_of_workers(invocation: Invocation) -> Address:
    """The team's journal, whose tables for jobs are there; a UsageError where it is a file, or the library is not installed."""
    from orchestrator.journal import Address

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
        words = f"Workers need the extra [fleet], which is not installed: {error}."
        install = next_step.shell("pip install 'hamr-orchestrator[fleet]'", "install it")
        raise UsageError(words, next_steps=(install,)) from error

    async def look() -> None:
        async with open_jobs(place):
            pass

    with invocation.store(writes=False):  # what is wrong with the server, that tells best
        supervised(look())
    return place
