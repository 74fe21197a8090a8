"""A fleet of ten, a hundred and a thousand pairs, eight of them at once: the time that a pair takes, and memory.

`python -m tests.bench.fleet PAIRS` moves so many simulated pairs, served by the same process, and prints what it took.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.config import load_inventory, load_playbook
from orchestrator.errors import ExitCode
from orchestrator.fleet.crew import Crew
from orchestrator.fleet.drive import Drive
from orchestrator.fleet.plan import plan_fleet, start_of
from orchestrator.journal import JournalStore
from orchestrator.model.events import Event
from orchestrator.model.org import Pair, Wave
from orchestrator.model.protocols import Watcher
from orchestrator.model.run import RunRequest
from orchestrator.model.status import Status
from orchestrator.operations.sources import Sources
from orchestrator.simulator import SimulatorConfig, write_inventory
from orchestrator.simulator.simulation import ManySimulations, many_configs
from orchestrator.system.log import configure
from orchestrator.system.redaction import Redactor

from .figures import ENVIRONMENT, figure

SIZES = (10, 100, 1_000)
AT_ONCE = 8
"""How many pairs are under way at the same time, as where nothing else is said."""
MOST = 1.5
"""How many times as long a pair of a thousand may take as one of ten."""


class Nobody:
    """Is told, and does nothing."""

    def tell(self, event: Event) -> None:
        """Nothing."""

    def of(self, pair: Pair) -> tuple[Watcher, ...]:
        """Nobody."""
        return ()


def fleet_speed() -> None:
    """The time a pair, and how memory grows."""
    found = {size: _measured(size) for size in SIZES}
    first = found[SIZES[0]][0] / SIZES[0]
    for size, (seconds, kib) in found.items():
        each = seconds / size
        measured = f"{each * 1000:.0f} ms a pair, {kib / 1024:.0f} MiB"
        last = size == SIZES[-1]
        figure(
            f"fleet of {size:,} pairs, {AT_ONCE} at once",
            measured,
            each / first,
            MOST if last else None,
        )
    (_, few), (_, some), (_, many) = (found[size] for size in SIZES)
    grown = (many - some) / (SIZES[2] - SIZES[1])
    figure(
        "memory of a pair more, simulator included",
        f"{grown:.0f} KiB",
        grown / max((some - few) / (SIZES[1] - SIZES[0]), 1),
    )


def _measured(pairs: int) -> tuple[float, float]:
    """Seconds and KiB at the most, of a process of its own."""
    command = [sys.executable, "-m", "tests.bench.fleet", str(pairs)]
    ran = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    seconds, kib = ran.stdout.split()
    return float(seconds), float(kib)


async def _moved(folder: Path, pairs: int) -> float:
    inventory = folder / "pairs.yaml"
    async with ManySimulations(many_configs(SimulatorConfig(), pairs)) as sims:
        write_inventory(sims, inventory)
        inventory.write_text(inventory.read_text().replace("mirrors: auto", "mirrors: false"))
        playbook = load_playbook("regional-failover")
        sources = Sources(pairs=str(inventory), operator="bench@here")
        prepared = {pair.name: sources.prepare(pair, playbook) for pair in load_inventory(inventory).pairs}
        with JournalStore.open(folder / "journal.db", now=lambda: datetime.now(UTC)) as store:
            crew = Crew(prepared, store, Redactor())
            request = RunRequest("", Status.ACTIVE)
            plan = await plan_fleet(crew, request, (Wave(),))
            began = time.monotonic()
            start = start_of(plan, request, crew, at_once=AT_ONCE, stop_after=None)
            view = await crew.begin(plan.fleet, start)
            code = await Drive(crew, view, Nobody()).run()
            assert code is ExitCode.DONE, [
                each.outcome for each in view.members.values() if not each.settled
            ][:3]
            return time.monotonic() - began


def main() -> None:
    configure()
    with tempfile.TemporaryDirectory() as name:
        seconds = asyncio.run(_moved(Path(name), int(sys.argv[1])))
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main()
