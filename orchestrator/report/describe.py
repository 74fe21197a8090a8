"""What happened, in words: one line for each event, for progress and the journal's timeline, and the lines below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from orchestrator.model import events
from orchestrator.model.events import Event, decode
from orchestrator.model.guard import Measured, Outcome, ProbeReading
from orchestrator.model.journal import Record
from orchestrator.model.playbook import HookOutcome, Reply
from orchestrator.model.reading import (
    NOT_OURS,
    Accepted,
    Answer,
    Change,
    Exchange,
    HamrRecord,
    Lost,
    NotSent,
    Reading,
    Rejected,
    Throttled,
)
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import (
    author,
    counted,
    expectations_held,
    in_mode,
    move,
    span,
    utc,
    value_words,
    why_waived,
)

from .documents import compact
from .layout import Line, Page, Span, line, line_text, paragraph, shortened
from .verdicts import all_pass, sight_words, verdict_lines, waited_for_lines

Who = Callable[[Role], str]
"""How an org is called: Payments (primary), or the primary where no name is known."""

PURPOSES = {
    "transition": "",
    "resend": "sent again",
    "repair": "to put right what a late write of ours set back",
    "deliver": "which it is owed",
    "adopt": "as the other one shows",
}
"""Why a write was sent, beside being part of its transition."""

HOOK_STYLES = {
    HookOutcome.DONE: "good",
    HookOutcome.FAILED: "bad",
    HookOutcome.CUT_OFF: "bad",
    HookOutcome.NOT_DONE: "warn",
    HookOutcome.LEFT_TO_PERSON: "warn",
    HookOutcome.SKIPPED: "dim",
}

_OUTPUT_ENDS = 3
"""How many lines of a hook's output are shown of its beginning, and of its end."""


def end_style(end: End) -> str:
    """How an ending looks: good, or something to act on."""
    return {End.DONE: "good", End.OWING: "warn", End.INTERRUPTED: "warn"}.get(end, "bad")


def the_role(role: Role) -> str:
    """How an org is called where nobody has told its name."""
    return f"the {role}"


def event_of(record: Record) -> Event | None:
    """The record's event; None where a newer version wrote it, or it does not fit its kind."""
    try:
        return decode(record.kind, record.data)
    except ValueError:
        return None


def describe_record(record: Record, event: Event | None) -> str:
    """One record in one line, without control characters: what it says, or what kind it is."""
    if event is None:
        return f"{shortened(record.kind, 60)}: written by another version of hamr"
    return line_text(describe_event(event)).rstrip()


