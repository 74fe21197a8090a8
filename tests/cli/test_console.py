"""What is printed, where, and what never is."""

from __future__ import annotations

import io
import os
import pty
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from orchestrator.cli.console import STYLES, Console, Stream
from orchestrator.cli.run_command import Terminal
from orchestrator.errors import Refused
from orchestrator.model.hook import Asks, Question
from orchestrator.model.org import Secret
from orchestrator.operations.holding import RunControl
from orchestrator.report.layout import STYLES as MEANINGS
from orchestrator.report.layout import Span, line
from orchestrator.system.redaction import Redactor

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


def test_every_meaning_has_a_look() -> None:
    assert set(STYLES) == MEANINGS - {""}


def test_a_pipe_gets_plain_lines() -> None:
    out = io.StringIO()
    Stream(out, Redactor()).page(PAGE)
    assert out.getvalue() == "Pair payments\nDONE → ACTIVE\n"


def test_a_terminal_gets_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as (file, ours):
        Stream(file, Redactor()).page(PAGE)
        assert screen(ours) == "\x1b[1mPair payments\x1b[0m\r\n\x1b[32mDONE\x1b[0m → ACTIVE\r\n"


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as (file, ours):
        monkeypatch.setenv("NO_COLOR", "1")
        Stream(file, Redactor()).page((line("DONE", "good"),))
        assert screen(ours) == "DONE\r\n"


def test_a_dumb_terminal_is_treated_as_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as (file, ours):
        monkeypatch.setenv("TERM", "dumb")
        Stream(file, Redactor()).page(PAGE)
        assert "\x1b" not in screen(ours)


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


def test_a_passing_line_fits_the_terminal_and_the_next_line_replaces_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with terminal(monkeypatch, columns=20) as (file, ours):
        stream = Stream(file, Redactor())
        stream.passing(line("Waiting for Payments (primary) to show ACTIVE"))
        stream.page((line("done"),))
        assert screen(ours) == "Waiting for Paymen…\r\x1b[2Kdone\r\n"


def test_nothing_passes_in_a_pipe() -> None:
    out = io.StringIO()
    stream = Stream(out, Redactor())
    stream.passing(line("Waiting"))
    stream.end()
    assert out.getvalue() == ""


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
        stream.passing(spans)
        assert screen(ours) == "key [redacted]\r\nkey [redacted]"


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
    terminal = Terminal(Console(Redactor(), json=False), controls)
    assert await terminal.ask(Question(Asks.MANUAL, "integrations", "declare", "Press the button.")) is None
    assert controls.asked == 1
