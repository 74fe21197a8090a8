"""The laws, as predicates: what must hold of every commit, every write, every end of a command, and of the way on.

ends                   no deadlock, no endless loop, no exception that a person should never see
intent-first           no write without its intent in the journal before it                                (law 6)
never-over-a-stranger  no write over somebody else's record that the run was shown                         (law 3)
never-below-the-floor  no write on a reading that is older than what was seen                              (law 3)
locked                 no write of a run that does not hold the lock                                       (law 12)
prefix-named           after each write the pair stands agreed, midway, or behind by what is owed          (law 11)
done-is-seen           a run that says done has read the goal on both orgs                                 (law 4)
owed-exactly           a run that says owing owes the other org what the survivor shows                    (law 9)
survivor-not-dragged   what is owed is told to the org that is owed, as the survivor shows it              (law 9)
guards-bind            no transition is begun while a guard did not pass, unless waived or overridden      (laws 8, 10)
clean-hands            a command that says that nothing was sent has sent nothing                          (law 5)
leads-on               from every end the commands that are named lead to the goal or home                 (laws 14, 15)
reaches                where nothing goes wrong, the first command reaches its goal; an emergency's with the
                       survivor alone                                                                      (law 9)
in-time                where nothing goes wrong but waits, the playbook's objectives are met; for the way home, too
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.engine.engine import Engine
from orchestrator.errors import ExitCode
from orchestrator.model.events import INTENTS, SituationRead, TransitionIntended, WriteIntended
from orchestrator.model.journal import Entry, Record
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import BrokenLaw, Event, Law
from orchestrator.model.reading import Draft, HamrRecord
from orchestrator.model.run import Mode, Stamp
from orchestrator.model.status import Role, Status
from orchestrator.model.words import span

from .orgs import is_strangers

if TYPE_CHECKING:
    from .ends import Outcome
    from .life import Life
    from .scene import Scene

LOOKED_AT = frozenset(
    {"guard.judged", "guard.waived", "guard.overridden", TransitionIntended.kind, WriteIntended.kind}
)
"""Record kinds whose plain form is looked at here."""

ALWAYS_BINDING = frozenset({"linked", "fresh"})
"""Guards that stop even a transition that is half made."""


# -- shared with drawn incidents -------------------------------------------------------------------------------


def guards_bind(records: Iterable[Entry | Record]) -> Iterator[str]:
    """Of one run's records: transitions that were begun although a guard had not passed, and was not gone over by name."""
    refusing: dict[str, set[str]] = {}
    for record in records:
        data: Any = record.data
        if record.kind == "guard.judged":
            refusing[data["transition"]] = {
                verdict["guard"]
                for verdict in data["verdicts"]
                if verdict["outcome"] != "PASS" and (data["binding"] or verdict["guard"] in ALWAYS_BINDING)
            }
        elif record.kind in ("guard.waived", "guard.overridden"):
            refusing.get(data["transition"], set()).discard(data["verdict"]["guard"])
        elif record.kind == TransitionIntended.kind and refusing.get(data["transition"]):
            names = sorted(refusing[data["transition"]])
            yield f"run {record.run} began transition {data['transition']} although {names} did not pass"
            return


def is_explained(playbook: Playbook, primary: Status | None, secondary: Status | None) -> bool:
    """Whether both agree, or one transition of the playbook is half made between them, in either direction."""
    moves = {(transition.source, transition.target) for transition in playbook.transitions}
    moves |= {(source, after) for source, target in moves for after in playbook.server_moves(target)}
    return primary is secondary or (primary, secondary) in moves or (secondary, primary) in moves


# -- as a proof asks them ----------------------------------------------------------------------------------------


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
        for why in guards_bind(each for each in told if each.run == run):
            life.breaks(Law.GUARDS_BIND, why)


def after_commit(life: Life, entries: Sequence[Entry]) -> None:
    """What was journalled: whatever a process was shown until now is known to all that come after it."""
    life.scene.watch.warned |= life.warned
    life.warned.clear()
    life.scene.watch.begun |= {entry.run for entry in entries if entry.kind in INTENTS}
    if any(entry.kind == SituationRead.kind for entry in entries):
        for role, record in life.served.items():
            floor = life.scene.watch.floors.get(role)
            if record is not None and (floor is None or not _older(record, floor)):
                life.scene.watch.floors[role] = record


def before_write(life: Life, draft: Draft) -> None:
    """A write that is about to leave."""
    scene, role = life.scene, draft.role
    stamp = Stamp.parse(draft.modified_by)
    run = "" if stamp is None else stamp.run
    intents = [record.data for record in scene.kept.records if record.kind == WriteIntended.kind]
    attempt: Any = next(
        (data["attempt"] for data in reversed(intents) if _stamp(data) == draft.modified_by), None
    )
    if attempt is None:
        life.breaks(Law.INTENT_FIRST, f"{draft.status} was sent to the {role}, and no intent names it")
        return
    if scene.kept.holder is None or scene.kept.holder.run != run:
        life.breaks(Law.LOCKED, f"{draft.status} was sent to the {role} without the pair's lock")
    there = scene.orgs.record(role)
    warned = life.warned.get((run, role), scene.watch.warned.get((run, role)))
    unsure = scene.watch.unanswered.get(run, frozenset())
    if warned is not None and warned == there and Status.of(warned.status) not in unsure:
        life.breaks(
            Law.NEVER_OVER_A_STRANGER,
            f"{draft.status} was written over the {Status(warned.status)} of {warned.modified_by}, which the run had read",
        )
    last, floor = life.served.get(role), scene.watch.floors.get(role)
    over = "reverted=" in scene.step.command or attempt["purpose"] in ("adopt", "repair")
    if not over and last is not None and floor is not None and _older(last, floor):
        life.breaks(
            Law.NEVER_BELOW_THE_FLOOR,
            f"{draft.status} was sent to the {role} on a reading that is older than what the journal has seen",
        )
    owed = scene.watch.owed
    if attempt["purpose"] == "deliver" and owed is not None and not scene.meddled:
        survivor = scene.orgs.status(owed[0].other)
        if role is not owed[0] or draft.status is not survivor:
            life.breaks(
                Law.SURVIVOR_NOT_DRAGGED,
                f"{draft.status} was sent to the {role}; the survivor shows {survivor}, and the {owed[0]} is owed that",
            )


