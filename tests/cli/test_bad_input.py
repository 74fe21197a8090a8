"""Whatever goes wrong ends as words and an exit code; bad input in one clear error each, nothing sent, nothing lost."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from orchestrator.cli.failures import report_failure
from orchestrator.cli.invocation import Invocation
from orchestrator.errors import ExitCode, HamrError, Interrupted, Locked, PreparationError, UsageError
from orchestrator.model.org import Secret
from tests.mounts import UNSHARE, mounting

from .lab import Lab

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)


def said(lab: Lab, *arguments: str, code: int) -> str:
    """What a command says, in one line; it sends nothing."""
    posts = lab.posts()
    result = lab.run(*arguments, code=code)
    assert "Traceback" not in result.stderr
    assert lab.posts() == posts
    return " ".join((result.stderr + result.stdout).split())


@pytest.mark.parametrize("typed", ["run sim --too ACTIVE", "run sim --to", "run", "run sim more"])
def test_a_command_line_that_cannot_be_right_leads_to_what_the_verb_takes(lab: Lab, typed: str) -> None:
    assert "Next hamr run --help see what it takes" in said(lab, *typed.split(), code=2)


@pytest.mark.parametrize("option", ["--pairs", "--playbook"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "o such file|here is no "),
        (b"", "the file is empty"),
        (b"\x00\x01\x02", "binary file"),
        (b"\xff\xfe\xff", "not UTF-8"),
        (b"# " + b"x" * 10_000_000, "larger than 10,000,000 bytes"),
        (b"a: &a [*a]\n", ""),
        (BOMB.encode(), ""),
        (b"- 1\n", ""),
        (b"{", ""),
    ],
    ids=["missing", "empty", "binary", "latin", "10MB", "cyclic", "bomb", "list", "cut"],
)
@pytest.mark.parametrize(
    "verb", [("status", "sim"), ("run", "sim", "--to", "ACTIVE", "--yes")], ids=["status", "run"]
)
def test_a_file_that_is_none(
    lab: Lab, verb: tuple[str, ...], option: str, content: bytes | None, words: str
) -> None:
    path = lab.folder / "odd.yaml"
    if content is not None:
        path.write_bytes(content)
    text = said(lab, *verb, option, str(path), code=2)
    assert any(part in text for part in words.split("|"))
    assert "odd.yaml" in text
    assert not lab.journal.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("status", "smi"), "There is no pair"),
        (("run", "smi", "--to", "ACTIVE", "--yes"), "There is no pair"),
        (("run", "sim", "--to", "ACTVE", "--yes"), "did you mean ACTIVE?"),
        (("plan", "sim", "--to", "ACTIVE", "--assume", "PASIVE"), "did you mean PASSIVE?"),
        (("plan", "sim", "--to", "ACTIVE", "--playbook", "regional-failovr"), "egional-failover"),
        (("run", "sim", "--to", "ACTIVE", "--override", "setled=x", "--yes"), "did you mean settled?"),
        (("run", "sim", "--to", "ACTIVE", "--operator", "a b", "--yes"), "letters, digits, dots and hyphens"),
        (("run", "sim", "--to", "ACTIVE", "--since", "2099-01-01T00:00:00Z", "--yes"), "in the future"),
        (("resume", "20260101-000000-aaaa", "--yes"), "knows no run"),
        (("show", "x"), "knows no run"),
        (("run", "sim", "--to", "ACTIVE", "--journal", "mysql://db/hamr", "--yes"), "or postgresql://…"),
        (
            ("run", "sim", "--to", "ACTIVE", "--journal", "postgresql://db/a?schema=A", "--yes"),
            "names the schema",
        ),
        (("journal", "init", "./journal.db"), "a file needs no init"),
        (("journal", "merge", "./none.db"), "does not exist"),
        (("drill", "run", "--seed", "seven"), "'seven' is not a whole number."),
        (("simulate", "--status", "ACTVE"), "did you mean ACTIVE?"),
        (("simulate", "--mirror", "maybe"), "on, off or a number of seconds"),
        (("simulate", "--primary-port", "70000"), "70000"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_name_or_flag_that_cannot_be_right(lab: Lab, arguments: tuple[str, ...], words: str) -> None:
    assert words in said(lab, *arguments, code=2)
    assert not lab.journal.exists()


@pytest.mark.parametrize(
    ("variable", "value", "arguments", "words"),
    [
        ("HAMR_OPERATOR", "a b", (), "HAMR_OPERATOR 'a b': NAME or NAME@HOST is wanted"),
        (
            "HAMR_LOG_LEVEL",
            "loud",
            (),
            "'loud' is not one of 'debug', 'info', 'warning', 'error'. HAMR_LOG_LEVEL says so.",
        ),
        (
            "HAMR_LOG_LEVEL",
            "loud",
            ("--log-level", "odd"),
            "'odd' is not one of 'debug', 'info', 'warning', 'error'. sent",
        ),
    ],
)
def test_of_a_value_that_a_variable_gives_the_variable_is_named(
    lab: Lab, variable: str, value: str, arguments: tuple[str, ...], words: str
) -> None:
    assert words in lab.told("status", "sim", *arguments, code=2, env={variable: value})


def test_what_can_be_chosen_is_listed_in_one_sentence(lab: Lab) -> None:
    text = said(lab, "adopt", "sim", "--reason", "x", "--yes", code=2)
    assert "Missing option '--truth'. Choose from: primary, secondary." in text


def test_whoever_has_mended_a_file_is_told_to_type_the_same_again(lab: Lab) -> None:
    lab.edit("quick.yaml", "stops: [PASSIVE, ACTIVE]", "stops: [PASIVE, ACTIVE]")
    given = ("plan", "sim", "--to", "ACTIVE", "--override", "settled=they said so")
    text = said(lab, *given, code=2)
    assert text.endswith(
        "Next hamr plan sim --to ACTIVE --override 'settled=they said so' the same again, once that is mended"
    )


def test_a_file_that_is_to_be_written_into_no_folder_says_how_to_make_that_folder(lab: Lab) -> None:
    missing = lab.folder / "no such" / "plan.json"
    text = said(lab, "plan", "sim", "--to", "ACTIVE", "--out", str(missing), code=1)
    assert "the plan cannot be written there: no such file or directory." in text
    assert text.endswith(f"Next mkdir -p '{missing.parent}' make its folder")


WRITTEN_TO_A_READ_ONLY_MOUNT = """
mount -t tmpfs tmpfs "$1" && cp "$2" "$1/there.json" && mount -o remount,ro "$1" || exit 9
"$3" -c "
from pathlib import Path
from orchestrator.cli.output_files import PLAN, refuse_misplaced
from orchestrator.errors import PreparationError
for name in ('new.json', 'there.json'):
    try:
        refuse_misplaced(Path('$1') / name, PLAN)
    except PreparationError as error:
        print(error.message, error.next_steps[0].command)
