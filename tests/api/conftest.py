"""Two simulated regions, a quick playbook, and a pair of the API on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import orchestrator
from orchestrator import OpenPair, SimulatedRegions
from tests.cli.lab import PLAYBOOK


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of whoever runs the tests shows, and a relative path is a file of this test."""
    for name in ("PAIRS", "PLAYBOOK", "JOURNAL", "OPERATOR"):
        monkeypatch.delenv(f"HAMR_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def regions(tmp_path: Path) -> Iterator[SimulatedRegions]:
    with orchestrator.simulated_regions(tmp_path) as found:
        yield found


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    path = tmp_path / "quick.yaml"
    path.write_text(PLAYBOOK)
    return path


@pytest.fixture
def pair(regions: SimulatedRegions, playbook: Path, tmp_path: Path) -> OpenPair:
    return orchestrator.open_pair(
        "sim",
        pairs=regions.pairs,
        playbook=playbook,
        journal=tmp_path / "journal.db",
        operator="alice@laptop",
    )
