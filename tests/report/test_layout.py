"""Spans and documents are safe by construction, pages become plain text, and text is fitted by terminal cells."""

from __future__ import annotations

import json
from contextvars import copy_context

import pytest

from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.org import Secret
from orchestrator.model.plain import JSON
from orchestrator.report.documents import compact, document, to_json
from orchestrator.report.layout import (
    Span,
    cells,
    copied,
    cut,
    fit,
    fold,
    folded_line,
    heading,
    labelled,
    line,
    line_text,
    next_commands,
    padded,
    page_width,
    paragraph,
    plain_text,
    shortened,
    table,
)
from orchestrator.report.verdicts import verdict_lines
from tests.steps import step

from .scenes import CANARY, lines


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


def test_wide_characters_take_two_cells_and_combining_ones_none() -> None:
    assert cells("abc") == 3
    assert cells("東京") == 4
    assert cells("e\u0301") == 1


def test_a_text_is_cut_to_its_cells_with_an_ellipsis() -> None:
    assert cut("payments", 8) == "payments"
    assert cut("payments", 5) == "paym…"
    assert cut("東京都", 5) == "東京…"


def test_padding_counts_cells() -> None:
    assert padded("東京", 6) == "東京  "


def test_folding_breaks_at_spaces_and_inside_words_that_are_too_long() -> None:
    assert fold("a name that is long", 8) == ("a name", "that is", "long")
    assert fold("x" * 10, 4) == ("xxxx", "xxxx", "xx")
    assert fold("see xxxxxxxxxx now", 4) == ("see", "xxxx", "xxxx", "xx", "now")
    assert fold("", 4) == ("",)


def test_folding_to_a_number_of_lines_says_that_something_is_missing() -> None:
    assert fold("a name that is long", 8, most=2) == ("a name", "that is…")


def test_folding_escapes_first_so_that_a_newline_opens_no_line() -> None:
    assert fold("a\nb", 8) == ("a\\nb",)


def test_a_long_text_from_outside_is_cut() -> None:
    assert shortened("x" * 500, 10) == "xxxxxxxxx…"
    assert len(shortened("x" * 100_000)) == 400


def test_a_paragraph_keeps_its_own_newlines_and_its_indent() -> None:
    page = paragraph("first\nsecond " + "word " * 22, indent=2, hanging=2)
    assert lines(page) == [
        "  first",
        "  second word word word word word word word word word word word word word word word word word word",
        "    word word word word",
    ]


def test_a_label_stands_beside_its_folded_text() -> None:
    assert lines(labelled("owed", "ab " * 30)) == [
        "  owed          ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab ab",
        "                ab ab",
    ]


def test_a_line_of_pieces_is_folded_behind_its_margin_and_keeps_its_styles() -> None:
    page = folded_line((Span("one ", "org"), Span("word " * 18, "bad"), Span("last", "status")), "  12:00  ")
    assert lines(page) == [
        "  12:00  one word word word word word word word word word word word word word word word word word",
        "         word last",
    ]
    assert page[0][1] == Span("one ", "org")
    assert page[1][-1] == Span("last", "status")


def test_a_table_is_as_wide_as_it_needs_and_folds_what_is_longer() -> None:
    page = table(
        ("run", "by"), [(Span("a"), Span("alice and bob")), (Span("long"), Span("x"))], (10, 9), indent=2
    )
    assert lines(page) == ["  run   by", "  a     alice and", "        bob", "  long  x"]


def test_commands_are_never_broken() -> None:
    command = "hamr run payments --to ACTIVE --override " + "x" * 100
    assert lines(next_commands([step(command)])) == ["", "Next", f"  {command}"]
    assert next_commands([]) == ()


def test_pages_are_as_wide_as_the_terminal_and_never_wider_than_100() -> None:
    def narrow() -> None:
        fit(80)
        long = "word " * 40
        rows = [[Span(long), Span("x"), Span(long)]]
        page = (
            *paragraph(long, indent=2),
            *labelled("label", long),
            *table(("a", "b", "c"), rows, (60, 5, 50)),
        )
        assert max(cells(line_text(spans).rstrip()) for spans in page) in range(75, 81)
        assert line_text(copied("head", "f" * 64)) == "  head          " + "f" * 64
        assert line_text(copied("head", "f" * 70)) == "  head  " + "f" * 70
        _, first, *_ = table(("run", "what"), [[Span("20260528-163000-k3f9"), Span(long[:70])]], (20, 70))
        assert line_text(first).startswith("20260528-163000-k3f9  word")
        fit(300)
        assert page_width() == 100
        fit(10)
        assert page_width() == 40

    copy_context().run(narrow)
    assert page_width() == 100


def test_the_schema_comes_first_and_the_order_stays() -> None:
    assert to_json(document("hamr/status/1", {"b": 1, "a": [True, None]})) == (
        '{\n  "schema": "hamr/status/1",\n  "b": 1,\n  "a": [\n    true,\n    null\n  ]\n}\n'
    )


def test_what_is_not_printable_is_written_out_and_means_the_same() -> None:
    text = "\x1b[31m \x7f \x9b \u202e \U000e0001 \ud800 東京 →"
    written = to_json({"x": text})
    assert written == ('{\n  "x": "\\u001b[31m \\u007f \\u009b \\u202e \\udb40\\udc01 \\ud800 東京 →"\n}\n')
    assert json.loads(written) == {"x": text}


def test_compact_is_one_safe_line() -> None:
    assert compact({"a": [1, "x\n\x9b"]}) == '{"a":[1,"x\\n\\u009b"]}'


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"x": float("nan")})


def test_law_17_a_secret_cannot_get_into_a_document() -> None:
    smuggled: dict[str, JSON] = {"key": Secret(CANARY)}  # type: ignore[dict-item]
    with pytest.raises(TypeError) as refusal:
        to_json(smuggled)
    assert CANARY not in str(refusal.value)
    with pytest.raises(TypeError) as refusal:
        document("hamr/status/1", {"keys": [Secret(CANARY)]})
    assert CANARY not in str(refusal.value)


def test_on_a_page_too_narrow_for_columns_each_row_is_a_list_and_a_reason_stands_under_its_guard() -> None:
    def narrow() -> list[str]:
        fit(40)
        run = [Span("20260528-163000-k3f9"), Span("payments"), Span("what came of it, in many words")]
        verdict = Verdict(
            "both_answer", Outcome.PASS, "both orgs answer, within the time-outs that they have"
        )
        page = (
            *table(("run", "pair", "end"), [run], (20, 20, 60)),
            *table(("a", "b"), [[Span("short"), Span("row")]], (20, 60)),
            *table(("", "run", "what is longer", "b"), [[Span("*"), *run]], (1, 20, 20, 60), most=1),
            *heading("Transition 1 of 2: recover, ACTIVE → RECOVERY"),
            *verdict_lines(verdict),
        )
        return [line_text(spans).rstrip() for spans in page]

    assert copy_context().run(narrow) == [
        "20260528-163000-k3f9",
        "  pair          payments",
        "  end           what came of it, in many",
        "                words",
        "a      b",
        "short  row",
        "* 20260528-163000-k3f9",
        "  what is longer  payments",
        "  b               what came of it, in",
        "                  many words",
        "",
        "Transition 1 of 2: recover, ACTIVE →",
        "RECOVERY",
        "    pass     both_answer",
        "             both orgs answer, within",
        "             the time-outs that they",
        "             have",
    ]