"
"""


@mounting
def test_a_file_that_is_to_be_written_on_a_read_only_mount_is_refused_for_that(tmp_path: Path) -> None:
    plan, mount = tmp_path / "plan.json", tmp_path / "mount"
    plan.write_text('"schema": "hamr/plan-file/1"')
    mount.mkdir()
    script = (*UNSHARE, "sh", "-c", WRITTEN_TO_A_READ_ONLY_MOUNT, "sh", mount, plan, sys.executable)
    said = subprocess.run(script, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == [
        f"--out {mount / name}: the plan cannot be written there: read-only file system. "
        f"Name another file, or see to its folder. findmnt -T {mount}"
        for name in ("new.json", "there.json")
    ]


def without(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_text("")


def of_two_lines(path: Path) -> None:
    path.write_text("canary-line-1\ncanary-line-2\n")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(without, "cannot be read"), (emptied, "is empty"), (of_two_lines, "more than one line")],
)
@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_key_that_cannot_be_used(lab: Lab, verb: str, spoil: Callable[[Path], None], words: str) -> None:
    spoil(lab.folder / "pairs-keys" / "secondary-app-key")
    text = said(lab, verb, "sim", "--to", "ACTIVE", *(["--yes"] if verb == "run" else []), code=2)
    assert words in text
    assert "secondary-app-key" in text
    assert "canary" not in text


def test_a_journal_that_was_cut_short(lab: Lab) -> None:
    lab.run("run", "sim", "--to", "PASSIVE", "--yes", code=0)
    lab.journal.write_bytes(lab.journal.read_bytes()[:5000])
    for verb in (("run", "sim", "--to", "ACTIVE", "--yes"), ("audit", "verify")):
        assert "damaged" in said(lab, *verb, code=9)
    text = said(lab, "audit", "verify", code=9)
    assert "Next hamr audit verify --journal FILE" in text, "of this one it would say the same again"


def test_a_journal_in_a_place_that_cannot_be_written(lab: Lab) -> None:
    (lab.folder / "file").write_text("")
    text = said(
        lab, "run", "sim", "--to", "ACTIVE", "--yes", "--journal", str(lab.folder / "file" / "j.db"), code=1
    )
    assert "Nothing was sent." in text
    assert (
        "Next hamr run sim --to ACTIVE --yes --journal FILE go on in a new journal, or in a copy of this one"
        in text
    )


def test_a_busy_journal_is_asked_once_more_and_an_emergency_goes_elsewhere(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a process that was stopped within a transaction, say. Another journal holds nothing to resume or to verify."""
    monkeypatch.setattr("orchestrator.journal.store.BUSY_SECONDS", 0.02)
    lab.run("run", "sim", "--to", "PASSIVE", "--yes", code=0)
    other = sqlite3.connect(lab.journal, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for verb in ("resume sim --yes", "audit verify", "run sim --to ACTIVE --yes"):
        text = said(lab, *verb.split(), code=1)
        assert f"Next hamr {verb} --journal {lab.journal} the same again" in text
        assert f"hamr {verb} --journal FILE go on in a new journal, or in a copy of this one" in text
    verb = "run sim --to ACTIVE --emergency --reason dark --yes"
    assert f"Next hamr {verb} --journal FILE go on in a new journal, or in a copy of this one" in said(
        lab, *verb.split(), code=1
    )
    other.close()


def test_with_json_every_error_is_a_document(lab: Lab) -> None:
    for arguments, error, code in (
        (("status", "smi"), "UsageError", 2),
        (("run", "sim", "--to", "ACTIVE"), "UsageError", 2),
        (("run", "sim"), "UsageError", 2),
        (("status", "sim", "--pairs", "missing"), "UsageError", 2),
        (("audit", "verify"), "JournalUnavailable", 1),
    ):
        document = lab.json(*arguments, code=code)
        assert (document["schema"], document["error"], document["exit_code"]) == ("hamr/error/1", error, code)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ("--override", "settled=REASON"),
            "--override settled=REASON says nothing: write why instead of REASON",
        ),
        (("--emergency", "--reason", "TEXT"), "--reason TEXT says nothing"),
    ],
)
def test_a_word_that_stands_for_a_reason_is_none(lab: Lab, flags: tuple[str, ...], said: str) -> None:
    """Pasted as it was printed: a run that writes wants the reason itself."""
    assert said in lab.told("run", "sim", "--to", "ACTIVE", "--yes", *flags, code=2)
    assert lab.posts() == 0


