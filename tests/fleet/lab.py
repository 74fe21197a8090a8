"""Several simulated pairs in a thread of their own, each with two regions, and a command line that is pointed at them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from click.testing import Result
from msgspec import Struct, field

from orchestrator.fleet.crew import read_fleet
from orchestrator.journal import JournalStore
from orchestrator.model.fleet import FleetView
from orchestrator.model.journal import Record
from orchestrator.model.status import Both, Status
from orchestrator.simulator import (
    Simulation,
    SimulatorConfig,
    inventory_text,
    simulated_orgs,
    write_inventory,
)
from tests import processes
from tests.cli.lab import PLAYBOOK, Lab, furnished, served

T = TypeVar("T")

LABELS: Mapping[str, str] = {"pay-1": "tier: gold", "pay-2": "tier: gold", "web-1": "tier: silver"}


class FleetLab(Struct):
    """A folder with one inventory, one playbook and one journal, and the pairs behind it."""

    folder: Path
    sims: dict[str, Simulation]
    loop: asyncio.AbstractEventLoop
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *args: str, code: int | None = None, env: Mapping[str, str] | None = None) -> Result:
        """One command line, in this process; `code` is the exit code that is wanted."""
        return self.of("pay-1").run(*args, code=code, env=env)

    def json(self, *args: str, code: int = 0) -> Any:
        """What --json prints, which is all that stands on stdout."""
        return self.of("pay-1").json(*args, code=code)

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """One command line, in a process of its own."""
        return processes.hamr(args, env={**os.environ, **self.env}, cwd=self.folder, text=True, **options)

    def of(self, pair: str) -> Lab:
        """One of the pairs."""
        return Lab(self.folder, self.sims[pair], self.loop, self.env)

    def writes(self) -> dict[str, int]:
        """How many POSTs of a HAMR record each pair has seen."""
        return {pair: self.of(pair).writes() for pair in self.sims}

    def statuses(self) -> dict[str, tuple[Status | None, Status | None]]:
        """What both orgs of each pair really show."""
        return {pair: self.of(pair).statuses() for pair in self.sims}

    @property
    def store(self) -> JournalStore:
        return JournalStore.open(self.folder / "journal.db", create=False, now=lambda: datetime.now(UTC))

    def records(self, *kinds: str) -> list[Record]:
        """The journal's records of these kinds."""
        with self.store as store:
            return [*store.records(kinds=kinds)] if store.exists else []

    def fleet(self, fleet: str = "") -> FleetView:
        """A fleet as the journal has it; the newest, where none is named."""
        with self.store as store:
            found = fleet or [*store.records(pair="", kinds=("fleet.started",))][-1].run
            view = read_fleet(store, found)
            assert view is not None
            return view

    def wait_for(self, wanted: Callable[[], bool], within: float = 20.0) -> None:
        """Look until it is so."""
        end = time.monotonic() + within
        while not wanted():
            assert time.monotonic() < end, "it never was so"
            time.sleep(0.02)


def inventory(sims: Mapping[str, Simulation], folder: Path, labels: Mapping[str, str] = LABELS) -> str:
    """The text of an inventory that names them all, each pair's keys in a folder of its own."""
    lines = ["schema: 1", "pairs:"]
    for name, sim in sims.items():
        write_inventory(sim, folder / f"{name}.yaml")
        pair = inventory_text(sim, keys=f"{name}-keys").split("pairs:\n", 1)[1]
        lines.append(pair.rstrip().replace("mirrors: auto", "mirrors: false"))
        lines += [f"    labels: {{{labels[name]}}}"] if name in labels else []
    return "\n".join([*lines, ""])


@contextmanager
def laboratory(
    folder: Path, names: Sequence[str], latency: float = 0.0, playbook: str = PLAYBOOK
) -> Iterator[FleetLab]:
    """These pairs, all PASSIVE, which serve until the block ends."""
    sims = {
        name: Simulation(
            SimulatorConfig(pair=name, orgs=simulated_orgs(number), latency=Both(latency, latency))
        )
        for number, name in enumerate(names, 1)
    }
    with served(*sims.values()) as loop:
        yield FleetLab(folder, sims, loop, furnished(folder, inventory(sims, folder), playbook))


def main() -> None:
    """`python -m tests.fleet.lab FOLDER NAME…`: serve them until stdin ends, for trying things by hand."""
    folder, *names = sys.argv[1:]
    with laboratory(Path(folder), names) as lab:
        sys.stdout.write("".join(f"export {name}={value}\n" for name, value in lab.env.items() if value))
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
