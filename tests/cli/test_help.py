"""`hamr --help`: quick, complete, and honest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec

import click
import pytest
from click.testing import CliRunner

from orchestrator.cli.group import NAMES, SECTIONS, hamr
from tests.processes import python

from .lab import Lab

SUMMARIES = {verb: summary for verbs in SECTIONS.values() for verb, summary in verbs.items()}
HEAVY = ("httpx", "transitions", "rich", "structlog", "yaml", "sqlite3", "starlette", "asyncio")


def printed_last(code: str, env: Mapping[str, str] = os.environ) -> str:
    """The last line that a process of its own prints."""
    return python("-c", code, env={**os.environ, **env}).splitlines()[-1]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["audit", "verify", "--help"]]
)
def test_help_loads_none_of_the_heavy_libraries(arguments: list[str]) -> None:
    code = (
        "import sys; from orchestrator.cli.group import hamr\n"
        f"try: hamr.main({arguments!r}, prog_name='hamr')\n"
        f"except SystemExit: print('loaded:', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert printed_last(code) == "loaded: []"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_the_shortest_answers_load_click_and_what_dispatches(arguments: list[str]) -> None:
    code = (
        "import sys; from orchestrator.cli.group import hamr\n"
        f"try: hamr.main({arguments!r}, prog_name='hamr')\n"
        "except SystemExit: print(sorted(m for m in sys.modules if m.startswith(('orchestrator.', 'msgspec'))))"
    )
    ours = ["orchestrator.cli", "orchestrator.cli.group", "orchestrator.cli.invocation"]
    assert printed_last(code) == str(ours)


def test_no_verbs_flags_need_a_heavy_library() -> None:
    code = (
        "import sys, click; from orchestrator.cli.group import NAMES, hamr\n"
        "for verb in NAMES: hamr.get_command(click.Context(hamr), verb)\n"
        f"print('loaded:', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert printed_last(code) == "loaded: []"


NEVER = (
    *("rich", "structlog", "jinja2", "starlette", "uvicorn", "difflib", "zoneinfo"),
    *("psycopg", "procrastinate", "prometheus_client", "apprise"),
    *(f"orchestrator.{room}" for room in ("doctor", "drill", "fleet", "proof", "simulator")),
    *(f"orchestrator.model.{nouns}" for nouns in ("fleet", "proof", "readiness_history", "timing")),
    *(f"orchestrator.journal.{part}" for part in ("merge", "postgres", "postgres_session")),
    *(f"orchestrator.operations.{deed}" for deed in ("plan", "scheduled")),
    *(
        f"orchestrator.report.{page}"
        for page in ("plan", "html", "markdown", "junit", "doctor", "fleet", "proof")
    ),
    *("orchestrator.datadog.curl", "orchestrator.notices.channels"),
)
NOT_FOR = {
    "status": (
        *NEVER,
        "transitions",
        "orchestrator.engine.engine",
        "orchestrator.notices",
        "orchestrator.report.run",
    ),
    "run": (*NEVER, "orchestrator.report.status", "orchestrator.report.run_report"),
}


@pytest.mark.parametrize("typed", [["status", "sim"], ["run", "sim", "--to", "ACTIVE", "--yes"]])
def test_a_verb_loads_nothing_that_it_does_not_use(lab: Lab, typed: list[str]) -> None:
    assert [module for module in NOT_FOR[typed[0]] if find_spec(module) is None] == []
    code = (
        "import atexit, sys; from orchestrator.cli import main\n"
        f"sys.argv = {['hamr', *typed]!r}\n"
        f"atexit.register(lambda: print('loaded:', [m for m in {NOT_FOR[typed[0]]!r} if m in sys.modules]))\n"
        "main()"
    )
    assert printed_last(code, lab.env) == "loaded: []"


def test_a_stray_thread_holds_no_exit_and_what_waits_for_the_end_is_done() -> None:
    code = (
        "import atexit, sys, threading, time; from orchestrator.cli import main\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "atexit.register(print, 'the end')\n"
        "sys.argv = ['hamr', 'run']\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert done.stdout == "the end\n"
    assert "Missing argument 'PAIR'" in done.stderr


def test_help_lists_every_verb_in_its_section() -> None:
    text = CliRunner().invoke(hamr, ["--help"]).stdout
    for title, verbs in SECTIONS.items():
        section = text.split(f"\n{title}:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines() if line[:3].strip()] == list(verbs)


@pytest.mark.parametrize("verb", NAMES)
def test_a_verbs_help_begins_with_its_summary(verb: str) -> None:
    command = hamr.get_command(click.Context(hamr), verb)
    assert command is not None
    assert (command.help or "").split("\n\n")[0].replace("\n", " ") == SUMMARIES[verb]


def test_a_mistyped_verb_is_answered_with_the_one_that_was_meant() -> None:
    result = CliRunner().invoke(hamr, ["staus", "payments"], prog_name="hamr")
    assert result.exit_code == 2
    assert "There is no command 'staus'. Did you mean status?" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("typed", [[], ["drill"], ["audit"]])
def test_a_command_that_is_not_whole_shows_its_help_and_does_not_pass_for_done(typed: list[str]) -> None:
    bare = CliRunner().invoke(hamr, typed, prog_name="hamr")
    helped = CliRunner().invoke(hamr, [*typed, "--help"], prog_name="hamr")
    assert (bare.exit_code, bare.stdout) == (2, "")
    assert bare.stderr == helped.stdout


def test_h_is_help_and_the_version_is_one_line() -> None:
    # In a process of its own: click keeps a verb's help option from the first context that asked for it.
    helped = python("-m", "orchestrator", "run", "-h")
    assert helped.startswith("Usage: hamr run [OPTIONS] PAIR")
    assert CliRunner().invoke(hamr, ["--version"]).stdout == "hamr 0.1.0\n"
