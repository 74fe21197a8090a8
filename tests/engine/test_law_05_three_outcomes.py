"""Laws 4 and 5: success is an observation; and a write is not sent, confirmed or unknown, never just "failed"."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace

from orchestrator.engine.context import Stopped
from orchestrator.model.events import (
    TransitionIntended,
    Waiting,
    WriteAnswered,
    WriteConfirmed,
    WriteIntended,
    WriteThrottled,
    WriteUnknown,
)
from orchestrator.model.reading import Draft, Exchange, HamrRecord, Present, Reading, Unreachable
from orchestrator.model.run import End
from orchestrator.model.status import Role, Status
from tests.clock import START

from .fake import PLAYBOOK, RUN, SERVER_ADVANCES, P, S, bench, cancelled, dies, record, resumed, started

pytestmark = pytest.mark.anyio

ACTIVE, FAILOVER, PASSIVE = Status.ACTIVE, Status.FAILOVER, Status.PASSIVE
WITHIN = 10.0
"""The test playbook's confirm time, in seconds."""


# Law 4


@pytest.mark.parametrize(
    ("answer", "how"),
    [
        ("accepted-never", "was accepted (2xx)"),
        ("lost", "got no answer (no answer within 10 s)"),
        ("500", "was answered (500 Internal Server Error)"),
    ],
)
async def test_law_04_a_write_that_is_never_shown_is_not_done(answer: str, how: str) -> None:
    b = bench(script={S: [answer] * 2})
    saying = f"{how}, and then: 10 s of reading did not show it. Nobody knows"
    await b.drive(ACTIVE, End.UNKNOWN, S, saying=saying)
    assert b.notes.of(WriteConfirmed) == []
    assert b.world.posts() == ["POST secondary FAILOVER"] * 2


async def test_law_04_a_record_older_than_before_does_not_confirm_a_write() -> None:
    """Where its server puts a name of its own in the place of our stamp, its time is all that tells it from an old one."""
    b = bench(renames="svc@example.com")
    b.world.skew[S] = -40 * 86400.0
    await b.drive(ACTIVE, End.UNKNOWN, S)
    assert b.notes.of(WriteConfirmed) == []
    assert len(b.world.posts()) == 1, "it may be in effect, so it is not sent again over itself"


async def test_law_04_nor_does_it_for_whoever_takes_the_run_up_again() -> None:
    b = bench(renames="svc@example.com", script={S: ["lost-applied"]})
    b.world.skew[S] = -40 * 86400.0
    again = resumed(await dies(b, FAILOVER, lambda event: isinstance(event, WriteAnswered)))
    await again.drive(FAILOVER, End.MOVED, S, saying="it stays so")
    assert b.notes.of(WriteConfirmed) == []


async def test_law_04_a_stamp_confirms_a_write_though_its_regions_clock_was_set_back() -> None:
    b = bench()
    b.world.skew[S] = -40 * 86400.0
    await b.drive(ACTIVE, End.DONE)


async def test_law_04_a_record_as_old_as_before_to_the_second_confirms_a_write() -> None:
    b = bench()
    b.world.whole_seconds = True
    b.world.records = {role: record(role, PASSIVE, at=START) for role in (P, S)}
    await b.drive(ACTIVE, End.DONE)


async def test_law_04_a_2xx_that_takes_effect_later_is_waited_for() -> None:
    b = bench(script={S: ["accepted-late"]})
    b.clock.on_sleep.append(lambda: b.world.arrive_late() if b.clock.monotonic() > 1004 else None)
    await b.drive(ACTIVE, End.DONE)
    assert len(b.world.posts()) == 4


# Law 5


async def test_law_05_a_lost_answer_is_read_until_it_is_seen() -> None:
    b = bench(script={S: ["lost-late"]})
    b.clock.on_sleep.append(lambda: b.world.arrive_late() if b.clock.monotonic() > 1005 else None)
    await b.drive(ACTIVE, End.DONE)
    assert b.world.posts().count("POST secondary FAILOVER") == 1
    assert any("to show FAILOVER" in wait.what for wait in b.notes.of(Waiting))


async def test_law_05_a_lost_answer_of_an_applied_write_is_confirmed_by_one_look() -> None:
    b = bench(script={S: ["lost-applied"]})
    await b.drive(ACTIVE, End.DONE)
    assert len(b.world.posts()) == 4


