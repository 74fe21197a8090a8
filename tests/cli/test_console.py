"""What is printed, where, and what never is."""

from __future__ import annotations

import io
import os
import pty
import select
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import TextIO

import pytest

from orchestrator.cli.console import Console, Stream
from orchestrator.cli.failures import report_failure
from orchestrator.cli.invocation import Invocation
from orchestrator.cli.outlets import Outlet, Output
from orchestrator.cli.run_command import ask_here
from orchestrator.errors import Refused, UsageError
from orchestrator.model.org import Secret
from orchestrator.model.playbook import Asks, Question
from orchestrator.operations.holding import RunControl
from orchestrator.report.layout import Span, line
from orchestrator.system.redaction import Redactor

from .terminal import shown_by

PAGE = (line("Pair payments", "heading"), (Span("DONE", "good"), Span(" → ACTIVE")))


def redactor() -> Redactor:
    knows = Redactor()
    knows.add(Secret("canary-key-0001"))
    return knows


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 60) -> Iterator[tuple[TextIO, int]]:
    """A pseudo-terminal: the file to write to, and the descriptor on which it arrives."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.delenv("NO_COLOR", raising=False)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as file:
        try:
            yield file, ours
        finally:
            os.close(ours)


def screen(descriptor: int) -> str:
    """All that has arrived at a terminal."""
    seen = b""
    while select.select([descriptor], [], [], 0.02)[0]:
        seen += os.read(descriptor, 1000)
    return seen.decode()


def test_a_pipe_gets_plain_lines() -> None:
    out = io.StringIO()
    stream = Stream(out, Redactor())
    stream.page(PAGE)
    stream.passing(WAITING)
    stream.end()
    assert out.getvalue() == "Pair payments\nDONE → ACTIVE\n"


def test_a_terminal_gets_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as (file, ours):
        Stream(file, Redactor()).page(PAGE)
        assert screen(ours) == "\x1b[1mPair payments\x1b[0m\r\n\x1b[32mDONE\x1b[0m → ACTIVE\r\n"


def test_a_long_command_is_not_broken_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, columns=20) as (file, ours):
        Stream(file, Redactor()).page((line("hamr run payments --to ACTIVE", "command"),))
        shown = screen(ours)
    assert shown == "\x1b[1;36mhamr run payments --to ACTIVE\x1b[0m\r\n"


def test_prose_is_folded_at_spaces_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, columns=30) as (file, ours):
        page = (
            line("  Both orgs show PASSIVE, and both were changed by alice."),
            (Span("status   "), Span("ACTIVE   ")),
        )
        Stream(file, Redactor()).page(page)
        shown = screen(ours)
    assert shown == (
        "  Both orgs show PASSIVE, and\r\n    both were changed by\r\n    alice.\r\nstatus   ACTIVE\r\n"
    )


WAITING = (line("Waiting for Payments (primary)"), line("now: PASSIVE"))


def test_an_error_fits_its_own_terminal_where_stdout_is_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with terminal(monkeypatch) as (file, seen):
        monkeypatch.setattr(sys, "stderr", file)
        report_failure(Invocation(), UsageError(" ".join(["words"] * 30)))
        rows = [row for row in shown_by(screen(seen)) if "words" in row]
    assert [len(row) for row in rows] == [55, 57, 57, 21], "folded once, not at a pipe's width first"
    assert capsys.readouterr().out == ""


def test_what_passes_is_replaced_in_place_and_what_is_printed_stands_above_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with terminal(monkeypatch, columns=20) as (file, ours):
        stream = Stream(file, Redactor())
        stream.passing(WAITING)
        stream.page((line("event"),))
        assert shown_by(screen(ours)) == ["event", "Waiting for Payments", "  (primary)", "now: PASSIVE"]
        stream.passing((line("now: ACTIVE"),))
        assert stream.columns == 20
        stream.end()
        stream.page((line("done"),))
        stream.passing(WAITING)
        stream.text("as it is\n")
        seen = screen(ours)
    assert shown_by(seen) == ["done", "as it is"]


def test_a_terminal_that_is_made_narrower_keeps_nothing_of_what_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with terminal(monkeypatch, columns=40) as (file, ours):
        stream = Stream(file, Redactor())
        stream.passing(WAITING)
        before = screen(ours)
        monkeypatch.setenv("COLUMNS", "20")  # the terminal folds the first line: 30 cells are two rows now
        stream.end()
        after = screen(ours)
    assert before.count("\n") == 1
    # Up by the row that folding made, then over the frame, which is drawn once more, and over that.
    assert after.count("\x1b[1A\x1b[2K") == 1 + 1 + 2
    assert "Waiting for Payments\r\n" in after


def test_of_more_lines_than_a_terminal_has_the_first_are_shown_and_the_rest_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LINES", "6")
    with terminal(monkeypatch) as (file, ours):
        Stream(file, Redactor()).passing(tuple(line(str(number)) for number in range(9)))
        assert shown_by(screen(ours)) == ["0", "1", "2", "… 6 lines more: a taller terminal shows them"]


def test_what_an_encoding_cannot_show_takes_no_more_room_than_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with terminal(monkeypatch, columns=20) as (file, ours):
        ascii_file = open(file.fileno(), "w", encoding="ascii", closefd=False)  # noqa: SIM115 - the terminal
        Stream(ascii_file, Redactor()).passing((line("declare → FAILOVER → ACTIVE"),))
        rows = shown_by(screen(ours))
    assert rows == ["declare \\u2192", "  FAILOVER \\u2192", "  ACTIVE"]


def test_what_goes_to_the_other_stream_of_the_same_terminal_clears_what_passes_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log, for one: it is not written into the middle of a frame."""
    with terminal(monkeypatch) as (file, ours):
        monkeypatch.setattr(sys, "stdout", file)
        log = Output(Outlet(file.fileno()))
        monkeypatch.setattr(sys, "stderr", log)
        console = copy_context().run(Console, Redactor(), json=False)  # as wide as this terminal, here alone
        console.out.passing(WAITING)
        log.write("a warning\n")
        console.out.passing(WAITING)
        console.note("a remark")
        assert shown_by(screen(ours)) == ["a warning", "a remark"]


