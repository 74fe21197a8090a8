"""`hamr drill run` and `hamr drill close`, from the command line to the exit code."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from orchestrator.config import load_inventory, load_playbook
from orchestrator.journal import JournalStore
from orchestrator.model.events import DrillStarted
from orchestrator.model.run import Operator
from orchestrator.model.status import Role, Status
from orchestrator.operations.session import Session
from orchestrator.simulator import RECORD_PATH, AnswerLost, Fault
from tests.report.happened import STARTED

from .lab import Lab
from .terminal import ended

MISSES = """\
schema: 1
name: mine
steps:
  - run: {to: ACTIVE}
    expect: {exit: 3}
"""


def may_be_drilled(lab: Lab) -> None:
    """The inventory says that live drills may use the pair; and its playbook has no guard that a drill home would meet."""
    lab.edit("pairs.yaml", "    mirrors: false", "    mirrors: false\n    drill: true")
    text = (lab.folder / "quick.yaml").read_text().replace("guards: [settled], ", "")
    before, guards = text.split("guards:\n")
    (lab.folder / "quick.yaml").write_text(before + "transitions:" + guards.split("transitions:")[1])


def left_open(lab: Lab, *, simulated: bool) -> str:
    """A drill whose process died."""
    pair = load_inventory(lab.folder / "pairs.yaml").pairs[0]
    with JournalStore.open(lab.journal, now=lambda: datetime.now(UTC)) as store:
        session = Session(pair, load_playbook("regional-failover"), Operator("alice", "laptop"), store, {})
        session.append(
            "20260528-150000-abcd", DrillStarted(Status.ACTIVE, Status.PASSIVE, simulated=simulated)
        )
    return "20260528-150000-abcd"


def test_without_a_pair_it_rehearses_on_the_simulator_and_asks_nobody(lab: Lab) -> None:
    (lab.folder / "pairs.yaml").unlink()
    found = lab.json("drill", "run", "--playbook", "regional-failover")
    assert (found["schema"], found["passed"], found["simulated"]) == ("hamr/drill/1", True, True)
    assert [leg["name"] for leg in found["legs"]] == ["out", "home"]
    assert found["closed"]
    assert lab.posts() == 0
    listed = lab.json("runs", "--drills")
    assert (listed["runs"], listed["open_drills"]) == ([], [])
    assert [(drill["drill"], drill["end"], len(drill["runs"])) for drill in listed["drills"]] == [
        (found["drill"], "passed", 2)
    ]


@pytest.mark.parametrize(("simulated", "offered"), [(True, False), (False, True)])
def test_a_run_whose_simulated_regions_are_gone_is_not_offered_to_be_resumed(
    lab: Lab, simulated: bool, offered: bool
) -> None:
    drill = left_open(lab, simulated=simulated)
    pair = load_inventory(lab.folder / "pairs.yaml").pairs[0]
    with JournalStore.open(lab.journal, now=lambda: datetime.now(UTC)) as store:
        session = Session(pair, load_playbook("regional-failover"), Operator("alice", "laptop"), store, {})
        session.append("20260528-150001-efgh", replace(STARTED, pair=pair.name, drill=drill))
    assert ("hamr resume 20260528-150001-efgh" in lab.run("runs", code=0).stdout) is offered
    if simulated:
        said = lab.told("resume", "20260528-150001-efgh", "--yes", code=2)
        assert "belongs to rehearsal 20260528-150000-abcd: its two regions were simulated" in said
        assert "hamr drill close 20260528-150000-abcd --notes TEXT" in said
        said = lab.told("resume", "--yes", code=2)
        assert "No run is open, and nothing is owed" in said
    assert [run["open"] for run in lab.json("runs")["runs"]] == ([True] if offered else [])


def test_a_missed_expectation_ends_with_11_and_shows_the_journal(lab: Lab) -> None:
    (lab.folder / "mine.yaml").write_text(MISSES)
    result = lab.run("drill", "run", "--scenario", "mine.yaml", "--playbook", "regional-failover", code=11)
    missed = result.stdout.split("MISSED  out: exit code 3\n")[1].splitlines()
    assert missed[0].startswith("          exit code 0: pair sim-")
    assert "run.finished: Ended: done" in missed[1]


def test_law_15_a_drill_that_cannot_be_leads_to_none_that_would_be_refused(lab: Lab) -> None:
    """A scenario is named as it was typed, by its file."""
    (lab.folder / "mine.yaml").write_text("schema: 1\nname: other\nprobes: {nobody: 1}\n")
    result = lab.run("drill", "run", "--scenario", "mine.yaml", code=2)
    assert "hamr drill run --scenario mine.yaml --playbook PLAYBOOK" in result.stderr


def test_a_run_of_the_journal_becomes_a_scenario_that_ends_the_same(lab: Lab) -> None:
    lab.fault(Fault(AnswerLost(), role=Role.SECONDARY, method="POST"))
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    posts = lab.posts()
    report = lab.run("report", "last", code=0).stdout
    (offered,) = (each for each in report.splitlines() if each.startswith("  hamr drill from "))
    printed = lab.run(*offered.split()[1:], code=0).stdout
    written = lab.run("drill", "from", "last", "--out", "again.yaml", code=0).stdout
    assert "hamr drill run --scenario again.yaml --playbook PLAYBOOK" in written
    assert (lab.folder / "again.yaml").read_text() == printed
    assert "answer_lost: {}" in printed
    assert lab.run("check", "again.yaml", code=0).stdout.startswith("fine  again.yaml")
    played = lab.json("drill", "run", "--scenario", "again.yaml")
    assert (played["passed"], lab.posts()) == (True, posts)
    made = lab.json("drill", "from", "last")
    assert (made["schema"], made["scenario"], made["file"], made["left_out"]) == (
        "hamr/scenario-made/1",
        printed,
        "",
        [],
    )


def test_a_scenario_takes_no_other_files_place_and_is_made_of_one_run(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    said = lab.run("drill", "from", "last", "--out", "pairs.yaml", code=2).stderr
    assert "a file stands there that is something else" in " ".join(said.split())
    drill = lab.json("drill", "run", "--playbook", "regional-failover")
    said = lab.run("drill", "from", drill["drill"], code=2).stderr
    assert "is a drill, and a scenario is made of one run" in " ".join(said.split())
    for leg in drill["legs"]:
        assert f"hamr drill from {leg['run']}" in said
        assert "made_of: run " in lab.run("drill", "from", leg["run"], code=0).stdout


def test_the_files_that_are_asked_for_are_written(lab: Lab, tmp_path: Path) -> None:
    page, junit = tmp_path / "drill.html", tmp_path / "drill.xml"
    lab.run(
        "drill", "run", "--playbook", "regional-failover", "--scenario", "answer-lost",
        "--html", str(page), "--junit", str(junit), code=0,
    )  # fmt: skip
    assert "<!doctype html>" in page.read_text().lower()
    suite = ET.parse(junit).getroot()  # noqa: S314 - written by us a moment ago
    names = [case.get("name", "") for case in suite.iter("testcase")]
    assert any("out: exit code 0" in name for name in names)


def test_a_scenario_brings_its_playbook_unless_another_one_is_named(lab: Lab) -> None:
    del lab.env["HAMR_PLAYBOOK"]
    assert lab.json("drill", "run", "--scenario", "happy-way")["playbook"] == "regional-failover"
    found = lab.json("drill", "run", "--scenario", "happy-way", "--playbook", "quick.yaml")
    assert found["playbook"] == "quick"


def test_an_unknown_scenario_is_answered_with_the_one_that_was_meant(lab: Lab) -> None:
    result = lab.run("drill", "run", "--scenario", "hapy-way", code=2)
    assert 'did you mean "happy-way"?' in result.stdout + result.stderr


@pytest.mark.parametrize("flags", [(), ("--yes",), ("--yes", "--to", "ACTIVE")])
def test_a_pair_that_does_not_say_so_is_refused_whatever_the_flags(flags: tuple[str, ...], lab: Lab) -> None:
    assert "drill: true" in " ".join(lab.run("drill", "run", "sim", *flags, code=3).stderr.split())
    assert lab.sim.requests == ()
    assert not lab.journal.exists()


def test_what_goes_wrong_cannot_be_chosen_for_a_live_pair(lab: Lab) -> None:
    result = lab.run("drill", "run", "sim", "--yes", "--seed", "3", code=2)
    assert "--seed: what goes wrong can be chosen on the simulator alone" in result.stdout + result.stderr


def test_a_live_drill_goes_out_and_home_and_is_closed(lab: Lab) -> None:
    may_be_drilled(lab)
    found = lab.json("drill", "run", "sim", "--yes", "--notes", "May")
    assert (found["passed"], found["simulated"], found["closed"]) == (True, False, True)
    assert sum(request.method == "POST" and request.path == RECORD_PATH for request in lab.sim.requests) == 8
    assert lab.statuses() == (Status.PASSIVE, Status.PASSIVE)
    shown = lab.run("show", found["drill"], code=0).stdout
    assert "Drill closed: May" in shown


def test_a_drill_that_stayed_open_is_pointed_out_keeps_runs_out_and_can_be_closed(lab: Lab) -> None:
    may_be_drilled(lab)
    drill = left_open(lab, simulated=False)
    close = f"hamr drill close {drill} --notes TEXT"
    assert close in lab.run("runs", code=0).stdout
    assert f"open drill    {drill}" in lab.run("status", "sim", code=0).stdout
    assert lab.json("status", "sim")["open_drill"]["drill"] == drill
    refused = lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=3)
    assert close in refused.stdout + refused.stderr
    assert lab.posts() == 0
    closed = lab.json("drill", "close", "sim", "--notes", "after the crash", "--yes")
    assert closed == {
        "schema": "hamr/drill-close/1",
        "drill": drill,
        "pair": "sim",
        "phase": "agreed(PASSIVE)",
        "message": "Pair sim is at home: agreed(PASSIVE).",
        "notes": "after the crash",
        "runs": [],
        "next": [
            {
                "command": f"hamr report {drill}",
                "verb": "report",
                "subject": drill,
                "options": [],
                "why": "read its report",
            }
        ],
    }
    assert lab.json("status", "sim")["open_drill"] is None
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)


def test_law_09_an_emergency_goes_over_an_open_drill_and_says_so(lab: Lab) -> None:
    may_be_drilled(lab)
    drill = left_open(lab, simulated=False)
    lab.do(lambda: lab.sim.set_dark(Role.PRIMARY, True))
    result = lab.run("run", "sim", "--to", "ACTIVE", "--emergency", "--reason", "us1", "--yes", code=8)
    assert f"Pair sim is in drill {drill}: this emergency does not wait for it." in result.stderr
    closed = lab.json("drill", "close", drill, "--notes", "it became real", "--yes")
    assert "it is left where it stands" in closed["message"]
    assert lab.statuses()[1] is Status.ACTIVE


def test_nobody_is_asked_about_a_run_that_an_open_drill_refuses(lab: Lab) -> None:
    drill = left_open(lab, simulated=False)
    person = ended(lab, ("run", "sim", "--to", "ACTIVE"), code=3)
    assert f"hamr drill close {drill} --notes TEXT" in person.seen
    assert "Type the pair's name" not in person.seen


@pytest.mark.parametrize(("flags", "said"), [((), True), (("--emergency", "--reason", "us1 is down"), False)])
def test_a_plan_says_that_an_open_drill_would_refuse_it(lab: Lab, flags: tuple[str, ...], said: bool) -> None:
    drill = left_open(lab, simulated=False)
    noted = lab.told("plan", "sim", "--to", "ACTIVE", *flags, code=0)
    words = f"Pair sim is in drill {drill}: until that is closed, this run would be refused."
    assert (f"{words} hamr drill close {drill} --notes TEXT" in noted) is said


def test_a_rehearsal_that_crashed_is_closed_without_asking(lab: Lab) -> None:
    drill = left_open(lab, simulated=True)
    closed: dict[str, Any] = json.loads(
        lab.run("drill", "close", drill, "--notes", "its terminal was closed", "--json", code=0).stdout
    )
    assert closed["message"] == "Its regions were simulated, and are gone."
    assert lab.sim.requests == ()


def test_notes_are_wanted(lab: Lab) -> None:
    drill = left_open(lab, simulated=True)
    lab.run("drill", "close", drill, code=2)
    assert "--notes is empty" in lab.run("drill", "close", drill, "--notes", " ", code=2).stderr


def test_a_file_that_could_not_be_written_afterwards_is_refused_before_the_drill_begins(lab: Lab) -> None:
    nowhere = str(lab.folder / "nowhere" / "drill.html")
    for flags, code, words in (
        (("--html", nowhere), 1, "no such file or directory"),
        (("--junit", str(lab.folder)), 2, "this is a folder"),
        (("--html", "-"), 2, "a drill prints its score on stdout"),
        (("--html", "same", "--junit", "same"), 2, "name the same file"),
    ):
        assert words in lab.told("drill", "run", *flags, code=code)
    assert not lab.journal.exists()
