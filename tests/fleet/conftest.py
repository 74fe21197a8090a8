"""A laboratory of a few pairs for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.system import log

from .lab import FleetLab, laboratory

NAMES = ("pay-1", "pay-2", "web-1", "web-2", "db-1")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetLab]:
    monkeypatch.chdir(tmp_path)
    with laboratory(tmp_path, NAMES) as found:
        yield found
    log.configure()  # the commands sent the log to streams that are closed now


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetLab]:
    """The same, where every answer takes a while: there is time to interfere."""
    monkeypatch.chdir(tmp_path)
    with laboratory(tmp_path, NAMES, latency=0.1) as found:
        yield found
    log.configure()
