"""Law 3: the newest record that a journal has seen of an org is the floor, below which no reading counts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.events import ChangeSeen, SituationRead, WriteConfirmed, WriteIntended
from orchestrator.model.floor import Floor, raise_floors, under_floor
from orchestrator.model.reading import Absent, Change, HamrRecord, Identity, Request
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import View, phase_of
from orchestrator.situation.compare import compare
from orchestrator.situation.state import Sent

from .scenes import FAILOVER, PAIR, knows
from .test_compare import EU, NOON, ONE, RUN, TWO, US, P, S, reading, sent, shows

OLD = shows(S, Status.PASSIVE, "admin@example.com", -60)
OURS = shows(S, Status.FAILOVER, ONE, 1)
STRANGER = shows(S, Status.RECOVERY, "bob@example.com", 2)


def floors_after(*records: HamrRecord) -> dict[str, Floor]:
    floors: dict[str, Floor] = {}
    for record in records:
        raise_floors(floors, SituationRead("transition", Both(None, reading(S, record))))
    return floors


def test_law_03_the_newest_record_by_the_orgs_own_time_is_the_floor_in_whatever_order_they_were_seen() -> (
    None
):
    for order in ((OLD, OURS, STRANGER), (STRANGER, OURS, OLD), (OURS, STRANGER, OLD)):
        assert floors_after(*order)[EU].record == STRANGER


def test_law_03_a_reading_below_the_floor_is_stale_though_it_is_what_this_run_wrote_last() -> None:
    known = knows(
        RUN,
        {S: OURS},
        (sent(1, S, Status.FAILOVER, confirmed=True),),
        confirmed={S: (OURS,)},
        floors=floors_after(OLD, OURS, STRANGER),
    )
    found = compare(PAIR, reading(S, OURS), known)
    assert found.change is Change.STALE
    assert "older than what this journal has seen of it (RECOVERY by bob@example.com" in found.reason


def test_law_03_a_write_that_a_replica_shows_after_a_strangers_was_seen_over_it_is_stale() -> None:
    """Its process died before it had seen it; by a region's slow clock alone it would be in effect."""
    known = knows(RUN, {S: OLD}, (sent(1, S, Status.FAILOVER),), floors=floors_after(OLD, STRANGER))
    assert compare(PAIR, reading(S, OURS), known).change is Change.STALE
    accepted = knows(RUN, {S: STRANGER}, (sent(1, S, Status.FAILOVER),), floors=floors_after(OLD, STRANGER))
    assert compare(PAIR, reading(S, OURS), accepted).change is Change.OURS


def test_a_record_that_is_older_by_less_than_a_second_is_told_from_the_newer_one() -> None:
    later = shows(S, Status.FAILOVER, ONE, 1.2)
    found = compare(PAIR, reading(S, OURS), knows(RUN, {}, floors=floors_after(later)))
    assert found.change is Change.STALE
    assert found.reason.endswith(", a moment later)")


def test_what_a_mirror_brought_before_a_strangers_write_is_not_called_older_by_its_time() -> None:
    floor = Floor(OURS, before=(STRANGER,), foreign=True)
    found = compare(PAIR, reading(S, STRANGER), knows(RUN, {}, floors={EU: floor}))
    assert found.change is Change.STALE
    assert "which this journal saw before what it saw there last (FAILOVER by " in found.reason


def test_law_03_a_new_run_does_not_take_a_reading_below_the_floor_for_its_first_one() -> None:
    known = knows(RUN, {}, floors=floors_after(OURS))
    assert compare(PAIR, reading(S, OLD), known).change is Change.STALE
    assert compare(PAIR, reading(S, Absent()), known).change is Change.STALE
    assert compare(PAIR, reading(S, OURS), known).change is Change.SAME
    assert compare(PAIR, reading(S, STRANGER), known).change is Change.SAME


def test_law_03_what_a_plan_foretells_is_no_floor() -> None:
    floors = floors_after(OLD)
    foretold = replace(reading(S, OURS), predicted=True)
    raise_floors(floors, SituationRead("transition", Both(None, foretold)))
    assert floors[EU].record == OLD


def test_law_03_a_404_lies_below_any_record_that_was_seen() -> None:
    floors = floors_after(OURS)
    assert under_floor(floors, EU, reading(S, Absent())) == floors[EU]
    assert under_floor({}, EU, reading(S, Absent())) is None


