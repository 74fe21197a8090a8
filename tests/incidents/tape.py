"""What everybody did and saw, in the one order in which it happened: the witness that the invariants question."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from orchestrator.datadog.wire import decode_record
from orchestrator.model.guard import Measured, Unmeasured
from orchestrator.model.journal import Entry, Record
from orchestrator.model.plain import JSON, moment
from orchestrator.model.playbook import Question
from orchestrator.model.reading import HamrRecord
from orchestrator.model.run import Stamp
from orchestrator.model.status import Both, Role, Status
from orchestrator.proof.virtual_time import BEGINNING
from orchestrator.simulator import RECORD_PATH, Effect, Response, Truncated

from .killable import Process, ProcessLoop


class Note(Struct, frozen=True):
    """Something that happened, and when."""

    number: int
    at: float
    """Virtual seconds since the incident began."""


class Appended(Note, frozen=True):
    """A process journalled something."""

    process: Process
    machine: str
    record: Record
    operation: int
    """Which of its process's journal operations it belongs to: several records are one transaction."""


class Brought(Appended, frozen=True):
    """A process brought in what another journal held: it happened there, and then."""


class Told(Note, frozen=True):
    """A process knows something; it is in the journal with its next intent at the latest, unless the process dies."""

    process: Process
    record: Entry


class Asked(Note, frozen=True):
    """A request left a process."""

    process: Process
    machine: str
    role: Role
    method: str
    path: str
    body: JSON
    seconds: float
    """The process's own monotonic clock, when the bytes left."""
    wanted: float
    """The same clock, when the request was handed over to be sent."""
    peer: str
    """The uuid of the org's peer, as the inventory has it."""
    truth: Both[HamrRecord | None]
    """Both records as they were just then."""

    @property
    def posts(self) -> bool:
        """Whether it is a write."""
        return self.method == "POST" and self.path == RECORD_PATH

    @property
    def reads(self) -> bool:
        """Whether it reads the record."""
        return self.method == "GET" and self.path == RECORD_PATH

    @property
    def attributes(self) -> dict[str, JSON]:
        """A write's attributes, in snake casing or pascal, as sent."""
        data = self.body.get("data") if isinstance(self.body, dict) else None
        found = data.get("attributes") if isinstance(data, dict) else None
        return found if isinstance(found, dict) else {}

    @property
    def stamp(self) -> str:
        """A write's `modified_by`."""
        return str(self.attributes.get("modified_by", self.attributes.get("ModifiedBy", "")))

    @property
    def run(self) -> str:
        """The run that a write belongs to."""
        stamp = Stamp.parse(self.stamp)
        return "" if stamp is None else stamp.run

    @property
    def status(self) -> Status | None:
        """A write's status."""
        number = self.attributes.get("hamr_status", self.attributes.get("HamrStatus"))
        return Status.of(number) if isinstance(number, int) else None


class Answered(Note, frozen=True):
    """What a request came to reached its process."""

    asked: Asked
    effect: Effect | None
    """None: the process stopped waiting."""

    record: HamrRecord | None
    """The record that a whole answer of 200 shows."""

    @property
    def absent(self) -> bool:
        """Whether it says that there is no record."""
        return isinstance(self.effect, Response) and self.effect.status == 404

    @property
    def is_good_read(self) -> bool:
        """Whether it shows the record, or that there is none."""
        return self.asked.reads and (self.record is not None or self.absent)

    @property
    def words(self) -> str:
        """For the trace."""
        match self.effect:
            case None:
                return "nothing (gave up waiting)"
            case Response(status=status):
                record = self.record
                shown = f" {Status.of(record.status)} by {record.modified_by}" if record is not None else ""
                return f"{status}{shown}"
            case Truncated():
                return "half an answer"
            case effect:
                return effect.value


class Wrote(Note, frozen=True):
    """An org's record was replaced: by a request, sooner or later, or by somebody else."""

    role: Role
    record: HamrRecord
    author: str
    """The `modified_by` that was sent, whatever the server made of it."""
    ours: bool


class Happened(Note, frozen=True):
    """Something in the world: a foreign write, darkness, a crash, a life's beginning and end."""

    what: str
    words: str
    process: Process | None = None


def data_of(note: Note, what: type[Appended | Told] | None = None) -> Any:
    """What a journal record holds; {} for any other note.

    Args:
        note: any note.
        what: Told for what a process knows, and when; Appended (the default) for what the journal holds.
    """
    what = Appended if what is None else what
    return note.record.data if isinstance(note, what) and not isinstance(note, Brought) else {}


