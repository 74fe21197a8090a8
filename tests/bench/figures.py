"""How a figure is taken and printed, and what is measured on: a session on the simulated pair."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.config import load_inventory, load_playbook
from orchestrator.journal import JournalStore
from orchestrator.model.run import Operator
from orchestrator.model.status import Role
from orchestrator.operations.session import Session

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Of every command: compiled modules are kept, as they are wherever hamr is installed."""


def figure(name: str, figure: str, ratio: float, bound: float | None = None) -> None:
    """Print one line: what, measured, ratio, and the bound that it should keep."""
    kept = "" if bound is None else f"  (at most {bound:g}: {'kept' if ratio <= bound else 'MISSED'})"
    print(f"{name:<58} {figure:<28} {ratio:6.2f}{kept}", flush=True)


def against(name: str, seconds: float, other: float, bound: float | None = None) -> None:
    """Print the line of a time that is held against another one."""
    figure(name, f"{seconds:.3f} s / {other:.3f} s", seconds / other, bound)


def least(runs: int, act: Callable[[], float]) -> float:
    """The least of several measurements: what the machine can do when nothing disturbs it."""
    return min(act() for _ in range(runs))


def session(inventory: Path, folder: Path) -> Session:
    """A session on the simulated pair with a fresh journal."""
    store = JournalStore.open(folder / f"{time.monotonic_ns()}.db", now=lambda: datetime.now(UTC))
    return Session(
        load_inventory(inventory).pairs[0],
        load_playbook("regional-failover"),
        Operator("bench", "here"),
        store,
        os.environ,
    )


def round_trip(inventory: Path, folder: Path) -> float:
    """Seconds of one bare GET on a kept connection: the injected round trip, and what any client pays on top."""
    held = session(inventory, folder)

    async def measure() -> float:
        spans: list[float] = []
        async with held.world() as world:
            for _ in range(10):
                began = time.monotonic()
                await world.read(Role.PRIMARY)
                spans.append(time.monotonic() - began)
        return statistics.median(spans[1:])

    try:
        return asyncio.run(measure())
    finally:
        held.store.close()


def command(*argv: str) -> float:
    """Seconds of one command from start to end."""
    began = time.monotonic()
    subprocess.run(
        argv,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    return time.monotonic() - began


def hamr() -> str:
    """The installed command."""
    return str(Path(sys.executable).with_name("hamr"))
