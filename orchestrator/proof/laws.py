"""The laws, as predicates (what must hold of every commit, every write, every end of a command, and of the way on), and as a proof asks them.

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

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator.engine.engine import Engine
from orchestrator.errors import ExitCode
from orchestrator.model.events import INTENTS, SituationRead, TransitionIntended, WriteIntended
from orchestrator.model.journal import Entry, Record
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import Event, Law
from orchestrator.model.reading import Draft, HamrRecord
from orchestrator.model.run import Mode, Objective, Stamp
from orchestrator.model.status import Role, Status
from orchestrator.model.words import span

from .keyboard import Crashed, Died, Outcome, Raised, Returned
from .orgs import is_strangers

if TYPE_CHECKING:
    from .life import Life
    from .scene import Scene

Shown = Mapping[Role, Status | None]
"""What each org shows, or was read as: ABSENT where it has no record."""

LOOKED_AT = frozenset(
    {"guard.judged", "guard.waived", "guard.overridden", TransitionIntended.kind, WriteIntended.kind}
)
"""Record kinds whose plain form is looked at here."""

ALWAYS_BINDING = frozenset({"linked", "fresh"})
"""Guards that stop even a transition that is half made."""


def shows(record: HamrRecord | None) -> Status | None:
    """The status of a record, or of none; None where hamr does not know it."""
    return Status.ABSENT if record is None else Status.of(record.status)


def is_older(one: datetime | None, other: datetime | None) -> bool:
    """Whether one is from before the other, by the org's own times; False where nothing tells."""
    return one is not None and other is not None and one < other


# -- what is begun, and what is sent ---------------------------------------------------------------------------


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


def intended(records: Iterable[Entry | Record]) -> dict[str, Any]:
    """The attempt of each write that the records intend, by its stamp."""
    attempts: Iterable[Any] = (
        record.data["attempt"] for record in records if record.kind == WriteIntended.kind
    )
    return {attempt["stamp"]: attempt for attempt in attempts}


def intent_first(role: Role, status: Status | None, stamp: str, known: Container[str]) -> Iterator[str]:
    """Of one write: its intent is none of those that the journal held before it."""
    if stamp not in known:
        yield f"{status} was sent to the {role} as {stamp!r}, and no intent names it"


def locked(role: Role, status: Status | None, whose: str, holder: str | None) -> Iterator[str]:
    """Of one write: it is not of whoever held the lock."""
    if whose != holder:
        yield f"{status} was sent to the {role} by {whose}, and {holder or 'nobody'} held the pair's lock"


def never_over_a_stranger(
    role: Role, status: Status, stranger: HamrRecord, there: HamrRecord | None
) -> Iterator[str]:
    """Of one write: what a stranger wrote, and its run was shown, is still there."""
    if stranger == there:
        whose = f"the {Status.of(stranger.status)} of {stranger.modified_by}"
        yield f"{status} was written over {whose} on the {role}, which the run had read"


def never_below_the_floor(role: Role, status: Status, read: HamrRecord, floor: HamrRecord) -> Iterator[str]:
    """Of one write: the last reading of its org is older than what the journal has seen."""
    if is_older(read.modified_at, floor.modified_at):
        yield f"{status} was sent to the {role} on a reading that is older than what the journal has seen"


def survivor_not_dragged(role: Role, status: Status, owed: Role, survivor: Status | None) -> Iterator[str]:
    """Of the delivery of what is owed: it is another org's, or not what the survivor shows."""
    if role is not owed or status is not survivor:
        yield f"{status} was sent to the {role}; the survivor shows {survivor}, and the {owed} is owed that"


def prefix_named(playbook: Playbook, truth: Shown) -> Iterator[str]:
    """Of what the orgs show after a write: they neither agree, nor is one transition half made, in either direction."""
    primary, secondary = (truth[role] for role in Role)
    moves = {(transition.source, transition.target) for transition in playbook.transitions}
    moves |= {(source, after) for source, target in moves for after in playbook.server_moves(target)}
    if primary is not secondary and moves.isdisjoint({(primary, secondary), (secondary, primary)}):
        yield f"the primary shows {primary} and the secondary {secondary}, which no transition explains"