@pytest.mark.parametrize("answer", ["lost", "black-hole"])
async def test_law_05_it_is_sent_again_only_after_the_confirm_time_of_reading(answer: str) -> None:
    b = bench(script={S: [answer]})
    sent_at: list[float] = []
    b.world.before_write = lambda _draft: sent_at.append(b.clock.monotonic())
    await b.drive(ACTIVE, End.DONE)
    assert sent_at[1] - sent_at[0] >= WITHIN
    between = b.world.log[b.world.log.index("POST secondary FAILOVER") + 1 :]
    reads = between[: between.index("POST secondary FAILOVER")]
    assert reads.count("GET secondary") >= 9


async def test_law_05_it_is_sent_again_once_and_then_it_is_unknown() -> None:
    b = bench(script={S: ["lost"] * 5})
    await b.drive(ACTIVE, End.UNKNOWN)
    assert b.world.posts() == ["POST secondary FAILOVER"] * 2
    assert [event.attempt.number for event in b.notes.of(WriteUnknown)] == [2]


@pytest.mark.parametrize(("resend", "posts"), [(0, 1), (1, 2), (3, 4)])
async def test_law_05_resend_bounds_how_often(resend: int, posts: int) -> None:
    b = bench(playbook=replace(PLAYBOOK, resend=resend), script={S: ["lost"] * 9})
    await b.drive(ACTIVE, End.UNKNOWN)
    assert len(b.world.posts()) == posts


async def test_law_05_each_attempt_has_a_stamp_of_its_own() -> None:
    b = bench(script={S: ["lost", "429", "not-sent"]})
    await b.engine.drive(ACTIVE)
    stamps = [draft.modified_by for draft in b.world.drafts]
    assert len(stamps) == len(set(stamps))
    assert stamps[0] == "alice+hamr-20261122-030000-test-1@laptop"
    assert stamps[1] == "alice+hamr-20261122-030000-test-2@laptop"


async def test_law_05_it_is_not_sent_again_where_reading_can_not_tell() -> None:
    """The org went silent after the answer was lost."""
    b = bench(script={S: ["lost"]})
    b.world.after_write = lambda _draft: b.world.sights.update({S: Unreachable("time-out")})
    await b.drive(ACTIVE, End.UNKNOWN, S)
    assert b.world.posts() == ["POST secondary FAILOVER"]


async def test_law_05_a_2xx_is_unknown_where_the_reads_of_its_org_lag_from_then_on() -> None:
    b = bench(script={S: ["accepted-never"]})
    older = record(S, PASSIVE, at=START - timedelta(days=31))
    b.world.after_write = lambda _draft: b.world.sights.update({S: Present(older, PASSIVE)})
    await b.drive(ACTIVE, End.UNKNOWN, S, saying="its reads lag, or it was put back")
    assert b.world.posts() == ["POST secondary FAILOVER"]


async def test_law_05_it_is_not_sent_again_where_something_else_moved() -> None:
    b = bench(script={S: ["lost"]})
    b.clock.on_sleep.append(lambda: b.world.foreign(P, Status.RECOVERY))
    await b.drive(ACTIVE, End.UNKNOWN, saying="bob@example.com")
    assert b.world.posts() == ["POST secondary FAILOVER"]


async def test_law_05_a_connection_that_was_not_made_is_tried_again_after_reading() -> None:
    b = bench(script={S: ["not-sent", "not-sent"]})
    await b.drive(ACTIVE, End.DONE)
    posts = [n for n, line in enumerate(b.world.log) if line == "POST secondary FAILOVER"]
    assert len(posts) == 3
    assert all("GET secondary" in b.world.log[a:c] for a, c in pairwise(posts))


async def test_law_05_a_connection_that_is_never_made_ends_as_incomplete_and_not_unknown() -> None:
    b = bench(script={S: ["not-sent"] * 99})
    await b.drive(ACTIVE, End.INCOMPLETE)
    assert b.notes.of(WriteUnknown) == []
    assert b.clock.monotonic() - 1000 < 2 * WITHIN


async def test_law_05_a_refusal_ends_the_run_at_once() -> None:
    b = bench(script={S: ["400"]})
    await b.drive(ACTIVE, End.INCOMPLETE, S, saying="refused FAILOVER: 400 Bad Request")
    assert len(b.world.posts()) == 1


