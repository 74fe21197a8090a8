"""What a shell gets to complete: asked through bash itself where it is there, and as zsh and fish ask."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.group import hamr

from .lab import Lab
from .test_names import NEW, OLDER, journalled

STOPS = ["PASSIVE", "ACTIVE"]


def asked(words: str, typing: str, env: Mapping[str, str], shell: str = "zsh") -> list[str]:
    """What a shell is told for the last word, line by line: nothing else is printed, and nothing fails."""
    cursor = {"zsh": str(len(words.split())), "fish": typing}[shell]
    wanted = {"_HAMR_COMPLETE": f"{shell}_complete", "COMP_WORDS": f"{words} {typing}", "COMP_CWORD": cursor}
    result = CliRunner().invoke(hamr, [], env={**env, **wanted})
    assert (result.exit_code, result.stderr) == (0, "")
    return [line for line in result.stdout.splitlines() if line]


def values(words: str, typing: str, lab: Lab) -> list[str]:
    """The values alone, as zsh is told them: kind, value and help in turn."""
    return asked(words, typing, lab.env)[1::3]


@pytest.mark.parametrize(
    ("words", "typing", "wanted"),
    [
        ("hamr", "sta", ["status"]),
        ("hamr status", "", ["sim"]),
        ("hamr status", "p", []),
        ("hamr run sim --to", "", STOPS),
        ("hamr run sim --to", "ACT", ["ACTIVE"]),
        ("hamr plan sim --assume", "REC", ["RECOVERY"]),
        ("hamr drill run --to", "", STOPS),
        ("hamr prove --pair", "", ["sim"]),
        ("hamr prove quick.yaml --to", "", STOPS),
        (
            "hamr run sim --override",
            "",
            ["settled=", "alone=", "unknown=", "cool_down=", "reverted=", "renamed="],
        ),
        ("hamr adopt sim --override", "", ["alone=", "reverted=", "renamed="]),
        ("hamr run sim --playbook", "o", ["onboarding"]),
        ("hamr graph", "q", ["quick.yaml"]),
        ("hamr drill run --scenario", "a", ["answer-lost", "all"]),
        ("hamr runs --pair", "", ["sim"]),
        ("hamr show", "2026", [NEW, OLDER]),
        ("hamr report", "20260527", [OLDER]),
        ("hamr ack", "la", ["last"]),
        ("hamr resume", "", ["sim", NEW, OLDER, "last"]),
        ("hamr drill close", "", ["sim", NEW, OLDER, "last"]),
        ("hamr completion", "", ["bash", "zsh", "fish"]),
    ],
)
def test_what_may_stand_there_is_offered(lab: Lab, words: str, typing: str, wanted: list[str]) -> None:
    journalled(lab.journal, OLDER, NEW)
    assert values(words, typing, lab) == wanted


def test_what_both_journals_have_is_offered_once(lab: Lab) -> None:
    journalled(lab.journal, OLDER)
    journalled(lab.journal.with_name("journal-drills.db"), NEW)
    assert values("hamr show", "", lab) == [OLDER, "last", NEW]


def test_runs_are_offered_the_newest_first_with_what_they_are(lab: Lab) -> None:
    journalled(lab.journal, OLDER, NEW)
    assert asked("hamr show", "20", lab.env) == [
        *("plain", NEW, "2026-05-28 16:31:00 UTC, payments, to ACTIVE"),
        *("plain", OLDER, "2026-05-28 16:30:00 UTC, payments, to ACTIVE"),
    ]
    assert asked("hamr show", "20", lab.env, "fish") == [
        f"plain,{NEW}\t2026-05-28 16:31:00 UTC, payments, to ACTIVE",
        f"plain,{OLDER}\t2026-05-28 16:30:00 UTC, payments, to ACTIVE",
    ]


def test_the_options_that_were_typed_count(lab: Lab) -> None:
    journalled(lab.folder / "other.db", OLDER)
    assert values("hamr show --journal other.db", "2", lab) == [OLDER]
    (lab.folder / "one.yaml").write_text((lab.folder / "pairs.yaml").read_text().replace("  sim:", "  one:"))
    assert values("hamr status --pairs one.yaml", "", lab) == ["one"]
    assert "settled=" not in values("hamr run sim --playbook onboarding --override", "", lab)


def test_a_file_is_left_to_the_shell(lab: Lab) -> None:
    for words in (
        "hamr status --pairs",
        "hamr report last --html",
        "hamr graph",
        "hamr drill run --scenario",
    ):
        assert asked(words, "./x", lab.env) == ["file", "./x", "_"]


ASKED = (
    "hamr status",
    "hamr run sim --to",
    "hamr run sim --override",
    "hamr show",
    "hamr resume",
    "hamr drill close",
)


@pytest.mark.parametrize(
    "content", [None, b"", b"\0\xff: [", b"schema: 1\npairs: [", b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_missing_or_broken_file_completes_to_nothing(
    tmp_path: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {name: tmp_path / name for name in ("pairs.yaml", "play.yaml", "journal.db")}
    for file in files.values():
        if content is not None:
            file.write_bytes(content)
    env = {
        "HAMR_PAIRS": str(files["pairs.yaml"]),
        "HAMR_PLAYBOOK": str(files["play.yaml"]),
        "HAMR_JOURNAL": str(files["journal.db"]),
    }
    for words in ASKED:
        assert asked(words, "", env) == [], words
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == (
        {} if content is None else dict.fromkeys(files, content)
    )


def test_it_writes_nothing_asks_no_org_and_no_key(lab: Lab) -> None:
    journalled(lab.journal, OLDER)
    pairs = (lab.folder / "pairs.yaml").read_text()
    asks = lab.folder / "key.sh"
    asks.write_text(f"#!/bin/sh\ntouch {lab.folder}/asked\n")
    asks.chmod(0o700)
    pairs = re.sub(r"api_key: .*", f"api_key: {{command: [{asks}]}}", pairs)
    (lab.folder / "pairs.yaml").write_text(pairs)
    before = {path: path.stat().st_mtime_ns for path in lab.folder.rglob("*")}
    for words in ASKED:
        assert asked(words, "", lab.env) != [], words
    assert {path: path.stat().st_mtime_ns for path in lab.folder.rglob("*")} == before
    assert lab.sim.requests == ()


def test_what_a_killed_process_left_in_the_journal_is_not_undone(lab: Lab) -> None:
    journalled(lab.journal, OLDER)
    left = lab.folder / "journal.db-journal"
    left.write_bytes(b"x")
    assert values("hamr show", "", lab) == []
    assert left.read_bytes() == b"x"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets one process hold both ends of a pipe")
def test_a_pipe_is_left_to_whoever_reads_it(lab: Lab) -> None:
    os.mkfifo(lab.folder / "pipe")
    pipe = os.open(lab.folder / "pipe", os.O_RDWR | os.O_NONBLOCK)
    for words, file in (
        ("hamr status --pairs pipe", "pairs.yaml"),
        ("hamr run sim --playbook ./pipe --to", "quick.yaml"),
    ):
        text = (lab.folder / file).read_bytes()
        os.write(pipe, text)
        assert values(words, "", lab) == []
        assert os.read(pipe, len(text)) == text
    os.close(pipe)


def test_a_locked_journal_is_not_waited_for(lab: Lab) -> None:
    journalled(lab.journal, OLDER)
    with closing(sqlite3.connect(lab.journal, isolation_level=None)) as busy:
        busy.execute("BEGIN EXCLUSIVE")
        assert values("hamr show", "", lab) == []


def test_a_line_that_makes_no_sense_is_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "_HAMR_COMPLETE": "zsh_complete"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_itself_completes(lab: Lab) -> None:
    journalled(lab.journal, OLDER, NEW)
    (lab.folder / "hamr").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m orchestrator "$@"\n')
    (lab.folder / "hamr").chmod(0o700)
    script = """
        source <(hamr completion bash)
        complete -p hamr
        complete_words() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
            _hamr_completion hamr; echo "${COMPREPLY[*]}"
        }
        complete_words hamr dr
        complete_words hamr run sim --to ""
        complete_words hamr show 2026
        complete_words hamr run sim --override set
        complete_words hamr run nothing --pairs nowhere.yaml ""
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=lab.folder,
        env={**os.environ, **lab.env, "PATH": f"{lab.folder}:{os.environ['PATH']}"},
    )
    assert done.stderr == ""
    registered, *found = done.stdout.splitlines()
    assert registered.endswith("-F _hamr_completion hamr")
    assert found == ["drill", "PASSIVE ACTIVE", f"{NEW} {OLDER}", "settled=", ""]


@pytest.mark.parametrize(
    ("shell", "hook"), [("bash", "compopt -o nospace"), ("zsh", "compdef"), ("fish", "complete ")]
)
def test_each_shell_gets_its_script(lab: Lab, shell: str, hook: str) -> None:
    shown = lab.run("completion", shell, code=0).stdout
    assert f"_HAMR_COMPLETE={shell}_complete" in shown
    assert hook in shown


def test_no_other_shell_does(lab: Lab) -> None:
    lab.run("completion", "csh", code=2)
