"""`hamr simulate`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from orchestrator.errors import ExitCode

from .invocation import Invocation

if TYPE_CHECKING:
    from orchestrator.config.faults import Fault
    from orchestrator.model.next_step import NextStep
    from orchestrator.report.layout import Page

_PORT = click.IntRange(0, 65535)


@click.command()
@click.option(
    "--primary-port", type=_PORT, default=0, metavar="N", help="The primary's port. [default: a free one]"
)
@click.option(
    "--secondary-port", type=_PORT, default=0, metavar="N", help="The secondary's port. [default: a free one]"
)
@click.option(
    "--wire",
    type=click.Choice(["snake", "pascal"]),
    default="snake",
    help="The casing of answers. [default: snake]",
)
@click.option(
    "--mirror",
    default="off",
    metavar="on|off|SECONDS",
    help="Whether a write to one org shows on the other, at once or after so many seconds. [default: off]",
)
@click.option(
    "--status",
    default="PASSIVE",
    metavar="STATUS",
    help="Where both orgs start; ABSENT for no record. [default: PASSIVE]",
)
@click.option(
    "--inventory-out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The inventory that is written, with its keys in a folder beside it. [default: pairs.yaml; sim-pairs.yaml "
    "where somebody's own is there]",
)
@click.option(
    "--pairs",
    "number",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Serve so many pairs, sim-0001 and on, behind the same two ports. [default: one, sim]",
)
@click.option(
    "--faults",
    "script",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What goes wrong, and at which requests: a fault script.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="Faults drawn from a number: the same for the same one. Beside those of --faults.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="ORG:QUERY=VALUE",
    help="What a query of an org shows: a number, 'no data', 'no value' (a null), or numbers with commas between "
    "them, which are spread over the window. May be repeated. [default: 12 for every query]",
)
@click.option(
    "--monitor",
    "monitors",
    multiple=True,
    metavar="ORG:ID=STATE",
    help="The state of an org's monitor, or absent for one that is not there. May be repeated. "
    "[default: OK for every id]",
)
@click.option(
    "--traffic",
    default="everywhere",
    metavar="everywhere|follows|SECONDS",
    help="Where Agents report: in both orgs; or in the secondary only while its status is FAILOVER or ACTIVE, at "
    "once or so many seconds later. Queries that no --metric names go by it. [default: everywhere]",
)
@click.pass_obj
def simulate(  # noqa: PLR0917 - click passes each flag by its name
    invocation: Invocation,
    primary_port: int,
    secondary_port: int,
    wire: str,
    mirror: str,
    status: str,
    inventory_out: Path | None,
    number: int | None,
    script: Path | None,
    seed: int | None,
    metrics: tuple[str, ...],
    monitors: tuple[str, ...],
    traffic: str,
) -> ExitCode:
    """Serve two simulated regions on loopback ports.

    Says what to type in another terminal when both listen, and serves until Ctrl-C or SIGTERM. To a program that
    reads its stdout it prints one line of JSON instead: the URLs, uuids and made-up keys of both orgs, and the inventory
    that was written; with --pairs, the URLs and how many pairs there are. Each pair then has what --faults says, and
    faults of its own drawn from --seed.

    For http probes, each URL also has /health and /api/v2/components.json, a status page.
    """
    import asyncio

    from orchestrator.model.org import Wire
    from orchestrator.model.status import Both
    from orchestrator.operations.preflight import status_named
    from orchestrator.simulator import (
        ManySimulations,
        Simulation,
        SimulatorConfig,
        inventory_place,
        many_configs,
        serve,
    )

    from .signals import listening
    from .simulator_flags import faults_from, metrics_of, mirror_of, monitors_of, traffic_of

    start = status_named(status)
    where, lag = traffic_of(traffic)
    config = SimulatorConfig(
        wire=Wire(wire),
        mirror=mirror_of(mirror),
        status=Both(start, start),
        traffic=where,
        traffic_lag=lag,
        metrics=metrics_of(metrics),
        monitors=monitors_of(monitors),
        ports=Both(primary_port, secondary_port),
    )
    scripted = faults_from(script, None)

    def drawn(place: int) -> tuple[Fault, ...]:
        return () if seed is None else faults_from(None, seed + place)

    pair = config.pair if number is None else many_configs(config, 1)[0].pair
    inventory = (inventory_place(Path()) if inventory_out is None else inventory_out).absolute()
    console = invocation.console

    def announce(ready: str) -> None:
        if console.out.is_terminal:
            console.out.page(_what_to_type(pair, inventory, 1 if number is None else number))
        else:
            console.out.text(f"{ready}\n")

    async def serve_until_stopped() -> None:
        stop = asyncio.Event()
        served = (
            Simulation(config, faults=(*scripted, *drawn(0)))
            if number is None
            else ManySimulations(
                many_configs(config, number),
                faults=lambda place: (*scripted, *drawn(place)),
            )
        )
        with listening(lambda _code: stop.set()):
            await serve(served, inventory_out=inventory, announce=announce, stop=stop)

    asyncio.run(serve_until_stopped())
    return ExitCode.DONE


def _what_to_type(pair: str, inventory: Path, number: int) -> Page:
    """That both listen, and what to type in another terminal.

    The journal is a new one: these orgs begin anew, and a journal that saw others of the same names calls them outdated.
    """
    from orchestrator.model import next_step
    from orchestrator.model.status import Status
    from orchestrator.report.layout import next_commands, paragraph

    folder = inventory.parent
    usual = inventory.name == "pairs.yaml" and not os.environ.get("HAMR_PAIRS")
    pairs = () if usual else ("--pairs", inventory.name)
    # What another simulator left behind is no history of these regions.
    told = f"Pair {pair} stands" if number == 1 else f"{number:,} pairs, from {pair} on, stand"
    name = pair if number == 1 else "fleet"
    journal = f"{name}-{datetime.now(UTC):%H%M%S}.db" if (folder / f"{name}.db").exists() else f"{name}.db"
    steps: tuple[NextStep, ...] = (next_step.status(pair), next_step.run(pair, Status.ACTIVE))
    if number > 1:
        steps = (next_step.fleet_status("--all"), next_step.fleet_plan("--all", goal=Status.ACTIVE))
    return (
        *paragraph(
            f"Two simulated regions listen until Ctrl-C. {told} in {inventory}, made-up keys beside it. In another terminal:"
        ),
        *next_commands(
            (
                *([] if folder == Path().absolute() else [next_step.shell(f"cd {quote(str(folder))}")]),
                next_step.shell(f"export HAMR_JOURNAL={journal}"),
                *(step.with_options(*pairs) for step in steps),
            )
        ),
    )