def test_law_03_a_strangers_write_of_the_same_second_is_neither_stale_nor_ours() -> None:
    before = replace(STRANGER, modified_at=NOON)
    ours = replace(OURS, modified_at=NOON)
    known = knows(
        RUN,
        {S: ours},
        (sent(1, S, Status.FAILOVER, confirmed=True),),
        confirmed={S: (ours,)},
        earlier={S: (before,)},
        floors=floors_after(before, ours),
    )
    assert compare(PAIR, reading(S, before), known).change is Change.FOREIGN


def test_law_03_an_unproven_record_has_to_be_newer_than_what_was_there() -> None:
    was = replace(OLD, modified_at=NOON)
    lost = knows(RUN, {S: was}, (sent(1, S, Status.FAILOVER),), floors=floors_after(was))
    same_second = replace(was, status=int(Status.FAILOVER), modified_by="bob@example.com")
    assert compare(PAIR, reading(S, same_second), lost).change is Change.FOREIGN
    later = replace(same_second, modified_at=NOON + timedelta(seconds=1))
    assert compare(PAIR, reading(S, later), lost).change is Change.UNPROVEN


def test_law_03_an_earlier_write_of_ours_in_the_same_second_is_stale() -> None:
    one, two = replace(OURS, modified_at=NOON), replace(OURS, modified_at=NOON, status=4, modified_by=TWO)
    attempts = (sent(1, S, Status.FAILOVER, confirmed=True), sent(2, S, Status.ACTIVE, confirmed=True))
    known = knows(
        RUN, {S: two}, attempts, confirmed={S: (one, two)}, earlier={S: (one,)}, floors=floors_after(one, two)
    )
    assert compare(PAIR, reading(S, one), known).change is Change.STALE


@pytest.mark.parametrize("met", [False, True], ids=["ours", "somebody else's"])
def test_law_03_what_an_earlier_run_wrote_in_the_second_of_the_newest_is_stale_to_a_new_run(
    met: bool,
) -> None:
    """Nobody writes one stamp twice: a replica lags, or it was put back."""
    one, two = replace(OURS, modified_at=NOON), replace(OURS, modified_at=NOON, status=4, modified_by=TWO)
    floors = floors_after(one, two)
    if met:
        stranger = replace(STRANGER, modified_at=NOON)
        raise_floors(floors, ChangeSeen(S, Change.FOREIGN, "", stranger, two))
    for known in (
        knows("20261122-040000-bbbb", {}, floors=floors),
        knows("20261122-040000-bbbb", {S: two}, earlier={S: (one,)}, floors=floors),
    ):
        assert compare(PAIR, reading(S, one), known).change is Change.STALE


def test_law_03_records_without_a_time_are_told_apart_by_when_they_were_seen() -> None:
    one, two = replace(OLD, modified_at=None), replace(OURS, modified_at=None)
    floors = floors_after(one, two)
    assert under_floor(floors, EU, reading(S, one)) is not None
    assert under_floor(floors, EU, reading(S, two)) is None


@pytest.mark.parametrize("change", [Change.ECHO, Change.LATE, Change.SERVER])
def test_law_03_what_a_run_accepted_is_the_floor_whatever_its_time_says(change: Change) -> None:
    floors = floors_after(STRANGER)
    raise_floors(floors, ChangeSeen(S, change, "", OURS, STRANGER))
    assert floors[EU].record == OURS
    assert under_floor(floors, EU, reading(S, STRANGER)) is not None  # seen before it


def test_law_03_a_confirmed_write_is_a_floor_and_what_was_called_foreign_is_one() -> None:
    floors: dict[str, Floor] = {}
    raise_floors(floors, WriteConfirmed(S, Status.FAILOVER, OURS, Change.OURS, 1))
    assert floors[EU].record == OURS
    assert floors[EU].ours
    behind = replace(STRANGER, modified_at=NOON)  # by the clock of a region that is behind
    raise_floors(floors, ChangeSeen(S, Change.FOREIGN, "", behind, OURS))
    assert floors[EU].record == behind
    assert not floors[EU].ours
    assert under_floor(floors, EU, reading(S, OURS)) is not None


