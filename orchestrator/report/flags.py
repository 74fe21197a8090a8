"""The flags that override what refused, as words of a page."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.model.guard import Verdict
from orchestrator.model.words import override_flag


def what_overrides(verdict: Verdict) -> str:
    """How a verdict that did not pass can be overridden, as a sentence."""
    if not verdict.overridable:
        return "It can't be overridden."
    return f"To go on all the same: {override_flag(verdict.guard)}"


def override_flags(verdicts: Iterable[Verdict]) -> str | None:
    """The flags that override all of them; None where one of them can't be overridden."""
    verdicts = tuple(verdicts)
    if not all(verdict.overridable for verdict in verdicts):
        return None
    return " ".join(dict.fromkeys(override_flag(verdict.guard) for verdict in verdicts))
