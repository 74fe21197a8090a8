"""What a write says: the whole record as it was read, and never another link than the inventory's."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.model.org import Wire
from orchestrator.model.reading import HamrRecord
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Status
from orchestrator.situation.link import draft

from .fake import UUIDS, FakeWorld, P, S, bench, pair, record

STAMP = "alice+hamr-20261122-030000-test-1@laptop"
ELSEWHERE = "00000000-0000-4000-8000-000000000000"


def test_the_whole_record_is_carried_over() -> None:
    base = replace(
        record(P, Status.PASSIVE),
        wire=Wire.PASCAL,
        extra=(("Later", 1),),
        target_name="Backup",
        target_datacenter="eu1.prod.dog",
    )
    made = draft(pair(), P, base, Status.FAILOVER, STAMP)
    assert made.wire is Wire.PASCAL
    assert made.extra == (("Later", 1),)
    assert (made.target_name, made.target_datacenter) == ("Backup", "eu1.prod.dog")
    assert (made.status, made.modified_by, made.is_primary) == (Status.FAILOVER, STAMP, True)


def test_a_first_record_is_made_from_the_inventory() -> None:
    made = draft(pair(), S, None, Status.ONBOARDING, STAMP)
    assert (made.org_uuid, made.target_uuid) == (UUIDS.secondary, UUIDS.primary)
    assert (made.target_name, made.target_datacenter, made.is_primary) == ("Payments", "us1", False)
    assert made.wire is Wire.SNAKE


@pytest.mark.parametrize(
    "wrong",
    [
        replace(record(P, Status.PASSIVE), target_uuid=ELSEWHERE),
        replace(record(P, Status.PASSIVE), org_uuid=ELSEWHERE),
        replace(record(P, Status.PASSIVE), is_primary=False),
    ],
)
def test_a_record_with_another_link_is_not_carried_over(wrong: HamrRecord) -> None:
    made = draft(pair(), P, wrong, Status.ACTIVE, STAMP)
    assert (made.org_uuid, made.target_uuid, made.is_primary) == (UUIDS.primary, UUIDS.secondary, True)


@pytest.mark.anyio
async def test_what_was_read_while_an_org_was_linked_elsewhere_is_not_written_back() -> None:
    """The same version of a record, first with a wrong peer and then healed: the write takes the healed one."""
    b = bench(mode=Mode.EMERGENCY)
    healed = b.world.records[P]
    assert healed is not None
    b.world.records[P] = replace(healed, target_uuid=ELSEWHERE)
    assert (await b.engine.drive(Status.ACTIVE)).end is End.OWING
    b.world.records[P] = healed
    again = bench(memory=b.engine.run.state, world=b.world)
    again.engine.run.state.dead.clear()
    owed = again.engine.run.owed_now()
    assert owed is not None
    ending = await again.engine.deliver(owed)
    assert ending.end is End.DONE, ending
    assert isinstance(b.world, FakeWorld)
    shown = b.world.records[P]
    assert shown is not None
    assert shown.target_uuid == UUIDS.secondary
