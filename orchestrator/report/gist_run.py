"""The gist of a run."""

from __future__ import annotations

from typing import assert_never

from orchestrator.model.run import End, Ending, Mode, Objective
from orchestrator.model.status import Status
from orchestrator.model.words import span, utc

from .gist import Figure, Gist, Todo
from .story import RunStory

VERDICTS = {
    End.DONE: "Done",
    End.REFUSED: "Refused",
    End.MOVED: "Stopped: somebody else wrote",
    End.INCOMPLETE: "Incomplete",
    End.UNKNOWN: "Outcome unknown",
    End.OWING: "Done, but owing",
    End.FAILED: "Failed",
    End.INTERRUPTED: "Interrupted",
}

_TONES = {End.DONE: "good", End.OWING: "warn", End.INTERRUPTED: "warn"}


LEAST = 0.1
"""Seconds of waiting that are worth a word."""


def run_gist(run: RunStory) -> Gist:
    """The gist of one run."""
    verdict, tone = verdict_of(run)
    return Gist(
        title=f"{run.pair}: {move(run)}",
        verdict=verdict,
        tone=tone,
        sentences=tuple(_sentence(each) for each in (*_what(run), *_how_long(run))),
        figures=_figures(run),
        todo=todo(run),
        remember=run.remember,
    )


def move(run: RunStory) -> str:
    """Where it was to go: PASSIVE → ACTIVE."""
    if run.started is None:
        return "a run without a beginning"
    if run.start is None or run.start is run.started.goal:
        return f"to {run.started.goal}"
    return f"{run.start} → {run.started.goal}"


def verdict_of(run: RunStory) -> tuple[str, str]:
    """How a run ended, in a word or two, and its tone."""
    if run.superseded_by:
        return ("Closed: another run took its place", "warn")
    if run.finished is None:
        return ("Not ended", "warn")
    end = run.finished.ending.end
    return (VERDICTS[end], _TONES.get(end, "bad"))


def _what(run: RunStory) -> tuple[str, ...]:
    """What was moved, and whether it worked."""
    if run.superseded_by:
        taken = f"Run {run.superseded_by} took its place; look there for what came of the pair."
        return (f"This run was closed before it came to its goal. {taken}",)
    if run.finished is None or run.started is None:
        nothing = "This journal holds no end of this run: it is still going on, or its process died."
        return (f"{nothing} What it did until then is below.",)
    return _ended(run, run.finished.ending, run.started.goal)


def _ended(run: RunStory, ending: Ending, goal: Status) -> tuple[str, ...]:
    alone = " in emergency mode, without waiting for the org that did not answer" if _emergency(run) else ""
    start = "" if run.start is None or run.start is goal else f" from {run.start}"
    match ending.end:
        case End.DONE | End.OWING if not run.writes:
            return (f"Pair {run.pair} stands at {goal}; nothing had to be sent.", *_debts(run))
        case End.DONE:
            return (
                f"Pair {run.pair} was moved{start} to {goal}{alone}. It worked: this was seen by reading back.",
                *_debts(run),
            )
        case End.OWING:
            return (f"Pair {run.pair} was moved{start} to {goal}{alone}.", *_debts(run))
        case End.REFUSED:
            sent = "" if run.writes else " Nothing was sent."
            return (f"Pair {run.pair} was not moved to {goal}: the run was refused.{sent}", ending.message)
        case End.MOVED:
            return (
                f"The run to {goal} stopped, since somebody or something else changed pair {run.pair}.",
                ending.message,
            )
        case End.INCOMPLETE:
            return (f"The run to {goal} stopped on its way.", ending.message)
        case End.UNKNOWN:
            return ("Nobody knows what became of one of the writes.", ending.message)
        case End.FAILED:
            return (f"The run to {goal} failed before anything was intended.", ending.message)
        case End.INTERRUPTED:
            return (f"The run to {goal} was stopped by a person or a signal.", ending.message)
        case _ as never:
            assert_never(never)


def _emergency(run: RunStory) -> bool:
    return run.mode is Mode.EMERGENCY


def _debts(run: RunStory) -> tuple[str, ...]:
    """What an org was not told, and whether it was since."""
    return tuple(
        f"{upper(run.called(debt.role))} was not reached and is owed {debt.status}."
        if debt.settled_at is None
        else f"{upper(run.called(debt.role))} was not reached at first, and was owed {debt.status}: settled {utc(debt.settled_at)}"
        + (f" by run {debt.settled_by}." if debt.settled_by != run.run else ".")
        for debt in run.debts
    )


