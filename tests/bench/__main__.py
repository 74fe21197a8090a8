"""`make bench`: prints ratios. Real sockets, real files, real processes; the simulator runs in its own process."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.doctor import examine
from orchestrator.documents import load_inventory, load_playbook
from orchestrator.journal import SqliteStore, export
from orchestrator.model.journal import Entry, Verified
from orchestrator.model.plain import JSON
from orchestrator.model.readiness import Level
from orchestrator.model.run import End, Operator, RunRequest
from orchestrator.model.status import Role, Status
from orchestrator.plan import make_plan
from orchestrator.run import start
from orchestrator.session import Session

from .regions import ROUND_TRIP, regions

RECORDS = 20_000

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Of every command: compiled modules are kept, as they are wherever hamr is installed."""


def row(name: str, figure: str, ratio: float, bound: float | None = None) -> None:
    """Print one line: what, measured, ratio, and the bound that it should keep."""
    kept = "" if bound is None else f"  (at most {bound:g}: {'kept' if ratio <= bound else 'MISSED'})"
    print(f"{name:<58} {figure:<28} {ratio:6.2f}{kept}", flush=True)


def least(runs: int, act: Callable[[], float]) -> float:
    """The least of several measurements: what the machine can do when nothing disturbs it."""
    return min(act() for _ in range(runs))


def session(inventory: Path, folder: Path) -> Session:
    """A session on the simulated pair with a fresh journal."""
    store = SqliteStore.open(folder / f"{time.monotonic_ns()}.db", now=lambda: datetime.now(UTC))
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


def run_seconds(folder: Path, begin: Status, rows: int) -> None:
    """A run of N rows with two writes each, against its floor of 1 + 4N round trips, injected and as measured."""
    trips = 1 + 4 * rows
    measured: list[tuple[float, float]] = []
    for _ in range(5):
        with regions(folder / f"run{rows}", begin) as served:
            trip = round_trip(served.inventory, folder)
            held = session(served.inventory, folder)
            began = time.monotonic()
            result = asyncio.run(start(held, RunRequest("sim", Status.ACTIVE)))
            seconds = time.monotonic() - began
            held.store.close()
            assert result.ending.end is End.DONE, result
            assert len(result.steps) == rows
            measured.append((seconds, trip))
    seconds, trip = min(measured)
    floor = trips * ROUND_TRIP
    row(
        f"run of {rows} rows / {trips} injected round trips",
        f"{seconds:.3f} s / {floor:.3f} s",
        seconds / floor,
        1.15,
    )
    floor = trips * trip
    row(
        f"run of {rows} rows / {trips} round trips as measured",
        f"{seconds:.3f} s / {floor:.3f} s",
        seconds / floor,
    )


def plan_seconds(folder: Path) -> None:
    """A plan, against one round trip."""
    with regions(folder / "plan") as served:
        held = session(served.inventory, folder)

        def once() -> float:
            began = time.monotonic()
            asyncio.run(make_plan(held, RunRequest("sim", Status.ACTIVE)))
            return time.monotonic() - began

        seconds = least(5, once)
        held.store.close()
    row("plan / one round trip", f"{seconds:.3f} s / {ROUND_TRIP:.3f} s", seconds / ROUND_TRIP, 1.5)


def doctor_seconds(folder: Path) -> None:
    """A doctor's visit to a healthy pair, against the slowest of its answers: all are asked for at the same time."""
    with regions(folder / "doctor") as served:
        held = session(served.inventory, folder)

        def once() -> tuple[float, float]:
            began = time.monotonic()
            (found,) = asyncio.run(examine([held]))
            seconds = time.monotonic() - began
            assert found.level is Level.OK, found
            return seconds, max(took for took in found.round_trips if took is not None)

        seconds, slowest = min(once() for _ in range(5))
        held.store.close()
    row(
        "doctor beside start-up / one injected round trip",
        f"{seconds:.3f} s / {ROUND_TRIP:.3f} s",
        seconds / ROUND_TRIP,
        1.5,
    )
    row(
        "doctor beside start-up / its slowest answer as measured",
        f"{seconds:.3f} s / {slowest:.3f} s",
        seconds / slowest,
        1.5,
    )


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
    row(
        "hamr run / plain script on the official client",
        f"{min(ours):.3f} s / {min(theirs):.3f} s",
        ratio,
        1.0,
    )


