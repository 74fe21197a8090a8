"""Who really wrote what, and what a journal has seen: what the invariants about strangers and old records ask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from copy import deepcopy
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from msgspec import Struct, field

from orchestrator.model.journal import Record
from orchestrator.model.plain import moment
from orchestrator.model.reading import Change, HamrRecord
from orchestrator.model.run import RunOutcome, Stamp
from orchestrator.model.status import Role, Status
from orchestrator.proof.laws import is_older
from orchestrator.proof.virtual_time import EPOCH
from orchestrator.simulator import AppliedLate, ForeignWriter, Returning, StaleRead, simulated_orgs
from orchestrator.simulator.state import SERVER_NAME

from .incident import Played
from .killable import Process
from .tape import Answered, Appended, Asked, Brought, Happened, Note, Wrote, kind_of
from .world import OTHER_ORGS

ROLES = {org.uuid: org.role for seed in (0, OTHER_ORGS) for org in simulated_orgs(seed)}

SEES = frozenset({"situation.read", "write.confirmed", "change.seen"})
"""Record kinds that hold what was read."""

SEND_SECONDS = 5.0
"""How old a reading may be on which something is sent."""

Version = tuple[int, datetime | None, str]
"""Status, modified_at and modified_by: what tells one write from another."""


def version(record: HamrRecord) -> Version:
    """Of a record."""
    return record.status, record.modified_at, record.modified_by


def in_words(seen: Version | None) -> str:
    """Of a version."""
    if seen is None:
        return "nothing"
    at = "no time" if seen[1] is None else f"{seen[1]:%H:%M:%S.%f}"
    return f"{Status.of(seen[0])} by {seen[2]} at {at}"


class Writers(Struct, frozen=True):
    """Who wrote each version that there ever was."""

    found: dict[Version, list[Wrote]]
    moved: dict[Version, Version]
    """What the server itself moved on from, where the pair does not mirror, by what it made of it."""

    @classmethod
    def of(cls, played: Played) -> Writers:
        """From the tape."""
        found: dict[Version, list[Wrote]] = defaultdict(list)
        moved: dict[Version, Version] = {}
        last: dict[Role, Version] = {}
        for note in played.tape.notes:
            if isinstance(note, Wrote):
                written = version(note.record)
                if note.author == SERVER_NAME and note.role in last and played.incident.config.mirror is None:
                    moved[written] = last[note.role]
                last[note.role] = written
                found[written].append(note)
        return cls(found, moved)

    def run(self, seen: Version) -> str:
        """The run that wrote it; "" where nobody's did, or where nothing tells who did."""
        notes = self.found.get(seen, [])
        if not notes or not all(note.ours for note in notes):
            return ""
        runs = {stamp.run if stamp is not None else "" for stamp in (Stamp.parse(n.author) for n in notes)}
        return runs.pop() if len(runs) == 1 else ""

    def strange(self, seen: Version, runs: frozenset[str]) -> bool:
        """Whether somebody else wrote it for certain: nobody at all of those runs."""
        notes = self.found.get(seen, [])
        return bool(notes) and not any(
            note.ours and (stamp := Stamp.parse(note.author)) is not None and stamp.run in runs
            for note in notes
        )


class Unclaimed(Struct):
    """The statuses of each run's writes since an answer, or a reading under our own name, last told whose they are.

    A record that shows one of them cannot be told from that run's own (law 3: in effect, author unproven).
    """

    statuses: dict[str, set[Status]] = field(default_factory=lambda: defaultdict(set))

    def take(self, note: Note) -> None:
        """What the next note of the tape says of it."""
        if not isinstance(note, Appended):
            return
        of, data = self.statuses[note.record.run], cast("dict[str, Any]", note.record.data)
        match note.record.kind:
            case "write.intended":
                of.add(Status[data["attempt"]["status"]])
            case "write.answered" if data["answer"].get("record") is not None:
                of.clear()
            case "write.confirmed" if data["change"] != "UNPROVEN":
                of.clear()

    def hides(self, run: str, record: HamrRecord) -> bool:
        """Whether a run may take this record for its own."""
        return Status.of(record.status) in self.statuses[run]


def is_split(played: Played) -> bool:
    """Whether a run went on in two journals: an emergency left the team's, and somebody took the run up from there."""
    moved: dict[str, Process] = {}
    for note in played.tape.notes:
        if not isinstance(note, Appended) or isinstance(note, Brought):
            continue
        if note.record.kind == "journal.moved":
            moved[note.record.run] = note.process
        elif moved.get(note.record.run, note.process) is not note.process:
            return True
    return False


