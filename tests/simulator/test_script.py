"""Fault scripts: each kind as it is written, and one clear sentence for each that is not."""

from __future__ import annotations

from typing import get_args

import pytest

from orchestrator.documents.fault_scripts import parse_fault_script
from orchestrator.documents.fault_shape import KINDS
from orchestrator.errors import DocumentError
from orchestrator.model.status import Role, Status
from orchestrator.simulator import (
    AnswerLost,
    AppliedLate,
    ClientError,
    ConnectionRefused,
    Fault,
    FaultKind,
    ForeignWriter,
    RegionDark,
    ServerError,
    Silence,
    StaleRead,
    Throttle,
    WrongBody,
    faults_of,
)
from orchestrator.simulator.script import MAKERS

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
"""


def said(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        parse_fault_script(text, "faults.yaml")
    return str(caught.value)


def test_each_fault_is_read_as_it_is_written() -> None:
    assert faults_of(parse_fault_script(SCRIPT, "faults.yaml")) == (
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
    )


def test_every_kind_that_a_script_can_name_is_one_of_the_simulators_and_none_is_left_out() -> None:
    assert set(MAKERS) == set(KINDS)
    assert len(KINDS) == len(get_args(FaultKind))


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
        ("{answer_lost: {}, at: 0}", "expected a whole number from 1 to 100000, found the number 0"),
        ("{answer_lost: {}, times: never}", "expected a whole number from 1, or forever"),
        ("{client_error: {status: 500}}", "expected a whole number from 400 to 499, found the number 500"),
        ("{applied_late: {}}", "after"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(line: str, words: str) -> None:
    text = said(f"schema: 1\nfaults:\n  - {line}\n")
    assert text.startswith("faults.yaml:3:")
    assert words in text
