"""A drill on the simulator: what it journals, what it never does, and how it ends."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.config import load_playbook, parse_playbook
from orchestrator.config.scenario import DoRun, Scenario
from orchestrator.drill.rehearsal import out_and_home
from orchestrator.errors import ExitCode, UsageError
from orchestrator.model.events import DrillClosed, DrillScored, DrillStarted, RunStarted, decode
from orchestrator.model.journal import Verified
from orchestrator.model.result import LessStrict, Score
from orchestrator.model.status import Status
from tests.playbooks import without

from .rehearsals import Room, missed

AROUND = """
schema: 1
name: around
stops: [PASSIVE, ACTIVE]
objectives: {ACTIVE: 15m}
probes:
  agents: {metric: {org: secondary, query: "sum:agents{*}"}}
  states: {http: {url: "http://127.0.0.1:9/state.json", pointer: /state}}
guards:
  agents_seen: {probe: {name: agents, above: 5}}
  well: {probe: {name: states, one_of: [fine, good]}}
  either: {any: [agents_seen, well]}
  not_gone: {not: gone}
  gone: {probe: {name: states, equals: gone}}
transitions:
  - name: declare
    from: PASSIVE
    to: FAILOVER
    survivor: secondary
    guards: [agents_seen, well, either, not_gone]
    before:
      - {name: flip, run: [/bin/sh, -c, "echo it ran > PLACE"]}
    after:
      - {name: press, manual: Press the button.}
  - {name: activate, from: FAILOVER, to: ACTIVE, survivor: secondary}
  - {name: recover, from: ACTIVE, to: RECOVERY}
  - {name: settle, from: RECOVERY, to: PASSIVE}
