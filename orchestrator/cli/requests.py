"""A run's flags → what the run is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.errors import UsageError
from orchestrator.model.run import Mode, RunRequest
from orchestrator.operations.preflight import status_named

from .times import since_named


def request_from(
    pair: str,
    *,
    to: str,
    emergency: bool,
    reason: str,
    overrides: Sequence[str],
    ref: str,
    since: str | None,
    now: datetime,
) -> RunRequest:
    """The request that a command line makes.

    Raises:
        UsageError: a flag cannot be right.
    """
    return RunRequest(
        pair=pair,
        goal=status_named(to),
        mode=Mode.EMERGENCY if emergency else Mode.PLANNED,
        reason=reason,
        overrides=overrides_from(overrides),
        ref=ref,
        since=None if since is None else since_named(since, now),
    )


def overrides_from(texts: Sequence[str]) -> dict[str, str]:
    """GUARD=REASON, several times → the reasons by guard.

    Raises:
        UsageError: one is not of that form, or a guard is named twice.
    """
    overrides: dict[str, str] = {}
    for text in texts:
        guard, equals, reason = text.partition("=")
        guard = guard.strip()
        if not equals or not guard:
            raise UsageError(
                f"--override {text[:100]!r}: a guard and a reason are wanted, with an equals sign between them.",
                next_steps=(f"--override {guard or 'GUARD'}='REASON'",),
            )
        if guard in overrides:
            raise UsageError(f"--override {guard} stands there twice; one reason is enough.")
        overrides[guard] = reason.strip()
    return overrides
