"""`hamr run --at`, `--expect` and `hamr cancel`: as processes, on one journal."""

from __future__ import annotations

import re
import signal
import subprocess
import time

from orchestrator.model.status import Role, Status

from .lab import Lab
from .terminal import Person

AT = ("run", "sim", "--to", "ACTIVE", "--yes", "--expect", "PASSIVE", "--at")


def waiting(lab: Lab) -> str:
    """The id of the run that waits, once the journal has it."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        scheduled = lab.json("status", "sim")["scheduled"]
        if scheduled:
            return str(scheduled[0]["run"])
        time.sleep(0.05)
    raise AssertionError("nothing waits")


def started(lab: Lab, *words: str) -> subprocess.Popen[str]:
    return lab.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


def test_a_run_waits_visibly_begins_at_its_time_and_goes(lab: Lab) -> None:
    result = lab.run(*AT, "1500ms", code=0)
    said = " ".join(result.stderr.split())
    assert "waits until" in said
    assert "without the pair's lock. Ctrl-C here, or hamr cancel 2" in said
    assert result.stdout.count("Waiting for 2") == 1, "once, where nobody can see it pass"
    assert re.search(r"^    0\.\d s  Run of pair sim to ACTIVE$", result.stdout, re.MULTILINE), result.stdout
    assert lab.statuses() == (Status.ACTIVE, Status.ACTIVE)
    (run,) = lab.json("runs")["runs"]
    assert run["end"] == "done"


def test_it_is_cancelled_from_another_terminal(lab: Lab) -> None:
    with started(lab, *AT, "2h") as process:
        run = waiting(lab)
        document = lab.json("cancel", run, "--reason", "the freeze is on", "--operator", "bob@desk")
        assert document == {
            "schema": "hamr/cancel/1",
            "run": run,
            "pair": "sim",
            "reason": "the freeze is on",
        }
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    words = " ".join(stderr.split())
    assert f"Run {run} was cancelled by bob@desk: the freeze is on." in words
    assert "Nothing was sent." in words
    assert lab.json("status", "sim")["scheduled"] == []
    assert lab.posts() == 0
    assert lab.run("cancel", run).exit_code == 2
    assert lab.run("show", run, code=0).stdout.count("does not begin") == 1


def test_law_12_another_run_goes_meanwhile_since_nothing_is_locked(lab: Lab) -> None:
    with started(lab, *AT, "2h") as process:
        waiting(lab)
        lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130
    assert lab.json("status", "sim")["scheduled"] == []


def test_a_run_that_expects_another_status_sends_nothing(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    written = lab.writes()
    result = lab.run("run", "sim", "--to", "PASSIVE", "--expect", "RECOVERY", "--yes", code=4)
    assert "the pair was expected at RECOVERY" in " ".join((result.stdout + result.stderr).split())
    assert lab.writes() == written


def test_an_emergency_takes_neither(lab: Lab) -> None:
    for words in (("--at", "2h"), ("--expect", "PASSIVE")):
        result = lab.run(
            "run", "sim", "--to", "ACTIVE", "--emergency", "--reason", "us1", "--yes", *words, code=2
        )
        assert f"{words[0]} is for planned moves" in result.stderr
    assert lab.posts() == 0
    assert lab.sim.record(Role.PRIMARY) is not None


def test_a_run_that_waits_for_nothing_is_not_cancelled(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    run = lab.json("runs")["runs"][0]["run"]
    assert "has begun, and waits for no time any more" in lab.run("cancel", run, code=2).stderr
    assert "is none that waits for its time" in lab.run("cancel", "nosuch", code=2).stderr


NIGHT = """\
schema: 1
name: night
guards:
  later: {window: {zone: UTC, freezes: [{from: 2020-01-01, until: 2099-12-31}]}}
transitions:
  - {name: declare, from: PASSIVE, to: FAILOVER, guards: [later]}
  - {name: activate, from: FAILOVER, to: ACTIVE}
  - {name: home, from: ACTIVE, to: PASSIVE}
stops: [PASSIVE, ACTIVE]
"""


def test_a_person_may_ask_for_what_guards_refuse_now_and_agrees_to_where_the_pair_stands(lab: Lab) -> None:
    (lab.folder / "quick.yaml").write_text(NIGHT)
    with Person(lab, ("run", "sim", "--to", "ACTIVE", "--at", "2h")) as person:
        person.wait_for("later would stop this run. All of it is judged anew then.")
        person.answer("Type the pair's name", "sim\r")
        person.wait_for("gives it up")
        waiting(lab)
        (scheduled,) = lab.json("status", "sim")["scheduled"]
        assert scheduled["expect"] == "PASSIVE"
        person.type("\x03")
        assert person.end() == 130
    assert lab.posts() == 0
