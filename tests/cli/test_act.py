"""Verbs that act, on real sockets: run, resume, adopt, unlock, ack."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.journal import JournalStore, host_name
from orchestrator.journal.processes import this_process
from orchestrator.model.journal import Holder
from orchestrator.model.status import Role, Status
from orchestrator.simulator import Fault, ServerError

from .lab import Lab

P, S = Role.PRIMARY, Role.SECONDARY
PASSIVE, FAILOVER, ACTIVE = Status.PASSIVE, Status.FAILOVER, Status.ACTIVE


def test_a_run_reaches_its_goal_and_tells_how(lab: Lab) -> None:
    result = lab.run("run", "sim", "--to", "ACTIVE", "--since", "12m", "--ref", "INC-7", "--yes", code=0)
    assert lab.statuses() == (ACTIVE, ACTIVE)
    assert (
        result.stdout.index("is told FAILOVER")
        < result.stdout.index("is told ACTIVE")
        < result.stdout.index("DONE.")
    )
    assert "ACTIVE met: 12 min" in result.stdout
    assert "A status moves no traffic." in result.stdout
    assert result.stderr.startswith("There is no journal of a run here yet (")


def test_with_json_stdout_carries_the_result_alone_and_progress_goes_to_stderr(lab: Lab) -> None:
    result = lab.run("run", "sim", "--to", "ACTIVE", "--yes", "--json", code=0)
    assert result.stdout.startswith('{\n  "schema": "hamr/result/1"')
    assert "is told FAILOVER" in result.stderr


def test_with_yes_no_preview_is_read(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "PASSIVE", "--yes", code=0)
    paths = [request.path for request in lab.sim.requests if request.path != "/api/v1/events"]
    assert sorted(paths) == ["/api/v2/hamr"] * 2 + ["/api/v2/validate"] * 2


def test_law_10_a_refusal_lists_its_guards_with_their_flags_and_sends_nothing(lab: Lab) -> None:
    lab.do(lambda: lab.sim.foreign_write(P, PASSIVE, "bob@example.com"))
    result = lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=3)
    assert "bob@example.com" in result.stdout
    assert "--override settled=" in result.stdout
    assert lab.writes() == 0
    done = lab.run("run", "sim", "--to", "ACTIVE", "--override", "settled=asked bob", "--yes", code=0).stdout
    assert "on both orgs\n\nDid not pass, and did not stop it\n" in done
    assert "was not needed" not in done


def test_law_10_an_override_of_a_guard_that_passes_is_noted_though_nobody_was_asked(lab: Lab) -> None:
    ran = ("run", "sim", "--to", "ACTIVE", "--yes", "--override", "settled=we looked")
    assert "\n  override      settled was not needed\n" in lab.run(*ran, code=0).stdout


@pytest.mark.parametrize("guard", ["linked", "fresh"])
def test_law_10_what_can_never_be_overridden_is_refused_at_once(lab: Lab, guard: str) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--override", f"{guard}=x", "--yes", code=2)
    assert lab.sim.requests == ()


def test_law_12_a_pair_that_is_held_is_refused_with_its_holder(lab: Lab) -> None:
    hold(lab, pid=os.getpid(), process=this_process()[1])
    result = lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=5)
    assert "bob on" in result.stderr
    assert lab.posts() == 0


def hold(lab: Lab, *, pid: int, process: str, host: str = "") -> None:
    """Somebody takes the pair's lock."""
    now = datetime.now(UTC)
    with JournalStore.open(lab.journal, now=lambda: now) as store:
        holder = Holder(
            "abc123", "sim", "20260101-000000-aaaa", "bob", host or host_name(), pid, process, now, now
        )
        assert store.take_lock(holder) is None


