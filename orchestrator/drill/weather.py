"""Faults of a drill that are drawn from a seed, at the pace of a rehearsal."""

from __future__ import annotations

from typing import Any, cast

from msgspec.structs import replace

from orchestrator.simulator import Fault, FaultKind, Throttle, random_faults

PACE = 0.02
"""How much shorter than in the simulator's own draw everything lasts: a minute of darkness is a second of it here."""


def weather(seed: int) -> tuple[Fault, ...]:
    """What goes wrong: the same for the same number."""
    return tuple(replace(fault, kind=_hurried(fault.kind)) for fault in random_faults(seed))


def _hurried(kind: FaultKind) -> FaultKind:
    if isinstance(kind, Throttle):
        return Throttle(reset=1)
    seconds = getattr(kind, "seconds", None)
    # Every kind that lasts says so under this name.
    return kind if seconds is None else cast("FaultKind", replace(cast("Any", kind), seconds=seconds * PACE))
