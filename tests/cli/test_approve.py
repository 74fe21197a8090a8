"""A second pair of eyes: `hamr approve` and the guard that asks for it, over the real command line and real processes."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from orchestrator.model.status import Role, Status
from orchestrator.simulator import Fault, ServerError
from tests.steps import next_of

from .lab import PLAYBOOK, Lab
from .terminal import ended

TWO_PEOPLE = PLAYBOOK.replace(
    "transitions:",
    "  agreed:\n    approved: {by: 1, within: 30s}\n    why: Two people move this pair.\ntransitions:",
    1,
).replace("guards: [settled], survivor", "guards: [settled, agreed], survivor")
ACTIVE = (Status.ACTIVE, Status.ACTIVE)
PASSIVE = (Status.PASSIVE, Status.PASSIVE)
BOB = {"HAMR_OPERATOR": "bob@desk"}


@pytest.fixture
def team(lab: Lab) -> Lab:
    (lab.folder / "quick.yaml").write_text(TWO_PEOPLE)
    lab.env["HAMR_OPERATOR"] = "alice@laptop"
    return lab


def waiting_run(lab: Lab) -> str:
    """The run that waits for somebody to agree, once the journal says so."""
    for _ in range(200):
        if any(record["kind"] == "approval.asked" for record in records(lab)):
            return str(lab.json("status", "sim")["open_run"]["run"])
        time.sleep(0.05)
    raise AssertionError("no run asks for an approval")


def records(lab: Lab) -> list[Any]:
    """What the journal holds; nothing as long as the run has only just begun to make it."""
    exported = lab.run("audit", "export")
    return [json.loads(text) for text in exported.stdout.splitlines()] if exported.exit_code == 0 else []


def test_a_run_waits_until_somebody_else_agrees_and_says_what_they_type(team: Lab) -> None:
    with team.start("run", "sim", "--to", "ACTIVE", "--yes", "--reason", "the yearly move") as process:
        run = waiting_run(team)
        assert "approve" not in str(team.json("status", "sim")["next"]), "it would be refused to her"
        shown = team.run("status", "sim", env=BOB, code=0).stdout
        assert next_line(shown).startswith(f"hamr approve {run} ")
        assert "waiting for somebody else's agreement" in " ".join(shown.split())
        refused = team.run("approve", run, "--yes", code=3)
        assert "alice asked for this, and another person has to agree" in " ".join(refused.stderr.split())
        agreed = team.run("approve", run, "--reason", "we talked", "--yes", "--json", code=0, env=BOB)
        assert process.wait(20) == 0
    document = json.loads(agreed.stdout)
    assert (document["run"], document["by"], document["route"]) == (run, "bob", ["declare", "activate"])
    assert team.statuses() == ACTIVE
    kinds = [record["kind"] for record in records(team)]
    assert kinds.index("approval.asked") < kinds.index("run.approved") < kinds.index("write.intended")
    said = team.run("show", run, code=0).stdout
    assert "approved by bob@desk" in " ".join(said.split())


def test_whoever_asked_for_it_is_refused_before_they_are_asked_anything(team: Lab) -> None:
    team.run("plan", "sim", "--to", "ACTIVE", "--out", "plan.json", code=0)
    person = ended(team, ("approve", "plan.json"), code=3)
    assert "alice asked for this" in person.seen
    assert "Type the pair's name" not in person.seen


def test_nobody_else_agrees_in_time_and_nothing_is_sent(team: Lab) -> None:
    short = TWO_PEOPLE.replace("within: 30s", "within: 1s")
    (team.folder / "quick.yaml").write_text(short)
    result = team.run("run", "sim", "--to", "ACTIVE", "--yes", code=3)
    assert "another person must approve exactly this" in " ".join(result.stdout.split())
    refusal = result.stdout.split("refused")[-1]
    assert "they type hamr approve" not in " ".join(refusal.split()), "it has ended"
    assert next_line(result.stdout).startswith("hamr run sim --to ACTIVE ")
    assert team.writes() == 0
    late = team.run("approve", "last", "--yes", code=3, env=BOB).stderr
    assert "has ended, and does not wait any more" in " ".join(late.split())
    assert "hamr run sim --to ACTIVE" in late
    assert not [record for record in records(team) if record["kind"] == "run.approved"]


def next_line(page: str) -> str:
    """The first command under Next."""
    return page.split("Next\n")[1].splitlines()[0].strip()


def test_a_saved_plan_is_approved_beforehand_and_by_another_person_alone(team: Lab) -> None:
    team.run("plan", "sim", "--to", "ACTIVE", "--out", "p.json", code=0)
    team.run("approve", "p.json", "--yes", code=3)
    team.run("approve", "p.json", "--yes", code=0, env=BOB)
    assert team.json("runs")["runs"] == []
    team.run("apply", "p.json", "--yes", code=0)
    assert team.statuses() == ACTIVE
    spent = team.run("approve", "p.json", "--yes", code=3, env=BOB).stderr
    assert "has ended, and does not wait any more" in " ".join(spent.split())


def test_a_plan_that_was_only_approved_is_no_incident_to_be_played_again(team: Lab) -> None:
    team.run("plan", "sim", "--to", "ACTIVE", "--out", "p.json", code=0)
    team.run("approve", "p.json", "--yes", code=0, env=BOB)
    refused = " ".join(team.run("drill", "from", "last", code=2).stderr.split())
    assert (
        "was killed before it began, or is a plan that was only approved: there is nothing to play."
        in refused
    )


def test_an_approval_is_void_where_the_playbook_changed(team: Lab) -> None:
    team.run("plan", "sim", "--to", "ACTIVE", "--out", "p.json", code=0)
    team.run("approve", "p.json", "--yes", code=0, env=BOB)
    (team.folder / "quick.yaml").write_text(TWO_PEOPLE + "  - Another line.\n")
    team.run("apply", "p.json", "--yes", code=4)
    assert team.writes() == 0


def test_an_approval_is_void_where_the_run_goes_over_another_guard(team: Lab) -> None:
    (team.folder / "quick.yaml").write_text(TWO_PEOPLE.replace("within: 30s", "within: 1s"))
    team.run("plan", "sim", "--to", "ACTIVE", "--out", "p.json", code=0)
    team.run("approve", "p.json", "--yes", code=0, env=BOB)
    saved = json.loads((team.folder / "p.json").read_text())["plan"]["run"]
    again = ("run", "sim", "--to", "ACTIVE", "--override", "settled=because", "--yes")
    team.run(*again, code=3)
    assert saved not in [record["run"] for record in records(team) if record["kind"] == "run.started"]
    assert team.writes() == 0


def test_law_09_an_emergency_does_not_wait_for_it_and_owes_it(team: Lab) -> None:
    team.fault(Fault(ServerError(), role=Role.PRIMARY, times=None))
    ended = team.json(
        "run", "sim", "--to", "ACTIVE", "--emergency", "--reason", "us1 is down", "--yes", code=8
    )
    run = ended["run"]
    assert "agreed" in [each["guard"] for each in ended["waived"]]
    owed = f"[ ] Have somebody else agree to run {run}: as an emergency it did not wait for that."
    typed = f"hamr approve {run} --afterwards --reason TEXT"
    assert typed in next_of(ended)
    for verb in ("status", "report"):
        page = team.run(verb, "sim" if verb == "status" else run).stdout
        assert owed in " ".join(page.split())
        assert typed in page
    status = team.json("status", "sim", code=8)
    assert status["approvals_owed"] == [run]
    assert f"hamr approve {run} --afterwards --reason TEXT" in next_of(status)
    team.run("approve", run, "--yes", code=2, env=BOB)
    team.run("approve", run, "--afterwards", "--reason", "it was right", "--yes", code=3)
    team.run("approve", run, "--afterwards", "--reason", "it was right", "--yes", code=0, env=BOB)
    assert team.json("status", "sim", code=8)["approvals_owed"] == []
    assert owed not in " ".join(team.run("report", run).stdout.split())


def test_a_run_that_asks_for_nothing_cannot_be_approved(lab: Lab) -> None:
    run = lab.json("run", "sim", "--to", "ACTIVE", "--yes")["run"]
    refused = lab.run("approve", run, "--yes", code=2, env=BOB)
    assert "asks nobody to agree to it" in " ".join(refused.stderr.split())
    assert "hamr show" in refused.stderr


@pytest.mark.parametrize("by", [0, 11, "two"])
def test_a_number_of_people_that_cannot_be_is_found_by_check(lab: Lab, by: object) -> None:
    (lab.folder / "quick.yaml").write_text(TWO_PEOPLE.replace("by: 1", f"by: {by}"))
    assert "quick.yaml" in lab.run("check", "quick.yaml", code=2).stdout
