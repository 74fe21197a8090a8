"""One region dark: who has lost which org is found out first, those are moved, and the others are left."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import JournalUnavailable
from orchestrator.journal import JournalStore
from orchestrator.model.events import FleetPairEnded, FleetStarted, JournalMoved, RunStarted
from orchestrator.model.status import Role, Status
from orchestrator.operations.sources import Sources
from orchestrator.simulator import Fault, Slow
from tests.cli.lab import PLAYBOOK

from .conftest import NAMES
from .lab import FleetLab
from .test_run import ACTIVE, PASSIVE

RUN = ("fleet", "run", "--all", "--to", "ACTIVE", "--emergency", "--reason", "us1 is dark", "--yes")


def darken(lab: FleetLab, pair: str, *roles: Role, dark: bool = True, silent: bool = False) -> None:
    for role in roles:
        lab.of(pair).do(lambda role=role: lab.sims[pair].set_dark(role, dark, silent=silent))  # type: ignore[misc]


@pytest.fixture
def playbook() -> str:
    """By it an org that is slow to answer is not yet dead."""
    return PLAYBOOK.replace("deadline: 600ms", "deadline: 2s")


def test_law_09_those_that_lost_an_org_are_moved_and_owe_and_resume_delivers(lab: FleetLab) -> None:
    darken(lab, "pay-1", Role.PRIMARY)
    darken(lab, "pay-2", Role.PRIMARY, silent=True)
    darken(lab, "web-1", Role.SECONDARY)
    darken(lab, "web-2", *Role)
    planned = lab.json("fleet", "plan", *RUN[2:-1])
    assert {each["pair"]: each["dark"] for each in planned["pairs"]} == {
        "pay-1": {"primary": True, "secondary": False},
        "pay-2": {"primary": True, "secondary": False},
        "web-1": {"primary": False, "secondary": True},
        "web-2": {"primary": True, "secondary": True},
    }
    assert [each["pair"] for each in planned["left_out"]] == ["db-1"]
    result = lab.run(*RUN, code=3)
    shown = result.stdout.split("Nothing was sent.")[0]
    assert "4 pairs to ACTIVE in emergency mode, in 1 wave" in shown
    assert "1 pair has lost no org, and is left where it is: db-1" in shown
    assert "web-2  1     dark     dark" in shown
    statuses = lab.statuses()
    assert {pair: shows[1] for pair, shows in statuses.items()} == {
        **dict.fromkeys(NAMES, Status.PASSIVE),
        "pay-1": Status.ACTIVE,
        "pay-2": Status.ACTIVE,
    }
    codes = {
        pair: member.outcome and member.outcome.exit_code for pair, member in lab.fleet().members.items()
    }
    assert codes == {"pay-1": 8, "pay-2": 8, "web-1": 3, "web-2": 3}
    for pair in ("pay-1", "pay-2", "web-1", "web-2"):
        darken(lab, pair, *Role, dark=False)
    again = lab.json("fleet", "resume", lab.fleet().fleet, "--yes", "--operator", "bob@desk", code=3)
    assert {each["pair"]: each["exit_code"] for each in again["pairs"]} == {**codes, "pay-1": 0, "pay-2": 0}
    assert lab.statuses() == {**dict.fromkeys(NAMES, PASSIVE), "pay-1": ACTIVE, "pay-2": ACTIVE}


def test_a_dark_region_is_met_with_one_command_and_not_with_one_for_each_pair(lab: FleetLab) -> None:
    for pair in ("pay-1", "pay-2"):
        darken(lab, pair, Role.PRIMARY)
    steps = lab.run("fleet", "plan", "--all", "--to", "ACTIVE", code=0).stdout.split("Next\n")[1].splitlines()
    commands = [text.strip() for text in steps if text.startswith("  hamr")]
    emergency = "hamr fleet plan pay-1 pay-2 --to ACTIVE --emergency --reason TEXT"
    assert commands == ["hamr fleet run --all --to ACTIVE", emergency]
    meant = emergency.replace("TEXT", "INC-7")
    shown = lab.run(*meant.split()[1:], code=0).stdout
    assert f"Next\n  {meant.replace('plan', 'run')}\n" in shown
    assert f"\n  {emergency}\n" in lab.run("fleet", "run", *RUN[2:5], "--yes", code=3).stdout
    owing = lab.run(*RUN, code=8).stdout
    assert [text for text in owing.splitlines() if text.startswith("  hamr")] == [
        f"  hamr fleet resume {lab.fleet().fleet}"
    ]
    assert "is owed ACTIVE" in " ".join(owing.split())
    table = owing.split("pair   wave")[-1].split("exit code")[0]
    assert "done, but owing" not in table
    assert "  owing: Simulated Secondary" in table


def test_where_every_org_answers_there_is_no_emergency(lab: FleetLab) -> None:
    result = lab.run(*RUN, code=3)
    assert "No pair has lost an org" in result.stderr
    planned = lab.run("fleet", "plan", *RUN[2:-1], code=0).stdout
    assert planned.startswith("No pair has lost an org: each of them answers")
    assert "0 pairs" not in result.stderr + planned
    onward = f"Next\n  hamr fleet plan {' '.join(NAMES)} --to ACTIVE\n"
    assert onward in planned
    assert onward in result.stderr
    assert sum(lab.writes().values()) == 0
    assert lab.records(FleetStarted.kind) == []


def test_a_pair_that_has_both_orgs_again_when_its_turn_comes_is_left(lab: FleetLab) -> None:
    darken(lab, "pay-1", Role.PRIMARY)
    darken(lab, "pay-2", Role.PRIMARY)
    lab.of("pay-1").fault(Fault(Slow(1.0), 1, Role.SECONDARY, "POST"))
    with lab.start(*RUN, "--waves", "1,rest") as process:
        lab.wait_for(lambda: bool(lab.records(RunStarted.kind)))
        darken(lab, "pay-2", Role.PRIMARY, dark=False)
        assert process.wait(20) == 3
    left = lab.fleet().members["pay-2"].outcome
    assert left is not None
    assert "both orgs of pair pay-2 answer by now" in left.message
    assert lab.statuses() == {**dict.fromkeys(NAMES, PASSIVE), "pay-1": (Status.PASSIVE, Status.ACTIVE)}


def test_an_org_that_is_only_slow_is_not_dark(lab: FleetLab) -> None:
    for role in Role:
        lab.of("db-1").fault(Fault(Slow(0.5), role=role))
    darken(lab, "pay-1", Role.PRIMARY)
    planned = lab.json("fleet", "plan", *RUN[2:-1])
    assert [each["pair"] for each in planned["pairs"]] == ["pay-1"]
    (db_1,) = (each for each in planned["left_out"] if each["pair"] == "db-1")
    assert (db_1["dark"], db_1["saw"]["primary"]) == ({"primary": False, "secondary": False}, "PASSIVE")


def test_law_09_an_emergency_of_many_does_not_wait_for_a_teams_journal(lab: FleetLab) -> None:
    lab.env["HAMR_JOURNAL"] = "postgresql://hamr@127.0.0.1:9/hamr"
    lab.env["XDG_STATE_HOME"] = str(lab.folder / "state")
    lab.run("fleet", "run", "--all", "--to", "ACTIVE", "--yes", code=1)
    assert sum(lab.writes().values()) == 0, "a planned one does"
    assert "journal merge" not in lab.run("fleet", "status", "--all", code=0).stderr, "there is none yet"
    darken(lab, "pay-1", Role.PRIMARY)
    darken(lab, "pay-2", Role.PRIMARY)
    result = lab.run(*RUN, "--waves", "1,rest", code=8)
    assert "NEITHER ITS LOCK NOR ITS HISTORY IS SEEN" in " ".join(result.stderr.split())
    assert [shows[1] for pair, shows in lab.statuses().items() if pair.startswith("pay")] == [
        Status.ACTIVE
    ] * 2
    (refuge,) = (lab.folder / "state" / "hamr").glob("emergency-*.db")
    assert f"hamr journal merge {refuge}" in lab.run("fleet", "status", "--all", code=8).stderr
    with JournalStore.open(refuge, create=False, now=lambda: datetime.now(UTC)) as store:
        moved = [*store.records(kinds=(JournalMoved.kind,))]
        assert sorted(each.pair for each in moved) == ["pay-1", "pay-2"]
        (begun,) = store.records(kinds=(FleetStarted.kind,))
        assert [each.pair for each in store.records(run=begun.run, kinds=(FleetPairEnded.kind,))] == [
            "pay-1",
            "pay-2",
        ]


@pytest.fixture
def losing(lab: FleetLab, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A team's journal that is gone once so many pairs have ended; a refuge, and what was asked of the journal since."""
    journal, ended, asked = lab.folder / "journal.db", list[object](), list[str]()
    monkeypatch.setattr(Sources, "refuge", lambda _: lab.folder / "refuge.db")

    def losing(name: str) -> None:
        whole = getattr(JournalStore, name)

        def lost(self: JournalStore, *args: Any, **named: Any) -> Any:
            if ended and self.place == str(journal):
                asked.append(name)
                raise JournalUnavailable("The server is gone.")
            done = whole(self, *args, **named)
            if name == "append_all" and any(each.kind == FleetPairEnded.kind for each in args[0]):
                ended.append(done)
            return done

        monkeypatch.setattr(JournalStore, name, lost)

    for name in ("append_all", "records", "holder", "ids", "head", "first_missing"):
        losing(name)
    return asked


