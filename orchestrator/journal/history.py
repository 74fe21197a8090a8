"""What the journal says of a pair: its open run, what is owed or unknown, and whether it is cooling down. Pure."""

from __future__ import annotations

import heapq
import sys
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.errors import JournalDamaged
from orchestrator.model import events, next_step
from orchestrator.model.events import Certificate, Event, decode
from orchestrator.model.floor import Floor, Floors, raise_floors
from orchestrator.model.journal import Record
from orchestrator.model.org import Pair
from orchestrator.model.plain import moment
from orchestrator.model.playbook import SETTLED, HookOutcome, When
from orchestrator.model.protocols import Store
from orchestrator.model.reading import Change, HamrRecord, NotSent, Reading, Rejected, Throttled
from orchestrator.model.run import Attempt, Mode, Stamp, the_one_that_came
from orchestrator.model.situation import START_WITHIN, GuardWait, KnownAs, OpenDrill, OpenRun, Owed, Scheduled
from orchestrator.model.status import Both, Role, Status

ENDS: tuple[str, ...] = tuple(
    event.kind
    for event in (
        events.RunStarted,
        events.RunResumed,
        events.RunFinished,
        events.RunSuperseded,
        events.PairAdopted,
        events.DrillStarted,
        events.DrillScored,
        events.DrillClosed,
    )
)
"""The record kinds that tell what runs and drills there are, and which of them are open."""

_ABOUT = frozenset({"run", "pair", "drill", "transition", "situation", "change", "write"})
_ABOUT |= {"hook", "person", "approval", "wait"}
KINDS: tuple[str, ...] = tuple(kind for kind in events.JOURNALLED if kind.partition(".")[0] in _ABOUT)
"""The record kinds that a pair's history is made of."""


class GivenUp(Struct, frozen=True):
    """An attempt that was sent, and that no reading has shown: a later one was seen in its place, or the run ended."""

    run: str
    attempt: Attempt
    sent_at: datetime | None
    """When it was intended, by its org's own clock; None where that org does not tell the time."""
    came: bool = False
    """Whether a later reading has shown it after all: by now, another record may stand over it."""

    def may_still_come(self, reading: Reading | None, late: timedelta) -> bool:
        """Whether it may turn up yet, by its org's last reading: not where it is what that shows, nor by the org's clock, where known."""
        if reading is None or self.came:
            return not self.came
        now, record = reading.exchange.server_date, reading.record
        come = record is not None and self.attempt.fits(record)
        return not come and (now is None or self.sent_at is None or now - self.sent_at < late)