def test_law_03_what_comes_in_a_strangers_second_counts_once_a_write_over_his_record_was_intended() -> None:
    floors: dict[str, Floor] = {}
    raise_floors(floors, ChangeSeen(S, Change.FOREIGN, "", STRANGER, OURS))
    told = replace(shows(S, Status.FAILOVER, TWO), modified_at=STRANGER.modified_at)
    attempt = sent(2, S, Status.FAILOVER).attempt
    raise_floors(floors, WriteIntended(attempt, Request("POST", "", {}), OURS))
    assert under_floor(floors, EU, reading(S, told)) is not None
    raise_floors(floors, WriteIntended(attempt, Request("POST", "", {}), STRANGER))
    assert under_floor(floors, EU, reading(S, told)) is None


def test_law_03_no_copy_of_what_the_other_org_was_told_lifts_a_stranger_off_the_floor() -> None:
    """A stranger's, by a clock that is behind; then a replica that lags shows what a mirror had brought before it."""
    behind, copy = (
        replace(shows(P, Status.RECOVERY, "terraform"), modified_at=NOON),
        shows(P, Status.FAILOVER, ONE, 1),
    )
    floors: dict[str, Floor] = {}
    raise_floors(floors, WriteConfirmed(S, Status.FAILOVER, OURS, Change.OURS, 1))
    raise_floors(
        floors, ChangeSeen(P, Change.FOREIGN, "", behind, shows(P, Status.PASSIVE, "admin@example.com"))
    )
    assert copy.same_version(OURS)
    assert under_floor(floors, US, reading(P, copy)) is not None


@pytest.mark.parametrize("author", ["terraform", "bob@example.com"])
def test_law_03_what_nobody_saw_before_a_stranger_in_the_strangers_own_second_is_a_strangers(
    author: str,
) -> None:
    floors: dict[str, Floor] = {}
    raise_floors(floors, WriteConfirmed(S, Status.FAILOVER, OURS, Change.OURS, 1))
    raise_floors(floors, ChangeSeen(S, Change.FOREIGN, "", STRANGER, OURS))
    attempts = (sent(1, S, Status.FAILOVER, confirmed=True),)
    known = knows(RUN, {S: OURS}, attempts, confirmed={S: (OURS,)}, floors=floors)
    second = replace(STRANGER, status=int(Status.PASSIVE), modified_by=author)
    assert compare(PAIR, reading(S, second), known).change is Change.FOREIGN
    assert compare(PAIR, reading(S, OURS), known).change is Change.STALE


@pytest.mark.parametrize("change", [Change.FOREIGN, Change.OURS])
def test_law_15_a_strangers_record_that_is_older_by_its_time_is_told_as_what_it_may_be(
    change: Change,
) -> None:
    """A run has stopped for it, and it is the floor by now: nothing else says that those reads may lag."""
    behind = replace(STRANGER, modified_at=NOON)
    floors = floors_after(OLD, OURS)
    raise_floors(floors, ChangeSeen(S, change, "", behind, OURS))
    keys = Both(Identity(P, US), Identity(S, EU))
    readings = Both(reading(P, shows(P, Status.FAILOVER, "bob@example.com")), reading(S, behind))
    sentence = phase_of(View(PAIR, readings, FAILOVER), keys, floors).sentence
    assert ("or its reads lag" in sentence) is (change is Change.FOREIGN)
    since = Both(readings.primary, reading(S, shows(S, Status.FAILOVER, TWO, 30)))
    assert "or its reads lag" not in phase_of(View(PAIR, since, FAILOVER), keys, floors).sentence


@pytest.mark.parametrize(
    ("mirrors", "change"), [(True, Change.FOREIGN), (None, Change.STALE), (False, Change.STALE)]
)
def test_law_03_a_stranger_of_a_region_whose_clock_is_behind_is_told_from_a_replica_that_lags(
    mirrors: bool | None, change: Change
) -> None:
    """What nobody had seen, and is newer than what this run began with, was written since: on one clock, before ours."""
    behind = replace(STRANGER, modified_at=NOON)
    known = knows(
        RUN,
        {S: OURS},
        (sent(1, S, Status.FAILOVER, confirmed=True),),
        confirmed={S: (OURS,)},
        earlier={S: (OLD,)},
        mirrors=mirrors,
        floors=floors_after(OLD, OURS),
    )
    assert compare(PAIR, reading(S, behind), known).change is change
    assert compare(PAIR, reading(S, OLD), known).change is Change.STALE


