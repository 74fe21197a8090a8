"""The flags that override what refused, as words of a page."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.model.command_line import (
    ANY_REASON,
    DEFAULT_PLAYBOOK,
    override_flag,
    request_command,
)
from orchestrator.model.guard import Verdict

__all__ = [
    "ANY_REASON",
    "DEFAULT_PLAYBOOK",
    "override_flag",
    "override_flags",
    "request_command",
    "what_overrides",
]


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
