"""`hamr simulate`."""

from __future__ import annotations

from typing import Any

import click

from . import options
from .invocation import Invocation

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
@options.path(
    "--inventory-out",
    "The inventory that is written, with its keys in a folder beside it. [default: pairs.yaml; sim-pairs.yaml "
    "where that is somebody's own, or another simulator's that still serves it]",
)
@click.option(
    "--pairs",
    "number",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Serve so many pairs, sim-0001 and on, behind the same two ports. [default: one, sim]",
)
@options.path("--faults", "What goes wrong, and at which requests: a fault script.")
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
def simulate(invocation: Invocation, /, **flags: Any) -> None:
    """Serve two simulated regions on loopback ports.

    Says what to type in another terminal when both listen, and serves until Ctrl-C or SIGTERM. To a program that
    reads its stdout it prints one line of JSON instead: the URLs, uuids and made-up keys of both orgs, and the inventory
    that was written; with --pairs, the URLs and how many pairs there are. Each pair then has what --faults says, and
    faults of its own drawn from --seed.

    For http probes, each URL also has /health and /api/v2/components.json, a status page.
    """
    from .simulating import serve_regions

    serve_regions(invocation, **flags)