def holders(played: Played) -> Iterator[tuple[Note, dict[str, str]]]:
    """Every note, with who holds each journal's lock by then."""
    holding: dict[str, str] = {}
    for note in played.tape.notes:
        if isinstance(note, Appended):
            if note.record.kind in ("lock.taken", "lock.taken_over", "journal.moved"):
                holding[note.machine] = note.process.name
            elif note.record.kind in ("lock.released", "lock.broken"):
                holding.pop(note.machine, None)
        yield note, holding


class Seen(Struct):
    """What a journal has seen of each org by now."""

    newest: dict[Role, Version] = field(default_factory=dict)
    """The floor: by the org's own times, and where those do not tell, what was seen first after the others (law 3)."""
    versions: dict[Role, set[Version]] = field(default_factory=lambda: defaultdict(set))
    bases: dict[str, dict[Role, Version]] = field(default_factory=lambda: defaultdict(dict))
    """What each run read first; what lagged behind the floor then is none."""
    lagging: set[tuple[str, Role]] = field(default_factory=set)
    """Whose first reading did, until a later one does not."""
    gone: dict[Role, set[Version]] = field(default_factory=lambda: defaultdict(set))
    """What a person has said is there no more: shown again, it is a reading from before the floor (law 3), whatever its time."""

    def take(self, run: str, role: Role, seen: Version) -> None:
        """Take note of one."""
        newest, again = self.newest.get(role), seen in self.versions[role]
        self.versions[role].add(seen)
        if role not in self.bases[run] or (run, role) in self.lagging:
            self.bases[run][role] = seen
            self.lagging.discard((run, role))
            if newest is not None and is_older(seen[1], newest[1]):
                self.lagging.add((run, role))
        if newest is None or (
            seen not in self.gone[role]
            and (is_older(newest[1], seen[1]) or not (again or is_older(seen[1], newest[1])))
        ):
            self.newest[role] = seen

    def accept(self, run: str, role: Role, seen: Version) -> None:
        """A person has said that this is what is there."""
        self.newest[role] = self.bases[run][role] = seen
        self.gone[role] = self.versions[role] - {seen}


def until_finished(played: Played, process: Process, run: str | None) -> list[Note]:
    """The tape until a process last said how this run ended, else all of it: what a drill reads after that is read for its score."""
    notes = played.tape.notes
    ends = [
        number
        for number, note in enumerate(notes)
        if isinstance(note, Appended)
        and kind_of(note) == "run.finished"
        and note.process is process
        and note.record.run == run
    ]
    return notes[: ends[-1]] if ends else notes


def last_read(notes: Iterable[Note], process: Process) -> dict[Role, Answered]:
    """What showed a process each org last."""
    found = (note for note in notes if isinstance(note, Answered) and note.asked.process is process)
    return {note.asked.role: note for note in found if note.is_good_read}


def looked_old(played: Played, process: Process, ending: RunOutcome) -> bool:
    """Whether it ended for a reading that is old, or looks so, as copies do that cross by two clocks: nobody is blamed for them.

    Nor for what a mirror did put back.
    """
    config = played.incident.config
    last = None if ending.org is None else last_read(played.tape.notes, process).get(ending.org)
    old = last is not None and (
        not same(last.record, last.asked.truth[last.asked.role]) or _went_back(played, last)
    )
    return ending.change is Change.STALE and (old or (config.mirror is not None and any(config.skew)))


def _went_back(played: Played, last: Answered) -> bool:
    """Whether an org really shows what is older than what it had shown before."""
    before = (
        note.record
        for note in played.tape.notes[: last.number]
        if isinstance(note, Answered) and note.is_good_read and note.asked.role is last.asked.role
    )
    shown = last.record.modified_at if last.record is not None else None
    return any(record is not None and is_older(shown, record.modified_at) for record in before)


def others_wrote(played: Played, process: Process) -> bool:
    """Whether another process wrote while this one lived, and did not hold the lock: it asked a person, or was broken.

    Or another run did since this one's began, on a journal of its own: to a run, a write of any other one is foreign (law 3).
    """
    runs = {
        note.record.run
        for note in played.tape.notes
        if isinstance(note, Appended) and note.process is process
    }
    living = began = False
    for note in played.tape.notes:
        if isinstance(note, Happened) and note.process is process and note.what in ("life", "end"):
            if note.what == "end":
                return False
            living = True
        elif isinstance(note, Appended) and note.record.kind == "run.started":
            began = began or note.record.run in runs
        elif (
            isinstance(note, Asked)
            and note.posts
            and note.process is not process
            and (living or (began and note.run not in runs))
        ):
            return True
    return False


