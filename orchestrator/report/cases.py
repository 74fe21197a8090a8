"""What was wanted of a run or a drill, one by one, and whether it held: what tests and people tick off."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from orchestrator.model.guard import Outcome
from orchestrator.model.words import span

from .errors import meaning
from .story import RunStory, Story
from .transition_story import TransitionStory


class Case(Struct, frozen=True):
    """One thing that was wanted."""

    group: str
    """What it belongs to: a drill's scenario, a run."""
    name: str
    held: bool
    found: str
    """What was found."""
    records: tuple[int, ...] = ()
    """Sequence numbers of the journal records that show it."""
    seconds: float = 0.0


def cases_of(story: Story) -> tuple[Case, ...]:
    """A drill's expectations; for a run, and for a drill that was not scored: every transition, the end, and the objectives.

    Before them, where the journal's chain does not hold: that it does not.
    """
    if story.broken is not None:
        broken = Case(
            "journal", "its chain holds", held=False, found=story.warning, records=(story.broken.seq,)
        )
        return (broken, *_told(story))
    return _told(story)


def _told(story: Story) -> tuple[Case, ...]:
    drill = story.drill
    if drill is not None and drill.score is not None:
        group = drill.score.scenario or f"drill {drill.drill}"
        expectations = drill.score.expectations
        return tuple(
            Case(group, expectation.name, expectation.held, expectation.found, expectation.records)
            for expectation in expectations
        )
    return tuple(case for run in story.runs for case in _run(run))


def _run(run: RunStory) -> Iterator[Case]:
    for transition in run.transitions:
        if transition.source is not None or transition.refused_by:
            yield _transition(run, transition)
    yield _end(run)
    for objective in run.objectives:
        found = f"{span(objective.took)}, of {span(objective.wanted)} allowed"
        records = (run.finished_seq,)
        name = f"objective: {objective.status} within {span(objective.wanted)}"
        yield Case(_group(run), name, objective.met, found, records)


def _group(run: RunStory) -> str:
    return f"run {run.run}"


def _transition(run: RunStory, transition: TransitionStory) -> Case:
    move = "" if transition.source is None else f" ({transition.source} to {transition.target})"
    name = f"transition {transition.name}{move} is made"
    if transition.made:
        seconds = next((step.seconds for step in run.times.steps if step.transition == transition.name), 0.0)
        return Case(_group(run), name, True, f"made in {span(seconds)}", (transition.made_seq,), seconds)
    writes = tuple(write.seq for write in transition.writes)
    if not transition.refused_by:
        return Case(_group(run), name, False, "it was begun and not made", writes)
    judged = transition.judgements[-1] if transition.judgements else None
    reasons = [
        f"{verdict.guard} {verdict.outcome.value}: {verdict.reason}"
        for verdict in (judged.verdicts if judged else ())
        if verdict.outcome is not Outcome.PASS and verdict.guard in transition.refused_by
    ]
    found = "refused by " + ("; ".join(reasons) or ", ".join(transition.refused_by))
    records = (judged.seq, transition.refused_seq) if judged else (transition.refused_seq,)
    return Case(_group(run), name, False, found, records)


def _end(run: RunStory) -> Case:
    goal = "its goal" if run.started is None else str(run.started.goal)
    name = f"end: the pair stands at {goal}"
    if run.finished is None:
        last = run.entries[-1].seq if run.entries else 0
        return Case(_group(run), name, False, "this journal holds no end of the run", (last,))
    code = run.finished.exit_code
    found = f"{run.finished.ending.message} (exit code {code}: {meaning(code)})"
    return Case(_group(run), name, code == 0, found, (run.finished_seq,), run.elapsed.total_seconds())
