"""What must hold of a team's journal, whatever its server did; the fourth part of `invariants`.

kept                what a process was told to be journalled stands there in the end                        (laws 6, 16)
told-once           nothing stands there twice that was told once                                            (law 16)
merged              the team's journal knows in the end what emergencies have journalled alone                (laws 9, 16)
unheld              an emergency waits for a team's server that is gone no longer than it may                 (law 9)
goes-on             no run of an emergency ends, or does not begin, for a team's journal                      (law 9)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

from orchestrator.errors import JournalUnavailable
from orchestrator.journal.chain import canonical
from orchestrator.model.journal import Entry, Record
from orchestrator.model.plain import moment
from orchestrator.model.run import Mode
from orchestrator.operations.session import EMERGENCY_BUSY_SECONDS
from orchestrator.proof.keyboard import Raised, Returned

from .incident import Played
from .tape import Appended, Told

BEGIN = ("alice", "carol", "erin")
"""Who begins a run of their own."""


def kept(played: Played) -> Iterator[str]:
    if played.incident.team is None:
        return
    held = {name: {record.hash for record in records} for name, records in played.records.items()}
    for note in played.tape.notes:
        if isinstance(note, Appended) and note.record.hash not in held.get(note.machine, ()):
            yield f"{note.number}: {note.record.kind} was journalled by {note.process.name}, and is not in {note.machine}"


def told_once(played: Played) -> Iterator[str]:
    """In one journal: what was merged is set aside, and the next emergency's begins with its run as the team's tells it (law 9)."""
    if played.incident.team is None:
        return
    told = Counter(_content(note.record) for note in played.tape.notes if isinstance(note, Told))
    for name, records in _journals(played):
        for content, times in Counter(_content(record) for record in records).items():
            if times > max(1, told[content]):
                yield f"{name} holds {times} times what was told {told[content]} times: {content[:160]!r}"


def _journals(played: Played) -> Iterator[tuple[str, list[Record]]]:
    """Each journal by itself: a computer may have begun several, one after the other."""
    for name, records in played.records.items():
        begins = [index for index, record in enumerate(records) if record.seq == 1]
        for begin, end in pairwise([*begins, len(records)]):
            yield name, records[begin:end]


def merged(played: Played) -> Iterator[str]:
    if played.incident.team is None or played.stuck:
        return
    first = played.machines[0].name
    known = {_content(record) for record in played.records[first]}
    for name, records in played.records.items():
        for record in records:
            if name != first and _content(record) not in known:
                yield f"record {record.seq} of {name}, {record.kind}, is not in the team's journal"


def unheld(played: Played) -> Iterator[str]:
    incident = played.incident
    if incident.team is None or incident.mode is not Mode.EMERGENCY:
        return
    for process, waited in played.scene.waited.items():
        # One call that nobody answers, and a heartbeat's that was on its way before it.
        if waited > 2 * EMERGENCY_BUSY_SECONDS + 0.1:
            yield f"{process.name} waited {waited:.1f} s for a journal that failed it"


def goes_on(played: Played) -> Iterator[str]:
    if played.incident.team is None or played.incident.mode is not Mode.EMERGENCY:
        return
    for process, outcome in played.lives:
        if process not in played.scene.waited or not process.name.startswith(BEGIN):
            continue
        if isinstance(outcome, Raised) and isinstance(outcome.error, JournalUnavailable):
            yield f"{process.name} did not begin: {outcome.error.message}"
        if isinstance(outcome, Returned) and "postgresql://" in outcome.result.ending.message:
            yield f"{process.name} ends as {outcome.result.ending.message}"


def _content(record: Record | Entry) -> bytes:
    at = record.at if isinstance(record, Entry) else moment(record.at)
    return canonical([str(at), record.run, record.pair, record.kind, record.by, record.host, record.data])


TEAM_INVARIANTS: dict[str, Callable[[Played], Iterator[str]]] = {
    "kept": kept,
    "told-once": told_once,
    "merged": merged,
    "unheld": unheld,
    "goes-on": goes_on,
}