def gone() -> tuple[int, str]:
    """A process that is no more."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    boot, namespace, started = this_process()[1].split(" ")
    return done.pid, f"{boot} {namespace} {int(started) - 1}"


def test_law_12_a_living_holders_lock_is_not_broken(lab: Lab) -> None:
    hold(lab, pid=os.getpid(), process=this_process()[1])
    result = lab.run("unlock", "sim", "--lock-id", "abc123", "--reason", "stuck", "--yes", code=5)
    assert f"kill -INT {os.getpid()}" in result.stderr
    assert lab.json("status", "sim")["lock"]["id"] == "abc123"


def test_law_12_a_dead_holders_lock_is_broken_by_its_id_and_journalled(lab: Lab) -> None:
    pid, process = gone()
    hold(lab, pid=pid, process=process)
    assert "its lock is abc123 of bob" in lab.told(
        "unlock", "sim", "--lock-id", "abc", "--reason", "stuck", "--yes", code=2
    )
    document = lab.json("unlock", "sim", "--lock-id", "abc123", "--reason", "stuck", "--yes")
    assert (document["schema"], document["lock"], document["operator"]) == ("hamr/unlock/1", "abc123", "bob")
    (record,) = lab.json("show", "20260101-000000-aaaa")["records"]
    assert (record["kind"], record["data"]["reason"], record["by"]) == ("lock.broken", "stuck", "alice")
    assert lab.json("status", "sim")["lock"] is None
    assert lab.posts() == 0


def test_a_lock_from_another_machine_may_be_broken(lab: Lab) -> None:
    boot = "00000000-0000-4000-8000-000000000000"
    hold(lab, pid=os.getpid(), process=f"{boot} pid:[4026531836] 99", host=host_name())
    assert "another machine or boot" in lab.told("run", "sim", "--to", "ACTIVE", "--yes", code=5)
    lab.run("unlock", "sim", "--lock-id", "abc123", "--reason", "bob's laptop is off", "--yes", code=0)


def test_law_15_a_lock_with_a_time_that_nobody_can_read_leads_to_breaking_it(lab: Lab) -> None:
    hold(lab, pid=1, process="another boot", host="laptop2")
    with closing(sqlite3.connect(lab.journal)) as journal, journal:
        journal.execute("UPDATE locks SET taken_at = 'yesterday', beat_at = ''")
    unlock = "hamr unlock sim --lock-id abc123 --reason TEXT"
    assert unlock in lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=5).stderr
    assert unlock in lab.run("status", "sim", code=0).stdout
    lab.run("unlock", "sim", "--lock-id", "abc123", "--reason", "bob has gone home", "--yes", code=0)
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)


def test_an_empty_reason_is_none(lab: Lab) -> None:
    lab.run("unlock", "sim", "--lock-id", "abc123", "--reason", " ", "--yes", code=2)
    lab.run("adopt", "sim", "--truth", "primary", "--reason", "", "--yes", code=2)
    lab.run("run", "sim", "--to", "ACTIVE", "--emergency", "--yes", code=2)
    lab.run("resume", "--emergency", "--yes", code=2)


def left_unknown(lab: Lab) -> str:
    """A run whose second write nobody knows the outcome of; gives its id."""
    lab.edit("quick.yaml", "within: 1s", "within: 200ms")
    lab.fault(Fault(ServerError(), role=P, method="POST", times=None))
    run = lab.json("run", "sim", "--to", "ACTIVE", "--yes", code=7)["run"]
    assert lab.statuses() == (PASSIVE, FAILOVER)
    lab.do(lab.sim.faults.clear)
    return str(run)


def test_an_unknown_outcome_is_a_fact_of_status_until_it_is_resumed(lab: Lab) -> None:
    left_unknown(lab)
    status = lab.json("status", "sim", code=7)
    assert status["unknown"][0]["status"] == "FAILOVER"
    assert "--override unknown=REASON" in lab.told("run", "sim", "--to", "ACTIVE", "--yes", code=3)
    done = lab.run("resume", "--yes", code=0)
    assert "DONE." in done.stdout
    assert lab.statuses() == (ACTIVE, ACTIVE)
    lab.run("status", "sim", code=0)


def test_resume_by_run_by_pair_and_by_anybody(lab: Lab) -> None:
    run = left_unknown(lab)
    assert "'nobody' is neither a run nor a pair" in lab.run("resume", "nobody", "--yes", code=2).stderr
    lab.json("resume", run, "--yes", "--operator", "bob@desk")
    kinds = [record["kind"] for record in lab.json("show", run)["records"]]
    assert "run.resumed" in kinds
    ended = lab.run("resume", run, "--yes", code=2)
    assert f"Run {run} has ended (done)" in ended.stderr
    nothing = lab.run("resume", "sim", "--yes", code=2)
    assert "Pair sim has no open run, and owes nothing" in nothing.stderr
    assert "there is nothing to resume" in lab.run("resume", "--yes", code=2).stderr


def test_a_run_is_resumed_with_the_playbook_that_it_began_with(lab: Lab) -> None:
    left_unknown(lab)
    (lab.folder / "quick.yaml").write_text("schema: 1\n")
    lab.run("resume", "sim", "--yes", code=0)


def test_a_run_is_not_resumed_on_other_orgs(lab: Lab) -> None:
    left_unknown(lab)
    lab.edit("pairs.yaml", "11111111-1111-4111-8111-000000000000", "11111111-1111-4111-8111-000000000001")
    before = lab.posts()
    words = lab.told("resume", "sim", "--yes", code=2)
    assert "is open on other orgs than the inventory now names for pair sim" in words
    assert "other orgs" in lab.run("status", "sim").stdout
    assert lab.posts() == before


def test_a_diverged_pair_is_adopted(lab: Lab) -> None:
    lab.do(lambda: lab.sim.foreign_write(P, Status.RECOVERY, "bob@example.com"))
    assert lab.json("status", "sim")["phase"] == "diverged"
    lab.run("adopt", "sim", "--truth", "secondary", "--reason", "bob's typo", "--yes", code=0)
    assert lab.statuses() == (PASSIVE, PASSIVE)
    assert lab.writes() == 1


def test_ack_ends_the_cooling_down(lab: Lab) -> None:
    lab.add("quick.yaml", "cool_down: 1h\n")
    run = lab.json("run", "sim", "--to", "ACTIVE", "--yes")["run"]
    refused = lab.run("run", "sim", "--to", "PASSIVE", "--yes", code=3)
    assert f"hamr ack {run}" in refused.stderr
    assert lab.json("ack", run, "--reason", "seen")["schema"] == "hamr/ack/1"
    lab.run("run", "sim", "--to", "PASSIVE", "--yes", code=0)


def test_ack_of_a_run_that_nobody_knows(lab: Lab) -> None:
    run = lab.json("run", "sim", "--to", "ACTIVE", "--yes")["run"]
    mistyped = run[:-1] + ("a" if run[-1] != "a" else "b")
    assert f"Did you mean {run}?" in lab.run("ack", mistyped, code=2).stderr


def test_another_journal_is_named_on_stderr(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    result = lab.run("run", "sim", "--to", "ACTIVE", "--yes", "--journal", str(other), code=0)
    assert f"The journal of this run is {other}" in result.stderr
    assert other.exists()
    assert not lab.journal.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "sim", "--to", "ACTIVE"),
        ("adopt", "sim", "--truth", "primary", "--reason", "x"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_without_a_terminal_a_verb_that_asks_names_yes(lab: Lab, arguments: tuple[str, ...]) -> None:
    assert "there is no terminal to ask on. With --yes it does not ask." in lab.told(*arguments, code=2)
    assert lab.sim.requests == ()
    assert not lab.journal.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "smi", "--to", "ACTIVE"), "There is no pair"),
        (("adopt", "smi", "--truth", "primary", "--reason", "x"), "There is no pair"),
        (("unlock", "sim", "--lock-id", "x", "--reason", "x"), "nobody holds pair sim"),
        (("resume",), "nothing to resume"),
        (("apply", "none.json"), "none.json"),
        (("approve", "none"), "knows no run 'none' and no fleet of that id, and there is no such file."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_right_is_said_before_a_terminal_is_wanted(
    lab: Lab, arguments: tuple[str, ...], words: str
) -> None:
    said = lab.told(*arguments)
    assert words in said
    assert "there is no terminal" not in said
    assert not lab.journal.exists()


def test_a_report_of_an_adoption_that_found_nothing_to_adopt_says_how_it_ended(lab: Lab) -> None:
    lab.run("adopt", "sim", "--truth", "secondary", "--reason", "to be sure", "--yes", code=0)
    report = lab.json("report", "last")
    assert (report["title"], report["verdict"]) == ("sim: a run that began no move", "Done")
    assert report["summary"][:2] == [
        "Both orgs of sim show PASSIVE already; nothing to adopt.",
        "Nothing was sent.",
    ]


def test_a_run_that_is_refused_since_an_org_does_not_answer_is_about_that_org(lab: Lab) -> None:
    lab.do(lambda: lab.sim.set_dark(P, True))
    refused = lab.json("run", "sim", "--to", "ACTIVE", "--yes", code=3)
    assert (refused["phase"], refused["org"]) == ("half-seen(PASSIVE)", "primary")


def test_every_line_of_a_runs_log_names_the_run_and_its_pair(lab: Lab) -> None:
    words = ("run", "sim", "--to", "ACTIVE", "--yes", "--log-level", "debug", "--log-format", "json")
    lines = lab.run(*words, code=0).stderr.splitlines()
    said = [json.loads(line) for line in lines if line.startswith("{")]
    (run,) = lab.json("runs")["runs"]
    assert {(line.get("run"), line.get("pair")) for line in said} == {(run["run"], "sim")}
    assert {"run.started", "write.confirmed", "run.finished"} <= {line["event"] for line in said}
