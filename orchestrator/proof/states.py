"""Which states were met: of those that are the same, one is gone on from, for all of them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.engine.engine import Engine
from orchestrator.journal.history import History, RunHistory, events_of
from orchestrator.model.events import INTENTS, TransitionIntended
from orchestrator.model.journal import Entry
from orchestrator.model.playbook import Playbook
from orchestrator.situation.guard_kinds import probes_of
from orchestrator.situation.state import RunState, replay

from . import watching
from .canonical import Canon, ages_that_matter
from .ends import Ended
from .keyboard import Died
from .life import Life
from .orgs import is_strangers
from .scene import Scene
from .store import Kept
from .virtual_time import BEGINNING, EPOCH


class States(Struct):
    """Of one route: every state that was gone on from, and what was asked of it."""

    playbook: Playbook
    ages: tuple[float, ...] = ()
    seen: dict[bytes, list[tuple[float, ...]]] = field(default_factory=dict)
    """What was asked of each: the more there is of each number, the more it was."""
    _read: tuple[Kept, int, History, RunState | None] | None = None
    """What was read last of a journal, of so many records: it is asked for before and after a look."""

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
        history, recalled = self._read_journal(scene)
        return canon.digest(
            "between",
            how,
            self._around(scene, {run.run for run in history.runs.values() if run.open}),
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
            recalled,
        )

    def _read_journal(self, scene: Scene) -> tuple[History, RunState | None]:
        kept, read = scene.kept, self._read
        if read is None or read[0] is not kept or read[1] != len(kept.records):
            history = kept.history(scene.orgs.pair)
            open_run = history.open_run
            recalled = None if open_run is None else self._recalled(scene, open_run)
            read = self._read = (kept, len(kept.records), history, recalled)
        return read[2], read[3]

    def _recalled(self, scene: Scene, run: RunHistory) -> RunState:
        """What a resume would know of the open run."""
        events = (event for event, _ in events_of(each for each in scene.kept.records if each.run == run.run))
        return _told_apart(replay(run.run, events, run.floors, mirrors=scene.orgs.pair.mirrors.known))

    def _around(self, scene: Scene, runs: AbstractSet[str]) -> tuple[object, ...]:
        """What is not the program's; the laws ask after what a run was shown or has sent where it may write yet."""
        orgs, watch = scene.orgs, scene.watch
        return (
            {role: records[-2:] for role, records in orgs.shown.items()},
            [(round(each.at - scene.time), each.role, each.record, each.is_copy) for each in orgs.coming],
            {role: until - scene.number for role, until in orgs.dark.items()},
            scene.bad_hooks,
            scene.bad_probes,
            scene.meddled,
            {(run, role): record for (run, role), record in watch.warned.items() if run in runs},
            # Only whether it began with that very record of a stranger's is ever asked.
            {
                (run, role): record if is_strangers(record) else None
                for (run, role), record in watch.bases.items()
                if run in runs
            },
            watch.begun & runs,
            {run: statuses for run, statuses in watch.unanswered.items() if run in runs},
            watch.owed,
        )

    def were_met(self, life: Life, entries: Sequence[Entry]) -> bool:
        """At an intent: whether another life goes on from an equal state; then this one need not."""
        chooser, engine, scene = life.chooser, life.controls.engine, life.scene
        if not chooser.off_script or not isinstance(engine, Engine):
            return False
        run, now = engine.run, life.loop.time()
        canon = Canon(life.clock.now(), self.ages)
        scene.time = now
        asked = self._probes_asked(engine, entries)
        holds = {name: life.holds_for(name, now) for name in life.holds_back if name in asked}
        digest = canon.digest(
            "within",
            [getattr(entry.data, "event", None) for entry in entries if entry.kind in INTENTS],
            self._around(scene, {run.state.run}),
            scene.step.command,
            scene.goal,
            scene.tried,
            life.wrote,
            life.warned,
            life.served,
            [(draft.role, draft.status) for draft in life.sent],
            holds,
            life.unmeasured and any(each is None or each > 0 for each in holds.values()),
            _told_apart(run.state),
            run.owed,
            run.needed,
            run.half_done,
            run.taken_as_is,
            [(each.role, type(each.sight).__name__, each.record) for each in engine.reader.last or ()],
            sorted(engine.probing.under_way),
        )
        life.past = frozenset(life.holds_back) - asked
        return not self.is_new(digest, chooser.faults_left, scene)

    def _probes_asked(self, engine: Engine, entries: Sequence[Entry]) -> AbstractSet[str]:
        """The probes that a run may ask for yet: those of its transition, of the way on, and what it is asking for now."""
        playbook, state = self.playbook, engine.run.state
        events = [getattr(entry.data, "event", None) for entry in entries]
        transition = next((each for each in events if isinstance(each, TransitionIntended)), state.transition)
        if transition is None or state.started is None:
            return playbook.probes.keys()
        way = playbook.route(transition.target, state.started.goal)
        there = tuple(each for each in playbook.transitions if each.name == transition.transition)
        guards = {
            guard
            for each in (*there, *(playbook.transitions if way is None else way))
            for guard in each.guards
        }
        return {
            *probes_of(guards, playbook),
            *(name for name, task in engine.probing.under_way.items() if not task.done()),
        }


def _told_apart(state: RunState) -> RunState:
    """What a run knows, without what it only reports."""
    steps = [replace(step, seconds=0.0) for step in state.steps]
    return replace(state, steps=steps, waited=0.0, asked=0.0, waiting=state.waiting or state.intended)
