"""A run's or a drill's report as a document: hamr/report/1."""

from __future__ import annotations

from orchestrator.model.guard import Measured, ProbeReading
from orchestrator.model.plain import JSON, plain
from orchestrator.model.result import StepTime
from orchestrator.model.timing import Spent

from .cases import cases_of
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
from .fates import answer_words, fate, step_of, transition_fate, write_fate
from .gist_drill import gist_of
from .story import DrillFacts, RunStory, Story
from .transition_story import HookRun, TransitionStory, Write


def story_json(story: Story) -> dict[str, JSON]:
    """The whole report."""
    gist = gist_of(story)
    return document(
        "hamr/report/1",
        {
            "subject": story.subject,
            "pair": story.pair,
            "title": gist.title,
            "verdict": gist.verdict,
            "summary": listed(gist.sentences),
            "began_at": when(story.began),
            "ended_at": when(story.last),
            "left_to_do": [{"text": thing.text, "command": thing.command} for thing in gist.todo],
            "remember": listed(gist.remember),
            "checks": [
                {
                    "group": case.group,
                    "name": case.name,
                    "held": case.held,
                    "found": case.found,
                    "records": listed(case.records),
                    "seconds": seconds(case.seconds),
                }
                for case in cases_of(story)
            ],
            "drill": None if story.drill is None else _drill(story.drill),
            "runs": listed(_run(run) for run in story.runs),
            "head": {"seq": story.head.seq, "hash": story.head.hash},
            "records": story.records,
            "broken": story.warning,
            "verify": story.verify,
        },
    )


def _drill(drill: DrillFacts) -> dict[str, JSON]:
    score, started = drill.score, drill.started
    return {
        "drill": drill.drill,
        "scenario": score.scenario if score else started.scenario if started else "",
        "seed": score.seed if score else started.seed if started else None,
        "simulated": score.simulated if score else started.simulated if started else True,
        "passed": None if score is None else score.passed,
        "executed": listed(() if score is None else score.executed),
        "not_executed": listed(() if score is None else score.not_executed),
        "less_strict": [
            {"guard": each.guard, "why": each.why} for each in (() if score is None else score.less_strict)
        ],
        "closed_at": when(drill.closed_at),
        "notes": drill.notes,
    }


def _run(run: RunStory) -> dict[str, JSON]:
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
                        "at": when(stand.at),
                        "status": status_name(stand.status),
                        "words": stand.words,
                        "record": stand.seq,
                    }
                    for stand in stands
                ],
            }
            for role, stands in run.stands.items()
        ],
        "began_at": when(run.began),
        "ended_at": when(run.finished_at),
        "seconds": seconds(run.elapsed.total_seconds()),
        "times": _spent(run.times.whole),
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
        "transitions": listed(_transition(run, transition) for transition in run.transitions),
        "apart": listed(_write(write) for write in run.apart),
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


def _spent(spent: Spent | StepTime) -> dict[str, JSON]:
    return {
        "seconds": seconds(spent.seconds),
        "api": seconds(spent.api),
        "world": seconds(spent.world),
        "people": seconds(spent.people),
        "machine": seconds(spent.machine),
    }


def _transition(run: RunStory, transition: TransitionStory) -> dict[str, JSON]:
    step = step_of(run, transition)
    return {
        "transition": transition.name,
        "from": status_name(transition.source),
        "to": status_name(transition.target),
        "outcome": transition_fate(transition)[0],
        "refused_by": listed(transition.refused_by),
        "began_at": when(transition.began),
        "ended_at": when(transition.ended),
        "times": None if step is None else _spent(step),
        "judged": [
            {
                "record": judgement.seq,
                "at": when(judgement.at),
                "verdicts": [
                    {
                        **verdict_fact(verdict),
                        "fate": fate(transition, judgement, verdict),
                        "override_reason": judgement.overridden.get(verdict.guard, ""),
                    }
                    for verdict in judgement.verdicts
                ],
            }
            for judgement in transition.judgements
        ],
        "probes": listed(_probe(reading) for reading in transition.probes),
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
        "asked": [
            {
                "at": when(asked.at),
                "about": asked.question.subject,
                "question": asked.question.text,
                "yes": None if asked.answer is None or asked.answer.reply is None else asked.answer.reply.yes,
                "words": ""
                if asked.answer is None or asked.answer.reply is None
                else asked.answer.reply.words,
                "seconds": None if asked.answer is None else seconds(asked.answer.seconds),
            }
            for asked in transition.questions
        ],
        "hooks": listed(_hook(hook) for hook in transition.hooks),
        "writes": listed(_write(write) for write in transition.writes),
    }


def _probe(reading: ProbeReading) -> dict[str, JSON]:
    sight = reading.sight
    measured = isinstance(sight, Measured)
    return {
        "probe": reading.probe,
        "value": plain(sight.value) if isinstance(sight, Measured) else None,
        "good": sight.good if isinstance(sight, Measured) else None,
        "known": measured,
        "detail": sight.detail if isinstance(sight, Measured) else sight.reason,
        "seconds": seconds(reading.seconds),
    }


def _hook(hook: HookRun) -> dict[str, JSON]:
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


def _write(write: Write) -> dict[str, JSON]:
    return {
        **attempt_fact(write.attempt),
        "record": write.seq,
        "at": when(write.at),
        "request": request_fact(write.request),
        "answer": answer_words(write.answer),
        "outcome": write_fate(write)[0],
        "seen_after_seconds": None if write.confirmed is None else seconds(write.confirmed.seconds),
        "unknown": write.unknown,
    }
