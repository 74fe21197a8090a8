"""Journal records → the view of a run or a drill: the one fold that all reports are made from. Pure; one pass, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from orchestrator.model import events
from orchestrator.model.events import Event
from orchestrator.model.journal import Head, Record
from orchestrator.model.plain import moment
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import HamrRecord
from orchestrator.model.run import Mode
from orchestrator.model.status import Role, Status
from orchestrator.model.timing import times_of

from .describe import describe_record, event_of, reading_words
from .run_view import (
    Asked,
    Debt,
    DrillView,
    Entry,
    HookRun,
    Judgement,
    Look,
    ReportView,
    Resume,
    RunView,
    StatusSeen,
    TransitionView,
    Wait,
    Write,
)

PlaybookOf = Callable[[events.RunStarted], Playbook | None]
"""The playbook that a run began with, which its journal holds as a text; None where it cannot be read any more."""

_NOTABLE = (
    events.ChangeSeen,
    events.ClockDistrusted,
    events.JournalMoved,
    events.LockBroken,
    events.LockTakenOver,
    events.NameLearned,
    events.NoticeFailed,
    events.OrgGivenUp,
    events.OwedSettled,
    events.PairAdopted,
    events.RunAcknowledged,
    events.RunResumed,
    events.RunSuperseded,
    events.WriteOwed,
    events.WriteUnknown,
)
"""What was out of the ordinary, or was found out on the way."""

Told = Sequence[tuple[Record, Event | None]]


def report_of(
    subject: str,
    records: Iterable[Record],
    head: Head,
    playbook_of: PlaybookOf = lambda _started: None,
    *,
    journal: str = "",
) -> ReportView:
    """The report of a run or a drill, by its id; a ValueError where there is no record of it.

    `records` are the journal's, in order: the subject's own, those of a drill's runs, and, to know whether what is owed
    was told since, the pair's; others are passed over. `journal` is its file, where it was named on the command line.
    """
    told = [(record, event_of(record)) for record in records]
    runs = _runs_of(subject, told)
    own = [(record, event) for record, event in told if record.run in runs or record.run == subject]
    if not own:
        raise ValueError(f"the journal has no record of {subject}")
    drill = _drill_of([(record, event) for record, event in own if record.run == subject])
    names: dict[str, str] = {}
    for leg in () if drill is None or drill.score is None else drill.score.legs:
        names[leg.run] = f"{names[leg.run]}, {leg.name}" if leg.run in names else leg.name
    pair = own[0][0].pair
    views = [_run_of([each for each in own if each[0].run == run], names.get(run, "")) for run in runs]
    for view in views:
        _note_playbook(view, playbook_of)
        for record, event in told:
            if isinstance(event, events.OwedSettled) and record.pair == pair and record.run != view.run:
                _settle(view, event, moment(record.at), record.run)
    lines = {record.seq: describe_record(record, event) for record, event in own}
    return ReportView(subject, pair, tuple(views), drill, head, lines, journal)


def _runs_of(subject: str, told: Told) -> tuple[str, ...]:
    """The subject where it is a run, else the runs that name it as their drill; in the order in which they began."""
    runs: dict[str, None] = {}
    is_drill = False
    for record, event in told:
        if isinstance(event, events.RunStarted) and event.drill == subject:
            runs[record.run] = None
        is_drill |= isinstance(event, events.DrillStarted) and record.run == subject
    return tuple(runs) if runs or is_drill else (subject,)


def _drill_of(told: Told) -> DrillView | None:
    """The drill, from the records that bear its own id; None where that is a run's."""
    drill: DrillView | None = None
    for record, event in told:
        at = moment(record.at)
        match event:
            case events.DrillStarted():
                drill = DrillView(record.run, at, event)
            case events.DrillScored(score=score):
                drill = drill or DrillView(record.run, at)
                drill.score = score
            case events.DrillClosed(notes=notes) if drill is not None:
                drill.closed_at, drill.notes = at, notes
    return drill


def run_of(records: Iterable[Record]) -> RunView:
    """One run from its own records, of which there is at least one, without what others did about it later."""
    return _run_of([(record, event_of(record)) for record in records], "")


def _run_of(told: Told, name: str) -> RunView:
    first, last = told[0][0], told[-1][0]
    run = RunView(first.run, first.pair, name, moment(first.at), moment(last.at))
    for record, event in told:
        at, by = moment(record.at), f"{record.by} on {record.host}"
        if by not in run.by:
            run.by.append(by)
        if event is not None:
            note_event(run, event, at, seq=record.seq, by=by)
        said = describe_record(record, event)
        run.entries.append(Entry(record.seq, at, record.kind, said, isinstance(event, _NOTABLE)))
    times = times_of((event, moment(record.at)) for record, event in told if event is not None)
    run.spent = times.whole
    made = sorted((each for each in run.transitions if each.made), key=lambda each: each.made_seq)
    for transition, spent in zip(made, times.steps, strict=True):
        transition.spent = spent
    return run