class RunHistory(Struct):
    """One run, as far as the journal goes."""

    run: str
    pair: str
    by: str
    host: str
    started_at: datetime
    started: events.RunStarted | None = None
    transition: str = ""
    start: Status | None = None
    """Where the pair stood when it began: the `from` of its first transition; None until a transition was intended."""
    floors: Floors = field(default_factory=dict)
    """What the journal had seen of the orgs when it began."""
    orgs: Both[str] | None = None
    """The orgs' uuids; None for an adoption, until it has read both."""
    intended: bool = False
    mode: Mode = Mode.PLANNED
    """As it was last taken up."""
    resumes_as: Mode = Mode.PLANNED
    """As it began, or made its last write: an emergency that a person asked for, and that was refused, binds nobody after it."""
    finished: events.RunFinished | None = None
    finished_at: datetime | None = None
    superseded_by: str = ""
    acknowledged: bool = False
    unknown: dict[int, Attempt] = field(default_factory=dict)
    unseen: dict[int, GivenUp] = field(default_factory=dict)
    """Attempts that may have been taken, and that no reading has shown."""
    unproven: dict[Role, tuple[HamrRecord, GivenUp]] = field(default_factory=dict)
    """The record that was taken for an attempt whose answer was lost, under a name that nobody taught us, and that attempt."""
    hooks_owed: list[tuple[str, str]] = field(default_factory=list)
    """(transition, `after` hook) of what did not end well yet, in order."""
    hooks_failed: list[tuple[str, str]] = field(default_factory=list)
    """(transition, `before` hook) of what did not end well, in order."""
    by_hand: list[str] = field(default_factory=list)
    """What was left to a person for want of somebody to ask, in the playbook's words."""
    asking: str = ""
    """What a person was asked, where nothing of the run was journalled since."""
    approval_owed: str = ""
    """The guard by which other people's agreement is owed, since an emergency did without; "" where none is."""
    waiting: GuardWait | None = None
    """The guards that it waits for, where the journal does not say that this is over."""
    elsewhere: bool = False
    """Whether it ran on other orgs than the ones that are asked about."""
    last: str = ""
    """What it last did, as a record kind."""

    @property
    def open(self) -> bool:
        """Whether it can be resumed: it began, and neither got to an end nor was superseded."""
        return self.left_open and not self.elsewhere

    @property
    def left_open(self) -> bool:
        """Whether it is open, on whichever orgs."""
        began = self.started is not None and not self.superseded_by
        return began and (self.finished is None or self.finished.resumable)

    def shares_orgs(self, other: RunHistory | None) -> bool:
        """Whether both ran on the same orgs, as far as both name theirs: a pair's name may come to stand for others."""
        if other is None or other.orgs is None or self.orgs is None:
            return True
        return [uuid.lower() for uuid in self.orgs] == [uuid.lower() for uuid in other.orgs]

    def as_open_run(self) -> OpenRun | None:
        """The facts that a phase needs of it."""
        if not self.open or self.started is None:
            return None
        owed = tuple(f"{transition}/{hook}" for transition, hook in self.hooks_owed)
        stopped_for = None if self.finished is None else self.finished.ending.change
        return OpenRun(
            self.run,
            self.started.goal,
            self.start,
            self.transition,
            self.mode if self.finished is None else self.resumes_as,
            owed,
            stopped_for=stopped_for,
            unknown=bool(self.unknown),
            asking=self.asking,
            waiting=self.waiting,
            ended=self.finished is not None,
        )


class DrillHistory(Struct):
    """One drill, as far as the journal goes."""

    drill: str
    pair: str
    by: str
    host: str
    started_at: datetime
    started: events.DrillStarted
    legs: list[str] = field(default_factory=list)
    """The runs that belong to it, in order."""
    passed: bool | None = None
    """Whether every expectation held; None where it was not scored yet."""
    closed_at: datetime | None = None
    elsewhere: bool = False
    """As of a run."""

    @property
    def open(self) -> bool:
        """Whether it was not cleaned up yet."""
        return self.closed_at is None and not self.elsewhere

    def as_open_drill(self) -> OpenDrill:
        """What a person wants to know of it while it is open."""
        by, started = f"{self.by}@{self.host}", self.started
        return OpenDrill(self.drill, self.started_at, by, started.goal, started.home)


