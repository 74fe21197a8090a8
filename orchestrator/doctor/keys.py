"""Checks of the keys: there, accepted by their org, and of the org that the inventory names."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model.readiness import Check, Group, Level
from orchestrator.model.status import Role
from orchestrator.situation.link import same_uuid
from orchestrator.situation.wording import printable

from .answers import Answers
from .telling import not_asked


def check_keys(answers: Answers) -> Iterator[Check]:
    """Each of the four keys, and what the orgs said of them."""
    for found in answers.orgs.keys:
        level = Level.CRITICAL if found.problem else Level.OK
        yield Check(
            Group.KEYS,
            found.name,
            level,
            answers.in_emergency(found.role, level),
            found.problem or f"The {found.name} of {answers.org(found.role)} is there: {found.reference}.",
            found.role,
            found.next_steps,
        )
    for role in Role:
        yield _accepted(answers, role)
        yield _whose(answers, role)


def _accepted(answers: Answers, role: Role) -> Check:
    said, org = answers.orgs.accepted[role], answers.org(role)
    if said.valid is None and answers.silent(role):
        return not_asked(answers, Group.KEYS, "keys accepted", role)
    if said.valid is None:
        level = Level.UNKNOWN
        sentence = f"{org} did not say whether it accepts the two keys: {printable(said.reason)}."
    elif said.valid:
        level, sentence = Level.OK, f"{org} accepts both keys together."
    else:
        level = Level.CRITICAL
        sentence = (
            f"{org} refuses the two keys ({printable(said.reason)}): one of them is wrong or revoked, "
            "or belongs to another site."
        )
    steps = () if level is Level.OK else ("hamr check",)
    return Check(Group.KEYS, "keys accepted", level, answers.in_emergency(role, level), sentence, role, steps)


def _whose(answers: Answers, role: Role) -> Check:
    said, org = answers.orgs.identities[role], answers.org(role)
    if said.uuid is None and answers.silent(role):
        return not_asked(answers, Group.KEYS, "keys' org", role)
    if said.uuid is None:
        level = Level.UNKNOWN
        sentence = f"{org} did not say whose API key it is: {printable(said.reason)}."
    elif same_uuid(said.uuid, org.uuid):
        level, sentence = Level.OK, f"The API key of {org} belongs to the org that the inventory names."
    else:
        level = Level.CRITICAL
        sentence = (
            f"The API key of {org} belongs to org {printable(said.uuid)}, and the inventory says {org.uuid}: "
            "correct the key or the inventory. Nothing is sent until then."
        )
    steps = () if level is Level.OK else ("hamr check",)
    return Check(Group.KEYS, "keys' org", level, answers.in_emergency(role, level), sentence, role, steps)
