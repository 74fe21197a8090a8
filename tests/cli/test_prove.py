"""`hamr prove`: its three answers, with their exit codes, its document and its file."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.group import hamr
from tests.proof.broken import BROKEN, GOOD

from .lab import Lab
from .terminal import Person, shown_by


def run(*args: str, code: int) -> Result:
    result = CliRunner().invoke(hamr, ["prove", *args], prog_name="hamr")
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD, "utf-8")
    return file


def test_a_playbook_that_holds_is_proven_and_the_certificate_is_bound_to_its_text(good: Path) -> None:
    out = good.with_name("proof.json")
    done = run(str(good), "--faults", "0", "--out", str(out), "--json", code=0)
    assert not done.stderr
    document = json.loads(done.stdout)
    assert document == json.loads(out.read_text("utf-8"))
    assert document["schema"] == "hamr/proof/1"
    assert document["holds"]
    assert document["whole"]
    assert document["faults"] == 0
    assert len(document["sha256"]) == 64
    assert len(document["routes"]) == 6
    assert document["counterexamples"] == []


def test_the_processes_that_share_the_work_end_without_a_word(lab: Lab) -> None:
    (lab.folder / "good.yaml").write_text(GOOD, "utf-8")
    proving = lab.start("prove", "good.yaml", "--faults", "0", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told, beside = proving.communicate(timeout=60)
    assert told.startswith("PROVEN ")
    assert beside == ""


def test_a_playbook_that_is_wrong_is_told_as_a_story_with_11(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(BROKEN["patient-with-the-dead"].text, "utf-8")
    done = run(str(file), "--faults", "0", code=11)
    assert done.stdout.startswith("BROKEN. patient-with-the-dead: in-time\n")
    assert "somebody types  hamr run pair --to ACTIVE --emergency --reason TEXT" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_a_budget_that_ends_first_is_10_and_never_proven(good: Path) -> None:
    said = run(str(good), "--faults", "1", "--budget", "1ms", code=10).stdout
    assert said.startswith("NOT PROVEN. ")
    assert "PROVEN to" not in said
    lines = said.splitlines()
    less = lines[lines.index("      or prove less of it to its end") - 1].strip()
    assert less.startswith(f"hamr prove {good} --faults 1 --to "), "not the same once more"
    assert "or prove less" not in run(*less.split()[2:], "--budget", "1ms", code=10).stdout


def test_a_file_of_another_kind_is_left_as_it_is(good: Path) -> None:
    run(str(good), "--faults", "0", "--out", str(good), code=2)
    assert good.read_text("utf-8") == GOOD


def test_a_goal_that_no_way_leads_to_is_refused() -> None:
    done = run("regional-failover", "--to", "ONBOARDING", code=2)
    assert "has no way to ONBOARDING. Its stops are: PASSIVE, ACTIVE." in " ".join(done.stderr.split())


def test_one_that_is_interrupted_leaves_nothing_of_how_far_it_was(lab: Lab) -> None:
    (lab.folder / "good.yaml").write_text(GOOD, "utf-8")
    with Person(lab, ("prove", "good.yaml", "--faults", "4")) as person:
        person.wait_for("interleavings")
        person.type("\x03")
        assert person.end() == 130
    rows = shown_by(person.seen)
    assert "Interrupted." in rows
    assert not [row for row in rows if "interleavings" in row]
    assert "  sent          Nothing was sent." in rows


def test_a_certificate_is_kept_with_a_pair_and_doctor_says_what_changed_since(lab: Lab) -> None:
    book = lab.folder / "good.yaml"
    book.write_text(GOOD, "utf-8")
    kept = lab.run("prove", "good.yaml", "--faults", "0", "--pair", "sim", "--record", code=0)
    assert "The certificate of pair sim is in " in kept.stderr
    proven = _row(lab.json("doctor", "sim", "--playbook", "good.yaml", code=1))
    assert proven["planned"] == "ok"
    assert "is proven to 0 faults on" in proven["sentence"]
    book.write_text(GOOD + "# one line more\n", "utf-8")
    changed = _row(lab.json("doctor", "sim", "--playbook", "good.yaml", code=1))
    assert changed["planned"] == "warning"
    assert changed["sentence"].endswith("; the playbook was changed since.")


def _row(document: Any) -> Any:
    (row,) = [check for check in document["pairs"][0]["checks"] if check["check"] == "proof"]
    return row


def test_a_certificate_wants_a_pair_to_be_kept_with(good: Path) -> None:
    assert "--pair NAME" in run(str(good), "--record", code=2).stderr


def test_plan_and_report_say_that_the_playbook_is_proven_or_was_changed_since(lab: Lab) -> None:
    file = lab.folder / "good.yaml"
    file.write_text(GOOD, "utf-8")
    told = ("--playbook", "good.yaml", "--to", "ACTIVE")
    assert "proof" not in lab.run("plan", "sim", *told, code=0).stdout
    assert lab.json("plan", "sim", *told)["proof"] is None
    lab.run("prove", "good.yaml", "--faults", "0", "--pair", "sim", "--record", code=0)
    plan = lab.json("plan", "sim", *told)["proof"]
    assert (plan["faults"], plan["changed"]) == (0, "")
    proven = f"proven to 0 faults on {plan['at'][:10]}"
    for page in ((), ("--full",)):
        assert f"  proof         {proven}\n" in lab.run("plan", "sim", *told, *page, code=0).stdout
    file.write_text(GOOD + "# another text\n", "utf-8")
    changed = f"was {proven}; the playbook was changed since"
    assert f"  proof         {changed}\n" in lab.run("plan", "sim", *told, code=0).stdout
    lab.run("run", "sim", *told, "--yes", code=0)
    assert f"  proof         {changed}\n" in lab.run("report", "last", code=0).stdout
    assert f"its playbook: {changed}" in lab.run("report", "last", "--markdown", code=0).stdout
    assert f"<dd>{changed}</dd>" in lab.run("report", "last", "--html", "-", code=0).stdout
    assert lab.json("report", "last")["runs"][0]["proof"]["changed"] == "the playbook"
    lab.run("prove", "good.yaml", "--faults", "0", "--pair", "sim", "--record", code=0)
    assert (
        changed in lab.run("report", "last", code=0).stdout
    )  # what was proven afterwards is no news of that run


def test_the_shortest_story_becomes_a_scenario_that_a_drill_fails_on(lab: Lab) -> None:
    (lab.folder / "wrong.yaml").write_text(BROKEN["guards-that-contradict"].text, "utf-8")
    flags = ("--faults", "0", "--to", "ACTIVE", "--scenario", "story.yaml")
    told = lab.run("prove", "wrong.yaml", *flags, code=11).stdout
    assert "hamr drill run --scenario story.yaml\n" in told
    assert lab.json("prove", "wrong.yaml", *flags, code=11)["scenario"] == "story.yaml"
    lab.run("check", "story.yaml", code=0)
    del lab.env["HAMR_PLAYBOOK"]  # the story names its own
    drill = lab.json("drill", "run", "--scenario", "story.yaml", code=11)
    assert [each["name"] for each in drill["expectations"] if not each["held"]] == [
        "command 1: the primary shows ACTIVE",
        "command 1: the secondary shows ACTIVE",
    ]


def test_where_nothing_broke_no_scenario_is_written(good: Path) -> None:
    out = good.with_name("story.yaml")
    done = run(str(good), "--faults", "0", "--scenario", str(out), code=0)
    assert "No scenario was written: no law broke." in done.stderr
    assert not out.exists()
    good.write_text(GOOD, "utf-8")
    assert "--scenario" in run(str(good), "--faults", "0", "--scenario", str(good), code=2).stderr
