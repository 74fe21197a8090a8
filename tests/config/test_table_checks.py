"""Transitions, stops and ways: a table that could strand a pair is refused."""

from __future__ import annotations

import pytest

from .texts import said_of_playbook


def table(*transitions: str, stops: str = "", guards: str = "") -> list[str]:
    lines = ["schema: 1", "name: x"]
    lines += [f"stops: [{stops}]"] if stops else []
    lines += [f"guards: {guards}"] if guards else []
    lines += ["transitions:", *(f"  - {{{transition}}}" for transition in transitions)]
    return said_of_playbook("\n".join(lines) + "\n")


OUT = "name: out, from: PASSIVE, to: ACTIVE"
HOME = "name: home, from: ACTIVE, to: PASSIVE"


def test_a_table_that_goes_there_and_back_is_right() -> None:
    assert table(OUT, HOME, stops="PASSIVE, ACTIVE") == []
    assert table(OUT, HOME) == []


def test_two_transitions_of_one_move_are_refused() -> None:
    assert table(OUT, HOME, "name: laxer, from: PASSIVE, to: ACTIVE") == [
        '6:5: two transitions go from PASSIVE to ACTIVE: "out" does already, and a refused transition must not fall through to a laxer one'
    ]


def test_two_transitions_of_one_name_are_refused() -> None:
    assert table(OUT, "name: out, from: ACTIVE, to: PASSIVE") == [
        '5:12: two transitions are named "out" (transitions 1 and 2)'
    ]


def test_a_transition_to_itself_is_refused() -> None:
    assert table(OUT, HOME, "name: stay, from: ACTIVE, to: ACTIVE") == [
        '6:36: "stay" goes from ACTIVE to itself'
    ]


def test_a_status_that_is_no_stop_and_cannot_be_left_is_refused() -> None:
    assert table(OUT, HOME, "name: on, from: ACTIVE, to: RECOVERY", stops="PASSIVE, ACTIVE") == [
        (
            "7:34: RECOVERY is no stop and can't be left: no transition comes from it, so a pair would stay there; "
            "add a transition, or add it to stops"
        )
    ]


def test_a_circle_without_a_stop_is_refused() -> None:
    transitions = (
        "name: a, from: ACTIVE, to: RECOVERY",
        "name: b, from: RECOVERY, to: FAILOVER",
        "name: c, from: FAILOVER, to: RECOVERY",
    )
    assert table(OUT, HOME, *transitions, stops="PASSIVE, ACTIVE") == [
        "7:33: RECOVERY is no stop, and no way through the transitions leads from it to one",
        "8:35: FAILOVER is no stop, and no way through the transitions leads from it to one",
    ]


def test_a_start_from_which_no_stop_can_be_reached_is_refused() -> None:
    transitions = ("name: a, from: ONBOARDING, to: RECOVERY", "name: b, from: RECOVERY, to: ONBOARDING")
    assert len(table(OUT, HOME, *transitions, stops="PASSIVE, ACTIVE")) == 2


def test_a_stop_to_which_no_transition_leads_is_refused() -> None:
    assert table(
        OUT, HOME, "name: a, from: ONBOARDING, to: PASSIVE", stops="PASSIVE, ACTIVE, ONBOARDING"
    ) == ["3:26: ONBOARDING can't be reached: no transition leads to it"]
    assert table(OUT, HOME, stops="PASSIVE, ACTIVE, FAILOVER") == [
        "3:26: FAILOVER can't be reached: no transition leads to it"
    ]


def test_a_stop_that_only_its_own_circle_leads_to_is_refused() -> None:
    transitions = ("name: a, from: RECOVERY, to: FAILOVER", "name: b, from: FAILOVER, to: RECOVERY")
    assert table(OUT, HOME, *transitions, stops="PASSIVE, ACTIVE, FAILOVER") == [
        "3:26: FAILOVER can't be reached: no way through the transitions leads to it from elsewhere"
    ]


