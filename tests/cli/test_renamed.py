"""A pair that the inventory calls by another name: the journal knows its orgs, and nobody writes them unseen."""

from __future__ import annotations

from orchestrator.journal import JournalStore, ThisHost
from orchestrator.model.journal import Holder
from orchestrator.model.status import Status
from orchestrator.system.clock import SystemClock
from tests.steps import next_of

from .lab import Lab


def call(lab: Lab, old: str, new: str) -> None:
    lab.edit("pairs.yaml", f"\n  {old}:\n", f"\n  {new}:\n")


def test_law_12_nobody_writes_a_renamed_pair_unseen(lab: Lab) -> None:
    run = lab.left_owing()["run"]
    call(lab, "sim", "pay")
    before = lab.writes()
    for typed in (
        ("run", "pay", "--to", "PASSIVE"),
        ("run", "pay", "--to", "PASSIVE", "--emergency", "--reason", "it is down"),
        ("adopt", "pay", "--truth", "secondary", "--reason", "it is right"),
    ):
        words = lab.told(*typed, "--yes", code=3)
        assert (
            f"this journal knows these very orgs as pair sim: run {run} of alice@laptop was their last"
            in words
        )
        assert "the primary is owed ACTIVE there" in words
        assert "Call the pair sim in pairs.yaml again" in words
        assert f"hamr show {run}" in words
        assert "--override renamed=REASON" in words
    lab.run("resume", "pay", "--yes", code=2)
    assert lab.writes() == before
    call(lab, "pay", "sim")
    lab.run("resume", "sim", "--yes", code=0)
    assert lab.statuses() == (Status.ACTIVE, Status.ACTIVE)


def test_status_plan_and_doctor_say_that_a_pair_was_renamed(lab: Lab) -> None:
    run = lab.left_owing()["run"]
    call(lab, "sim", "pay")
    status = lab.json("status", "pay")
    assert status["known_as"] == "sim"
    listed = lab.run("runs", "--pair", "pay", code=0).stdout
    assert "hamr status pay\n      see whether its orgs were run under another name" in listed
    assert next_of(status)[0] == f"hamr show {run}"
    assert all(
        "--override renamed=" in step
        for step in next_of(status)
        if step.startswith(("hamr run", "hamr adopt"))
    )
    assert "knows these very orgs as pair sim" in " ".join(lab.run("status", "pay").stdout.split())
    assert "renamed" in lab.run("plan", "pay", "--to", "ACTIVE", "--emergency", "--reason", "down").stdout
    assert "as pair sim" in " ".join(lab.run("doctor", "pay", code=2).stdout.split())


def test_law_10_a_new_name_is_accepted_once_and_the_old_one_is_the_other_from_then_on(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    call(lab, "sim", "pay")
    home = ("run", "pay", "--to", "PASSIVE", "--yes")
    lab.run(*home, code=3)
    lab.run(*home, "--override", "renamed=it has a new owner", "--override", "alone=that was me", code=0)
    assert lab.json("status", "pay")["known_as"] is None
    call(lab, "pay", "sim")
    assert "as pair pay" in lab.told("run", "sim", "--to", "PASSIVE", "--yes", code=3)


def hold(lab: Lab, pair: str, run: str) -> None:
    """Somebody whose process lives is at this run."""
    pid, started = ThisHost().this_process()
    now = SystemClock().now()
    with JournalStore.open(lab.journal, now=SystemClock().now) as store:
        held = Holder("lock-a", pair, run, "bob", ThisHost().name, pid, started, now, now)
        assert store.take_lock(held) is None


def test_law_12_whoever_holds_a_pair_under_its_other_name_holds_it(lab: Lab) -> None:
    run = str(lab.json("run", "sim", "--to", "ACTIVE", "--yes")["run"])
    call(lab, "sim", "pay")
    hold(lab, "sim", run)
    typed = ("run", "pay", "--to", "PASSIVE", "--yes", "--override", "renamed=we know")
    assert f"bob on {ThisHost().name} (process {ThisHost().this_process()[0]}) holds them there" in lab.told(
        *typed, code=5
    )


def test_law_12_nor_is_a_run_taken_up_while_somebody_holds_its_orgs_under_another_name(lab: Lab) -> None:
    lab.edit(
        "quick.yaml", "survivor: secondary}", 'survivor: secondary, before: [{name: stop, run: ["false"]}]}'
    )
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=6)
    call(lab, "sim", "pay")
    there = lab.json("run", "pay", "--to", "PASSIVE", "--yes", "--override", "renamed=we know")
    hold(lab, "pay", str(there["run"]))
    call(lab, "pay", "sim")
    assert "holds them there" in lab.told("resume", "sim", "--yes", code=5)
    assert not lab.writes()


def test_resume_by_the_new_name_says_under_which_one_there_is_something_to_resume(lab: Lab) -> None:
    run = lab.left_owing()["run"]
    call(lab, "sim", "pay")
    said = lab.json("resume", "pay", "--yes", code=2)
    assert f"as pair sim: run {run} of alice@laptop was their last" in said["message"]
    assert "the primary is owed ACTIVE there. Call the pair sim in pairs.yaml again." in said["message"]
    assert next_of(said) == [f"hamr show {run}", "hamr status pay", "hamr runs"]
    lab.run("resume", "sim", "--yes", code=2)


def test_nothing_of_a_pair_that_the_inventory_does_not_name_is_offered(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    call(lab, "sim", "pay")
    assert next_of(lab.json("resume", "sim", "--yes", code=2)) == ["hamr runs"]


def test_a_stamp_of_a_run_under_the_other_name_is_not_said_to_be_unknown(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    call(lab, "sim", "pay")
    page = " ".join(lab.run("status", "pay").stdout.split())
    assert "which this journal does not know as this pair's" in page
    assert "which this journal does not know:" not in page
