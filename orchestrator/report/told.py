"""What happened, in one line for each event: the words of progress and of the journal's timeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from orchestrator.model.events import (
    ChangeSeen,
    ClockDistrusted,
    DrillClosed,
    DrillScored,
    DrillStarted,
    Event,
    GuardOverridden,
    GuardsJudged,
    GuardWaived,
    HookEnded,
    HookIntended,
    LockBroken,
    LockReleased,
    LockTaken,
    LockTakenOver,
    MirrorFound,
    NameLearned,
    NoticeFailed,
    NoticeSent,
    OrgGivenUp,
    OwedSettled,
    PairAdopted,
    PersonAnswered,
    PersonAsked,
    ProbesRead,
    ReadingsTaken,
    RunAcknowledged,
    RunFinished,
    RunResumed,
    RunStarted,
    RunSuperseded,
    SituationRead,
    TransitionIntended,
    TransitionMade,
    TransitionRefused,
    WaitBegan,
    WaitEnded,
    Waiting,
    WriteAnswered,
    WriteConfirmed,
    WriteIntended,
    WriteOwed,
    WriteThrottled,
    WriteUnknown,
)
from orchestrator.model.guard import Outcome
from orchestrator.model.reading import Accepted, Answer, Change, Lost, NotSent, Reading, Rejected, Throttled
from orchestrator.model.run import Attempt, End, Mode
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import author, counted, span, why_waived

from .layout import Line, Span, shortened
from .told_around import around_headline

Who = Callable[[Role], str]
"""How an org is called: Payments (primary), or the primary where no name is known."""

_PURPOSES = {
    "transition": "",
    "resend": ", sent again",
    "repair": ", to put right what a late write of ours set back",
    "deliver": ", which it is owed",
    "adopt": ", as the other one shows",
}

_END_STYLES = {
    End.DONE: "good",
    End.OWING: "warn",
    End.INTERRUPTED: "warn",
    End.REFUSED: "bad",
    End.MOVED: "bad",
    End.INCOMPLETE: "bad",
    End.UNKNOWN: "bad",
    End.FAILED: "bad",
}


def end_style(end: End) -> str:
    """How an ending looks: good, or something to act on."""
    return _END_STYLES[end]


def headline(event: Event, who: Who) -> Line:  # noqa: C901, PLR0912 - one case per event
    """An event in one line.

    Args:
        event: what happened.
        who: how an org is called.
    """
    match event:
        case RunStarted(pair=pair, goal=goal, mode=mode):
            return _run(f"Run of pair {shortened(pair, 60)} to ", goal, mode)
        case RunResumed(mode=mode):
            emergency = ", now in emergency mode" if mode is Mode.EMERGENCY else ""
            return (Span(f"The run is taken up again{emergency}", "bold"),)
        case RunSuperseded(by_run=run):
            return (Span(f"Closed: run {run} took its place", "warn"),)
        case RunFinished(ending=ending, exit_code=code):
            return (
                Span(f"Ended: {ending.end.value} (exit {code}). ", end_style(ending.end)),
                _text(ending.message),
            )
        case RunAcknowledged(reason=reason):
            return (Span("Acknowledged: its cooling down is over. "), _text(reason))
        case SituationRead(purpose=purpose, readings=readings):
            return (Span(f"Read ({shortened(purpose, 40)}): "), *_both(readings, who))
        case ReadingsTaken(readings=readings):
            return (Span("Read again: "), *_both(readings, who))
        case GuardsJudged():
            return _judged(event)
        case GuardOverridden(transition=transition, verdict=verdict, reason=reason):
            where = f"Transition {transition}" if transition else "Before the first transition"
            words = f"{where}: guard {verdict.guard} is overridden ({verdict.reason}), because: {reason}"
            return (_text(words, "warn"),)
        case GuardWaived(transition=transition, verdict=verdict):
            return (
                _text(
                    f"Transition {transition}: guard {verdict.guard} is waived, {why_waived(verdict)}: {verdict.reason}",
                    "warn",
                ),
            )
        case TransitionIntended(transition=transition, source=source, target=target):
            return (Span("Transition "), Span(transition, "bold"), Span(": "), *_move(source, target))
        case TransitionRefused(transition=transition, guards=guards):
            return (
                _text(
                    f"Transition {transition} is refused by {', '.join(guards)}; nothing of it was written",
                    "bad",
                ),
            )
        case TransitionMade(
            transition=transition, source=source, target=target, seconds=seconds, writes=writes
        ):
            done = f" is made in {span(seconds)}, with {counted(writes, 'write')}: "
            return (Span("Transition "), Span(transition, "bold"), Span(done, "good"), *_move(source, target))
        case WriteIntended(attempt=attempt):
            return (
                *_told(attempt, who),
                Span(f" (attempt {attempt.number}{_PURPOSES.get(attempt.purpose, '')})"),
            )
        case WriteAnswered(attempt=attempt, answer=answer):
            return (Span(who(attempt.role), "org"), Span(" "), _answer(answer))
        case WriteConfirmed():
            return _confirmed(event, who)
        case WriteUnknown(attempt=attempt, reason=reason):
            unknown = (Span(str(attempt.status), "status"), Span(" to "), Span(who(attempt.role), "org"))
            return (*unknown, Span(": outcome UNKNOWN. ", "bad"), _text(reason))
        case WriteOwed(role=role, status=status):
            return (Span(who(role), "org"), Span(" is owed ", "warn"), Span(str(status), "status"))
        case OwedSettled(role=role, status=status, how=how):
            told, already = (" was told ", "") if how == "delivered" else (" shows ", " already")
            settled = (Span(who(role), "org"), Span(told), Span(str(status), "status"), Span(already))
            return (*settled, Span("; nothing is owed any more", "good"))
        case MirrorFound(mirrors=mirrors, seconds=seconds):
            found = (
                "mirrors: one write shows on both orgs" if mirrors else "does not mirror: each org is written"
            )
            return (Span(f"This pair {found} (found out in {span(seconds)})"),)
        case NameLearned(name=name, role=role):
            return (Span(who(role), "org"), Span(" names our writes "), _text(name, "bold"))
        case ChangeSeen(role=role, change=change, reason=reason):
            style = "bad" if change in (Change.FOREIGN, Change.REVERTED, Change.MISLINKED) else "warn"
            return (Span(who(role), "org"), Span(f" has changed ({change.value}): ", style), _text(reason))
        case OrgGivenUp(role=role, reason=reason):
            return (Span(who(role), "org"), Span(" is left out of this emergency: ", "warn"), _text(reason))
        case ClockDistrusted(reason=reason):
            return (Span("The clock is not trusted, everything is read again: ", "warn"), _text(reason))
        case LockTaken(lock=lock):
            return (Span(f"The pair is locked for this run (lock id {lock})", "dim"),)
        case LockTakenOver(from_holder=holder):
            return (_text(f"The lock is taken over from {holder}, whose process is gone", "warn"),)
        case LockReleased():
            return (Span("The lock is let go", "dim"),)
        case LockBroken(holder=holder, reason=reason):
            return (_text(f"The lock of {holder} was broken by hand, because: {reason}", "warn"),)
        case PairAdopted(truth=truth, status=status, reason=reason):
            words = f"; it was declared right, because: {reason}"
            return (Span(who(truth), "org"), Span(" shows "), Span(str(status), "status"), _text(words))
        case Waiting(what=what, seconds=seconds):
            for_up_to = f", for up to {span(seconds)}" if seconds > 0 else ""
            return (Span("Waiting for "), _text(what), Span(for_up_to, "dim"))
        case WriteThrottled(role=role, seconds=seconds):
            return (Span(who(role), "org"), Span(f" asks us to wait {span(seconds)} (429); waiting", "warn"))
        case (
            ProbesRead()
            | WaitBegan()
            | WaitEnded()
            | PersonAsked()
            | PersonAnswered()
            | HookIntended()
            | HookEnded()
            | NoticeSent()
            | NoticeFailed()
            | DrillStarted()
            | DrillScored()
            | DrillClosed()
        ):
            return around_headline(event)
        case _ as never:
            assert_never(never)


def reading_words(reading: Reading | None) -> Span:
    """What one org said, in a word or two."""
    if reading is None:
        return Span("left out", "dim")
    if reading.status is Status.ABSENT:
        return Span("no record (404)", "warn")
    if reading.status is not None:
        return Span(str(reading.status), "status")
    if reading.record is not None:
        return Span(f"status {reading.record.status}, not known", "bad")
    reason = getattr(reading.sight, "reason", "")
    return _text(f"not seen, {type(reading.sight).__name__.lower()} ({reason})", "bad")


def _text(text: str, style: str = "") -> Span:
    return Span(shortened(text), style)


def _run(words: str, goal: Status, mode: Mode) -> Line:
    emergency = (Span(", in emergency mode", "warn"),) if mode is Mode.EMERGENCY else ()
    return (Span(words, "bold"), Span(str(goal), "status"), *emergency)


def _move(source: Status, target: Status) -> Line:
    return (Span(str(source), "status"), Span(" → "), Span(str(target), "status"))


def _both(readings: Both[Reading | None], who: Who) -> Line:
    first, second = readings.items()
    return (
        Span(who(first[0]), "org"),
        Span(" "),
        reading_words(first[1]),
        Span("; "),
        Span(who(second[0]), "org"),
        Span(" "),
        reading_words(second[1]),
    )


def _told(attempt: Attempt, who: Who) -> Line:
    return (Span(who(attempt.role), "org"), Span(" is told "), Span(str(attempt.status), "status"))


def _judged(event: GuardsJudged) -> Line:
    missing = [verdict.guard for verdict in event.verdicts if verdict.outcome is not Outcome.PASS]
    head = Span(f"Transition {event.transition}: ")
    if not missing:
        number = len(event.verdicts)
        return (head, Span("1 guard passes" if number == 1 else f"all {number} guards pass", "good"))
    binding = (
        "" if event.binding else " (a write of the transition is in effect: only linked and fresh bind it)"
    )
    words = f"{len(missing)} of {counted(len(event.verdicts), 'guard')} did not pass: {', '.join(missing)}{binding}"
    return (head, _text(words, "warn"))


def _answer(answer: Answer) -> Span:
    took = span(answer.exchange.seconds)
    match answer:
        case Accepted(exchange=exchange):
            return Span(f"accepted it ({exchange.http_status or '2xx'}) in {took}; now it is read back")
        case Rejected(reason=reason):
            return _text(f"refused it: {reason}", "bad")
        case Throttled(retry_after=seconds):
            wait = "" if seconds is None else f"; wait {span(seconds)}"
            return Span(f"has not taken it: too many requests (429){wait}", "warn")
        case NotSent(reason=reason):
            return _text(f"could not be reached, nothing was sent to it: {reason}", "warn")
        case Lost(reason=reason):
            return _text(f"gave no answer, so reading has to tell what became of it: {reason}", "warn")
        case _ as never:
            assert_never(never)


def _confirmed(event: WriteConfirmed, who: Who) -> Line:
    how = {
        Change.SAME: " (it was there already)",
        Change.ECHO: " (an echo of the other org's write)",
        Change.REFUSED: " (it had answered that it did not take it)",
        Change.UNPROVEN: f" (in effect, author unproven: {author(event.record.modified_by)})",
        Change.SERVER: " (the server made this move)",
    }.get(event.change, "")
    after = f", {span(event.seconds)} after it was sent" if event.seconds else ""
    return (
        Span(who(event.role), "org"),
        Span(" shows ", "good"),
        Span(str(event.status), "status"),
        _text(f"{after}{how}"),
    )
