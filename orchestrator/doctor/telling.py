"""What several checks say in the same words."""

from __future__ import annotations

from orchestrator.model.readiness import Check, Group, Level
from orchestrator.model.reading import Hampered
from orchestrator.model.status import Role

from .answers import Answers


def not_asked(answers: Answers, group: Group, name: str, role: Role) -> Check:
    """What cannot be known while an org is silent: the reason itself stands at its HAMR record."""
    emergency = answers.in_emergency(role, Level.UNKNOWN)
    return Check(group, name, Level.UNKNOWN, emergency, silence(answers, role), role)


def silence(answers: Answers, role: Role) -> str:
    """That an org's silence is why something is not known. The same words everywhere: a page says them once."""
    org = answers.org(role)
    if answers.orgs.readings[role].keyless:
        return f"Not known: nothing was asked of {org}, for want of a key."
    if isinstance(answers.orgs.readings[role].sight, Hampered):
        return f"Not known: {org} was not reached from this machine."
    return f"Not known: {org} did not answer."
