"""What a transition may fire on: guards that passed, and readings that are young enough, worked out from the tape alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.engine.reader import ASK_AGAIN_AFTER
from orchestrator.model.guard import AllOf, AnyOf, Compared, Guard, Measured, Not
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.status import Role

from .incident import Played
from .killable import Process
from .tape import Answered, Gauged, Note, Told, Woke, data_of, kind_of

OLD = 10.0
"""Seconds after which a reading is too old to act on."""


class Seen(Struct):
    """What one process has seen, as its notes go by."""

    gauged: dict[str, Gauged] = field(default_factory=dict)
    read: dict[Role, Answered] = field(default_factory=dict)
    since: float = 0.0
    """When its last wait, hook or question ended."""
    waiting: bool = False
    dead: set[str] = field(default_factory=set)
    """Orgs that its emergency has given up."""
    emergency: bool = False
    accepted: set[str] = field(default_factory=set)
    """Guards that a person let pass unjudged."""
    judged: Told | None = None
    allowed: set[str] = field(default_factory=set)
    """Guards that were overridden or waived since then, in the journal."""


def _later_probes(notes: Iterable[Note]) -> set[tuple[Process, float]]:
    """When a probe was begun so late that its answer came together with a slower one's: nothing was waited for then."""
    gauged: dict[Process, list[Gauged]] = defaultdict(list)
    for note in notes:
        if isinstance(note, Gauged):
            gauged[note.process].append(note)
    return {
        (process, late.asked)
        for process, all_of_it in gauged.items()
        for late in all_of_it
        if any(slow.asked < late.asked < slow.at for slow in all_of_it)
    }


def _follow(seen: Seen, note: Note) -> None:  # noqa: C901, PLR0912 - one branch per kind of note
    """Take in what one of its own notes teaches."""
    data = data_of(note, Told)
    match note:
        case Gauged():
            seen.gauged[note.probe] = note
        case Answered(asked=asked) if note.is_good_read:
            seen.read[asked.role] = note
        case Woke(seconds=seconds) if seen.waiting and seconds not in ASK_AGAIN_AFTER:
            seen.since = note.at  # not after a bad answer, when the same look asks that org again
        case Told(record=record):
            match record.kind:
                case "run.started" | "run.resumed":
                    seen.emergency = data["mode"] == "EMERGENCY"
                case "org.given_up":
                    seen.dead.add(data["role"])
                case "wait.began":
                    seen.waiting = True
                case "wait.ended":
                    seen.waiting = False
                case "hook.ended" if not seen.emergency and data["outcome"] != "SKIPPED":
                    seen.since = note.at
                case "person.answered":
                    seen.since = note.at
                    if data["reply"] is not None and data["reply"]["yes"]:
                        seen.accepted.add(data["question"]["subject"])
                case "guard.judged":
                    seen.judged, seen.allowed = note, set()
                case "guard.waived" | "guard.overridden":
                    seen.allowed.add(data["verdict"]["guard"])
                case _:
                    pass
        case _:
            pass


def _fired(played: Played) -> Iterator[tuple[Seen, Told, Transition]]:
    """Every transition that is begun while its guards bind, with what its process has seen by then."""
    seen: dict[Process, Seen] = defaultdict(Seen)
    later = _later_probes(played.tape.notes)
    for note in played.tape.notes:
        process = note.asked.process if isinstance(note, Answered) else getattr(note, "process", None)
        if process is None:
            continue
        mine = seen[process]
        if not (isinstance(note, Woke) and (process, note.at) in later):
            _follow(mine, note)
        if kind_of(note, Told) == "transition.intended" and isinstance(note, Told):
            transition = played.scene.playbook.transition(str(note.record.data["transition"]))
            if transition is not None and mine.judged is not None and data_of(mine.judged, Told)["binding"]:
                yield mine, note, transition