def describe_event(event: Event, who: Who = the_role) -> Line:  # noqa: C901, PLR0912, PLR0915 - one case per event
    """An event in one line; `who` says how an org is called."""
    match event:
        case events.RunStarted(pair=pair, goal=goal, mode=mode):
            run = Span(f"Run of pair {shortened(pair, 60)} to ", "bold")
            return (run, _status(goal), *line(in_mode(mode), "warn"))
        case events.RunResumed(mode=mode):
            now = ", now in emergency mode" if mode is Mode.EMERGENCY else ""
            return (Span(f"The run is taken up again{now}", "bold"),)
        case events.RunSuperseded(by_run=run):
            return (Span(f"Closed: run {run} took its place", "warn"),)
        case events.RunScheduled(goal=goal, start_at=at, expect=expect):
            expected = "" if expect is None else f", where the pair stands at {expect} then"
            return (Span("To "), _status(goal), Span(f" at {utc(at)}{expected}"))
        case events.RunCancelled(reason=reason):
            return _warning(f"It does not begin: {reason}")
        case events.RunFinished(ending=ending, exit_code=code):
            ended = Span(f"Ended: {ending.end.value} (exit {code}). ", end_style(ending.end))
            return (ended, _text(ending.message))
        case events.RunAcknowledged(reason=reason):
            return (Span("Acknowledged: its cooling down is over. "), _text(reason))
        case events.SituationRead(purpose=purpose, readings=readings):
            return (Span(f"Read ({shortened(purpose, 40)}): "), *_both(readings, who))
        case events.ReadingsTaken(readings=readings):
            return (Span("Read again: "), *_both(readings, who))
        case events.OrgAsked(role=role, seconds=seconds):
            return (Span(who(role), "org"), Span(f" is asked; it has {span(seconds)} to answer", "dim"))
        case events.OrgAnswered(reading=reading):
            return (Span(who(reading.role), "org"), Span(" answers: "), reading_words(reading))
        case events.ProbesRead(readings=probes):
            return (Span("Probes: "), _text("; ".join(_probe(probe) for probe in probes)))
        case events.GuardsJudged():
            return _judged(event)
        case events.GuardOverridden(transition=name, verdict=verdict, reason=reason):
            where = f"Transition {name}" if name else "Before the first transition"
            words = f"{where}: guard {verdict.guard} is overridden ({verdict.reason}), because: {reason}"
            return _warning(words)
        case events.GuardWaived(transition=name, verdict=verdict):
            why = why_waived(verdict)
            return _warning(f"Transition {name}: guard {verdict.guard} is waived, {why}: {verdict.reason}")
        case events.WaitBegan(transition=name, guards=guards, seconds=seconds):
            return _warning(f"Transition {name}: waiting for {', '.join(guards)}, for up to {span(seconds)}")
        case events.WaitContinued(transition=name, verdicts=verdicts):
            words = f"Transition {name}: still waiting for {', '.join(each.guard for each in verdicts)}"
            return _warning(words)
        case events.WaitEnded(transition=name, passed=passed, seconds=seconds):
            how = "its guards pass" if passed else "stopped waiting"
            return (_text(f"Transition {name}: {how} after {span(seconds)}", "good" if passed else "bad"),)
        case events.ApprovalAsked(guard=guard, what=what):
            words = f"Guard {guard} wants other people to agree: {move(what.start, what.goal)}, digest {what.digest[:12]}…"
            return _warning(words)
        case events.ApprovalOwed(guard=guard):
            words = f"Guard {guard} is owed afterwards: the emergency did not wait for other people to agree"
            return _warning(words)
        case events.RunApproved(reason=reason, afterwards=afterwards, role=role):
            words = f"Approved{' afterwards' if afterwards else ''}"
            words += (f" as role {role}" if role else "") + (f": {reason}" if reason else "")
            return (_text(words, "good"),)
        case events.PersonAsked(question=question):
            return (Span("Asked: "), _text(question.text))
        case events.PersonAnswered(question=question, reply=reply, seconds=seconds):
            return (_text(f"{question.subject}: {_reply(reply)}"), Span(f", after {span(seconds)}", "dim"))
        case events.HookIntended(transition=name, when=when, hook=hook, what=what):
            return (Span(f"Hook {hook} ({when.value} {name}): "), _text(what, "command"))
        case events.HookEnded(hook=hook, outcome=outcome, reason=reason, seconds=seconds):
            took = f" in {span(seconds)}" if outcome is HookOutcome.DONE else ""
            because = f": {reason}" if reason else ""
            words = f"{outcome.value}{took}{because}"
            return (Span(f"Hook {hook} "), _text(words, HOOK_STYLES[outcome]))
        case events.TransitionIntended(transition=name, source=source, target=target):
            return (Span("Transition "), Span(name, "bold"), Span(": "), *_move(source, target))
        case events.TransitionRefused(transition=name, guards=guards):
            words = f"Transition {name} is refused by {', '.join(guards)}; nothing of it was written"
            return (_text(words, "bad"),)
        case events.TransitionMade(
            transition=name, source=source, target=target, seconds=seconds, writes=writes
        ):
            done = f" is made in {span(seconds)}, with {counted(writes, 'write')}: "
            return (Span("Transition "), Span(name, "bold"), Span(done, "good"), *_move(source, target))
        case events.WriteIntended(attempt=attempt):
            purpose = PURPOSES.get(attempt.purpose, "")
            number = f" (attempt {attempt.number}{', ' if purpose else ''}{purpose})"
            org = Span(who(attempt.role), "org")
            return (org, Span(" is told "), _status(attempt.status), Span(number))
        case events.WriteAnswered(attempt=attempt, answer=answer):
            return (Span(who(attempt.role), "org"), Span(" "), _answer(answer))
        case events.WriteConfirmed():
            return _confirmed(event, who)
        case events.WriteUnknown(attempt=attempt, reason=reason):
            told = (_status(attempt.status), Span(" to "), Span(who(attempt.role), "org"))
            return (*told, Span(": outcome UNKNOWN. ", "bad"), _text(reason))
        case events.WriteOwed(role=role, status=status):
            return (Span(who(role), "org"), Span(" is owed ", "warn"), _status(status))
        case events.OwedSettled(role=role, status=status, how=how):
            shows, already = (" was told ", "") if how == "delivered" else (" shows ", " already")
            settled = (Span(who(role), "org"), Span(shows), _status(status), Span(already))
            return (*settled, Span("; nothing is owed any more", "good"))
        case events.MirrorFound(mirrors=mirrors, seconds=seconds):
            separate = "does not mirror: each org is written"
            found = "mirrors: one write shows on both orgs" if mirrors else separate
            return (Span(f"This pair {found} (found out in {span(seconds)})"),)
        case events.NameLearned(name="", role=role):
            return (Span(who(role), "org"), Span(" does not say who wrote"))
        case events.NameLearned(name=name, role=role):
            return (Span(who(role), "org"), Span(" names our writes "), _text(name, "bold"))
        case events.ChangeSeen(role=role, change=change, reason=reason):
            style = "bad" if change in NOT_OURS else "warn"
            return (Span(who(role), "org"), Span(f" has changed ({change.value}): ", style), _text(reason))
        case events.OrgGivenUp(role=role, reason=reason):
            return (Span(who(role), "org"), Span(" is left out of this emergency: ", "warn"), _text(reason))
        case events.ClockDistrusted(reason=reason):
            return (Span("The clock is not trusted, everything is read again: ", "warn"), _text(reason))
        case events.LockTaken(lock=lock):
            return (Span(f"The pair is locked for this run (lock id {lock})", "dim"),)
        case events.LockTakenOver(from_holder=holder):
            return _warning(f"The lock is taken over from {holder}, whose process is gone")
        case events.LockReleased():
            return (Span("The lock is let go", "dim"),)
        case events.LockBroken(holder=holder, reason=reason):
            return _warning(f"The lock of {holder} was broken by hand, because: {reason}")
        case events.JournalMoved(left=left, reason=reason):
            words = f"The team's journal {left} is left, its lock and history are not seen"
            return (Span(words, "bad"), _text(f": {reason}"))
        case events.JournalMerged(head=head, numbers=numbers):
            words = f"{len(numbers)} records of another journal, up to its head {head}, were brought in"
            return (_text(words),)
        case events.PairAdopted(truth=truth, status=status, reason=reason):
            words = f"; it was declared right, because: {reason}"
            return (Span(who(truth), "org"), Span(" shows "), _status(status), _text(words))
        case events.Waiting(what=what, seconds=seconds):
            for_up_to = f", for up to {span(seconds)}" if seconds > 0 else ""
            return (Span("Waiting for "), _text(what), Span(for_up_to, "dim"))
        case events.WriteThrottled(role=role, seconds=seconds):
            return (Span(who(role), "org"), Span(f" asks us to wait {span(seconds)} (429); waiting", "warn"))
        case events.NoticeSent(title=title, head=head):
            return (_text(f"Told {_told(event)}: {title} (journal head {head[:20]}…)", "dim"),)
        case events.NoticeFailed(title=title, reason=reason):
            return _warning(f"Could not tell {_told(event)} ({title}): {reason}; it stops nothing")
        case events.DoctorChecked(planned=planned, emergency=emergency):
            words = f": planned run {planned.name}, emergency {emergency.name}"
            return (Span("Doctor looked", "bold"), _text(words))
        case events.PlaybookProven(playbook=playbook, faults=faults, playbook_sha256=sha256):
            words = f": to {counted(faults, 'fault')} (SHA-256 {sha256[:12]})"
            return (Span(f"Playbook {playbook} proven", "bold"), _text(words))
        case events.FleetStarted(goal=goal, mode=mode, waves=waves):
            fleet = Span(f"Fleet of {counted(sum(map(len, waves)), 'pair')} to ", "bold")
            in_waves = Span(f" in {counted(len(waves), 'wave')}")
            return (fleet, _status(goal), in_waves, *line(in_mode(mode), "warn"))
        case events.FleetResumed():
            return (Span("The fleet is taken up again", "bold"),)
        case events.FleetWaveBegan(wave=wave):
            return (Span(f"Wave {wave} begins", "bold"),)
        case events.FleetPairEnded(outcome=outcome):
            ends = Span(f" (exit {outcome.exit_code}). ", "good" if outcome.arrived else "bad")
            return (Span(outcome.pair, "bold"), ends, _text(outcome.message))
        case events.FleetStopAsked(reason=reason):
            return _warning(f"Asked to stop{f': {reason}' if reason else ''}")
        case events.FleetStopped(why=why):
            return _warning(f"The fleet stopped, and begins nothing new: {why}")
        case events.FleetFinished(exit_code=code, arrived=arrived):
            return (_text(f"The fleet is through (exit {code}). {counted(arrived, 'pair')} arrived"),)
        case events.DrillStarted(goal=goal, home=home, scenario=scenario):
            named = f", scenario {scenario}" if scenario else ""
            return (Span("Drill", "bold"), _text(f": to {goal} and home to {home}{named}"))
        case events.DrillScored(score=score):
            words = f": {expectations_held(score)}"
            return (Span("Drill scored", "bold"), _text(words, "good" if score.passed else "bad"))
        case events.DrillClosed(notes=notes):
            return (Span("Drill closed", "bold"), _text(f": {notes}" if notes else ""))
        case _:
            raise TypeError(f"no words are known for a {type(event).__name__}")