def after_write(life: Life, draft: Draft, *, answered: bool) -> None:
    """A write that an org took, or not."""
    scene = life.scene
    life.sent.append(draft)
    if not answered:
        _is_unsure(life, draft)
    engine = life.controls.engine
    alone = (
        isinstance(engine, Engine) and engine.run.state.mode is Mode.EMERGENCY
    )  # taken up again, without its flag
    if scene.meddled or scene.went_dark or scene.came_late or alone:
        return
    primary, secondary = (scene.orgs.status(role) for role in Role)
    if not is_explained(life.playbook, primary, secondary):
        life.breaks(
            Law.PREFIX_NAMED,
            f"the primary shows {primary} and the secondary {secondary}, which no transition explains",
        )


def _is_unsure(life: Life, draft: Draft) -> None:
    """Take note of a write that may be there under any name."""
    stamp = Stamp.parse(draft.modified_by)
    if stamp is not None:
        known = life.scene.watch.unanswered.get(stamp.run, frozenset())
        life.scene.watch.unanswered[stamp.run] = known | {draft.status}


def at_the_end(life: Life, outcome: Outcome) -> None:  # noqa: C901 - a case for each end
    """How a command ended."""
    from .ends import Crashed, Died, Raised, Returned  # noqa: PLC0415 - a life asks the laws

    watch = life.scene.watch
    watch.bases = {of: record for of, record in watch.bases.items() if of[0] in watch.begun}
    match outcome:
        case Died():
            for draft in life.sent:  # what it was answered died with it, unless that was journalled
                _is_unsure(life, draft)
        case Crashed(why=why):
            life.breaks(Law.ENDS, why)
        case Raised():
            if life.wrote:
                life.breaks(Law.CLEAN_HANDS, "it says that nothing was sent, and something was")
        case Returned(result=result):
            if "has a bug" in result.ending.message:
                life.breaks(Law.ENDS, result.ending.message)
            code = result.exit_code
            if life.wrote and code in (ExitCode.FAILED, ExitCode.REFUSED):
                life.breaks(Law.CLEAN_HANDS, f"it exits with {int(code)}, and has sent something")
            if code is ExitCode.DONE and result.goal is not None:
                _done(life, result.goal)
            if code is ExitCode.OWING:
                _owing(life, result.owed, result.goal)
            _reaches(life, code, result.ending.message)
            _in_time(life, result.objectives)


def _done(life: Life, goal: Status) -> None:
    scene = life.scene
    accepted = "unknown=" in scene.step.command  # by name: that write may be there, or come
    for role in Role:
        record = life.served.get(role)
        if record is None or record.status != goal:
            life.breaks(Law.DONE_IS_SEEN, f"it says done, and had not read {goal} on the {role}")
        elif not (accepted or scene.meddled or scene.came_late) and scene.orgs.status(role) is not goal:
            life.breaks(Law.DONE_IS_SEEN, f"it says done, and the {role} does not show {goal}")
    scene.watch.owed = None


def _owing(life: Life, owed: Any, goal: Status | None) -> None:
    if owed is None:
        return  # hooks are owed
    if life.scene.watch.owed == (owed.role, owed.status):
        return  # it is owed still, whatever this one could read
    survivor = life.served.get(owed.role.other)
    if survivor is None or survivor.status != owed.status or (goal is not None and owed.status is not goal):
        life.breaks(
            Law.OWED_EXACTLY,
            f"the {owed.role} is said to be owed {owed.status}, and the survivor was not read so",
        )
    life.scene.watch.owed = (owed.role, owed.status)


def _reaches(life: Life, code: ExitCode, message: str) -> None:
    scene = life.scene
    if scene.number == 1 and not scene.faults and code not in (ExitCode.DONE, ExitCode.OWING):
        life.breaks(Law.REACHES, f"with nothing going wrong, it ends with {int(code)}: {message}")


def is_timed(scene: Scene) -> bool:
    """Whether nothing went wrong but waits in the only command until now: then it has to be in time."""
    return scene.number == 1 and set(scene.faults) <= {Event.PASSED_LATER}


def _in_time(life: Life, objectives: Sequence[Any]) -> None:
    if not is_timed(life.scene):
        return
    for objective in objectives:
        if not objective.met:
            life.breaks(
                Law.IN_TIME,
                f"{objective.status} is to be reached in {span(objective.wanted)}, and took {span(objective.took)} with "
                "nothing but waits that the playbook allows",
            )


def home_in_time(playbook: Playbook, home: Status, seconds: float) -> BrokenLaw | None:
    """How long it took home, right after a run that went well, with nothing but waits."""
    wanted = playbook.objectives.get(home)
    if wanted is None or seconds <= wanted.total_seconds():
        return None
    return BrokenLaw(
        Law.IN_TIME,
        f"{home} is to be reached in {span(wanted)}; right after a run that went well the way home is held up for "
        f"{span(seconds)}",
    )


def _stamp(data: Mapping[str, Any]) -> str:
    return str(data["attempt"]["stamp"])


def _older(one: HamrRecord, other: HamrRecord) -> bool:
    return (
        one.modified_at is not None and other.modified_at is not None and one.modified_at < other.modified_at
    )
