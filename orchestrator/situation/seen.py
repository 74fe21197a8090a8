"""What counts as having seen an org: a guard that lacks it is blind, and says because of whom."""

from __future__ import annotations

from orchestrator.model.reading import Absent, Present, Unrecognised
from orchestrator.model.run import Mode
from orchestrator.model.situation import Situation
from orchestrator.model.status import Role

from .finding import Finding, unknown
from .link import NotLinked, link_of
from .wording import says


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
