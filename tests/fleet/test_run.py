"""Many pairs from the command line, over real sockets: waves, what stops and what does not, a killed process, two people at once."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from orchestrator.journal import JournalStore, ThisHost
from orchestrator.model.events import FleetPairEnded, FleetStarted, RunStarted
from orchestrator.model.journal import Holder
from orchestrator.model.plain import moment
from orchestrator.model.status import Role, Status
from orchestrator.simulator import Fault, ServerError
from orchestrator.system.clock import SystemClock
from tests.steps import next_of

from .conftest import NAMES
from .lab import FleetLab

PASSIVE, ACTIVE = (Status.PASSIVE, Status.PASSIVE), (Status.ACTIVE, Status.ACTIVE)
ALL_ACTIVE = dict.fromkeys(NAMES, ACTIVE)


def ended(lab: FleetLab) -> list[tuple[str, int]]:
    """Each pair's end in the journal, in order, with its exit code."""
    return [(each.pair, each.data["outcome"]["exit_code"]) for each in lab.records(FleetPairEnded.kind)]  # type: ignore[index, call-overload, misc]


def test_waves_move_one_after_the_other_each_pair_once(lab: FleetLab) -> None:
    found = lab.json("fleet", "run", "--all", "--to", "ACTIVE", "--yes", "--waves", "1,40%,rest")
    assert lab.statuses() == ALL_ACTIVE
    assert lab.writes() == dict.fromkeys(NAMES, 4)
    assert found["waves"] == [["pay-1"], ["pay-2", "web-1"], ["web-2", "db-1"]]
    assert (found["finished"], found["arrived"], found["exit_code"], found["need_person"]) == (True, 5, 0, [])
    assert {each["stands"] for each in found["pairs"]} == {"agreed(ACTIVE)"}
    order = [pair for pair, _ in ended(lab)]
    assert order[0] == "pay-1"
    assert set(order[1:3]) == {"pay-2", "web-1"}
    (started,) = lab.records(FleetStarted.kind)
    assert (started.pair, started.run) == ("", found["fleet"])
    assert {each.data["fleet"] for each in lab.records(RunStarted.kind)} == {found["fleet"]}


def test_only_those_that_were_selected_move(lab: FleetLab) -> None:
    lab.run("fleet", "run", "--select", "tier=gold", "--to", "ACTIVE", "--yes", code=0)
    assert [pair for pair, stands in lab.statuses().items() if stands == ACTIVE] == ["pay-1", "pay-2"]


def test_those_that_are_there_already_are_written_nothing(lab: FleetLab) -> None:
    lab.run("run", "pay-2", "--to", "ACTIVE", "--yes", code=0)
    lab.run("fleet", "run", "pay-*", "--to", "ACTIVE", "--yes", code=0)
    assert (lab.writes()["pay-1"], lab.writes()["pay-2"]) == (4, 4)


def test_a_refusal_of_one_stops_no_other_and_comes_first_with_what_to_type(lab: FleetLab) -> None:
    lab.of("pay-2").do(lambda: lab.sims["pay-2"].foreign_write(Role.PRIMARY, Status.PASSIVE))
    result = lab.run("fleet", "run", "--all", "--to", "ACTIVE", "--yes", code=3)
    assert lab.statuses() == {**ALL_ACTIVE, "pay-2": PASSIVE}
    table = result.stdout.split("Fleet ", 1)[1]
    first = table.index("pay-2")
    assert all(first < table.index(pair) for pair in NAMES if pair != "pay-2")
    assert "settled" in table
    assert "  hamr doctor pay-2" in table


def test_law_12_a_pair_that_somebody_holds_under_another_name_is_theirs_and_the_others_go_on(
    lab: FleetLab,
) -> None:
    """They have an inventory of their own, and the same journal."""
    of = lab.of("web-1")
    theirs = lab.json("run", "web-1", "--to", "ACTIVE", "--yes")["run"]
    of.edit("pairs.yaml", "\n  web-1:\n", "\n  shop:\n")
    pid, started = ThisHost().this_process()
    now = SystemClock().now()
    with JournalStore.open(of.journal, now=SystemClock().now) as store:
        held = Holder("lock-a", "web-1", theirs, "bob", ThisHost().name, pid, started, now, now)
        assert store.take_lock(held) is None
    before = lab.writes()["web-1"]
    found = lab.json("fleet", "run", "shop", "db-1", "--to", "PASSIVE", "--yes", code=5)
    assert (lab.writes()["web-1"], lab.statuses()["web-1"]) == (before, ACTIVE)
    (kept,) = (pair for pair in found["pairs"] if pair["pair"] == "shop")
    assert f"bob on {ThisHost().name} (process {pid}) holds them there" in kept["message"]


