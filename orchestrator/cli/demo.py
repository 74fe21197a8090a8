"""`hamr demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .front import Front

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the inventory and the journal are left. [default: a new folder for temporary files]",
)
@click.pass_obj
def demo(front: Front, folder: Path | None) -> ExitCode:
    """The whole cycle on the built-in simulator, one lost answer included.

    Starts two simulated regions on free loopback ports, shows where the pair stands and what a run would do, fails it
    over to ACTIVE, brings it home to PASSIVE, and verifies the journal. Takes about ten seconds and needs no keys.
    """
    import tempfile

    from orchestrator.drill.demo import demonstrate
    from orchestrator.operations.active_run import RunControl
    from orchestrator.system.clock import SystemClock

    from .progress import Progress
    from .signals import supervised

    place = Path(tempfile.mkdtemp(prefix="hamr-demo-")) if folder is None else folder.absolute()
    controls, out, clock = RunControl(), front.console.out, SystemClock()
    return supervised(
        demonstrate(place, out.page, lambda pair: Progress(out, pair, clock.monotonic), controls),
        front.console,
        controls,
    )
