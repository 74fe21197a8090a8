"""JUnit XML of a report."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from orchestrator.report.junit import junit

from .hostile import hostile_drill, hostile_run
from .journals import OWING, REFUSED, WHOLE, drill, reported
from .scenes import HASH, RUN


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own text, without a document type


def test_a_run_that_came_to_its_goal_has_a_case_for_each_transition_its_end_and_its_objective() -> None:
    root = parsed(junit(reported(WHOLE)))
    assert root.attrib == {
        "name": "payments: PASSIVE → ACTIVE",
        "tests": "4",
        "failures": "0",
        "errors": "0",
        "skipped": "0",
        "time": "100.000",
    }
    (suite,) = root
    assert suite.attrib["name"] == f"run {RUN}"
    assert suite.attrib["timestamp"] == "2026-05-28T16:40:00"
    cases = suite.findall("testcase")
    assert [(case.get("name"), case.get("time"), len(case)) for case in cases] == [
        ("transition declare (PASSIVE to FAILOVER) is made", "98.000", 0),
        ("transition activate (FAILOVER to ACTIVE) is made", "1.750", 0),
        ("end: the pair stands at ACTIVE", "100.000", 0),
        ("objective: ACTIVE within 15 min", "0.000", 0),
    ]
    assert cases[0].get("classname") == f"hamr.payments.run {RUN}"


def test_a_failure_carries_what_was_found_and_the_journal_lines() -> None:
    root = parsed(junit(reported(REFUSED)))
    failure = root.findall(".//failure")[0]
    assert failure.get("message", "").startswith(
        "refused by settled fail: Payments EU (secondary) was changed 2 min ago"
    )
    assert (failure.text or "").splitlines()[1:] == [
        "journal 3: Transition declare: 2 of 3 guards did not pass: settled, both_answer",
        "journal 4: Transition declare is refused by settled, both_answer; nothing of it was written",
    ]
    assert root.get("failures") == "2"


def test_done_but_owing_is_no_success() -> None:
    root = parsed(junit(reported(OWING)))
    failed = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == ["end: the pair stands at ACTIVE", "objective: ACTIVE within 15 min"]


def test_a_drill_has_one_case_for_each_expectation() -> None:
    root = parsed(junit(drill()))
    (suite,) = root
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("dark", "2", "1")
    (failure,) = suite.iter("failure")
    assert (
        failure.text
        == "exit code 3\njournal 43: Transition recover is refused by settled; nothing of it was written"
    )


def test_the_journals_head_is_among_the_properties() -> None:
    root = parsed(junit(reported(WHOLE)))
    properties = {each.get("name"): each.get("value") for each in root.iter("property")}
    assert properties == {
        "pair": "payments",
        "subject": RUN,
        "journal.head": f"38:{HASH}",
        "journal.verify": f"hamr audit verify --anchor 38:{HASH}",
    }


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