def _told(event: events.NoticeSent | events.NoticeFailed) -> str:
    return f"channel {event.channel}" if event.role is None else f"the {event.role} org"


def reading_words(reading: Reading | None) -> Span:
    """What one org said, and the reason where it was not seen."""
    if reading is None:
        return Span("left out", "dim")
    said = sight_words(reading)
    return said if reading.reason is None else _text(f"{said.text} ({reading.reason})", said.style)


def _text(text: str, style: str = "") -> Span:
    return Span(shortened(text), style)


def _warning(text: str) -> Line:
    return (_text(text, "warn"),)


def _status(status: Status) -> Span:
    return Span(str(status), "status")


def _move(source: Status, target: Status) -> Line:
    return (_status(source), Span(" → "), _status(target))


def _both(readings: Both[Reading | None], who: Who) -> Line:
    first, second = (
        (Span(who(role), "org"), Span(" "), reading_words(each)) for role, each in readings.items()
    )
    return (*first, Span("; "), *second)


def _probe(reading: ProbeReading) -> str:
    sight = reading.sight
    if not isinstance(sight, Measured):
        return f"{reading.probe} is unknown ({sight.reason})"
    said = "" if sight.value is None else f" {value_words(sight.value)}"
    quality = "" if sight.value is not None and sight.good else " good" if sight.good else " bad"
    detail = f" ({sight.detail})" if sight.detail else ""
    return f"{reading.probe}{said}{quality}{detail}"


