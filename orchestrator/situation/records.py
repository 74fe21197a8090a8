"""The guard kinds that look at the two records: quiet, reachable and located."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.model.guard import Quiet, Reachable
from orchestrator.model.org import Org, datacenter_label
from orchestrator.model.situation import Situation
from orchestrator.model.status import Role

from .finding import Finding, every, fails, passes, unknown
from .seen import is_dispensable, is_seen, unseen
from .wording import author, printable, says, span

SKEW = timedelta(seconds=5)
"""How far a server's `modified_at` may lie ahead of its own `Date` without being worth a word: Date has whole seconds."""


def quiet(kind: Quiet, situation: Situation) -> Finding:
    """Has nobody but this run changed either record for so long, by the servers' clock?"""
    return every([_quiet_half(kind.for_, situation, role) for role in Role])


def reachable(kind: Reachable, situation: Situation) -> Finding:
    """Do the named orgs answer?"""
    return every([_reachable_half(situation, role) for role in kind.orgs])


def located(situation: Situation) -> Finding:
    """Do both records name the datacenters that the inventory names?"""
    return every([_located_half(situation, role) for role in Role])


def _quiet_half(wanted: timedelta, situation: Situation, role: Role) -> Finding:
    blind = unseen(situation, role)
    if blind is not None:
        return blind
    org, reading = situation.pair[role], situation.readings[role]
    record = reading.record
    if record is None:
        return passes(f"{org} has no record that could have been changed")
    if record.modified_by in situation.our_names:
        return passes(f"{org} was changed last by this run")
    who = author(record.modified_by)
    if record.modified_at is None:
        return unknown(
            f"{org} was changed last by {who}, and its record does not tell when; quiet wants {span(wanted)}"
        )
    age = (reading.exchange.server_date or reading.at) - record.modified_at
    ahead = f" (its record is dated {span(-age)} ahead of its clock)" if -age > SKEW else ""
    age = max(age, timedelta(0))  # a change from the future happened just now, at the latest
    said = f"{org} was changed {span(age)} ago by {who}{ahead}; quiet wants {span(wanted)}"
    return passes(said) if age >= wanted else fails(said)


def _reachable_half(situation: Situation, role: Role) -> Finding:
    said = says(situation.pair[role], situation.readings[role])
    if is_seen(situation, role):
        return passes(said)
    if is_dispensable(situation, role):
        # That this org is dead is why there is an emergency: it must not be what stops it.
        return unknown(f"{said}; the emergency does without it", blind=role)
    return fails(said)


def _located_half(situation: Situation, role: Role) -> Finding:
    blind = unseen(situation, role)
    if blind is not None:
        return blind
    org, peer = situation.pair[role], situation.pair[role.other]
    record = situation.readings[role].record
    if record is None:
        return passes(
            f"{org} has no record yet; the one that is written will name the inventory's datacenters"
        )
    halves = [_placed(org, "its peer", record.target_datacenter, peer)]
    if record.datacenter:
        halves.append(_placed(org, "itself", record.datacenter, org))
    return every(halves)


def _placed(org: Org, whom: str, found: str, meant: Org) -> Finding:
    wanted, label = datacenter_label(meant.datacenter), datacenter_label(found)
    if not wanted:
        return unknown(f"the inventory names no datacenter for {meant}")
    if not label:
        return unknown(
            f"the record of {org} does not say in which datacenter {meant} is; the inventory says {wanted}"
        )
    if label == wanted:
        return passes(f"{org} places {whom} in {wanted}")
    return fails(
        f"{org} places {whom} in {printable(label)}, and the inventory says that {meant} is in {wanted}"
    )
