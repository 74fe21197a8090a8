"""Law 15: what is printed to be typed next is not known to be refused, and keeps what was typed before."""

from __future__ import annotations

import json
import shlex

import pytest
from msgspec.structs import replace

from orchestrator.errors import Refused, UsageError
from orchestrator.journal.history import History, RunHistory
from orchestrator.model.playbook import Playbook
from orchestrator.model.run import Attempt, Mode, RunRequest
from orchestrator.model.status import Role, Status
from orchestrator.operations.preflight import check_request, refuse_before
from tests.doctor.scenes import PLAYBOOK as SCENE
from tests.report.scenes import NOW, RUN
from tests.steps import next_of as commands_of
from tests.steps import typed

from .lab import Lab
from .test_law_20_no_journal import next_of

P, S = Role.PRIMARY, Role.SECONDARY
ASKED = RunRequest("payments", Status.ACTIVE, Mode.EMERGENCY, "it's down", {"settled": "we know"}, "INC-1")


class Standstill:
    def now(self) -> object:
        return NOW


def left_unknown(*, adopted: bool = False) -> History:
    history = History("payments")
    run = RunHistory(RUN, "payments", "alice", "laptop", NOW)
    if not adopted:
        run.started = object()  # type: ignore[assignment]
    run.unknown[2] = Attempt(2, P, Status.ACTIVE, "stamp", "activate")
    history.runs[RUN] = run
    return history


def steps_after(history: History, playbook: Playbook, request: RunRequest) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        refuse_before(history, playbook, Standstill(), request)  # type: ignore[arg-type]
    return typed(refused.value.next_steps)


def test_law_15_an_emergency_after_an_unknown_is_taken_up_as_an_emergency() -> None:
    first, again = steps_after(left_unknown(), SCENE, ASKED)
    assert shlex.split(first) == ["hamr", "resume", RUN, "--emergency", "--reason", "it's down"]
    assert shlex.split(again)[2:] == [
        "payments", "--to", "ACTIVE", *(["--playbook", SCENE.name] if SCENE.name != "regional-failover" else []),
        "--emergency", "--reason", "it's down", "--override", "settled=we know", "--ref", "INC-1",
        "--override", "unknown=REASON",
    ]  # fmt: skip
    planned = replace(ASKED, mode=Mode.PLANNED)
    assert steps_after(left_unknown(), SCENE, planned)[0] == f"hamr resume {RUN}"


def test_law_15_an_adoption_is_made_anew_by_a_command_that_a_shell_takes() -> None:
    first, _ = steps_after(left_unknown(adopted=True), SCENE, replace(ASKED, mode=Mode.PLANNED))
    assert first == "hamr adopt payments --truth secondary --reason TEXT"


def test_law_15_a_goal_that_is_no_stop_leads_to_one_with_all_flags() -> None:
    with pytest.raises(UsageError) as refused:
        check_request(
            replace(ASKED, goal=Status.FAILOVER), replace(SCENE, stops=(Status.PASSIVE, Status.ACTIVE))
        )
    (step,) = typed(refused.value.next_steps)
    assert step.startswith("hamr plan payments --to ACTIVE ")
    assert "--emergency --reason 'it'\"'\"'s down'" in step
    assert step.endswith("--ref INC-1")


def test_law_15_what_overrides_a_refusal_keeps_the_overrides_that_were_given(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "ACTIVE", "--yes", code=0)
    lab.run("run", "sim", "--to", "PASSIVE", "--yes", code=0)
    elsewhere = {"HAMR_JOURNAL": str(lab.folder / "other.db")}
    words = ("run", "sim", "--to", "ACTIVE", "--yes", "--override", "settled=Bob's typo", "--ref", "INC 1")
    refused = lab.run(*words, env=elsewhere, code=3)
    step = next(step for step in next_of(refused.stdout) if step.startswith("hamr run"))
    assert "--override 'settled=Bob'\"'\"'s typo'" in step
    assert "--ref 'INC 1'" in step
    assert step.endswith("--override alone=REASON")
    typed = [word.replace("alone=REASON", "alone=that was us") for word in shlex.split(step)[1:]]
    lab.run(*typed, "--yes", env=elsewhere, code=0)


def test_law_15_a_sheet_without_requests_leads_to_one_with_some(lab: Lab) -> None:
    lab.do(lambda: lab.sim.set_dark(P, True))
    lab.do(lambda: lab.sim.set_dark(S, True))
    refused = lab.run("plan", "sim", "--to", "PASSIVE", "--curl", code=3)
    step = next(step for step in next_of(refused.stderr) if "--assume" in step)
    assert "--assume PASSIVE" not in step
    assert "curl" in lab.run(*shlex.split(step)[1:], code=0).stdout


def test_law_15_an_emergency_without_a_reason_is_told_a_command_that_works(lab: Lab) -> None:
    words = ("plan", "sim", "--to", "ACTIVE", "--emergency", "--override", "settled=x", "--json")
    (step,) = commands_of(json.loads(lab.run(*words, code=2).stdout))
    assert "--override settled=x" in step
    assert (
        lab.run("resume", "--emergency", "--yes", code=2).stderr.count("hamr resume --emergency --reason")
        == 1
    )


def test_law_15_watching_too_fast_names_the_pair(lab: Lab) -> None:
    assert "hamr status sim --watch 5" in lab.run("status", "sim", "--watch", "0", code=2).stderr
