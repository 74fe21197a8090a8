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

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from orchestrator.errors import ExitCode
from orchestrator.model.events import TransitionIntended, WriteIntended
from orchestrator.model.journal import Entry, Record
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import HamrRecord
from orchestrator.model.run import Objective
from orchestrator.model.status import Role, Status
from orchestrator.model.words import span

from .keyboard import Crashed, Outcome, Raised, Returned

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
        case Raised(error=error) if sent:
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
