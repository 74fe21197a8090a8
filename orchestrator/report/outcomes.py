"""What became of things, in words that every form of a report shares; and the checks that tests and people tick off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from msgspec import Struct

from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.playbook import HookOutcome
from orchestrator.model.reading import Accepted, Answer, Lost, NotSent, Rejected, Throttled
from orchestrator.model.words import span, took_of

from .describe import HOOK_STYLES
from .errors import meaning
from .layout import Span
from .run_view import HookRun, Judgement, ReportView, RunView, TransitionView, Write


class Judged(Struct, frozen=True):
    """A guard's verdict, and what became of it."""

    transition: str
    """The transition that it was judged for; "" for what a run asks before its first transition."""
    verdict: Verdict
    outcome: str
    """passed, overridden, waived, refused, did not bind."""
    reason: str = ""
    """The operator's, for an override."""


def judged(transition: TransitionView, judgement: Judgement) -> Iterator[Judged]:
    """What became of each guard's verdict in one judgement of a transition."""
    last = judgement is transition.judgements[-1]
    for verdict in judgement.verdicts:
        outcomes = {
            "passed": verdict.outcome is Outcome.PASS,
            "overridden": verdict.guard in judgement.overridden,
            "waived": verdict.guard in judgement.waived,
            "refused": judgement.binding or (last and verdict.guard in transition.refused_by),
        }
        outcome = next((outcome for outcome, is_so in outcomes.items() if is_so), "did not bind")
        yield Judged(transition.name, verdict, outcome, judgement.overridden.get(verdict.guard, ""))


def not_passed(run: RunView) -> Iterator[Judged]:
    """Every guard that did not pass when its transition was decided on, in order; first what was gone over before any transition."""
    for verdict, reason in run.overridden_before:
        yield Judged("", verdict, "overridden", reason)
    for transition in run.transitions:
        for judgement in transition.judgements:
            found = judged(transition, judgement)
            yield from (each for each in found if each.verdict.outcome is not Outcome.PASS)


def write_outcome(write: Write) -> Span:
    """What became of a write."""
    if write.confirmed is not None:
        after = f" {span(write.confirmed.seconds)} later" if write.confirmed.seconds else ""
        return Span(f"seen{after}", "good")
    if write.unknown:
        return Span("outcome unknown", "bad")
    match write.answer:
        case None:
            return Span("sent, and the journal holds no answer", "bad")
        case Accepted():
            return Span("accepted, and not seen yet", "warn")
        case Rejected():
            return Span("refused by the server", "bad")
        case Throttled():
            return Span("not taken: too many requests", "warn")
        case NotSent():
            return Span("not sent", "warn")
        case Lost(exchange=exchange) as lost:
            how = f"answered HTTP {exchange.http_status}" if lost.answered else "no answer"
            return Span(f"{how}, and not seen", "bad")
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
            return f"No clear answer: {reason}" if answer.answered else f"No answer: {reason}"
        case _ as never:
            assert_never(never)


def hook_outcome(hook: HookRun) -> Span:
    """What became of a hook."""
    if hook.ended is None:
        return Span("begun, and the journal holds no end of it", "bad")
    ended = hook.ended
    took = f" in {span(ended.seconds)}" if ended.seconds else ""
    tone = "" if ended.outcome is HookOutcome.SKIPPED else HOOK_STYLES[ended.outcome]
    return Span(f"{ended.outcome.value}{took}", tone)


def transition_outcome(transition: TransitionView) -> Span:
    """What became of a transition, in a word."""
    if transition.made:
        return Span("made", "good")
    if transition.refused_by:
        return Span("refused", "bad")
    return Span("not begun", "warn") if transition.source is None else Span("begun, not made", "bad")


def transition_move(transition: TransitionView) -> str:
    """A transition's move: PASSIVE → FAILOVER; "" where it never began."""
    return "" if transition.source is None else f"{transition.source} → {transition.target}"


class Check(Struct, frozen=True):
    """One thing that was wanted, and whether it held."""

    group: str
    """What it belongs to: a drill's scenario, a run."""
    name: str
    held: bool
    found: str
    """What was found."""
    records: tuple[int, ...] = ()
    """Sequence numbers of the journal records that show it."""
    seconds: float = 0.0


def checks_of(report: ReportView) -> tuple[Check, ...]:
    """A drill's expectations; for a run, and for a drill that was not scored: every transition, the end, and the objectives.

    Before them, where the records that it was made from do not hold: that they do not.
    """
    broken, drill = report.broken, report.drill
    checks = [check for run in report.runs for check in _run_checks(run)]
    if drill is not None and drill.score is not None:
        group = drill.score.scenario or f"drill {drill.drill}"
        expectations = drill.score.expectations
        checks = [Check(group, each.name, each.held, each.found, each.records) for each in expectations]
    if broken is not None:
        checks.insert(0, Check("journal", "its records hold", False, report.warning, (broken.seq,)))
    return tuple(checks)


def _run_checks(run: RunView) -> Iterator[Check]:
    group = f"run {run.run}"
    for transition in run.transitions:
        if transition.source is not None or transition.refused_by:
            yield _transition_check(group, transition)
    yield _end_check(group, run)
    for objective in run.objectives:
        name = f"objective: {objective.status} within {span(objective.wanted)}"
        yield Check(group, name, objective.met, took_of(objective), (run.finished_seq,))


def _transition_check(group: str, transition: TransitionView) -> Check:
    move = "" if transition.source is None else f" ({transition.source} to {transition.target})"
    name = f"transition {transition.name}{move} is made"
    if transition.made:
        seconds = 0.0 if transition.spent is None else transition.spent.seconds
        return Check(group, name, True, f"made in {span(seconds)}", (transition.made_seq,), seconds)
    if not transition.refused_by:
        writes = tuple(write.seq for write in transition.writes)
        return Check(group, name, False, "it was begun and not made", writes)
    judged = transition.judgements[-1:]
    reasons = [
        f"{verdict.guard} {verdict.outcome.value}: {verdict.reason}"
        for judgement in judged
        for verdict in judgement.verdicts
        if verdict.outcome is not Outcome.PASS and verdict.guard in transition.refused_by
    ]
    found = "refused by " + ("; ".join(reasons) or ", ".join(transition.refused_by))
    records = (*(judgement.seq for judgement in judged), transition.refused_seq)
    return Check(group, name, False, found, records)


def _end_check(group: str, run: RunView) -> Check:
    name = f"end: the pair stands at {'its goal' if run.goal is None else run.goal}"
    if run.finished is None:
        return Check(group, name, False, "this journal holds no end of the run", (run.entries[-1].seq,))
    code = run.finished.exit_code
    found = f"{run.finished.ending.message} (exit code {code}: {meaning(code)})"
    return Check(group, name, code == 0, found, (run.finished_seq,), run.elapsed.total_seconds())
