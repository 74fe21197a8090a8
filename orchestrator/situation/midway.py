"""Which transition, half made, explains that two orgs show different statuses."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from orchestrator.model.playbook import Transition
from orchestrator.model.status import Role

from .view import View


class HalfMade(Struct, frozen=True):
    """A transition of which one org stands at `from`, the other at `to`."""

    transition: Transition
    done: Role
    """The org that stands at the transition's `to`."""
    settled: bool
    """False where neither the times nor the journal nor a goal says which way the pair was going."""


def half_made(view: View) -> HalfMade | None:
    """The transition that explains the two statuses, or None where no transition does.

    The org at `to` has to have changed later. Where the times can't say (equal, missing, or from a server that
    counts whole seconds), the open run's transition decides, then the goal.
    """
    candidates = _candidates(view)
    later = _changed_later(view)
    if later is not None:
        return next((candidate for candidate in candidates if candidate.done is later), None)
    if len(candidates) <= 1:
        return next(iter(candidates), None)
    return _settle_tie(view, candidates)


def explained_but_older(view: View) -> Transition | None:
    """A transition whose statuses fit while its times do not: the org at its `from` changed after the one at its `to`."""
    candidates = _candidates(view)
    return candidates[0].transition if candidates and half_made(view) is None else None


def _candidates(view: View) -> list[HalfMade]:
    statuses = {role: view.status(role) for role in Role}
    return [
        HalfMade(transition, done, settled=True)
        for transition in view.playbook.transitions
        for done in Role
        if (statuses[done.other], statuses[done]) == (transition.source, transition.target)
    ]


def _settle_tie(view: View, candidates: list[HalfMade]) -> HalfMade:
    if view.open_run is not None:
        for candidate in candidates:
            if candidate.transition.name == view.open_run.transition:
                return candidate
    goals = (view.goal, view.open_run.goal if view.open_run else None)
    for goal in goals:
        for candidate in candidates:
            if goal is not None and candidate.transition in (
                view.playbook.route(candidate.transition.source, goal) or ()
            ):
                return candidate
    return HalfMade(candidates[0].transition, candidates[0].done, settled=False)


def _changed_later(view: View) -> Role | None:
    """The org whose record changed later, or None where the times do not tell; an org without a record has none."""
    primary, secondary = (_modified_at(view, role) for role in Role)
    if primary is None or secondary is None:
        return None
    if 0 in (primary.microsecond, secondary.microsecond):
        primary, secondary = primary.replace(microsecond=0), secondary.replace(microsecond=0)
    if primary == secondary:
        return None
    return Role.PRIMARY if primary > secondary else Role.SECONDARY


def _modified_at(view: View, role: Role) -> datetime | None:
    record = view.readings[role].record
    return None if record is None else record.modified_at