def test_the_stop_rule_begins_nothing_new_and_resume_goes_on(lab: FleetLab) -> None:
    lab.of("pay-1").do(lambda: lab.sims["pay-1"].foreign_write(Role.PRIMARY, Status.PASSIVE))
    result = lab.run(
        *("fleet", "run", "--all", "--to", "ACTIVE", "--yes", "--waves", "1,rest", "--stop-after", "1"),
        code=6,
    )
    assert "It stopped: 1 pair of wave 1 did not arrive (--stop-after 1)." in result.stdout
    assert set(lab.statuses().values()) == {PASSIVE}
    assert sum(lab.writes().values()) == 0
    assert f"hamr fleet resume {lab.fleet().fleet}" in result.stdout
    # Nothing has changed, so it stops once more; without the rule it would not have.
    assert (
        lab.json("fleet", "resume", "--yes", code=6)["stopped"]
        == "1 pair of wave 1 did not arrive (--stop-after 1)"
    )


def assert_lasted(lab: FleetLab, pair: Mapping[str, Any]) -> None:
    """What a pair took is counted from when its run began, whoever took that up since."""
    (began,) = (moment(each.at) for each in lab.records(RunStarted.kind) if each.run == pair["run"])
    lasted = (moment(pair["ended_at"]) - began).total_seconds()
    assert lasted - 0.9 < pair["seconds"] < lasted + 0.1


def test_a_killed_fleet_is_taken_up_by_another_operator(slow: FleetLab) -> None:
    process = slow.start("fleet", "run", "--all", "--to", "ACTIVE", "--yes", "--waves", "1,2,rest")
    slow.wait_for(lambda: slow.writes()["pay-2"] == 1)
    process.kill()
    process.wait(10)
    view = slow.fleet()
    assert (view.wave, view.members["pay-1"].arrived, view.members["pay-2"].outcome) == (2, True, None)
    page = slow.run("fleet", "report", code=0).stdout
    (row,) = (text for text in page.splitlines() if text.startswith("pay-2"))
    assert row.split(maxsplit=4) == ["pay-2", "2", "-", "-", "its wave has begun; no end yet"]
    assert "1 of 5 pairs arrived, 2 with no end yet, 2 not begun" in page
    assert f"  hamr fleet resume {view.fleet}\n      go on with it, where nobody is at it any more\n" in page
    html = slow.run("fleet", "report", "--html", "-", code=0).stdout
    assert html.count('<td colspan="6">its wave has begun; no end yet</td>') == 2
    assert '<dt>No end yet</dt><dd class="value warn">2</dd>' in html
    junit = slow.run("fleet", "report", "--junit", "-", code=0).stdout
    assert junit.count('<skipped message="its wave has begun; no end yet"/>') == 2
    doctor = slow.run("fleet", "doctor", "--all", code=2).stdout
    assert f"Next\n  hamr fleet resume {view.fleet}\n" in doctor
    assert "  hamr resume" not in doctor
    shown = slow.run("fleet", "status", "--all").stdout
    assert f"Next\n  hamr fleet resume {view.fleet}\n" in shown
    assert slow.json("fleet", "status", "db-1")["next"][0]["command"] == f"hamr fleet resume {view.fleet}"
    begun = slow.records(RunStarted.kind)
    found = slow.json("fleet", "resume", "--yes", "--operator", "bob@desk")
    assert slow.statuses() == ALL_ACTIVE
    assert slow.writes() == dict.fromkeys(NAMES, 4), "no write was made twice"
    by = {each["pair"]: each["by"] for each in found["pairs"]}
    assert by == {**dict.fromkeys(NAMES, "bob@desk"), "pay-1": "alice@laptop"}
    assert [each["by"] for each in found["resumed"]] == ["bob@desk"]
    assert_lasted(slow, found["pairs"][1])
    assert " since it was taken up again</dd>" in slow.run("fleet", "report", "--html", "-", code=0).stdout
    runs = {each.pair: each.run for each in begun}
    assert [each["run"] for each in found["pairs"]][:3] == [runs[pair] for pair in NAMES[:3]], (
        "no run began anew"
    )
    assert slow.json("fleet", "status", "--all")["next"] == [], "nothing is left to do"
    again = slow.json("fleet", "resume", found["fleet"], "--yes")
    assert again["exit_code"] == 0
    assert slow.writes() == dict.fromkeys(NAMES, 4)