def began_stale(played: Played, process: Process) -> bool:
    """Whether the first that a life saw of an org was old: nothing tells that from a change that came after."""
    first: dict[Role, Answered] = {}
    for note in played.tape.notes:
        if isinstance(note, Answered) and note.asked.process is process and note.is_good_read:
            first.setdefault(note.asked.role, note)
    return any(not same(note.record, note.asked.truth[role]) for role, note in first.items())


def records_of(played: Played, *kinds: str) -> Iterator[Record]:
    """What all journals hold in the end, of some kinds, or of all."""
    for records in played.records.values():
        yield from (record for record in records if not kinds or record.kind in kinds)


def same(one: HamrRecord | None, other: HamrRecord | None) -> bool:
    """Whether both are the same version, or there is none."""
    if one is None or other is None:
        return one is other
    return one.same_version(other)


def attempt_of(record: Record) -> dict[str, Any]:
    """What a record says of an attempt."""
    found = record.data["attempt"]
    assert isinstance(found, dict)
    return found


def seen_by_then(played: Played) -> Iterator[tuple[Note, dict[str, Seen]]]:
    """Every note, with what each journal had seen before it."""
    journals: dict[str, Seen] = defaultdict(Seen)
    copied: dict[str, Seen] = {}
    for note in played.tape.notes:
        yield note, journals
        if isinstance(note, Happened) and note.what == "copied":
            copied = deepcopy(dict(journals))
        elif isinstance(note, Happened) and note.what == "restored":
            journals.clear()  # it has forgotten what came since, and nobody can blame it
            journals.update(copied)
        elif isinstance(note, Happened) and note.what == "repointed":
            journals.clear()
        elif isinstance(note, Appended) and note.record.kind in SEES:
            data: Any = note.record.data
            shown = data["readings"] if note.record.kind == "situation.read" else data["record"]
            if data.get("accepted") and shown is None:
                journals[note.machine].newest.pop(Role[data["role"]], None)
            for role, seen in records_in(shown):
                journals[note.machine].take(note.record.run, role, seen)
                if data.get("accepted"):
                    journals[note.machine].accept(note.record.run, role, seen)


@lru_cache(4096)
def _moment(text: str) -> datetime:
    return moment(text)


def records_in(data: Any) -> Iterator[tuple[Role, Version]]:
    """Every HAMR record in what the journal holds, with the org that it is of."""
    if isinstance(data, dict):
        if "modified_by" in data and data.get("org_uuid") in ROLES:
            at = data["modified_at"]
            yield (
                ROLES[data["org_uuid"]],
                (
                    data["status"],
                    None if at is None else _moment(at),
                    data["modified_by"],
                ),
            )
            return
        for each in data.values():
            yield from records_in(each)
    elif isinstance(data, list):
        for each in data:
            yield from records_in(each)


def carried_back(played: Played, record: HamrRecord | None, began: float | None) -> bool:
    """Whether a mirror carried a record over a newer one of this run: from an org that came back with what it had."""
    config = played.incident.config
    if began is None or record is None or record.modified_at is None or config.mirror is None:
        return False
    at = (record.modified_at - EPOCH).total_seconds()
    return config.returning is Returning.REVERT and at + max(map(abs, config.skew)) < began


def disturbed(played: Played) -> bool:
    """Whether somebody else, or something late or going back in time, had a hand in it."""
    incident = played.incident
    if (
        not incident.calm
        or is_split(played)
        or (incident.config.returning is Returning.REVERT and was_dark(played))
    ):
        return True
    return any(isinstance(fault.kind, ForeignWriter | AppliedLate) for fault in incident.faults)


def was_dark(played: Played) -> bool:
    """Whether a region was, for a while."""
    return any("Dark" in type(fault.kind).__name__ for fault in played.incident.faults) or bool(
        played.incident.dark
    )


def lags(played: Played) -> bool:
    """Whether a read may show what is past."""
    incident = played.incident
    return incident.config.read_lag > 0 or any(isinstance(fault.kind, StaleRead) for fault in incident.faults)
