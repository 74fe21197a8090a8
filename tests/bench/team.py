"""A team's journal: 16 processes that append at once, and 64 runs in one process, against the floor of one fsync."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.journal import JournalStore
from orchestrator.journal.address import Address, parse_address
from orchestrator.journal.postgres import lay_out_team
from orchestrator.model.journal import Entry, Verified
from tests.postgres import cluster, programs

from .figures import figure
from .journal import synced_write

PROCESSES = 16
RUNS = 64
APPENDS = 50
BYTES = 700
"""About what a record takes."""


def team(folder: Path) -> None:
    """Appends to a team's journal; where there is no PostgreSQL, that is said in their place."""
    if programs() is None:
        print("a team's journal: skipped, there is no PostgreSQL here")
        return
    floor = synced_write(folder, BYTES)
    with cluster(durable=True) as server:
        address = parse_address(server.new_database(), "--journal")
        lay_out_team(address)
        one = _spans(address, APPENDS)
        figure(
            "append to a team's journal / one fsync",
            f"{1000 * statistics.median(one):.1f} ms against {1000 * floor:.1f} ms",
            statistics.median(one) / floor,
        )
        began = time.monotonic()
        writers = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.bench.team", address.conninfo],
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(PROCESSES)
        ]
        spans = sorted(float(line) for writer in writers for line in writer.communicate()[0].split())
        seconds = time.monotonic() - began
        assert len(spans) == PROCESSES * APPENDS
        p99 = spans[len(spans) * 99 // 100]
        figure(
            f"{PROCESSES} processes appending, p99 / one fsync",
            f"{1000 * p99:.0f} ms against {1000 * floor:.1f} ms ({len(spans) / seconds:.0f}/s in all)",
            p99 / floor,
        )
        began = time.monotonic()
        with ThreadPoolExecutor(RUNS) as pool:
            list(pool.map(lambda _: _spans(address, APPENDS), range(RUNS)))
        each = (time.monotonic() - began) / (RUNS * APPENDS)
        figure(
            f"{RUNS} runs in one process, one record / one fsync",
            f"{1 / each:,.0f}/s against {1 / floor:,.0f}/s",
            each / floor,
        )
        with JournalStore.open(address, create=False, now=_now) as store:
            assert isinstance(store.verify(), Verified)


def _now() -> datetime:
    return datetime.now(UTC)


def _spans(address: Address, appends: int) -> list[float]:
    """The seconds of so many appends, one after the other."""
    entry = Entry(
        "20261122-031502-k3f9", "payments", "guard.judged", "alice", "laptop", {"reason": "x" * 300}
    )
    spans = []
    with JournalStore.open(address, now=_now, patience=60.0) as store:
        for _ in range(appends):
            began = time.monotonic()
            store.append(entry)
            spans.append(time.monotonic() - began)
    return spans


if __name__ == "__main__":
    for span in _spans(parse_address(sys.argv[1], "--journal"), APPENDS):
        print(span)
