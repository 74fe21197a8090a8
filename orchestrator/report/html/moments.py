"""Where both orgs stood, moment by moment: the timeline as a table."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from orchestrator.model.status import Role
from orchestrator.report.story import Stand, Story

MOST = 60
"""Moments that are listed."""


class Moment(Struct, frozen=True):
    """From here on the orgs stood like this, as far as was seen."""

    at: datetime
    primary: str
    secondary: str
    changed: frozenset[Role]
    transition: str
    """The transition that was under way, or ""."""


def stands_of(story: Story, role: Role) -> tuple[Stand, ...]:
    """One org's statuses over all runs of a story, each where it changes."""
    found: list[Stand] = []
    for stand in (stand for run in story.runs for stand in run.stands[role]):
        if not found or (found[-1].status, found[-1].words) != (stand.status, stand.words):
            found.append(stand)
    return tuple(found)


def moments_of(story: Story) -> tuple[Moment, ...]:
    """Every change of either org, in order."""
    changes = sorted(
        ((stand.at, stand.seq, role, stand) for role in Role for stand in stands_of(story, role)),
        key=lambda change: (change[0], change[1]),
    )
    words = dict.fromkeys(Role, "not read yet")
    moments: list[Moment] = []
    for at, _, role, stand in changes:
        words[role] = stand.words
        changed = frozenset({role})
        if moments and moments[-1].at == at:
            changed |= moments.pop().changed
        transition = _transition_at(story, at)
        moments.append(Moment(at, words[Role.PRIMARY], words[Role.SECONDARY], changed, transition))
    return tuple(moments)


def _transition_at(story: Story, at: datetime) -> str:
    for run in story.runs:
        for transition in run.transitions:
            if transition.writes and transition.writes[0].at <= at <= (transition.ended or run.last):
                return transition.name
    return ""
