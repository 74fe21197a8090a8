"""Whose move a change is, where servers move by themselves, and what was changed where nobody looked: each clause by itself (law 3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from orchestrator.engine.context import Stopped
from orchestrator.model.events import ChangeSeen, WriteConfirmed
from orchestrator.model.floor import Floor
from orchestrator.model.reading import Change, HamrRecord, Present, Reading
from orchestrator.model.run import Attempt, Mode
from orchestrator.model.situation import Comparison
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.state import RunState, Sent
from tests.clock import START

from .fake import RUN, SERVER_ADVANCES, UUIDS, P, S, bench, look, record

pytestmark = pytest.mark.anyio

ADMIN, BOB = "admin@example.com", "bob+hamr-20261121-110000-aaaa-1@desk"
BEFORE = record(S, Status.FAILOVER, ADMIN, START)
ONE = Attempt(1, S, Status.FAILOVER, f"alice+hamr-{RUN}-1@laptop", "declare")


def moved(by: str, status: Status = Status.ACTIVE) -> HamrRecord:
    return record(S, status, by, START + timedelta(seconds=5))


@pytest.mark.parametrize(
    ("before", "shown", "known", "change"),
    [
        (BEFORE, moved("datadog"), {}, Change.SERVER),
        (BEFORE, moved(ADMIN), {}, Change.SERVER),
        (BEFORE, moved("datadog"), {"strangers": {"datadog"}}, Change.FOREIGN),
        (BEFORE, moved(ADMIN), {"strangers": {ADMIN}}, Change.FOREIGN),
        (BEFORE, moved("datadog"), {"meddled": {S}}, Change.FOREIGN),
        (BEFORE, moved(ADMIN), {"meddled": {S}}, Change.SERVER),
        (BEFORE, moved(BOB), {}, Change.FOREIGN),
        (replace(BEFORE, modified_by=BOB), moved(BOB), {}, Change.SERVER),
        (BEFORE, replace(moved(ADMIN), target_uuid=UUIDS[S]), {}, Change.MISLINKED),
        (record(S, Status.PASSIVE, ADMIN), moved(ADMIN), {}, Change.FOREIGN),
        (record(S, Status.PASSIVE, ADMIN), moved(ADMIN), {"sent": [Sent(ONE)]}, Change.SERVER),
        (
            record(S, Status.PASSIVE, ADMIN),
            moved(ADMIN),
            {"sent": [Sent(ONE, overtaken=True)]},
            Change.FOREIGN,
        ),
        (None, moved("datadog"), {}, Change.FOREIGN),
    ],
)
def test_law_03_a_servers_own_move_is_told_from_somebody_elses(
    before: HamrRecord | None, shown: HamrRecord, known: dict[str, Any], change: Change
) -> None:
    b = bench(playbook=SERVER_ADVANCES, memory=RunState(RUN, expected={S: before}, **known))
    reading = Reading(S, Present(shown, Status.ACTIVE), START, 1000.0)
    assert b.engine.route.checker.compare(reading).change is change


@pytest.mark.parametrize(
    ("shown", "is_changed"),
    [
        (None, False),
        (moved(ADMIN, Status.RECOVERY), True),
        (moved(ADMIN), False),  # it shows what was to be written
        (moved("svc", Status.RECOVERY), False),  # by the name that this server gives us
        (moved("other-svc", Status.RECOVERY), False),  # that very record was ours
        (record(S, Status.RECOVERY, ADMIN), False),  # it was there before the first write
    ],
)
async def test_law_03_an_org_that_was_never_seen_was_changed_by_somebody_else_only_where_it_was(
    shown: HamrRecord | None, is_changed: bool
) -> None:
    ours = [moved("other-svc", Status.RECOVERY)]
    known = RunState(RUN, names={"svc"}, confirmed={P: [record(P, Status.ACTIVE, "svc", START)], S: ours})
    b = bench(memory=known)
    b.world.records[S] = shown
    await look(b)
    assert ("somebody else" in b.engine.route.checker.changed_unseen(S, Status.ACTIVE)) is is_changed
    assert b.notes.changes() == [Change.FOREIGN] * is_changed


@pytest.mark.parametrize(
    ("shown", "floor", "stops"),
    [
        (BEFORE, Floor(BEFORE), False),
        (BEFORE, Floor(BEFORE, foreign=True), True),  # somebody else's, which a run stopped for
        (moved(ADMIN), Floor(BEFORE), True),
        (moved(ADMIN), Floor(BEFORE, ours=True), False),  # the name that this server gave us
        (moved("datadog"), Floor(BEFORE, ours=True), True),
        (moved(BOB), Floor(BEFORE), False),  # a run of this journal
        (moved(BOB.replace("aaaa", "bbbb")), Floor(BEFORE), True),
        (BEFORE, Floor(moved(ADMIN)), False),  # its reads lag
        (None, Floor(BEFORE), False),
        (moved(ADMIN), None, False),  # nothing was ever seen of it
    ],
)
async def test_law_03_a_new_run_stops_for_what_somebody_else_wrote_since_its_journal_saw_the_org(
    shown: HamrRecord | None, floor: Floor | None, stops: bool
) -> None:
    b = bench()
    b.world.records[S] = shown
    await look(b)
    b.engine.run.known_runs = frozenset({"20261121-110000-aaaa"})
    floors = {} if floor is None else {UUIDS[S]: floor}
    if not stops:
        b.engine.route.checker.stop_for_others(floors)
        return
    with pytest.raises(Stopped) as raised:
        b.engine.route.checker.stop_for_others(floors)
    assert (raised.value.ending.change, raised.value.ending.org) == (Change.FOREIGN, S)
    assert b.notes.changes() == ([] if shown == BEFORE else [Change.FOREIGN])


@pytest.mark.parametrize(
    ("sent", "confirms"),
    [
        (Sent(ONE), True),
        (Sent(ONE, confirmed=True), False),
        (Sent(replace(ONE, role=P)), False),
        (Sent(replace(ONE, status=Status.PASSIVE)), False),
    ],
)
def test_law_04_a_lost_write_from_which_the_server_moved_on_was_in_effect(sent: Sent, confirms: bool) -> None:
    b = bench(playbook=SERVER_ADVANCES, memory=RunState(RUN, expected={S: BEFORE}, sent=[sent]))
    reading = Reading(S, Present(moved("datadog"), Status.ACTIVE), START, 1000.0)
    b.engine.route.checker.take_note(Comparison(Change.SERVER, "the server moved it"), reading)
    assert [each.attempt for each in b.notes.of(WriteConfirmed)] == [1] * confirms
    assert len(b.notes.of(ChangeSeen)) == (not confirms)


@pytest.mark.parametrize(
    ("primary", "secondary", "again", "dead"),
    [
        (Change.UNSEEN, Change.SAME, None, {P}),  # the emergency does without it
        (Change.STALE, Change.SAME, P, set()),  # it answered, though
        (Change.SAME, Change.UNSEEN, S, set()),
        (Change.STALE, Change.UNSEEN, P, set()),
    ],
)
async def test_law_09_only_the_org_that_an_emergency_does_without_is_given_up_and_only_where_it_is_silent(
    primary: Change, secondary: Change, again: Role | None, dead: set[Role]
) -> None:
    b = bench(mode=Mode.EMERGENCY)
    b.engine.run.needed = frozenset({S})
    await look(b)
    found = Both(Comparison(primary, "as it is"), Comparison(secondary, "as it is"))
    unsettled = b.engine.route.checker.accept(b.engine.reader.readings, found)
    assert (unsettled and unsettled.role, b.engine.run.state.dead) == (again, dead)


TAKEN = moved(ADMIN)
"""Was taken for ours after a lost answer."""


@pytest.mark.parametrize(
    ("known", "shown", "is_somebody_elses"),
    [
        ({}, TAKEN, False),  # nothing has told yet how this server names us
        ({"confirmed": {P: [record(P, Status.ACTIVE, ONE.stamp)], S: []}}, TAKEN, True),  # it keeps stamps
        ({"sent": [Sent(ONE, answered=moved("svc"))]}, TAKEN, True),
        ({"sent": [Sent(ONE, answered=moved("svc"))]}, moved("svc"), True),  # it is told all the same, once
        ({"sent": [Sent(ONE, answered=moved("Admin@example.com"))]}, TAKEN, False),
        ({"sent": [Sent(ONE, answered=moved("svc"))], "dead": {S}}, TAKEN, False),
        ({"sent": [Sent(ONE, answered=moved("svc"))], "strangers": {ADMIN}}, TAKEN, True),
        ({"sent": [Sent(ONE, answered=moved("svc"))], "strangers": {ADMIN}}, moved("svc"), False),
        ({"sent": [Sent(ONE, answered=moved("svc"))], "strangers": {ADMIN}}, None, False),
    ],
)
async def test_law_03_what_was_taken_for_ours_is_somebody_elses_once_the_server_names_us_otherwise(
    known: dict[str, Any], shown: HamrRecord | None, is_somebody_elses: bool
) -> None:
    known = {"confirmed": {P: [], S: []}, "sent": [Sent(ONE)], **known}
    b = bench(
        memory=RunState(
            RUN, unproven={S: WriteConfirmed(S, Status.ACTIVE, TAKEN, Change.UNPROVEN, 1)}, **known
        )
    )
    b.world.records[S] = shown
    await look(b)
    if not is_somebody_elses:
        b.engine.route.checker.settle_unproven()
        return
    with pytest.raises(Stopped) as raised:
        b.engine.route.checker.settle_unproven()
    assert (raised.value.ending.change, raised.value.ending.org) == (Change.FOREIGN, S)
    assert b.notes.of(ChangeSeen)[-1].record == TAKEN