def test_law_03_a_person_can_take_a_reverted_record_or_a_404_for_true() -> None:
    floors = floors_after(STRANGER)
    raise_floors(floors, ChangeSeen(S, Change.REVERTED, "", OLD, STRANGER, accepted=True))
    assert floors[EU].record == OLD
    raise_floors(floors, ChangeSeen(S, Change.REVERTED, "", None, OLD, accepted=True))
    assert floors == {}


def test_law_03_an_attempt_that_was_refused_and_is_there_is_ours_all_the_same() -> None:
    refused = knows(
        RUN, {S: OLD}, (replace(sent(1, S, Status.FAILOVER), refused=True),), floors=floors_after(OLD)
    )
    found = compare(PAIR, reading(S, OURS), refused)
    assert (found.change, found.attempt) == (Change.REFUSED, 1)
    assert "answered that it did not take our attempt 1" in found.reason


@pytest.mark.parametrize(
    "author",
    [
        ONE.upper(),
        ONE.replace("+", " "),
        ONE.split("@", maxsplit=1)[0],
        ONE[: ONE.index("-1@")],
    ],
)
def test_law_03_a_stamp_as_servers_return_it_is_still_ours(author: str) -> None:
    known = knows(RUN, {S: OLD}, (sent(1, S, Status.FAILOVER),), floors=floors_after(OLD))
    found = compare(PAIR, reading(S, replace(OURS, modified_by=author)), known)
    assert (found.change, found.attempt) == (Change.OURS, 1)


def test_law_03_a_given_up_write_of_an_earlier_run_is_named_and_never_ours() -> None:
    earlier = sent(3, S, Status.FAILOVER).attempt
    known = knows("20261122-040000-bbbb", {S: OLD}, given_up=(earlier,), floors=floors_after(OLD))
    late = replace(OURS, modified_by=earlier.stamp)
    found = compare(PAIR, reading(S, late), known)
    assert found.change is Change.FOREIGN
    assert f"attempt 3 of run {RUN} (FAILOVER), which had been given up, took effect late" in found.reason
    now = sent(1, S, Status.ACTIVE, confirmed=True)
    mine = replace(
        known, sent=(Sent(replace(now.attempt, stamp="x+hamr-20261122-040000-bbbb-1@y"), confirmed=True),)
    )
    assert compare(PAIR, reading(S, late), mine).change is Change.LATE


def test_law_03_floors_go_by_the_org_and_not_by_its_role() -> None:
    floors = floors_after(STRANGER)
    assert under_floor(floors, PAIR[P].uuid, reading(P, shows(P, Status.PASSIVE, "x", -99))) is None


def test_law_03_a_copy_by_a_clock_that_is_behind_is_an_echo_though_the_newer_one_was_copied_the_other_way() -> (
    None
):
    """The server renames authors; each org's answers tell which of the two clocks has dated what."""
    first, then = (
        shows(P, Status.FAILOVER, "svc-us@example.com", 20),
        shows(S, Status.ACTIVE, "svc-eu@example.com", 10),
    )
    here, there = copied(first, S), copied(then, P)
    known = knows(
        RUN,
        {P: first, S: then},
        (
            Sent(sent(1, P, Status.FAILOVER).attempt, confirmed=True, answered=first),
            Sent(sent(2, S, Status.ACTIVE).attempt, confirmed=True, answered=then),
        ),
        ("svc-us@example.com", "svc-eu@example.com"),
        confirmed={P: (first,), S: (here, then)},
        floors=floors_after(first, here),
        mirrors=True,
    )
    assert compare(PAIR, reading(P, there), known).change is Change.ECHO


def test_law_03_nothing_went_back_on_an_org_that_had_no_record() -> None:
    old = shows(S, Status.ONBOARDING, "onboarding@example.com", -3600)
    known = knows(RUN, {P: None, S: old}, base={P: None, S: old}, mirrors=True)
    assert compare(PAIR, reading(P, copied(old, P)), known).change is Change.SAME


def copied(record: HamrRecord, role: Role) -> HamrRecord:
    """What a mirror makes of a record on that org."""
    made = shows(role, Status(record.status), record.modified_by)
    return replace(made, modified_at=record.modified_at)
