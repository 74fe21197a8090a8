"""Markdown of a report."""

from __future__ import annotations

import re

from orchestrator.report.markdown import code, markdown, quoted

from .hostile import hostile_drill, hostile_run
from .journals import OWING, RESUMED, WHOLE, drill, reported
from .scenes import HASH, RUN


def test_a_run_fits_a_ticket() -> None:
    shown = markdown(reported(WHOLE)).splitlines()
    assert shown == [
        "### payments: PASSIVE → ACTIVE: Done",
        "",
        "Pair payments was moved from PASSIVE to ACTIVE. It worked: this was seen by reading back.",
        "It took 1 min 40 s, of which 30 s were spent waiting for people.",
        "The objective for ACTIVE was met: 1 min 40 s, of 15 min allowed.",
        "",
        f"- run `{RUN}`, planned, by alice on laptop, 2026-05-28 16:40:00 UTC, because: a drill (INC-1)",
        "",
        "**Left to do:** nothing.",
        "",
        "**Checks:** 4 of 4 held.",
        "",
        "| transition | from → to | | time | of it API | world | people |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| declare | PASSIVE → FAILOVER | made | 1 min 38 s | 5.2 s | 1 min 2 s | 30 s |",
        "| activate | FAILOVER → ACTIVE | made | 1.7 s | 1.5 s | 0 s | 0 s |",
        "",
        "**Guards that did not pass**",
        "",
        "- declare: settled **overridden**: Payments EU (secondary) was changed 2 min ago by `bob@example.com` (because: Bob is with us)",
        "",
        f"Journal head `38:{HASH}`; to check it: `hamr audit verify --anchor 38:{HASH}`",
    ]


def test_what_is_left_to_do_can_be_ticked_off() -> None:
    shown = markdown(reported(OWING)).splitlines()
    assert (
        "- [ ] Tell Payments (primary) ACTIVE, as soon as it can be reached. `hamr resume payments`" in shown
    )


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


def test_a_drill_shows_what_was_missed() -> None:
    shown = markdown(drill()).splitlines()
    assert shown[0] == "### payments: drill, scenario dark: Missed"
    assert "**Checks:** 1 of 2 held." in shown
    assert "- home: exit code 0: exit code 3" in shown


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
