"""What must hold of hooks: before the writes, once, after a yes, owed until they are done, and never in an emergency's way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.errors import ExitCode
from orchestrator.model.journal import Record
from orchestrator.model.playbook import Again, Hook, InEmergency, Program
from orchestrator.model.run import Mode
from orchestrator.model.status import Role
from orchestrator.proof.keyboard import Returned
from orchestrator.simulator import ForeignWriter

from .draw import Life, Story
from .incident import Played, play
from .killable import Process
from .tape import Appended, Asked, Brought, Happened, HookRan, Note, Woke, data_of, kind_of

Key = tuple[str, str, str, str]
"""Run, transition, side, hook."""

ENDED_WELL = frozenset({"DONE", "LEFT_TO_PERSON", "SKIPPED"})


def _key(record: Record) -> Key:
    data: Any = record.data
    return record.run, data["transition"], data["when"], data["hook"]


def _ran_key(note: HookRan) -> Key:
    run, transition, when, hook = note.key
    return run, transition, when.upper(), hook


def _modes(played: Played) -> Iterator[tuple[Note, dict[str, str]]]:
    """Every note, with each run's mode by then."""
    modes: dict[str, str] = {}
    for note in played.tape.notes:
        if kind_of(note) in ("run.started", "run.resumed") and isinstance(note, Appended):
            modes[note.record.run] = data_of(note)["mode"]
        yield note, modes


def hooks_first(played: Played) -> Iterator[str]:
    ended: dict[Key, str] = {}
    for note, modes in _modes(played):
        if not isinstance(note, Appended):
            continue
        record = note.record
        if record.kind == "hook.ended":
            ended[_key(record)] = str(record.data["outcome"])
        elif record.kind == "write.intended" and modes.get(record.run) == "PLANNED":
            attempt: Any = record.data["attempt"]
            transition = played.scene.playbook.transition(attempt["transition"])
            if transition is None or attempt["purpose"] not in ("transition", "resend"):
                continue
            for hook in transition.before:
                outcome = ended.get((record.run, transition.name, "BEFORE", hook.name))
                if outcome not in ENDED_WELL:
                    yield f"{note.number}: a write of transition {transition.name} is intended, and its hook {hook.name} is {outcome}"


def _hook(played: Played, transition: str, name: str) -> Hook | None:
    found = played.scene.playbook.transition(transition)
    hooks = () if found is None else (*found.before, *found.after)
    return next((hook for hook in hooks if hook.name == name), None)


def asked_again(played: Played) -> Iterator[str]:
    begun: dict[Key, Record] = {}
    yes: dict[tuple[str, str], Record] = {}
    for note in played.tape.notes:
        _forget(played, note, begun, yes)
        if not isinstance(note, Appended) or isinstance(note, Brought):
            continue
        record, data = note.record, data_of(note)
        if record.kind == "person.answered" and data["question"]["asks"] == "AGAIN":
            if data["reply"] is not None and data["reply"]["yes"]:
                yes[record.run, data["question"]["subject"]] = record
        elif record.kind == "hook.intended":
            hook = _hook(played, data["transition"], data["hook"])
            if hook is None or not isinstance(hook.what, Program) or hook.again is Again.SAFE:
                continue
            if _key(record) in begun and (record.run, hook.name) not in yes:
                yield f"{note.number}: hook {hook.name} is begun again, and nobody said that it may"
            begun.setdefault(_key(record), record)
            yes.pop((record.run, hook.name), None)


def _forget(played: Played, note: Note, *memories: dict[Any, Record]) -> None:
    """A journal that is put back as it was has lost what came after the copy: nobody can go by that any more."""
    if not (isinstance(note, Happened) and note.what == "restored"):
        return
    kept = {record.hash for records in played.records.values() for record in records}
    for memory in memories:
        for key in [key for key, record in memory.items() if record.hash not in kept]:
            del memory[key]


def done_once(played: Played) -> Iterator[str]:
    done: dict[Key, Record] = {}
    intended: dict[Key, int] = defaultdict(int)
    ran: dict[Key, int] = defaultdict(int)
    for note in played.tape.notes:
        _forget(played, note, done)
        if isinstance(note, HookRan) and note.what == "begins":
            key = _ran_key(note)
            ran[key] += 1
            if ran[key] > intended[key]:
                yield f"{note.number}: hook {'/'.join(key[1:])} is started without an intent"
        elif kind_of(note) == "hook.intended" and isinstance(note, Appended):
            key = _key(note.record)
            intended[key] += 1
            if key in done:
                yield f"{note.number}: hook {'/'.join(key[1:])} is begun again, and was done in this run"
        elif (
            kind_of(note) == "hook.ended"
            and isinstance(note, Appended)
            and data_of(note)["outcome"] == "DONE"
        ):
            done.setdefault(_key(note.record), note.record)


class Course(Struct):
    """One run, as its journal tells it."""

    begun: dict[str, bool] = field(default_factory=dict)
    """Transitions that were begun, and not refused; whether in an emergency, as one that was killed before it did anything is not."""
    made: dict[str, bool] = field(default_factory=dict)
    ended: dict[Key, str] = field(default_factory=dict)
    emergency: bool = False
    superseded: bool = False
    end: str = ""


