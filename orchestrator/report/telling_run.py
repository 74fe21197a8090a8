"""The records of one run → its story."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.model.events import (
    ChangeSeen,
    ClockDistrusted,
    Event,
    GuardOverridden,
    LockBroken,
    LockTakenOver,
    NameLearned,
    NoticeFailed,
    OrgGivenUp,
    OwedSettled,
    PairAdopted,
    RunAcknowledged,
    RunFinished,
    RunResumed,
    RunStarted,
    RunSuperseded,
    SituationRead,
    WriteConfirmed,
    WriteOwed,
    WriteUnknown,
)
from orchestrator.model.guard import Verdict
from orchestrator.model.journal import Record
from orchestrator.model.plain import moment
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import HamrRecord, Reading
from orchestrator.model.run import End, Mode, Objective
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.timing import times_of

from .layout import Span, shortened
from .story import Debt, Entry, Resume, RunStory, Stand
from .telling_transitions import TransitionsTeller
from .told import headline, reading_words

_NOTABLE = (
    ChangeSeen,
    ClockDistrusted,
    LockBroken,
    LockTakenOver,
    NameLearned,
    NoticeFailed,
    OrgGivenUp,
    OwedSettled,
    PairAdopted,
    RunAcknowledged,
    RunResumed,
    RunSuperseded,
    WriteOwed,
    WriteUnknown,
)
"""What was out of the ordinary, or was found out on the way."""


def the_role(role: Role) -> str:
    """How an org is called where nobody has told its name."""
    return f"the {role}"


class RunTeller(Struct):
    """Takes in one record after the other."""

    run: str
    name: str = ""
    transitions: TransitionsTeller = field(default_factory=TransitionsTeller)
    records: list[Record] = field(default_factory=list)
    events: list[tuple[Event, datetime]] = field(default_factory=list)
    started: RunStarted | None = None
    finished: RunFinished | None = None
    finished_at: datetime | None = None
    finished_seq: int = 0
    superseded_by: str = ""
    acknowledged: bool = False
    mode: Mode = Mode.PLANNED
    resumes: list[Resume] = field(default_factory=list)
    overridden_before: list[tuple[Verdict, str]] = field(default_factory=list)
    stands: dict[Role, list[Stand]] = field(default_factory=lambda: {role: [] for role in Role})
    debts: list[Debt] = field(default_factory=list)
    objectives: dict[Status, Objective] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    names: dict[Role, str] = field(default_factory=dict)

    def note(self, record: Record, event: Event | None) -> None:
        """Take in the next record of the run."""
        at = moment(record.at)
        self.records.append(record)
        if event is None:
            said = Span(f"{shortened(record.kind, 60)}: written by another version of hamr", "dim")
            self.entries.append(Entry(record.seq, at, record.kind, (said,)))
            return
        self.events.append((event, at))
        line = headline(event, the_role)
        self.entries.append(Entry(record.seq, at, record.kind, line, isinstance(event, _NOTABLE)))
        self.transitions.note(event, at, record.seq)
        self._note_run(event, at, record)
        if isinstance(event, GuardOverridden) and not event.transition:
            self.overridden_before.append((event.verdict, event.reason))
        self._note_orgs(event, at, record.seq)

    def settle(self, event: OwedSettled, at: datetime, run: str) -> None:
        """What was owed is told: by this run, or by a later one."""
        self.debts = [
            replace(debt, settled_at=at, settled_by=run)
            if debt.role is event.role and debt.settled_at is None and debt.since <= at
            else debt
            for debt in self.debts
        ]

    def _note_run(self, event: Event, at: datetime, record: Record) -> None:
        match event:
            case RunStarted():
                self.started, self.mode = event, event.mode
            case RunResumed(mode=mode, reason=reason, overrides=overrides):
                # Once it was an emergency it is told as one, however what it owed was delivered.
                self.mode = max(self.mode, mode, key=lambda each: each is Mode.EMERGENCY)
                self.finished = self.finished_at = None
                by = f"{record.by} on {record.host}"
                self.resumes.append(Resume(at, by, mode, reason, overrides))
            case RunFinished():
                self.finished, self.finished_at, self.finished_seq = event, at, record.seq
                for objective in event.objectives:
                    self.objectives.setdefault(objective.status, objective)
            case RunSuperseded(by_run=by_run):
                self.superseded_by = by_run
            case RunAcknowledged():
                self.acknowledged = True
            case WriteOwed(role=role, status=status, reason=reason):
                if self.debts and self.debts[-1].role is role and self.debts[-1].settled_at is None:
                    self.debts[-1] = replace(self.debts[-1], status=status, reason=reason)
                else:
                    self.debts.append(Debt(role, status, at, reason))
            case OwedSettled():
                self.settle(event, at, self.run)
            case _:
                pass

    def _note_orgs(self, event: Event, at: datetime, seq: int) -> None:
        match event:
            case SituationRead(readings=readings):
                for role, reading in readings.items():
                    if reading is not None:
                        self._read(role, reading, at, seq)
            case WriteConfirmed(role=role, status=status, record=record):
                self._learn_name(role, record)
                self._stand(role, status, str(status), at, seq)
            case ChangeSeen(role=role, record=record) if record is not None:
                status_seen = Status.of(record.status)
                words = f"status {record.status}, not known" if status_seen is None else str(status_seen)
                self._stand(role, status_seen, words, at, seq)
            case OrgGivenUp(role=role):
                self._stand(role, None, "not seen", at, seq)
            case _:
                pass

    def _read(self, role: Role, reading: Reading, at: datetime, seq: int) -> None:
        if reading.record is not None:
            self._learn_name(role, reading.record)
        words = "no record" if reading.status is Status.ABSENT else reading_words(reading).text
        self._stand(role, reading.status, words, at, seq)

    def _learn_name(self, role: Role, record: HamrRecord) -> None:
        """Each record names the other org."""
        if record.target_name:
            self.names[role.other] = record.target_name

    def _stand(self, role: Role, status: Status | None, words: str, at: datetime, seq: int) -> None:
        before = self.stands[role]
        if before and before[-1].status is status:
            return
        before.append(Stand(at, status, words, seq))

    def story(self, playbook_of: Callable[[RunStarted], Playbook | None]) -> RunStory:
        """All of it."""
        started = self.started
        playbook = None if started is None else playbook_of(started)
        transitions, apart = self.transitions.told()
        by = tuple(dict.fromkeys(f"{record.by} on {record.host}" for record in self.records))
        moments = [moment(record.at) for record in self.records]
        return RunStory(
            run=self.run,
            pair=self.records[0].pair,
            by=by,
            began=moments[0],
            last=moments[-1],
            started=self.started,
            finished=self.finished,
            finished_at=self.finished_at,
            finished_seq=self.finished_seq,
            superseded_by=self.superseded_by,
            acknowledged=self.acknowledged,
            mode=self.mode,
            times=times_of(self.events),
            resumes=tuple(self.resumes),
            overridden_before=tuple(self.overridden_before),
            transitions=transitions,
            apart=apart,
            stands=Both(tuple(self.stands[Role.PRIMARY]), tuple(self.stands[Role.SECONDARY])),
            debts=tuple(self.debts),
            objectives=tuple(self.objectives.values()),
            entries=tuple(self.entries),
            names=Both(self.names.get(Role.PRIMARY, ""), self.names.get(Role.SECONDARY, "")),
            name=self.name,
            remember=() if playbook is None or not self._is_active else playbook.remember,
            wanted=None if playbook is None or started is None else playbook.objectives.get(started.goal),
        )

    @property
    def _is_active(self) -> bool:
        """Whether it reached ACTIVE, and what there is to remember is shown."""
        if self.started is None or self.finished is None or self.started.goal is not Status.ACTIVE:
            return False
        return self.finished.ending.end in (End.DONE, End.OWING)
