"""One run, from where the pair stands to its goal."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.model.events import MirrorFound, NameLearned, TransitionMade, WriteConfirmed
from orchestrator.model.org import Mirrors
from orchestrator.model.reading import Change, Draft, Present, Unreachable
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Role, Status
from tests.clock import START
from tests.playbooks import changed

from .fake import PLAYBOOK, RUN, SERVER_ADVANCES, UUIDS, WAY_OUT, P, S, bench

pytestmark = pytest.mark.anyio


async def test_a_planned_run_writes_the_secondary_then_the_primary_transition_by_transition() -> None:
    b = bench()
    await b.drive(Status.ACTIVE, End.DONE)
    assert b.world.posts() == WAY_OUT
    assert b.world.statuses() == (Status.ACTIVE, Status.ACTIVE)


async def test_two_transitions_with_two_writes_take_one_look_and_four_round_trips_a_transition() -> None:
    b = bench()
    await b.engine.drive(Status.ACTIVE)
    # a look reads both orgs in parallel: one before the first write, then one after each of the four writes
    assert len([line for line in b.world.log if line.startswith("GET")]) == 2 * (1 + 4)


async def test_a_pair_that_is_there_already_is_done_without_a_write() -> None:
    b = bench(Status.ACTIVE)
    await b.drive(Status.ACTIVE, End.DONE)
    assert b.world.posts() == []


async def test_a_pair_that_mirrors_is_written_once_a_transition() -> None:
    b = bench(mirrors=Mirrors.YES, mirrored=True)
    await b.drive(Status.ACTIVE, End.DONE)
    assert b.world.posts() == ["POST secondary FAILOVER", "POST secondary ACTIVE"]


@pytest.mark.parametrize("mirrored", [True, False])
async def test_auto_finds_out_once_whether_the_pair_mirrors(mirrored: bool) -> None:
    b = bench(mirrors=Mirrors.AUTO, mirrored=mirrored)
    await b.drive(Status.ACTIVE, End.DONE)
    (found,) = b.notes.of(MirrorFound)
    assert isinstance(found, MirrorFound)
    assert found.mirrors is mirrored
    assert len(b.world.posts()) == (2 if mirrored else 4)


@pytest.mark.parametrize("mirrors", [Mirrors.AUTO, Mirrors.NO])
async def test_one_write_where_the_pair_does_not_mirror_says_that_the_playbook_has_to_write_both(
    mirrors: Mirrors,
) -> None:
    """Resumed, by the playbook that it began with, it would end there again."""
    b = bench(mirrors=mirrors, playbook=changed(PLAYBOOK, "declare", writes=(S,)))
    words = "writes secondary alone, and this pair does not mirror: have it write both in the playbook"
    await b.drive(Status.ACTIVE, End.INCOMPLETE, P, saying=words)
    assert b.world.posts() == ["POST secondary FAILOVER"]


async def test_a_copy_that_the_other_regions_clock_cuts_to_whole_seconds_is_an_echo_by_its_stamp() -> None:
    b = bench(mirrors=Mirrors.AUTO, mirrored=True)

    def cut(draft: Draft) -> None:
        b.world.records[P] = replace(b.world.held(P), modified_at=b.clock.now().replace(microsecond=0))

    b.world.after_write = cut
    await b.drive(Status.ACTIVE, End.DONE)
    assert [found.mirrors for found in b.notes.of(MirrorFound)] == [True]
    assert b.world.posts() == ["POST secondary FAILOVER", "POST secondary ACTIVE"]


async def test_a_pair_that_mirrors_though_its_inventory_says_no_is_not_found_to() -> None:
    b = bench(mirrors=Mirrors.NO, mirrored=True)
    await b.drive(Status.ACTIVE, End.DONE)
    assert b.notes.of(MirrorFound) == []


async def test_an_old_record_that_both_orgs_shared_is_no_echo_where_the_written_ones_reads_lag() -> None:
    b = bench(mirrors=Mirrors.AUTO)
    shared = b.world.held(P)
    old = replace(shared, org_uuid=UUIDS[S], target_uuid=UUIDS[P], is_primary=False)
    b.world.records[S] = old

    lags = [Present(old, Status.PASSIVE)]

    def lag() -> None:
        if lags and len(b.world.posts()) == 1:
            b.world.glitches[S] = [lags.pop()]

    b.clock.on_sleep.append(lag)
    await b.drive(Status.ACTIVE, End.DONE)
    (found,) = b.notes.of(MirrorFound)
    assert found.mirrors is False
    assert len(b.world.posts()) == 4


@pytest.mark.parametrize(
    "shown", ["svc@example.com", f"alice+hamr-{RUN}-"], ids=["no names", "names cut short"]
)
async def test_what_both_orgs_were_told_is_no_echo_where_a_server_has_neither_names_nor_times(
    shown: str,
) -> None:
    """A failed look leaves open whether the pair mirrors, so the other org is written, and then shows the like."""
    b = bench(mirrors=Mirrors.AUTO, renames=shown)
    b.world.no_times = True
    failing = [Unreachable("timed out")]

    def fail() -> None:
        if failing and len(b.world.posts()) == 1:
            b.world.glitches[P] = [failing.pop()]

    b.clock.on_sleep.append(fail)
    await b.drive(Status.ACTIVE, End.DONE)
    assert [found.mirrors for found in b.notes.of(MirrorFound)] == [False]
    assert len(b.world.posts()) == 4


@pytest.mark.parametrize("renames", [None, "svc@example.com"])
async def test_a_mirror_that_reads_hid_which_lagged_is_found_by_the_copy_of_a_later_write(
    renames: str | None,
) -> None:
    b = bench(mirrors=Mirrors.AUTO, mirrored=True, renames=renames)
    was = Present(b.world.held(P), Status.PASSIVE)

    def lag(role: Role) -> None:
        if role is P and len(b.world.posts()) == 1:
            b.world.glitches[P] = [was]

    b.world.before_read = lag
    await b.drive(Status.ACTIVE, End.DONE)
    assert [found.mirrors for found in b.notes.of(MirrorFound)] == [False, True]
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER", "POST secondary ACTIVE"]


async def test_a_copy_that_was_lost_while_the_other_region_was_dark_is_no_sign_of_separate_orgs() -> None:
    b = bench(mirrors=Mirrors.AUTO)

    def fall_dark(draft: Draft) -> None:
        if not b.world.mirrored:
            b.world.glitches[P] = [Unreachable("timed out")]
        b.world.mirrored = True

    b.world.after_write = fall_dark
    await b.drive(Status.ACTIVE, End.DONE)
    assert [found.mirrors for found in b.notes.of(MirrorFound)] == [True]
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER", "POST secondary ACTIVE"]


@pytest.mark.parametrize("mirrors", [Mirrors.AUTO, Mirrors.YES])
async def test_a_copy_of_another_runs_write_that_comes_after_the_first_look_is_not_written_again(
    mirrors: Mirrors,
) -> None:
    b = bench(mirrors=mirrors, mirrored=True)
    was = b.world.held(P)
    told = replace(was, status=int(Status.FAILOVER), modified_at=START)
    b.world.records[P] = told
    b.world.records[S] = replace(told, org_uuid=UUIDS[S], target_uuid=UUIDS[P], is_primary=False)
    b.world.glitches[P] = [Present(was, Status.PASSIVE)]
    await b.drive(Status.ACTIVE, End.DONE)
    assert b.world.posts() == ["POST secondary ACTIVE"]


async def test_a_mirror_with_a_delay_is_found_and_waited_for() -> None:
    b = bench(mirrors=Mirrors.AUTO)
    due: list[tuple[float, object]] = []
    original = b.world.apply

    def apply_and_schedule(draft: object) -> object:
        made = original(draft)  # type: ignore[arg-type]
        due.append((b.clock.monotonic() + 1.5, draft.role))  # type: ignore[attr-defined]
        return made

    b.world.apply = apply_and_schedule  # type: ignore[method-assign,assignment]

    def deliver() -> None:
        while due and due[0][0] <= b.clock.monotonic():
            b.world.mirror(due.pop(0)[1])  # type: ignore[arg-type]

    b.clock.on_sleep.append(deliver)
    await b.drive(Status.ACTIVE, End.DONE)
    assert b.world.posts() == ["POST secondary FAILOVER", "POST secondary ACTIVE"]


async def test_the_whole_cycle_comes_home() -> None:
    b = bench()
    await b.drive(Status.ACTIVE, End.DONE)
    await b.drive(Status.PASSIVE, End.DONE)
    assert [event.transition for event in b.notes.of(TransitionMade)] == [
        "declare",
        "activate",
        "recover",
        "settle",
    ]


async def test_a_server_that_renames_the_author_is_learned_from_its_answer() -> None:
    b = bench(renames="svc@example.com")
    await b.drive(Status.ACTIVE, End.DONE)
    assert [e.name for e in b.notes.of(NameLearned)] == ["svc@example.com"]


async def test_a_lost_answer_under_another_name_is_in_effect_but_unproven() -> None:
    b = bench(renames="svc@example.com", script={S: ["lost-applied"]})
    await b.drive(Status.ACTIVE, End.DONE)
    first = b.notes.of(WriteConfirmed)[0]
    assert isinstance(first, WriteConfirmed)
    assert first.change is Change.UNPROVEN


@pytest.mark.parametrize("author", ["datadog", "", None], ids=["its own name", "no name", "ours is kept"])
async def test_moves_that_the_server_makes_are_waited_for_and_not_written(author: str | None) -> None:
    b = bench(playbook=SERVER_ADVANCES)

    def advance() -> None:
        if all(held and held.status == Status.FAILOVER for held in b.world.records.values()):
            for each in (P, S):
                held = b.world.held(each)
                b.world.foreign(each, Status.ACTIVE, held.modified_by if author is None else author)

    b.clock.on_sleep.append(advance)
    await b.drive(Status.ACTIVE, End.DONE)
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER"]


async def test_law_03_another_run_that_makes_the_servers_move_is_not_taken_for_the_server() -> None:
    b = bench(playbook=SERVER_ADVANCES)
    theirs = "carol+hamr-20261122-025900-zzzz-1@bastion"
    b.clock.on_sleep.append(lambda: b.world.foreign(P, Status.ACTIVE, theirs))
    await b.drive(Status.ACTIVE, End.MOVED, saying="carol@bastion in run 20261122-025900-zzzz")


async def test_an_emergency_finishes_with_the_survivor_alone_and_owes_the_other() -> None:
    b = bench(mode=Mode.EMERGENCY, dark=P)
    await b.drive(Status.ACTIVE, End.OWING)
    assert b.world.posts() == ["POST secondary FAILOVER", "POST secondary ACTIVE"]
    assert b.world.log.count("GET primary within 2") == 1
    assert b.engine.run.state.owed == {P: Status.ACTIVE}


async def test_an_emergency_whose_other_org_lives_tells_it_too() -> None:
    b = bench(mode=Mode.EMERGENCY)
    await b.drive(Status.ACTIVE, End.DONE)
    assert b.world.posts()[:2] == ["POST secondary FAILOVER", "POST primary FAILOVER"]
    assert b.world.statuses() == (Status.ACTIVE, Status.ACTIVE)


async def test_a_planned_run_with_a_dark_region_is_refused_before_any_write() -> None:
    b = bench(dark=P)
    await b.drive(Status.ACTIVE, End.REFUSED)
    assert b.world.posts() == []