def _courses(  # noqa: C901 - one branch per kind of record
    played: Played, *, until: int | None = None
) -> dict[str, Course]:
    """Every run, up to a note."""
    courses: dict[str, Course] = defaultdict(Course)
    for note in played.tape.notes[:until]:
        if not isinstance(note, Appended) or isinstance(note, Brought):
            continue
        course, data = courses[note.record.run], data_of(note)
        match note.record.kind:
            case "run.started" | "run.resumed":
                course.emergency = data["mode"] == "EMERGENCY"
            case "transition.intended":
                course.begun[data["transition"]] = course.emergency
            case "transition.refused":
                course.begun.pop(data["transition"], None)
            case "transition.made":
                course.begun[data["transition"]] = course.made[data["transition"]] = course.emergency
            case "hook.ended":
                course.ended[_key(note.record)] = data["outcome"]
            case "run.superseded":
                course.superseded = True
            case "pair.adopted":
                for other in courses.values():
                    other.superseded |= other is not course
            case "run.finished":
                course.end = data["ending"]["end"]
            case _:
                pass
    return courses


def _owed(played: Played, run: str, course: Course, transitions: dict[str, bool]) -> list[str]:
    """Transition and hook, as "transition/hook", of the `after` hooks of these transitions that did not end well."""
    return [
        f"{transition.name}/{hook.name}"
        for name, emergency in transitions.items()
        if (transition := played.scene.playbook.transition(name)) is not None
        for hook in transition.after
        if course.ended.get((run, transition.name, "AFTER", hook.name)) not in ENDED_WELL
        and not (emergency and hook.emergency is InEmergency.SKIP)
    ]


def after_done(played: Played) -> Iterator[str]:
    """A transition that a run began, and that lies behind the goal at which it arrived, was made: whoever journalled that or not."""
    if not played.closed or not _undisturbed(played):
        return
    for run, course in _courses(played).items():
        if course.superseded or course.end != "DONE":
            continue
        for name in _owed(played, run, course, course.begun):
            yield f"run {run} is done, and {name} is not"


def owed_is_said(played: Played) -> Iterator[str]:
    if played.incident.attacks.restored is not None:
        return  # of a hook that began after the copy it cannot know
    for process, outcome in played.lives:
        if not isinstance(outcome, Returned) or played.incident.around is None:
            continue
        result = outcome.result
        if result.exit_code not in (ExitCode.DONE, ExitCode.OWING):
            continue
        courses = _courses(played, until=_end_of(played, process))
        course = courses[result.run]
        owed = _owed(played, result.run, course, course.made)
        # A run that found nothing to do names those of a run that it has left open, too.
        others = [
            (run, other) for run, other in courses.items() if run != result.run and not other.superseded
        ]
        left = [hook for run, other in others for hook in _owed(played, run, other, other.made)]
        may_add = left if not course.begun else []
        said = [hook for hook in result.hooks_owed if hook in owed or hook not in may_add]
        if sorted(owed) != sorted(said):
            yield f"{process.name} says that it owes {result.hooks_owed}, and owes {owed}"
        if owed and result.exit_code is ExitCode.DONE:
            yield f"{process.name} says done, and owes {owed}"


def _end_of(played: Played, process: Process) -> int | None:
    """The number of the note that a process has ended."""
    return next(
        (
            note.number
            for note in played.tape.notes
            if isinstance(note, Happened) and note.what == "end" and note.process is process
        ),
        None,
    )


def _undisturbed(played: Played) -> bool:
    incident = played.incident
    return incident.calm and not any(isinstance(fault.kind, ForeignWriter) for fault in incident.faults)


# -- emergencies ------------------------------------------------------------------------------------------------


def unhindered(played: Played) -> Iterator[str]:
    """The same incident without a hook: the first life writes the survivor at the very same moments."""
    incident = played.incident
    around = incident.around
    if around is None or incident.mode is not Mode.EMERGENCY or incident.story is not Story.ALONE:
        return
    if incident.lives[0] != Life() or around.visitor is not None or incident.meanwhile is not None:
        return
    if around.deeds and incident.calm:
        twin = play(replace(incident, around=replace(around, deeds=())))
        mine, its = _survivor_written(played), _survivor_written(twin)
        late = [(one, two) for one, two in zip(mine, its, strict=False) if one > two + 0.001]
        if len(mine) < len(its) or late:
            yield f"the survivor was written at {mine}, and without hooks at {its}"
    yield from _probes_bound(played)


def _first(played: Played) -> Process | None:
    """The first life of the program."""
    began = (note for note in played.tape.notes if isinstance(note, Happened) and note.what == "life")
    return next((note.process for note in began), None)


def _survivor_written(played: Played) -> list[float]:
    first = _first(played)
    return [
        note.at
        for note in played.tape.notes
        if isinstance(note, Asked) and note.posts and note.process is first and note.role is Role.SECONDARY
    ]


def _probes_bound(played: Played) -> Iterator[str]:
    """From the start, or from the last write, to the next one: a look, and what the slowest probe of the transition takes."""
    first, since = _first(played), 0.0
    slowest = max((min(each.takes, each.timeout) for each in played.scene.beside.drawn.gauges), default=0.0)
    if played.incident.faults or played.incident.config.read_lag or played.incident.config.advances:
        return
    limit = 2.0 + 2.0 + 2 * slowest + 2 * 2.0
    for note in played.tape.notes:
        if getattr(note, "process", None) is not first:
            continue
        if isinstance(note, Woke) or kind_of(note) in ("write.confirmed", "person.answered", "wait.ended"):
            since = note.at
        if isinstance(note, Asked) and note.posts and note.role is Role.SECONDARY and note.at - since > limit:
            yield f"{note.number}: the survivor is written {note.at - since:.1f} s after what came before"
