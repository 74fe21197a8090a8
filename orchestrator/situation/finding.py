"""What a guard found, and three-valued logic over findings (Kleene): unknown is not pass, and not fail either."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.model.guard import Outcome
from orchestrator.model.status import Role


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