# -- how a command ends ------------------------------------------------------------------------------------------


def ends(outcome: Outcome) -> Iterator[str]:
    """It ended with what no person should ever see."""
    match outcome:
        case Crashed(why=why):
            yield why
        case Returned(result=result) if "has a bug" in result.ending.message:
            yield result.ending.message
        case _:
            pass


def clean_hands(outcome: Outcome, *, sent: bool) -> Iterator[str]:
    """It says that nothing was sent, and something was."""
    match outcome:
        case Returned(result=result) if sent and result.exit_code in (ExitCode.FAILED, ExitCode.REFUSED):
            yield f"it exits with {int(result.exit_code)}, and has sent something: {result.ending.message}"
        case Raised(error=error) if sent and error.exit_code not in (ExitCode.INCOMPLETE, ExitCode.UNKNOWN):
            yield f"it says that nothing was sent, and something was: {error.message}"
        case _:
            pass


def done_is_seen(outcome: Outcome, read: Shown, truth: Shown | None) -> Iterator[str]:
    """It says done, and had not read the goal on both orgs; or the truth, where anything could tell it, is not the goal."""
    match outcome:
        case Returned(result=result) if result.exit_code is ExitCode.DONE and result.goal is not None:
            for role in Role:
                if read.get(role) is not result.goal:
                    yield f"it says done, and had not read {result.goal} on the {role}"
                elif truth is not None and truth[role] is not result.goal:
                    yield f"it says done, and the {role} does not show {result.goal}"
        case _:
            pass


def owed_exactly(outcome: Outcome, read: Shown) -> Iterator[str]:
    """It says owing, and not what; or had not read that on the survivor, or it is not the goal."""
    match outcome:
        case Returned(result=result) if result.exit_code is ExitCode.OWING and result.owed is not None:
            owed = result.owed
            if read.get(owed.role.other) is not owed.status or result.goal not in (None, owed.status):
                yield f"the {owed.role} is said to be owed {owed.status}, and the survivor was not read so"
        case Returned(result=result) if result.exit_code is ExitCode.OWING and not result.hooks_owed:
            yield "it says owing, and not what"
        case _:
            pass


def reaches(outcome: Outcome) -> Iterator[str]:
    """Of the first command, with nothing going wrong: it did not get to its goal."""
    match outcome:
        case Returned(result=result) if not outcome.is_good:
            yield f"with nothing going wrong, it ends with {int(result.exit_code)}: {result.ending.message}"
        case Raised(error=error):
            yield f"with nothing going wrong, it ends with {int(error.exit_code)}: {error.message}"


def in_time(objectives: Iterable[Objective]) -> Iterator[str]:
    """Of a run with nothing but waits: its objectives that were missed."""
    for each in objectives:
        if not each.met:
            yield (
                f"{each.status} is to be reached in {span(each.wanted)}, and took {span(each.took)} with "
                "nothing but waits that the playbook allows"
            )


def home_in_time(playbook: Playbook, home: Status, seconds: float) -> Iterator[str]:
    """Of the way home, right after a run that went well, with nothing but waits: it took longer than its objective."""
    wanted = playbook.objectives.get(home)
    if wanted is not None and seconds > wanted.total_seconds():
        yield (
            f"{home} is to be reached in {span(wanted)}; right after a run that went well the way home is held up for "
            f"{span(seconds)}"
        )


# -- what a proof takes note of meanwhile, and each law where it can break ------------------------------------


def shown(life: Life, role: Role, record: HamrRecord | None) -> None:
    """Take note of what a process was shown."""
    life.served[role] = record
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
        life.asks(Law.GUARDS_BIND, guards_bind(each for each in told if each.run == run))


