"""A run's or a drill's report: as a page for the terminal, and as the document hamr/report/1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from orchestrator.model.guard import Measured, ProbeReading
from orchestrator.model.plain import JSON
from orchestrator.model.result import StepTime
from orchestrator.model.timing import Spent
from orchestrator.model.words import span, utc

from .documents import document, fields_fact, known_fact, noun_fact, proof_fact, seconds
from .layout import (
    Line,
    Page,
    Span,
    folded_line,
    head_lines,
    heading,
    labelled,
    line,
    listed_under,
    next_commands,
    paragraph,
    shortened,
    table,
)
from .outcomes import (
    answer_words,
    checks_of,
    hook_outcome,
    judged,
    not_passed,
    transition_move,
    transition_outcome,
    write_outcome,
)
from .run_view import (
    Asked,
    DrillView,
    HookRun,
    Judgement,
    ReportView,
    RunView,
    TransitionView,
    Write,
)
from .summary import summary_of
from .to_do import to_do_lines


def report_page(report: ReportView) -> Page:
    """What happened, whether it worked, and what is left to do."""
    summary = summary_of(report)
    figures = (
        labelled(each.label.lower(), each.value + (f" ({each.note})" if each.note else ""), each.tone)
        for each in summary.figures
    )
    return (
        *folded_line((Span(summary.title, "heading"), Span("  "), summary.verdict), ""),
        *(each for text in summary.sentences for each in paragraph(shortened(text, 1200), indent=2)),
        *to_do_lines(summary.to_do, commands=True, well=summary.verdict.style == "good"),
        line(),
        *chain.from_iterable(figures),
        *(each for run in report.runs for each in _run_lines(report, run)),
        *_checks(report),
        *head_lines(report.head, report.verify),
        *labelled("checked", report.checked),
        *next_commands(report.next_steps),
    )


def _run_lines(report: ReportView, run: RunView) -> Page:
    started = run.started
    goal = "" if started is None else f" to {started.goal}, {run.mode.value}"
    name = f"{run.name}: " if run.name else ""
    page: list[Line] = [*heading("Run" if report.drill is None else f"{name}run {run.run}")]
    page += labelled("run", f"{run.run}, pair {shortened(run.pair, 60)}{goal}")
    page += labelled("by", shortened(", ".join(run.by)))
    page += labelled("began", utc(run.began))
    if started is not None:
        page += labelled("reason", shortened(started.reason))
        page += labelled("ref", shortened(started.ref))
        page += labelled("fleet", started.fleet)
        digest = f"{started.playbook}, SHA-256 {started.playbook_sha256[:12]}…, hamr {started.version}"
        page += labelled("playbook", shortened(digest))
        page += labelled("proof", report.proof_of(run))
    for resume in run.resumes:
        page += labelled("resumed", shortened(f"{utc(resume.at)} by {resume.by}, {resume.mode.value}"))
    return (
        *page,
        *_table(_TRANSITIONS, [*map(_transition, run.transitions)], (14, 20, 12, 10, 10, 10, 10)),
        *_table(_WRITES, [_write(run, write) for write in run.writes], (5, 12, 36, 36)),
        *listed_under("Guards that did not pass", _not_passed(run), longest=600),
        *listed_under("Hooks", map(_hook_words, run.hooks), longest=600),
    )


_TRANSITIONS = ("transition", "from → to", "", "time", "API", "world", "people")
_WRITES = ("write", "status", "org", "what became of it")


def _table(header: Sequence[str], rows: Sequence[Sequence[Span]], limits: Sequence[int]) -> Page:
    return (line(), *table(header, rows, limits, indent=2)) if rows else ()


def _transition(transition: TransitionView) -> tuple[Span, ...]:
    spent = transition.spent or Spent()
    times = (spent.seconds, spent.api, spent.world, spent.people)
    return (
        Span(transition.name, "bold"),
        Span(transition_move(transition) or "-", "status"),
        transition_outcome(transition),
        *(Span(span(each) if each else "-") for each in times),
    )


def _write(run: RunView, write: Write) -> tuple[Span, ...]:
    attempt, org = write.attempt, Span(run.called(write.attempt.role), "org")
    return Span(str(attempt.number)), Span(str(attempt.status), "status"), org, write_outcome(write)


def _not_passed(run: RunView) -> Iterator[str]:
    return (
        f"{f'transition {each.transition}' if each.transition else 'before the first transition'}: "
        f"{each.verdict.guard} {each.outcome}: {each.verdict.reason}"
        + (f"; because: {each.reason}" if each.reason else "")
        for each in not_passed(run)
    )


def _hook_words(hook: HookRun) -> str:
    reason = f": {hook.ended.reason}" if hook.ended is not None and hook.ended.reason else ""
    return f"{hook.name}, {hook.when.value} transition {hook.transition}: {hook_outcome(hook).text}{reason}"


def _checks(report: ReportView) -> Page:
    page: list[Line] = [*heading("Expected" if report.drill is not None else "Checked")]
    for check in checks_of(report):
        word, tone = ("held", "") if check.held else ("MISSED", "bad")
        page += labelled(word, shortened(check.name), tone, width=8)
        if check.held:
            continue
        page += paragraph(shortened(check.found, 600), indent=10)
        for seq in check.records if report.drill is not None else ():
            said = f"{seq}: {report.lines.get(seq, '')}".rstrip()
            page += paragraph(said, "dim", indent=10, hanging=2)
    return tuple(page)


def report_json(report: ReportView) -> dict[str, JSON]:
    """The same as a document."""
    summary = summary_of(report)
    fields = {
        **fields_fact(report, "subject", "pair"),
        **fields_fact(summary, "title", "verdict=verdict.text", "summary=sentences"),
        **fields_fact(report, "began_at=began", "ended_at=last"),
        "left_to_do": summary.to_do,
        "remember": () if report.drill is not None else report.runs[0].remember,
        "checks": checks_of(report),
        "drill": None if report.drill is None else _drill_fact(report.drill),
        "runs": [_run_fact(report, run) for run in report.runs],
        **fields_fact(report, "head", "records", "broken=warning", "checked", "verify"),
        "next": report.next_steps,
    }
    return document("hamr/report/1", fields)


def _drill_fact(drill: DrillView) -> dict[str, object]:
    return {
        **fields_fact(drill, "drill", "scenario", "seed", "simulated"),
        **known_fact(drill.score, passed=None, executed=(), not_executed=(), less_strict=()),
        **fields_fact(drill, "closed_at", "notes"),
    }


def _run_fact(report: ReportView, run: RunView) -> dict[str, object]:
    started, finished = run.started, run.finished
    ending = None if finished is None else finished.ending
    about = {"reason": "", "ref": "", "since": None, "fleet": "", "playbook": "", "playbook_sha256": ""}
    return {
        **fields_fact(run, "run", "name"),
        **known_fact(started, "goal"),
        **fields_fact(run, "start", "mode", "by"),
        **known_fact(started, **about, version=""),
        "proof": started and proof_fact(report.certificate, started.playbook_sha256, started.version),
        "orgs": [
            {
                "org": role,
                "name": run.names[role],
                "uuid": "" if started is None else started.orgs[role],
                "url": "" if started is None else started.urls[role],
                "statuses": statuses,
            }
            for role, statuses in run.statuses.items()
        ],
        **fields_fact(run, "began_at=began", "ended_at=finished_at", "seconds=elapsed"),
        "times": _spent_fact(run.spent),
        **known_fact(ending, "end"),
        **known_fact(finished, "exit_code"),
        **known_fact(ending, message="", sent=""),
        **known_fact(finished, phase=""),
        **fields_fact(run, "open", "superseded_by", "resumes"),
        **known_fact(started, overrides={}),
        "overridden_before": [
            {**noun_fact(verdict), "override_reason": reason} for verdict, reason in run.overridden_before
        ],
        "transitions": map(_transition_fact, run.transitions),
        "apart": map(_write_fact, run.apart),
        "owed": [fields_fact(debt, but=("reason",)) for debt in run.debts],
        **fields_fact(run, "hooks_owed", "objectives"),
        "notable": [fields_fact(entry, "record=seq", "at", "text") for entry in run.entries if entry.notable],
    }


def _spent_fact(spent: Spent | StepTime) -> dict[str, float | None]:
    parts = {"api": spent.api, "world": spent.world, "people": spent.people, "machine": spent.machine}
    return {"seconds": seconds(spent.seconds)} | {name: seconds(part) for name, part in parts.items()}


def _transition_fact(transition: TransitionView) -> dict[str, object]:
    return {
        **fields_fact(transition, "transition=name", "source", "target"),
        "outcome": transition_outcome(transition).text,
        **fields_fact(transition, "refused_by", "began_at=began", "ended_at=ended"),
        "times": transition.spent and _spent_fact(transition.spent),
        "judged": [_judgement_fact(transition, judgement) for judgement in transition.judgements],
        "probes": map(_probe_fact, transition.last_probes.values()),
        "waits": [fields_fact(wait, but=("ended",)) for wait in transition.waits],
        "asked": map(_asked_fact, transition.questions),
        "hooks": map(_hook_fact, transition.hooks),
        "writes": map(_write_fact, transition.writes),
    }


def _judgement_fact(transition: TransitionView, judgement: Judgement) -> dict[str, object]:
    verdicts = [
        {**noun_fact(each.verdict), "fate": each.outcome, "override_reason": each.reason}
        for each in judged(transition, judgement)
    ]
    return {**fields_fact(judgement, "record=seq", "at"), "verdicts": verdicts}


def _probe_fact(reading: ProbeReading) -> dict[str, object]:
    sight = reading.sight
    measured = sight if isinstance(sight, Measured) else None
    return {
        "probe": reading.probe,
        **known_fact(measured, "value", "good"),
        "known": measured is not None,
        "detail": sight.detail if isinstance(sight, Measured) else sight.reason,
        **fields_fact(reading, "seconds"),
    }


def _asked_fact(asked: Asked) -> dict[str, object]:
    reply = None if asked.answer is None else asked.answer.reply
    return {
        **fields_fact(asked, "at", "about=question.subject", "question=question.text"),
        **known_fact(reply, "yes", words=""),
        **known_fact(asked.answer, "seconds"),
    }


def _hook_fact(hook: HookRun) -> dict[str, object]:
    return {
        **fields_fact(hook, "hook=name", "when", "what"),
        **known_fact(hook.ended, "outcome", reason=""),
        **known_fact(hook.ended, "exit_code=code"),
        **known_fact(hook.ended, output="", seconds=None),
    }


def _write_fact(write: Write) -> dict[str, object]:
    return {
        **noun_fact(write.attempt),
        **fields_fact(write, "record=seq", "at", "request"),
        "answer": answer_words(write.answer),
        "outcome": write_outcome(write).text,
        **known_fact(write.confirmed, "seen_after_seconds=seconds"),
        "unknown": write.unknown,
    }