class History(Struct):
    """All runs of one pair, and what they left behind."""

    pair: str
    runs: dict[str, RunHistory] = field(default_factory=dict)
    drills: dict[str, DrillHistory] = field(default_factory=dict)
    """By id, in order."""
    uncertain: list[RunHistory] = field(default_factory=list)
    """Runs that have had an unknown since one was last done."""
    scheduled: dict[str, Scheduled] = field(default_factory=dict)
    """Runs that wait for their time, by id; those that never began among them, once that is past."""
    debts: dict[str, Owed] = field(default_factory=dict)
    """What is owed, by the run that owes it, in order: of each pair of orgs one at most."""
    known_as: KnownAs | None = None
    """Where that was asked: the other name under which its orgs were run last."""
    floors: dict[str, Floor] = field(default_factory=dict)
    """The newest record seen of each org, by its uuid."""
    since: int = 0
    upto: int = 0
    """The numbers of the first and the newest record that are in it."""
    read: int = 0
    """How many records were read for it: those since its checkpoint, or all."""
    left_out: frozenset[str] = frozenset()
    """Runs that a checkpoint has left out, since nothing depends on them any more, and that are known all the same."""
    unjournalled: str = ""
    """The place of the journal, where no run or drill was ever written to it: then all of this is not known, rather
    than not so. "" where it holds a record of any."""

    def of(self, pair: Pair) -> History:
        """The history of a pair's very orgs: what runs on others left open, owed or unknown is not theirs to settle."""
        for run in self.runs.values():
            run.elsewhere = run.orgs is not None and not pair.is_of(run.orgs)
        for drill in self.drills.values():
            drill.elsewhere = drill.started.orgs is not None and not pair.is_of(drill.started.orgs)
        return self

    @property
    def owed(self) -> Owed | None:
        """What one of these orgs is owed."""
        here = (
            debt for run, debt in self.debts.items() if run not in self.runs or not self.runs[run].elsewhere
        )
        return next(here, None)

    @property
    def elsewhere(self) -> tuple[RunHistory, ...]:
        """Runs that are open on orgs which the inventory does not name any more."""
        return tuple(run for run in self.runs.values() if run.elsewhere and run.left_open)

    def given_up(self, *, beside: str = "") -> tuple[GivenUp, ...]:
        """Attempts that nobody has seen in effect, and that may come yet: for a run `beside` them, which goes on past it, an unknown one too.

        None of a run that somebody acknowledged, where their org does not tell the time: nothing else would end that.
        """
        return tuple(
            given_up
            for run in self.runs.values()
            if not run.elsewhere and run.run != beside
            for number, given_up in run.unseen.items()
            if beside or number not in run.unknown or run.superseded_by
            if not (run.acknowledged and given_up.sent_at is None)
        )

    @property
    def known_runs(self) -> frozenset[str]:
        """The ids of all runs that this journal knows."""
        return self.left_out.union(self.runs)

    @property
    def open_run(self) -> RunHistory | None:
        """The newest run that can be resumed."""
        return next((run for run in reversed(self.runs.values()) if run.open), None)

    def as_open_run(self) -> OpenRun | None:
        """The facts that a phase needs of the run that was left open."""
        run = self.open_run
        return None if run is None else run.as_open_run()

    def open_beside(self, run: str) -> list[str]:
        """The other runs that can be resumed: the first thing that this one does takes their place."""
        return [other.run for other in self.runs.values() if other.open and other.run != run]

    @property
    def open_drill(self) -> DrillHistory | None:
        """The newest drill that was not closed yet."""
        return next((drill for drill in reversed(self.drills.values()) if drill.open), None)

    def outsiders(self, drill: DrillHistory) -> tuple[RunHistory, ...]:
        """Runs that moved the pair since a drill began and do not belong to it: a real emergency, for one.

        None on simulated regions, which nobody else can reach. An adoption is none: it has no goal of its own.
        """
        if drill.started.simulated:
            return ()
        legs = self.drills[drill.drill].legs  # as they are now: what was asked about may be an older look
        return tuple(
            run
            for run in self.runs.values()
            if run.started is not None
            and run.run not in legs
            and run.intended
            and run.started_at >= drill.started_at
        )

    @property
    def last_moved(self) -> RunHistory | None:
        """The newest run that moved these orgs, or was about to, unless somebody has acknowledged it."""
        moved = (run for run in reversed(self.runs.values()) if run.intended or run.start is not None)
        newest = next((run for run in moved if not run.elsewhere), None)
        return None if newest is None or newest.acknowledged else newest

    @property
    def hooks_owed(self) -> tuple[tuple[str, str], ...]:
        """(run, "transition/hook") of every `after` hook that an open run still owes, in order."""
        return tuple(
            (run.run, f"{transition}/{hook}")
            for run in self.runs.values()
            if run.open
            for transition, hook in run.hooks_owed
        )

    @property
    def approvals_owed(self) -> tuple[str, ...]:
        """The emergencies to which other people still have to agree afterwards."""
        return tuple(run.run for run in self.runs.values() if run.approval_owed and not run.elsewhere)

    @property
    def unknown(self) -> tuple[tuple[str, Attempt], ...]:
        """(run, attempt) of every write whose outcome nobody knows, and nobody has accepted by name.

        A run that is under way right now has such a write between its intent and its confirmation.
        """
        return tuple(
            (run.run, attempt)
            for run in self.runs.values()
            if not run.superseded_by and not run.elsewhere
            for attempt in run.unknown.values()
        )

    def waiting(self, now: datetime) -> tuple[Scheduled, ...]:
        """The runs that wait for their time, unless their processes are gone."""
        return tuple(run for run in self.scheduled.values() if now <= run.start_at + START_WITHIN)

    def cooling_down(self, cool_down: timedelta | None, now: datetime) -> tuple[RunHistory, timedelta] | None:
        """The run after which the pair still cools down, and for how long, or None."""
        if cool_down is None:
            return None
        for run in reversed(self.runs.values()):
            if run.finished is None or run.finished_at is None or not run.intended or run.elsewhere:
                continue
            # Never longer than itself: an end that lies ahead was dated by a clock that was wrong, and counts as now.
            left = min(run.finished_at, now) + cool_down - now
            if run.acknowledged or left <= timedelta(0):
                return None
            return run, left
        return None


