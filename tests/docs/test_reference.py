"""docs/reference against the code: commands with their help, exit codes, environment, documents, guards, record kinds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.cli.group import hamr
from orchestrator.config.playbook_form import GUARD_KINDS
from orchestrator.errors import ExitCode
from orchestrator.model.events import JOURNALLED
from orchestrator.model.guard import ALWAYS_ON, BEFORE_A_RUN, GuardKind

from .commands import BLOCK, filled, helps

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def test_every_command_stands_in_the_page_with_its_real_help() -> None:
    """Where this fails, type: python -m tests.docs.commands."""
    text = page("commands.md")
    assert [block["command"] for block in BLOCK.finditer(text)] == list(helps())
    assert text == filled(text)


def test_every_flag_has_a_help_text() -> None:
    import click

    from orchestrator.cli.group import NAMES

    for verb in NAMES:
        command = hamr.get_command(click.Context(hamr), verb)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"hamr {verb} {option.opts[0]}"


def test_every_exit_code_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]+?) \|", page("exit-codes.md"), re.MULTILINE)
    assert [(int(code), meaning) for code, meaning in rows] == [
        (int(code), code.meaning) for code in ExitCode
    ]


def test_every_environment_variable_is_documented_and_no_other() -> None:
    folders = [ROOT / "orchestrator" / name for name in ("cli", "config", "journal")]
    code = "".join(path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py"))
    known = set(re.findall(r"\bHAMR_[A-Z_]+\b", code))
    documented = set(re.findall(r"^\| `(HAMR_[A-Z_]+)` \|", page("commands.md"), re.MULTILINE))
    assert documented == known


def test_every_document_that_is_printed_is_documented() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "orchestrator").rglob("*.py"))
    known = set(re.findall(r"\"(hamr/[a-z-]+/\d+)\"", code))
    documented = set(re.findall(r"^\| `(hamr/[a-z-]+/\d+)` \|", page("commands.md"), re.MULTILINE))
    assert documented == known


def test_every_command_that_prints_a_document_is_named_beside_it() -> None:
    rows = re.findall(r"^\| `hamr/[a-z-]+/\d+` \| (.*) \|$", page("commands.md"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z ]+)", row)}
    printing = {name for name, text in helps().items() if re.search(r"^ +--json\b", text, re.MULTILINE)}
    assert {name.removeprefix("hamr ") for name in printing} - named == set()


def test_every_kind_of_guard_is_documented_and_no_other() -> None:
    kinds = page("guards.md").split("## Kinds", 1)[1]
    headings = re.findall(r"^### (.+)$", kinds, re.MULTILINE)
    documented = [name for heading in headings for name in re.findall(r"`([a-z]+)`", heading)]
    assert documented == list(GUARD_KINDS)
    assert len(GUARD_KINDS) == len(GuardKind.__args__)


@pytest.mark.parametrize("guard", ALWAYS_ON)
def test_every_guard_that_is_always_on_is_documented(guard: str) -> None:
    assert f"\n### `{guard}`\n" in page("guards.md")


@pytest.mark.parametrize("guard", BEFORE_A_RUN)
def test_every_question_before_a_run_is_documented(guard: str) -> None:
    assert f"`{guard}`" in page("commands.md")


def test_every_kind_of_record_is_documented_and_no_other() -> None:
    documented = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", page("journal.md"), re.MULTILINE)
    assert sorted(documented) == sorted(JOURNALLED)
