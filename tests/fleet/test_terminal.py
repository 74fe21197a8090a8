"""People and many pairs: a terminal, where the goal and the number are typed; and a second pair of eyes, whose agreement covers each pair's own plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.cli.lab import Lab
from tests.cli.terminal import Person, ended, shown_by
from tests.cli.test_approve import TWO_PEOPLE
from tests.steps import next_of

from .lab import FleetLab, laboratory
from .test_run import ACTIVE, PASSIVE

RUN = ("fleet", "run", "--all", "--to", "ACTIVE", "--waves", "1,rest")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetLab]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    with laboratory(tmp_path, ("pay-1", "pay-2", "web-1"), latency=0.1) as found:
        yield found


def terminal(lab: FleetLab) -> Lab:
    env = {name: value for name, value in lab.env.items() if name != "NO_COLOR"}
    return replace(lab.of("pay-1"), env=env)


def test_anything_else_than_the_goal_and_the_number_sends_nothing(here: FleetLab) -> None:
    with Person(terminal(here), RUN) as person:
        person.wait_for("Type the goal and the number of pairs (ACTIVE 3) to go on: ")
        person.type("yes\n")
        assert person.end() == 3
        assert "'yes' was typed, and what is wanted is ACTIVE 3." in person.seen
    assert sum(here.writes().values()) == 0


def test_each_further_wave_is_asked_for_and_no_leaves_the_rest(here: FleetLab) -> None:
    with Person(terminal(here), RUN) as person:
        person.wait_for("to go on: ")
        person.type("ACTIVE 3\n")
        person.wait_for("Wave 2 of 2 is next: 2 pairs. Type yes to begin it, or no: ")
        assert "1 of 3 pairs arrived, 2 not begun" in "\n".join(shown_by(person.seen))
        person.seen = ""
        person.type("perhaps\n")
        person.wait_for("Type yes to begin it, or no: ")
        person.type("no\n")
        assert person.end() == 6
        assert "It stopped: wave 2 was not confirmed." in person.seen
    assert here.statuses() == {"pay-1": ACTIVE, "pay-2": PASSIVE, "web-1": PASSIVE}


def test_ctrl_c_lets_each_transition_end_and_the_table_says_where_each_stands(here: FleetLab) -> None:
    with Person(terminal(here), (*RUN[:-1], "rest", "--yes")) as person:
        person.wait_for("3 under way")
        person.wait_for("is told FAILOVER")
        person.type("\x03")
        person.wait_for("What is under way ends its own transition")
        assert person.end() == 130
    statuses = here.statuses()
    assert all(primary is secondary for primary, secondary in statuses.values())
    assert {*statuses.values()} != {ACTIVE}
    assert here.fleet().stopped == "it was interrupted at its own terminal"
    told = shown_by(ended(terminal(here), ("fleet", "report"), {"COLUMNS": "40"}, code=0).seen)
    assert sum(each.startswith("  stands at     ") for each in told) == 3


# One agreement for many pairs


NAMES = ("pay-1", "pay-2")
RUN_AGREED = ("fleet", "run", "--all", "--to", "ACTIVE", "--yes", "--waves", "rest")
BOB = ("--operator", "bob@desk")


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetLab]:
    monkeypatch.chdir(tmp_path)
    with laboratory(tmp_path, NAMES, playbook=TWO_PEOPLE) as found:
        yield found


def begun(team: FleetLab) -> str:
    team.wait_for(lambda: len(team.records("approval.asked")) == len(NAMES))
    return team.fleet().fleet


def test_one_agreement_lets_every_pair_go(team: FleetLab) -> None:
    with team.start(*RUN_AGREED, "--reason", "the yearly move") as process:
        fleet = begun(team)
        refused = team.run("approve", fleet, "--yes", code=3)
        assert "alice asked for this, and another person has to agree" in " ".join(refused.stderr.split())
        agreed = team.json("approve", fleet, "--reason", "we talked", "--yes", *BOB)
        assert process.wait(20) == 0
    assert agreed["digest"] == team.fleet().started.digest
    assert [*agreed["pairs"]] == [*NAMES]
    assert set(team.statuses().values()) == {ACTIVE}
    assert {each.by for each in team.records("run.approved")} == {"bob"}


def test_what_was_agreed_to_for_one_fleet_counts_for_no_other(team: FleetLab) -> None:
    with team.start(*RUN_AGREED) as process:
        first = begun(team)
        team.run("fleet", "stop", first, code=0)
        assert process.wait(20) == 130, "a wait for people is no transition that would have to be ended"
    team.run("approve", first, "--yes", *BOB, code=0)
    with team.start(*RUN_AGREED) as process:
        team.wait_for(lambda: len(team.records("approval.asked")) == 2 * len(NAMES))
        team.run("fleet", "stop", "last", code=0)
        assert process.wait(20) == 130
    assert sum(team.writes().values()) == 0
    team.run("fleet", "resume", first, "--yes", code=0)
    assert set(team.statuses().values()) == {ACTIVE}


def test_where_nobody_agreed_in_time_the_fleet_is_what_is_agreed_to(team: FleetLab) -> None:
    (team.folder / "quick.yaml").write_text(TWO_PEOPLE.replace("within: 30s", "within: 5s"))
    team.run(*RUN_AGREED, code=3)
    fleet = team.fleet().fleet
    for asked in {record.run for record in team.records("approval.asked")}:
        assert f"hamr approve {fleet}" in team.run("approve", asked, "--yes", *BOB, code=3).stderr
    team.run("approve", fleet, "--yes", *BOB, code=0)
    team.run("fleet", "resume", fleet, "--yes", code=0)
    assert set(team.statuses().values()) == {ACTIVE}


def test_a_fleet_that_asks_for_nothing_cannot_be_approved(lab: FleetLab) -> None:
    lab.run("fleet", "run", "pay-1", "--to", "ACTIVE", "--yes", code=0)
    result = lab.run("approve", lab.fleet().fleet, "--yes", *BOB, code=2)
    assert "asks nobody to agree to it" in " ".join(result.stderr.split())


def test_where_nobody_agreed_in_time_the_whole_fleet_is_agreed_to_and_taken_up_again(team: FleetLab) -> None:
    (team.folder / "quick.yaml").write_text(TWO_PEOPLE.replace("within: 30s", "within: 1s"))
    refused = team.json(*RUN_AGREED, code=3)
    fleet = refused["fleet"]
    assert [next_of(each)[:2] for each in refused["pairs"]] == [
        [f"hamr approve {fleet} --reason TEXT", f"hamr fleet resume {fleet}"]
    ] * len(NAMES)
    assert all("they type" not in each["message"] for each in refused["pairs"])
    team.run("approve", fleet, "--yes", *BOB, code=0)
    team.run("fleet", "resume", fleet, "--yes", code=0)
    assert set(team.statuses().values()) == {ACTIVE}
