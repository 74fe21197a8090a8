"""The playbooks that come with hamr, and how a playbook is found by name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.config import load_playbook, problems_in, shipped_playbooks
from orchestrator.errors import DocumentError, UsageError
from orchestrator.model.probe import Http, Metric
from orchestrator.model.status import Role, Status
from orchestrator.situation.guard_kinds import transition_probes

from .texts import PLAYBOOK


def test_two_playbooks_ship_and_are_right() -> None:
    assert sorted(shipped_playbooks()) == ["onboarding", "regional-failover"]
    for name, path in shipped_playbooks().items():
        assert problems_in(path) == ()
        assert load_playbook(name).name == name


def test_regional_failover_goes_out_and_home_and_back_again() -> None:
    playbook = load_playbook("regional-failover")
    assert [
        (transition.name, transition.source, transition.target, transition.survivor)
        for transition in playbook.transitions
    ] == [
        ("enroll", Status.ONBOARDING, Status.PASSIVE, None),
        ("declare", Status.PASSIVE, Status.FAILOVER, Role.SECONDARY),
        ("activate", Status.FAILOVER, Status.ACTIVE, Role.SECONDARY),
        ("abort", Status.FAILOVER, Status.PASSIVE, Role.PRIMARY),
        ("recover", Status.ACTIVE, Status.RECOVERY, Role.PRIMARY),
        ("settle", Status.RECOVERY, Status.PASSIVE, Role.PRIMARY),
    ]
    assert playbook.stops == (Status.PASSIVE, Status.ACTIVE)
    assert playbook.cool_down is None
    for start, goal, names in [
        (Status.PASSIVE, Status.ACTIVE, ["declare", "activate"]),
        (Status.ACTIVE, Status.PASSIVE, ["recover", "settle"]),
        (Status.FAILOVER, Status.PASSIVE, ["abort"]),
        (Status.ONBOARDING, Status.ACTIVE, ["enroll", "declare", "activate"]),
    ]:
        route = playbook.route(start, goal)
        assert route is not None
        assert [transition.name for transition in route] == names


def test_no_guard_on_the_way_out_or_home_waits_for_the_run_before() -> None:
    playbook = load_playbook("regional-failover")
    waiting = {transition.name for transition in playbook.transitions if "settled" in transition.guards}
    assert waiting == {"enroll"}
    assert {
        transition.name: (transition.guards, transition.planned_only)
        for transition in playbook.transitions
        if transition.survivor is not None
    } == {
        "declare": (("secondary_takes_telemetry", "secondary_is_well"), ()),
        "activate": (("telemetry_in_secondary",), ()),
        "abort": ((), ()),
        "recover": (("both_answer", "in_place"), ()),
        "settle": (("telemetry_in_primary",), ("telemetry_in_primary",)),
    }


def test_the_shipped_playbook_looks_beyond_the_record() -> None:
    """Telemetry in the org that takes over, on the way out and home; and a witness that is not Datadog."""
    playbook = load_playbook("regional-failover")
    needs = {
        transition.name: [probe.kind for probe in transition_probes(transition, playbook)]
        for transition in playbook.transitions
    }
    canary, page = needs["declare"]
    assert isinstance(canary, Metric)
    assert canary.org is Role.SECONDARY
    assert page == Http(page="secondary_from_outside")
    for transition, org in (("activate", Role.SECONDARY), ("settle", Role.PRIMARY)):
        (agents,) = needs[transition]
        assert isinstance(agents, Metric)
        assert agents.org is org
        (name,) = playbook.transition(transition).guards  # type: ignore[union-attr]
        assert playbook.guards[name].within == timedelta(minutes=10)
    assert needs["abort"] == needs["recover"] == []


def test_onboarding_begins_where_there_is_nothing() -> None:
    playbook = load_playbook("onboarding")
    route = playbook.route(Status.ABSENT, Status.PASSIVE)
    assert route is not None
    assert [transition.name for transition in route] == ["create", "enroll"]
    assert playbook.transitions[0].writes == (Role.PRIMARY, Role.SECONDARY)


def test_the_text_is_kept_whole_and_the_path_is_where_it_came_from() -> None:
    playbook = load_playbook("onboarding")
    path = shipped_playbooks()["onboarding"]
    assert playbook.text == path.read_text(encoding="utf-8")
    assert playbook.path == str(path)


def test_a_playbook_is_found_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(PLAYBOOK)
    assert load_playbook(str(path)).name == "small"
    assert load_playbook("mine.yml", folder=tmp_path).path == str(path)


def test_a_copy_in_this_folder_goes_before_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "regional-failover.yaml").write_text(PLAYBOOK)
    assert load_playbook("regional-failover", folder=tmp_path).name == "small"
    (tmp_path / "mine.yaml").write_text(PLAYBOOK)
    assert load_playbook("mine", folder=tmp_path).name == "small"


def test_bare_names_are_looked_for_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text(PLAYBOOK)
    monkeypatch.chdir(tmp_path)
    assert load_playbook("mine").name == "small"


@pytest.mark.parametrize("name", ["regional-failovr", "", "x" * 5000, "a\0b"])
def test_an_unknown_name_lists_the_shipped_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_playbook(name, folder=tmp_path)
    assert "Shipped: onboarding, regional-failover." in caught.value.message
    assert ('did you mean "regional-failover"?' in caught.value.message) == (name == "regional-failovr")


def test_a_path_that_leads_nowhere_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="there is no such file"):
        load_playbook("./none.yaml", folder=tmp_path)
