"""The laws as a proof asks them: what it takes note of meanwhile, and each law where it can break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.engine.engine import Engine
from orchestrator.errors import ExitCode
from orchestrator.model.events import INTENTS, SituationRead, TransitionIntended
from orchestrator.model.journal import Entry, Record
from orchestrator.model.proof import Event, Law
from orchestrator.model.reading import Draft, HamrRecord
from orchestrator.model.run import Mode, Stamp
from orchestrator.model.status import Role, Status

from . import laws
from .keyboard import Died, Outcome, Returned
from .orgs import is_strangers

if TYPE_CHECKING:
    from .life import Life
    from .scene import Scene


def shown(life: Life, role: Role, record: HamrRecord | None, index: int) -> None:
    """Take note of what a process was shown."""
    life.served[role] = record
    life.highest[role] = max(index, life.highest.get(role, 0))
    run, watch = life.controls.run, life.scene.watch
    if not run:
        return
    if run not in watch.begun:
        watch.bases[run, role] = record
        return
    base = watch.bases.setdefault((run, role), record)
    if record is not None and is_strangers(record) and record != base:
        life.warned[run, role] = record


def before_commit(life: Life, entries: Sequence[Entry]) -> None:
    """What is about to be journalled."""
    intends = [entry for entry in entries if entry.kind == TransitionIntended.kind]
    if intends:
        run = intends[0].run
        told: list[Entry | Record] = [*life.scene.kept.records, *entries]
        life.asks(Law.GUARDS_BIND, laws.guards_bind(each for each in told if each.run == run))


def after_commit(life: Life, entries: Sequence[Entry]) -> None:
    """What was journalled: whatever a process was shown until now is known to all that come after it."""
    life.scene.watch.warned |= life.warned
    life.warned.clear()
    life.scene.watch.begun |= {entry.run for entry in entries if entry.kind in INTENTS}
    if any(entry.kind == SituationRead.kind for entry in entries):
        for role, record in life.served.items():
            floor = life.scene.watch.floors.get(role)
            if record is not None and (
                floor is None or not laws.is_older(record.modified_at, floor.modified_at)
            ):
                life.scene.watch.floors[role] = record


def before_write(life: Life, draft: Draft) -> None:
    """A write that is about to leave."""
    scene, watch, role, status = life.scene, life.scene.watch, draft.role, draft.status
    stamp, holder = Stamp.parse(draft.modified_by), scene.kept.holder
    run = "" if stamp is None else stamp.run
    attempts = laws.intended(scene.kept.records)
    life.asks(Law.INTENT_FIRST, laws.intent_first(role, status, draft.modified_by, attempts))
    if draft.modified_by not in attempts:
        return
    purpose = attempts[draft.modified_by]["purpose"]
    life.asks(Law.LOCKED, laws.locked(role, status, run, None if holder is None else holder.run))
    warned = life.warned.get((run, role), watch.warned.get((run, role)))
    if warned is not None and Status.of(warned.status) not in watch.unanswered.get(run, frozenset()):
        there = scene.orgs.record(role)
        life.asks(Law.NEVER_OVER_A_STRANGER, laws.never_over_a_stranger(role, status, warned, there))
    last, floor = life.served.get(role), watch.floors.get(role)
    over = "reverted=" in scene.step.command or purpose in ("adopt", "repair")
    if not over and last is not None and floor is not None:
        life.asks(Law.NEVER_BELOW_THE_FLOOR, laws.never_below_the_floor(role, status, last, floor))
    if purpose == "deliver" and watch.owed is not None and not scene.meddled:
        owed = watch.owed[0]
        survivor = scene.orgs.status(owed.other)
        life.asks(Law.SURVIVOR_NOT_DRAGGED, laws.survivor_not_dragged(role, status, owed, survivor))


def after_write(life: Life, draft: Draft, *, answered: bool) -> None:
    """A write that an org took, or not."""
    scene, engine = life.scene, life.controls.engine
    life.sent.append(draft)
    if not answered:
        _is_unsure(life, draft)
    # An emergency that was taken up again has no flag.
    alone = isinstance(engine, Engine) and engine.run.state.mode is Mode.EMERGENCY
    if not (scene.meddled or scene.went_dark or scene.came_late or alone):
        life.asks(Law.PREFIX_NAMED, laws.prefix_named(life.playbook, scene.orgs.statuses))


def _is_unsure(life: Life, draft: Draft) -> None:
    """Take note of a write that may be there under any name."""
    stamp = Stamp.parse(draft.modified_by)
    if stamp is not None:
        known = life.scene.watch.unanswered.get(stamp.run, frozenset())
        life.scene.watch.unanswered[stamp.run] = known | {draft.status}


def at_the_end(life: Life, outcome: Outcome) -> None:
    """How a command ended."""
    scene, watch = life.scene, life.scene.watch
    watch.bases = {of: record for of, record in watch.bases.items() if of[0] in watch.begun}
    read = {role: laws.shows(record) for role, record in life.served.items()}
    # What was accepted by name may be there, or come.
    tells = not (scene.meddled or scene.came_late or "unknown=" in scene.step.command)
    life.asks(Law.ENDS, laws.ends(outcome))
    life.asks(Law.CLEAN_HANDS, laws.clean_hands(outcome, sent=life.wrote))
    life.asks(Law.DONE_IS_SEEN, laws.done_is_seen(outcome, read, scene.orgs.statuses if tells else None))
    if scene.number == 1 and not scene.faults:
        life.asks(Law.REACHES, laws.reaches(outcome))
    match outcome:
        case Died():
            for draft in life.sent:  # what it was answered died with it, unless that was journalled
                _is_unsure(life, draft)
        case Returned(result=result):
            owed = None if result.owed is None else (result.owed.role, result.owed.status)
            if owed is None or owed != watch.owed:  # else it is owed still, whatever this one could read
                life.asks(Law.OWED_EXACTLY, laws.owed_exactly(outcome, read))
            if result.exit_code is ExitCode.OWING and owed is not None:
                watch.owed = owed
            elif result.exit_code is ExitCode.DONE and result.goal is not None:
                watch.owed = None
            if is_timed(scene):
                life.asks(Law.IN_TIME, laws.in_time(result.objectives))
        case _:
            pass


def is_timed(scene: Scene) -> bool:
    """Whether nothing went wrong but waits in the only command until now: then it has to be in time."""
    return scene.number == 1 and set(scene.faults) <= {Event.PASSED_LATER}
