"""A run's flags: when the incident began (`--since`), and `--at`, `--expect` and `hamr cancel`, as processes on one journal."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from datetime import UTC, datetime

import pytest

from orchestrator.cli.requests import RunFlags, at_named, overrides_from, since_named
from orchestrator.errors import UsageError
from orchestrator.model.run import Mode, RunRequest
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


@pytest.mark.parametrize("named", ["id", "beginning", "last"])
def test_it_is_cancelled_from_another_terminal(lab: Lab, named: str) -> None:
    with started(lab, *AT, "2h") as process:
        run = waiting(lab)
        name = {"id": run, "beginning": run[:-2], "last": "last"}[named]
        document = lab.json("cancel", name, "--reason", "the freeze is on", "--operator", "bob@desk")
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


NOW = datetime(2026, 11, 22, 3, 15, 0, tzinfo=UTC)


def test_flags_become_a_request() -> None:
    flags = RunFlags(
        to="active",
        emergency=True,
        reason="us1 is down",
        overrides=("settled=asked bob",),
        ref="INC-7",
        since="12m",
    )
    assert flags.request("payments", NOW) == RunRequest(
        "payments",
        Status.ACTIVE,
        Mode.EMERGENCY,
        "us1 is down",
        {"settled": "asked bob"},
        "INC-7",
        datetime(2026, 11, 22, 3, 3, tzinfo=UTC),
    )


def test_a_reason_may_hold_an_equals_sign() -> None:
    assert overrides_from(["alone=run=over", "settled = asked bob "]) == {
        "alone": "run=over",
        "settled": "asked bob",
    }


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["settled"], "with an equals sign between them"),
        (["=why"], "with an equals sign between them"),
        (["settled=a", "settled=b"], "stands there twice"),
    ],
)
def test_overrides_name_a_guard_and_a_reason(texts: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        overrides_from(texts)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("03:00", datetime(2026, 11, 22, 3, 0, tzinfo=UTC)),
        ("3:14:30", datetime(2026, 11, 22, 3, 14, 30, tzinfo=UTC)),
        ("23:50", datetime(2026, 11, 21, 23, 50, tzinfo=UTC)),
        ("12m", datetime(2026, 11, 22, 3, 3, tzinfo=UTC)),
        ("12m ago", datetime(2026, 11, 22, 3, 3, tzinfo=UTC)),
        ("1h 30m AGO", datetime(2026, 11, 22, 1, 45, tzinfo=UTC)),
        ("2026-11-22T03:10:00Z", datetime(2026, 11, 22, 3, 10, tzinfo=UTC)),
        ("2026-11-22t03:10:00z", datetime(2026, 11, 22, 3, 10, tzinfo=UTC)),
        ("2026-11-22T04:10:00+01:00", datetime(2026, 11, 22, 3, 10, tzinfo=UTC)),
        ("2026-11-22 03:10+00:00", datetime(2026, 11, 22, 3, 10, tzinfo=UTC)),
    ],
)
def test_times_as_people_write_them(text: str, moment: datetime) -> None:
    assert since_named(text, NOW) == moment


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-22T03:10:00", "the time zone is missing"),
        ("2026-11-22", "the time zone is missing"),
        ("2026-11-22T03:16:00Z", "in the future"),
        ("05:00", "times of day are UTC, and it is 03:15 UTC"),
        ("", "is no time"),
        ("yesterday", "is no time"),
        ("12", "is no time"),
        ("12 parsecs ago", "is no time"),
        ("25:00", "is no time"),
        ("0001-01-01T00:00:00+14:00", "is no time"),
        ("400d", "is no time"),
        ("-5m", "is no time"),
        ("\x00", "is no time"),
    ],
)
def test_what_is_no_time_is_refused_with_the_forms_that_are(text: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        since_named(text, NOW)
    assert words in error.value.message


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("03:16", datetime(2026, 11, 22, 3, 16, tzinfo=UTC)),
        ("03:15", datetime(2026, 11, 23, 3, 15, tzinfo=UTC)),
        ("02:00", datetime(2026, 11, 23, 2, 0, tzinfo=UTC)),
        ("90m", datetime(2026, 11, 22, 4, 45, tzinfo=UTC)),
        ("in 2h", datetime(2026, 11, 22, 5, 15, tzinfo=UTC)),
        ("2026-11-24T03:15:00+02:00", datetime(2026, 11, 24, 1, 15, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 29, 3, 15, tzinfo=UTC)),
    ],
)
def test_a_time_ahead_in_any_of_its_forms(text: str, moment: datetime) -> None:
    assert at_named(text, NOW) == moment


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-22T03:14:59Z", "that is in the past"),
        ("0s", "that is in the past"),
        ("8d", "more than 7 days ahead"),
        ("2026-12-22T03:15:00Z", "more than 7 days ahead"),
        ("2026-11-22T04:00:00", "the time zone is missing"),
        ("12m ago", "is no time"),
        ("tomorrow", "is no time"),
        ("25:00", "is no time"),
    ],
)
def test_what_is_no_time_ahead_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        at_named(text, NOW)
