"""Whatever goes wrong ends as words and an exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest

from orchestrator.cli.failures import report_failure
from orchestrator.cli.invocation import Invocation
from orchestrator.errors import ExitCode, HamrError, Interrupted, Locked, PreparationError, UsageError
from orchestrator.model.org import Secret
from tests.steps import next_of, step


@pytest.fixture(autouse=True)
def _kept_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tracebacks of bugs go into the test's own folder, which Python would have remembered otherwise."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
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


def test_with_json_the_error_is_a_document_on_stdout_and_words_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report_failure(
        Invocation(json=True), Locked("pair payments is locked", next_steps=(step("hamr show RUN"),))
    )
    written = capsys.readouterr()
    document = json.loads(written.out)
    assert (document["schema"], document["error"], document["exit_code"]) == ("hamr/error/1", "Locked", 5)
    assert next_of(document) == ["hamr show RUN"]
    assert "pair payments is locked" in written.err


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


def test_an_error_of_no_kind_is_still_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_failure(Invocation(), HamrError("it failed")) == 1
    assert "it failed" in capsys.readouterr().err


def test_ctrl_c_that_a_library_wraps_while_it_is_loaded_is_no_bug() -> None:
    error = RuntimeError("Error calling __set_name__")
    error.__cause__ = KeyboardInterrupt()
    assert report_failure(Invocation(), error) == ExitCode.INTERRUPTED
