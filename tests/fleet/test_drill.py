"""Drills of many pairs: on the simulator with as many made-up ones; live, one after the other, where each may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.model.events import RunStarted

from .lab import FleetLab
from .test_run import PASSIVE


@pytest.fixture
def apart(lab: FleetLab, tmp_path: Path) -> FleetLab:
    """The same with a journal in its usual place, beside which drills have theirs."""
    del lab.env["HAMR_JOURNAL"]
    lab.env["XDG_STATE_HOME"] = str(tmp_path / "state")
    return lab


def test_as_many_made_up_pairs_go_out_and_home_in_waves(apart: FleetLab) -> None:
    found = apart.json("fleet", "drill", "pay-*", "web-1", "--waves", "1,rest")
    assert (found["passed"], found["exit_code"], found["simulated"]) == (True, 0, True)
    assert [each["name"] for each in found["expectations"]] == [
        "out: every pair arrives at ACTIVE",
        "home: every pair arrives at PASSIVE",
        "always: the journal verifies",
    ]
    assert {each["held"] for each in found["expectations"]} == {True}
    assert sum(apart.writes().values()) == 0, "none of the real pairs was touched"
    out = found["legs"][0]["run"]
    report = apart.json("fleet", "report", out)
    assert [len(wave) for wave in report["waves"]] == [1, 2]
    assert {each["stands"] for each in report["pairs"]} == {"agreed(ACTIVE)"}
    assert all(each["pair"].startswith("sim-") for each in report["pairs"])
    (ready,) = apart.json("readiness", "pay-1")["pairs"]
    assert ready["there_and_back"]["simulated"]["drill"] == found["drill"]
    assert "3 made-up pairs" in apart.run("report", found["drill"], code=0).stdout


def test_a_playbook_that_does_not_bring_them_home_misses(apart: FleetLab) -> None:
    book = apart.folder / "quick.yaml"
    book.write_text(
        book.read_text().replace("to: RECOVERY, writes:", "to: RECOVERY, guards: [settled], writes:")
    )
    found = apart.json("fleet", "drill", "pay-1", code=11)
    missed = [each["name"] for each in found["expectations"] if not each["held"]]
    assert missed == ["home: every pair arrives at PASSIVE"]


def test_live_is_refused_where_one_of_them_may_not_be_drilled(lab: FleetLab) -> None:
    result = lab.run("fleet", "drill", "pay-*", "--live", "--yes", code=3)
    assert "2 pairs may not be drilled live" in result.stderr
    assert "Next\n  hamr fleet drill 'pay-*' --yes\n" in result.stderr
    assert sum(lab.writes().values()) == 0


def test_live_each_goes_out_and_home_and_one_that_cannot_stops_no_other(lab: FleetLab) -> None:
    pairs = lab.folder / "pairs.yaml"
    pairs.write_text(
        pairs.read_text().replace("    mirrors: false\n", "    mirrors: false\n    drill: true\n")
    )
    lab.run("run", "pay-1", "--to", "ACTIVE", "--yes", code=0)
    lab.of("pay-2").do(
        lambda: lab.sims["pay-2"].set_dark(next(iter(lab.sims["pay-2"].config.orgs)).role, True)
    )
    found = lab.json("fleet", "drill", "pay-2", "web-1", "--live", "--yes", code=3)
    assert [(each["pair"], each["passed"], each["closed"]) for each in found["drills"]] == [
        ("web-1", True, True)
    ]
    assert [(each["pair"], each["exit_code"]) for each in found["failed"]] == [("pay-2", 3)]
    assert lab.statuses()["web-1"] == PASSIVE
    assert lab.writes()["web-1"] == 8
    assert all(each.data["drill"] for each in lab.records(RunStarted.kind) if each.pair == "web-1")