def _judged(event: events.GuardsJudged) -> Line:
    missing = [verdict.guard for verdict in event.verdicts if verdict.outcome is not Outcome.PASS]
    head = Span(f"Transition {event.transition}: ")
    if not missing:
        return (head, Span(all_pass(len(event.verdicts)), "good"))
    words = f"{len(missing)} of {counted(len(event.verdicts), 'guard')} did not pass: {', '.join(missing)}"
    half_done = " (a write of the transition is in effect: only linked and fresh bind it)"
    return (head, _text(words if event.binding else words + half_done, "warn"))


def _reply(reply: Reply | None) -> str:
    if reply is None:
        return "nobody answered"
    words = f" ({reply.words})" if reply.words else ""
    return ("yes" if reply.yes else "no") + words


def _answer(answer: Answer) -> Span:
    match answer:
        case Accepted(exchange=exchange):
            took = span(exchange.seconds)
            return Span(f"accepted it ({exchange.http_status or '2xx'}) in {took}; now it is read back")
        case Rejected(reason=reason):
            return _text(f"refused it: {reason}", "bad")
        case Throttled(retry_after=seconds):
            wait = "" if seconds is None else f"; wait {span(seconds)}"
            return Span(f"has not taken it: too many requests (429){wait}", "warn")
        case NotSent(reason=reason):
            return _text(f"could not be reached, nothing was sent to it: {reason}", "warn")
        case Lost(reason=reason):
            clear = "clear " if answer.answered else ""
            return _text(f"gave no {clear}answer, so reading has to tell what became of it: {reason}", "warn")
        case _ as never:
            assert_never(never)


def _confirmed(event: events.WriteConfirmed, who: Who) -> Line:
    how = {
        Change.SAME: " (it was there already)",
        Change.ECHO: " (an echo of the other org's write)",
        Change.REFUSED: " (it had answered that it did not take it)",
        Change.UNPROVEN: f" (in effect, author unproven: {author(event.record.modified_by)})",
        Change.SERVER: " (the server made this move)",
    }.get(event.change, "")
    after = f", {span(event.seconds)} after it was sent" if event.seconds else ""
    org = Span(who(event.role), "org")
    return (org, Span(" shows ", "good"), _status(event.status), _text(f"{after}{how}"))