@pytest.fixture(autouse=True)
def _kept_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tracebacks of bugs go into the test's own folder, which Python would have remembered otherwise."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (HamrError("x"), 1),
        (PreparationError("x"), 1),
        (Locked("x"), 5),
        (Interrupted("x", code=ExitCode.TERMINATED), 143),
        (Interrupted("x", code=ExitCode.CLOSED_TERMINAL), 129),
        (click.Abort(), 130),
        (KeyboardInterrupt(), 130),
        (click.UsageError("no such option"), 2),
        (BrokenPipeError(), 1),
        (PermissionError(13, "Permission denied", "/etc/x"), 1),
        (RuntimeError("boom"), 1),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert report_failure(Invocation(), error) == code


def test_an_interrupt_before_any_run_is_under_way_says_that_nothing_was_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    invocation = Invocation()
    report_failure(invocation, KeyboardInterrupt())
    assert "Nothing was sent." in capsys.readouterr().err
    invocation.console.follow(lambda: "20261122-031500-abcd")
    report_failure(invocation, KeyboardInterrupt())
    assert "What was sent, if anything, stands in the journal" in capsys.readouterr().err


def bug() -> None:
    raise ValueError("bad canary-key-0001")


def test_a_bug_is_told_without_a_traceback_which_is_kept_for_its_owner(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    invocation = Invocation()
    invocation.redactor.add(Secret("canary-key-0001"))
    with pytest.raises(ValueError, match="canary-key") as raised:
        bug()
    assert report_failure(invocation, raised.value) == 1
    shown = capsys.readouterr().err
    assert "hamr has a bug, and stopped: ValueError: bad [redacted]" in shown
    assert "Traceback" not in shown
    (kept,) = tmp_path.glob("hamr-bug-*.txt")
    assert kept.name in re.sub(r"\n\s*", "", shown)
    assert kept.stat().st_mode & 0o777 == 0o600
    text = kept.read_text()
    assert "in bug" in text
    assert "canary" not in text.replace('raise ValueError("bad canary-key-0001")', "")


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="canary-key") as raised:
        bug()
    report_failure(Invocation(debug=True), raised.value)
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error", [RuntimeError("a page that does not render"), PreparationError("disk full"), BrokenPipeError()]
)
def test_once_the_work_has_ended_trouble_with_printing_does_not_change_its_code(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    invocation = Invocation(json=True)
    invocation.outcome = ExitCode.OWING
    assert report_failure(invocation, error) == 8
    written = capsys.readouterr()
    assert written.out == ""
    assert "exit code     1" not in written.err


def test_ctrl_c_that_a_library_wraps_while_it_is_loaded_is_no_bug() -> None:
    error = RuntimeError("Error calling __set_name__")
    error.__cause__ = KeyboardInterrupt()
    assert report_failure(Invocation(), error) == ExitCode.INTERRUPTED
