"""Law 15: what is printed to be typed next is not known to be refused, and says again what was typed before."""

from __future__ import annotations

import json
import shlex
import shutil

import click
import pytest
from msgspec.structs import replace

from orchestrator.cli.group import NAMES, hamr
from orchestrator.cli.invocation import REPEATED, Typed
from orchestrator.errors import Refused, UsageError
from orchestrator.journal.history import History, RunHistory
from orchestrator.model.events import RunFinished
from orchestrator.model.guard import Outcome
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Change
from orchestrator.model.run import Attempt, End, Mode, RunOutcome, RunRequest
from orchestrator.model.situation import Owed
from orchestrator.model.status import Role, Status
from orchestrator.operations.preflight import check_request, judge_before, refuse_before, refuse_owing
from orchestrator.operations.run import acknowledge
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


def test_law_15_a_write_that_a_run_under_way_waits_for_was_not_left_behind() -> None:
    history, clock = left_unknown(), Standstill()
    judged = [judge_before(history, SCENE, clock, ASKED, at_work)[0].outcome for at_work in ("", RUN)]  # type: ignore[arg-type]
    assert judged == [Outcome.FAIL, Outcome.PASS]


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


@pytest.mark.parametrize("change", [None, Change.FOREIGN, Change.LATE])
def test_law_15_nobody_is_led_to_a_run_that_stops_for_the_same_write_again(change: Change | None) -> None:
    """Beside an unknown of it, and where it owes: as a look at the pair says it."""
    again, planned = change is not None, replace(ASKED, mode=Mode.PLANNED)
    history = left_unknown()
    ending = RunOutcome(End.MOVED, "somebody wrote", change=change)
    history.runs[RUN].finished = RunFinished(ending, 4, "", (), 1.0, (), resumable=True)
    steps = steps_after(history, SCENE, planned)
    assert [each for each in steps if "resume" in each] == ([] if again else [f"hamr resume {RUN}"])
    history = History("payments", debts={RUN: Owed(P, Status.ACTIVE, RUN, NOW, change)})
    with pytest.raises(Refused) as refused:
        refuse_owing(history, planned)
    first = "hamr adopt payments --truth secondary --reason TEXT" if again else "hamr resume payments"
    assert typed(refused.value.next_steps) == (first, "hamr status payments")


@pytest.mark.parametrize(
    ("adopted", "superseded_by", "step"),
    [(False, "", "resume"), (False, "R2", "show"), (True, "", "show")],
)
def test_law_15_acknowledging_a_run_that_never_ended_leads_to_resuming_it_where_it_is_open(
    adopted: bool, superseded_by: str, step: str
) -> None:
    run = left_unknown(adopted=adopted).runs[RUN]
    run.superseded_by = superseded_by
    with pytest.raises(UsageError) as refused:
        acknowledge(None, run, "")  # type: ignore[arg-type]
    assert typed(refused.value.next_steps) == (f"hamr {step} {RUN}",)


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


def test_law_15_what_goes_over_a_refused_adoption_keeps_what_was_said_already(lab: Lab) -> None:
    theirs = "carol+hamr-20261122-025900-zzzz-2@bastion"
    lab.do(lambda: lab.sim.foreign_write(Role.PRIMARY, Status.RECOVERY, theirs))
    words = ["adopt", "sim", "--truth", "secondary", "--reason", "carol's typo"]
    words += ["--override", "reverted=we looked"]
    refused = lab.run(*words, "--yes", code=3)
    assert lab.writes() == 0
    step = next(step for step in next_of(refused.stdout) if step.startswith("hamr adopt"))
    *typed, last = shlex.split(step)[1:]
    assert (typed, last) == ([*words, "--override"], "alone=REASON")
    lab.run(*typed, "alone=carol is done", "--yes", code=0)
    assert lab.statuses() == (Status.PASSIVE, Status.PASSIVE)