def histories_of(records: Iterable[Record]) -> dict[str, History]:
    """Every pair's history, by its name, from the records of all pairs in order, of KINDS at least."""
    histories: dict[str, History] = {}
    for record in records:
        fold(histories.setdefault(record.pair, History(record.pair)), (record,))
    return histories


def brought_in(store: Store, after: int) -> dict[int, int]:
    """Where what merges brought in stands, and the number of the merge that did; of the merges behind a record's number."""
    merges = store.records(pair="", kinds=(events.JournalMerged.kind,), after=after)
    return {
        number: record.seq
        for record in merges
        if isinstance(event := event_of(record), events.JournalMerged)
        for number in event.numbers
    }


def in_time(records: Iterable[Record], brought: Mapping[int, int]) -> Iterable[Record]:
    """Records in the order in which they happened: those that a merge brought in between this journal's own of before it.

    By number they stand behind all that was journalled until then, and would be taken for what happened last. What was
    journalled after the merge did happen last, whatever a clock says.
    """
    if not brought:
        return records
    chains: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        chains[brought.get(record.seq, 0)].append(record)
    own = deque(chains[0])
    ordered: list[Record] = []
    for merge in sorted({*brought.values()}):
        while own and own[0].seq < merge:
            ordered.append(own.popleft())
        # In a chain, numbers say more than clocks.
        ordered = [*heapq.merge(ordered, chains[merge], key=lambda record: record.at)]
    return [*ordered, *own]


def fold(history: History, records: Iterable[Record]) -> None:
    """Go on with a pair's history, in place, by its next records: of KINDS at least, others are passed over."""
    for record in records:
        event = event_of(record)
        if event is None:
            continue
        history.since = min(history.since or record.seq, record.seq)
        history.upto = max(history.upto, record.seq)
        history.read += 1
        at = moment(record.at)
        if _note_beside(history, record, event, at):
            continue
        run = history.runs.get(record.run)
        if run is None:
            run = RunHistory(record.run, record.pair, record.by, record.host, at, floors=dict(history.floors))
            history.runs[record.run] = run
        if record.kind not in (events.SituationRead.kind, events.ChangeSeen.kind):
            run.last = record.kind
        raise_floors(history.floors, event)
        _note(history, run, event, at)


def _note_beside(history: History, record: Record, event: Event, at: datetime) -> bool:
    """Take note of what is of no run that has begun: a drill has legs that are runs, and a scheduled one waits; False for all else."""
    drill = history.drills.get(record.run)
    match event:
        case events.RunApproved():  # of a plan that nobody has run yet
            return record.run not in history.runs
        case events.DrillStarted():
            drill = DrillHistory(record.run, record.pair, record.by, record.host, at, event)
            history.drills[record.run] = drill
        case events.DrillScored(score=score):
            if drill is not None:
                drill.passed = score.passed
        case events.DrillClosed():
            if drill is not None:
                drill.closed_at = at
        case events.RunScheduled(goal=goal, start_at=start_at, expect=expect):
            by = f"{record.by}@{record.host}"
            history.scheduled[record.run] = Scheduled(record.run, goal, start_at, by, expect)
        case events.RunCancelled():
            history.scheduled.pop(record.run, None)
        case _:
            return False
    return True


