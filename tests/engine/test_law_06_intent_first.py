"""Law 6: the journal holds the intent before the request leaves, and nothing is sent on an old reading."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from itertools import repeat

import pytest
from msgspec.structs import replace

from orchestrator.errors import JournalUnavailable
from orchestrator.model.events import (
    ClockDistrusted,
    Event,
    GuardsJudged,
    SituationRead,
    TransitionIntended,
    WriteAnswered,
    WriteConfirmed,
    WriteIntended,
)
from orchestrator.model.org import Wire
from orchestrator.model.reading import Draft, NotSent, Reading
from orchestrator.model.run import End
from orchestrator.model.status import Role, Status
from orchestrator.situation.link import draft

from .fake import SERVER_ADVANCES, Bench, P, S, bench, pair, record

pytestmark = pytest.mark.anyio

ACTIVE, FAILOVER, PASSIVE = Status.ACTIVE, Status.FAILOVER, Status.PASSIVE


async def test_law_06_each_intent_is_told_before_its_request_leaves() -> None:
    b = bench()
    seen: list[int] = []

    def before(made: Draft) -> None:
        assert b.notes.intents()[-1].attempt.stamp == made.modified_by
        assert b.notes.intents()[-1].request == b.world.describe(made)
        seen.append(len(b.notes.intents()))

    b.world.before_write = before
    await b.engine.drive(ACTIVE)
    assert seen == [1, 2, 3, 4]


@pytest.mark.parametrize("which", [1, 2, 3, 4])
async def test_law_06_where_an_intent_cannot_be_written_nothing_is_sent(which: int) -> None:
    b = bench()
    b.notes.fail_at = lambda event: isinstance(event, WriteIntended) and event.attempt.number == which
    with pytest.raises(JournalUnavailable):
        await b.engine.drive(ACTIVE)
    assert len(b.world.posts()) == which - 1


@pytest.mark.parametrize("which", [1, 2, 3, 4])
async def test_law_06_where_an_intent_cannot_be_made_durable_nothing_is_sent_and_nothing_learned(
    which: int,
) -> None:
    """That it was told is not enough: it may still be in memory alone."""
    b = bench()
    b.notes.fail_commit = lambda: len(b.notes.intents()) == which
    with pytest.raises(JournalUnavailable):
        await b.engine.drive(ACTIVE)
    assert len(b.world.posts()) == which - 1
    assert b.engine.run.state.attempts == which - 1


async def test_law_06_who_is_cancelled_while_an_intent_is_made_durable_has_sent_nothing_and_says_so() -> None:
    b = bench()

    drive = asyncio.create_task(b.engine.drive(ACTIVE))

    def cancelled() -> bool:
        if b.notes.intents():
            drive.cancel()
            raise asyncio.CancelledError
        return False

    b.notes.fail_commit = cancelled
    with pytest.raises(asyncio.CancelledError):
        await drive
    assert b.world.posts() == []
    assert [type(event.answer) for event in b.notes.of(WriteAnswered)] == [NotSent]
    assert b.engine.run.state.outstanding() is None


async def test_law_06_a_move_that_the_server_makes_is_journalled_before_it_is_waited_for() -> None:
    """No write of ours takes its intent along."""
    b = bench(playbook=SERVER_ADVANCES)

    def full() -> bool:
        last = b.notes.events[-1]
        return isinstance(last, TransitionIntended) and last.target is ACTIVE

    b.notes.fail_commit = full
    with pytest.raises(JournalUnavailable):
        await b.engine.drive(ACTIVE)


async def test_law_06_where_a_transitions_intent_cannot_be_written_nothing_is_sent() -> None:
    b = bench()
    b.notes.fail_at = lambda event: isinstance(event, TransitionIntended)
    with pytest.raises(JournalUnavailable):
        await b.engine.drive(ACTIVE)
    assert b.world.posts() == []


async def test_law_06_where_the_outcome_cannot_be_written_nothing_more_is_sent() -> None:
    b = bench()
    b.notes.fail_at = lambda event: isinstance(event, WriteAnswered)
    with pytest.raises(JournalUnavailable):
        await b.engine.drive(ACTIVE)
    assert b.world.posts() == ["POST secondary FAILOVER"]
    outstanding = b.engine.run.state.outstanding()
    assert outstanding is not None
    assert outstanding.number == 1


async def test_law_06_what_could_not_be_journalled_was_not_learned() -> None:
    b = bench()
    b.notes.fail_at = lambda event: isinstance(event, WriteConfirmed)
    with pytest.raises(JournalUnavailable):
        await b.engine.drive(ACTIVE)
    assert b.engine.run.state.confirmed[S] == []


async def test_law_06_a_run_that_is_asked_to_stop_while_its_guards_are_judged_intends_nothing() -> None:
    b = bench()
    b.notes.on_tell = lambda event: (
        b.engine.ask_to_stop("stopped") if isinstance(event, GuardsJudged) else None
    )
    await b.drive(ACTIVE, End.INTERRUPTED)
    assert b.notes.of(TransitionIntended) == []


async def test_law_06_a_reading_older_than_a_few_seconds_is_read_again_before_a_write() -> None:
    b = bench()
    b.notes.on_tell = lambda event: b.clock.advance(5.5) if isinstance(event, TransitionIntended) else None
    await b.drive(FAILOVER, End.DONE)
    assert [event.purpose for event in b.notes.of(SituationRead)][:2] == ["start", "before write"]
    assert b.world.log[:5] == [
        "GET primary",
        "GET secondary",
        "GET primary",
        "GET secondary",
        "POST secondary FAILOVER",
    ]
    assert b.notes.of(ClockDistrusted) == []


async def test_law_06_a_reading_of_a_moment_ago_is_good_enough() -> None:
    b = bench()
    b.notes.on_tell = lambda event: b.clock.advance(4.5) if isinstance(event, TransitionIntended) else None
    await b.drive(FAILOVER, End.DONE)
    assert b.world.log[2] == "POST secondary FAILOVER"


# A check that grew old before the request


async def test_law_06_nothing_is_sent_on_a_check_that_grew_old_while_the_intent_was_written() -> None:
    b = bench()

    def slow_disk(event: Event) -> None:
        if isinstance(event, WriteIntended) and len(b.notes.intents()) == 1:
            b.clock.advance(60)
            b.world.foreign(S, Status.RECOVERY)

    b.notes.on_tell = slow_disk
    await b.drive(ACTIVE, End.MOVED)
    assert b.world.posts() == []
    (answered,) = b.notes.of(WriteAnswered)
    assert isinstance(answered.answer, NotSent)


@pytest.mark.parametrize(("wall", "both", "sent"), [(0.5, 4.2, True), (1.5, 4.2, False)])
async def test_law_06_a_check_is_as_old_as_the_faster_of_both_clocks_says(
    wall: float, both: float, sent: bool
) -> None:
    b = bench()

    def slow_disk(event: Event) -> None:
        if isinstance(event, WriteIntended) and len(b.notes.intents()) == 1:
            b.clock.advance(both)
            b.clock.wall += timedelta(seconds=wall)

    b.notes.on_tell = slow_disk
    await b.drive(FAILOVER, End.DONE)
    assert len(b.notes.intents()) - len(b.world.posts()) == (not sent)


async def test_law_06_a_disk_that_is_always_slow_ends_the_run_with_nothing_sent() -> None:
    b = bench()
    b.notes.on_tell = lambda event: b.clock.advance(6) if isinstance(event, WriteIntended) else None
    await b.drive(ACTIVE, End.INCOMPLETE, saying="slow")
    assert len(b.notes.intents()) == 3
    assert b.world.posts() == []


def slow_primary(b: Bench, takes: Iterable[float]) -> None:
    """So many seconds the primary takes to answer, one read after the other, and none after these."""
    read, seconds = b.world.read, iter(takes)

    async def slowly(role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        reading = await read(role, within=within)
        if role is P:
            await asyncio.sleep(0)  # the other org's answer is there by now
            b.clock.advance(next(seconds, 0))
        return reading

    b.world.read = slowly  # type: ignore[method-assign]


async def test_law_06_a_slow_region_is_written_all_the_same() -> None:
    b = bench()
    slow_primary(b, repeat(4))
    await b.drive(FAILOVER, End.DONE)


async def test_law_06_nothing_is_sent_to_one_org_on_an_old_reading_of_the_other() -> None:
    """The primary takes 7 s to answer, each time: a pair whose secondary alone was written would stand midway."""
    b = bench()
    slow_primary(b, repeat(7))
    await b.drive(FAILOVER, End.INCOMPLETE, saying="slow")
    assert b.world.posts() == []


async def test_law_06_both_orgs_are_read_again_where_one_took_too_long() -> None:
    b = bench()
    slow_primary(b, (7, 7))
    await b.drive(FAILOVER, End.DONE)
    assert b.world.log[:7] == ["GET primary", "GET secondary"] * 3 + ["POST secondary FAILOVER"]


# What is sent


def test_the_whole_record_is_carried_over_with_our_status_and_stamp() -> None:
    held = replace(
        record(S, PASSIVE),
        wire=Wire.PASCAL,
        datacenter="eu1.prod.dog",
        target_name="Backup",
        target_datacenter="us1.prod.dog",
        extra=(("Plan", {"tier": 2}),),
    )
    made = draft(pair(), S, held, FAILOVER, "alice+hamr-20261122-030000-test-1@laptop")
    assert made == Draft(
        role=S,
        org_uuid="660e8400-e29b-41d4-a716-446655440000",
        status=FAILOVER,
        is_primary=False,
        modified_by="alice+hamr-20261122-030000-test-1@laptop",
        target_uuid="550e8400-e29b-41d4-a716-446655440000",
        target_name="Backup",
        target_datacenter="us1.prod.dog",
        wire=Wire.PASCAL,
        datacenter="eu1.prod.dog",
        extra=(("Plan", {"tier": 2}),),
    )


def test_a_first_record_is_made_from_the_inventory() -> None:
    made = draft(pair(), P, None, Status.ONBOARDING, "stamp")
    assert made == Draft(
        role=P,
        org_uuid="550e8400-e29b-41d4-a716-446655440000",
        status=Status.ONBOARDING,
        is_primary=True,
        modified_by="stamp",
        target_uuid="660e8400-e29b-41d4-a716-446655440000",
        target_name="Payments EU",
        target_datacenter="eu1",
        wire=Wire.SNAKE,
    )


async def test_law_06_a_first_look_that_was_begun_before_the_engine_wanted_it_is_as_old_as_it_is() -> None:
    b = bench()
    read = b.world.read

    async def earlier(role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        reading = await read(role, within=within, anew=anew)
        return replace(reading, monotonic=reading.monotonic - 5)

    b.world.read = earlier  # type: ignore[method-assign]
    asked: list[list[str]] = []
    b.world.before_write = lambda _draft: asked.append(list(b.world.log))
    await b.engine.drive(ACTIVE)
    assert asked[0] == ["GET primary", "GET secondary"] * 2 + ["POST secondary FAILOVER"]