async def test_law_05_what_was_denied_with_keys_that_are_others_by_now_is_sent_anew_after_reading() -> None:
    b = bench(script={S: ["403-rotated"]})
    await b.drive(FAILOVER, End.DONE)
    posts = [n for n, line in enumerate(b.world.log) if line == "POST secondary FAILOVER"]
    assert len(posts) == 2
    assert "GET primary" in b.world.log[posts[0] : posts[1]]
    assert len({draft.modified_by for draft in b.world.drafts}) == 3
    for_ever = bench(script={S: ["403-rotated"] * 9999})
    await for_ever.drive(FAILOVER, End.INCOMPLETE, S, saying="refused FAILOVER: 403 Forbidden")
    assert for_ever.clock.monotonic() - 1000 <= WITHIN + 1


@pytest.mark.parametrize("then", ["400", "429-long", "not-sent"])
async def test_law_05_a_lost_write_stays_unknown_whatever_becomes_of_the_next_attempt(then: str) -> None:
    b = bench(script={S: ["lost", *[then] * 99]})
    await b.drive(ACTIVE, End.UNKNOWN, S)
    assert [event.attempt.number for event in b.notes.of(WriteUnknown)] == [1]


@pytest.mark.parametrize("renames", [None, "svc@example.com"])
async def test_law_05_a_resend_that_is_refused_since_the_lost_write_took_effect_meanwhile_stops_nothing(
    renames: str | None,
) -> None:
    """A strict server does not take the same status twice."""
    b = bench(renames=renames, script={S: ["lost-late", "400"]})
    b.world.before_write = lambda _draft: b.world.arrive_late() if len(b.world.posts()) == 2 else None
    await b.drive(FAILOVER, End.DONE)
    assert b.world.posts() == ["POST secondary FAILOVER"] * 2 + ["POST primary FAILOVER"]


@pytest.mark.parametrize(("asked", "end"), [(False, End.INCOMPLETE), (True, End.INTERRUPTED)])
async def test_law_05_a_lost_write_that_was_seen_is_not_unknown_whatever_stops_the_run(
    asked: bool, end: End
) -> None:
    """It shows itself in the check before the resend, which waits for the other org."""
    b = bench(script={S: ["lost-late"]})

    def act() -> None:
        if b.clock.monotonic() > 1009.5:
            b.world.sights[P] = Unreachable("503 Service Unavailable")
        if b.clock.monotonic() > 1012:
            b.world.arrive_late()
        if asked and b.clock.monotonic() > 1014:
            b.engine.ask_to_stop("stopped, as asked")

    b.clock.on_sleep.append(act)
    await b.drive(FAILOVER, end)
    assert b.notes.of(WriteUnknown) == []
    assert [event.attempt for event in b.notes.of(WriteConfirmed)] == [1]


async def test_law_05_a_person_who_stops_a_run_with_a_lost_write_is_told_that_it_is_unknown() -> None:
    b = bench(script={S: ["lost"]})
    b.clock.on_sleep.append(lambda: b.engine.ask_to_stop("stopped, as asked"))
    await b.drive(ACTIVE, End.UNKNOWN, saying="stopped, as asked")


async def test_law_05_a_429_is_waited_out_as_told() -> None:
    b = bench(script={S: ["429"]})
    slept: list[float] = []
    before = [b.clock.monotonic()]
    b.clock.on_sleep.append(lambda: slept.append(b.clock.monotonic() - before[0]))
    await b.drive(ACTIVE, End.DONE)
    assert [event.seconds for event in b.notes.of(WriteThrottled)] == [2.0]
    posts = [n for n, line in enumerate(b.world.log) if line.startswith("POST")]
    assert b.world.log[posts[0] + 1 : posts[1]] == ["GET primary", "GET secondary"], (
        "read again after the wait"
    )


async def test_law_05_a_429_without_a_time_is_waited_for_as_long_as_between_two_reads() -> None:
    b = bench(script={S: ["429-mute"]})
    await b.drive(ACTIVE, End.DONE)
    assert [event.seconds for event in b.notes.of(WriteThrottled)] == [1.0]


async def test_law_05_a_429_that_asks_for_too_long_is_refused_at_once() -> None:
    b = bench(script={S: ["429-long"]})
    ending = await b.drive(ACTIVE, End.INCOMPLETE, saying="1 h")
    assert ending.next_steps[0].why == "go on, in 1 h at the soonest"
    assert b.clock.monotonic() - 1000 < 1.0


