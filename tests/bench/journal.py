"""The journal: durable appends, verification, and memory."""

from __future__ import annotations

import hashlib
import io
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.journal import JournalStore, export
from orchestrator.model.journal import Entry, Verified
from orchestrator.model.plain import JSON

from .figures import figure

RECORDS = 20_000
GATHERED = 6
"""About what a run tells between two intents."""


def journal(folder: Path) -> None:
    """Durable appends, verification, and memory."""
    data: dict[str, JSON] = {
        "transition": "declare",
        "verdicts": [{"guard": "linked", "outcome": "PASS", "reason": "both name each other"}] * 3,
    }
    entry = Entry("20261122-031502-k3f9", "payments", "guard.judged", "alice", "laptop", data)
    durable = JournalStore.open(folder / "durable.db", now=lambda: datetime.now(UTC))
    spans: list[float] = []
    for _ in range(500):
        began = time.monotonic()
        durable.append(entry)
        spans.append(time.monotonic() - began)
    gathered: list[float] = []
    for _ in range(100):
        began = time.monotonic()
        durable.append_all([entry] * GATHERED)
        gathered.append(time.monotonic() - began)
    written = io.BytesIO()
    count = export(durable, written)
    size = len(written.getvalue()) // count
    durable.close()
    synced = synced_write(folder, size)
    append = statistics.median(spans)
    figure(
        "durable append / writing and syncing the same bytes",
        f"{1 / append:,.0f}/s against {1 / synced:,.0f}/s",
        append / synced,
    )
    together = statistics.median(gathered)
    figure(
        f"{GATHERED} records in one transaction / one by one",
        f"{1000 * together:.2f} ms against {1000 * GATHERED * append:.2f} ms",
        together / (GATHERED * append),
    )
    store = JournalStore.open(folder / "large.db", durable=False, now=lambda: datetime.now(UTC))
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
    figure(
        f"verify {RECORDS:,} records / plain SHA-256 over their bytes",
        f"{RECORDS / seconds:,.0f}/s against {RECORDS / plain:,.0f}/s",
        seconds / plain,
    )
    del exported, lines
    many = _peak(store.verify)
    small = JournalStore.open(folder / "small.db", durable=False, now=lambda: datetime.now(UTC))
    few_appended = _peak(lambda: _append(small, entry, RECORDS // 10))
    few = _peak(small.verify)
    figure(
        f"peak memory of appending {RECORDS:,} / {RECORDS // 10:,} records",
        f"{appended / 1024:.0f} KiB / {few_appended / 1024:.0f} KiB",
        appended / few_appended,
    )
    figure(
        f"peak memory of verifying {RECORDS:,} / {RECORDS // 10:,} records",
        f"{many / 1024:.0f} KiB / {few / 1024:.0f} KiB",
        many / few,
    )
    store.close()
    small.close()


def _append(store: JournalStore, entry: Entry, records: int) -> None:
    for _ in range(records):
        store.append(entry)


def synced_write(folder: Path, size: int) -> float:
    """The seconds of writing so many bytes and waiting until the disk has them."""
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