def test_nothing_passes_while_a_question_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as (file, ours):
        stream = Stream(file, Redactor())
        stream.passing(WAITING)
        with stream.holding():
            stream.passing(WAITING)
            assert shown_by(screen(ours)) == []
        stream.passing(WAITING)
        assert len(shown_by(screen(ours))) == 2


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_where_plain_lines_are_wanted_a_terminal_is_treated_as_a_pipe(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with terminal(monkeypatch) as (file, ours):
        monkeypatch.setenv(name, value)
        stream = Stream(file, Redactor())
        stream.passing(WAITING)
        stream.page((line("DONE", "good"), line("Next", "heading"), line("look", "dim")))
        assert screen(ours) == "DONE\r\nNext\r\nlook\r\n"


def test_law_19_what_passes_waits_for_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-S: the frame is left out, at once, and nothing counts as lost."""
    with terminal(monkeypatch) as (file, ours):
        stream = Stream(Output(Outlet(file.fileno())), Redactor())
        termios.tcflow(file.fileno(), termios.TCOOFF)
        before = time.monotonic()
        stream.passing(WAITING)
        assert time.monotonic() - before < 20
        assert not stream.closed
        termios.tcflow(file.fileno(), termios.TCOON)
        stream.passing(WAITING)
        assert len(shown_by(screen(ours))) == 2


def test_markup_and_numbers_are_left_alone_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as (file, ours):
        Stream(file, Redactor()).page((line("[bold]x[/bold] :smile: 42 http://a"),))
        assert screen(ours) == "[bold]x[/bold] :smile: 42 http://a\r\n"


@pytest.mark.parametrize(
    "spans",
    [
        line("key canary-key-0001 here"),
        (Span("key canary-"), Span("key-0001", "bad"), Span(" here")),
    ],
)
def test_law_17_no_key_leaves_by_a_page(spans: tuple[Span, ...]) -> None:
    out = io.StringIO()
    Stream(out, redactor()).page((spans,))
    assert out.getvalue() == "key [redacted] here\n"


@pytest.mark.parametrize(
    "spans", [line("key canary-key-0001"), (Span("key canary-"), Span("key-0001", "bad"))]
)
def test_law_17_no_key_leaves_by_a_terminal(monkeypatch: pytest.MonkeyPatch, spans: tuple[Span, ...]) -> None:
    with terminal(monkeypatch) as (file, ours):
        stream = Stream(file, redactor())
        stream.page((spans,))
        stream.passing((spans,))
        assert shown_by(screen(ours)) == ["key [redacted]", "key [redacted]"]


def test_law_17_no_key_leaves_by_a_text() -> None:
    out = io.StringIO()
    Stream(out, redactor()).text("key canary-key-0001\n")
    assert out.getvalue() == "key [redacted]\n"


def test_law_17_no_key_leaves_by_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(redactor(), json=True)
    console.facts((), {"schema": "x/1", "canary-key-0001": ["canary-key-0001"]})
    console.fact_line({"by": "canary-key-0001"})
    console.note("canary-key-0001")
    written = capsys.readouterr()
    assert "canary" not in written.out + written.err
    assert written.out.count("[redacted]") == 3


def test_a_reader_that_went_away_is_written_to_no_more() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as file:
        stream = Stream(file, Redactor())
        stream.page(PAGE)
        assert stream.closed
        stream.page(PAGE)
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_law_19_a_full_disk_is_told_once_to_whoever_wants_to_know() -> None:
    lost: list[str] = []
    file = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it fails, too
    stream = Stream(file, Redactor(), lost=lambda stream: lost.append(stream.trouble_words))
    stream.page(PAGE)
    stream.page(PAGE)
    assert stream.closed
    assert lost == ["the disk is full"]
    with pytest.raises(OSError, match="No space left"):
        file.close()


def test_law_19_a_stream_that_was_closed_is_written_to_no_more() -> None:
    file = io.StringIO()
    file.close()
    stream = Stream(file, Redactor())
    stream.page(PAGE)
    assert stream.trouble_words == "it is closed"


def test_a_terminal_of_another_encoding_gets_escapes() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as file:
        Stream(file, Redactor()).page(PAGE)
        assert raw.getvalue() == b"Pair payments\nDONE \\u2192 ACTIVE\n"


def test_with_json_a_person_follows_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Console(Redactor(), json=True).aside.page(PAGE)
    Console(Redactor(), json=False).aside.page(PAGE[:1])
    written = capsys.readouterr()
    assert written.err == "Pair payments\nDONE → ACTIVE\n"
    assert written.out == "Pair payments\n"


def test_law_19_a_question_that_cannot_be_shown_is_not_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = io.StringIO()
    gone.close()
    monkeypatch.setattr("sys.stderr", gone)
    monkeypatch.setattr("sys.stdin", io.StringIO("payments\n"))
    with pytest.raises(Refused, match=r"The question could not be shown \(it is closed\)"):
        Console(Redactor(), json=False).confirm("payments")
    assert capsys.readouterr().out == "What goes to stderr could not be shown: it is closed.\n"


@pytest.mark.anyio
async def test_law_19_a_question_on_the_way_that_cannot_be_shown_stops_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = io.StringIO()
    gone.close()
    monkeypatch.setattr("sys.stderr", gone)
    monkeypatch.setattr("sys.stdin", io.StringIO("done\n"))
    controls = RunControl()
    question = Question(Asks.MANUAL, "integrations", "declare", "Press the button.")
    assert await ask_here(Console(Redactor(), json=False), controls, question) is None
    assert controls.asked == 1