def test_a_fleet_whose_journal_is_gone_says_so_and_offers_no_resume(slow: FleetLab) -> None:
    process = slow.start(
        "fleet", "run", "--all", "--to", "ACTIVE", "--yes", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    slow.wait_for(lambda: slow.writes()["pay-1"] == 2)
    (slow.folder / "journal.db").unlink()
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 9
    assert "hamr fleet resume" not in said
    assert "sent          What was sent is not told there any more." in said
    assert "Next\n  hamr fleet status --all\n" in said


def test_law_05_what_was_given_up_and_may_come_late_is_said_of_its_pair(lab: FleetLab) -> None:
    lab.of("web-1").fault(Fault(ServerError(504), 1, Role.PRIMARY, "POST"))
    found = lab.json("fleet", "run", "--all", "--to", "ACTIVE", "--yes")
    assert lab.statuses() == ALL_ACTIVE
    (late,) = (each for each in found["pairs"] if "may still take effect" in each["message"])
    assert late["message"] == (
        f"pair web-1 stands at ACTIVE, on both orgs. Attempt 2 of run {late['run']} (FAILOVER to Simulated Primary (primary)) "
        "was given up, and may still take effect: look again in 15 min (hamr status web-1)"
    )
    assert next_of(found) == ["hamr status web-1"]
    report = lab.run("fleet", "report", code=0).stdout
    assert "Next\n  hamr status web-1\n      look again: what was given up may still take effect\n" in report


def test_a_wish_to_stop_from_elsewhere_ends_each_transition_and_begins_nothing(slow: FleetLab) -> None:
    process = slow.start("fleet", "run", "--all", "--to", "ACTIVE", "--yes", "--waves", "2,rest")
    try:
        slow.wait_for(lambda: slow.writes()["pay-1"] == 1)
        slow.run("fleet", "stop", "--reason", "the freeze is on", "--operator", "bob@desk", code=0)
        assert process.wait(20) == 6
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    statuses = slow.statuses()
    assert all(primary is secondary for primary, secondary in statuses.values()), "each transition was ended"
    assert statuses["db-1"] == PASSIVE
    assert slow.fleet().stopped == "bob@desk asked for it: the freeze is on"
    slow.run("fleet", "resume", "--yes", code=0)
    assert slow.statuses() == ALL_ACTIVE


def test_two_overlapping_fleets_leave_each_pair_to_whoever_holds_it(slow: FleetLab) -> None:
    first = slow.start("fleet", "run", "pay-*", "web-*", "--to", "ACTIVE", "--yes", "--waves", "rest")
    slow.wait_for(lambda: slow.writes()["web-2"] >= 1)
    found = slow.json(
        *(
            "fleet",
            "run",
            "web-*",
            "db-1",
            "--to",
            "ACTIVE",
            "--yes",
            "--waves",
            "rest",
            "--operator",
            "bob@desk",
        ),
        code=5,
    )
    assert first.wait(20) == 0
    codes = {each["pair"]: each["exit_code"] for each in found["pairs"]}
    assert codes == {"web-1": 5, "web-2": 5, "db-1": 0}
    assert slow.writes() == dict.fromkeys(NAMES, 4)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--select", "tier=bronze", "--to", "ACTIVE"), "no pair's tier is 'bronze'"),
        (("--to", "ACTIVE"), "It is not said which pairs are meant"),
        (("--all", "--to", "FAILOVER"), "did you mean ACTIVE?"),
        (("--all", "--to", "ACTIVE", "--waves", "0"), "--waves 0: a wave is a number of pairs (1 or more)"),
        (("--all", "--to", "ACTIVE", "--waves", "110%"), "110% is no share of the pairs: 1% to 100%"),
        (
            ("--all", "--to", "ACTIVE", "--waves", "1"),
            "These waves take 1 of 5 pairs (1): end them with rest",
        ),
        (("--all", "--to", "ACTIVE", "--emergency"), "--emergency wants a reason"),
    ],
)
def test_bad_input_is_one_error_and_nothing_is_sent(lab: FleetLab, args: tuple[str, ...], said: str) -> None:
    result = lab.run("fleet", "run", *args, "--yes", code=2)
    assert said in " ".join(result.stderr.split())
    assert "Nothing was sent." in result.stderr
    assert sum(lab.writes().values()) == 0
    assert lab.records(FleetStarted.kind) == []


