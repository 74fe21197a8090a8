"""What an org said, in a few words; and guards' verdicts as lines: the outcome, the guard, its reason; and, for one that refuses, the flag that overrides it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.next_step import override_flag
from orchestrator.model.reading import (
    Absent,
    Denied,
    Hampered,
    Present,
    Reading,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.run import Attempt
from orchestrator.model.status import Role
from orchestrator.model.words import span

from .layout import (
    LEAST_BESIDE,
    Line,
    Page,
    Span,
    fold,
    labelled,
    line,
    padded,
    page_width,
    paragraph,
    shortened,
)

OUTCOME_STYLES = {Outcome.PASS: "good", Outcome.FAIL: "bad", Outcome.UNKNOWN: "warn"}

_OUTCOME = 9
_NAME = 20


def sight_words(reading: Reading) -> Span:
    """What one org said, in a few words: its status, or why there is none."""
    match reading.sight:
        case Present(status=status):
            return Span(str(status), "status")
        case Unrecognised(record=record):
            return Span(f"{record.status}, not known to this version", "bad")
        case Absent():
            return Span("no HAMR record (404)", "warn")
        case Hampered(trouble=trouble):
            return Span(trouble.value, "bad")
        case Denied():
            return Span("not seen: our keys are denied", "bad")
        case Unreachable():
            usable = "" if reading.exchange.http_status is None else "usable "
            return Span(f"not seen: no {usable}answer", "bad")
        case Unreadable():
            return Span("not seen: no HAMR record in its answer", "bad")
        case _ as never:
            assert_never(never)


def all_pass(number: int) -> str:
    """That so many guards pass, and no other was judged."""
    return "1 guard passes" if number == 1 else f"all {number} guards pass"


def verdict_lines(verdict: Verdict, note: str = "", *, indent: int = 4) -> Page:
    """One verdict, its reason folded beside it; `note` is what becomes of it: overridden, say, or waived."""
    words = shortened(verdict.reason)
    again = "today's value, judged again then" if verdict.judged_again else "predicted"
    marks = [*([again] if verdict.predicted else []), *([note] if note else [])]
    if marks:
        words = f"({', '.join(marks)}) {words}"
    left = indent + _OUTCOME + _NAME
    margin = " " * indent
    outcome = Span(margin + padded(verdict.outcome.value, _OUTCOME), OUTCOME_STYLES[verdict.outcome])
    name = shortened(verdict.guard, 60)
    if page_width() < LEAST_BESIDE:
        return ((outcome, Span(name, "bold")), *paragraph(words, indent=indent + _OUTCOME))
    first, *others = map(Span, fold(words, page_width() - left))
    if len(name) >= _NAME:  # a line of its own, so that the reasons stay in their column
        others = [first, *others]
        head: Line = (outcome, Span(name, "bold"))
    else:
        head = (outcome, Span(padded(name, _NAME - 1) + " ", "bold"), first)
    return (head, *((Span(" " * left), each) for each in others))


def refusal_lines(verdicts: Iterable[Verdict]) -> Page:
    """All guards that refuse, at once: each with its reason, why it matters, and its flag (law 10)."""
    lines: list[Line] = []
    for verdict in verdicts:
        lines += verdict_lines(verdict, indent=2)
        lines += paragraph(shortened(verdict.why), "dim", indent=2 + _OUTCOME)
        lines.append((Span(" " * (2 + _OUTCOME)), what_overrides(verdict)))
    return tuple(lines)


def time_left(seconds: float) -> str:
    """How long something is still waited for; seconds are whole ones, so that they are read while they count down."""
    return f"{span(float(math.floor(seconds)))} left" if seconds >= 1 else "its time is up"


def wait_lines(guards: Iterable[str], left: float, verdicts: Sequence[Verdict]) -> Page:
    """That guards are waited for, and for how many seconds yet."""
    named = f"{', '.join(guards)}, {time_left(left)}"
    return (*labelled("waits for", named, "warn"), *waited_for_lines(verdicts, indent=4))


def waited_for_lines(verdicts: Sequence[Verdict], *, indent: int) -> Page:
    """Guards that are waited for: what the playbook wants of people, in its own words, and what each shows now; all of it.

    Where there is but one, it is not named again.
    """
    lines: list[Line] = []
    for verdict in verdicts:
        named = verdict.guard if len(verdicts) > 1 else ""
        wanted = ": ".join(filter(None, (named, verdict.why)))
        lines += paragraph(wanted, "bold", indent=indent, hanging=2) or (line(),)
        lines += paragraph(f"now: {verdict.reason}", "warn", indent=indent, hanging=2)
    return tuple(lines)


def may_come_late_lines(given_up: Iterable[tuple[str, Attempt]], org: Callable[[Role], str]) -> Page:
    """Which writes of which runs were given up, and may still take effect: whatever is judged now, they may change (law 5)."""
    told = (
        f"attempt {attempt.number} of run {run} ({attempt.status} to {org(attempt.role)}) was given up, and may still take effect"
        for run, attempt in given_up
    )
    return tuple(spans for words in told for spans in labelled("may come late", words, "warn"))


def what_overrides(verdict: Verdict) -> Span:
    """How a verdict that did not pass can be overridden."""
    if not verdict.overridable:
        return Span("It can't be overridden.", "bad")
    return Span(f"To go on all the same: {override_flag(verdict.guard)}", "command")
