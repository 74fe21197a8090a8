"""What a write says: the whole record as it was read, with our status and our stamp."""

from __future__ import annotations

from orchestrator.model.org import Pair, Wire
from orchestrator.model.reading import Draft, HamrRecord
from orchestrator.model.status import Role, Status
from orchestrator.situation.compare import same_link


def draft(pair: Pair, role: Role, base: HamrRecord | None, status: Status, stamp: str) -> Draft:
    """The record to POST to one org.

    The POST replaces the whole record, so what was read is carried over; a first one is made from the inventory.

    Args:
        pair: who the orgs are.
        role: the org that is written.
        base: its record as last read; None where it has none. One with another link is not carried over.
        status: what to set.
        stamp: what to put in modified_by.
    """
    org, peer = pair[role], pair[role.other]
    wire = org.wire
    if wire is Wire.AUTO:
        wire = base.wire if base is not None else Wire.SNAKE
    if base is None or not same_link(pair, role, base):
        # Whatever was read before: a write never links an org to another peer than the inventory's.
        return Draft(
            role, org.uuid, status, role is Role.PRIMARY, stamp, peer.uuid, peer.name, peer.datacenter, wire
        )
    return Draft(
        role=role,
        org_uuid=base.org_uuid,
        status=status,
        is_primary=role is Role.PRIMARY,
        modified_by=stamp,
        target_uuid=base.target_uuid,
        target_name=base.target_name or peer.name,
        target_datacenter=base.target_datacenter or peer.datacenter,
        wire=wire,
        datacenter=base.datacenter,
        extra=base.extra,
    )
