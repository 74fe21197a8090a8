"""Playbooks: what is read, what is refused at which place, and those that ship with hamr."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import pytest

from orchestrator.config import check_file, load_playbook, parse_playbook, shipped_playbooks
from orchestrator.errors import DocumentError, UsageError
from orchestrator.model.guard import (
    AllOf,
    AnyOf,
    Freeze,
    Guard,
    GuardKind,
    Http,
    Located,
    Metric,
    Not,
    Quiet,
    Reachable,
    Window,
)
from orchestrator.model.playbook import Advances, Confirm, Playbook, Timeouts, Transition
from orchestrator.model.status import Role, Status
from orchestrator.situation.guard_kinds import transition_probes

from .texts import FULL, PLAYBOOK, said_of_playbook


def test_a_playbook_is_read_whole() -> None:
    guards: dict[str, GuardKind] = {
        "calm": Quiet(timedelta(minutes=5)),
        "seen": Reachable((Role.PRIMARY, Role.SECONDARY)),
        "seen_there": Reachable((Role.SECONDARY,)),
        "placed": Located(),
        "hours": Window("Europe/Paris", (0, 4), time(9), time(17), (Freeze(date(2026, 12, 20), date(2027, 1, 2)),)),
        "whole_day": Window("UTC", (0, 1, 2, 3, 4, 5, 6), time.min, time.max),
        "until_midnight": Window("UTC", (0, 1, 2, 3, 4, 5, 6), time(22), time.max),
        "both": AllOf(("calm", "linked")),
        "either": AnyOf(("seen", "seen_there", "hours", "whole_day", "until_midnight")),
        "busy": Not("calm"),
    }  # fmt: skip
    assert parse_playbook(FULL, "ops/full.yaml") == Playbook(
        name="full",
        summary="Everything at once.",
        stops=(Status.PASSIVE, Status.ACTIVE),
        objectives={Status.ACTIVE: timedelta(minutes=15)},
        confirm=Confirm(timedelta(seconds=90), timedelta(milliseconds=500)),
        resend=0,
        timeouts=Timeouts(timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4)),
        emergency_deadline=timedelta(milliseconds=1500),
        mirror_wait=timedelta(0),
        cool_down=timedelta(minutes=10),
        guards={
            name: Guard(name, kind, "Let them finish." if name == "calm" else "")
            for name, kind in guards.items()
        },
        transitions=(
            Transition(
                name="out",
                source=Status.PASSIVE,
                target=Status.ACTIVE,
                why="Go.",
                guards=("both", "either", "alone"),
                writes=(Role.PRIMARY,),
                survivor=Role.PRIMARY,
                advances=Advances.SERVER,
            ),
            Transition("home", Status.ACTIVE, Status.PASSIVE, guards=("busy", "placed")),
        ),
        remember=("One thing.", "Another."),
        text=FULL,
    )


def test_what_is_left_out_has_its_default() -> None:
    playbook = parse_playbook(
        "schema: 1\nname: x\ntransitions: [{name: a, from: ABSENT, to: ONBOARDING}, {name: b, from: ONBOARDING, to: PASSIVE}]\n",
        "f",
    )
    assert playbook.stops == (Status.ONBOARDING, Status.PASSIVE)
    assert playbook.transitions[0].writes == (Role.SECONDARY, Role.PRIMARY)
    assert playbook.transitions[0].survivor is None
    assert (playbook.confirm.within, playbook.confirm.every) == (timedelta(seconds=60), timedelta(seconds=1))
    assert (playbook.resend, playbook.cool_down) == (1, None)
    assert playbook.timeouts == Timeouts(timedelta(seconds=3), timedelta(seconds=10), timedelta(seconds=20))
    assert playbook.emergency_deadline == timedelta(seconds=2)
    assert playbook.mirror_wait == timedelta(seconds=3)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: small", "nam: small", ['2:1: "nam" is not a known key; did you mean "name"?']),
        ("stops: [PASSIVE, ACTIVE]", "stops: [PASSIVE, ACTVE]", ['3:18: "ACTVE" is not a status to go to (ONBOARDING, PASSIVE, FAILOVER, ACTIVE or RECOVERY); did you mean "ACTIVE"?']),
        ("stops: [PASSIVE, ACTIVE]", "stops: [PASSIVE, passive]", ['3:18: "passive" is not a status to go to (ONBOARDING, PASSIVE, FAILOVER, ACTIVE or RECOVERY); did you mean "PASSIVE"?']),
        ("stops: [PASSIVE, ACTIVE]", "stops: []", ["3:8: this is empty, and at least one is wanted"]),
        ("stops: [PASSIVE, ACTIVE]", "stops: ACTIVE", ["3:8: expected a list ([…]), found text"]),
        ("to: ACTIVE", "to: UNSPECIFIED", ["10:9: UNSPECIFIED means that nobody has said: it cannot be written"]),
        ("to: ACTIVE", "to: ABSENT", ["10:9: ABSENT can only be where a transition comes from: Datadog has no way to delete a connection"]),
        ("to: ACTIVE", "to: 4", ["10:9: expected a status to go to (ONBOARDING, PASSIVE, FAILOVER, ACTIVE or RECOVERY), found the number 4"]),
        ("from: PASSIVE", "from: PASIVE", ['9:11: "PASIVE" is not a status (ABSENT, UNSPECIFIED, ONBOARDING, PASSIVE, FAILOVER, ACTIVE or RECOVERY); did you mean "PASSIVE"?']),
        ("    from: PASSIVE\n", "", ['8:5: "from" is missing in item 1 of transitions: the status that both orgs show before; ABSENT where there is no connection yet']),
        ("guards: [calm]", "guards: calm", ["11:13: expected a list ([…]), found text", '5:3: the guard "calm" is used by no transition: name it in the guards of a transition, or take it out']),
        ("guards: [calm]", "gaurds: [calm]", ['11:5: "gaurds" is not a known key in item 1 of transitions; did you mean "guards"?']),
        ("guards: [calm]", "guards: [calm]\n    writes: []", ["12:13: this is empty, and at least one is wanted"]),
        ("guards: [calm]", "guards: [calm]\n    writes: [both]", ['12:14: "both" is not an org of the pair (primary or secondary)']),
        ("guards: [calm]", "guards: [calm]\n    advances: servr", ['12:15: "servr" is not who makes the move (client or server); did you mean "server"?']),
        ("{for: 5m}", "{for: 60}", ['6:18: a duration needs a unit (ms, s, m, h, d); did you mean "60s"?']),
        ("{for: 5m}", "{for: 0s}", ["6:18: 0s is out of bounds: between 1ms and 365d"]),
        ("{for: 5m}", "{four: 5m}", ['6:13: "four" is not a known key in guards.calm.quiet; did you mean "for"?']),
        ("{for: 5m}", "5m", ["6:12: expected a mapping (name: value), found text"]),
        ("quiet: {for: 5m}", "located:", ['6:5: "located" has no value: give it a value, or leave it out ({} is an empty mapping, [] an empty list)']),
        ("quiet: {for: 5m}", "quite: {for: 5m}", ['6:5: "quite" is not a known key in guards.calm; did you mean "quiet"?']),
        ("quiet: {for: 5m}", "reachable: {org: all}", ['6:22: "all" is not which orgs (primary, secondary or both)']),
        ("quiet: {for: 5m}", "window: {zone: Europe/Pari}", ['6:20: "Europe/Pari" is not a time zone, such as Europe/Paris or UTC; did you mean "Europe/Paris"?']),
        ("quiet: {for: 5m}", "window: {zone: Europe}", ['6:20: "Europe" is not a time zone']),
        ("quiet: {for: 5m}", "window: {zone: ../../etc/passwd}", ['6:20: "../../etc/passwd" is not a time zone']),
        ("quiet: {for: 5m}", "window: {zone: UTC, from: 9:00}", ['6:31: expected a time of day such as 09:00, found the text "9:00"']),
        ("quiet: {for: 5m}", "window: {zone: UTC, from: 25:00}", ["6:31: expected a time of day such as 09:00"]),
        ("quiet: {for: 5m}", "window: {zone: UTC, days: [monday]}", ['6:32: "monday" is not a day of the week (mon, tue, wed, thu, fri, sat or sun)']),
        ("quiet: {for: 5m}", "window: {zone: UTC, freezes: [{from: 2026-02-30, until: 2026-03-01}]}", ["6:42: 2026-02-30 is not a date"]),
        ("quiet: {for: 5m}", "window: {zone: UTC, freezes: [{from: 20.12.2026, until: 2026-12-21}]}", ['6:42: expected a date such as 2026-12-20, found the text "20.12.2026"']),
        ("schema: 1", "schema: 1\nresend: 11", ["2:9: expected a whole number from 0 to 10, found the number 11"]),
        ("schema: 1", "schema: 1\nresend: 01", ["2:9: a number that begins with 0 is 8-based to some YAML readers and 10-based to others: leave the 0 out, or put it in quotes where it is meant as text"]),
        ("schema: 1", "schema: 1\nresend: !!str 1", ["2:9: tags (!…) are not supported: leave it out; texts may be put in quotes"]),
        ("schema: 1", "schema: 1\nresend: true", ["2:9: expected a whole number from 0 to 10, found true"]),
        ("schema: 1", "schema: 1\nremember: [5]", ["2:12: expected text, found the number 5: put it in quotes"]),
        ("schema: 1", "schema: 1\nremember:", ['2:1: "remember" has no value: give it a value, or leave it out ({} is an empty mapping, [] an empty list)']),
        ("schema: 1", "schema: 1\nemergency: {deadline: 2h}", ["2:23: 2h is out of bounds: between 100ms and 1m"]),
        ("schema: 1", "schema: 1\ncool_down: 0s", ["2:12: 0s is out of bounds: between 1s and 7d"]),
        ("schema: 1", "schema: 1\nmirror_wait: 1h", ["2:14: 1h is out of bounds: between 0s and 5m"]),
        ("schema: 1", "schema: 1\nobjectives: {ACTVE: 5m}", ['2:14: "ACTVE" is not a status to go to (ONBOARDING, PASSIVE, FAILOVER, ACTIVE or RECOVERY); did you mean "ACTIVE"?']),
        ("schema: 1", "schema: 1\nguard: {}", ['2:1: "guard" is not a known key; did you mean "guards"?']),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_right_is_refused_at_its_place(
    old: str, new: str, expected: list[str]
) -> None:
    assert old in PLAYBOOK
    said = said_of_playbook(PLAYBOOK.replace(old, new, 1))
    assert sorted(
        line[: len(part)] for line, part in zip(sorted(said), sorted(expected), strict=True)
    ) == sorted(expected)


def test_all_problems_are_told_at_once_whatever_they_are_about() -> None:
    text = """\
