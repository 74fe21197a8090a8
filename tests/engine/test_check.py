"""Whose move a change is, where servers move by themselves, and what was changed where nobody looked: each clause by itself (law 3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from orchestrator.model.reading import Change, HamrRecord, Present, Reading
from orchestrator.model.run import Attempt
from orchestrator.model.status import Status
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
