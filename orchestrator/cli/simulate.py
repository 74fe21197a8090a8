"""`hamr simulate`."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .front import Front

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode
    from orchestrator.simulator import Fault, SimulatorConfig

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
    default=Path("sim-pairs.yaml"),
    metavar="FILE",
    help="The inventory that is written, with its keys in a folder beside it. [default: sim-pairs.yaml]",
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
    front: Front,
    primary_port: int,
    secondary_port: int,
    wire: str,
    mirror: str,
    status: str,
    inventory_out: Path,
    script: Path | None,
    seed: int | None,
    metrics: tuple[str, ...],
    monitors: tuple[str, ...],
    traffic: str,
) -> ExitCode:
    """Serve two simulated regions on loopback ports.

    Prints one line of JSON when both listen: their URLs, uuids and made-up keys, and the inventory that was written.
    Serves until Ctrl-C or SIGTERM. In another terminal: hamr status sim --pairs sim-pairs.yaml

    For http probes, each URL also has /health and /api/v2/components.json, a status page.
    """
    from orchestrator.errors import ExitCode
    from orchestrator.model.org import Wire
    from orchestrator.model.status import Both
    from orchestrator.operations.preflight import status_named
    from orchestrator.simulator import SimulatorConfig

    from .telemetry_flags import metrics_of, monitors_of, traffic_of

    start = status_named(status)
    where, lag = traffic_of(traffic)
    config = SimulatorConfig(
        wire=Wire(wire),
        mirror=_mirror(mirror),
        status=Both(start, start),
        traffic=where,
        traffic_lag=lag,
        metrics=metrics_of(metrics),
        monitors=monitors_of(monitors),
        ports=Both(primary_port, secondary_port),
    )
    asyncio.run(_serve(front, config, inventory_out.absolute(), _faults(script, seed)))
    return ExitCode.DONE


def _mirror(text: str) -> float | None:
    """The seconds until a write shows on the other org, or None for never.

    Raises:
        UsageError: it is none of on, off and a number.
    """
    from orchestrator.errors import UsageError

    if text in ("on", "off"):
        return 0.0 if text == "on" else None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UsageError(f"--mirror {text[:40]!r}: on, off or a number of seconds is wanted.")
    return seconds


def _faults(script: Path | None, seed: int | None) -> tuple[Fault, ...]:
    """What goes wrong: as the script has it, and as the seed draws it.

    Raises:
        DocumentError: the file is no fault script.
    """
    from orchestrator.config.fault_scripts import load_fault_script
    from orchestrator.simulator import random_faults

    scripted = () if script is None else load_fault_script(script)
    return (*scripted, *(() if seed is None else random_faults(seed)))


async def _serve(front: Front, config: SimulatorConfig, inventory: Path, faults: tuple[Fault, ...]) -> None:
    from orchestrator.simulator import serve

    from .signals import listening

    stop = asyncio.Event()
    with listening(lambda _code: stop.set()):
        await serve(
            config,
            inventory_out=inventory,
            announce=lambda ready: front.console.out.text(f"{ready}\n"),
            stop=stop,
            faults=faults,
        )
