"""Commands that are printed say again what was typed: pasted, they use the same journal, inventory and playbook."""

from __future__ import annotations

import json
import shlex
import shutil

import click
import pytest

from orchestrator.cli.group import NAMES, hamr
from orchestrator.cli.invocation import REPEATED, Typed
from orchestrator.model.status import Status
from tests.steps import next_of as commands_of

from .lab import Lab

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


FILES_AND_PEOPLE = {"pairs", "playbook", "journal", "operator"}


def test_the_repeated_options_are_those_that_the_verbs_take() -> None:
    context = click.Context(hamr)
    for verb in NAMES:
        command = hamr.get_command(context, verb)
        if isinstance(command, click.Group):
            parts = {f"{verb} {name}": part for name, part in command.commands.items()}
            for name in parts.keys() & REPEATED.keys() - {"journal init"}:  # its journal is an argument
                own = {str(one.name) for one in parts.pop(name).params}
                assert set(REPEATED[name]) == FILES_AND_PEOPLE & own, name
            found = [{str(one.name) for one in part.params} for part in parts.values()]
            # What names no file, such as drill list, is never printed as a next command.
            names = set.intersection(*(names for names in found if names & FILES_AND_PEOPLE))
        else:
            assert command is not None
            names = {str(one.name) for one in command.params}
        repeated = FILES_AND_PEOPLE & names
        if verb not in ("graph", "prove"):  # their playbook is an argument
            assert set(REPEATED.get(verb, ())) == repeated, verb


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
