"""What became of things, in words that every form of a report shares: of writes, hooks, transitions, and guards that did not pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from msgspec import Struct

from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.hook import HookOutcome
from orchestrator.model.reading import Accepted, Answer, Lost, NotSent, Rejected, Throttled
from orchestrator.model.result import StepTime
from orchestrator.model.words import span

from .story import RunStory
from .transition_story import HookRun, Judgement, TransitionStory, Write

PURPOSES = {
    "transition": "",
    "resend": "sent again",
    "repair": "to put right what a late write of ours set back",
    "deliver": "what it was owed",
    "adopt": "as the other one shows",
}
"""Why a write was sent, beside being part of its transition."""

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

    transition: str
    """The transition that it was judged for; "" for what a run asks before its first transition."""
    verdict: Verdict
    fate: str
    """overridden, waived, refused, did not bind."""
    reason: str = ""
    """The operator's, for an override."""


def not_passed(run: RunStory) -> Iterator[LetPass]:
    """Every guard that did not pass when its transition was decided on, in order; first what was gone over before any transition."""
    for verdict, reason in run.overridden_before:
        yield LetPass("", verdict, "overridden", reason)
    for transition in run.transitions:
        for judgement in transition.judgements:
            for verdict in judgement.verdicts:
                if verdict.outcome is Outcome.PASS:
                    continue
                yield LetPass(
                    transition.name,
                    verdict,
                    fate(transition, judgement, verdict),
                    judgement.overridden.get(verdict.guard, ""),
                )


def fate(transition: TransitionStory, judgement: Judgement, verdict: Verdict) -> str:
    """What became of a guard's verdict: passed, overridden, waived, refused, or it did not bind."""
    if verdict.outcome is Outcome.PASS:
        return "passed"
    if verdict.guard in judgement.overridden:
        return "overridden"
    if verdict.guard in judgement.waived:
        return "waived"
    if judgement is transition.judgements[-1] and verdict.guard in transition.refused_by:
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


def transition_fate(transition: TransitionStory) -> tuple[str, str]:
    """What became of a transition, in a word, and its tone."""
    if transition.made:
        return ("made", "good")
    if transition.refused_by:
        return ("refused", "bad")
    return ("begun, not made", "bad") if transition.source is not None else ("not begun", "warn")


def step_of(run: RunStory, transition: TransitionStory) -> StepTime | None:
    """Where a transition's time went; None for one that was not made."""
    if not transition.made:
        return None
    place = [
        other.made_seq for other in run.transitions if other.name == transition.name and other.made
    ].index(transition.made_seq)
    steps = [step for step in run.times.steps if step.transition == transition.name]
    return steps[place] if place < len(steps) else None


def transition_words(transition: TransitionStory) -> str:
    """A transition's move: PASSIVE → FAILOVER; "" where it never began."""
    return "" if transition.source is None else f"{transition.source} → {transition.target}"
