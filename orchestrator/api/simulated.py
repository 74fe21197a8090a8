"""Two simulated regions behind an inventory, served from a thread of their own: for tests, examples and rehearsals."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import (
    HAMR_PATH,
    Fault,
    LoggedRequest,
    Simulation,
    SimulatorConfig,
    write_inventory,
)

T = TypeVar("T")

_SECONDS = 10.0
"""How long a region may take to start, to stop, or to do what it is told."""


@contextmanager
def simulated_regions(
    folder: Path | str, config: SimulatorConfig | None = None
) -> Iterator[SimulatedRegions]:
    """Two regions on loopback ports, until the block ends, and an inventory of them. Nothing of it reaches Datadog.

    The pair may be drilled, and is declared as mirroring or not as it really is, so that no run has to find out.

    Args:
        folder: where pairs.yaml and the made-up keys are written; made where it is missing.
        config: what the regions are like; two separate, linked, PASSIVE orgs where None.

    Raises:
        HamrError: a port cannot be had, or the folder not be written.
    """
    simulation = Simulation(config)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="hamr-simulator", daemon=True)
    thread.start()

    def finish(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(_SECONDS)

    try:
        finish(simulation.__aenter__())
        try:
            yield SimulatedRegions(simulation, loop, _inventory(simulation, Path(folder)))
        finally:
            finish(simulation.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SECONDS)
        loop.close()


def _inventory(simulation: Simulation, folder: Path) -> Path:
    """The inventory, which says of the pair what is known of a simulated one."""
    pairs = folder / "pairs.yaml"
    write_inventory(simulation, pairs)
    mirrors = "false" if simulation.config.mirror is None else "true"
    text = pairs.read_text("utf-8").replace("mirrors: auto", f"mirrors: {mirrors}\n    drill: true")
    pairs.write_text(text, "utf-8")
    return pairs


class SimulatedRegions:
    """Two regions that serve. Every method may be called from any thread, event loops included."""

    def __init__(self, simulation: Simulation, loop: asyncio.AbstractEventLoop, pairs: Path) -> None:
        self._simulation = simulation
        self._loop = loop
        self.pairs = pairs
        """The inventory."""
        self.pair = simulation.config.pair
        """What the inventory calls the pair."""

    def __repr__(self) -> str:
        return f"SimulatedRegions({str(self.pairs)!r})"

    @property
    def statuses(self) -> Both[Status | None]:
        """What each org really shows; None for one without a record, or with a status that nobody knows."""
        return self._do(lambda: Both(self._status(Role.PRIMARY), self._status(Role.SECONDARY)))

    @property
    def requests(self) -> tuple[LoggedRequest, ...]:
        """Every request that has reached a region, in order."""
        return self._do(lambda: self._simulation.requests)

    @property
    def writes(self) -> tuple[LoggedRequest, ...]:
        """Those that wanted to write a record."""
        return tuple(
            request for request in self.requests if request.method == "POST" and request.path == HAMR_PATH
        )

    def add_fault(self, *faults: Fault) -> None:
        """Let something go wrong from now on."""
        for fault in faults:
            self._do(lambda fault=fault: self._simulation.faults.add(fault))  # type: ignore[misc]

    def set_dark(self, role: Role, dark: bool = True) -> None:
        """Take a region off the network, or bring it back."""
        self._do(lambda: self._simulation.set_dark(role, dark))

    def write_as_somebody_else(
        self, role: Role, status: Status, who: str = "someone.else@example.com"
    ) -> None:
        """Somebody else changes an org's status, behind hamr's back."""
        self._do(lambda: self._simulation.foreign_write(role, status, who))

    def _status(self, role: Role) -> Status | None:
        record = self._simulation.record(role)
        return None if record is None else Status.of(record.status)

    def _do(self, act: Callable[[], T]) -> T:
        """Do something in the regions' own thread."""

        async def acting() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(acting(), self._loop).result(_SECONDS)
