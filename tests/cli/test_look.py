"""Verbs that look: status and plan."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import Fault, ServerError, SimulatorConfig
from tests.steps import next_of

from .lab import Lab, laboratory

P, S = Role.PRIMARY, Role.SECONDARY


def test_status_shows_both_orgs_the_phase_and_what_to_type_next(lab: Lab) -> None:
    result = lab.run("status", "sim", code=0)
    assert "Simulated Primary" in result.stdout
    assert "Simulated Secondary" in result.stdout
    assert "agreed(PASSIVE)" in result.stdout
    assert "\n  hamr plan sim --to ACTIVE\n" in result.stdout
    assert result.stderr == ""
    assert "\n\n\n" not in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "sim"),
        ("plan", "sim", "--to", "ACTIVE"),
        ("plan", "sim", "--to", "ACTIVE", "--json", "--detailed-exitcode"),
        ("plan", "sim", "--to", "ACTIVE", "--curl"),
        ("plan", "sim", "--to", "ACTIVE", "--emergency", "--reason", "drill", "--out", "p.json"),
        ("check",),
        ("graph",),
        ("runs",),
        ("show", "20260101-000000-aaaa"),
        ("audit", "verify"),
        ("audit", "export"),
        ("audit", "head"),
        ("resume", "--yes"),
        ("ack", "20260101-000000-aaaa"),
        ("unlock", "sim", "--lock-id", "x", "--reason", "y", "--yes"),
    ],
    ids=" ".join,
)
def test_law_02_a_verb_that_does_not_write_sends_nothing_but_gets_and_leaves_no_journal(
    lab: Lab, arguments: tuple[str, ...]
) -> None:
    lab.run(*arguments)
    assert {request.method for request in lab.sim.requests} <= {"GET"}
    assert not lab.journal.exists()
    assert not list(lab.folder.glob("journal.db*"))


def test_status_of_a_pair_that_owes_exits_with_8(lab: Lab) -> None:
    assert lab.left_owing()["end"] == "owing"
    status = lab.json("status", "sim", code=8)
    assert status["phase"] == "behind(primary)"
    assert "hamr resume sim" in next_of(status)


def test_law_15_a_region_that_is_dark_is_a_phase_not_an_error(lab: Lab) -> None:
    lab.do(lambda: lab.sim.set_dark(P, True))
    status = lab.json("status", "sim")
    assert status["phase"] == "half-seen(PASSIVE)"
    lab.do(lambda: lab.sim.set_dark(S, True))
    assert lab.json("status", "sim")["phase"] == "dark"


def test_law_05_whoever_looks_before_a_run_is_told_what_may_still_come_late(lab: Lab) -> None:
    lab.fault(Fault(ServerError(), method="POST", role=S))
    run = lab.json("run", "sim", "--to", "ACTIVE", "--yes")["run"]
    came = f"attempt 1 of run {run} (FAILOVER to Simulated Secondary (secondary)) was given up, and may still take effect"
    for look in (
        ("status", "sim"),
        ("plan", "sim", "--to", "PASSIVE"),
        ("plan", "sim", "--to", "PASSIVE", "--full"),
    ):
        assert came in " ".join(lab.run(*look, code=0).stdout.split())
    for look in (("status", "sim"), ("plan", "sim", "--to", "PASSIVE")):
        late = lab.json(*look)["may_come_late"]
        assert [(each["run"], each["attempt"], each["org"]) for each in late] == [(run, 1, "secondary")]
    assert lab.json("plan", "sim", "--to", "PASSIVE", "--assume", "ACTIVE")["may_come_late"] == []
    doctor = lab.run("doctor", "sim", code=1).stdout
    assert "FAILOVER to Simulated Secondary (secondary) was given up, and may still take effect" in " ".join(
        doctor.split()
    )
    assert "\n  hamr status sim\n" in doctor


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--to", "PASSIVE"), 0),
        (("--to", "ACTIVE"), 10),
    ],
)
def test_detailed_exit_codes_tell_nothing_to_do_from_changes(
    lab: Lab, arguments: tuple[str, ...], code: int
) -> None:
    lab.run("plan", "sim", *arguments, code=0)
    lab.run("plan", "sim", *arguments, "--detailed-exitcode", code=code)


def test_detailed_exit_codes_tell_a_refusal(lab: Lab) -> None:
    lab.do(lambda: lab.sim.foreign_write(P, Status.PASSIVE, "bob@example.com"))
    lab.run("plan", "sim", "--to", "ACTIVE", code=0)
    refused = lab.run("plan", "sim", "--to", "ACTIVE", "--detailed-exitcode", code=3)
    assert "--override settled=" in refused.stdout
    lab.run(
        "plan", "sim", "--to", "ACTIVE", "--override", "settled=asked bob", "--detailed-exitcode", code=10
    )


def test_an_assumed_plan_needs_no_network(lab: Lab) -> None:
    document = lab.json("plan", "sim", "--to", "ACTIVE", "--assume", "FAILOVER")
    assert document["assumed"] == "FAILOVER"
    assert lab.sim.requests == ()


def test_the_curl_script_is_a_shell_script_without_keys(lab: Lab, tmp_path: Path) -> None:
    text = lab.run("plan", "sim", "--to", "ACTIVE", "--curl", "--assume", "PASSIVE", code=0).stdout
    commands = [line for line in text.replace("\\\n", "").splitlines() if line and not line.startswith("#")]
    words = [shlex.split(command) for command in commands]
    assert [word[word.index("--request") + 1] for word in words] == [
        "GET",
        "GET",
        "POST",
        "POST",
        "POST",
        "POST",
        "GET",
        "GET",
    ]
    assert all(word[0] == "curl" for word in words)
    assert "-api-key)" in text
    assert "simulated-" not in text
    bodies = [json.loads(word[word.index("--data") + 1]) for word in words if "--data" in word]
    assert [body["data"]["attributes"]["hamr_status"] for body in bodies] == [3, 3, 4, 4]


def test_a_plan_with_nothing_to_do_has_nothing_to_paste(lab: Lab) -> None:
    result = lab.run("plan", "sim", "--to", "PASSIVE", "--curl", "--assume", "PASSIVE", code=3)
    assert result.stdout == ""
    assert "There is nothing to paste: " in result.stderr


def test_commands_to_paste_where_the_primary_is_dead_want_emergency_or_assume(lab: Lab) -> None:
    lab.fault(Fault(ServerError(), role=Role.PRIMARY, times=None))
    result = lab.run("plan", "sim", "--to", "ACTIVE", "--curl", "--out", "p.json", code=3)
    assert (result.stdout, (lab.folder / "p.json").exists()) == ("", False)
    said = " ".join(result.stderr.split())
    assert (
        "There is nothing to paste: no run leads to ACTIVE as things are. Give --emergency (the org that answers, "
        "alone) or --assume STATUS (as if both stood there; reads nothing)."
    ) in said
    given = shlex.split(said.split("Next hamr ")[1].split(" --curl")[0] + " --curl")
    assert given == ["plan", "sim", "--to", "ACTIVE", "--emergency", "--reason", "TEXT", "--curl"]
    sheet = lab.run(*given, code=0).stdout
    assert "# Write 2: Simulated Secondary (secondary) to ACTIVE" in sheet
    assert "# Look first: it has to show what is said above." in sheet
    assert lab.sim.primary.url not in sheet
    assert "hamr plan sim --to ACTIVE --assume PASSIVE --curl" in said


def test_the_curl_script_says_when_a_run_would_be_refused(lab: Lab) -> None:
    lab.do(lambda: lab.sim.foreign_write(P, Status.PASSIVE, "bob@example.com"))
    assert (
        "# A run would be REFUSED here" in lab.run("plan", "sim", "--to", "ACTIVE", "--curl", code=0).stdout
    )


def test_curl_and_json_exclude_each_other(lab: Lab) -> None:
    lab.run("plan", "sim", "--to", "ACTIVE", "--curl", "--json", code=2)


def test_to_failover_is_answered_with_the_stop_that_was_meant(lab: Lab) -> None:
    for verb in ("plan", "run"):
        extra = ("--yes",) if verb == "run" else ()
        result = lab.run(verb, "sim", "--to", "FAILOVER", *extra, code=2)
        assert "did you mean ACTIVE?" in result.stderr
    assert lab.sim.requests == ()


def test_a_plan_of_an_absent_pair_onboards_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = replace(SimulatorConfig(), status=Both(Status.ABSENT, Status.ABSENT))
    with laboratory(tmp_path, config) as lab:
        lab.run(
            "plan", "sim", "--to", "ONBOARDING", "--playbook", "onboarding", "--detailed-exitcode", code=10
        )


def test_watching_ends_when_nobody_reads_and_each_look_is_a_line_of_json(lab: Lab) -> None:
    watching = lab.start("status", "sim", "--watch=0.5", "--json", stdout=-1)
    assert watching.stdout is not None
    first, second = json.loads(watching.stdout.readline()), json.loads(watching.stdout.readline())
    assert first["phase"] == second["phase"] == "agreed(PASSIVE)"
    watching.stdout.close()
    assert watching.wait(10) == 0


@pytest.mark.parametrize("seconds", ["0", "0.1", "nan", "inf", "soon", "sim"])
def test_watch_wants_a_number_of_seconds(lab: Lab, seconds: str) -> None:
    assert "a number of seconds is wanted" in lab.run("status", "sim", f"--watch={seconds}", code=2).stderr


def test_a_key_file_that_is_gone_is_named_and_no_emergency_is_offered(lab: Lab) -> None:
    inventory = lab.folder / "pairs.yaml"
    key = next(
        line.split("file:")[1].strip(" }'\"")
        for line in inventory.read_text().splitlines()
        if "file:" in line
    )
    (lab.folder / key).unlink()
    found = lab.json("status", "sim")
    assert found["phase"] == "hampered"
    assert next_of(found) == ["hamr status sim", "hamr doctor sim"]
    assert "Simulated Primary (primary) was not asked (file" in found["sentence"]
    assert "--emergency" not in lab.run("status", "sim", code=0).stdout
