"""Drills on the simulator, without anything injected: what is left is their own time."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.config import load_playbook
from orchestrator.config.scenario import Scenario
from orchestrator.drill import DrillContext, rehearse
from orchestrator.journal import JournalStore
from orchestrator.model.run import Operator

from .figures import figure, least


def drill_seconds(folder: Path) -> None:
    """A whole drill on the simulator with nothing injected: out, home, laws, score and journal are its own time."""

    def once() -> float:
        place = folder / f"drill{time.monotonic_ns()}.db"
        with JournalStore.open(place, now=lambda: datetime.now(UTC)) as store:
            context = DrillContext(store, Operator("bench", "here"), os.environ)
            began = time.monotonic()
            result = asyncio.run(rehearse(context, Scenario(""), load_playbook("regional-failover")))
            seconds = time.monotonic() - began
        assert result.score.passed, result
        return seconds

    seconds = least(5, once)
    figure("drill on the simulator, its own time / one second", f"{seconds:.3f} s / 1 s", seconds, 0.5)
