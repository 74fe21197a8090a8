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
) -> ExitCode:
    """Serve two simulated regions on loopback ports.

    Prints one line of JSON when both listen: their URLs, uuids and made-up keys, and the inventory that was written.
    Serves until Ctrl-C or SIGTERM. In another terminal: hamr status sim --pairs sim-pairs.yaml
    """
    from orchestrator.errors import ExitCode
    from orchestrator.model.org import Wire
    from orchestrator.model.status import Both
    from orchestrator.preflight import status_named
    from orchestrator.simulator import SimulatorConfig

    start = status_named(status)
    config = SimulatorConfig(
        wire=Wire(wire),
        mirror=_mirror(mirror),
        status=Both(start, start),
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
    from orchestrator.documents.fault_scripts import load_fault_script
    from orchestrator.simulator import faults_of, random_faults

    scripted = () if script is None else faults_of(load_fault_script(script))
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
