"""The gist of a drill, and which of the two a story has."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.model.words import counted, span

from .gist import Figure, Gist, Todo
from .gist_run import move, run_gist, todo, upper, verdict_of
from .story import DrillFacts, RunStory, Story


def gist_of(story: Story) -> Gist:
    """The gist of a run, or of a drill with its runs."""
    gist = run_gist(story.runs[0]) if story.drill is None else drill_gist(story, story.drill)
    things = tuple(replace(thing, command=story.command(thing.command)) for thing in gist.todo)
    if story.warning:
        verdict = f"{gist.verdict}, by a journal that is broken"
        gist = replace(gist, verdict=verdict, tone="bad", sentences=(story.warning, *gist.sentences))
    return replace(gist, todo=things)


def drill_gist(story: Story, drill: DrillFacts) -> Gist:
    """The gist of a drill with its runs."""
    score = drill.score
    where = "on the simulator" if _simulated(drill) else "live"
    scenario = (score.scenario if score else "") or (drill.started.scenario if drill.started else "")
    named = f", scenario {scenario}" if scenario else ""
    verdict, tone, words = (
        "Not scored",
        "warn",
        "It was not scored: it is still going on, or its process died."
        if drill.closed_at is None
        else "It was not scored: it did not come to its end by itself, and was closed by hand.",
    )
    if score is not None:
        held = sum(expectation.held for expectation in score.expectations)
        verdict, tone = ("Passed", "good") if score.passed else ("Missed", "bad")
        words = f"{held} of {counted(len(score.expectations), 'expectation')} held."
    return Gist(
        title=f"{story.pair}: drill{named}",
        verdict=verdict,
        tone=tone,
        sentences=(
            f"A rehearsal of pair {story.pair} {where}{named}, in {counted(len(story.runs), 'run')}. {words}",
            *(_leg(run) for run in story.runs),
            *([f"Notes: {drill.notes}"] if drill.notes else []),
        ),
        figures=_drill_figures(story, drill),
        todo=_todo(story, drill),
        remember=(),
    )


def _todo(story: Story, drill: DrillFacts) -> tuple[Todo, ...]:
    """Nothing, once it is closed: it is at home, or a person said why not. A run that was refused is no task."""
    if drill.closed_at is not None:
        return ()
    close = Todo("Close the drill.", f"hamr drill close {drill.drill} --notes TEXT")
    left = (
        []
        if _simulated(drill)
        else [thing for run in story.runs if run.open or run.debts for thing in todo(run)]
    )
    return tuple(dict.fromkeys([*left, close]))


def _simulated(drill: DrillFacts) -> bool:
    if drill.score is not None:
        return drill.score.simulated
    return drill.started is None or drill.started.simulated


def _leg(run: RunStory) -> str:
    verdict, _ = verdict_of(run)
    name = f"{upper(run.name)}: " if run.name else ""
    return f"{name}{move(run)}, {verdict.lower()}, in {span(run.elapsed)}."


def _drill_figures(story: Story, drill: DrillFacts) -> tuple[Figure, ...]:
    figures = [Figure("Time", span(story.last - story.began))]
    if drill.score is not None:
        expectations = drill.score.expectations
        held = sum(expectation.held for expectation in expectations)
        tone = "good" if drill.score.passed else "bad"
        figures.append(Figure("Expectations", f"{held} of {len(expectations)}", "held", tone))
    objectives = [objective for run in story.runs for objective in run.objectives]
    if objectives:
        met = sum(objective.met for objective in objectives)
        tone = "good" if met == len(objectives) else "bad"
        figures.append(Figure("Objectives", f"{met} of {len(objectives)}", "met", tone))
    people = sum(run.times.whole.people for run in story.runs)
    if people:
        figures.append(Figure("Waited", span(people), "for people"))
    figures.append(Figure("Writes", str(sum(len(run.writes) for run in story.runs))))
    return tuple(figures)
