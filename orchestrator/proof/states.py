"""Which states were met: of those that are the same, one is gone on from, for all of them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, field

from orchestrator.engine.engine import Engine
from orchestrator.journal.history import History, RunHistory, events_of
from orchestrator.model.events import INTENTS, TransitionIntended
from orchestrator.model.guard import Quiet
from orchestrator.model.journal import Entry
from orchestrator.model.playbook import Playbook
from orchestrator.model.status import Status
from orchestrator.operations.locking import left_a_run
from orchestrator.situation.guard_kinds import kinds_of, probes_of
from orchestrator.situation.state import RunState, replay

from . import laws
from .canonical import Canon, Visible, of_floors, of_owed, of_run, of_runs, shown_yet, visible
from .keyboard import Died, verb_of
from .life import Life
from .orgs import Coming, is_strangers
from .scene import Ended, Scene
from .store import Kept
from .virtual_time import BEGINNING, EPOCH

BETWEEN = b"between"
"""Where a state is that lies between two commands."""

EVERYTHING = frozenset(Status)


class States(Struct):
    """Of one route: every state that was gone on from, and what was asked of it."""

    playbook: Playbook
    seen: dict[bytes, list[tuple[Any, ...]]] = field(default_factory=dict)
    """What was asked of each: the more there is of each part, the more it was."""
    gone_on_from: int = 0
    _read: tuple[Kept, int, History, dict[str, RunState]] | None = None
    """What was read last of a journal, of so many records: it is asked for before and after a look."""
    _quiet: dict[frozenset[Status], tuple[float, ...]] = field(default_factory=dict)

    def is_new(self, state: Callable[[bool], bytes], left: int, scene: Scene, runs: AbstractSet[str]) -> bool:
        """Whether nobody went on from there of whom at least as much is asked.

        Args:
            state: the digest of what matters; for True, of what does where nothing more goes wrong.
            left: how many things may go wrong yet.
            scene: what was asked.
            runs: those that may write yet.
        """
        unanswered = (statuses for run, statuses in scene.watch.unanswered.items() if run in runs)
        asked = (
            left,
            scene.since_fault,
            scene.number == 1,
            not scene.went_dark,
            not scene.came_late,
            not scene.meddled,
            scene.time if laws.is_timed(scene) else 0.0,
        )
        # What may be there under any name is not taken for a stranger's: nothing is, where there is none.
        may_be_theirs = EVERYTHING.difference(*unanswered)
        well = (*asked, may_be_theirs if scene.meddled else EVERYTHING)
        if not self._asks_more(state(left == 0), (*asked, may_be_theirs) if left else well):
            return False
        if left:
            self._asks_more(state(True), well)
        self.gone_on_from += 1
        return True

    def _asks_more(self, digest: bytes, asked: tuple[Any, ...]) -> bool:
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
        holder = ended.scene.kept.holder
        # Whoever looks right then can't tell that this process is gone.
        runs = holder is not None and holder.pid == ended.scene.number
        return not self._goes_on_new((said, runs), ended.scene, ended.chooser.faults_left)

    def goes_on_new(self, scene: Scene, left: int) -> bool:
        """Whether nobody went on from between these two commands."""
        return self._goes_on_new(scene.step.command, scene, left)

    def _goes_on_new(self, how: object, scene: Scene, left: int) -> bool:
        history, _ = self._read_journal(scene)
        runs = {run.run for run in history.runs.values() if run.open}
        return self.is_new(lambda well: self._between(scene, how, runs, well=well), left, scene, runs)

    def _between(self, scene: Scene, how: object, runs: AbstractSet[str], *, well: bool) -> bytes:
        now = EPOCH + timedelta(seconds=scene.time - BEGINNING)
        history, states = self._read_journal(scene)
        seen = visible(scene.orgs, lags=not well)
        holder, owed = scene.kept.holder, history.owed
        return self._canon(scene, now, well=well).digest(
            BETWEEN,
            how,
            self._around(scene, runs, seen, well=well),
            scene.goal,
            _tried(scene),
            holder is not None and (left_a_run(history, holder), holder.run in history.runs),
            of_runs(history, seen),
            of_owed(owed),
            of_floors(history.floors, seen),
            history.cooling_down(self.playbook.cool_down, now) is not None,
            [of_run(state, seen, self.playbook) for state in states.values()],
        )

    def _canon(self, scene: Scene, now: datetime, *, well: bool) -> Canon:
        """Ages are told apart by the spans that are asked after from here on."""
        spans = {self.playbook.confirm.within, self.playbook.cool_down or self.playbook.confirm.within}
        ages = tuple(sorted(span.total_seconds() for span in spans))
        shown = [record for records in shown_yet(scene.orgs, lags=not well).values() for record in records]
        shown += [each.record for each in scene.orgs.coming]
        statuses = {Status.ABSENT if record is None else Status(record.status) for record in shown}
        if not (well or scene.meddled):
            statuses.add(scene.route.start)
        return Canon(now, ages, self._quiet_from(frozenset(statuses)))

    def _quiet_from(self, statuses: frozenset[Status]) -> tuple[float, ...]:
        """For how long the guards of the transitions that may come from there on want it quiet."""
        known = self._quiet.get(statuses)
        if known is None:
            reached, ahead = set[Status](), {*statuses}
            while ahead:
                reached |= ahead
                ahead = {
                    each.target for each in self.playbook.transitions if each.source in reached
                } - reached
            guards = (
                guard for each in self.playbook.transitions if each.source in reached for guard in each.guards
            )
            spans = {
                kind.for_.total_seconds()
                for kind in kinds_of(guards, self.playbook)
                if isinstance(kind, Quiet)
            }
            known = self._quiet[statuses] = tuple(sorted(spans))
        return known

    def _read_journal(self, scene: Scene) -> tuple[History, dict[str, RunState]]:
        """What a journal says; and of the run that a resume would take up, what that would know."""
        kept, read = scene.kept, self._read
        if read is None or read[0] is not kept or read[1] != len(kept.records):
            history = kept.history(scene.orgs.pair)
            taken_up = {run.run for run in (history.open_run, history.owed) if run is not None}
            recalled = {run: self._recalled(scene, history.runs[run]) for run in sorted(taken_up)}
            read = self._read = (kept, len(kept.records), history, recalled)
        return read[2], read[3]

    def _recalled(self, scene: Scene, run: RunHistory) -> RunState:
        events = (event for event, _ in events_of(each for each in scene.kept.records if each.run == run.run))
        return replay(run.run, events, run.floors, mirrors=scene.orgs.pair.mirrors.known)

    def _around(
        self, scene: Scene, runs: AbstractSet[str], seen: Visible, *, well: bool
    ) -> tuple[object, ...]:
        """What is not the program's; the laws ask after what a run was shown or has sent where it may write yet."""
        orgs, watch = scene.orgs, scene.watch
        return (
            shown_yet(orgs, lags=not well),
            [
                (_due(each, scene.time), each.role, each.record, each.is_copy)
                for each in sorted(orgs.coming, key=operator.attrgetter("at"))
            ],
            {role: until - scene.number for role, until in orgs.dark.items()},
            scene.bad_hooks,
            scene.bad_probes,
            {
                (run, role): record
                for (run, role), record in watch.warned.items()
                if run in runs and seen.keeps(record)
            },
            # Only whether it began with that very record of a stranger's is ever asked.
            {
                (run, role): record if is_strangers(record) and seen.keeps(record) else None
                for (run, role), record in watch.bases.items()
                if run in runs
            },
            watch.begun & runs,
            watch.owed,
        )

    def were_met(self, life: Life, entries: Sequence[Entry]) -> bool:
        """At an intent: whether another life goes on from an equal state; then this one need not."""
        chooser, engine, scene = life.chooser, life.controls.engine, life.scene
        if not chooser.off_script or not isinstance(engine, Engine):
            return False
        run, now = engine.run, life.loop.time()
        runs = {run.state.run}
        scene.time = now
        asked = self._probes_asked(engine, entries)
        holds = {name: life.holds_for(name, now) for name in life.holds_back if name in asked}

        def within(well: bool) -> bytes:
            last = engine.reader.last or ()
            seen = visible(scene.orgs, lags=not well).with_(each.record for each in last)
            return self._canon(scene, life.clock.now(), well=well).digest(
                b"within",
                [getattr(entry.data, "event", None) for entry in entries if entry.kind in INTENTS],
                self._around(scene, runs, seen, well=well),
                _typed(scene.step.command),
                scene.goal,
                _tried(scene),
                life.wrote,
                {of: record for of, record in life.warned.items() if seen.keeps(record)},
                life.served,
                None if well else {draft.status for draft in life.sent},  # asked after where it dies
                holds,
                life.unmeasured and any(each is None or each > 0 for each in holds.values()),
                of_run(run.state, seen, self.playbook),
                of_owed(run.owed),
                run.open_run,  # a run that is not open any more delivers what is owed, and goes nowhere
                run.needed,
                run.half_done,
                run.taken_as_is,
                [(each.role, type(each.sight).__name__, each.record) for each in last],
                sorted(asked & engine.probing.under_way.keys()),
            )

        life.past = frozenset(life.holds_back) - asked
        return not self.is_new(within, chooser.faults_left, scene, runs)

    def _probes_asked(self, engine: Engine, entries: Sequence[Entry]) -> AbstractSet[str]:
        """The probes that a run may ask for yet: those of the way on, and what it is asking for now.

        Those of its transition only where it found that half made: it judges no transition twice.
        """
        playbook, goal = self.playbook, engine.run.goal
        events = [getattr(entry.data, "event", None) for entry in entries]
        begun = (each for each in events if isinstance(each, TransitionIntended))
        transition = next(begun, engine.run.state.transition)
        if transition is None or goal is None:
            return playbook.probes.keys()
        way = playbook.route(transition.target, goal)
        judged = {each.name for each, _ in engine.evaluator.decisions if each is not None}
        there = {transition.transition} - judged
        guards = {
            guard
            for each in (
                *(each for each in playbook.transitions if each.name in there),
                *(playbook.transitions if way is None else way),
            )
            for guard in each.guards
        }
        return {
            *probes_of(guards, playbook),
            *(name for name, task in engine.probing.under_way.items() if not task.done()),
        }


def _due(coming: Coming, now: float) -> int:
    """In how many seconds something arrives; of a copy, which keeps its date, it is all the same how long ago it was due."""
    seconds = round(coming.at - now)
    return max(0, seconds) if coming.is_copy else seconds


def _tried(scene: Scene) -> dict[str, list[str]]:
    """What was typed where things stood as they do, what was typed longest ago first.

    A lock that is not held any more is broken by nobody again: no two have the same id.
    """
    holder, found = scene.kept.holder, dict[str, dict[str, None]]()
    for line, label in scene.tried:
        if verb_of(line) == "unlock" and (holder is None or holder.lock not in line):
            continue
        typed = found.setdefault(label, {})
        typed.pop(line, None)
        typed[line] = None
    return {label: [*found[label]] for label in sorted(found)}


def _typed(line: str) -> object:
    """Of a command that is under way: what it was told is in what its run knows, but for what the laws ask after."""
    verb = verb_of(line)
    return (verb, "reverted=" in line, "unknown=" in line) if verb in ("run", "resume") else line
