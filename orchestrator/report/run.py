"""A run while it goes, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.errors import ExitCode
from orchestrator.model import events
from orchestrator.model.events import Event
from orchestrator.model.org import Pair
from orchestrator.model.plain import JSON
from orchestrator.model.reading import STOPS_AGAIN
from orchestrator.model.result import RunResult
from orchestrator.model.run import End
from orchestrator.model.status import Role
from orchestrator.model.words import END_WORDS, in_mode, span, took_of, why_waived

from .describe import describe_event, end_style, event_details, the_role
from .documents import document, fields_fact, noun_fact
from .errors import exit_fact, exit_lines
from .layout import (
    Line,
    Page,
    Span,
    called,
    copied,
    heading,
    labelled,
    line,
    next_commands,
    paragraph,
    shortened,
)
from .to_do import Left, ToDo, left_to_do, to_do_lines
from .verdicts import refusal_lines, verdict_lines

_TITLES = {
    End.MOVED: "STOPPED: somebody or something else has changed this pair",
    End.INCOMPLETE: "INCOMPLETE: stopped midway",
    End.UNKNOWN: "UNKNOWN: the outcome of a write is not known",
}
"""How a run ended, where there is more to say than in a list of runs."""

_SILENT = (
    events.ReadingsTaken,
    events.OrgAsked,
    events.OrgAnswered,
    events.LockTaken,
    events.LockReleased,
    events.TransitionRefused,
    events.RunFinished,
    events.PersonAsked,
)
"""Not worth a line while a run goes: nothing new, or the summary says it a moment later."""


def progress_line(event: Event, pair: Pair, elapsed: float) -> Line | None:
    """One line of progress: when, which transition, which org, what is being waited for; None for what is not worth a line.

    `elapsed` is in seconds since the run began.
    """
    if isinstance(event, _SILENT):
        return None
    if isinstance(event, events.SituationRead) and event.purpose != "start":
        return None  # those between two writes are told by what they confirm
    said = describe_event(event, lambda role: called(pair[role].name, role))
    return (Span(f"{elapsed:7.1f} s  ", "dim"), *said)


def progress_page(event: Event, pair: Pair, elapsed: float) -> Page:
    """The same with what is below it: what the playbook says of guards that are waited for, and what they show."""
    spans = progress_line(event, pair, elapsed)
    if spans is None:
        return ()
    waits = isinstance(event, events.WaitBegan | events.WaitContinued)
    return (spans, *(event_details(event, indent=11) if waits else ()))


def result_page(result: RunResult) -> Page:
    """What came of a run: the end, the steps with their times, what is owed, and what to type next."""
    ending = result.ending
    # A look comes first where something may still take effect.
    well = ending.end is End.DONE and all(step.verb != "status" for step in ending.next_steps[:1])
    return (
        line(f"{_TITLES.get(ending.end) or END_WORDS[ending.end].upper()}.", end_style(ending.end)),
        *paragraph(shortened(_without_refusals(result), 1200), indent=2),
        *((line(), *refusal_lines(result.refused_by)) if result.refused_by else ()),
        *_let_pass(result),
        line(),
        *_facts(result),
        *_head(result),
        *to_do_lines(_left_to_do(result), well=well),
        *next_commands(result.ending.next_steps),
    )


def _without_refusals(result: RunResult) -> str:
    """The ending's message; the guards that it repeats are listed below, each with its flag."""
    message = result.ending.message
    if result.refused_by and all(verdict.reason in message for verdict in result.refused_by):
        return message.split(": ", 1)[0]
    return message


def _let_pass(result: RunResult) -> Page:
    """The guards that did not pass and did not stop it: what a person has to answer for later."""
    let_pass = {each.guard: (each, f"waived: {why_waived(each)}") for each in result.waived}
    let_pass |= {each.guard: (each, f"overridden: {reason}") for each, reason in result.overridden}
    lines = [spans for each, note in let_pass.values() for spans in verdict_lines(each, note, indent=2)]
    return (*heading("Did not pass, and did not stop it"), *lines) if lines else ()