def test_a_run_that_somebody_left_in_the_middle_is_theirs_and_stops_no_other(slow: FleetLab) -> None:
    process = slow.start("run", "pay-1", "--to", "ACTIVE", "--yes")
    slow.wait_for(lambda: slow.writes()["pay-1"] == 1)
    process.kill()
    process.wait(10)
    alone = slow.json("fleet", "run", "pay-1", "--to", "ACTIVE", "--yes", code=5)
    assert next_of(alone)[0].startswith("hamr resume ")
    found = slow.json("fleet", "run", "pay-*", "--to", "ACTIVE", "--yes", "--waves", "rest", code=5)
    codes = {each["pair"]: each["exit_code"] for each in found["pairs"]}
    assert codes == {"pay-1": 5, "pay-2": 0}
    (left,) = (record.run for record in slow.records(RunStarted.kind) if record.pair == "pay-1")
    assert found["pairs"][0]["next"][0]["command"] == f"hamr resume {left}"
    first = f"hamr fleet resume {found['fleet']}"
    assert next_of(found) == [f"hamr resume {left}", first], "the fleet would meet that run again"
    assert slow.writes()["pay-1"] == 1
    slow.run("resume", left, "--yes", code=0)
    assert slow.json("fleet", "resume", found["fleet"], "--yes")["arrived"] == 2
    assert slow.writes() == {**dict.fromkeys(NAMES, 0), "pay-1": 4, "pay-2": 4}


def test_a_drill_or_a_debt_of_one_pair_is_that_pairs_refusal(lab: FleetLab) -> None:
    lab.of("pay-1").do(lambda: lab.sims["pay-1"].set_dark(Role.PRIMARY, True))
    lab.run("run", "pay-1", "--to", "ACTIVE", "--emergency", "--reason", "dark", "--yes", code=8)
    lab.of("pay-1").do(lambda: lab.sims["pay-1"].set_dark(Role.PRIMARY, False))
    found = lab.json("fleet", "run", "pay-*", "--to", "ACTIVE", "--yes", "--waves", "rest", code=3)
    assert {each["pair"]: each["exit_code"] for each in found["pairs"]} == {"pay-1": 3, "pay-2": 0}
    assert found["pairs"][0]["next"][0]["command"] == "hamr resume pay-1"
    assert next_of(found) == ["hamr resume pay-1", f"hamr fleet resume {found['fleet']}"]
    assert lab.statuses()["pay-2"] == ACTIVE


def test_law_15_a_fleet_whose_pair_somebody_else_changed_leads_to_that_first(slow: FleetLab) -> None:
    process = slow.start("fleet", "run", "pay-1", "--to", "ACTIVE", "--yes")
    slow.wait_for(lambda: slow.statuses()["pay-1"][1] is Status.FAILOVER)
    slow.of("pay-1").do(lambda: slow.sims["pay-1"].foreign_write(Role.SECONDARY, Status.RECOVERY))
    assert process.wait(20) == 4
    found = slow.json("fleet", "report")
    settle, again = next_of(found)
    assert settle.startswith("hamr adopt pay-1 ")
    assert again == f"hamr fleet resume {found['fleet']}"