def note_event(run: RunView, event: Event, at: datetime, *, seq: int, by: str) -> None:
    """Go on with a run's view, in place, by its next event: of a journal, or as it happens.

    `seq` is its record's number; of what happens just now, any that is greater than the one before it. `by` is who was
    at it.
    """
    _note_run(run, event, at, seq, by)
    _note_orgs(run, event, at, seq)
    _note_transition(run, event, at, seq)
    _note_around(run, event, at)
    _note_write(run, event, at, seq)
    _note_now(run, event, at)


def _note_playbook(run: RunView, playbook_of: PlaybookOf) -> None:
    if run.started is None or (playbook := playbook_of(run.started)) is None:
        return
    run.wanted = playbook.objectives.get(run.started.goal)
    moved = any(transition.made for transition in run.transitions)
    if moved and run.reached_goal and run.started.goal is Status.ACTIVE:
        run.remember = playbook.remember


def _note_run(run: RunView, event: Event, at: datetime, seq: int, by: str) -> None:  # noqa: C901 - one case per event
    match event:
        case events.RunStarted():
            run.started, run.mode = event, event.mode
        case events.RunResumed(mode=mode, reason=reason, overrides=overrides):
            # Once it was an emergency it is told as one, however what it owed was delivered.
            run.mode = max(run.mode, mode, key=lambda each: each is Mode.EMERGENCY)
            run.finished = run.finished_at = None
            run.resumes.append(Resume(at, by, mode, reason, overrides))
        case events.RunFinished():
            run.finished, run.finished_at, run.finished_seq = event, at, seq
            for objective in event.objectives:
                run.objectives_by_status.setdefault(objective.status, objective)
        case events.RunSuperseded(by_run=by_run):
            run.superseded_by = by_run
        case events.PairAdopted():
            run.adopted = event
        case events.WriteOwed(role=role, status=status, reason=reason):
            open_debt = run.debts[-1] if run.debts else None
            if open_debt is not None and open_debt.role is role and open_debt.settled_at is None:
                open_debt.status, open_debt.reason = status, reason
            else:
                run.debts.append(Debt(role, status, at, reason))
        case events.OwedSettled():
            _settle(run, event, at, run.run)
        case events.GuardOverridden(transition="", verdict=verdict, reason=reason):
            run.overridden_before.append((verdict, reason))


def _settle(run: RunView, event: events.OwedSettled, at: datetime, by_run: str) -> None:
    """What was owed is told: by this run, or by a later one."""
    for debt in run.debts:
        if debt.role is event.role and debt.settled_at is None and debt.since <= at:
            debt.settled_at, debt.settled_by = at, by_run


def _note_orgs(run: RunView, event: Event, at: datetime, seq: int) -> None:
    def see(role: Role, status: Status | None, words: str) -> None:
        seen = run.statuses[role]
        if not seen or seen[-1].status is not status:
            seen.append(StatusSeen(at, status, words, seq))

    match event:
        case events.SituationRead(readings=readings):
            for role, reading in readings.items():
                if reading is not None:
                    _note_name(run, role, reading.record)
                    none = reading.status is Status.ABSENT
                    see(role, reading.status, "no record" if none else reading_words(reading).text)
        case events.WriteConfirmed(role=role, status=status, record=record):
            _note_name(run, role, record)
            see(role, status, str(status))
        case events.ChangeSeen(role=role, record=record) if record is not None:
            shown = Status.of(record.status)
            see(role, shown, f"status {record.status}, not known" if shown is None else str(shown))
        case events.OrgGivenUp(role=role):
            see(role, None, "not seen")


def _note_name(run: RunView, role: Role, record: HamrRecord | None) -> None:
    """Each record names the other org."""
    if record is not None and record.target_name:
        run.names[role.other] = record.target_name


def _transition(run: RunView, name: str, at: datetime) -> TransitionView:
    """The newest transition of that name, or a new one; hooks and answers come after a transition is made, too."""
    for transition in reversed(run.transitions):
        if transition.name == name:
            return transition
    run.transitions.append(TransitionView(name, at))
    return run.transitions[-1]


def _begun(run: RunView, name: str, at: datetime) -> TransitionView:
    """The same, for what begins a transition: one that was made before is made anew."""
    transition = _transition(run, name, at)
    if transition.made:
        transition = TransitionView(name, at)
        run.transitions.append(transition)
    return transition


def _judgement(run: RunView, name: str) -> Judgement | None:
    """How the guards of the newest transition of that name were judged last."""
    judged = (each for each in reversed(run.transitions) if each.name == name and each.judgements)
    return next((transition.judgements[-1] for transition in judged), None)