def start_up(folder: Path) -> None:
    """Start-up times, the least of ten fresh processes."""
    bare = least(10, lambda: command(sys.executable, "-c", "pass"))
    help_seconds = least(10, lambda: command(hamr(), "--help"))
    row(
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
    row(
        "hamr status (one round trip taken off) / import httpx",
        f"{(status - ROUND_TRIP) * 1000:.0f} ms / {client * 1000:.0f} ms",
        (status - ROUND_TRIP) / client,
    )


def hamr() -> str:
    """The installed command."""
    return str(Path(sys.executable).with_name("hamr"))


def journal(folder: Path) -> None:
    """Durable appends, verification, and memory."""
    data: dict[str, JSON] = {
        "row": "declare",
        "verdicts": [{"guard": "linked", "outcome": "PASS", "reason": "both name each other"}] * 3,
    }
    entry = Entry("20261122-031502-k3f9", "payments", "guard.judged", "alice", "laptop", data)
    durable = SqliteStore.open(folder / "durable.db", now=lambda: datetime.now(UTC))
    spans: list[float] = []
    for _ in range(500):
        began = time.monotonic()
        durable.append(entry)
        spans.append(time.monotonic() - began)
    written = io.BytesIO()
    count = export(durable, written)
    size = len(written.getvalue()) // count
    durable.close()
    synced = _synced_writes(folder, size)
    append = statistics.median(spans)
    row(
        "durable append / writing and syncing the same bytes",
        f"{1 / append:,.0f}/s against {1 / synced:,.0f}/s",
        append / synced,
    )
    store = SqliteStore.open(folder / "large.db", durable=False, now=lambda: datetime.now(UTC))
    appended = _peak(lambda: _append(store, entry, RECORDS))
    began = time.monotonic()
    verified = store.verify()
    seconds = time.monotonic() - began
    assert isinstance(verified, Verified)
    exported = io.BytesIO()
    export(store, exported)
    lines = exported.getvalue().splitlines()
    began = time.monotonic()
    for piece in lines:
        hashlib.sha256(piece).hexdigest()
    plain = time.monotonic() - began
    row(
        f"verify {RECORDS:,} records / plain SHA-256 over their bytes",
        f"{RECORDS / seconds:,.0f}/s against {RECORDS / plain:,.0f}/s",
        seconds / plain,
    )
    del exported, lines
    many = _peak(store.verify)
    small = SqliteStore.open(folder / "small.db", durable=False, now=lambda: datetime.now(UTC))
    few_appended = _peak(lambda: _append(small, entry, RECORDS // 10))
    few = _peak(small.verify)
    row(
        f"peak memory of appending {RECORDS:,} / {RECORDS // 10:,} records",
        f"{appended / 1024:.0f} KiB / {few_appended / 1024:.0f} KiB",
        appended / few_appended,
    )
    row(
        f"peak memory of verifying {RECORDS:,} / {RECORDS // 10:,} records",
        f"{many / 1024:.0f} KiB / {few / 1024:.0f} KiB",
        many / few,
    )
    store.close()
    small.close()


def _append(store: SqliteStore, entry: Entry, records: int) -> None:
    for _ in range(records):
        store.append(entry)


def _synced_writes(folder: Path, size: int) -> float:
    spans: list[float] = []
    with (folder / "plain").open("wb") as file:
        for _ in range(200):
            began = time.monotonic()
            file.write(b"x" * size)
            file.flush()
            os.fsync(file.fileno())
            spans.append(time.monotonic() - began)
    return statistics.median(spans)


def _peak(act: Callable[[], object]) -> int:
    tracemalloc.start()
    act()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main() -> None:
    """Measure everything, and print it."""
    print(f"{'what':<58} {'measured':<28}  ratio")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ENVIRONMENT["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        run_seconds(folder, Status.PASSIVE, 2)
        run_seconds(folder, Status.ONBOARDING, 3)
        plan_seconds(folder)
        doctor_seconds(folder)
        journal(folder)
        against_a_script(folder)
        start_up(folder)


if __name__ == "__main__":
    main()
