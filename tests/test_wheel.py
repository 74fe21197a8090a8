"""The wheel stands by itself: installed without the checkout, `hamr init` and `hamr demo` find the playbooks."""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path

import pytest

from tests.processes import python

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    python("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (wheel,) = folder.glob("hamr_orchestrator-*.whl")
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def hamr(installed: Path, cwd: Path, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HAMR_")}
    return python("-m", "orchestrator", *words, cwd=cwd, env={**environment, "PYTHONPATH": str(installed)})


def test_the_wheel_carries_playbooks_types_and_licence(installed: Path) -> None:
    assert (installed / "orchestrator/shipped/regional-failover.yaml").is_file()
    assert (installed / "orchestrator/shipped/onboarding.yaml").is_file()
    assert (installed / "orchestrator/shipped/scenarios/happy-way.yaml").is_file()
    assert (installed / "orchestrator/py.typed").is_file()
    (scripts,) = installed.glob("hamr_orchestrator-*.dist-info/entry_points.txt")
    assert "hamr = orchestrator.cli:main\n" in scripts.read_text()
    assert list(installed.glob("hamr_orchestrator-*.dist-info/licenses/LICENSE"))
    assert not (installed / "tests").exists()


def test_init_writes_a_start_that_checks_clean(installed: Path, tmp_path: Path) -> None:
    asks, env = (
        "import orchestrator; print(orchestrator.__file__)",
        {**os.environ, "PYTHONPATH": str(installed)},
    )
    place = python("-c", asks, cwd=tmp_path, env=env)
    assert place.startswith(str(installed)), "this test would look at the checkout"
    hamr(installed, tmp_path, "init", "drill")
    hamr(installed, tmp_path / "drill", "check")


@pytest.mark.nightly
def test_the_demo_runs_and_its_run_is_reported_as_a_page(installed: Path, tmp_path: Path) -> None:
    shown = hamr(installed, tmp_path, "demo", "--folder", str(tmp_path / "demo"))
    assert "pair sim stands at ACTIVE, on both orgs" in shown
    assert "pair sim stands at PASSIVE, on both orgs" in shown
    assert "gave no answer" in shown
    assert re.search(r"The chain holds: \d+ records in \S+/journal\.db\.\nhead \d+:[0-9a-f]{64}\n", shown), (
        "as the verb says it"
    )
    assert {"pairs.yaml", "journal.db"} <= {path.name for path in (tmp_path / "demo").iterdir()}
    assert (installed / "orchestrator/report/templates/page.html.j2").is_file()
    journal = str(tmp_path / "demo" / "journal.db")
    run = json.loads(hamr(installed, tmp_path, "runs", "--journal", journal, "--json"))["runs"][0]["run"]
    page = hamr(installed, tmp_path, "report", run, "--journal", journal, "--html", "-")
    assert page.startswith("<!doctype html>")
    assert "sim: ACTIVE → PASSIVE" in page


def test_a_shipped_scenario_is_played_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    journal = str(tmp_path / "journal.db")
    shown = hamr(
        installed, tmp_path, "drill", "run", "--scenario", "happy-way", "--json", "--journal", journal
    )
    assert json.loads(shown)["passed"] is True