def test_law_09_a_teams_journal_that_is_lost_on_the_way_is_left(lab: FleetLab, losing: list[str]) -> None:
    darken(lab, "pay-1", Role.PRIMARY)
    darken(lab, "pay-2", Role.PRIMARY)
    shown = lab.run(*RUN, "--at-once", "1", code=8).stdout
    assert "records" in losing, "it was read, too"
    assert [shows[1] for pair, shows in lab.statuses().items() if pair.startswith("pay")] == [
        Status.ACTIVE
    ] * 2
    (first, *_) = (text for text in shown.splitlines() if text.startswith("  hamr"))
    assert first == f"  hamr journal merge {lab.folder / 'refuge.db'}"
    lab.env["HAMR_JOURNAL"] = str(lab.folder / "refuge.db")
    reported = lab.json("fleet", "report")
    assert {each["pair"]: each["exit_code"] for each in reported["pairs"]} == {"pay-1": 8, "pay-2": 8}
    with JournalStore.open(lab.folder / "refuge.db", create=False, now=lambda: datetime.now(UTC)) as store:
        kinds = [record.kind for record in store.records(pair="")]
        assert kinds == ["fleet.started", "fleet.wave_began", "fleet.finished"]


def test_a_fleet_that_left_a_teams_journal_has_closed_each_handle_on_its_own(
    lab: FleetLab, losing: list[str]
) -> None:
    """Each pair that was under way has left it by itself: as many handles as pairs at once."""
    for pair in NAMES:
        darken(lab, pair, Role.PRIMARY)
    lab.run(*RUN, "--at-once", "4", code=8)
    assert losing
    handles = [str(each.resolve()) for each in Path("/proc/self/fd").iterdir()]
    assert [each for each in handles if "refuge.db" in each] == []


