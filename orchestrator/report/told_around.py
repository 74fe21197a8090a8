"""What happened around a transition's writes, in one line for each event: probes, waiting, people, hooks, notices, drills."""

from __future__ import annotations

from typing import assert_never

from orchestrator.model.events import (
    DrillClosed,
    DrillScored,
    DrillStarted,
    HookEnded,
    HookIntended,
    NoticeFailed,
    NoticeSent,
    PersonAnswered,
    PersonAsked,
    ProbesRead,
    WaitBegan,
    WaitEnded,
)
from orchestrator.model.guard import Measured, ProbeReading
from orchestrator.model.hook import HookOutcome, Reply
from orchestrator.model.words import counted, span, value_words

from .layout import Line, Span, shortened

Around = (
    ProbesRead
    | WaitBegan
    | WaitEnded
    | PersonAsked
    | PersonAnswered
    | HookIntended
    | HookEnded
    | NoticeSent
    | NoticeFailed
    | DrillStarted
    | DrillScored
    | DrillClosed
)

_HOOK_STYLES = {
    HookOutcome.DONE: "good",
    HookOutcome.FAILED: "bad",
    HookOutcome.CUT_OFF: "bad",
    HookOutcome.NOT_DONE: "warn",
    HookOutcome.LEFT_TO_PERSON: "warn",
    HookOutcome.SKIPPED: "dim",
}


_ENDS = 3
"""How many lines of a hook's output are shown of its beginning, and of its end."""


def probe_words(reading: ProbeReading) -> str:
    """What one probe said, in a few words."""
    sight = reading.sight
    if not isinstance(sight, Measured):
        return f"{reading.probe} is unknown ({sight.reason})"
    said = "" if sight.value is None else f" {value_words(sight.value)}"
    quality = "" if sight.value is not None and sight.good else " good" if sight.good else " bad"
    detail = f" ({sight.detail})" if sight.detail else ""
    return f"{reading.probe}{said}{quality}{detail}"


def around_headline(event: Around) -> Line:  # noqa: C901, PLR0912 - one case per event
    """One line for an event around a transition's writes."""
    match event:
        case ProbesRead(readings=readings):
            return (Span("Probes: "), _text("; ".join(probe_words(reading) for reading in readings)))
        case WaitBegan(transition=transition, guards=guards, seconds=seconds):
            words = f"Transition {transition}: waiting for {', '.join(guards)}, for up to {span(seconds)}"
            return (_text(words, "warn"),)
        case WaitEnded(transition=transition, passed=passed, seconds=seconds):
            words = f"Transition {transition}: {'its guards pass' if passed else 'stopped waiting'} after {span(seconds)}"
            return (_text(words, "good" if passed else "bad"),)
        case PersonAsked(question=question):
            return (Span("Asked: "), _text(question.text))
        case PersonAnswered(question=question, reply=reply, seconds=seconds):
            return (_text(f"{question.subject}: {_reply(reply)}"), Span(f", after {span(seconds)}", "dim"))
        case HookIntended(transition=transition, when=when, hook=hook, what=what):
            return (Span(f"Hook {hook} ({when.value} {transition}): "), _text(what, "command"))
        case HookEnded(hook=hook, outcome=outcome, reason=reason, seconds=seconds):
            took = f" in {span(seconds)}" if outcome is HookOutcome.DONE else ""
            because = f": {reason}" if reason else ""
            return (Span(f"Hook {hook} "), _text(f"{outcome.value}{took}{because}", _HOOK_STYLES[outcome]))
        case NoticeSent(role=role, title=title, head=head):
            return (_text(f"Told the {role} org: {title} (journal head {head[:20]}…)", "dim"),)
        case NoticeFailed(role=role, title=title, reason=reason):
            return (_text(f"Could not tell the {role} org ({title}): {reason}; it stops nothing", "warn"),)
        case DrillStarted(goal=goal, home=home, scenario=scenario):
            named = f", scenario {scenario}" if scenario else ""
            return (Span("Drill", "bold"), _text(f": to {goal} and home to {home}{named}"))
        case DrillScored(score=score):
            held = sum(each.held for each in score.expectations)
            words = f": {held} of {counted(len(score.expectations), 'expectation')} held"
            return (Span("Drill scored", "bold"), _text(words, "good" if score.passed else "bad"))
        case DrillClosed(notes=notes):
            return (Span("Drill closed", "bold"), _text(f": {notes}" if notes else ""))
        case _ as never:
            assert_never(never)


def around_details(event: object) -> list[str]:
    """The lines below such a headline: what a hook printed."""
    if isinstance(event, HookEnded) and event.output.strip():
        lines = event.output.strip().splitlines()
        left_out = len(lines) - 2 * _ENDS
        shown = (
            lines if left_out <= 0 else [*lines[:_ENDS], f"… {counted(left_out, 'line')} …", *lines[-_ENDS:]]
        )
        return [f"| {each}" for each in shown]
    return []


def _reply(reply: Reply | None) -> str:
    if reply is None:
        return "nobody answered"
    words = f" ({reply.words})" if reply.words else ""
    return ("yes" if reply.yes else "no") + words


def _text(text: str, style: str = "") -> Span:
    return Span(shortened(text), style)
