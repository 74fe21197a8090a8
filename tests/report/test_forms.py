"""Every form of a report, whole: as it was when somebody last read it and found it good.

`python -m tests.report.test_forms` writes them anew; `git diff` then shows what a reader gets to see.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.report.documents import to_json
from orchestrator.report.junit import junit
from orchestrator.report.layout import plain_text
from orchestrator.report.markdown import markdown
from orchestrator.report.run_report import report_json, report_page
from orchestrator.report.run_view import ReportView

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


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, form in KEPT:
        (FOLDER / f"{name}.{form}").write_text(FORMS[form](REPORTS[name]()), "utf-8")