def kind_of(note: Note, what: type[Appended | Told] | None = None) -> str:
    """A journal record's kind; "" for any other note. Arguments as for `data_of`."""
    what = Appended if what is None else what
    return note.record.kind if isinstance(note, what) and not isinstance(note, Brought) else ""


class Gauged(Note, frozen=True):
    """A process was told what a probe shows."""

    process: Process
    probe: str
    asked: float
    measured: float
    """When that was so."""
    sight: Measured | Unmeasured


class HookRan(Note, frozen=True):
    """A hook's program begins, ends well, or fails: whether or not anybody still waits for it."""

    process: Process
    key: tuple[str, str, str, str]
    """Run, transition, side, hook."""
    what: str


class Questioned(Note, frozen=True):
    """A person reads a question, or has dealt with it."""

    process: Process
    question: Question
    answered: bool


class Woke(Note, frozen=True):
    """A process has slept on its clock."""

    process: Process
    seconds: float
    """For so long, as it wanted."""


@dataclass(slots=True)
class Tape:
    """All notes of one incident."""

    loop: ProcessLoop
    notes: list[Note] = field(default_factory=list)
    listeners: list[Callable[[Note], None]] = field(default_factory=list)
    """The world, which does something after something was done."""

    @property
    def now(self) -> float:
        """Seconds since the incident began."""
        return self.loop.time() - BEGINNING

    @property
    def next(self) -> int:
        """The next note's number."""
        return len(self.notes)

    def note(self, note: Note) -> None:
        """Keep a note, and let the world know."""
        self.notes.append(note)
        for listener in self.listeners:
            listener(note)

    def wrote(self, role: Role, record: HamrRecord, author: str, *, ours: bool) -> None:
        """Note who replaced a record."""
        self.notes.append(Wrote(self.next, self.now, role, record, author, ours))

    def teller_of(self, record: Record) -> Process:
        """Who was told what stands there."""
        for note in reversed(self.notes):
            if isinstance(note, Told) and _are_same(note.record, record):
                return note.process
        raise LookupError(f"nobody was told of record {record.seq}, {record.kind}")

    def happened(self, what: str, words: str = "", process: Process | None = None) -> None:
        """Note something in the world."""
        self.notes.append(Happened(self.next, self.now, what, words, process))

    def appended(self, process: Process, machine: str, record: Record, operation: int) -> None:
        """Note a journal record."""
        mine = record.by.casefold() == process.name.partition("#")[0]
        kind = Appended if mine else Brought
        self.note(kind(self.next, self.now, process, machine, record, operation))

    def told(self, process: Process, entry: Entry) -> None:
        """Note what will be journalled."""
        self.notes.append(Told(self.next, self.now, process, entry))

    def measured(
        self, process: Process, probe: str, asked: float, measured: float, sight: Measured | Unmeasured
    ) -> None:
        """Note what a probe said."""
        self.notes.append(Gauged(self.next, self.now, process, probe, asked, measured, sight))

    def hook(self, process: Process, key: tuple[str, str, str, str], what: str) -> None:
        """Note what a hook's program does."""
        self.notes.append(HookRan(self.next, self.now, process, key, what))

    def asked(self, process: Process, question: Question) -> None:
        """Note a question."""
        self.notes.append(Questioned(self.next, self.now, process, question, answered=False))

    def replied(self, process: Process, question: Question) -> None:
        """Note that a question does not stand any more."""
        self.notes.append(Questioned(self.next, self.now, process, question, answered=True))

    def woke(self, process: Process, seconds: float) -> None:
        """Note the end of a process's sleep."""
        self.notes.append(Woke(self.next, self.now, process, seconds))

    def answered(self, asked: Asked, effect: Effect | None) -> None:
        """Note an answer."""
        self.notes.append(Answered(self.next, self.now, asked, effect, _record(effect)))


def _are_same(told: Entry, record: Record) -> bool:
    return (told.run, told.kind, told.data) == (record.run, record.kind, record.data) and told.at == moment(
        record.at
    )


def _record(effect: Effect | None) -> HamrRecord | None:
    if not isinstance(effect, Response) or effect.status != 200:
        return None
    try:
        found = decode_record(json.loads(effect.body))
    except ValueError:
        return None
    return found if isinstance(found, HamrRecord) else None
