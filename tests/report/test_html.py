"""The page: complete in itself, accessible, and deaf to whatever stands in its texts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import pytest
from msgspec.structs import replace

from orchestrator.model.journal import Head
from orchestrator.report.html import page
from orchestrator.report.run_fold import report_of
from orchestrator.report.run_view import ReportView

from .hostile import (
    SHOWN,
    evil,
    hostile_drill,
    hostile_drill_begun,
    hostile_records,
    hostile_run,
    hostile_run_stopped,
)
from .journals import (
    FOREIGN,
    OWING,
    REFUSED,
    RESUMED,
    WHOLE,
    drill,
    journal,
    playbook_of,
    reported,
)
from .reading_html import Parsed, parsed
from .scenes import HASH, RUN

REPORTS: dict[str, Callable[[], ReportView]] = {
    "whole": lambda: reported(WHOLE),
    "owing": lambda: reported(OWING),
    "refused": lambda: reported(REFUSED),
    "resumed": lambda: reported(RESUMED),
    "foreign": lambda: reported(FOREIGN),
    "begun": lambda: reported(WHOLE[:2]),
    "one record": lambda: reported(WHOLE[:1]),
    "drill": drill,
    "drill not scored": lambda: drill(scored=False),
    "drill closed": lambda: drill(closed=True),
    "hostile run": hostile_run,
    "hostile drill": hostile_drill,
    "hostile drill, begun": hostile_drill_begun,
    "hostile run, stopped": hostile_run_stopped,
}


@cache
def shown_as(name: str) -> Parsed:
    """The page of a report."""
    return parsed(page(REPORTS[name]()))


@pytest.fixture(params=list(REPORTS), scope="module")
def shown(request: pytest.FixtureRequest) -> Parsed:
    return shown_as(request.param)


TAGS = """
html head meta title style body a header p code h1 h2 h3 h4 span dl dt dd div main section ul li
figure figcaption svg desc defs pattern path circle rect text details summary table caption thead
tbody tr th td pre footer br strong
"""

ATTRIBUTES = """
lang charset http-equiv content name href class id aria-labelledby aria-describedby aria-label
aria-hidden role tabindex scope colspan open viewbox d x y width height rx cx cy r fill text-anchor
patternunits patterntransform
"""


def test_there_is_nothing_but_known_elements_and_attributes(shown: Parsed) -> None:
    assert {element.tag for element in shown.elements} <= set(TAGS.split())
    assert {name for element in shown.elements for name in element.attributes} <= set(ATTRIBUTES.split())


def test_nothing_is_loaded_from_anywhere(shown: Parsed) -> None:
    assert {element.attributes["href"] for element in shown.all("a")} == {"#left-to-do"}
    for element in shown.elements:
        for value in (element.attributes.get("fill", ""), element.attributes.get("class", "")):
            assert "url(" not in value or value.startswith("url(#")
    assert not re.search(r"url\(|@import|expression", shown.one("style").text)


def test_the_policy_lets_nothing_in_but_the_one_style_sheet(shown: Parsed) -> None:
    (policy,) = [
        element.attributes["content"]
        for element in shown.all("meta")
        if element.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    digest = base64.b64encode(hashlib.sha256(shown.one("style").text.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not any("style" in element.attributes for element in shown.elements)


def test_it_has_a_language_a_title_and_landmarks(shown: Parsed) -> None:
    assert shown.one("html").attributes["lang"] == "en"
    assert shown.all("title")[0].text.strip()
    assert [len(shown.all(tag)) for tag in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]


def test_headings_are_in_order(shown: Parsed) -> None:
    levels = [int(element.tag[1]) for element in shown.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels)), levels


def test_every_label_that_is_named_is_there(shown: Parsed) -> None:
    ids = [element.attributes["id"] for element in shown.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in shown.elements:
        for kind in ("aria-labelledby", "aria-describedby"):
            assert set(element.attributes.get(kind, "").split()) <= set(ids)
        if element.tag == "section":
            assert element.attributes["aria-labelledby"]
        if element.attributes.get("role") == "region":
            assert element.attributes["aria-label"]
            assert element.attributes["tabindex"] == "0"
    for match in re.findall(r"url\(#([a-z-]+)\)", " ".join(str(each.attributes) for each in shown.elements)):
        assert match in ids


def test_every_picture_says_what_it_shows(shown: Parsed) -> None:
    for element in shown.all("svg"):
        assert "aria-hidden" in element.attributes or element.attributes["role"] == "img"
        if element.attributes.get("role") == "img":
            assert element.attributes.get("aria-label") or element.attributes.get("aria-labelledby")
    descriptions = [element.text for element in shown.all("desc")]
    assert len(descriptions) == 2
    assert all(text.startswith("The primary: ") for text in descriptions)


def test_every_table_has_heads_and_every_details_a_summary(shown: Parsed) -> None:
    assert len(shown.all("summary")) == len(shown.all("details"))
    for element in shown.all("th"):
        assert element.attributes["scope"] in {"col", "row"}
    assert len(shown.all("thead")) == len(shown.all("table"))


def transitions_of(shown: Parsed, label: str) -> list[list[str]]:
    """The cells of the table in that region."""
    found: list[list[str]] = []
    inside = False
    for element in shown.elements:
        if element.attributes.get("role") == "region":
            inside = element.attributes["aria-label"] == label
        if inside and element.tag == "tr":
            found.append([])
        if inside and element.tag in {"td", "th"}:
            found[-1].append(" ".join(element.text.split()))
    return found[1:]


def test_the_summary_is_for_somebody_who_was_not_there() -> None:
    shown = shown_as("whole")
    assert shown.one("h1").text == "payments: PASSIVE → ACTIVE"
    text = shown.one("header").text
    for part in (
        "Done",
        "It worked: this was seen by reading back.",
        "The objective for ACTIVE was met: 1 min 40 s, of 15 min allowed.",
        "30 s for people",
    ):
        assert part in text


def test_the_timeline_has_a_table_for_whoever_cannot_see_it() -> None:
    shown = shown_as("whole")
    assert transitions_of(shown, "Where both orgs stood") == [
        ["+0.50 s", "PASSIVE", "PASSIVE", "", "16:40:00.5"],
        ["+1 min 4 s", "PASSIVE", "FAILOVER", "declare", "16:41:04.5"],
        ["+1 min 8 s", "FAILOVER", "FAILOVER", "declare", "16:41:08.0"],
        ["+1 min 39 s", "FAILOVER", "ACTIVE", "activate", "16:41:39.0"],
        ["+1 min 39 s", "ACTIVE", "ACTIVE", "activate", "16:41:39.5"],
    ]


def test_the_picture_names_the_transitions_and_the_statuses() -> None:
    shown = shown_as("whole")
    labels = {element.text for element in shown.all("text")}
    assert {"PASSIVE", "FAILOVER", "ACTIVE", "primary", "secondary", "declare", "activate", "0 s"} <= labels
    titles = {element.text for element in shown.all("title")}
    assert "waited 1 min for agents" in titles
    assert "asked a person: integrations" in titles
    assert "hook stop-sync, before the transition" in titles
    assert "write 1, FAILOVER to the secondary: seen 1 s later" in titles


def test_a_stretch_that_is_drawn_shorter_says_so() -> None:
    titles = {element.text for element in shown_as("resumed").all("title")}
    assert "1 h 59 min in which nobody was at it, drawn shorter than they were" in titles


def test_checks_guards_and_times_are_shown_with_their_reasons() -> None:
    shown = shown_as("whole")
    assert [transition[:2] for transition in transitions_of(shown, "Checks")] == [
        ["✓ held", "transition declare (PASSIVE to FAILOVER) is made"],
        ["✓ held", "transition activate (FAILOVER to ACTIVE) is made"],
        ["✓ held", "end: the pair stands at ACTIVE"],
        ["✓ held", "objective: ACTIVE within 15 min"],
    ]
    assert transitions_of(shown, "Transitions and times")[0] == [
        "declare",
        "PASSIVE → FAILOVER",
        "✓ made",
        "1 min 38 s",
        "5.2 s",
        "1 min 2 s",
        "30 s",
        "500 ms",
        "",
    ]
    (overridden,) = transitions_of(shown, "Guards that did not pass")
    assert overridden[:4] == ["declare", "settled", "✗ fail", "overridden, because: Bob is with us"]
    assert transitions_of(shown, "Probes of transition declare") == [
        ["agents_seen", "12", "", "100 ms"],
        ["page", "! unknown", "answered 503", "100 ms"],
    ]


def test_requests_and_answers_are_there_without_being_in_the_way() -> None:
    shown = shown_as("whole")
    folded = [element for element in shown.all("details") if "Request, without its keys" in element.text]
    assert len(folded) == 4
    assert not any("open" in element.attributes for element in folded)
    first = " ".join(folded[0].text.split())
    assert "1: FAILOVER to Payments EU (secondary)" in first
    assert "POST https://api.datadoghq.eu/api/v2/hamr" in first
    assert '"hamr_status": 3' in first
    assert "No answer: timed out" in first
    assert "FAILOVER 1 s after it was sent" in first


def section(shown: Parsed, name: str) -> str:
    (found,) = [
        element.text for element in shown.all("section") if element.attributes["aria-labelledby"] == name
    ]
    return " ".join(found.split())


def test_what_is_owed_and_left_to_do_is_said() -> None:
    shown = shown_as("owing")
    assert (
        "Payments (primary): ACTIVE, since 2026-05-28 16:40:00 UTC (not seen in this emergency). ! still owed"
        in section(shown, "owed-1")
    )
    assert "hamr resume payments" in section(shown, "left-to-do")
    assert "Nothing: no org was left untold" in section(shown_as("whole"), "owed-1")


def test_the_journals_head_and_how_to_verify_it_are_there() -> None:
    shown = section(shown_as("whole"), "verify")
    assert f"38:{HASH}" in shown
    assert f"hamr audit verify --anchor 38:{HASH}" in shown


def test_a_drill_shows_its_score_and_both_of_its_runs() -> None:
    shown = shown_as("drill")
    text = section(shown, "checks")
    for part in (
        "✗ missed",
        "home: exit code 0",
        "nobody presses buttons in a drill",
        "the simulator's records",
    ):
        assert part in text
    assert [
        element.attributes["id"] for element in shown.all("h2") if "transitions-" in element.attributes["id"]
    ] == [
        "transitions-1",
        "transitions-2",
    ]


def fields() -> Sequence[str]:
    """Every place that the hostile run put its text into."""
    from pathlib import Path

    return re.findall(r'evil\("([^"]+)"\)', (Path(__file__).parent / "hostile.py").read_text("utf-8"))


@pytest.mark.parametrize("name", [name for name in REPORTS if "hostile" in name])
def test_hostile_text_is_shown_as_text(name: str) -> None:
    text = page(REPORTS[name]())
    shown = parsed(text)
    assert SHOWN in shown.one("main").text
    assert shown.all("script", "img", "iframe", "link", "object", "embed") == []
    assert not set("\x00\x07\x1b\u202e\u2028") & set(text)
    assert "\\u202e" in shown.one("main").text
    assert "49" not in re.findall(r"\{\{ 7\*7 \}\}|\b49\b", shown.one("header").text)
    for element in shown.elements:
        assert not any(attribute.startswith("on") for attribute in element.attributes)


def test_every_field_that_came_from_outside_was_put_to_the_test() -> None:
    """The pages together show every field of the hostile run: none of them is safe by being left out."""
    text = "".join(shown_as(name).one("html").text for name in REPORTS if "hostile" in name)
    missing = [where for where in dict.fromkeys(fields()) if f"[{where}]" not in text]
    assert missing == []


def test_a_run_of_a_thousand_records_stays_under_a_megabyte() -> None:
    report = long_story()
    assert len(report.runs[0].entries) >= 1000
    assert len(page(report).encode()) < 1_000_000


def long_story() -> ReportView:
    """A run that was taken up again and again: 27 times, each time with all its guards, writes and hooks."""
    events = [(seconds + 120.0 * number, event) for number in range(27) for seconds, event in WHOLE]
    records = journal(events)
    return report_of(RUN, records, Head(len(records), HASH), playbook_of)


def test_lone_surrogates_and_long_texts_do_not_break_it() -> None:
    records = [replace(each, by="a\ud800b", host="x" * 100_000) for each in hostile_records()]
    text = page(report_of(RUN, records, Head(40, HASH)))
    assert "a\\ud800b" in text
    assert len(text.encode()) < 1_000_000
    assert evil("reason")[:8] in text