def _note(history: History, run: RunHistory, event: Event, at: datetime) -> None:  # noqa: C901, PLR0912, PLR0915 - one case per event
    match event:
        case events.RunStarted():
            # Of thousands of runs by the same playbook, its text is in memory once.
            run.started = replace(event, playbook_text=sys.intern(event.playbook_text))
            run.mode, run.orgs = event.mode, event.orgs
            run.resumes_as = event.mode
            history.scheduled.pop(run.run, None)
            if event.drill in history.drills:
                history.drills[event.drill].legs.append(run.run)
        case events.RunResumed(mode=mode):
            run.mode, run.asking, run.waiting = mode, "", None
            run.finished, run.finished_at = None, None
        case events.PersonAsked(question=question):
            run.asking = question.text
        case events.ApprovalAsked(guard=guard) if run.waiting is not None:
            run.waiting = replace(run.waiting, approvals=(*run.waiting.approvals, guard))
        case events.ApprovalOwed(guard=guard):
            run.approval_owed = guard
        case events.RunApproved(afterwards=True):
            run.approval_owed = ""
        case events.PersonAnswered():
            run.asking = ""
        case events.WaitBegan(transition=transition, guards=guards, seconds=seconds, verdicts=verdicts):
            run.waiting = GuardWait(transition, guards, at, seconds, verdicts)
        case events.WaitContinued(verdicts=verdicts) if run.waiting is not None:
            guards = tuple(verdict.guard for verdict in verdicts)
            run.waiting = replace(run.waiting, guards=guards, verdicts=verdicts)
        case events.WaitEnded():
            run.waiting = None
        case events.RunFinished():
            run.asking, run.waiting = "", None
            run.finished, run.finished_at = event, at
            if run.run in history.debts:
                history.debts[run.run] = replace(history.debts[run.run], stopped_for=event.ending.change)
            if event.ending.end.reached:
                # Earlier unknowns were settled by it, or accepted by name before it began.
                for other in filter(run.shares_orgs, history.uncertain):
                    other.unknown.clear()
                history.uncertain = [other for other in history.uncertain if other.unknown]
        case events.SituationRead(readings=readings):
            records = [
                reading.record for reading in readings if reading is not None and reading.record is not None
            ]
            if run.orgs is None and len(records) == len(Role):
                run.orgs = Both(*(record.org_uuid for record in records))
            # Of whichever run it is: an attempt that was seen under its own stamp is on its way no more.
            for record in records:
                stamp = Stamp.parse(record.modified_by)
                of = None if stamp is None else history.runs.get(stamp.run)
                sent = None if of is None or stamp is None else of.unseen.get(stamp.attempt)
                if of is not None and sent is not None and sent.attempt.made(record):
                    of.unseen[sent.attempt.number] = replace(sent, came=True)
        case events.RunSuperseded(by_run=by_run):
            run.superseded_by = by_run
        case events.RunAcknowledged():
            run.acknowledged = True
        case events.TransitionIntended(transition=transition, source=source):
            run.transition = transition
            run.start = source if run.start is None else run.start
        case events.TransitionMade(transition=transition, after=after):
            run.transition = ""
            run.hooks_owed.extend(
                (transition, hook) for hook in after if (transition, hook) not in run.hooks_owed
            )
        case events.TransitionRefused():
            run.transition = ""
        case events.HookEnded(when=when, outcome=outcome, reason=reason):
            _note_hook(run, when, (event.transition, event.hook), outcome)
            if outcome is HookOutcome.LEFT_TO_PERSON:
                run.by_hand.append(reason)
        case events.WriteIntended(attempt=attempt):
            # Until its outcome is journalled, nobody knows it: the process may have died right here.
            run.intended, run.resumes_as = True, run.mode
            run.unknown[attempt.number] = attempt
            history.uncertain.append(run)
            run.unseen[attempt.number] = GivenUp(run.run, attempt, event.server_date)
        case events.WriteAnswered(attempt=attempt, answer=NotSent() | Rejected() | Throttled()):
            run.unknown.pop(attempt.number, None)
            run.unseen.pop(attempt.number, None)
        case events.WriteConfirmed(role=role, attempt=number):
            owed = _debt_of(history, run)
            if owed is not None and owed.role is role and owed.run != run.run:
                # That org was told since, by a run that knew of no debt before a merge.
                del history.debts[owed.run]
            # What that org was sent before is given up, as it is for the run: it may come late.
            run.unknown = {sent: attempt for sent, attempt in run.unknown.items() if attempt.role is not role}
            shown = None if number is None else run.unseen.pop(number, None)
            if event.change is Change.UNPROVEN and shown is not None:
                run.unproven[event.role] = (event.record, shown)
        case events.WriteUnknown() if run.finished is not None and run.finished.ending.end.reached:
            pass  # said by a process that was stopped for long: whoever took its run over has settled it
        case events.WriteUnknown(attempt=attempt):
            run.unknown[attempt.number] = attempt
            history.uncertain.append(run)
        case events.ChangeSeen(role=role, change=Change.LATE, record=record) if record is not None:
            # It came: nothing of it is on its way any more.
            came = the_one_that_came((each.attempt for each in run.unseen.values()), role, record)
            if came is not None:
                del run.unseen[came.number]
        case events.ChangeSeen(role=role, change=Change.FOREIGN, record=record) if record is not None:
            taken, meant = run.unproven.get(role, (None, None))
            if taken is not None and meant is not None and taken.same_version(record):
                # It was somebody else's after all: nothing has shown that attempt.
                del run.unproven[role]
                run.unknown[meant.attempt.number], run.unseen[meant.attempt.number] = meant.attempt, meant
                history.uncertain.append(run)
        case events.WriteOwed() | events.OwedSettled():
            if (owed := _debt_of(history, run)) is not None:
                del history.debts[owed.run]
            if isinstance(event, events.WriteOwed):
                history.debts[run.run] = Owed(event.role, event.status, run.run, at)
        case events.PairAdopted():
            # A person has said where the pair stands: nothing is left to resume of what was under way.
            for other in filter(run.shares_orgs, history.runs.values()):
                if other.open:
                    other.superseded_by = run.run


