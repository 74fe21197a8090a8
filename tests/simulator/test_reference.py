"""docs/reference/simulator.md names every setting, fault and endpoint that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from orchestrator.simulator import FaultKind, SimulatorConfig
from orchestrator.simulator.endpoints import ENDPOINTS

_PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "simulator.md").read_text(encoding="utf-8")


def _first_column(heading: str) -> list[str]:
    section = _PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)`", section, flags=re.MULTILINE)


def test_every_setting_is_documented() -> None:
    assert _first_column("Settings: `SimulatorConfig`") == list(SimulatorConfig.__struct_fields__)


def test_every_fault_is_documented_with_its_fields() -> None:
    real = {
        f"{kind.__name__}({', '.join(name for name in kind.__struct_fields__)})"
        for kind in get_args(FaultKind)
    }
    assert set(_first_column("Faults")) == real


def test_every_endpoint_is_documented() -> None:
    real = {f"{method} {path}" for path, endpoint in ENDPOINTS.items() for method in endpoint.methods}
    assert set(_first_column("What it answers")) == real
