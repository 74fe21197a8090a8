"""What an emergency left untold is delivered by resume: directly, in one write, and never by dragging the living org."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.events import ChangeSeen, Event, GuardOverridden, OwedSettled, SituationRead
from orchestrator.model.org import Mirrors
from orchestrator.model.reading import Change, Draft, HamrRecord, Present
from orchestrator.model.run import End, Mode, RunOutcome
from orchestrator.model.situation import Owed
from orchestrator.model.status import Role, Status
from tests.clock import START
from tests.steps import typed

from .fake import DARK, RUN, Bench, Died, P, S, bench, record, resumed, started

pytestmark = pytest.mark.anyio

ACTIVE, FAILOVER, PASSIVE = Status.ACTIVE, Status.FAILOVER, Status.PASSIVE


async def owing(mirrors: Mirrors = Mirrors.NO, renames: str | None = None, *, there: bool = False) -> Bench:
    """After an emergency with the primary dark: the secondary at ACTIVE, where it may have been before, the primary back with its old record."""
    b = bench(mode=Mode.EMERGENCY, mirrors=mirrors, renames=renames)
    if there:
        b.world.records[S] = record(
            S, ACTIVE, "alice+hamr-20261102-030000-past-2@laptop", START - timedelta(20)
        )
    b.notes.tell(started(ACTIVE, Mode.EMERGENCY))
    b.world.sights[P] = DARK
    await b.drive(ACTIVE, End.OWING)
    b.world.sights.clear()
    b.world.log.clear()
    b.clock.advance(3600)
    return b


def around_a_stranger(seconds: float, overrides: Mapping[str, str] | None = None) -> Bench:
    """A debt of a run that wrote nothing: a run that this journal does not know had brought the secondary there."""
    theirs = "carol+hamr-20261122-025900-zzzz-2@bastion"
    b = bench(owed=Owed(P, ACTIVE, RUN, START), overrides=overrides)
    b.world.records[S] = record(S, ACTIVE, theirs, START - timedelta(seconds=seconds))
    return b


async def test_law_12_a_debt_of_a_run_that_wrote_nothing_is_bound_by_the_young_stamp_that_made_it() -> None:
    b = around_a_stranger(20)
    ending = await b.deliver(End.REFUSED)
    assert "Payments (primary) was not told: alone fail: Payments EU (secondary)" in ending.message
    assert typed(ending.next_steps)[0] == "hamr status payments --watch"
    assert typed(ending.next_steps)[1].endswith(" --override alone=REASON")
    assert b.world.posts() == []


@pytest.mark.parametrize(("seconds", "overrides"), [(601, None), (20, {"alone": "carol says she is done"})])
async def test_law_12_it_is_delivered_when_the_stamp_is_old_or_a_person_says_so(
    seconds: float, overrides: Mapping[str, str] | None
) -> None:
    b = around_a_stranger(seconds, overrides)
    await b.deliver(End.DONE)
    assert b.world.posts() == ["POST primary ACTIVE"]
    assert len(b.notes.of(GuardOverridden)) == (overrides is not None)


async def test_law_12_nor_is_it_asked_about_where_nothing_is_to_be_told() -> None:
    b = around_a_stranger(20)
    b.world.records[P] = record(P, ACTIVE)
    ending = await b.deliver(End.DONE)
    assert ending.message == "Payments (primary) shows it already: ACTIVE; nothing is owed any more"


async def test_law_09_a_survivor_that_has_no_status_has_none_to_pass_on() -> None:
    b = around_a_stranger(601)
    b.world.records[S] = record(S, Status.UNSPECIFIED)
    await b.deliver(End.REFUSED, S)
    assert b.world.posts() == []


def back(b: Bench) -> Bench:
    return resumed(b, mode=Mode.PLANNED)


async def deliver(b: Bench) -> RunOutcome:
    owed = b.engine.run.owed_now()
    assert owed is not None
    return await b.engine.deliver(owed)


@pytest.mark.parametrize("renames", [None, "svc@example.com"])
async def test_law_09_the_returned_org_is_told_in_one_write(renames: str | None) -> None:
    b = back(await owing(renames=renames))
    await b.deliver(End.DONE)
    assert b.world.posts() == ["POST primary ACTIVE"]
    assert b.world.statuses() == (ACTIVE, ACTIVE)
    assert [(event.role, event.how) for event in b.notes.of(OwedSettled)] == [(P, "delivered")]
    assert b.notes.intents()[-1].attempt.purpose == "deliver"
    assert b.engine.run.owed_now() is None


async def test_law_09_what_is_delivered_is_the_survivors_present_status_whatever_was_owed() -> None:
    b = await owing()
    again = resumed(b, mode=Mode.PLANNED)
    owed = again.engine.run.owed_now()
    assert owed is not None
    ending = await again.engine.deliver(replace(owed, status=FAILOVER))
    assert ending.end is End.DONE, ending
    assert again.world.posts() == ["POST primary ACTIVE"]


async def test_law_21_an_org_that_is_back_and_fails_to_answer_once_is_told_all_the_same() -> None:
    again = resumed(await owing(), mode=Mode.PLANNED)
    again.world.glitches[P] = [DARK]
    await again.deliver(End.DONE)


async def test_law_09_what_is_shown_already_is_void() -> None:
    dead = await owing()
    dead.world.mirror(S)
    b = back(dead)
    await b.deliver(End.DONE)
    assert b.world.posts() == []
    assert [event.how for event in b.notes.of(OwedSettled)] == ["void"]


async def test_law_09_an_org_that_is_still_dark_stays_owed() -> None:
    dead = await owing()
    dead.world.sights[P] = DARK
    b = back(dead)
    ending = await b.deliver(End.OWING, P)
    assert typed(ending.next_steps) == ("hamr resume payments",)
    assert b.engine.run.owed_now() is not None
    assert b.world.posts() == []


async def test_law_09_a_survivor_that_is_dark_now_can_not_be_passed_on() -> None:
    dead = await owing()
    dead.world.sights[S] = DARK
    b = back(dead)
    await b.deliver(End.REFUSED, S)
    assert b.world.posts() == []


async def test_law_09_a_survivor_that_somebody_else_moved_stops_and_names_adopt() -> None:
    dead = await owing()
    dead.world.foreign(S, Status.RECOVERY)
    b = back(dead)
    ending = await b.deliver(End.MOVED, S)
    assert "bob@example.com" in ending.message
    assert "hamr adopt payments --truth secondary --reason TEXT" in typed(ending.next_steps)
    assert b.world.posts() == []


async def test_law_09_a_returned_org_that_somebody_else_moved_stops() -> None:
    """It was seen by the emergency's own first look, so a change since is a change."""
    b = bench(mode=Mode.EMERGENCY)
    b.notes.tell(started(ACTIVE, Mode.EMERGENCY))
    b.world.script[P] = ["black-hole"] * 9
    await b.drive(ACTIVE, End.OWING)
    b.world.foreign(P, Status.RECOVERY)
    again = back(b)
    posts = len(again.world.posts())
    await again.deliver(End.MOVED, P)
    assert len(again.world.posts()) == posts