def _debt_of(history: History, run: RunHistory) -> Owed | None:
    """What is owed to one of a run's orgs."""
    return next(
        (debt for owing, debt in history.debts.items() if run.shares_orgs(history.runs.get(owing))), None
    )


def _note_hook(run: RunHistory, when: When, hook: tuple[str, str], outcome: HookOutcome) -> None:
    if when is When.AFTER and outcome in SETTLED:
        run.hooks_owed = [owed for owed in run.hooks_owed if owed != hook]
    if when is When.BEFORE:
        failed = [] if outcome in SETTLED else [hook]
        run.hooks_failed = [each for each in run.hooks_failed if each != hook] + failed


def event_of(record: Record) -> Event | None:
    """The event that a record holds, or None for a newer version's kind; a JournalDamaged where its data does not fit its kind."""
    try:
        return decode(record.kind, record.data)
    except ValueError as error:
        raise JournalDamaged(
            f"journal record {record.seq} ({record.kind}) can't be understood: {error}",
            next_steps=(next_step.verify(), next_step.show(record.run)),
        ) from error


def certificate_of(store: Store, pair: str, *, before: int | None = None) -> Certificate | None:
    """A pair's newest certificate, or its newest among the records before one; None where its playbook was never proven."""
    kind = events.PlaybookProven.kind
    earlier = () if before is None else store.records(pair=pair, kinds=(kind,), before=before)
    found = (
        store.newest(pair, kind) if before is None else max(earlier, key=lambda each: each.seq, default=None)
    )
    event = None if found is None else event_of(found)
    if found is None or not isinstance(event, events.PlaybookProven):
        return None
    return Certificate(event, moment(found.at))


def events_of(records: Iterable[Record]) -> list[tuple[Event, datetime]]:
    """A run's events with their times, in order, as `event_of` gives them; kinds of a newer version are passed over."""
    return [(event, moment(record.at)) for record in records if (event := event_of(record)) is not None]
