"""Two simulated regions in a process of their own, with a round-trip time of 50 ms each."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from orchestrator.model.status import Both, Status
from orchestrator.simulator import Simulation, SimulatorConfig, serve

ROUND_TRIP = 0.05
"""Seconds, injected into every request of both regions."""


class Served(Struct, frozen=True):
    """Where the regions are, and their keys."""

    inventory: Path
    ready: dict[str, dict[str, str]]


@contextmanager
def regions(folder: Path, status: Status = Status.PASSIVE) -> Iterator[Served]:
    """Serve two separate regions until the block ends; the inventory says `mirrors: false`."""
    folder.mkdir(parents=True, exist_ok=True)
    inventory = folder / "pairs.yaml"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.regions", str(inventory), status.name],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        inventory.write_text(inventory.read_text().replace("mirrors: auto", "mirrors: false"))
        yield Served(inventory, ready)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def main() -> None:
    inventory, status = Path(sys.argv[1]), Status[sys.argv[2]]
    config = SimulatorConfig(latency=Both(ROUND_TRIP, ROUND_TRIP), status=Both(status, status))
    asyncio.run(
        serve(
            Simulation(config),
            inventory_out=inventory,
            announce=lambda line: print(line, flush=True),
            stop=asyncio.Event(),
        )
    )


if __name__ == "__main__":
    main()