def _finds(name: str, playbook: Playbook, seen: Seen) -> bool | None:
    """Whether a guard over probes passes, worked out here from what the gauges said; None: nobody can tell."""
    guard = playbook.guards[name]
    match guard.kind:
        case Compared(probe=probe):
            gauge = seen.gauged.get(probe)
            if gauge is None or not isinstance(gauge.sight, Measured) or gauge.sight.value is None:
                return None
            value = gauge.sight.value
            assert isinstance(value, float)
            wanted = guard.kind.above is None or value > guard.kind.above
            wanted &= guard.kind.below is None or value < guard.kind.below
            return wanted and (guard.kind.one_of is None or value in guard.kind.one_of)
        case AllOf(guards=parts):
            found = [_finds(part, playbook, seen) for part in parts]
            return False if False in found else None if None in found else True
        case AnyOf(guards=parts):
            found = [_finds(part, playbook, seen) for part in parts]
            return True if True in found else None if None in found else False
        case Not(guard=part):
            inner = _finds(part, playbook, seen)
            return None if inner is None else not inner
        case _:
            return True


def _drawn(played: Played, transition: Transition) -> list[Guard]:
    """The transition's guards that were drawn: all are over probes."""
    around = played.incident.around
    drawn = {guard.name for guard in around.guards} if around is not None else set()
    return [played.scene.playbook.guards[name] for name in transition.guards if name in drawn]


def _gauges_under(name: str, playbook: Playbook) -> Iterator[str]:
    match playbook.guards[name].kind:
        case Compared(probe=probe):
            yield probe
        case AllOf(guards=parts) | AnyOf(guards=parts):
            for part in parts:
                yield from _gauges_under(part, playbook)
        case Not(guard=part):
            yield from _gauges_under(part, playbook)
        case _:
            pass


def _is_dead(played: Played, gauge: str, seen: Seen) -> bool:
    org = played.scene.beside.gauge(gauge).org
    return seen.emergency and org is not None and org.name in seen.dead


def guards_hold(played: Played) -> Iterator[str]:
    playbook = played.scene.playbook
    for seen, note, transition in _fired(played):
        for guard in _drawn(played, transition):
            dead = [each for each in _gauges_under(guard.name, playbook) if _is_dead(played, each, seen)]
            if _finds(guard.name, playbook, _without_old(seen, dead, note.at)) is True:
                continue
            gauges = {name: gauge for name, gauge in seen.gauged.items() if name not in dead}
            finding = _finds(guard.name, playbook, replace(seen, gauged=gauges))
            by_a_person = finding is None and guard.name in seen.accepted and guard.name in seen.allowed
            blind = finding is None and bool(dead) and guard.name in seen.allowed
            if not (by_a_person or blind):
                said = "nobody can tell" if finding is None else "it fails"
                yield f"{note.number}: {note.process.name} begins transition {transition.name}, and of {guard.name} {said}"


def _without_old(seen: Seen, dead: list[str], at: float) -> Seen:
    """What was seen, but for the gauges of an org that is dead by now, unless they were read just before."""
    old = {name for name in dead if name in seen.gauged and at - seen.gauged[name].measured > OLD}
    return replace(seen, gauged={name: gauge for name, gauge in seen.gauged.items() if name not in old})


def fresh_look(played: Played) -> Iterator[str]:
    if played.incident.around is None:
        return
    for seen, note, transition in _fired(played):
        assert seen.judged is not None
        who = f"{note.number}: {note.process.name} begins transition {transition.name}"
        for what, asked, measured in _used(played, seen, transition):
            if seen.judged.at - measured > OLD + 0.1:
                yield f"{who} on {what} as it was {seen.judged.at - measured:.1f} s ago"
            if asked < seen.since:
                yield f"{who} on {what} as read {seen.since - asked:.1f} s before the last wait, hook or question ended"


def _used(played: Played, seen: Seen, transition: Transition) -> Iterator[tuple[str, float, float]]:
    """(what was read, when it was asked for, when it was so) for everything that a transition fires on."""
    survivor = transition.survivor if seen.emergency else None
    for role, read in seen.read.items():
        if survivor in (None, role):
            yield f"the {role}", read.asked.at, read.asked.at
    playbook = played.scene.playbook
    gauges = {each for guard in _drawn(played, transition) for each in _gauges_under(guard.name, playbook)}
    for name in sorted(gauges & set(seen.gauged)):
        if not _is_dead(played, name, seen):
            yield name, seen.gauged[name].asked, seen.gauged[name].measured
