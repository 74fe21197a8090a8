"""Whole commands: against a plain script, and their start-up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .figures import command, figure, hamr, least
from .regions import ROUND_TRIP, regions


def against_a_script(folder: Path) -> None:
    """The command `hamr run`, against a plain script on Datadog's official client."""
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(3):
        with regions(folder / f"ours{number}") as served:
            ours.append(
                command(hamr(), "run", "sim", "--to", "ACTIVE", "--yes", "--pairs", str(served.inventory),
                        "--journal", str(folder / f"ours{number}.db"))
            )  # fmt: skip
        with regions(folder / f"theirs{number}") as served:
            theirs.append(
                command(sys.executable, "-m", "tests.bench.official_script", json.dumps(served.ready))
            )
    ratio = min(ours) / min(theirs)
    figure(
        "hamr run / plain script on the official client",
        f"{min(ours):.3f} s / {min(theirs):.3f} s",
        ratio,
        0.92,
    )


def start_up(folder: Path) -> None:
    """Start-up times, the least of ten fresh processes."""
    bare = least(10, lambda: command(sys.executable, "-c", "pass"))
    help_seconds = least(10, lambda: command(hamr(), "--help"))
    figure(
        "hamr --help / a bare interpreter",
        f"{help_seconds * 1000:.0f} ms / {bare * 1000:.0f} ms",
        help_seconds / bare,
    )
    client = least(10, lambda: command(sys.executable, "-c", "import httpx"))
    with regions(folder / "status") as served:
        status = least(
            5,
            lambda: command(hamr(), "status", "sim", "--pairs", str(served.inventory),
                            "--journal", str(folder / "none.db")),
        )  # fmt: skip
    figure(
        "hamr status (one round trip taken off) / import httpx",
        f"{(status - ROUND_TRIP) * 1000:.0f} ms / {client * 1000:.0f} ms",
        (status - ROUND_TRIP) / client,
    )