def after_commit(life: Life, entries: Sequence[Entry]) -> None:
    """What was journalled: whatever a process was shown until now is known to all that come after it."""
    life.scene.watch.warned |= life.warned
    life.warned.clear()
    life.scene.watch.begun |= {entry.run for entry in entries if entry.kind in INTENTS}
    if any(entry.kind == SituationRead.kind for entry in entries):
        for role, record in life.served.items():
            floor = life.scene.watch.floors.get(role)
            if record is not None and (floor is None or not is_older(record.modified_at, floor.modified_at)):
                life.scene.watch.floors[role] = record


def before_write(life: Life, draft: Draft) -> None:
    """A write that is about to leave."""
    scene, watch, role, status = life.scene, life.scene.watch, draft.role, draft.status
    stamp, holder = Stamp.parse(draft.modified_by), scene.kept.holder
    run = "" if stamp is None else stamp.run
    attempts = intended(scene.kept.records)
    life.asks(Law.INTENT_FIRST, intent_first(role, status, draft.modified_by, attempts))
    if draft.modified_by not in attempts:
        return
    purpose = attempts[draft.modified_by]["purpose"]
    life.asks(Law.LOCKED, locked(role, status, run, None if holder is None else holder.run))
    warned = life.warned.get((run, role), watch.warned.get((run, role)))
    if warned is not None and Status.of(warned.status) not in watch.unanswered.get(run, frozenset()):
        there = scene.orgs.record(role)
        life.asks(Law.NEVER_OVER_A_STRANGER, never_over_a_stranger(role, status, warned, there))
    last, floor = life.served.get(role), watch.floors.get(role)
    over = "reverted=" in scene.step.command or purpose in ("adopt", "repair")
    if not over and last is not None and floor is not None:
        life.asks(Law.NEVER_BELOW_THE_FLOOR, never_below_the_floor(role, status, last, floor))
    if purpose == "deliver" and watch.owed is not None and not scene.meddled:
        owed = watch.owed[0]
        survivor = scene.orgs.status(owed.other)
        life.asks(Law.SURVIVOR_NOT_DRAGGED, survivor_not_dragged(role, status, owed, survivor))


def after_write(life: Life, draft: Draft, *, answered: bool) -> None:
    """A write that an org took, or not."""
    scene, engine = life.scene, life.controls.engine
    life.sent.append(draft)
    if not answered:
        _is_unsure(life, draft)
    # An emergency that was taken up again has no flag.
    alone = isinstance(engine, Engine) and engine.run.state.mode is Mode.EMERGENCY
    if not (scene.meddled or scene.went_dark or scene.came_late or alone):
        life.asks(Law.PREFIX_NAMED, prefix_named(life.playbook, scene.orgs.statuses))


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
    read = {role: shows(record) for role, record in life.served.items()}
    # What was accepted by name may be there, or come.
    tells = not (scene.meddled or scene.came_late or "unknown=" in scene.step.command)
    life.asks(Law.ENDS, ends(outcome))
    life.asks(Law.CLEAN_HANDS, clean_hands(outcome, sent=life.wrote))
    life.asks(Law.DONE_IS_SEEN, done_is_seen(outcome, read, scene.orgs.statuses if tells else None))
    if scene.number == 1 and not scene.faults:
        life.asks(Law.REACHES, reaches(outcome))
    match outcome:
        case Died():
            for draft in life.sent:  # what it was answered died with it, unless that was journalled
                _is_unsure(life, draft)
        case Returned(result=result):
            owed = None if result.owed is None else (result.owed.role, result.owed.status)
            if owed is None or owed != watch.owed:  # else it is owed still, whatever this one could read
                life.asks(Law.OWED_EXACTLY, owed_exactly(outcome, read))
            if result.exit_code is ExitCode.OWING and owed is not None:
                watch.owed = owed
            elif result.exit_code is ExitCode.DONE and result.goal is not None:
                watch.owed = None
            if is_timed(scene):
                life.asks(Law.IN_TIME, in_time(result.objectives))
        case _:
            pass


def is_timed(scene: Scene) -> bool:
    """Whether nothing went wrong but waits in the only command until now: then it has to be in time."""
    return scene.number == 1 and set(scene.faults) <= {Event.PASSED_LATER}
