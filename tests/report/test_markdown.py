"""Markdown of a report."""

from __future__ import annotations

import re

from orchestrator.report.markdown import code, markdown, quoted

from .hostile import hostile_drill, hostile_run
from .journals import RESUMED, WHOLE, drill, reported


def test_every_report_stays_short() -> None:
    long = [(seconds + 10_000 * number, event) for number in range(30) for seconds, event in WHOLE]
    for report in (
        reported(WHOLE),
        reported(RESUMED),
        drill(),
        reported(long),
        hostile_run(),
        hostile_drill(),
    ):
        assert len(markdown(report).splitlines()) <= 60


def test_hostile_text_makes_no_link_no_mention_and_no_html() -> None:
    for report in (hostile_run(), hostile_drill()):
        whole = markdown(report)
        assert not set("\x00\x07\x1b\u202e\u2028") & set(whole)
        bare = re.sub(r"\\[\\`*{}\[\]<>|~&_#+=-]", "", re.sub(r"(?<!\\)(`+)(?!`).+?(?<!`)\1(?!`)", "", whole))
        bare = "\n".join(line for line in bare.splitlines() if not line.startswith("| --- "))
        assert not re.search(r"[<>@`]|\]\(|://", bare)


def test_a_text_cannot_end_its_code_or_its_table_cell() -> None:
    assert code("a`b``c") == "```a`b``c```"
    assert code("`x`") == "`` `x` ``"
    assert code("a|b") == "`a¦b`"
    assert quoted("a|b\nc") == "a\\|b\\\\nc"


def test_words_that_a_tracker_would_obey_stand_in_code() -> None:
    assert quoted("see https://evil.example, @all <b>") == "see `https://evil.example,` `@all` \\<b\\>"
    assert quoted("#12 www.evil.example agents_in_it _x_") == "`#12` `www.evil.example` agents_in_it \\_x\\_"
    assert quoted("1. - #") == "1\\. \\- \\#"