"""


def test_out_and_home_is_what_a_drill_does_where_nothing_is_written_down(room: Room) -> None:
    result = room.play(Scenario(""))
    assert missed(result) == []
    assert [(leg.name, leg.goal, leg.exit_code, leg.phase) for leg in result.score.legs] == [
        ("out", Status.ACTIVE, 0, "agreed(ACTIVE)"),
        ("home", Status.PASSIVE, 0, "agreed(PASSIVE)"),
    ]
    assert [step.transition for leg in result.score.legs for step in leg.steps] == [
        "declare",
        "activate",
        "recover",
        "settle",
    ]
    assert [each.status for leg in result.score.legs for each in leg.objectives] == [
        Status.ACTIVE,
        Status.PASSIVE,
    ]


def test_it_stands_in_the_journal_from_its_start_to_its_close(room: Room) -> None:
    result = room.play(Scenario(""))
    drill = result.score.drill
    assert room.kinds(drill) == ["drill.started", "drill.scored", "drill.closed"]
    events = [decode(record.kind, record.data) for record in room.store.records(run=drill)]
    assert events[0] == DrillStarted(Status.ACTIVE, Status.PASSIVE, "", None, simulated=True)
    assert events[1] == DrillScored(result.score)
    assert events[2] == DrillClosed("a test")
    started = [decode(record.kind, record.data) for record in room.store.records(kinds=("run.started",))]
    assert [each.drill for each in started if isinstance(each, RunStarted)] == [drill, drill]
    assert isinstance(room.store.verify(), Verified)
    assert result.head == room.store.head()


def test_two_drills_have_pairs_of_their_own_so_that_none_inherits_anything(room: Room) -> None:
    first, second = room.play(Scenario("")), room.play(Scenario(""))
    assert first.score.pair != second.score.pair
    assert second.exit_code is ExitCode.DONE


def test_a_rehearsal_starts_no_program_and_takes_probes_to_pass(room: Room, tmp_path: Path) -> None:
    place = tmp_path / "it-ran"
    playbook = parse_playbook(AROUND.replace("PLACE", str(place)), "around.yaml")
    result = room.play(Scenario(""), playbook=playbook)
    score = result.score
    assert missed(result) == []
    assert not place.exists()
    assert score.executed[0] == "out: transition declare (PASSIVE → FAILOVER), 2 writes"
    assert not [each for each in score.executed if "flip" in each or "probe" in each]
    assert "hook flip of transition declare: its program was not started, as the regions are simulated" in (
        score.not_executed
    )
    assert "hook press of transition declare: left to a person: Press the button." in score.not_executed
    assert score.not_executed[0].startswith("Datadog itself: the two regions are simulated")
    assert (
        LessStrict("agents_seen", "its probe agents was not read: it was taken to say 6") in score.less_strict
    )
    assert LessStrict("well", "its probe states was not read: it was taken to say fine") in score.less_strict
    assert {each.guard for each in score.less_strict} == {"agents_seen", "well", "either", "not_gone", "gone"}


def test_what_a_scenario_lets_a_probe_say_is_what_its_guards_judge(room: Room, tmp_path: Path) -> None:
    playbook = parse_playbook(AROUND.replace("PLACE", str(tmp_path / "no")), "around.yaml")
    result = room.play(
        "probes: {agents: 5}\nsteps:\n  - run: {to: ACTIVE}\n"
        "    expect: {exit: 3, refused: [agents_seen], writes: []}\n",
        playbook=playbook,
    )
    assert missed(result) == []
    words = "its probe agents was not read: the scenario says 5"
    assert LessStrict("agents_seen", words) in result.score.less_strict


def test_metrics_that_are_scripted_in_the_regions_are_read_there(room: Room, tmp_path: Path) -> None:
    playbook = parse_playbook(AROUND.replace("PLACE", str(tmp_path / "no")), "around.yaml")
    result = room.play(
        'faults:\n  - metric: {query: "sum:agents{*}", value: no data, org: secondary}\n'
        "steps:\n  - run: {to: ACTIVE}\n    expect: {exit: 3, refused: [agents_seen]}\n",
        playbook=playbook,
    )
    assert missed(result) == []


def test_a_missed_expectation_ends_with_11_and_names_the_records_that_show_it(room: Room) -> None:
    result = room.play("steps:\n  - run: {to: ACTIVE}\n    expect: {exit: 3}\n")
    (expectation,) = missed(result)
    assert result.exit_code is ExitCode.DRILL_MISSED
    assert expectation.name == "out: exit code 3"
    kinds = [record.kind for record in room.store.records() if record.seq in expectation.records]
    assert kinds == ["run.finished"]


def test_whatever_a_scenario_leaves_behind_the_pair_is_brought_home(room: Room) -> None:
    result = room.play(
        "steps:\n  - dark: {org: primary}\n"
        "  - run: {to: ACTIVE, emergency: true, reason: us1}\n    expect: {exit: 8}\n"
    )
    assert missed(result) == []
    assert [leg.name for leg in result.score.legs] == ["out", "clean-up", "clean-up"]
    assert result.score.legs[-1].phase == "agreed(PASSIVE)"
    assert result.closed


def test_a_moment_that_never_comes_is_missed(room: Room) -> None:
    result = room.play(
        "steps:\n  - run: {to: ACTIVE}\n    dies: {after: write.unknown}\n"
        "    meanwhile: {after: wait.began, run: {to: ACTIVE}, by: bob}\n"
    )
    assert [each.name for each in missed(result)] == [
        "out: out, during out, after wait.began 1",
        "out: its process dies, after write.unknown 1",
    ]


def test_a_playbook_that_cools_down_is_gone_on_with_and_that_is_said(room: Room) -> None:
    playbook = replace(load_playbook("regional-failover"), cool_down=timedelta(minutes=10))
    result = room.play(Scenario(""), playbook=playbook)
    assert missed(result) == []


@pytest.mark.parametrize("seed", [2, 5, 10, 46, 240])
def test_with_a_seed_the_laws_hold_and_the_pair_is_home_in_the_end(seed: int, room: Room) -> None:
    result = room.play(Scenario(""), seed=seed)
    assert missed(result) == []
    assert result.score.seed == seed
    assert [each.name for each in result.score.expectations if each.name.startswith("always")] == [
        "always: nothing is written after somebody else's change was seen",
        "always: every write that a region saw stood in the journal first",
        "always: every run came to an end, or can be resumed",
        "always: the pair is at home in the end (agreed(PASSIVE))",
        "always: the journal verifies",
    ]


def test_a_playbook_without_a_way_home_is_refused_before_anything_is_journalled(room: Room) -> None:
    with pytest.raises(UsageError, match="onboarding can't be drilled from PASSIVE to ACTIVE"):
        room.play(Scenario(""), playbook=load_playbook("onboarding"))
    with pytest.raises(UsageError, match="no transitions that lead from ACTIVE to PASSIVE"):
        room.play(Scenario(""), playbook=without(load_playbook("regional-failover"), "recover"))
    assert room.store.head().seq == 0


def test_a_scenario_for_another_playbook_is_refused_with_what_was_meant(room: Room) -> None:
    with pytest.raises(UsageError, match=r"no probe agent_in_primary \(did you mean agents_in_primary\?\)"):
        room.play("probes: {agent_in_primary: 3}\n")
    with pytest.raises(UsageError, match="there is no guard setled"):
        room.play("steps:\n  - run: {to: ACTIVE, override: {setled: why}}\n")


def test_the_goal_may_be_any_stop_but_home(room: Room) -> None:
    with pytest.raises(UsageError, match="the drill would go to PASSIVE, and that is where it begins"):
        room.play(Scenario("", goal=Status.PASSIVE))
    assert [step.action for step in out_and_home(Status.PASSIVE, Status.ACTIVE)] == [
        DoRun(Status.ACTIVE),
        DoRun(Status.PASSIVE),
    ]


def test_a_score_without_expectations_has_passed() -> None:
    assert Score("d", "sim", "p", (), (), (), ()).passed
