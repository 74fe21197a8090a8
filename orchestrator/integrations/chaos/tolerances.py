"""Tolerances: what a probe's answer has to be."""

from collections.abc import Sequence

from orchestrator.model.status import Status

__all__ = ["phase_is"]

# No `from __future__ import annotations` here: the toolkit's discovery reads the annotations, and wants types.


def phase_is(phase: str | list[str], value: str = "") -> bool:
    """Whether a pair stands where it should, for the probe `phase`.

    Args:
        phase: agreed(ACTIVE), midway(declare) and the like, or a status alone, which means that both orgs show it:
            ACTIVE is agreed(ACTIVE). A list of several allows each of them.
        value: what the probe said; the toolkit fills it in.
    """
    allowed: Sequence[str] = [phase] if isinstance(phase, str) else phase
    return value in {_label(each) for each in allowed}


def _label(text: str) -> str:
    name = text.strip()
    return f"agreed({name.upper()})" if name.upper() in Status.__members__ else name