@pytest.mark.parametrize("there", [False, True], ids=["told by the emergency", "there before it"])
@pytest.mark.parametrize(("status", "end"), [(Status.RECOVERY, End.MOVED), (ACTIVE, End.DONE)])
async def test_law_03_what_somebody_did_to_the_dark_org_meanwhile_is_not_written_over(
    status: Status, end: End, *, there: bool
) -> None:
    """It was never seen in the emergency, but its own time tells."""
    dead = await owing(there=there)
    dead.world.foreign(P, status)
    b = back(dead)
    ending = await b.deliver(end)
    assert b.world.posts() == []
    if end is End.MOVED:
        assert "hamr adopt payments --truth secondary --reason TEXT" in typed(ending.next_steps)


async def test_law_03_what_somebody_did_there_in_the_second_of_our_first_write_is_as_little() -> None:
    """Whole seconds are no order."""
    dead = await owing()
    first = dead.engine.run.state.confirmed[S][0].modified_at
    dead.world.records[P] = replace(
        dead.world.held(P), status=int(Status.RECOVERY), modified_by="bob", modified_at=first
    )
    b = back(dead)
    await b.deliver(End.MOVED)
    assert b.world.posts() == []


async def test_law_03_nor_is_it_by_a_run_that_stopped_for_it_and_is_taken_up_once_more() -> None:
    dead = await owing()
    dead.world.foreign(P, Status.RECOVERY)
    b = back(dead)
    await b.deliver(End.MOVED)
    again = resumed(b, mode=Mode.EMERGENCY)
    await again.drive(ACTIVE, End.MOVED)
    assert again.world.posts() == []


