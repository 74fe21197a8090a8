"""Which request a fault strikes, and what comes of it; on a clock that moves by hand."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import (
    AnswerLost,
    AppliedLate,
    ClientError,
    ConnectionRefused,
    ConnectionReset,
    Drip,
    Fault,
    FaultKind,
    Faults,
    ForeignWriter,
    MetricShows,
    MonitorShows,
    NoAnswer,
    Redirect,
    RegionDark,
    ReplicaBehind,
    Response,
    ServerError,
    Silence,
    SimulatorConfig,
    Slow,
    StaleRead,
    Throttle,
    Truncated,
    TruncatedBody,
    WrongBody,
    random_faults,
)

from .bench import Bench, P, S, attributes, snake

pytestmark = pytest.mark.anyio


def struck(faults: Faults, role: Role, method: str, path: str = "/api/v2/hamr") -> int:
    return len(faults.match(role, method, path))


def test_a_fault_strikes_the_nth_matching_request_as_often_as_it_says() -> None:
    faults = Faults([Fault(AnswerLost(), at=2, role=S, method="POST", times=2)])
    assert [struck(faults, S, "POST") for _ in range(5)] == [0, 1, 1, 0, 0]


def test_requests_to_the_other_org_by_another_method_or_path_do_not_count() -> None:
    faults = Faults([Fault(AnswerLost(), at=2, role=S, method="POST")])
    assert struck(faults, S, "POST") == 0
    assert struck(faults, P, "POST") == 0
    assert struck(faults, S, "GET") == 0
    assert struck(faults, S, "POST", "/api/v2/validate") == 0
    assert struck(faults, S, "POST") == 1


def test_a_fault_that_names_nothing_strikes_any_hamr_request_and_one_without_path_any() -> None:
    faults = Faults([Fault(AnswerLost(), at=2, times=None), Fault(Slow(1), path=None, times=None)])
    assert struck(faults, P, "GET") == 1
    assert struck(faults, S, "POST") == 2
    assert struck(faults, P, "GET", "/api/v1/validate") == 1


def test_a_fault_that_is_added_later_counts_from_then_on() -> None:
    faults = Faults()
    struck(faults, P, "GET")
    faults.add(Fault(AnswerLost(), method="GET"))
    assert len(faults.pending()) == 1
    assert struck(faults, P, "GET") == 1
    assert faults.pending() == ()
    faults.add(Fault(AnswerLost()))
    faults.clear()
    assert struck(faults, P, "GET") == 0


@pytest.mark.parametrize("wrong", [{"at": 0}, {"times": 0}])
def test_counting_begins_at_one(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="count from 1"):
        Fault(AnswerLost(), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "effect", "outcome", "applied"),
    [
        (ConnectionRefused(), NoAnswer.REFUSED, "refused", False),
        (ConnectionReset(), NoAnswer.RESET, "reset", False),
        (AnswerLost(), NoAnswer.CLOSED, "closed", True),
        (Silence(), NoAnswer.SILENT, "silent", False),
        (Silence(applied=True), NoAnswer.SILENT, "silent", True),
        (RegionDark(), NoAnswer.RESET, "reset", False),
        (RegionDark(silent=True), NoAnswer.SILENT, "silent", False),
    ],
)
async def test_faults_of_the_connection(kind: FaultKind, effect: object, outcome: str, applied: bool) -> None:
    bench = Bench(None, Fault(kind, role=S, method="POST"))
    assert await bench.ask(S, "POST", body=snake(S, 3)) == effect
    assert [(r.outcome, r.applied) for r in bench.regions.requests] == [(outcome, applied)]
    record = bench.regions.record(S)
    assert record is not None
    assert record.status == (3 if applied else 2)


async def test_a_late_write_is_applied_when_its_time_has_come_and_the_log_says_so() -> None:
    bench = Bench(None, Fault(AppliedLate(5), method="POST"))
    assert await bench.ask(S, "POST", body=snake(S, 3)) == NoAnswer.CLOSED
    await bench.clock.sleep(4.9)
    assert await bench.status(S) == 2
    assert bench.regions.requests[0].applied is False
    await bench.clock.sleep(0.1)
    record = attributes(await bench.answer(S))
    assert record["hamr_status"] == 3
    assert record["modified_at"] == "2026-11-22T03:00:05.250000Z"
    assert bench.regions.requests[0].applied is True


async def test_a_late_write_that_is_not_fit_to_be_applied_never_is() -> None:
    bench = Bench(SimulatorConfig(strict=True), Fault(AppliedLate(5), method="POST", times=2))
    await bench.ask(S, "POST", body=snake(S, 4))
    await bench.ask(S, "POST", body=b"{")
    await bench.clock.sleep(5)
    assert await bench.status(S) == 2


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_client_errors_come_as_objects_and_change_nothing(status: int) -> None:
    bench = Bench(None, Fault(ClientError(status, detail="because"), method="POST"))
    response = await bench.post(S, 3)
    assert response.status == status
    assert json.loads(response.body)["errors"][0]["detail"] == "because"
    assert await bench.status(S) == 2


async def test_a_401_comes_in_strings() -> None:
    bench = Bench(None, Fault(ClientError(401)))
    assert await bench.said(S) == (401, {"errors": ["Unauthorized"]})


async def test_a_429_says_when_to_come_back_in_either_way_or_not_at_all() -> None:
    bench = Bench(
        None,
        Fault(Throttle(reset=7)),
        Fault(Throttle(reset=None, retry_after="Sun, 22 Nov 2026 03:01:00 GMT"), at=2),
        Fault(Throttle(reset=None), at=3),
    )
    first, second, third = [await bench.answer(P) for _ in range(3)]
    assert [r.status for r in (first, second, third)] == [429, 429, 429]
    assert json.loads(first.body) == {"errors": ["Too Many Requests"]}
    assert dict(first.headers)["X-RateLimit-Reset"] == "7"
    assert dict(first.headers)["X-RateLimit-Remaining"] == "0"
    assert dict(second.headers)["Retry-After"] == "Sun, 22 Nov 2026 03:01:00 GMT"
    assert not {"Retry-After", "X-RateLimit-Reset"} & dict(third.headers).keys()


@pytest.mark.parametrize(("applied", "status"), [(False, 2), (True, 3)])
async def test_a_5xx_is_a_page_of_html_and_may_have_been_applied(applied: bool, status: int) -> None:
    bench = Bench(None, Fault(ServerError(502, applied=applied), method="POST"))
    response = await bench.post(P, 3)
    assert response.status == 502
    assert dict(response.headers)["Content-Type"] == "text/html; charset=utf-8"
    assert b"<h1>Bad Gateway</h1>" in response.body
    assert await bench.status(P) == status


async def test_a_datacenters_own_5xx_has_no_name_and_is_sent_all_the_same() -> None:
    assert (await Bench(None, Fault(ServerError(512))).answer(P)).status == 512


async def test_a_truncated_body_promises_more_than_it_sends_and_was_applied() -> None:
    bench = Bench(None, Fault(TruncatedBody(), method="POST"))
    effect = await bench.ask(P, "POST", body=snake(P, 3))
    assert isinstance(effect, Truncated)
    assert 0 < effect.sent < len(effect.response.body)
    assert dict(effect.response.headers)["Content-Length"] == str(len(effect.response.body))
    assert await bench.status(P) == 3
    assert bench.regions.requests[0].outcome == "truncated 200"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (WrongBody({"data": []}), b'{"data": []}'),
        (WrongBody("<html>", "text/html"), b"<html>"),
        (WrongBody(None), b"null"),
    ],
)
async def test_a_wrong_body_is_a_200_that_says_something_else(kind: WrongBody, body: bytes) -> None:
    bench = Bench(None, Fault(kind, method="POST"))
    response = await bench.post(P, 3)
    assert (response.status, response.body) == (200, body)
    assert dict(response.headers)["Content-Type"] == kind.content_type
    assert await bench.status(P) == 3


async def test_stale_reads_show_what_was() -> None:
    bench = Bench(None, Fault(StaleRead(), method="GET", times=2))
    await bench.post(P, 3)
    assert [await bench.status(P) for _ in range(3)] == [2, 2, 3]


async def test_stale_reads_may_go_back_by_time() -> None:
    bench = Bench(None, Fault(StaleRead(seconds=10), at=2, method="GET", times=None))
    await bench.clock.sleep(60)
    await bench.post(P, 3)
    assert [await bench.status(P) for _ in range(2)] == [3, 2]
    await bench.clock.sleep(9.9)
    assert await bench.status(P) == 2
    await bench.clock.sleep(0.1)
    assert await bench.status(P) == 3


@pytest.mark.parametrize(("after", "shown"), [(False, 4), (True, 2)])
async def test_a_foreign_writer_comes_just_before_a_request_or_just_after(after: bool, shown: int) -> None:
    bench = Bench(None, Fault(ForeignWriter(Status.ACTIVE, "terraform", after=after), at=2, method="GET"))
    assert await bench.status(S) == 2
    assert await bench.status(S) == shown
    record = attributes(await bench.answer(S))
    assert (record["hamr_status"], record["modified_by"]) == (4, "terraform")


async def test_a_foreign_writer_may_write_the_other_org() -> None:
    bench = Bench(None, Fault(ForeignWriter(Status.ACTIVE, role=P), role=S))
    await bench.status(S)
    assert (await bench.status(P), await bench.status(S)) == (4, 2)


async def test_slow_is_applied_first_and_answered_late() -> None:
    bench = Bench(SimulatorConfig(latency=Both(0.0, 0.2)), Fault(Slow(3), method="POST"))
    response = await bench.post(S, 3)
    assert bench.clock.seconds == pytest.approx(1003.2)
    assert attributes(response)["modified_at"] == "2026-11-22T03:00:00.350000Z"


async def test_a_drip_says_how_far_apart_its_bytes_are() -> None:
    response = await Bench(None, Fault(Drip(0.25))).answer(P)
    assert response.pace == 0.25


async def test_faults_that_strike_the_same_request_add_up() -> None:
    bench = Bench(
        None, Fault(Slow(1)), Fault(Slow(2)), Fault(ForeignWriter(Status.ACTIVE)), Fault(ServerError(500))
    )
    assert (await bench.answer(P)).status == 500
    assert bench.clock.seconds == pytest.approx(1003)
    assert await bench.status(P) == 4


async def test_a_region_goes_dark_at_a_request_and_returns_with_what_it_had() -> None:
    bench = Bench(None, Fault(RegionDark(seconds=30), at=2, role=P))
    await bench.post(P, 3)
    assert await bench.ask(P, "POST", body=snake(P, 4)) == NoAnswer.RESET
    assert await bench.ask(P) == NoAnswer.REFUSED
    assert await bench.ask(P, path="/api/v1/validate") == NoAnswer.REFUSED
    assert await bench.status(S) == 2
    await bench.clock.sleep(29.9)
    assert await bench.ask(P) == NoAnswer.REFUSED
    await bench.clock.sleep(0.1)
    assert await bench.status(P) == 3


async def test_a_region_that_goes_dark_while_it_works_does_not_answer() -> None:
    bench = Bench(SimulatorConfig(latency=Both(2.0, 0.0)), Fault(RegionDark(seconds=0.1), role=S))

    class Meanwhile:
        """Moves the clock, and turns the region off on the way back."""

        def __init__(self) -> None:
            self.slept = 0

        async def sleep(self, seconds: float) -> None:
            bench.clock.advance(seconds)
            self.slept += 1
            if self.slept == 2:
                bench.regions.set_dark(P, True)

        now = bench.clock.now
        monotonic = bench.clock.monotonic

    bench.regions.clock = Meanwhile()
    assert await bench.ask(P, "POST", body=snake(P, 3)) == NoAnswer.RESET
    record = bench.regions.record(P)
    assert record is not None
    assert record.status == 3


async def test_a_region_switched_off_by_hand_stays_so_until_it_is_switched_on() -> None:
    bench = Bench()
    bench.regions.set_dark(S, True, silent=True)
    await bench.clock.sleep(9999)
    assert await bench.ask(S) == NoAnswer.SILENT
    bench.regions.set_dark(S, False)
    assert await bench.status(S) == 2


async def test_the_end_of_one_darkness_does_not_end_the_next() -> None:
    bench = Bench(None, Fault(RegionDark(seconds=5), role=P))
    await bench.ask(P)
    bench.regions.set_dark(P, True)
    await bench.clock.sleep(6)
    assert await bench.ask(P) == NoAnswer.REFUSED


def test_random_faults_are_the_same_for_the_same_seed_and_of_every_kind_in_the_end() -> None:
    assert random_faults(17) == random_faults(17)
    assert random_faults(17) != random_faults(18)
    assert len(random_faults(3, count=5)) == 5
    kinds = {type(fault.kind) for seed in range(200) for fault in random_faults(seed)}
    assert kinds == {*get_args(FaultKind)} - {Redirect, ReplicaBehind, MetricShows, MonitorShows}


async def test_every_random_fault_can_be_played() -> None:
    for seed in range(200):
        bench = Bench(None, *random_faults(seed, count=4, within=3))
        for _ in range(4):
            for role in (P, S):
                assert await bench.ask(role) is not None
                assert await bench.ask(role, "POST", body=snake(role, 3)) is not None
        await bench.clock.sleep(100)
        bench.regions.faults.clear()
        assert isinstance(await bench.ask(P), Response)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Redirect(applied=True), 302),
        (ClientError(400, applied=True), 400),
        (ClientError(404, applied=True), 404),
        (Throttle(applied=True), 429),
    ],
)
async def test_a_write_may_be_applied_though_it_was_answered_as_refused(kind: FaultKind, status: int) -> None:
    bench = Bench(SimulatorConfig(), Fault(kind, method="POST"))
    answer = await bench.ask(S, "POST", body=snake(S, 3))
    assert isinstance(answer, Response)
    assert answer.status == status
    assert await bench.status(S) == 3
    assert [request.applied for request in bench.regions.requests] == [True, False]


async def test_a_gateway_may_answer_for_a_write_that_is_applied_later() -> None:
    bench = Bench(SimulatorConfig(), Fault(AppliedLate(60.0, status=504), method="POST"))
    answer = await bench.ask(S, "POST", body=snake(S, 3))
    assert isinstance(answer, Response)
    assert answer.status == 504
    assert await bench.status(S) == 2
    await bench.clock.sleep(60.0)
    assert await bench.status(S) == 3