@pytest.mark.parametrize("answers", [["429"], ["not-sent"] * 3])
async def test_law_05_what_is_not_taken_is_sent_again_though_the_check_had_to_wait_for_the_other_org(
    answers: list[str],
) -> None:
    b = bench(script={S: answers})

    def fall_dark(event: object) -> None:
        if isinstance(event, TransitionIntended):
            b.clock.advance(6)  # so that the check reads again
            b.world.glitches[P] = [Unreachable("503 Service Unavailable")] * 9

    b.notes.on_tell = fall_dark
    await b.drive(FAILOVER, End.DONE)


async def test_law_05_429s_for_ever_end_within_the_confirm_time() -> None:
    b = bench(script={S: ["429"] * 99})
    await b.drive(ACTIVE, End.INCOMPLETE)
    assert b.clock.monotonic() - 1000 <= WITHIN + 1


@pytest.mark.parametrize("word", ["429", "not-sent"])
async def test_law_05_a_second_attempt_that_is_not_taken_is_waited_for_as_the_first_would_be(
    word: str,
) -> None:
    b = bench(script={S: ["lost", word]})
    await b.drive(FAILOVER, End.DONE)
    assert b.world.posts() == ["POST secondary FAILOVER"] * 3 + ["POST primary FAILOVER"]


async def test_law_05_a_resend_does_not_set_back_what_the_server_moved_on() -> None:
    """The first request took effect after the confirm time, and the server went on from it: it is there."""
    b = bench(playbook=SERVER_ADVANCES, script={S: ["lost-late"]})

    def before_read(role: Role) -> None:
        held = b.world.records[S]
        if role is P and b.world.late:
            b.clock.advance(6)  # so that the check has to look again
        if role is S and b.world.late and b.world.log.count("GET secondary") == 4:
            b.world.arrive_late()
            held = b.world.held(S)
            b.world.records[S] = replace(held, status=int(ACTIVE), modified_at=b.clock.now())

    b.world.before_read = before_read
    await b.engine.drive(ACTIVE)
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER"]
    assert b.world.statuses()[1] is ACTIVE


async def test_law_05_an_outcome_is_journalled_for_every_attempt() -> None:
    b = bench(script={S: ["lost", "429", "not-sent"]})
    await b.engine.drive(ACTIVE)
    assert [event.attempt.number for event in b.notes.of(WriteAnswered)] == [
        intent.attempt.number for intent in b.notes.intents()
    ]


# Interrupted twice


@pytest.mark.parametrize("where", ["in flight", "reading back", "before the resend"])
async def test_law_05_giving_up_waiting_journals_the_write_in_flight_as_unknown(where: str) -> None:
    b = bench(script={S: ["lost"]})
    hang = asyncio.Event()

    async def stop_here() -> None:
        hang.set()
        await asyncio.Event().wait()

    write, read = b.world.write, b.world.read

    async def writing(draft, **how):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN202 - the method that it stands for has the types
        if where == "in flight":
            await stop_here()
        return await write(draft, **how)

    async def reading(role, **how):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN202 - the method that it stands for has the types
        posts, seconds = len(b.world.posts()), b.clock.monotonic() - 1000
        if posts and (where == "reading back" or (where == "before the resend" and seconds > WITHIN + 30)):
            await stop_here()
        if where == "before the resend" and posts and seconds > WITHIN - 1.5:
            b.clock.advance(40)
        return await read(role, **how)

    b.world.write, b.world.read = writing, reading  # type: ignore[method-assign]
    await cancelled(b.engine.drive(ACTIVE), hang)
    assert [event.attempt.number for event in b.notes.of(WriteUnknown)] == [1]


async def test_law_05_a_cancelled_run_with_nothing_in_flight_journals_no_unknown() -> None:
    b = bench()
    hang = asyncio.Event()
    read = b.world.read

    async def reading(role, **how):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN202 - the method that it stands for has the types
        hang.set()
        await asyncio.Event().wait()
        return await read(role, **how)

    b.world.read = reading  # type: ignore[method-assign]
    await cancelled(b.engine.drive(ACTIVE), hang)
    assert b.notes.of(WriteUnknown) == []


