"""What a guard found, three-valued logic over findings (Kleene: unknown is neither pass nor fail), and what counts as seen."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.model.guard import Outcome
from orchestrator.model.reading import Absent, Present, Unrecognised
from orchestrator.model.run import Mode
from orchestrator.model.situation import Situation
from orchestrator.model.status import Role

from .link import NotLinked, link_of
from .wording import says


class Finding(Struct, frozen=True):
    """An outcome with its reason; a verdict before it is given a guard's name."""

    outcome: Outcome
    reason: str
    blind: Role | None = None
    """The org whose not being seen is the only cause of an unknown; None otherwise."""


def passes(reason: str) -> Finding:
    """A pass."""
    return Finding(Outcome.PASS, reason)


def fails(reason: str) -> Finding:
    """A fail."""
    return Finding(Outcome.FAIL, reason)


def unknown(reason: str, *, blind: Role | None = None) -> Finding:
    """An unknown, blind where an org that was not seen is all that keeps it from being known."""
    return Finding(Outcome.UNKNOWN, reason, blind)


def every(findings: Sequence[Finding]) -> Finding:
    """Fail where one fails, else unknown where one is unknown, else pass; of nothing, pass."""
    return _decided(findings, by=(Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS), empty=Outcome.PASS)


def some(findings: Sequence[Finding]) -> Finding:
    """Pass where one passes, else unknown where one is unknown, else fail; of nothing, fail."""
    return _decided(findings, by=(Outcome.PASS, Outcome.UNKNOWN, Outcome.FAIL), empty=Outcome.FAIL)


def reverse(finding: Finding) -> Finding:
    """Fail for pass, pass for fail; unknown stays unknown, and as blind as it was."""
    turned = {Outcome.PASS: Outcome.FAIL, Outcome.FAIL: Outcome.PASS, Outcome.UNKNOWN: Outcome.UNKNOWN}
    return Finding(turned[finding.outcome], finding.reason, finding.blind)


def _decided(findings: Sequence[Finding], *, by: tuple[Outcome, ...], empty: Outcome) -> Finding:
    outcome = next((one for one in by if any(finding.outcome is one for finding in findings)), empty)
    deciding = [finding for finding in findings if finding.outcome is outcome]
    reason = "; ".join(finding.reason for finding in deciding) or "there is nothing to judge"
    # Waiving the unseen org of an emergency must not waive an unknown that has another cause.
    blind = {finding.blind for finding in deciding}
    return Finding(outcome, reason, blind.pop() if len(blind) == 1 else None)


def is_seen(situation: Situation, role: Role) -> bool:
    """Whether an org said something that a guard can judge: a record, or that it has none.

    Of the org that an emergency does without, only a good record counts (law 9): a status that is not known,
    or a record that does not belong to the pair, is no better than silence.
    """
    reading = situation.readings[role]
    if not is_dispensable(situation, role):
        return isinstance(reading.sight, Present | Absent | Unrecognised)
    if not reading.answered:
        return False
    return not isinstance(link_of(situation.pair, reading, situation.identities[role]), NotLinked)


def is_dispensable(situation: Situation, role: Role) -> bool:
    """Whether this is the org that an emergency does without."""
    return (
        situation.mode is Mode.EMERGENCY and situation.survivor is not None and situation.survivor is not role
    )


def unseen(situation: Situation, role: Role) -> Finding | None:
    """The unknown that an org's not being seen leaves behind, or None where it was seen."""
    if is_seen(situation, role):
        return None
    return unknown(says(situation.pair[role], situation.readings[role]), blind=role)
