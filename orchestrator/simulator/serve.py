"""The simulator as a program of its own: it says where it is, in one line of JSON, and serves until it is told to stop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from orchestrator.model.status import Role

from .config import SimulatorConfig
from .faults import Fault
from .inventory import write_inventory
from .simulation import Simulation


def print_ready(sim: Simulation, inventory: Path) -> str:
    """One line of JSON that says how to reach both orgs. Their keys are made up, and open nothing but the simulator."""
    orgs = {role.value: sim.org(role) for role in Role}
    ready = {
        name: {"url": org.url, "org_uuid": org.org_uuid, "api_key": org.api_key, "app_key": org.app_key}
        for name, org in orgs.items()
    }
    return json.dumps({**ready, "inventory": str(inventory)})


async def serve(
    config: SimulatorConfig,
    *,
    inventory_out: Path,
    announce: Callable[[str], None],
    stop: asyncio.Event,
    faults: Iterable[Fault] = (),
) -> None:
    """Serve both regions until `stop` is set.

    Args:
        config: what they are like.
        inventory_out: where the inventory goes.
        announce: is given the line of `print_ready`, once, when both regions listen and the inventory is written.
        stop: set it to end.
        faults: what goes wrong.

    Raises:
        UsageError: a port is taken, or a file that the simulator did not write stands at `inventory_out`.
        PreparationError: the inventory cannot be written.
    """
    async with Simulation(config, faults=faults) as sim:
        write_inventory(sim, inventory_out)
        announce(print_ready(sim, inventory_out))
        await stop.wait()