async def test_law_03_nor_by_the_transitions_that_an_emergency_has_left_which_the_survivor_makes_alone() -> (
    None
):
    b = bench(mode=Mode.EMERGENCY)
    b.notes.tell(started(ACTIVE, Mode.EMERGENCY))
    b.world.sights[P] = DARK
    await b.drive(FAILOVER, End.OWING)
    b.world.sights.clear()
    b.clock.advance(3600)
    b.world.foreign(P, Status.RECOVERY)
    again = resumed(b, mode=Mode.EMERGENCY)
    await again.drive(ACTIVE, End.OWING)
    assert again.world.posts() == ["POST secondary FAILOVER", "POST secondary ACTIVE"]


async def test_law_09_a_returned_org_of_another_pair_is_never_written() -> None:
    dead = await owing()
    held = dead.world.held(P)
    dead.world.records[P] = replace(held, target_uuid="770e8400-e29b-41d4-a716-446655440000")
    b = back(dead)
    await b.deliver(End.REFUSED)
    assert b.world.posts() == []


async def test_law_09_an_old_write_of_the_emergency_that_lands_after_the_return_does_not_count_as_told() -> (
    None
):
    b = bench(mode=Mode.EMERGENCY)
    b.notes.tell(started(ACTIVE, Mode.EMERGENCY))
    b.world.script[P] = ["lost-late"]
    await b.drive(ACTIVE, End.OWING)
    b.world.arrive_late()
    b.clock.advance(3600)
    again = back(b)
    await again.deliver(End.DONE)
    assert again.world.statuses() == (ACTIVE, ACTIVE)
    assert again.world.posts()[-1] == "POST primary ACTIVE"


async def test_law_09_a_lost_answer_while_delivering_is_read_back_like_any_other() -> None:
    b = back(await owing())
    b.world.script[P] = ["lost-applied"]
    await b.deliver(End.DONE)
    assert b.world.posts() == ["POST primary ACTIVE"]


async def test_law_09_a_delivery_that_is_never_shown_is_unknown_and_stays_owed() -> None:
    b = back(await owing())
    b.world.script[P] = ["lost"] * 5
    await b.deliver(End.UNKNOWN)
    assert b.engine.run.owed_now() is not None


# A mirror that carried the old status back


async def carried_back(mirrors: Mirrors, *, mirrored: bool = True, there: bool = False) -> Bench:
    dead = await owing(mirrors, there=there)
    dead.world.mirrored = mirrored
    old = {role: record(role, PASSIVE) for role in (P, S)}
    dead.world.records.update(old)
    return dead


@pytest.mark.parametrize("there", [False, True], ids=["brought there", "there before"])
@pytest.mark.parametrize("mirrors", [Mirrors.YES, Mirrors.AUTO])
async def test_law_09_a_mirror_that_carried_the_old_status_back_is_put_right_in_one_write(
    mirrors: Mirrors, there: bool
) -> None:
    b = back(await carried_back(mirrors, there=there))
    await b.deliver(End.DONE)
    assert b.world.posts() == ["POST secondary ACTIVE"]
    assert b.world.statuses() == (ACTIVE, ACTIVE)
    reverted = [event for event in b.notes.of(ChangeSeen) if event.change is Change.REVERTED]
    assert [(event.role, event.accepted) for event in reverted] == [(S, True)]
    assert [event.how for event in b.notes.of(OwedSettled)] == ["delivered"]


async def test_law_03_a_survivor_that_shows_the_old_record_is_read_until_the_confirm_time_is_up() -> None:
    """It may be a stale read, or the mirror may yet carry the new record forward."""
    b = back(await carried_back(Mirrors.YES))
    b.world.records[S], b.world.records[P] = None, None
    old, new = record(S, PASSIVE), b.engine.run.state.confirmed[S][-1]
    b.world.records[S], b.world.records[P] = new, record(P, PASSIVE)
    b.world.glitches[S] = [Present(old, PASSIVE)] * 4
    began = b.clock.monotonic()
    await b.deliver(End.DONE)
    assert b.world.posts() == ["POST primary ACTIVE"]
    assert 3 < b.clock.monotonic() - began < 8


async def test_law_09_a_separate_pair_whose_survivor_shows_an_old_record_stops() -> None:
    b = back(await carried_back(Mirrors.NO, mirrored=False))
    await b.deliver(End.MOVED, S)
    assert b.world.posts() == []


async def test_law_09_a_mirror_that_is_slow_to_carry_it_back_again_is_waited_for() -> None:
    """To write the other side, too, could set the first one back."""
    b = back(await carried_back(Mirrors.YES, mirrored=False))

    def carry() -> None:
        if b.world.posts():
            b.world.mirror(S)

    b.clock.on_sleep.append(carry)
    await b.deliver(End.DONE)
    assert b.world.posts() == ["POST secondary ACTIVE"]


