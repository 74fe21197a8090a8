"""The guards that every transition has, named or not: linked, fresh and alone."""

from __future__ import annotations

from orchestrator.model.guard import ALWAYS_ON
from orchestrator.model.run import Mode, Stamp
from orchestrator.model.situation import ALONE_FOR, FRESH_WITHIN, Situation
from orchestrator.model.status import Role

from .finding import Finding, every, fails, passes, unknown
from .link import BOTH_ROLES, Linked, LinkUnknown, NotLinked, judge_link
from .seen import is_seen, unseen
from .wording import author, span

WHY: dict[str, str] = dict(
    zip(
        ALWAYS_ON,
        (
            "A write could reach an org that is not this pair's: correct the inventory or the keys. Nothing overrides it.",
            "What was read is too old to act on: run the command again, and it reads again. Nothing overrides it.",
            "Somebody else may be moving this pair from another machine: ask the operator whom the stamp names first.",
        ),
        strict=True,
    )
)
"""What a refusal means to on-call, for each."""


def judged_roles(situation: Situation) -> frozenset[Role]:
    """The orgs that have to be right: both, and in an emergency the survivor alone (law 9)."""
    if situation.mode is Mode.EMERGENCY and situation.survivor is not None:
        return frozenset({situation.survivor})
    return BOTH_ROLES


def linked(situation: Situation) -> Finding:
    """Are both orgs who the inventory says, each the other's peer, one of them the primary?"""
    judged = judged_roles(situation)
    link = judge_link(situation.pair, situation.readings, situation.identities, judge=judged)
    match link:
        case Linked():
            if judged == BOTH_ROLES:
                return passes("both orgs are who the inventory says, and each names the other")
            names = ", ".join(str(situation.pair[role]) for role in Role if role in judged)
            return passes(f"{names} is who the inventory says, and names its peer")
        case NotLinked(reason=reason):
            return fails(reason)
        case LinkUnknown(reason=reason, role=role):
            return unknown(reason, blind=None if is_seen(situation, role) else role)


def fresh(situation: Situation) -> Finding:
    """Was everything that is judged, probes included, read within the last ten seconds, by our monotonic clock?"""
    if situation.predicted:
        return passes("both orgs are read anew right before this transition")
    halves = [_fresh_half(situation, role) for role in Role if role in judged_roles(situation)]
    return every([*halves, *(_fresh_probe(situation, name) for name in situation.probes)])


def alone(situation: Situation) -> Finding:
    """Is neither record freshly stamped by a run that this journal does not know?"""
    return every([_alone_half(situation, role) for role in Role])


def _fresh_half(situation: Situation, role: Role) -> Finding:
    org = situation.pair[role]
    age = situation.monotonic - situation.readings[role].monotonic
    limit = FRESH_WITHIN.total_seconds()
    if 0 <= age <= limit:
        return passes(f"{org} was read {span(age)} ago")
    if age > limit:
        return fails(f"{org} was read {span(age)} ago; fresh wants at most {span(limit)}")
    return fails(f"{org} was read by another clock than ours, so how long ago cannot be told")


def _fresh_probe(situation: Situation, name: str) -> Finding:
    age = situation.monotonic - situation.probes[name].monotonic
    limit = FRESH_WITHIN.total_seconds()
    if 0 <= age <= limit:
        return passes(f"probe {name} was read {span(age)} ago")
    return fails(f"probe {name} was read {span(max(age, 0.0))} ago; fresh wants at most {span(limit)}")


def _alone_half(situation: Situation, role: Role) -> Finding:
    blind = unseen(situation, role)
    if blind is not None:
        return blind
    org, reading = situation.pair[role], situation.readings[role]
    record = reading.record
    if record is None:
        return passes(f"{org} has no record, so nobody has stamped it")
    stamp = Stamp.parse(record.modified_by)
    if stamp is None:
        return passes(f"{org} carries no run's stamp")
    if (
        record.modified_by in situation.our_names
        or stamp.run == situation.run
        or stamp.run in situation.known_runs
    ):
        return passes(f"{org} carries the stamp of run {stamp.run}, which this journal knows")
    who = author(record.modified_by)
    if record.modified_at is None:
        return unknown(
            f"{org} was changed by {who}, which this journal does not know, and its record does not tell when"
        )
    age = (reading.exchange.server_date or situation.at) - record.modified_at
    if age < ALONE_FOR:
        return fails(
            f"{org} was changed {span(max(age.total_seconds(), 0.0))} ago by {who}, which this journal does not know; "
            f"alone wants {span(ALONE_FOR)}"
        )
    return passes(f"{org} was changed {span(age)} ago by {who}, which is long enough")
