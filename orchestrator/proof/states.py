"""Which states were met: of those that are the same, one is gone on from, for all of them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.engine.engine import Engine
from orchestrator.journal.checkpoint import read_history
from orchestrator.journal.history import RunHistory, events_of
from orchestrator.model.events import INTENTS
from orchestrator.model.journal import Entry
from orchestrator.model.playbook import Playbook
from orchestrator.situation.state import RunState, replay

from . import watching
from .canonical import Canon, ages_that_matter
from .ends import Ended
from .keyboard import Died
from .life import Life
from .scene import Scene
from .store import MemoryStore
from .virtual_time import BEGINNING, EPOCH


class States(Struct):
    """Of one route: every state that was gone on from, and what was asked of it."""

    playbook: Playbook
    ages: tuple[float, ...] = ()
    seen: dict[bytes, list[tuple[float, ...]]] = field(default_factory=dict)
    """What was asked of each: the more there is of each number, the more it was."""

    def __post_init__(self) -> None:
        self.ages = ages_that_matter(self.playbook)

    def is_new(self, digest: bytes, left: int, scene: Scene) -> bool:
        """Whether nobody went on from there of whom at least as much is asked."""
        asked = (
            left,
            scene.since_fault,
            scene.number == 1,
            not scene.went_dark,
            not scene.came_late,
            scene.time if watching.is_timed(scene) else 0.0,
        )
        known = self.seen.setdefault(digest, [])
        if any(all(map(operator.ge, other, asked)) for other in known):
            return False
        known.append(asked)
        return True

    def has_ended_so(self, ended: Ended) -> bool:
        """Whether another life ended in an equal state, and with the same words: what is typed then follows from it."""
        if not ended.chooser.off_script:
            return False
        said = "" if isinstance(ended.outcome, Died) else [step.command for step in ended.says]
        return not self.is_new(self._between(ended.scene, said), ended.chooser.faults_left, ended.scene)

    def goes_on_new(self, scene: Scene, left: int) -> bool:
        """Whether nobody went on from between these two commands."""
        return self.is_new(self._between(scene, scene.step.command), left, scene)

    def _between(self, scene: Scene, how: object) -> bytes:
        now = EPOCH + timedelta(seconds=scene.time - BEGINNING)
        canon = Canon(now, self.ages)
        history = read_history(MemoryStore(scene.kept, lambda: now), scene.orgs.pair)
        open_run = history.open_run
        return canon.digest(
            "between",
            how,
            self._around(scene),
            scene.goal,
            scene.tried,
            scene.kept.holder is not None,
            [
                (
                    run.open,
                    run.mode,
                    run.resumes_as,
                    run.transition,
                    run.start,
                    run.started.goal if run.started else None,
                    run.unknown,
                    run.unseen,
                    run.hooks_owed,
                    run.asking,
                    run.finished.ending.change if run.finished is not None else None,
                    run.finished is None,
                )
                for run in history.runs.values()
                if run.open or run.unknown or run.unseen
            ],
            history.owed,
            history.floors,
            history.cooling_down(self.playbook.cool_down, now) is not None,
            None if open_run is None else self._recalled(scene, open_run),
        )

    def _recalled(self, scene: Scene, run: RunHistory) -> RunState:
        """What a resume would know of the open run."""
        events = (event for event, _ in events_of(each for each in scene.kept.records if each.run == run.run))
        return _told_apart(replay(run.run, events, run.floors, mirrors=scene.orgs.pair.mirrors.known))

    def _around(self, scene: Scene) -> tuple[object, ...]:
        """What is not the program's."""
        orgs = scene.orgs
        return (
            {role: records[-2:] for role, records in orgs.shown.items()},
            [(round(each.at - scene.time), each.role, each.record, each.is_copy) for each in orgs.coming],
            {role: until - scene.number for role, until in orgs.dark.items()},
            scene.bad_hooks,
            scene.bad_probes,
            scene.meddled,
            scene.watch.warned,
            scene.watch.bases,
            scene.watch.begun,
            scene.watch.unanswered,
            scene.watch.owed,
        )

    def were_met(self, life: Life, entries: Sequence[Entry]) -> bool:
        """At an intent: whether another life goes on from an equal state; then this one need not."""
        chooser, engine, scene = life.chooser, life.controls.engine, life.scene
        if not chooser.off_script or not isinstance(engine, Engine):
            return False
        run, now = engine.run, life.loop.time()
        canon = Canon(life.clock.now(), self.ages)
        scene.time = now
        digest = canon.digest(
            "within",
            [getattr(entry.data, "event", None) for entry in entries if entry.kind in INTENTS],
            self._around(scene),
            scene.step.command,
            scene.goal,
            scene.tried,
            life.wrote,
            life.warned,
            life.served,
            [(draft.role, draft.status) for draft in life.sent],
            {name: max(0.0, until - now) for name, until in life.holds_back.items()},
            life.unmeasured,
            _told_apart(run.state),
            run.owed,
            run.needed,
            run.half_done,
            run.taken_as_is,
            [(each.role, type(each.sight).__name__, each.record) for each in engine.reader.last or ()],
            sorted(engine.probing.under_way),
        )
        return not self.is_new(digest, chooser.faults_left, scene)


def _told_apart(state: RunState) -> RunState:
    """What a run knows, without what it only reports."""
    steps = [replace(step, seconds=0.0) for step in state.steps]
    return replace(state, steps=steps, waited=0.0, asked=0.0, waiting=state.waiting or state.intended)