async def test_law_09_a_pair_that_did_not_mirror_after_all_has_both_orgs_told() -> None:
    b = back(await carried_back(Mirrors.AUTO, mirrored=False))
    await b.deliver(End.DONE)
    assert b.world.posts() == ["POST secondary ACTIVE", "POST primary ACTIVE"]
    assert b.world.statuses() == (ACTIVE, ACTIVE)


async def test_law_09_a_mirror_that_carries_it_back_while_it_is_delivered_is_put_right() -> None:
    """The returned org is about to be told when its old record is copied over the survivor's."""
    b = back(await owing(Mirrors.YES))
    b.world.mirrored = True
    done: list[int] = []

    def heal(draft: Draft) -> None:
        if not done:
            done.append(1)
            b.world.records[S] = record(S, PASSIVE)

    b.world.before_write = heal
    await b.deliver(End.DONE)
    assert b.world.statuses() == (ACTIVE, ACTIVE)


# Killed while delivering


@pytest.mark.parametrize("reverted", [False, True], ids=["plain", "carried back"])
@pytest.mark.parametrize("durable", [True, False], ids=["after", "before"])
async def test_law_07_killed_at_every_event_of_a_delivery_and_resumed(durable: bool, reverted: bool) -> None:
    async def begin() -> Bench:
        return back(await (carried_back(Mirrors.YES) if reverted else owing()))

    whole = await begin()
    before = len(whole.notes.events)
    await deliver(whole)
    events = len(whole.notes.events) - before
    for k in range(1, events + 1):
        b = await begin()
        seen = [0]

        def at(event: Event, seen: list[int] = seen, k: int = k) -> bool:
            seen[0] += 1
            return seen[0] == k

        b.notes.crash_at, b.notes.crash_before = at, not durable
        with pytest.raises(Died):
            await deliver(b)
        b.notes.crash_at = None
        b.clock.advance(60)
        again = resumed(b, mode=Mode.PLANNED)
        where = f"event {k}: {type(whole.notes.events[before + k - 1]).__name__}"
        if again.engine.run.owed_now() is None:
            assert k == events, where
        else:
            ending = await deliver(again)
            assert ending.end is End.DONE, (where, ending)
        assert again.world.statuses() == (ACTIVE, ACTIVE), where
        assert len(again.world.posts()) == 1 or (len(again.world.posts()) == 0 and not reverted), where


def _same(first: HamrRecord | None, second: HamrRecord | None) -> bool:
    return first is not None and second is not None and first.same_version(second)


async def test_law_09_the_living_org_is_never_dragged_anywhere() -> None:
    dead = await owing()
    survivor = dead.world.records[S]
    writes: list[Role] = []
    note: Callable[[Draft], None] = lambda draft: writes.append(draft.role)  # noqa: E731 - one line says it
    b = back(dead)
    b.world.before_write = note
    await deliver(b)
    assert writes == [P]
    assert _same(survivor, b.world.records[S])


OLDER = START - timedelta(days=40)


@pytest.mark.parametrize(
    ("shown", "strangers"),
    [
        ({P: record(P, PASSIVE, at=OLDER), S: record(S, PASSIVE, at=OLDER)}, True),
        ({P: record(P, PASSIVE), S: record(S, PASSIVE, at=OLDER)}, False),
        ({P: None, S: None}, False),
    ],
    ids=["over a stranger's", "two old records", "none"],
)
async def test_law_03_only_one_old_record_on_both_orgs_over_a_write_of_ours_is_a_mirrors_doing(
    shown: dict[Role, HamrRecord | None], strangers: bool
) -> None:
    b = back(await owing(Mirrors.YES))
    if strangers:
        b.world.foreign(S, Status.RECOVERY)
        await b.deliver(End.MOVED, S)
        b = back(b)
    b.world.records |= shown
    await b.deliver(End.MOVED)
    assert b.world.posts() == []


@pytest.mark.parametrize("silent", [P, S])
@pytest.mark.parametrize("mode", Mode)
async def test_law_03_a_debt_is_told_on_a_look_at_both_orgs_alone_whatever_the_mode(
    mode: Mode, silent: Role
) -> None:
    b = resumed(await owing(), mode=mode)

    def silence(event: Event) -> None:
        if isinstance(event, SituationRead) and event.purpose == "start":
            b.clock.advance(6)  # so that the check reads again
            b.world.sights[silent] = DARK

    b.notes.on_tell = silence
    await b.deliver(End.INCOMPLETE, silent)
    assert b.world.posts() == []