def _facts(result: RunResult) -> Iterator[Line]:
    ending = result.ending
    goal = "" if result.goal is None else f" to {result.goal}"
    yield from labelled("run", f"{result.run}, pair {shortened(result.pair, 60)}{goal}{in_mode(result.mode)}")
    yield from labelled("sent", shortened(ending.sent, 600), "bold")
    yield from labelled("org", str(ending.org or ""), "org")
    # No guard judges whether an org was put back: the steps tell it.
    over = {"reverted", *(verdict.guard for verdict, _ in result.overridden)}
    for guard in result.request.overrides if result.request is not None and ending.end.reached else ():
        if guard not in over:
            yield from labelled("override", f"{shortened(guard, 60)} was not needed", "warn")
    if ending.end is not End.DONE:  # which the message above says
        yield from labelled("stands", result.phase or "not seen")
    yield from labelled("took", _took(result))
    for objective in result.objectives:
        word, style = ("met", "good") if objective.met else ("MISSED", "bad")
        yield from labelled("objective", f"{objective.status} {word}: {took_of(objective)}", style)
    if result.exit_code is not ExitCode.DONE:
        yield from exit_lines(result.exit_code)


def _took(result: RunResult) -> str:
    """How long it took since it was started or taken up, and its transitions; waiting for guards and for people apart.

    Waits and transitions of a run that was taken up count from its first beginning.
    """
    waited = ((result.waited, "guards"), (result.asked, "a person"))
    waits = " and ".join(f"{span(seconds)} waiting for {whom}" for seconds, whom in waited if seconds)
    steps = ", ".join(f"{shortened(step.transition, 60)} {span(step.seconds)}" for step in result.steps)
    words = f", of it {waits}" if waits else ""
    if result.request is None and (waits or steps):
        words = f"; since the run first began{f', {waits}' if waits else ''}"
    return f"{span(result.seconds)}{words}{f': {steps}' if steps else ''}"


def _left_to_do(result: RunResult) -> tuple[ToDo, ...]:
    stopped = not (result.ending.end.reached or result.resumable)
    made = {step.transition for step in result.steps}
    # What a run that found nothing to do leaves owing is an earlier run's, which the pair's name finds.
    owing = result.run if result.resumable else result.pair
    return left_to_do(
        Left(
            result.pair,
            {role: the_role(role) for role in Role},
            unknown=[(result.run, attempt) for attempt in result.unknown],
            open_run=result.run if result.resumable else "",
            overtaken=result.ending.next_steps if result.ending.change in STOPS_AGAIN else (),
            stopped_for=result.ending.next_steps[:1] if stopped else (),
            owed=[] if result.owed is None else [result.owed],
            agreed=result.agreed,
            approvals=[result.run] if result.approval_owed else [],
            hooks_owed=[(owing, hook) for hook in result.hooks_owed],
            hooks_failed=[hook for hook in result.hooks_failed if hook.partition("/")[0] in made],
            by_hand=result.left_to_person,
            remember=result.remember,
        )
    )


def _head(result: RunResult) -> Page:
    if not result.head.seq:
        return labelled("journal", "The end of this run could not be written into it.", "bad")
    return (copied("verify", f"hamr audit verify --anchor {result.head}"),)


def result_json(result: RunResult) -> dict[str, JSON]:
    """The same as a document: hamr/result/1."""
    ending = result.ending
    fields = {
        **fields_fact(result, "run", "pair", "goal", "mode"),
        "end": ending.end,
        **exit_fact(result.exit_code),
        **fields_fact(ending, "message", "org", "sent"),
        **fields_fact(result, "phase", "resumable", "seconds", "steps", "objectives", "refused_by"),
        "overridden": [
            {**noun_fact(verdict), "override_reason": reason} for verdict, reason in result.overridden
        ],
        **fields_fact(result, "waived", "owed", "hooks_owed", "hooks_failed", "left_to_person"),
        "left_to_do": _left_to_do(result),
        **fields_fact(result, "waited_seconds=waited", "asked_seconds=asked", "remember"),
        "next": result.ending.next_steps,
        "head": result.head,
    }
    return document("hamr/result/1", fields)
