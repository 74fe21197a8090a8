"""Fault scripts: each kind as it is written, and one clear sentence for each that is not."""

from __future__ import annotations

import pytest

from orchestrator.config.scenarios import parse_fault_script
from orchestrator.errors import DocumentError
from orchestrator.model.status import Role, Status
from orchestrator.simulator import (
    AnswerLost,
    AppliedLate,
    ClientError,
    ConnectionRefused,
    Fault,
    ForeignWriter,
    MetricShows,
    MonitorShows,
    RegionDark,
    ServerError,
    Silence,
    StaleRead,
    Throttle,
    WrongBody,
)

SCRIPT = """\
schema: 1
faults:
  - answer_lost: {}
    at: 2
    org: secondary
    method: POST
  - region_dark: {for: 30s, silent: true}
    org: primary
  - applied_late: {after: 1500ms}
    times: 3
  - silence: {applied: true}
    times: forever
    path: any
  - client_error: {status: 404}
  - throttle: {reset: 5}
  - server_error: {status: 502, applied: true}
  - wrong_body: {body: "<html>"}
  - stale_read: {}
  - foreign_writer: {status: ACTIVE, modified_by: terraform, org: primary, after: true}
  - connection_refused: {}
  - metric: {query: "sum:datadog.agent.running{*}", value: no data}
    org: secondary
  - metric: {query: q, value: [1, no value, 2.5], for: 30s}
    at: 2s
    org: secondary
  - metric: {query: q, value: no value, org: primary}
    at: 2
    method: POST
    org: secondary
  - monitor: {id: 42, state: Alert, org: primary}
  - monitor: {id: 43, state: absent}
    at: 1
  - region_dark: {for: 1m}
    at: 1500ms
    org: primary
  - foreign_writer: {status: ACTIVE, org: primary}
    at: 0s
"""


def said(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        parse_fault_script(text, "faults.yaml")
    return str(caught.value)


def test_each_fault_is_read_as_it_is_written() -> None:
    assert parse_fault_script(SCRIPT, "faults.yaml") == (
        Fault(AnswerLost(), at=2, role=Role.SECONDARY, method="POST"),
        Fault(RegionDark(30.0, silent=True), role=Role.PRIMARY),
        Fault(AppliedLate(1.5), times=3),
        Fault(Silence(applied=True), times=None, path=None),
        Fault(ClientError(404)),
        Fault(Throttle(reset=5)),
        Fault(ServerError(502, applied=True)),
        Fault(WrongBody("<html>")),
        Fault(StaleRead(None)),
        Fault(ForeignWriter(Status.ACTIVE, "terraform", Role.PRIMARY, after=True)),
        Fault(ConnectionRefused(0.3)),
        Fault(MetricShows("sum:datadog.agent.running{*}", "no data"), role=Role.SECONDARY, after=0),
        Fault(MetricShows("q", (1.0, None, 2.5), 30.0), role=Role.SECONDARY, after=2.0),
        Fault(MetricShows("q", None, role=Role.PRIMARY), at=2, method="POST", role=Role.SECONDARY),
        Fault(MonitorShows(42, "Alert", role=Role.PRIMARY), after=0),
        Fault(MonitorShows(43, None)),
        Fault(RegionDark(60.0), role=Role.PRIMARY, after=1.5),
        Fault(ForeignWriter(Status.ACTIVE, role=Role.PRIMARY), after=0),
    )


def test_a_fault_without_a_kind_says_which_there_are() -> None:
    words = said("schema: 1\nfaults:\n  - at: 2\n")
    assert words.startswith("faults.yaml:3:5: this fault says not what goes wrong: give it one kind (")


def test_two_kinds_are_one_too_many() -> None:
    words = said("schema: 1\nfaults:\n  - answer_lost: {}\n    slow: {by: 1s}\n")
    assert words == (
        "faults.yaml:4:5: this fault has 2 kinds (answer_lost and slow), and one is allowed: make a fault of each"
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{answer_losst: {}}", "did you mean"),
        ("{answer_lost: {}, after: 2}", '"after" is not a known key in item 1 of faults'),
        ("{redirect: {location: /}}", '"location" is not a known key in faults.1.redirect'),
        ("{answer_lost: {}, at: 0}", "expected a whole number from 1 to 100000, found the number 0"),
        ("{answer_lost: {}, times: never}", "expected a whole number from 1, or forever"),
        ("{client_error: {status: 500}}", "expected a whole number from 400 to 499, found the number 500"),
        ("{applied_late: {}}", "after"),
        ("{answer_lost: {}, at: 2s}", "answer_lost happens to a request: give the number of one, such as 1"),
        ("{region_dark: {}, at: 2h, org: primary}", "2h is out of bounds: between 0s and 1h"),
        ("{region_dark: {}, at: 2 s, org: primary}", '"2 s" is not a duration'),
        (
            "{region_dark: {}, at: 2s}",
            'this region_dark happens at "2s", so no request says whose it is: add org: primary or org: secondary',
        ),
        (
            "{monitor: {id: 42, state: OK}}",
            "this monitor happens from the beginning, so no request says whose it is: add org: primary or",
        ),
        (
            "{monitor: {id: 42, state: OK}, org: primary, method: POST}",
            "method chooses requests, and this fault happens from the beginning, whatever is asked: leave it out",
        ),
        (
            "{region_dark: {}, at: 2s, org: primary, times: 2}",
            'times chooses requests, and this fault happens at "2s", whatever is asked: leave it out',
        ),
        ("{monitor: {id: 42, state: alert}, org: primary}", 'did you mean "Alert"?'),
        ("{monitor: {id: 0, state: OK}, org: primary}", "expected a whole number from 1 to"),
        ("{metric: {query: q}, org: primary}", "value"),
        (
            "{metric: {query: q, value: many}, org: primary}",
            'expected a number, no data, no value or a list of numbers and no value, found the text "many"',
        ),
        ("{metric: {query: q, value: []}, org: primary}", "found a list"),
        ("{metric: {query: q, value: [1, true]}, org: primary}", "found true"),
        ("{metric: {query: q, value: .inf}, org: primary}", "expected a number"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(line: str, words: str) -> None:
    text = said(f"schema: 1\nfaults:\n  - {line}\n")
    assert text.startswith("faults.yaml:3:")
    assert words in text