def test_the_only_stop_of_a_circle_is_right() -> None:
    assert table(OUT, HOME, stops="PASSIVE") == []


def test_stops_left_out_are_all_statuses_that_a_transition_leads_to() -> None:
    assert table("name: a, from: ONBOARDING, to: PASSIVE") == []


def test_a_stop_that_stands_twice_is_refused() -> None:
    assert table(OUT, HOME, stops="PASSIVE, ACTIVE, PASSIVE") == [
        "3:26: PASSIVE stands twice among the stops"
    ]


def test_ways_are_not_judged_while_a_transition_cannot_be_read() -> None:
    assert len(table(OUT, "name: home, from: ACTVE, to: PASSIVE", stops="PASSIVE, FAILOVER")) == 1


def test_absent_may_be_where_a_transition_comes_from() -> None:
    assert (
        table(
            "name: make, from: ABSENT, to: ONBOARDING",
            "name: a, from: ONBOARDING, to: PASSIVE",
            stops="PASSIVE",
        )
        == []
    )


@pytest.mark.parametrize("where", ["from: ACTIVE, to: ABSENT", "from: ACTIVE, to: UNSPECIFIED"])
def test_what_cannot_be_written_is_refused_as_a_target(where: str) -> None:
    (only,) = table(OUT, HOME, f"name: a, {where}")
    assert only.startswith("6:33: ")


def test_an_org_is_written_once_in_a_transition() -> None:
    assert table(OUT + ", writes: [primary, primary]", HOME) == [
        "4:62: primary is written twice in this transition: once is enough"
    ]


def test_a_survivor_is_among_the_writes() -> None:
    assert table(OUT + ", writes: [primary], survivor: secondary", HOME) == [
        "4:73: secondary is not among the writes of this transition, so it cannot be the org that is written alone"
    ]


def test_a_connection_is_not_made_by_a_survivor_alone() -> None:
    (only,) = table("name: make, from: ABSENT, to: ONBOARDING, survivor: primary")
    assert only.startswith("4:48: a connection cannot be made with one org alone")


DECLARE = "name: declare, from: PASSIVE, to: FAILOVER, survivor: secondary"
ACTIVATE = "name: activate, from: FAILOVER, to: ACTIVE"


def test_an_emergency_must_not_get_stuck_between_stops() -> None:
    assert table(DECLARE, ACTIVATE, HOME, stops="PASSIVE, ACTIVE") == [
        (
            "5:60: with --emergency, a run would get stuck at FAILOVER, which is no stop, "
            'as no way on has the survivor secondary: "activate" would need the same survivor'
        )
    ]
    assert len(table(DECLARE, ACTIVATE + ", survivor: primary", HOME, stops="PASSIVE, ACTIVE")) == 1
    assert table(DECLARE, ACTIVATE + ", survivor: secondary", HOME, stops="PASSIVE, ACTIVE") == []


def test_a_guard_is_named_once_in_a_transition() -> None:
    assert table(OUT + ", guards: [linked, linked]", HOME) == [
        '4:61: the guard "linked" is named twice in this transition'
    ]


def test_what_an_emergency_is_spared_is_a_guard_of_a_transition_that_names_a_survivor() -> None:
    guarded = OUT + ", guards: [linked]"
    (unknown,) = table(guarded + ", survivor: secondary, planned_only: [alone]", HOME)
    assert '"alone" is not among the guards of this transition' in unknown
    (pointless,) = table(guarded + ", planned_only: [linked]", HOME)
    assert "this transition names no survivor" in pointless
    assert table(guarded + ", survivor: secondary, planned_only: [linked]", HOME) == []


def test_a_table_without_transitions_is_refused() -> None:
    assert said_of_playbook("schema: 1\nname: x\ntransitions: []\n") == [
        "3:14: this is empty, and at least one is wanted"
    ]