def test_law_15_a_plan_of_a_pair_that_owes_says_that_a_run_would_be_refused(lab: Lab) -> None:
    """Where both orgs show the same by now, too: what is owed is settled first."""
    lab.left_owing()
    lab.do(lambda: lab.sim.foreign_write(P, Status.ACTIVE, "carol@example.com"))
    planned = lab.json("plan", "sim", "--to", "PASSIVE", "--detailed-exitcode", code=3)
    assert planned["ending"].startswith("the primary of pair sim is still owed ACTIVE from emergency run ")
    assert commands_of(planned) == ["hamr resume sim", "hamr status sim"]
    assert planned["ending"] in lab.told("run", "sim", "--to", "PASSIVE", "--yes", code=3)


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


TYPED = Typed(
    options={"pairs": "my pairs.yaml", "playbook": "./mine.yaml", "journal": "/tmp/j.db"},
    playbook="mine",
    playbook_source="./mine.yaml",
)


@pytest.mark.parametrize(
    ("command", "completed"),
    [
        (
            "hamr status sim",
            "hamr status sim --pairs 'my pairs.yaml' --playbook ./mine.yaml --journal /tmp/j.db",
        ),
        ("hamr resume sim", "hamr resume sim --pairs 'my pairs.yaml' --journal /tmp/j.db"),
        ("hamr audit verify --anchor 7:ab", "hamr audit verify --anchor 7:ab --journal /tmp/j.db"),
        (
            "hamr run sim --to ACTIVE --playbook mine",
            "hamr run sim --to ACTIVE --playbook ./mine.yaml --pairs 'my pairs.yaml' --journal /tmp/j.db",
        ),
        (
            "hamr plan sim --to ONBOARDING --playbook mine-too",
            "hamr plan sim --to ONBOARDING --playbook mine-too --pairs 'my pairs.yaml' --journal /tmp/j.db",
        ),
        (
            "hamr show a && hamr runs --journal=b.db",
            "hamr show a --journal /tmp/j.db && hamr runs --journal=b.db",
        ),
        (
            "hamr resume a --reason 'x && hamr runs'",
            "hamr resume a --reason 'x && hamr runs' --pairs 'my pairs.yaml' --journal /tmp/j.db",
        ),
        ("hamr runs --journal FILE", "hamr runs --journal FILE"),
        ("hamr init DIR   # somewhere else", "hamr init DIR   # somewhere else"),
        ("hamr simulate", "hamr simulate"),
        ("kill -INT 7", "kill -INT 7"),
        ("To go on all the same: it's yours", "To go on all the same: it's yours"),
    ],
)
def test_a_command_says_what_its_verb_takes_and_nothing_twice(command: str, completed: str) -> None:
    assert TYPED.complete(command) == completed


@pytest.mark.parametrize(
    ("verb", "journal"), [("drill from", ""), ("prove", ""), ("drill run", " --journal live.db")]
)
def test_a_rehearsal_is_not_led_into_a_journal_that_was_named_for_something_else(
    verb: str, journal: str
) -> None:
    said = Typed(arguments=("prove", "--pair", "drill run"), verb=verb, options={"journal": "live.db"})
    assert said.complete("hamr drill run --scenario s.yaml") == f"hamr drill run --scenario s.yaml{journal}"
    assert said.complete("hamr runs") == "hamr runs --journal live.db"


FILES_AND_PEOPLE = {"pairs", "playbook", "journal", "operator"}


def test_the_repeated_options_are_those_that_the_verbs_take() -> None:
    context = click.Context(hamr)
    for verb in NAMES:
        command = hamr.get_command(context, verb)
        assert command is not None
        parts = (
            {f"{verb} {name}": part for name, part in command.commands.items()}
            if isinstance(command, click.Group)
            else {verb: command}
        )
        for name, part in parts.items():
            own = {str(one.name) for one in part.params if isinstance(one, click.Option)}
            assert set(REPEATED.get(name, REPEATED.get(verb, ()))) == FILES_AND_PEOPLE & own, name