def _note_transition(run: RunView, event: Event, at: datetime, seq: int) -> None:
    match event:
        case events.GuardsJudged(transition=name, verdicts=verdicts, binding=binding):
            _begun(run, name, at).judgements.append(Judgement(seq, at, verdicts, binding))
        case events.GuardOverridden(transition=name, verdict=verdict, reason=reason):
            if judgement := _judgement(run, name):
                judgement.overridden[verdict.guard] = reason
        case events.GuardWaived(transition=name, verdict=verdict):
            if judgement := _judgement(run, name):
                judgement.waived.add(verdict.guard)
        case events.ApprovalOwed() | events.RunApproved(afterwards=True):
            run.approval_owed = isinstance(event, events.ApprovalOwed)
        case events.TransitionIntended(transition=name, source=source, target=target):
            transition = _begun(run, name, at)
            transition.source, transition.target = source, target
            transition.refused_by, transition.refused_seq = (), 0
        case events.TransitionRefused(transition=name, guards=guards):
            transition = _begun(run, name, at)
            transition.refused_by, transition.refused_seq, transition.ended = guards, seq, at
        case events.TransitionMade(transition=name, source=source, target=target, after=after):
            transition = _begun(run, name, at)
            transition.source, transition.target = source, target
            transition.made_seq, transition.ended, transition.after = seq, at, after


def _note_around(run: RunView, event: Event, at: datetime) -> None:  # noqa: C901 - one case per event
    match event:
        case events.ProbesRead(transition=name, readings=readings):
            _begun(run, name, at).last_probes |= {reading.probe: reading for reading in readings}
        case events.WaitBegan(transition=name, guards=guards, seconds=seconds, verdicts=verdicts):
            _begun(run, name, at).waits.append(Wait(at, guards, seconds, verdicts=verdicts))
        case events.WaitContinued(transition=name, verdicts=verdicts):
            if waits := _transition(run, name, at).waits:
                waits[-1].guards = tuple(verdict.guard for verdict in verdicts)
                waits[-1].verdicts = verdicts
        case events.WaitEnded(transition=name, passed=passed, seconds=seconds):
            if waits := _transition(run, name, at).waits:
                waits[-1].passed, waits[-1].ended, waits[-1].seconds = passed, at, seconds
        case events.PersonAsked(question=question):
            _transition(run, question.transition, at).questions.append(Asked(at, question))
        case events.PersonAnswered(question=question):
            if asked := _transition(run, question.transition, at).questions:
                asked[-1].answer, asked[-1].ended = event, at
        case events.HookIntended(transition=name, when=when, hook=hook, what=what):
            _transition(run, name, at).hooks.append(HookRun(at, name, when, hook, what))
        case events.HookEnded(transition=name, when=when, hook=hook):
            hooks = _transition(run, name, at).hooks
            begun = [each for each in hooks if (each.name, each.when, each.ended) == (hook, when, None)]
            if not begun:  # skipped, or left to a person
                begun = [HookRun(at, name, when, hook, "")]
                hooks += begun
            begun[-1].ended, begun[-1].ended_at = event, at


def _note_now(run: RunView, event: Event, at: datetime) -> None:
    """What nobody journals: who is asked and silent, and what is waited for."""
    match event:
        case events.OrgAsked(role=role, seconds=seconds):
            before = run.looks.get(role)
            run.looks[role] = Look(at, seconds, before=None if before is None else before.answered)
        case events.OrgAnswered(reading=reading):
            if look := run.looks.get(reading.role):
                look.answered = reading
        case events.Waiting():
            run.awaited = event, at
        case events.WriteThrottled(role=role, seconds=seconds):
            what = f"the {role} org, which has too many requests (429)"
            run.awaited = events.Waiting(what, seconds, role), at
        case events.ReadingsTaken():
            pass
        case _:
            run.awaited = None


def _note_write(run: RunView, event: Event, at: datetime, seq: int) -> None:
    match event:
        case events.WriteIntended(attempt=attempt, request=request):
            write = Write(seq, at, attempt, request)
            run.writes.append(write)
            if attempt.transition:
                _transition(run, attempt.transition, at).writes.append(write)
        case events.WriteAnswered(attempt=attempt, answer=answer):
            if sent := _write(run, attempt.number):
                sent.answer, sent.answered_at = answer, at
        case events.WriteConfirmed(attempt=number) if number is not None:
            if sent := _write(run, number):
                sent.confirmed, sent.confirmed_at = event, at
        case events.WriteUnknown(attempt=attempt, reason=reason):
            if sent := _write(run, attempt.number):
                sent.unknown = reason


def _write(run: RunView, attempt: int) -> Write | None:
    """The newest write of that number; None where its intent does not stand in the journal."""
    return next((write for write in reversed(run.writes) if write.attempt.number == attempt), None)
