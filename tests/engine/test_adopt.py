"""Adopting one org's record for a diverged pair: one write, and only where nothing else leads on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from orchestrator.journal.history import histories_of
from orchestrator.model.events import Event, GuardOverridden, OwedSettled, PairAdopted
from orchestrator.model.floor import Floor
from orchestrator.model.reading import Absent
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Role, Status
from tests.clock import START
from tests.steps import typed

from .fake import DARK, RUN, Bench, P, S, bench, record, resumed, started

pytestmark = pytest.mark.anyio

ACTIVE, FAILOVER, PASSIVE, RECOVERY = Status.ACTIVE, Status.FAILOVER, Status.PASSIVE, Status.RECOVERY


def standing(primary: Status, secondary: Status) -> Bench:
    b = bench()
    b.world.records = {P: record(P, primary), S: record(S, secondary)}
    return b


@pytest.mark.parametrize(
    ("truth", "post"),
    [(P, "POST secondary PASSIVE"), (S, "POST primary ACTIVE")],
    ids=["primary", "secondary"],
)
async def test_a_diverged_pair_has_its_other_org_written_once(truth: Role, post: str) -> None:
    b = standing(PASSIVE, ACTIVE)
    ending = await b.engine.adopt(truth, "both teams agree")
    assert ending.end is End.DONE, ending
    assert b.world.posts() == [post]
    (adopted,) = b.notes.of(PairAdopted)
    assert (adopted.truth, adopted.reason) == (truth, "both teams agree")
    assert b.notes.intents()[0].attempt.purpose == "adopt"


@pytest.mark.parametrize(
    ("seconds", "overrides", "posts"),
    [
        (20, None, []),
        (20, {"alone": "carol says she is done"}, ["POST primary ACTIVE"]),
        (601, None, ["POST primary ACTIVE"]),
    ],
    ids=["young", "young-and-overridden", "old"],
)
async def test_law_12_a_young_stamp_of_a_run_that_this_journal_does_not_know_is_adopted_by_name_alone(
    seconds: float, overrides: Mapping[str, str] | None, posts: list[str]
) -> None:
    b = bench(overrides=overrides)
    theirs = "carol+hamr-20261122-025900-zzzz-2@bastion"
    b.world.records = {
        P: record(P, PASSIVE),
        S: record(S, ACTIVE, theirs, START - timedelta(seconds=seconds)),
    }
    ending = await b.engine.adopt(S, "both teams agree")
    assert b.world.posts() == posts
    assert len(b.notes.of(PairAdopted)) == len(posts)
    assert len(b.notes.of(GuardOverridden)) == (overrides is not None)
    if not posts:
        assert ending.end is End.REFUSED
        assert "Payments (primary) was not told: alone fail: Payments EU (secondary)" in ending.message
        assert typed(ending.next_steps)[1].endswith(" --override alone=REASON")


async def test_law_03_an_org_that_a_person_says_was_put_back_is_told_again() -> None:
    """Nor is it taken at its word where its reads lag, so that it seems to agree."""
    b = bench(overrides={"reverted": "it was put back"})
    newer = record(P, ACTIVE, at=START - timedelta(minutes=1))
    b.engine.run.state.floors[newer.org_uuid] = Floor(newer)
    ending = await b.engine.adopt(S, "both teams agree")
    assert ending.end is End.DONE, ending
    assert b.world.posts() == ["POST primary PASSIVE"]


async def test_a_pair_that_agrees_is_left_alone() -> None:
    b = standing(ACTIVE, ACTIVE)
    assert (await b.engine.adopt(S, "why not")).end is End.DONE
    assert b.world.posts() == []
    assert b.notes.of(PairAdopted) == []


async def test_law_14_a_pair_that_is_midway_is_not_adopted_since_that_could_go_back_without_a_transition() -> (
    None
):
    b = standing(PASSIVE, FAILOVER)
    ending = await b.engine.adopt(P, "back, please")
    assert ending.end is End.REFUSED
    assert b.world.posts() == []
    assert typed(ending.next_steps)


async def test_an_org_without_a_record_gets_the_others() -> None:
    b = standing(PASSIVE, ACTIVE)
    b.world.records[P] = None
    ending = await b.engine.adopt(S, "it was lost")
    assert ending.end is End.DONE, ending
    assert b.world.posts() == ["POST primary ACTIVE"]


@pytest.mark.parametrize("truth", [P, S])
async def test_an_absent_or_unspecified_truth_cannot_be_copied(truth: Role) -> None:
    b = standing(ACTIVE, ACTIVE)
    b.world.records[truth] = record(truth, Status.UNSPECIFIED)
    ending = await b.engine.adopt(truth, "x")
    assert ending.end is End.REFUSED
    b.world.sights[truth] = Absent()
    again = bench(world=b.world)
    assert (await again.engine.adopt(truth, "x")).end is End.REFUSED
    assert b.world.posts() == []


@pytest.mark.parametrize("dark", [P, S])
async def test_a_dark_org_refuses_adoption(dark: Role) -> None:
    b = standing(PASSIVE, ACTIVE)
    b.world.sights[dark] = DARK
    ending = await b.engine.adopt(S, "x")
    assert ending.end is End.REFUSED
    assert "hamr status payments --watch" in typed(ending.next_steps), "as a look says it"
    assert b.world.posts() == []


async def test_a_mislinked_pair_is_never_adopted() -> None:
    b = standing(PASSIVE, ACTIVE)
    b.world.identities[P] = "770e8400-e29b-41d4-a716-446655440000"
    assert (await b.engine.adopt(S, "x")).end is End.REFUSED
    assert b.world.posts() == []


async def test_law_03_a_stranger_during_an_adoption_stops_it() -> None:
    b = standing(PASSIVE, ACTIVE)

    def meanwhile(event: Event) -> None:
        if isinstance(event, PairAdopted):
            b.clock.advance(30)
            b.world.foreign(P, RECOVERY)

    b.notes.on_tell = meanwhile
    ending = await b.engine.adopt(S, "x")
    assert ending.end is End.MOVED
    assert b.world.posts() == []


async def test_a_pair_that_owes_and_whose_survivor_was_moved_is_settled_by_adopting_the_survivor() -> None:
    b = bench(mode=Mode.EMERGENCY)
    b.notes.tell(started(ACTIVE, Mode.EMERGENCY))
    b.world.sights[P] = DARK
    await b.drive(ACTIVE, End.OWING)
    b.world.sights.clear()
    b.world.foreign(S, RECOVERY)
    owed = histories_of(b.notes.records(START))["payments"].owed
    assert owed is not None
    refused = bench(world=b.world, owed=owed)
    assert (await refused.engine.adopt(P, "no")).end is End.REFUSED, "a returning org drags nobody"
    again = bench(world=b.world, owed=owed)
    ending = await again.engine.adopt(S, "they meant it")
    assert ending.end is End.DONE, ending
    assert again.world.statuses() == (RECOVERY, RECOVERY)
    assert [event.role for event in again.notes.of(OwedSettled)] == [P]
    assert (
        histories_of([*b.notes.records(START), *again.notes.records(START, "adopt")])["payments"].owed is None
    )


async def test_an_adoption_ends_what_was_open() -> None:
    b = bench()
    b.notes.tell(started(ACTIVE))
    b.world.script[S] = ["400"]
    await b.engine.drive(ACTIVE)
    b.world.foreign(S, ACTIVE)
    adopting = bench(world=b.world)
    assert (await adopting.engine.adopt(S, "they meant it")).end is End.DONE
    records = [*b.notes.records(START), *adopting.notes.records(START, "20261122-040000-adop")]
    history = histories_of(records)["payments"]
    assert history.open_run is None
    assert history.runs[RUN].superseded_by == "20261122-040000-adop"


async def test_an_adoption_that_died_is_done_again() -> None:
    b = standing(PASSIVE, ACTIVE)
    b.world.script[P] = ["lost"] * 9
    assert (await b.engine.adopt(S, "x")).end is End.UNKNOWN
    b.world.script[P] = []
    again = resumed(b)
    assert (await again.engine.adopt(S, "x")).end is End.DONE
    assert again.world.statuses() == (ACTIVE, ACTIVE)
