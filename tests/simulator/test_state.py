"""How the two orgs of a pair hang together, in every way that the reference leaves open."""

from __future__ import annotations

import pytest

from orchestrator.model.org import Wire
from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import Authors, Response, Returning, SimulatorConfig, simulated_orgs

from .bench import Bench, P, S, attributes, snake

pytestmark = pytest.mark.anyio


async def test_separate_orgs_know_nothing_of_each_others_writes() -> None:
    bench = Bench()
    await bench.post(S, 3)
    await bench.clock.sleep(3600)
    assert (await bench.status(P), await bench.status(S)) == (2, 3)


@pytest.mark.parametrize(("one", "other"), [(P, S), (S, P)])
async def test_a_mirror_copies_a_write_after_its_delay_in_either_direction(one: Role, other: Role) -> None:
    bench = Bench(SimulatorConfig(mirror=2.0))
    written = attributes(await bench.post(one, 3))
    await bench.clock.sleep(1.9)
    assert await bench.status(other) == 2
    await bench.clock.sleep(0.1)
    shown = attributes(await bench.answer(other))
    for key in ("hamr_status", "modified_at", "modified_by"):
        assert shown[key] == written[key]
    assert shown["is_primary"] is (other is P)
    assert shown["target_org_uuid"] != written["target_org_uuid"]


async def test_a_mirror_without_delay_shows_both_at_once_and_makes_a_missing_record() -> None:
    bench = Bench(SimulatorConfig(mirror=0, status=Both(Status.ABSENT, Status.ABSENT)))
    await bench.post(P, 1)
    assert (await bench.status(P), await bench.status(S)) == (1, 1)
    assert attributes(await bench.answer(S))["is_primary"] is False


async def test_writing_both_sides_of_a_slow_mirror_sets_the_first_one_back() -> None:
    bench = Bench(SimulatorConfig(mirror=1.0))
    await bench.post(P, 3)
    await bench.clock.sleep(0.5)
    await bench.post(S, 4)
    await bench.clock.sleep(0.5)
    assert await bench.status(S) == 3


async def test_a_strict_server_accepts_known_moves_and_repetitions_alone() -> None:
    bench = Bench(SimulatorConfig(strict=True))
    refused = await bench.post(P, 4)
    assert refused.status == 400
    assert b"an org in PASSIVE cannot move to ACTIVE" in refused.body
    assert b"/data/attributes/hamr_status" in refused.body
    for status in (3, 3, 2, 3, 4, 5, 2):
        assert (await bench.post(P, status)).status == 200
    assert (await bench.post(P, 3, target_org_uuid="somewhere-else")).status == 400


async def test_a_lax_server_accepts_any_move() -> None:
    bench = Bench()
    for status in (5, 1, 4, 0):
        assert (await bench.post(P, status, target_org_uuid="somewhere-else")).status == 200


async def test_a_server_may_put_the_callers_name_in_place_of_what_was_sent() -> None:
    bench = Bench(SimulatorConfig(renames_author=True))
    assert attributes(await bench.post(S, 3))["modified_by"] == "service-account@secondary.example"


@pytest.mark.parametrize(
    ("wire", "key", "text"),
    [
        (Wire.SNAKE, "modified_at", "2026-11-22T03:00:00Z"),
        (Wire.PASCAL, "ModifiedAt", "2026-11-22 03:00:00"),
    ],
)
async def test_times_may_have_whole_seconds(wire: Wire, key: str, text: str) -> None:
    bench = Bench(SimulatorConfig(whole_seconds=True, wire=wire))
    assert attributes(await bench.post(P, 3))[key] == text
    assert attributes(await bench.post(P, 3))[key] == text  # and then two writes may look like one


async def test_a_server_may_advance_by_itself() -> None:
    bench = Bench(SimulatorConfig(advances=True, advances_after=2.0))
    await bench.post(P, 3)
    await bench.clock.sleep(1.9)
    assert await bench.status(P) == 3
    await bench.clock.sleep(0.1)
    record = attributes(await bench.answer(P))
    assert (record["hamr_status"], record["modified_by"]) == (4, "hamr-server@datadog.example")
    assert record["modified_at"] == "2026-11-22T03:00:02.250000Z"
    await bench.post(P, 5)
    await bench.clock.sleep(2)
    assert await bench.status(P) == 2


async def test_a_server_does_not_advance_what_somebody_changed_meanwhile() -> None:
    bench = Bench(SimulatorConfig(advances=True, advances_after=2.0))
    await bench.post(P, 3)
    await bench.post(P, 2)
    await bench.clock.sleep(10)
    assert await bench.status(P) == 2


