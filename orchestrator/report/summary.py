"""A report in short, for somebody who was not there: what was moved, did it work, how long, and what is left to do."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model import next_step
from orchestrator.model.reading import STOPS_AGAIN
from orchestrator.model.run import End, Mode, RunOutcome
from orchestrator.model.situation import Owed
from orchestrator.model.status import Role, Status
from orchestrator.model.words import END_WORDS, capital, counted, expectations_held, move, span, took_of, utc

from .describe import end_style
from .layout import Span
from .run_view import Debt, DrillView, ReportView, RunView
from .to_do import Left, ToDo, left_to_do

LEAST = 0.1
"""Seconds of waiting that are worth a word."""


class Figure(Struct, frozen=True):
    """One number that people ask for."""

    label: str
    value: str
    note: str = ""
    tone: str = ""
    """good, bad or ""."""


class Summary(Struct, frozen=True):
    """What stands above everything else."""

    title: str
    verdict: Span
    """In a word or two: Done, Refused, Passed; good, warn or bad."""
    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]
    to_do: tuple[ToDo, ...]


def summary_of(report: ReportView) -> Summary:
    """The summary of a run, or of a drill with its runs."""
    summary = _of_run(report.runs[0]) if report.drill is None else _of_drill(report, report.drill)
    to_do = tuple(replace(each, command=report.command(each.command)) for each in summary.to_do)
    summary = replace(summary, to_do=to_do)
    if report.broken is None:
        return summary
    verdict = Span(f"{summary.verdict.text}, by a journal that is broken", "bad")
    return replace(summary, verdict=verdict, sentences=(report.warning, *summary.sentences))


def run_verdict(run: RunView) -> Span:
    """How a run ended, in a word or two."""
    if run.superseded_by:
        return Span("Closed: another run took its place", "warn")
    if run.finished is None:
        return Span("Not ended", "warn")
    end = run.finished.ending.end
    return Span(capital(END_WORDS[end]), end_style(end))


def run_move(run: RunView) -> str:
    """Where it was to go: PASSIVE → ACTIVE."""
    if run.goal is not None:
        return move(run.start, run.goal)
    return "a run without a beginning" if run.finished is None else "a run that began no move"


def _of_run(run: RunView) -> Summary:
    return Summary(
        title=f"{run.pair}: {run_move(run)}",
        verdict=run_verdict(run),
        sentences=tuple(_sentence(each) for each in (*_what(run), *_how_long(run))),
        figures=_figures(run),
        to_do=_to_do(run),
    )


def _what(run: RunView) -> tuple[str, ...]:
    """What was moved, and whether it worked."""
    if run.superseded_by:
        taken = f"Run {run.superseded_by} took its place; look there for what came of the pair."
        return (f"This run was closed before it came to its goal. {taken}",)
    if run.finished is None:
        nothing = "This journal holds no end of this run: it is still going on, or its process died."
        return (f"{nothing} What it did until then is below.",)
    if run.goal is None:  # an adoption that found nothing to adopt, or was refused
        return (run.finished.ending.message, *(() if run.writes else ("Nothing was sent.",)))
    return _ended(run, run.finished.ending, run.goal)


def _ended(run: RunView, ending: RunOutcome, goal: Status) -> tuple[str, ...]:
    start = "" if run.start is None or run.start is goal else f" from {run.start}"
    emergency = " in emergency mode, without waiting for the org that did not answer"
    moved = f"Pair {run.pair} was moved{start} to {goal}{emergency if run.mode is Mode.EMERGENCY else ''}."
    debts = tuple(_debt(run, debt) for debt in run.debts)
    match ending.end:
        case End.DONE | End.OWING if not run.writes:
            return (f"Pair {run.pair} stands at {goal}; nothing had to be sent.", *debts)
        case End.DONE:
            return (f"{moved} It worked: this was seen by reading back.", *debts)
        case End.OWING:
            return (moved, *debts)
        case End.REFUSED:
            sent = "" if run.writes else " Nothing was sent."
            said = f"Pair {run.pair} was not moved to {goal}: the run was refused.{sent}"
        case End.MOVED:
            said = f"The run to {goal} stopped, since somebody or something else changed pair {run.pair}."
        case End.INCOMPLETE:
            said = f"The run to {goal} stopped on its way."
        case End.UNKNOWN:
            said = "Nobody knows what became of one of the writes."
        case End.FAILED:
            said = f"The run to {goal} failed before anything was intended."
        case End.INTERRUPTED:
            said = f"The run to {goal} was stopped by a person or a signal."
        case _ as never:
            assert_never(never)
    return (said, ending.message)


def _debt(run: RunView, debt: Debt) -> str:
    """What an org was not told, and whether it was since."""
    org = capital(run.called(debt.role))
    if debt.settled_at is None:
        return f"{org} was not reached and is owed {debt.status}."
    by = "" if debt.settled_by == run.run else f" by run {debt.settled_by}"
    return f"{org} was not reached at first, and was owed {debt.status}: settled {utc(debt.settled_at)}{by}."


def _sentence(text: str) -> str:
    """A message of a run as a sentence of its own."""
    ended = capital(text.strip())
    return ended if not ended or ended[-1] in ".!?" else f"{ended}."


def _how_long(run: RunView) -> tuple[str, ...]:
    if run.finished is None:
        return ()
    took = f"It took {span(run.elapsed)}"
    if times := len(run.resumes):
        again = "once" if times == 1 else f"{times} times"
        worked = f"{span(run.spent.seconds)} of it at work: it was taken up again {again}"
        took += f" from its start to its end, {worked}"
    if run.spent.people >= 1:
        took += f", of which {span(run.spent.people)} were spent waiting for people"
    objectives = (
        f"The objective for {each.status} was {'met' if each.met else 'MISSED'}: {took_of(each)}."
        for each in run.objectives
    )
    return (f"{took}.", *objectives)


def _figures(run: RunView) -> tuple[Figure, ...]:
    spent, writes = run.spent, len(run.writes)
    seen = sum(write.confirmed is not None for write in run.writes)
    at_work = f"{span(spent.seconds)} at work" if run.resumes else ""
    figures = (
        Figure("Time" if run.finished else "Time so far", span(run.elapsed), at_work),
        _goal_figure(run),
        Figure("Writes", str(writes), f"{seen} seen by reading back" if writes else "nothing was sent"),
    )
    waits = ((spent.people, "people"), (spent.world, "guards and hooks"))
    waited = ", ".join(f"{span(seconds)} for {whom}" for seconds, whom in waits if seconds >= LEAST)
    whole = span(spent.people + spent.world)
    return (*figures, Figure("Waited", whole, waited)) if waited else figures


def _goal_figure(run: RunView) -> Figure:
    """How long until the goal, against what was allowed."""
    for objective in run.objectives:
        word, tone = ("met", "good") if objective.met else ("missed", "bad")
        return Figure("Objective", word, f"{span(objective.took)} of {span(objective.wanted)}", tone)
    if run.wanted is None:
        return Figure("Objective", "none", "the playbook has none for this status")
    word = "not counted" if run.reached_goal else "not reached"
    return Figure("Objective", word, f"{span(run.wanted)} allowed")


def _to_do(run: RunView) -> tuple[ToDo, ...]:
    """What is left of a run; one that a drill left open is ended with the drill: on the simulator its regions are gone."""
    drill = run.started.drill if run.started is not None and run.open else ""
    ending = None if run.finished is None else run.finished.ending
    stopped = ending is not None and not (run.reached_goal or run.superseded_by)
    steps = () if ending is None else ending.next_steps
    return left_to_do(
        Left(
            run.pair,
            {role: run.called(role) for role in Role},
            unknown=[(run.run, write.attempt) for write in run.unknown],
            open_run=run.run if run.open and not drill else "",
            ended=ending is not None,
            overtaken=steps if ending is not None and ending.change in STOPS_AGAIN else (),
            stopped_for=steps or (next_step.status(run.pair),) if stopped else (),
            owed=[
                Owed(debt.role, debt.status, run.run, debt.since)
                for debt in run.debts
                if debt.settled_at is None
            ],
            approvals=[run.run] if run.approval_owed else [],
            hooks_owed=[(run.run, hook) for hook in run.hooks_owed],
            hooks_failed=run.hooks_failed,
            by_hand=run.left_to_person,
            remember=run.remember,
            drill=drill,
        )
    )


def _of_drill(report: ReportView, drill: DrillView) -> Summary:
    where = "on the simulator" if drill.simulated else "live"
    named = f", scenario {drill.scenario}" if drill.scenario else ""
    if drill.score is not None:
        verdict = Span("Passed", "good") if drill.score.passed else Span("Missed", "bad")
        words = f"{expectations_held(drill.score)}."
    else:
        verdict, closed = Span("Not scored", "warn"), drill.closed_at is not None
        by_hand = "did not come to its end by itself, and was closed by hand"
        words = f"It was not scored: it {by_hand if closed else 'is still going on, or its process died'}."
    runs = counted(len(report.runs), "run")
    return Summary(
        title=f"{report.pair}: drill{named}",
        verdict=verdict,
        sentences=(
            f"A rehearsal of pair {report.pair} {where}{named}, in {runs}. {words}",
            *(_leg(run) for run in report.runs),
            *([f"Notes: {drill.notes}"] if drill.notes else []),
        ),
        figures=_drill_figures(report, drill),
        to_do=_drill_to_do(report, drill),
    )


def _drill_to_do(report: ReportView, drill: DrillView) -> tuple[ToDo, ...]:
    """Nothing, once it is closed: it is at home, or a person said why not. A run that was refused is no task."""
    if drill.closed_at is not None:
        return ()
    runs = () if drill.simulated else [run for run in report.runs if run.open or run.debts]
    close = left_to_do(Left(report.pair, {}, drill=drill.drill))
    return tuple(dict.fromkeys([*(each for run in runs for each in _to_do(run)), *close]))


def _leg(run: RunView) -> str:
    name = f"{capital(run.name)}: " if run.name else ""
    return f"{name}{run_move(run)}, {run_verdict(run).text.lower()}, in {span(run.elapsed)}."


def _drill_figures(report: ReportView, drill: DrillView) -> tuple[Figure, ...]:
    figures = [Figure("Time", span(report.last - report.began))]
    if drill.score is not None:
        figures.append(_share("Expectations", [each.held for each in drill.score.expectations], "held"))
    objectives = [objective.met for run in report.runs for objective in run.objectives]
    if objectives:
        figures.append(_share("Objectives", objectives, "met"))
    people = sum(run.spent.people for run in report.runs)
    if people:
        figures.append(Figure("Waited", span(people), "for people"))
    figures.append(Figure("Writes", str(sum(len(run.writes) for run in report.runs))))
    return tuple(figures)


def _share(label: str, held: list[bool], word: str) -> Figure:
    return Figure(label, f"{sum(held)} of {len(held)}", word, "good" if all(held) else "bad")
