"""A counterexample once more, with all that its processes have journalled."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.journal.history import event_of
from orchestrator.model.events import Event
from orchestrator.model.plain import moment
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import BrokenLaw, Counterexample, Moment
from orchestrator.model.status import Status

from .scene import Scene
from .search import Search
from .virtual_time import EPOCH


class Journalled(Struct, frozen=True):
    """One record of a story."""

    at: float
    """Seconds since the story began."""
    kind: str
    event: Event | None


class Retold(Struct, frozen=True):
    """A story that was played again."""

    story: Sequence[Moment]
    records: Sequence[Journalled]
    goal: Status
    """Where whoever typed last wanted the pair."""


def retell(playbook: Playbook, found: Counterexample) -> Retold:
    """Play one story again, without looking for others."""
    search = Search(playbook, found.route, 0, 0.0)
    scene = search.first()
    scripts = list(found.scripts)
    follows: Scene | BrokenLaw | None = scene
    while isinstance(follows, Scene):
        scene = follows
        follows = search.play(scene, scripts.pop(0) if scripts else ())
    records = [
        Journalled((moment(record.at) - EPOCH).total_seconds(), record.kind, event_of(record))
        for record in scene.kept.records
    ]
    return Retold(scene.story, records, scene.goal)
