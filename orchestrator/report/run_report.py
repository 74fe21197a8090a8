"""A run's or a drill's report: as a page for the terminal, and as the document hamr/report/1."""

from __future__ import annotations

from orchestrator.model.guard import Measured, ProbeReading
from orchestrator.model.plain import JSON, plain
from orchestrator.model.result import StepTime
from orchestrator.model.timing import Spent
from orchestrator.model.words import span, utc

from .documents import (
    attempt_fact,
    document,
    listed,
    objective_fact,
    request_fact,
    seconds,
    status_name,
    verdict_fact,
    when,
)
from .layout import LABEL, Line, Page, Span, heading, labelled, line, padded, paragraph, shortened, table
from .outcomes import (
    answer_words,
    checks_of,
    guard_outcome,
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
from .summary import Summary, summary_of


def report_page(report: ReportView) -> Page:
    """What happened, whether it worked, and what is left to do."""
    summary = summary_of(report)
    return (
        (Span(shortened(summary.title, 80), "heading"), Span("  "), Span(summary.verdict, summary.tone)),
        *(line for text in summary.sentences for line in paragraph(shortened(text, 1200), indent=2)),
        *_to_do(summary),
        *_figures(summary),
        *(each for run in report.runs for each in _run_lines(run, alone=report.drill is None)),
        *_checks(report),
        *_bullets("Remember", summary.remember),
        *heading("Journal"),
        *labelled("head", str(report.head)),
        (Span("  " + padded("verify", LABEL), "dim"), Span(report.verify, "command")),
    )


def _bullets(title: str, texts: tuple[str, ...]) -> Page:
    if not texts:
        return ()
    bullets = [_bullet(text) for text in texts]
    return (*heading(title), *(each for bullet in bullets for each in bullet))


def _bullet(text: str) -> Page:
    return paragraph(f"- {shortened(text, 600)}", indent=2, hanging=2)


def _figures(summary: Summary) -> Page:
    page: list[Line] = [line()]
    for figure in summary.figures:
        note = f" ({figure.note})" if figure.note else ""
        page += labelled(figure.label[:LABEL].lower(), f"{figure.value}{note}", figure.tone)
    return tuple(page)


def _to_do(summary: Summary) -> Page:
    page: list[Line] = [*heading("Left to do")]
    if not summary.to_do:
        return (*page, line("  Nothing."))
    for thing in summary.to_do:
        page += _bullet(thing.text)
        if thing.command:
            page.append((Span("    "), Span(thing.command, "command")))
    return tuple(page)


def _run_lines(run: RunView, *, alone: bool) -> Page:
    started = run.started
    goal = "" if started is None else f" to {started.goal}, {run.mode.value}"
    name = f"{run.name}: " if run.name else ""
    page: list[Line] = [*heading("Run" if alone else f"{name}run {run.run}")]
    page += labelled("run", f"{run.run}, pair {shortened(run.pair, 60)}{goal}")
    page += labelled("by", shortened(", ".join(run.by)))
    page += labelled("began", utc(run.began))
    if started is not None:
        page += labelled("reason", shortened(started.reason)) if started.reason else ()
        page += labelled("ref", shortened(started.ref)) if started.ref else ()
        digest = f"{started.playbook}, SHA-256 {started.playbook_sha256[:12]}…, hamr {started.version}"
        page += labelled("playbook", shortened(digest))
    for resume in run.resumes:
        page += labelled("resumed", shortened(f"{utc(resume.at)} by {resume.by}, {resume.mode.value}"))
    return (
        *page,
        *_transitions(run),
        *_writes(run),
        *_bullets("Guards that did not pass", _not_passed(run)),
        *_bullets("Hooks", tuple(_hook_words(hook) for hook in run.hooks)),
    )


def _transitions(run: RunView) -> Page:
    if not run.transitions:
        return ()
    rows = []
    for transition in run.transitions:
        word, tone = transition_outcome(transition)
        spent = transition.spent or Spent()
        times = (spent.seconds, spent.api, spent.world, spent.people)
        rows.append(
            (
                Span(transition.name, "bold"),
                Span(transition_move(transition) or "-", "status"),
                Span(word, tone),
                *(Span(span(each) if each else "-") for each in times),
            )
        )
    header = ("transition", "from → to", "", "time", "API", "world", "people")
    return (line(), *table(header, rows, (14, 20, 12, 10, 10, 10, 10), indent=2))


def _writes(run: RunView) -> Page:
    if not run.writes:
        return ()
    rows = []
    for write in run.writes:
        words, tone = write_outcome(write)
        attempt = write.attempt
        rows.append(
            (
                Span(str(attempt.number)),
                Span(str(attempt.status), "status"),
                Span(run.called(attempt.role), "org"),
                Span(words, tone),
            )
        )
    header = ("write", "status", "org", "what became of it")
    return (line(), *table(header, rows, (5, 12, 36, 36), indent=2))


def _not_passed(run: RunView) -> tuple[str, ...]:
    return tuple(
        f"{f'transition {each.transition}' if each.transition else 'before the first transition'}: "
        f"{each.verdict.guard} {each.outcome}: {each.verdict.reason}"
        + (f"; because: {each.reason}" if each.reason else "")
        for each in not_passed(run)
    )


def _hook_words(hook: HookRun) -> str:
    words = "not ended" if hook.ended is None else hook.ended.outcome.value
    reason = f": {hook.ended.reason}" if hook.ended is not None and hook.ended.reason else ""
    return f"{hook.name}, {hook.when.value} transition {hook.transition}: {words}{reason}"


def _checks(report: ReportView) -> Page:
    page: list[Line] = [*heading("Expected" if report.drill is not None else "Checked")]
    for check in checks_of(report):
        word, tone = ("held", "good") if check.held else ("MISSED", "bad")
        page.append((Span("  "), Span(padded(word, 8), tone), Span(shortened(check.name, 88))))
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
    return document(
        "hamr/report/1",
        {
            "subject": report.subject,
            "pair": report.pair,
            "title": summary.title,
            "verdict": summary.verdict,
            "summary": listed(summary.sentences),
            "began_at": when(report.began),
            "ended_at": when(report.last),
            "left_to_do": [{"text": each.text, "command": each.command} for each in summary.to_do],
            "remember": listed(summary.remember),
            "checks": [
                {
                    "group": check.group,
                    "name": check.name,
                    "held": check.held,
                    "found": check.found,
                    "records": listed(check.records),
                    "seconds": seconds(check.seconds),
                }
                for check in checks_of(report)
            ],
            "drill": None if report.drill is None else _drill_fact(report.drill),
            "runs": listed(_run_fact(run) for run in report.runs),
            "head": {"seq": report.head.seq, "hash": report.head.hash},
            "records": report.records,
            "broken": report.warning,
            "verify": report.verify,
        },
    )


def _drill_fact(drill: DrillView) -> dict[str, JSON]:
    score = drill.score
    return {
        "drill": drill.drill,
        "scenario": drill.scenario,
        "seed": drill.seed,
        "simulated": drill.simulated,
        "passed": None if score is None else score.passed,
        "executed": listed(() if score is None else score.executed),
        "not_executed": listed(() if score is None else score.not_executed),
        "less_strict": [
            {"guard": each.guard, "why": each.why} for each in (() if score is None else score.less_strict)
        ],
        "closed_at": when(drill.closed_at),
        "notes": drill.notes,
    }


def _run_fact(run: RunView) -> dict[str, JSON]:
    started, finished = run.started, run.finished
    return {
        "run": run.run,
        "name": run.name,
        "goal": status_name(None if started is None else started.goal),
        "start": status_name(run.start),
        "mode": run.mode.value,
        "by": listed(run.by),
        "reason": "" if started is None else started.reason,
        "ref": "" if started is None else started.ref,
        "since": when(None if started is None else started.since),
        "playbook": "" if started is None else started.playbook,
        "playbook_sha256": "" if started is None else started.playbook_sha256,
        "version": "" if started is None else started.version,
        "orgs": [
            {
                "org": role.value,
                "name": run.names[role],
                "uuid": "" if started is None else started.orgs[role],
                "url": "" if started is None else started.urls[role],
                "statuses": [
                    {
                        "at": when(seen.at),
                        "status": status_name(seen.status),
                        "words": seen.words,
                        "record": seen.seq,
                    }
                    for seen in statuses
                ],
            }
            for role, statuses in run.statuses.items()
        ],
        "began_at": when(run.began),
        "ended_at": when(run.finished_at),
        "seconds": seconds(run.elapsed.total_seconds()),
        "times": _spent_fact(run.spent),
        "end": None if finished is None else finished.ending.end.value,
        "exit_code": None if finished is None else finished.exit_code,
        "message": "" if finished is None else finished.ending.message,
        "sent": "" if finished is None else finished.ending.sent,
        "phase": "" if finished is None else finished.phase,
        "open": run.open,
        "superseded_by": run.superseded_by,
        "resumes": [
            {
                "at": when(each.at),
                "by": each.by,
                "mode": each.mode.value,
                "reason": each.reason,
                "overrides": dict(each.overrides),
            }
            for each in run.resumes
        ],
        "overrides": {} if started is None else dict(started.overrides),
        "overridden_before": [
            {**verdict_fact(verdict), "override_reason": reason} for verdict, reason in run.overridden_before
        ],
        "transitions": listed(_transition_fact(transition) for transition in run.transitions),
        "apart": listed(_write_fact(write) for write in run.apart),
        "owed": [
            {
                "org": debt.role.value,
                "status": debt.status.name,
                "since": when(debt.since),
                "settled_at": when(debt.settled_at),
                "settled_by": debt.settled_by,
            }
            for debt in run.debts
        ],
        "hooks_owed": listed(run.hooks_owed),
        "objectives": listed(objective_fact(each) for each in run.objectives),
        "notable": [
            {"record": entry.seq, "at": when(entry.at), "text": "".join(part.text for part in entry.said)}
            for entry in run.entries
            if entry.notable
        ],
    }


def _spent_fact(spent: Spent | StepTime) -> dict[str, JSON]:
    return {
        "seconds": seconds(spent.seconds),
        "api": seconds(spent.api),
        "world": seconds(spent.world),
        "people": seconds(spent.people),
        "machine": seconds(spent.machine),
    }


def _transition_fact(transition: TransitionView) -> dict[str, JSON]:
    return {
        "transition": transition.name,
        "from": status_name(transition.source),
        "to": status_name(transition.target),
        "outcome": transition_outcome(transition)[0],
        "refused_by": listed(transition.refused_by),
        "began_at": when(transition.began),
        "ended_at": when(transition.ended),
        "times": None if transition.spent is None else _spent_fact(transition.spent),
        "judged": listed(_judgement_fact(transition, judgement) for judgement in transition.judgements),
        "probes": listed(_probe_fact(reading) for reading in transition.last_probes.values()),
        "waits": [
            {
                "at": when(wait.at),
                "guards": listed(wait.guards),
                "allowed_seconds": wait.allowed,
                "seconds": seconds(wait.seconds),
                "passed": wait.passed,
            }
            for wait in transition.waits
        ],
        "asked": listed(_asked_fact(asked) for asked in transition.questions),
        "hooks": listed(_hook_fact(hook) for hook in transition.hooks),
        "writes": listed(_write_fact(write) for write in transition.writes),
    }


def _judgement_fact(transition: TransitionView, judgement: Judgement) -> dict[str, JSON]:
    return {
        "record": judgement.seq,
        "at": when(judgement.at),
        "verdicts": [
            {
                **verdict_fact(verdict),
                "fate": guard_outcome(transition, judgement, verdict),
                "override_reason": judgement.overridden.get(verdict.guard, ""),
            }
            for verdict in judgement.verdicts
        ],
    }


def _probe_fact(reading: ProbeReading) -> dict[str, JSON]:
    sight = reading.sight
    measured = sight if isinstance(sight, Measured) else None
    return {
        "probe": reading.probe,
        "value": None if measured is None else plain(measured.value),
        "good": None if measured is None else measured.good,
        "known": measured is not None,
        "detail": sight.detail if isinstance(sight, Measured) else sight.reason,
        "seconds": seconds(reading.seconds),
    }


def _asked_fact(asked: Asked) -> dict[str, JSON]:
    reply = None if asked.answer is None else asked.answer.reply
    return {
        "at": when(asked.at),
        "about": asked.question.subject,
        "question": asked.question.text,
        "yes": None if reply is None else reply.yes,
        "words": "" if reply is None else reply.words,
        "seconds": None if asked.answer is None else seconds(asked.answer.seconds),
    }


def _hook_fact(hook: HookRun) -> dict[str, JSON]:
    ended = hook.ended
    return {
        "hook": hook.name,
        "when": hook.when.value,
        "what": hook.what,
        "outcome": None if ended is None else ended.outcome.value,
        "reason": "" if ended is None else ended.reason,
        "exit_code": None if ended is None else ended.code,
        "output": "" if ended is None else ended.output,
        "seconds": None if ended is None else seconds(ended.seconds),
    }


def _write_fact(write: Write) -> dict[str, JSON]:
    return {
        **attempt_fact(write.attempt),
        "record": write.seq,
        "at": when(write.at),
        "request": request_fact(write.request),
        "answer": answer_words(write.answer),
        "outcome": write_outcome(write)[0],
        "seen_after_seconds": None if write.confirmed is None else seconds(write.confirmed.seconds),
        "unknown": write.unknown,
    }
