"""A run while it goes, as one frame: what it waits for and for how long yet, and its transitions beside both orgs.

A frame is made of the run's view, which `run_fold` makes of what happens here or of what the journal says of somebody
else's run, and of the time: the same view a second later counts one second less.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook, Timeouts
from orchestrator.model.reading import Reading, Unreachable
from orchestrator.model.situation import PairStatus
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import in_mode, span

from .describe import reading_words
from .layout import Line, Page, Span, called, labelled, line, line_text, shortened, table
from .outcomes import write_outcome
from .run_view import Look, RunView, TransitionView
from .verdicts import time_left, wait_lines

SILENT = 1.0
"""Seconds without an answer that are worth a word."""

_LIMITS = (32, 32, 32)
"""Cells of the columns: the transition, and each org."""


class _Row(Struct, frozen=True):
    """A transition that was begun, or that comes on the way to the goal."""

    name: str
    target: Status | None
    begun: TransitionView | None = None


def run_page(run: RunView, pair: Pair, playbook: Playbook | None, now: datetime) -> Page:
    """The frame of a run: no line of it is cut off, however narrow the terminal.

    Without the playbook, what comes after the transition that was begun last is not known.
    """
    return (_title(run, pair, now), *_awaited(run, pair, now), *_transitions(run, pair, playbook, now))


def looks_page(looks: Mapping[Role, Look], pair: Pair, now: datetime) -> Page:
    """Who is silent, for how long and for how long at most, and who has answered meanwhile; nothing while nobody is."""
    page: list[Line] = []
    silent = False
    for role, look in sorted(looks.items(), key=lambda each: [*Role].index(each[0])):
        org = called(pair[role].name, role)
        if look.answered is not None:
            took = span(look.answered.exchange.seconds)
            page += labelled("answered", f"{org}: {reading_words(look.answered).text}, in {took}")
        elif (now - look.asked_at).total_seconds() >= SILENT:
            silent = True
            again = ", asked again" if isinstance(look.before and look.before.sight, Unreachable) else ""
            waited = _no_answer(look.asked_at, look.seconds, now)
            page += labelled("silent", f"{org}: {waited}{again}", "warn")
    return tuple(page) if silent else ()


def _no_answer(since: datetime, most: float, now: datetime) -> str:
    """How long nothing has been heard: no answer yet, 4 of 10 s."""
    seconds = (now - since).total_seconds()
    if seconds > most:
        return f"no answer for {span(seconds)}"
    return f"no answer yet, {math.floor(seconds)} of {most:g} s"


def _title(run: RunView, pair: Pair, now: datetime) -> Line:
    who = f" of {shortened(run.by[-1], 60)}" if run.by else ""
    took = span(max(0.0, ((run.finished_at or now) - _taken_up(run)).total_seconds()))
    return (
        Span(f"Run {run.run}{who}" if run.run else f"Pair {shortened(pair.name, 60)}", "heading"),
        *(() if run.goal is None else (Span(" to "), Span(str(run.goal), "status"))),
        Span(f"{in_mode(run.mode)}, {took}{'' if run.finished else ' so far'}", "dim"),
    )


def _taken_up(run: RunView) -> datetime:
    """When whoever is at it now began; what was asked or run before that, nobody waits for any more."""
    return run.resumes[-1].at if run.resumes else run.began


def _awaited(run: RunView, pair: Pair, now: datetime) -> Page:
    """What holds it up just now; one line at least, so that what is below stays where it is."""
    if run.finished is not None:
        return ()
    page: list[Line] = []
    since = _taken_up(run)
    asked = (each for transition in run.transitions for each in transition.questions)
    question = next((each for each in asked if each.ended is None and each.at >= since), None)
    guards = run.waits_for_guards
    if question is not None:
        page += labelled("asks", shortened(question.question.text, 1200), "warn")
    elif guards is not None:
        left = guards.allowed - (now - guards.at).total_seconds()
        page += wait_lines(guards.guards, left, guards.verdicts)
    elif run.awaited is not None:
        waiting, said_at = run.awaited
        left = waiting.seconds - (now - said_at).total_seconds()
        for_how_long = f": {time_left(left)}" if waiting.seconds > 0 else ""
        page += labelled("waits for", f"{shortened(waiting.what)}{for_how_long}", "warn")
    else:
        hooks = (hook for each in run.transitions for hook in each.hooks)
        for hook in (each for each in hooks if each.ended is None and each.at >= since):
            lasted = span((now - hook.at).total_seconds())
            words = f"{hook.name}, {hook.when.value} {hook.transition}, has run for {lasted}"
            page += labelled("hook", words, "warn")
    page += looks_page(run.looks, pair, now)
    return tuple(page) or labelled("now", "at work", "dim")


def _transitions(run: RunView, pair: Pair, playbook: Playbook | None, now: datetime) -> Page:
    rows = [*_begun(run, playbook), *_to_come(run, playbook)]
    if run.apart:
        rows.append(_Row("told", None, TransitionView("", run.began, writes=[*run.apart])))
    header = ("", *(called(pair[role].name, role) for role in Role))
    silence = (Timeouts() if playbook is None else playbook.timeouts).silence.total_seconds()
    cells = [(_named(row), *(_cell(run, row, role, now, silence) for role in Role)) for row in rows]
    return table(header, cells, _LIMITS, indent=2) if rows else ()


def _begun(run: RunView, playbook: Playbook | None) -> Iterator[_Row]:
    for begun in run.transitions:
        declared = (None if playbook is None else playbook.transition(begun.name)) or begun
        yield _Row(begun.name, declared.target, begun)


def _to_come(run: RunView, playbook: Playbook | None) -> Iterator[_Row]:
    """The rest of the way to the goal, from where the transitions that were begun lead to."""
    begun = [*_begun(run, playbook)]
    seen = {statuses[-1].status for statuses in run.statuses if statuses} - {None}
    stands = begun[-1].target if begun else next(iter(seen)) if len(seen) == 1 else None
    if stands is None or run.goal is None or playbook is None:
        return
    for each in playbook.route(stands, run.goal) or ():
        yield _Row(each.name, each.target)


def _named(row: _Row) -> Span:
    towards = "" if row.target is None else f" → {row.target}"
    return Span(f"{shortened(row.name, 60)}{towards}", "" if row.begun is None else "bold")


def _cell(run: RunView, row: _Row, role: Role, now: datetime, silence: float) -> Span:
    """What was sent to an org for a transition, what became of it, and for how long it has been silent."""
    if row.begun is None:
        return Span("-", "dim")
    write = next((each for each in reversed(row.begun.writes) if each.attempt.role is role), None)
    if write is None:
        return _unwritten(run, row, role)
    status, became = write.attempt.status, write_outcome(write)
    if write.answer is not None or write.confirmed is not None or write.unknown:
        return Span(f"{status} {became.text}", became.style)
    silent = (now - write.at).total_seconds()
    if silent < SILENT:
        return Span(f"{status} sent", "warn")
    if not run.live:
        return Span(f"{status} sent {span(float(math.floor(silent)))} ago", "warn")
    return Span(f"{status} sent, {_no_answer(write.at, silence, now)}", "warn")


def _unwritten(run: RunView, row: _Row, role: Role) -> Span:
    seen = run.statuses[role]
    if any(each.status is row.target for each in seen):
        return Span(f"shows {row.target}", "good")
    if not seen:
        return Span("-", "dim")
    shown = seen[-1]
    if shown.status is None:
        return Span("left out", "warn")
    begun = row.begun is not None and row.begun.source is not None
    return Span(f"shows {shown.words}{', not told' if begun else ''}", "warn" if begun else "")


def alike(before: PairStatus, now: PairStatus) -> PairStatus:
    """An earlier look, as it would be said now: what changes with every look alone (ages, heartbeats, times) is no change."""

    def taken_now(role: Role) -> Reading:
        return replace(before.readings[role], exchange=now.readings[role].exchange)

    same_lock = before.holder and now.holder and before.holder.lock == now.holder.lock
    return replace(
        before,
        at=now.at,
        head=now.head,
        readings=Both(*map(taken_now, Role)),
        holder=now.holder if same_lock else before.holder,
        cooling_down_for=now.cooling_down_for,
    )


def marked(page: Page, before: Page) -> Page:
    """A page, each line that the page before does not have marked in its margin."""
    known = {line_text(spans) for spans in before}
    return tuple(
        _marked(spans) if line_text(spans).startswith("  ") and line_text(spans) not in known else spans
        for spans in page
    )


def _marked(spans: Line) -> Line:
    """The line with a mark in its first two cells, which are empty."""
    first, *rest = spans
    if len(first.text) < 2:  # noqa: PLR2004 - the margin
        return (Span("* ", "warn"), *line(line_text(spans)[2:]))
    return (Span("* ", "warn"), Span(first.text[2:], first.style), *rest)
