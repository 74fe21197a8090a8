"""One region dark: who has lost which org is found out first, those are moved, and the others are left."""

from __future__ import annotations

from orchestrator.model.events import FleetStarted
from orchestrator.model.status import Role, Status
from orchestrator.simulator import Fault, Slow

from .conftest import NAMES
from .lab import FleetLab
from .test_run import ACTIVE, PASSIVE

RUN = ("fleet", "run", "--all", "--to", "ACTIVE", "--emergency", "--reason", "us1 is dark", "--yes")


def darken(lab: FleetLab, pair: str, *roles: Role, dark: bool = True, silent: bool = False) -> None:
    for role in roles:
        lab.of(pair).do(lambda role=role: lab.sims[pair].set_dark(role, dark, silent=silent))  # type: ignore[misc]


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


def test_where_every_org_answers_there_is_no_emergency(lab: FleetLab) -> None:
    result = lab.run(*RUN, code=3)
    assert "No pair has lost an org" in result.stderr
    assert sum(lab.writes().values()) == 0
    assert lab.records(FleetStarted.kind) == []


def test_an_org_that_is_only_slow_is_not_dark(lab: FleetLab) -> None:
    for role in Role:
        lab.of("db-1").fault(Fault(Slow(0.5), role=role))
    darken(lab, "pay-1", Role.PRIMARY)
    planned = lab.json("fleet", "plan", *RUN[2:-1])
    assert [each["pair"] for each in planned["pairs"]] == ["pay-1"]
    (db_1,) = (each for each in planned["left_out"] if each["pair"] == "db-1")
    assert (db_1["dark"], db_1["saw"]["primary"]) == ({"primary": False, "secondary": False}, "PASSIVE")
