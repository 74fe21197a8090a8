"""Whether the two orgs of a pair are each other's peers, as the inventory says (law 10: never overridden), and what is written so that they stay it."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.org import Org, Pair, Wire
from orchestrator.model.reading import (
    Absent,
    Denied,
    Draft,
    Hampered,
    HamrRecord,
    Identity,
    Present,
    Reading,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import printable, says


class Linked(Struct, frozen=True):
    """Every judged org is who the inventory says, points at its peer, and has its role."""


class NotLinked(Struct, frozen=True):
    """One org is not what the inventory says: nothing may be sent."""

    reason: str
    role: Role


class LinkUnknown(Struct, frozen=True):
    """It could not be told for one org; unknown is not pass."""

    reason: str
    role: Role


Link = Linked | NotLinked | LinkUnknown

BOTH_ROLES: frozenset[Role] = frozenset(Role)


def judge_link(
    pair: Pair,
    readings: Both[Reading],
    identities: Both[Identity],
    *,
    judge: frozenset[Role] = BOTH_ROLES,
) -> Link:
    """Whether a pair's orgs, or those that are to be judged, are linked, or what is wrong with the link.

    A wrong org is named before one that could not be judged, the primary before the secondary.
    """
    halves = [link_of(pair, readings[role], identities[role]) for role in Role if role in judge]
    not_well = [half for kind in (NotLinked, LinkUnknown) for half in halves if isinstance(half, kind)]
    return not_well[0] if not_well else Linked()


def link_of(pair: Pair, reading: Reading, identity: Identity) -> Link:
    """One org's half of the link: its keys, and its record where it has one."""
    role = reading.role
    org, peer = pair[role], pair[role.other]
    if identity.uuid is not None and not same_uuid(identity.uuid, org.uuid):
        return NotLinked(
            f"the keys for {org} belong to org {_shown(identity.uuid)}, and the inventory says {org.uuid}",
            role,
        )
    match reading.sight:
        case Present(record=record) | Unrecognised(record=record):
            return _link_of_record(org, peer, record)
        case Absent():
            if identity.uuid is None:
                return LinkUnknown(f"{org} answered {_nobodys_404(identity)}", role)
            return Linked()
        case Denied() | Hampered() | Unreachable() | Unreadable():
            return LinkUnknown(f"{says(org, reading)}, so its half of the link was not seen", role)
        case _ as never:
            assert_never(never)


def as_seen(pair: Pair, reading: Reading, identity: Identity) -> Reading:
    """A reading, as one that can't be read where it lacks what it is known by: a record its role, a 404 whose keys asked.

    The edge of a dead region may answer 404 to whatever it is asked.
    """
    if not isinstance(link_of(pair, reading, identity), LinkUnknown):
        return reading
    match reading.sight:
        case Present(status=status):
            reason = f"it shows {status}, but not whether it is the primary"
        case Absent():
            reason = _nobodys_404(identity)
        case _:
            return reading
    return replace(reading, sight=Unreadable(reason))


def _nobodys_404(identity: Identity) -> str:
    return f"a 404, and whose keys these are could not be told ({printable(identity.reason) or 'validate did not say'})"


def same_uuid(one: str, other: str) -> bool:
    """Whether two texts are one uuid, however they are cased."""
    return one == other or one.strip().lower() == other.strip().lower()


def same_link(pair: Pair, role: Role, record: HamrRecord) -> bool:
    """Whether a record still belongs to this org, names its peer, and plays its role."""
    return isinstance(_link_of_record(pair[role], pair[role.other], record), Linked)


def _link_of_record(org: Org, peer: Org, record: HamrRecord) -> Link:
    role = org.role
    if not same_uuid(record.org_uuid, org.uuid):
        return NotLinked(
            f"the record of {org} is that of org {_shown(record.org_uuid)}, and the inventory says {org.uuid}",
            role,
        )
    if not same_uuid(record.target_uuid, peer.uuid):
        return NotLinked(
            f"{org} points at org {_shown(record.target_uuid)} as its peer, "
            f"and {peer} is {peer.uuid} in the inventory",
            role,
        )
    if record.is_primary is None:
        return LinkUnknown(f"the record of {org} does not say whether it is the primary", role)
    if record.is_primary is not (role is Role.PRIMARY):
        claimed = "primary" if record.is_primary else "secondary"
        return NotLinked(f"{org} says that it is the {claimed}, and the inventory says {role}", role)
    return Linked()


def _shown(uuid: str) -> str:
    return printable(uuid) or "(none)"


def draft(pair: Pair, role: Role, base: HamrRecord | None, status: Status, stamp: str) -> Draft:
    """The record to POST to one org. The POST replaces the whole record, so what was read is carried over.

    `base` is that record, None where the org has none. A first one is made from the inventory, and so is one in place of
    a record with another link.
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