async def test_law_05_a_refusal_is_no_write_where_a_stamp_cut_short_is_that_of_an_earlier_attempt() -> None:
    b = bench()
    apply = b.world.apply

    def cut_short(draft: Draft) -> HamrRecord:
        run, _, _ = draft.modified_by.rpartition("-")
        return apply(replace(draft, modified_by=run))

    def refuse(draft: Draft) -> None:
        assert len(b.world.posts()) < 8, "it is sent without end"
        if draft.status is ACTIVE:
            b.world.script[draft.role] = ["400"]

    b.world.apply, b.world.before_write = cut_short, refuse  # type: ignore[method-assign]
    await b.drive(ACTIVE, End.INCOMPLETE)
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER", "POST secondary ACTIVE"]


async def test_law_05_a_refusal_is_no_write_where_a_stamp_cut_short_was_there_before_the_run_wrote() -> None:
    b = bench()
    stamp = str(b.engine.run.operator.stamp(RUN, 1)).rpartition("-")[0]
    b.world.records[S] = record(S, FAILOVER, by=stamp)

    def refuse(draft: Draft) -> None:
        assert len(b.world.posts()) < 8, "it is sent without end"
        b.world.script[draft.role] = ["400"]

    b.world.before_write = refuse
    await b.engine.reader.read_both("start", once=False)
    with pytest.raises(Stopped) as stop:
        await b.engine.writer.write(S, FAILOVER)
    assert stop.value.ending.end is End.INCOMPLETE
    assert b.world.posts() == ["POST secondary FAILOVER"]


async def test_law_05_what_was_not_sent_leaves_nothing_that_may_yet_come() -> None:
    b = bench(script={S: ["not-sent"]})
    await b.drive(FAILOVER, End.DONE)
    state = b.engine.run.state
    assert [sent.attempt.number for sent in state.sent] == [2, 3]
    assert state.outstanding() is None
    assert state.may_come_late() == ()


async def test_law_05_an_unknown_write_is_none_any_more_once_its_org_has_shown_one_of_ours() -> None:
    b = bench(script={S: ["lost"] * 2})
    b.notes.tell(started(FAILOVER))
    await b.drive(FAILOVER, End.UNKNOWN)
    again = resumed(b)
    assert [attempt.role for attempt in again.engine.run.state.unknown] == [S]
    await again.drive(FAILOVER, End.DONE)
    assert len(again.notes.of(WriteUnknown)) == 1, "it was said"
    assert again.engine.run.state.unknown == []


@pytest.mark.parametrize(("then", "now"), [(True, True), (False, True), (True, False)])
async def test_law_05_a_write_of_a_dead_process_that_no_reading_shows_in_its_time_is_called_unknown(
    then: bool, now: bool
) -> None:
    """Whether the org told the time when it was intended, and tells it now."""
    b = bench()
    read = b.world.read

    async def without_date(role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        return replace(await read(role, within=within, anew=anew), exchange=Exchange())

    b.world.read = read if then else without_date  # type: ignore[method-assign]
    again = resumed(await dies(b, FAILOVER, lambda event: isinstance(event, WriteIntended)))
    b.world.read = read if now else without_date  # type: ignore[method-assign]
    began = again.clock.monotonic()
    unknown_at: list[float] = []

    def note(event: object) -> None:
        if isinstance(event, WriteUnknown):
            unknown_at.append(again.clock.monotonic() - began)

    again.notes.on_tell = note
    await again.drive(FAILOVER, End.DONE)
    (event,) = again.notes.of(WriteUnknown)
    assert (event.attempt.number, event.attempt.role) == (1, S)
    assert unknown_at[0] >= WITHIN - 1
    assert again.notes.changes() == []


async def test_law_05_a_run_that_is_taken_up_beside_a_dead_region_ends_unknown_and_not_refused() -> None:
    """Exit code 3 says that nothing was sent, and a write of this run may have reached the org that was read for it."""
    b = bench(script={P: ["lost"]})
    dead = await dies(b, ACTIVE, lambda event: isinstance(event, WriteAnswered) and event.attempt.role is P)
    again = resumed(dead)
    again.world.sights[S] = Unreachable("connection refused")
    ending = await again.engine.drive(ACTIVE)
    assert (ending.end, again.engine.run.state.unknown[0].number) == (End.UNKNOWN, 2), ending