def test_law_15_a_fleet_that_meets_another_ones_open_run_leads_to_that_fleet_first(slow: FleetLab) -> None:
    process = slow.start("fleet", "run", "pay-1", "--to", "ACTIVE", "--yes")
    slow.wait_for(lambda: slow.writes()["pay-1"] == 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    theirs = slow.fleet().fleet
    found = slow.json("fleet", "run", "pay-1", "web-1", "--to", "PASSIVE", "--yes", code=3)
    ours = f"hamr fleet resume {found['fleet']}"
    assert next_of(found) == [f"hamr fleet resume {theirs}", ours]
    assert next_of(slow.json("fleet", "resume", found["fleet"], "--yes", code=3)) == next_of(found)
    slow.run("fleet", "resume", theirs, "--yes", code=0)
    assert slow.json("fleet", "resume", found["fleet"], "--yes")["arrived"] == 2


def test_law_02_looking_at_many_pairs_sends_nothing_but_gets_and_leaves_no_journal(lab: FleetLab) -> None:
    lab.run("fleet", "plan", "--all", "--to", "ACTIVE", code=0)
    lab.run("fleet", "status", "--all", code=0)
    lab.run("fleet", "doctor", "--all", code=0)
    lab.run("fleet", "plan", "--all", "--to", "ACTIVE", "--emergency", "--reason", "what if", code=0)
    assert {request.method for sim in lab.sims.values() for request in sim.requests} == {"GET"}
    assert not (lab.folder / "journal.db").exists()


def test_without_a_terminal_what_is_wrong_comes_before_the_wish_for_one(lab: FleetLab) -> None:
    lab.run("fleet", "run", "pay-1", "--to", "ACTIVE", "--yes", code=0)
    for typed, said in (
        ("fleet run nobody --to ACTIVE", "nobody"),
        ("fleet run pay-1 --to ACTIVE --playbook none.yaml", "none.yaml"),
        ("fleet resume 2020", "knows no fleet '2020'"),
        ("approve 2020", "2020"),
    ):
        refused = " ".join(lab.run(*typed.split()).stderr.split())
        assert said in refused, typed
        assert "there is no terminal" not in refused, typed
    assert "there is no terminal" in lab.run("fleet", "run", "pay-2", "--to", "ACTIVE", code=2).stderr


def test_where_several_may_be_meant_each_is_told_by_goal_time_and_who(lab: FleetLab) -> None:
    lab.of("pay-2").do(lambda: lab.sims["pay-2"].foreign_write(Role.PRIMARY, Status.PASSIVE))
    for _ in range(2):
        lab.run("fleet", "run", "pay-*", "--to", "ACTIVE", "--yes", code=3)
    refused = " ".join(lab.run("fleet", "resume", "--yes", code=2).stderr.split())
    assert "has tried all of its pairs, whether they arrived or not" in refused
    refused = lab.json("fleet", "stop", code=2)
    assert "go on" not in refused["message"]
    assert [step["command"] for step in refused["next"]] == ["hamr fleet report last"]
    refused = " ".join(lab.run("fleet", "resume", "2", "--yes", code=2).stderr.split())
    assert "There are 2: say which fleet is meant." in refused
    assert refused.count("by alice@laptop; 1 of 2 pairs arrived") == 2
    assert "to ACTIVE, begun 20" in refused
    for verb in ("resume", "stop", "report"):
        onward = lab.json("fleet", verb, "2", *(("--yes",) if verb == "resume" else ()), code=2)["next"]
        assert [step["verb"] for step in onward] == [f"fleet {verb}"] * 2


def test_a_fleet_whose_pairs_a_later_one_took_is_gone_on_with_by_name_alone(lab: FleetLab) -> None:
    lab.of("pay-2").do(lambda: lab.sims["pay-2"].foreign_write(Role.PRIMARY, Status.PASSIVE))
    both = ("fleet", "run", "pay-2", "web-1", "--to", "ACTIVE", "--yes")
    lab.run(*both, "--waves", "1,1", "--stop-after", "1", code=6)
    first = lab.fleet().fleet
    lab.run("fleet", "run", "web-1", "pay-1", "--to", "ACTIVE", "--yes", code=0)
    assert lab.json("fleet", "resume", "--yes", code=6)["fleet"] == first, "nobody else has taken pay-2"
    lab.run(*both, code=3)
    refused = " ".join(lab.run("fleet", "resume", "--yes", code=2).stderr.split())
    assert (
        "has tried all of its pairs, whether they arrived or not, or left them to one that began later."
        in refused
    )
    assert lab.json("fleet", "resume", first, "--yes", code=6)["fleet"] == first


def test_a_pair_whose_run_was_taken_up_by_itself_needs_nobody_any_more(slow: FleetLab) -> None:
    process = slow.start("fleet", "run", "pay-*", "--to", "ACTIVE", "--yes", "--waves", "2")
    slow.wait_for(lambda: min(slow.writes()[pair] for pair in ("pay-1", "pay-2")) >= 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    needing = slow.json("fleet", "report")
    assert needing["need_person"] == ["pay-1", "pay-2"]
    typed = needing["pairs"][0]["next"][0]["command"]
    assert typed == f"hamr resume {needing['pairs'][0]['run']}"
    slow.run(*typed.split()[1:], "--yes", code=0)
    found = slow.json("fleet", "report")
    assert (found["need_person"], found["arrived"]) == (["pay-2"], 1)
    assert found["pairs"][0]["stands"] == "agreed(ACTIVE)"
    assert found["pairs"][0]["next"] == []
    assert_lasted(slow, found["pairs"][0])
    page = slow.run("fleet", "report", code=0).stdout
    assert page.split("Next\n")[1].count("  hamr ") == 1, "the fleet takes up what is open, all of it"
    found = slow.json("fleet", "resume", "--yes")
    assert (found["arrived"], found["exit_code"], found["finished"]) == (2, 0, True)
