"""Every form of a report, whole, as it was when somebody last read it and found it good; and what no form lets through.

`python -m tests.report.test_forms` writes them anew; `git diff` then shows what a reader gets to see.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.report.documents import to_json
from orchestrator.report.junit import junit
from orchestrator.report.layout import plain_text
from orchestrator.report.markdown import code, markdown, quoted
from orchestrator.report.run_report import report_json, report_page
from orchestrator.report.run_view import ReportView

from .hostile import hostile_drill, hostile_run
from .journals import ADOPTED, FOREIGN, OWING, REFUSED, RESUMED, WHOLE, drill, reported

FORMS: dict[str, Callable[[ReportView], str]] = {
    "txt": lambda report: plain_text(report_page(report)),
    "json": lambda report: to_json(report_json(report)),
    "md": markdown,
    "xml": junit,
}
REPORTS: dict[str, Callable[[], ReportView]] = {
    "done": lambda: reported(WHOLE),
    "owing": lambda: reported(OWING),
    "refused": lambda: reported(REFUSED),
    "unknown": lambda: reported(RESUMED),
    "moved": lambda: reported(FOREIGN),
    "adopted": lambda: reported(ADOPTED),
    "not-ended": lambda: reported(WHOLE[:20]),
    "drill": drill,
}
DOCUMENTS = ("done", "owing", "adopted")
"""The reports whose documents are kept: a document is long, and has the same keys for all of them."""

SCREENS = ("done", "owing", "drill")
"""The reports whose pages `test_screens` keeps, as they are for terminals of several widths."""

PAGES = [name for name in REPORTS if name not in SCREENS]
WHERE = {"txt": PAGES, "json": DOCUMENTS}
KEPT = [(name, form) for form in FORMS for name in WHERE.get(form, REPORTS)]
FOLDER = Path(__file__).parent / "forms"


@pytest.mark.parametrize(("name", "form"), KEPT)
def test_a_form_is_as_it_was_found_good(name: str, form: str) -> None:
    kept = FOLDER / f"{name}.{form}"
    assert FORMS[form](REPORTS[name]()) == kept.read_text("utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_no_wider_than_a_terminal_but_for_commands(name: str) -> None:
    lines = (FOLDER / f"{name}.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if len(line) > 100 and "hamr " not in line] == []


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own text, without a document type


def test_hostile_text_stays_text() -> None:
    for report in (hostile_run(), hostile_drill()):
        text = junit(report)
        root = parsed(text)
        assert {element.tag for element in root.iter()} == {
            "testsuites",
            "testsuite",
            "properties",
            "property",
            "testcase",
            "failure",
        }
        shown = "".join(
            value for element in root.iter() for value in (*element.attrib.values(), element.text or "")
        )
        assert "<script>document.title='RAN'</script>" in shown
        assert "\\x1b[31mred" in shown
        assert not set("\x00\x07\x1b\u202e\u2028") & set(text)
        text.encode()


def test_a_record_that_the_report_does_not_hold_is_said_to_be_missing() -> None:
    (failure,) = parsed(junit(hostile_drill())).iter("failure")
    assert (failure.text or "").endswith("journal 999: not a record of this report")


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


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, form in KEPT:
        (FOLDER / f"{name}.{form}").write_text(FORMS[form](REPORTS[name]()), "utf-8")
