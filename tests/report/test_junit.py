"""JUnit XML of a report."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from orchestrator.report.junit import junit

from .hostile import hostile_drill, hostile_run
from .journals import OWING, reported


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own text, without a document type


def test_done_but_owing_is_no_success() -> None:
    root = parsed(junit(reported(OWING)))
    failed = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == ["end: the pair stands at ACTIVE", "objective: ACTIVE within 15 min"]


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