def upper(text: str) -> str:
    """A text that begins a sentence."""
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    """A message of a run as a sentence of its own."""
    ended = upper(text.strip())
    return ended if not ended or ended[-1] in ".!?" else f"{ended}."


def _how_long(run: RunStory) -> tuple[str, ...]:
    if run.finished is None:
        return ()
    took = f"It took {span(run.elapsed)}"
    worked, people = run.times.whole.seconds, run.times.whole.people
    if run.resumes:
        took += f" from its start to its end, {span(worked)} of it at work: {_taken_up(run)}"
    if people >= 1:
        took += f", of which {span(people)} were spent waiting for people"
    return (f"{took}.", *(objective_words(objective) for objective in run.objectives))


def _taken_up(run: RunStory) -> str:
    times = len(run.resumes)
    return "it was taken up again once" if times == 1 else f"it was taken up again {times} times"


def objective_words(objective: Objective) -> str:
    """An objective, and whether it was met, in a sentence."""
    word = "met" if objective.met else "MISSED"
    return (
        f"The objective for {objective.status} was {word}: {span(objective.took)}, of {span(objective.wanted)} "
        "allowed."
    )


def _figures(run: RunStory) -> tuple[Figure, ...]:
    whole = run.times.whole
    note = f"{span(whole.seconds)} at work" if run.resumes else ""
    figures = [Figure("Time" if run.finished else "Time so far", span(run.elapsed), note), _goal_figure(run)]
    seen = sum(1 for write in run.writes if write.confirmed is not None)
    writes = len(run.writes)
    figures.append(
        Figure("Writes", str(writes), f"{seen} seen by reading back" if writes else "nothing was sent")
    )
    waited = [
        *([f"{span(whole.people)} for people"] if whole.people >= LEAST else []),
        *([f"{span(whole.world)} for guards and hooks"] if whole.world >= LEAST else []),
    ]
    if waited:
        figures.append(Figure("Waited", span(whole.people + whole.world), ", ".join(waited)))
    return tuple(figures)


def _goal_figure(run: RunStory) -> Figure:
    """How long until the goal, against what was allowed."""
    for objective in run.objectives:
        word, tone = ("met", "good") if objective.met else ("missed", "bad")
        return Figure("Objective", word, f"{span(objective.took)} of {span(objective.wanted)}", tone)
    if run.wanted is None:
        return Figure("Objective", "none", "the playbook has none for this status")
    reached = run.finished is not None and run.finished.ending.end in (End.DONE, End.OWING)
    return Figure("Objective", "not counted" if reached else "not reached", f"{span(run.wanted)} allowed")


def todo(run: RunStory) -> tuple[Todo, ...]:
    """What is left to do after a run, the most urgent first."""
    things: list[Todo] = []
    ended = run.finished.ending if run.finished is not None else None
    for write in run.unknown if not run.superseded_by else ():
        org = run.called(write.attempt.role)
        text = f"Find out what became of attempt {write.attempt.number}, {write.attempt.status} to {org}."
        things.append(Todo(text, f"hamr status {run.pair}"))
    if run.open:
        text = (
            "Take the run up again"
            if run.finished is not None
            else "See whether it still goes on; if not, resume it"
        )
        things.append(Todo(f"{text}: it stays open until then.", f"hamr resume {run.run}"))
    elif ended is not None and ended.end not in (End.DONE, End.OWING) and not run.superseded_by:
        commands = ended.next_steps or (f"hamr status {run.pair}",)
        things += [
            Todo("Clear what stopped it, then try again." if not number else "Or:", command)
            for number, command in enumerate(commands)
        ]
    for debt in run.debts:
        if debt.settled_at is None:
            text = f"Tell {run.called(debt.role)} {debt.status}, as soon as it can be reached."
            things.append(Todo(text, f"hamr resume {run.pair}"))
    for hook in run.hooks_owed:
        things.append(
            Todo(f"Hook {hook} did not end well; a resumed run tries it again.", f"hamr resume {run.run}")
        )
    things += [Todo(f"By hand: {text}") for text in run.left_to_person]
    return tuple(dict.fromkeys(things))
