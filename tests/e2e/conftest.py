"""Two regions that answer slowly, and alice, who has laid out the journal of her team."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.model.status import Both
from orchestrator.simulator import SimulatorConfig
from tests.cli.lab import Lab, laboratory

from .machines import Machine


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Lab]:
    with laboratory(tmp_path, SimulatorConfig(latency=Both(0.05, 0.05))) as found:
        yield found


@pytest.fixture
def alice(served: Lab, url: str) -> Machine:
    machine = Machine("alice", served, url)
    code, text = machine.type("journal", "init", url)
    assert code == 0, text
    return machine
