"""The lower half of the timeline: a lane for each transition, with its waits, hooks, questions and writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct, field

from orchestrator.model.status import Role
from orchestrator.model.words import span
from orchestrator.report.fates import step_of, transition_fate, write_fate
from orchestrator.report.layout import cut
from orchestrator.report.story import RunStory, Story
from orchestrator.report.transition_story import TransitionStory, Write

from .scale import Scale
from .shapes import Box, Label, Mark

MOST_LANES = 30
"""Lanes that are drawn; the table of transitions has all."""

BAR = 24.0
GAP = 12.0
NAME = 16.0
LEAST = 2.5
"""Nothing is drawn narrower: what took no time is seen, too."""

_LETTER = 6.6
"""About the width of a letter."""


class Lanes(Struct):
    """The lanes, drawn."""

    bottom: float
    boxes: list[Box] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


def lanes_of(
    story: Story, scale: Scale, *, top: float, width: float, left: float, names_above: bool
) -> Lanes:
    """A lane for each transition, from the top down.

    Args:
        story: whose transitions.
        scale: where a moment is drawn.
        top: where the first lane begins.
        width: of the whole picture.
        left: where time begins.
        names_above: whether names stand above the bars, for want of room beside them.
    """
    lanes = Lanes(top)
    drawn = 0
    several = len(story.runs) > 1
    for run in story.runs:
        if several and drawn < MOST_LANES:
            text = cut(f"{run.name or 'run'} · {run.run}", int((width - 12) / _LETTER))
            lanes.labels.append(Label(6, lanes.bottom + 12, text, "lane-run"))
            lanes.bottom += NAME + 6
        for transition in run.transitions:
            if drawn < MOST_LANES:
                _lane(lanes, run, transition, scale, left=left, names_above=names_above)
            drawn += 1
        if run.apart and drawn < MOST_LANES:
            _writes(lanes, run, run.apart, scale, lanes.bottom)
            lanes.labels.append(Label(left - 10, lanes.bottom + 16, "no transition", "lane-name", "end"))
            lanes.bottom += BAR + GAP
    if drawn > MOST_LANES:
        text = f"and {drawn - MOST_LANES} more transitions: the table has them"
        lanes.labels.append(Label(left, lanes.bottom + 14, text, "lane-more"))
        lanes.bottom += NAME + 8
    return lanes


def _lane(
    lanes: Lanes, run: RunStory, transition: TransitionStory, scale: Scale, *, left: float, names_above: bool
) -> None:
    word, tone = transition_fate(transition)
    step = step_of(run, transition)
    took = "" if step is None else span(step.seconds)
    fate = took or word
    if names_above:
        text = f"{cut(transition.name, 26)} · {fate}"
        lanes.labels.append(Label(left, lanes.bottom + 11, text, f"lane-name {tone}"))
        lanes.bottom += NAME
    else:
        room = int((left - 16) / _LETTER)
        lanes.labels.append(
            Label(left - 10, lanes.bottom + 11, cut(transition.name, room), "lane-name", "end")
        )
        lanes.labels.append(Label(left - 10, lanes.bottom + 23, fate, f"lane-fate {tone}", "end"))
    y = lanes.bottom
    begins = scale.x(transition.began)
    ends = max(scale.x(_end_of(run, transition)), begins + LEAST)
    title = f"Transition {transition.name}, {word}" + (f" in {took}" if took else "")
    lanes.boxes.append(Box(begins, y, ends - begins, BAR, f"bar {tone}", title))
    for box in _around(transition, run, scale, y):
        lanes.boxes.append(box)
    _writes(lanes, run, transition.writes, scale, y)
    if transition.refused:
        refused = Mark(
            scale.x(transition.ended or transition.began),
            y + BAR / 2,
            "refused mark",
            "cross",
            "refused by its guards",
        )
        lanes.marks.append(refused)
    lanes.bottom += BAR + GAP


def _end_of(run: RunStory, transition: TransitionStory) -> datetime:
    ends = [
        moment
        for moment in (transition.ended, *(hook.ended_at for hook in transition.hooks))
        if moment is not None
    ]
    return max(ends) if transition.ended is not None else run.finished_at or run.last


def _around(transition: TransitionStory, run: RunStory, scale: Scale, y: float) -> Iterator[Box]:
    for wait in transition.waits:
        title = f"waited {span(wait.seconds)} for {', '.join(wait.guards)}"
        yield _box(scale, wait.at, wait.ended or run.last, y, kind="wait", title=title)
    for hook in transition.hooks:
        if hook.what:
            title = f"hook {hook.name}, {hook.when.value} the transition"
            yield _box(scale, hook.at, hook.ended_at or run.last, y, kind="hook", title=title)
    for asked in transition.questions:
        title = f"asked a person: {asked.question.subject}"
        yield _box(scale, asked.at, asked.ended or run.last, y, kind="asked", title=title)


def _box(scale: Scale, begins: datetime, ends: datetime, y: float, *, kind: str, title: str) -> Box:
    x = scale.x(begins)
    return Box(x, y + 1, max(scale.x(ends) - x, LEAST), BAR - 2, kind, title)


def _writes(lanes: Lanes, run: RunStory, writes: tuple[Write, ...], scale: Scale, top: float) -> None:
    """The primary's writes in the upper half of the bar, the secondary's in the lower."""
    for write in writes:
        role = write.attempt.role
        y = top + (3 if role is Role.PRIMARY else BAR / 2 + 1)
        x = scale.x(write.at)
        seen = write.confirmed_at
        until = seen or write.answered_at or run.last
        words, _ = write_fate(write)
        title = f"write {write.attempt.number}, {write.attempt.status} to the {role}: {words}"
        width = max(scale.x(until) - x, LEAST)
        lanes.boxes.append(Box(x, y, width, BAR / 2 - 4, f"write {role}", title))
        if seen is None:
            lanes.marks.append(Mark(x + width, y + BAR / 4 - 2, "lost mark", "cross", title))
