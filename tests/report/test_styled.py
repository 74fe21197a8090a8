"""Spans are safe by construction, and pages become plain text."""

from __future__ import annotations

import pytest

from orchestrator.report.styled import STYLES, Span, line, plain_text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\x9b2J", "\\x9b2J"),
        ("\x7f\x00", "\\x7f\\x00"),
        ("abc\u202edef", "abc\\u202edef"),
        ("half \ud800", "half \\ud800"),
        ("Größe → ok 東京", "Größe → ok 東京"),
    ],
)
def test_a_span_never_holds_a_character_that_steers_a_terminal(hostile: str, shown: str) -> None:
    assert Span(hostile, "bad").text == shown


def test_plain_text_is_the_text_without_styles_and_without_blanks_at_the_end() -> None:
    page = (line("Title", "heading"), line(), (Span("a ", "org"), Span("b  ", "good")))
    assert plain_text(page) == "Title\n\na b\n"


def test_the_styles_are_meanings() -> None:
    assert {
        "", "good", "bad", "warn", "dim", "bold", "heading", "org", "status", "command",
    } == STYLES  # fmt: skip
