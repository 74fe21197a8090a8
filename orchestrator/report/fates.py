"""What became of things, in words that every form of a report shares: of writes, hooks, rows, and guards that did not pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from msgspec import Struct

from orchestrator.model.drill import StepTime
from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.hook import HookOutcome
from orchestrator.model.reading import Accepted, Answer, Lost, NotSent, Rejected, Throttled
from orchestrator.model.words import span

from .row_story import HookRun, Judgement, RowStory, Write
from .story import RunStory

PURPOSES = {
    "row": "",
    "resend": "sent again",
    "repair": "to put right what a late write of ours set back",
    "deliver": "what it was owed",
    "adopt": "as the other one shows",
}
"""Why a write was sent, beside being part of its row."""

HOOK_TONES = {
    HookOutcome.DONE: "good",
    HookOutcome.FAILED: "bad",
    HookOutcome.CUT_OFF: "bad",
    HookOutcome.NOT_DONE: "warn",
    HookOutcome.LEFT_TO_PERSON: "warn",
    HookOutcome.SKIPPED: "",
}


class LetPass(Struct, frozen=True):
    """A guard that did not pass, and what became of it."""

    row: str
    """The row that it was judged for; "" for what a run asks before its first row."""
    verdict: Verdict
    fate: str
    """overridden, waived, refused, did not bind."""
    reason: str = ""
    """The operator's, for an override."""


def not_passed(run: RunStory) -> Iterator[LetPass]:
    """Every guard that did not pass when its row was decided on, in order; first what was gone over before any row."""
    for verdict, reason in run.overridden_before:
        yield LetPass("", verdict, "overridden", reason)
    for row in run.rows:
        for judgement in row.judgements:
            for verdict in judgement.verdicts:
                if verdict.outcome is Outcome.PASS:
                    continue
                yield LetPass(
                    row.name,
                    verdict,
                    fate(row, judgement, verdict),
                    judgement.overridden.get(verdict.guard, ""),
                )


def fate(row: RowStory, judgement: Judgement, verdict: Verdict) -> str:
    """What became of a guard's verdict: passed, overridden, waived, refused, or it did not bind."""
    if verdict.outcome is Outcome.PASS:
        return "passed"
    if verdict.guard in judgement.overridden:
        return "overridden"
    if verdict.guard in judgement.waived:
        return "waived"
    if judgement is row.judgements[-1] and verdict.guard in row.refused_by:
        return "refused"
    return "did not bind" if not judgement.binding else "refused"


def write_fate(write: Write) -> tuple[str, str]:
    """What became of a write, in words, and its tone."""
    if write.confirmed is not None:
        after = f" {span(write.confirmed.seconds)} later" if write.confirmed.seconds else ""
        return (f"seen{after}", "good")
    if write.unknown:
        return ("outcome unknown", "bad")
    match write.answer:
        case None:
            return ("sent, and the journal holds no answer", "bad")
        case Accepted():
            return ("accepted, and not seen yet", "warn")
        case Rejected():
            return ("refused by the server", "bad")
        case Throttled():
            return ("not taken: too many requests", "warn")
        case NotSent():
            return ("not sent", "warn")
        case Lost():
            return ("no answer, and not seen", "bad")
        case _ as never:
            assert_never(never)


def answer_words(answer: Answer | None) -> str:
    """What the server answered, in a line."""
    if answer is None:
        return "no answer stands in the journal"
    exchange = answer.exchange
    took = f" in {span(exchange.seconds)}" if exchange.seconds else ""
    code = "" if exchange.http_status is None else f"HTTP {exchange.http_status}"
    match answer:
        case Accepted():
            return f"{code or 'a 2xx'}{took}: accepted"
        case Rejected(reason=reason):
            return f"{code}{took}: refused, {reason}".lstrip(": ")
        case Throttled(retry_after=seconds):
            wait = "" if seconds is None else f", to be tried again after {span(seconds)}"
            return f"HTTP 429{took}: not taken{wait}"
        case NotSent(reason=reason):
            return f"Nothing was sent: {reason}"
        case Lost(reason=reason):
            return f"No answer: {reason}"
        case _ as never:
            assert_never(never)


def hook_fate(hook: HookRun) -> tuple[str, str]:
    """What became of a hook, in words, and its tone."""
    if hook.ended is None:
        return ("begun, and the journal holds no end of it", "bad")
    ended = hook.ended
    took = f" in {span(ended.seconds)}" if ended.seconds else ""
    return (f"{ended.outcome.value}{took}", HOOK_TONES[ended.outcome])


def row_fate(row: RowStory) -> tuple[str, str]:
    """What became of a row, in a word, and its tone."""
    if row.made:
        return ("made", "good")
    if row.refused_by:
        return ("refused", "bad")
    return ("begun, not made", "bad") if row.source is not None else ("not begun", "warn")


def step_of(run: RunStory, row: RowStory) -> StepTime | None:
    """Where a row's time went; None for one that was not made."""
    if not row.made:
        return None
    place = [other.made_seq for other in run.rows if other.name == row.name and other.made].index(
        row.made_seq
    )
    steps = [step for step in run.times.steps if step.row == row.name]
    return steps[place] if place < len(steps) else None


def row_words(row: RowStory) -> str:
    """A row's move: PASSIVE → FAILOVER; "" where it never began."""
    return "" if row.source is None else f"{row.source} → {row.target}"