def test_a_planned_fleet_stops_where_its_journal_is_lost_and_says_how_to_go_on(
    lab: FleetLab, losing: list[str]
) -> None:
    result = lab.run("fleet", "run", "--all", "--to", "ACTIVE", "--waves", "1,rest", "--yes", code=6)
    assert losing
    assert "What was sent stands in the journal." in result.stderr
    assert "  hamr fleet resume 2" in result.stderr
    assert sum(shows == ACTIVE for shows in lab.statuses().values()) == 1
    assert not (lab.folder / "refuge.db").exists()


def test_an_emergency_without_a_workers_database_moves_the_pairs_itself(lab: FleetLab) -> None:
    lab.env["HAMR_JOURNAL"] = "postgresql://hamr@127.0.0.1:9/hamr"
    lab.env["XDG_STATE_HOME"] = str(lab.folder / "state")
    refused = lab.run("fleet", "run", "--all", "--to", "ACTIVE", "--workers", "--yes", code=1)
    assert "Nothing was sent." in refused.stderr
    darken(lab, "pay-1", Role.PRIMARY)
    result = lab.run(*RUN, "--workers", code=8)
    assert "This process moves the pairs itself, without workers." in " ".join(result.stderr.split())
    assert lab.statuses()["pay-1"][1] is Status.ACTIVE


def test_a_pair_that_somebody_has_brought_to_the_goal_since_is_done(lab: FleetLab) -> None:
    darken(lab, "pay-1", Role.PRIMARY)
    darken(lab, "web-1", Role.SECONDARY)
    lab.run(*RUN, code=3)
    darken(lab, "pay-1", Role.PRIMARY, dark=False)
    darken(lab, "web-1", Role.SECONDARY, dark=False)
    resumed = lab.json("fleet", "resume", "last", "--yes", code=3)
    (left,) = (each for each in resumed["pairs"] if each["pair"] == "web-1")
    assert left["next"][0]["command"].startswith("hamr plan web-1 --to ACTIVE")
    lab.run("run", "web-1", "--to", "ACTIVE", "--yes", code=0)
    writes = lab.writes()
    lab.run("fleet", "resume", "last", "--yes", code=0)
    assert lab.writes() == writes