def test_every_next_of_a_page_and_of_a_document_repeats_what_was_typed(lab: Lab) -> None:
    for name in ("pairs.yaml", "quick.yaml"):
        shutil.copy(lab.folder / name, lab.folder / f"my {name}")
    said, playbook, journal = "--pairs 'my pairs.yaml'", "--playbook './my quick.yaml'", "--journal 'j 1.db'"
    given = tuple(shlex.split(f"{said} {playbook} {journal}"))
    page = lab.run("status", "sim", *given, code=0).stdout
    assert f"  hamr plan sim --to ACTIVE {said} {playbook} {journal}\n" in page
    step = lab.json("status", "sim", *given)["next"][0]
    assert step["command"] == f"hamr plan sim --to ACTIVE {said} {playbook} {journal}"
    assert step["options"] == ["--to", "ACTIVE", *given]
    plan = lab.run("plan", "sim", "--to", "ACTIVE", *given, code=0).stdout
    assert f"  hamr run sim --to ACTIVE {playbook} {said} {journal}\n" in plan
    assert "--playbook quick " not in plan
    ran = lab.run("run", "sim", "--to", "ACTIVE", "--yes", *given, code=0).stdout
    anchor = next(text for text in ran.splitlines() if "hamr audit verify" in text)
    assert anchor.endswith(journal)
    words = shlex.split(anchor)
    verified = lab.run(*words[words.index("audit") :], code=0)
    assert "The chain holds" in verified.stdout
    assert not lab.journal.exists()


def test_every_next_of_an_error_repeats_what_was_typed(lab: Lab) -> None:
    given = ("resume", "sim", "--yes", "--journal", "j 1.db")
    assert "  hamr status sim --journal 'j 1.db'\n" in lab.run(*given, code=2).stderr
    assert commands_of(json.loads(lab.run(*given, "--json", code=2).stdout)) == [
        "hamr status sim --journal 'j 1.db'",
        "hamr runs --journal 'j 1.db'",
    ]


def test_what_a_variable_said_is_not_repeated(lab: Lab) -> None:
    page = lab.run("status", "sim", code=0, env={"HAMR_OPERATOR": "bob@desk"}).stdout
    assert "  hamr plan sim --to ACTIVE\n" in page


def test_a_playbook_of_a_variable_is_named_by_its_file(lab: Lab) -> None:
    page = lab.run("plan", "sim", "--to", "ACTIVE", code=0).stdout
    assert f"  hamr run sim --to ACTIVE --playbook {lab.folder}/quick.yaml\n" in page


def test_a_saved_plan_is_to_be_applied_with_the_same_journal(lab: Lab) -> None:
    saved = lab.run("plan", "sim", "--to", "ACTIVE", "--out", "p.json", "--journal", "j.db", code=0)
    assert "  hamr apply p.json --journal j.db\n" in saved.stdout
    assert "hamr run" not in saved.stdout


def test_where_nobody_can_be_asked_the_whole_command_is_printed_with_yes(lab: Lab) -> None:
    given = ("run", "sim", "--to", "ACTIVE", "--ref", "INC 12", "--journal", "j.db")
    said = lab.run(*given, code=2).stderr
    assert "  hamr run sim --to ACTIVE --ref 'INC 12' --journal j.db --yes\n" in said
    assert "…" not in said
    assert lab.statuses() == (Status.PASSIVE, Status.PASSIVE)


def test_yes_stands_before_the_end_of_the_options() -> None:
    assert Typed(arguments=("resume", "--", "-odd")).with_option("--yes") == "hamr resume --yes -- -odd"


def test_an_option_alone_is_the_whole_command_line_with_it() -> None:
    typed = Typed(arguments=("run", "sim", "--to", "ACTIVE", "--journal", "a b.db", "--yes"))
    assert typed.complete("--journal FILE") == "hamr run sim --to ACTIVE --yes --journal FILE"
    typed = Typed(arguments=("run", "--journal=j.db", "--", "-odd"))
    assert typed.complete("--journal FILE") == "hamr run --journal FILE -- -odd"