def event_details(event: Event, *, indent: int) -> Page:
    """The lines below an event's own, in the journal's timeline; none where that says it all."""
    match event:
        case events.GuardsJudged(verdicts=verdicts):
            return tuple(line for verdict in verdicts for line in verdict_lines(verdict, indent=indent))
        case events.WaitBegan(verdicts=verdicts) | events.WaitContinued(verdicts=verdicts):
            return waited_for_lines(verdicts, indent=indent)
        case events.WriteIntended(attempt=attempt, request=request):
            sent = (f"{request.method} {request.url}", compact(request.body))
            stamp = paragraph(shortened(f"stamp {attempt.stamp}", 600), "dim", indent=indent, hanging=2)
            return (*((Span(" " * indent), Span(text, "command")) for text in sent), *stamp)
        case _:
            facts = (shortened(text, 600) for text in _facts(event))
            return tuple(line for fact in facts for line in paragraph(fact, "dim", indent=indent, hanging=2))


def _facts(event: Event) -> list[str]:
    match event:
        case events.RunStarted(reason=reason, ref=ref, since=since, plan=plan, overrides=overrides):
            return [
                f"playbook {event.playbook} (SHA-256 {event.playbook_sha256[:12]}…), version {event.version}",
                *([f"reason: {reason}"] if reason else []),
                *([f"ref: {ref}"] if ref else []),
                *([f"since {utc(since)}"] if since is not None else []),
                *([f"applies plan {plan}"] if plan else []),
                *_overrides(overrides),
            ]
        case events.RunResumed(reason=reason, overrides=overrides):
            return [*([f"reason: {reason}"] if reason else []), *_overrides(overrides)]
        case events.SituationRead(readings=readings):
            return [_reading(role, reading) for role, reading in readings.items() if reading is not None]
        case events.WriteAnswered(answer=answer):
            return _exchange(answer.exchange)
        case events.WriteConfirmed(record=record):
            return [_record(record)]
        case events.ChangeSeen(record=shown, expected=expected):
            seen = (("seen", shown), ("last seen before", expected))
            return [f"{label}: {_record(record)}" for label, record in seen if record is not None]
        case events.HookEnded(output=output):
            return [f"| {line}" for line in _ends_of(output.strip().splitlines())]
        case events.RunFinished(phase=phase, seconds=seconds, objectives=objectives):
            stands = [f"the pair stands {phase}"] if phase else []
            met = (
                f"objective {each.status}: {'met' if each.met else 'MISSED'}, {span(each.took)} of {span(each.wanted)}"
                for each in objectives
            )
            return [*stands, f"took {span(seconds)}", *met]
        case _:
            return []


def _overrides(overrides: Mapping[str, str]) -> list[str]:
    return [f"override {guard}: {reason}" for guard, reason in overrides.items()]


def _reading(role: Role, reading: Reading) -> str:
    record = "" if reading.record is None else f"{_record(reading.record)}; "
    return f"{role}: {record}{'; '.join(_exchange(reading.exchange))}"


def _record(record: HamrRecord) -> str:
    status = Status.of(record.status)
    at = "at a time that the record does not tell" if record.modified_at is None else utc(record.modified_at)
    return f"{record.status if status is None else status}, changed {at} by {author(record.modified_by)}"


def _exchange(exchange: Exchange) -> list[str]:
    code, took = exchange.http_status, span(exchange.seconds)
    facts = (
        f"no answer in {took}" if code is None else f"HTTP {code}, answered in {took}",
        "" if exchange.server_date is None else f"server's clock {utc(exchange.server_date)}",
        f"request id {exchange.request_id}" if exchange.request_id else "",
    )
    said = [f"said: {exchange.excerpt}"] if exchange.excerpt else []
    return [", ".join(filter(None, facts)), *said]


def _ends_of(lines: list[str]) -> list[str]:
    left_out = len(lines) - 2 * _OUTPUT_ENDS
    if left_out <= 0:
        return lines
    return [*lines[:_OUTPUT_ENDS], f"… {counted(left_out, 'line')} …", *lines[-_OUTPUT_ENDS:]]