schema: 2
name: wrong
stops: [PASSIVE, ACTVE]
confirm: {within: 60, every: 5s}
colour: red
guards:
  calm: {quiet: {for: 5m}}
  left: {located: {}}
transitions:
  - {name: out, from: PASSIVE, to: ACTIVE, guards: [clam]}
  - {name: out, from: PASSIVE, to: ACTIVE}
  - {name: home, from: ACTIVE, to: RECOVRY, before: 5}
name: again
"""
    assert [line.split(" ")[0] for line in said_of_playbook(text)] == [
        "1:9:", "3:18:", "4:19:", "5:1:", "8:3:", "10:53:", "11:5:", "11:12:", "12:36:", "12:53:", "13:1:",
    ]  # fmt: skip


def test_what_stands_below_a_misspelt_key_is_judged_as_what_was_meant() -> None:
    text = PLAYBOOK.replace("guards:\n  calm:", "guard:\n  calm:").replace("{for: 5m}", "{fro: 5 min}")
    text = text.replace("guards: [calm]", "gaurds: [calm, clam]")
    assert said_of_playbook(text) == [
        '4:1: "guard" is not a known key; did you mean "guards"?',
        '6:13: "fro" is not a known key in guard.calm.quiet; did you mean "for"?',
        '6:18: "5 min" is not a duration: write a number and a unit (ms, s, m, h, d), such as 60s, 1h30m or 250ms',
        '11:5: "gaurds" is not a known key in item 1 of transitions; did you mean "guards"?',
        '11:20: "clam" is no guard of this playbook; did you mean "calm"?',
    ]


def test_a_misspelt_key_beside_the_right_one_is_told_alone() -> None:
    assert said_of_playbook(PLAYBOOK + "stop: [NOWHERE]\n") == [
        '15:1: "stop" is not a known key; did you mean "stops"?'
    ]


def test_a_plain_no_is_a_text_and_no_boolean() -> None:
    assert parse_playbook(PLAYBOOK.replace("name: small", "name: NO"), "f").name == "NO"


def test_more_problems_than_anybody_reads_are_cut_with_a_word_about_it() -> None:
    said = said_of_playbook(PLAYBOOK + "remember: [" + "1, " * 500 + "]\n")
    assert len(said) == 201
    assert said[0] == "1:1: there is more of the same: the first 200 are listed"


# -- those that ship with hamr, and where a playbook is looked for -------------------------------------------


def test_two_playbooks_ship_and_are_right() -> None:
    assert sorted(shipped_playbooks()) == ["onboarding", "regional-failover"]
    for name, path in shipped_playbooks().items():
        assert check_file(path).problems == ()
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
    assert isinstance(page, Http)
    assert (page.page, page.url) == ("secondary_from_outside", "")
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


def test_bare_names_are_looked_for_in_this_folder_before_the_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine.yml", "mine.yaml", "regional-failover.yaml"):
        Path(name).write_text(PLAYBOOK)
    assert load_playbook("mine.yml").path == "mine.yml"
    assert load_playbook("mine").path == "mine.yaml"
    assert load_playbook("regional-failover").name == "small"


@pytest.mark.parametrize("name", ["regional-failovr", "", "x" * 5000, "a\0b"])
def test_an_unknown_name_lists_the_shipped_ones(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_playbook(name)
    assert "Shipped: onboarding, regional-failover." in caught.value.message
    assert ('did you mean "regional-failover"?' in caught.value.message) == (name == "regional-failovr")


def test_a_path_that_leads_nowhere_is_said_so() -> None:
    with pytest.raises(DocumentError, match="there is no such file"):
        load_playbook("./none.yaml")
