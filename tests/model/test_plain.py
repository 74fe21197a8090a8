"""Values to JSON and back: what is written to the journal is what a resume reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model.events import (
    EVENT_TYPES,
    JOURNALLED,
    DrillClosed,
    RunStarted,
    SituationRead,
    WriteAnswered,
    WriteIntended,
    decode,
    encode,
)
from orchestrator.model.org import Secret, Wire
from orchestrator.model.plain import JSON, moment, plain, restore, timestamp
from orchestrator.model.reading import (
    Accepted,
    Exchange,
    HamrRecord,
    Lost,
    Present,
    Reading,
    Request,
    Unreachable,
)
from orchestrator.model.run import Attempt, Mode
from orchestrator.model.status import Both, Role, Status

AT = datetime(2026, 1, 13, 17, 26, 48, 830968, tzinfo=UTC)
RECORD = HamrRecord(
    "u1",
    4,
    True,
    "alice",
    AT,
    "u2",
    "Backup",
    "us5.prod.dog",
    "eu1.prod.dog",
    Wire.PASCAL,
    (("Extra", {"a": [1, None]}),),
)
ATTEMPT = Attempt(3, Role.SECONDARY, Status.ACTIVE, "alice+hamr-20261122-031502-k3f9-3@laptop", "activate")


def test_a_record_comes_back_as_it_was() -> None:
    reading = Reading(Role.PRIMARY, Present(RECORD, Status.ACTIVE), AT, 12.5, Exchange(0.05, 200, AT, "r1"))
    event = SituationRead("start", Both(reading, None))
    assert decode("situation.read", encode(event)) == event


def test_a_reading_without_a_record_comes_back_as_it_was() -> None:
    reading = Reading(Role.SECONDARY, Unreachable("refused"), AT, 12.0)
    event = SituationRead("confirm", Both(None, reading))
    assert decode("situation.read", encode(event)) == event


@pytest.mark.parametrize(
    "answer", [Accepted(Exchange(), RECORD), Accepted(Exchange(), None), Lost(Exchange(), "reset")]
)
def test_an_answer_comes_back_as_the_kind_that_it_was(answer: Accepted | Lost) -> None:
    event = WriteAnswered(ATTEMPT, answer)
    assert decode("write.answered", encode(event)) == event


def test_a_request_body_comes_back_whole() -> None:
    body: JSON = {"data": {"attributes": {"hamr_status": 3, "is_primary": False}, "list": [1, "x", None]}}
    event = WriteIntended(ATTEMPT, Request("POST", "http://127.0.0.1:1/api/v2/hamr", body), RECORD)
    assert decode("write.intended", encode(event)) == event


def test_the_beginning_of_a_run_comes_back_as_it_was() -> None:
    event = RunStarted(
        "payments", Status.ACTIVE, Mode.EMERGENCY, "us1 is down", "INC-1", AT, {"settled": "known"}, "p", "text", "sha",
        Both("u1", "u2"), Both("a", "b"), "0.1.0",
    )  # fmt: skip
    assert decode("run.started", encode(event)) == event
    # Records of before, when it had a field for where the pair stood.
    assert decode("run.started", {**encode(event), "start": None}) == event


def test_times_and_durations_have_one_plain_form() -> None:
    assert plain(AT) == "2026-01-13T17:26:48.830968Z"
    assert plain(timedelta(minutes=1, milliseconds=500)) == 60.5


def test_a_secret_has_no_plain_form() -> None:
    with pytest.raises(TypeError):
        plain({"key": Secret("canary")})


def test_keys_of_a_newer_version_are_passed_over() -> None:
    data = {**encode(WriteAnswered(ATTEMPT, Lost(Exchange(), "reset"))), "later": 1}
    assert decode("write.answered", data) == WriteAnswered(ATTEMPT, Lost(Exchange(), "reset"))


def test_a_kind_of_a_newer_version_is_nothing() -> None:
    assert decode("write.teleported", {}) is None


def test_data_that_does_not_fit_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="Attempt"):
        restore(Attempt, {"number": "three"})


def test_every_kind_is_listed_once() -> None:
    kinds = [event.kind for event in EVENT_TYPES if event.kind]
    assert len(kinds) == len(set(kinds)) == len(JOURNALLED)


def test_an_event_that_could_not_be_read_back_is_not_written() -> None:
    with pytest.raises(ValueError, match="not a DrillClosed: None is not a str"):
        encode(DrillClosed(cast("str", None)))


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_time_is_written_so_that_it_can_be_read_back(at: datetime) -> None:
    assert moment(timestamp(at)) == at


def test_a_year_has_four_digits() -> None:
    assert timestamp(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"