async def test_reads_may_lag_behind_writes() -> None:
    bench = Bench(SimulatorConfig(read_lag=1.5))
    assert attributes(await bench.post(P, 3))["hamr_status"] == 3
    assert await bench.status(P) == 2
    await bench.clock.sleep(1.5)
    assert await bench.status(P) == 3


async def test_a_foreign_write_changes_the_status_and_who_and_when() -> None:
    bench = Bench(SimulatorConfig(mirror=0))
    bench.regions.foreign_write(S, Status.ACTIVE, "terraform")
    record = attributes(await bench.answer(P))
    assert (record["hamr_status"], record["modified_by"]) == (4, "terraform")
    assert record["modified_at"] == "2026-11-22T03:00:00.250000Z"
    bench.regions.foreign_write(S, Status.ABSENT)
    assert await bench.status(S) is None


@pytest.mark.parametrize(
    ("returning", "primary", "secondary"),
    [(Returning.KEEP, 2, 4), (Returning.CATCH_UP, 4, 4), (Returning.REVERT, 2, 2)],
)
async def test_what_a_mirror_does_when_a_dark_region_returns(
    returning: Returning, primary: int, secondary: int
) -> None:
    bench = Bench(SimulatorConfig(mirror=1.0, returning=returning))
    bench.regions.set_dark(P, True)
    await bench.post(S, 3)
    await bench.post(S, 4)
    await bench.clock.sleep(60)
    bench.regions.set_dark(P, False)
    await bench.clock.sleep(1)
    assert (await bench.status(P), await bench.status(S)) == (primary, secondary)


def test_orgs_are_fixed_by_their_seed() -> None:
    assert simulated_orgs(7) == simulated_orgs(7)
    assert simulated_orgs(7).primary.uuid == "11111111-1111-4111-8111-000000000007"
    assert simulated_orgs(7).secondary.app_key == "simulated-secondary-app-key-0007"
    assert simulated_orgs(7).primary.api_key != simulated_orgs(8).primary.api_key


@pytest.mark.parametrize("wrong", [{"wire": Wire.AUTO}, {"mirror": -1.0}])
def test_a_setting_that_cannot_be_is_an_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"auto is for clients|negative"):
        SimulatorConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("authors", "shown"),
    [
        (Authors.AS_SENT, "Night.Shift+hamr-20261122-031502-k3f9-1@Laptop.example.com"),
        (Authors.LOWER, "night.shift+hamr-20261122-031502-k3f9-1@laptop.example.com"),
        (Authors.SHORT, "Night.Shift+hamr-20261122-031502"),
        (Authors.LOCAL, "Night.Shift+hamr-20261122-031502-k3f9-1"),
        (Authors.EMPTY, ""),
    ],
)
async def test_a_server_may_change_the_author_that_was_sent_in_the_answer_as_in_the_record(
    authors: Authors, shown: str
) -> None:
    bench = Bench(SimulatorConfig(authors=authors))
    sent = "Night.Shift+hamr-20261122-031502-k3f9-1@Laptop.example.com"
    assert attributes(await bench.post(P, 3, modified_by=sent))["modified_by"] == shown
    assert attributes(await bench.answer(P))["modified_by"] == shown


async def test_a_server_may_keep_no_times() -> None:
    bench = Bench(SimulatorConfig(no_times=True))
    assert attributes(await bench.answer(P))["modified_at"] is None
    assert attributes(await bench.post(P, 3))["modified_at"] is None


async def test_a_replica_that_lags_shows_what_was_there_before_and_nothing_new_until_it_has_caught_up() -> (
    None
):
    bench = Bench()
    for status in (3, 4):
        await bench.post(S, status)
    bench.regions.fall_behind(S, versions=1, seconds=10.0)
    await bench.post(S, 5)
    assert (await bench.status(S), await bench.status(P)) == (3, 2)
    await bench.clock.sleep(10.0)
    assert await bench.status(S) == 5


async def test_the_edge_of_a_dark_region_may_answer_and_the_region_comes_back_as_it_was() -> None:
    bench = Bench()
    bench.regions.set_dark(P, True, answers=404)
    answer = await bench.ask(P)
    assert isinstance(answer, Response)
    assert (answer.status, b"<html>" in answer.body) == (404, True)
    refused = await bench.ask(P, "POST", body=snake(P, 3))
    assert isinstance(refused, Response)
    assert refused.status == 404
    bench.regions.set_dark(P, False)
    assert await bench.status(P) == 2
