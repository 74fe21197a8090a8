"""The timeline as a picture: both orgs' statuses above, every transition with its writes and waits below. Shapes alone."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field

from orchestrator.model.events import LockBroken, LockTaken, LockTakenOver, RunResumed, RunStarted
from orchestrator.model.status import Role, Status
from orchestrator.model.words import span
from orchestrator.report.story import Story

from .lanes import lanes_of
from .moments import stands_of
from .scale import Scale, Stretch, scale_of
from .shapes import Box, Label, Mark, Path

_FROM_OUTSIDE = frozenset(
    {LockTaken.kind, LockTakenOver.kind, LockBroken.kind, RunStarted.kind, RunResumed.kind}
)
"""Records before which nobody was at it."""


class Size(Struct, frozen=True):
    """How large a drawing is, and where its parts stand; in the units of the picture."""

    name: str
    width: float
    left: float
    """Where time begins; names stand left of it."""
    right: float
    """Where time ends; what the orgs are called stands right of it."""
    level: float
    """Between two statuses."""
    ticks: float
    cut: float
    names_above: bool
    """Whether a transition's name stands above its bar, for want of room beside it."""


WIDE = Size("wide", 960, 128, 856, 30, 72, 62, names_above=False)
NARROW = Size("narrow", 344, 82, 258, 28, 48, 40, names_above=True)

TOP = 30.0
_BELOW_AXIS = 34.0


class Drawing(Struct):
    """A picture, ready to be written down."""

    size: Size
    height: float = 0.0
    levels: list[Label] = field(default_factory=list)
    grid: list[Path] = field(default_factory=list)
    cuts: list[tuple[Box, Label]] = field(default_factory=list)
    ticks: list[Label] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    axis: float = 0.0
    description: str = ""


def drawing_of(story: Story, size: Size) -> Drawing:
    """The picture, in one of two sizes."""
    drawing = Drawing(size)
    scale = scale_of(_moments(story), left=size.left, right=size.right, cut_width=size.cut)
    bottom = _statuses(drawing, story, scale)
    drawing.axis = bottom + 8
    lanes_top = drawing.axis + _BELOW_AXIS
    lanes = lanes_of(
        story, scale, top=lanes_top, width=size.width, left=size.left, names_above=size.names_above
    )
    drawing.boxes += lanes.boxes
    drawing.marks += lanes.marks
    drawing.labels += lanes.labels
    drawing.height = lanes.bottom + 8
    _grid(drawing, scale)
    drawing.description = _described(story)
    return drawing


def _moments(story: Story) -> list[tuple[datetime, bool]]:
    """When something was journalled, from the beginning to the end of the runs."""
    last = story.last
    found = [
        (entry.at, entry.kind in _FROM_OUTSIDE)
        for run in story.runs
        for entry in run.entries
        if entry.at <= last
    ]
    return sorted([(story.began, False), *found])


def _statuses(drawing: Drawing, story: Story, scale: Scale) -> float:
    """Both orgs' statuses as steps; returns where the lowest one is drawn."""
    size = drawing.size
    stands = {role: stands_of(story, role) for role in Role}
    known = sorted(
        {stand.status for all_of in stands.values() for stand in all_of if stand.status is not None},
        reverse=True,
    )
    shown: list[Status | None] = [*known]
    if any(stand.status is None for all_of in stands.values() for stand in all_of):
        shown.append(None)
    place = {status: TOP + 14 + size.level * number for number, status in enumerate(shown)}
    for status, y in place.items():
        name = "not seen" if status is None else "no record" if status is Status.ABSENT else status.name
        drawing.levels.append(Label(size.left - 10, y + 4, name, "level", "end"))
        drawing.grid.append(Path(f"M{size.left:g} {y:g}H{size.right + 10:g}", "level-line"))
    end = size.right + 12
    for role, shift in ((Role.PRIMARY, -3.5), (Role.SECONDARY, 3.5)):
        before: tuple[float, float] | None = None
        for number, stand in enumerate(stands[role]):
            x = scale.x(stand.at)
            y = place[stand.status] + shift
            last = number == len(stands[role]) - 1
            until = end if last else scale.x(stands[role][number + 1].at)
            kind = "unseen" if stand.status is None else "line"
            if before is not None:
                drawing.paths.append(Path(f"M{x:.1f} {before[1]:g}V{y:g}", f"{role} line"))
            drawing.paths.append(Path(f"M{x:.1f} {y:g}H{max(until, x + 1):.1f}", f"{role} {kind}"))
            title = f"{scale_words(story, stand.at)}: the {role} {'was not seen' if stand.status is None else 'shows ' + stand.words}"
            drawing.marks.append(
                Mark(x, y, f"{role} mark", "dot" if role is Role.PRIMARY else "square", title)
            )
            before = (x, y)
            if last:
                drawing.labels.append(
                    Label(end + 4, y + (1 if role is Role.PRIMARY else 8), role.value, f"{role} end")
                )
    return TOP + 14 + size.level * max(len(shown) - 1, 0) + 12


def scale_words(story: Story, at: datetime) -> str:
    """How long after the beginning, in words."""
    return f"after {span((at - story.began).total_seconds())}" if at > story.began else "at the start"


def _grid(drawing: Drawing, scale: Scale) -> None:
    """Ticks with their lines, and what was cut short."""
    for tick in scale.ticks(drawing.size.ticks):
        drawing.ticks.append(Label(tick.x, drawing.axis + 16, tick.label, "tick", "middle"))
        drawing.grid.append(Path(f"M{tick.x:.1f} {TOP:g}V{drawing.axis:g}", "tick-line"))
    for stretch in scale.cuts:
        box = Box(
            stretch.left,
            TOP - 4,
            stretch.right - stretch.left,
            drawing.height - TOP,
            "cut",
            _cut_words(stretch),
        )
        middle = (stretch.left + stretch.right) / 2
        drawing.cuts.append((box, Label(middle, TOP - 10, f"{span(stretch.seconds)}", "cut-label", "middle")))


def _cut_words(stretch: Stretch) -> str:
    what = "nobody was at it" if stretch.idle else "nothing was journalled"
    return f"{span(stretch.seconds)} in which {what}, drawn shorter than they were"


def _described(story: Story) -> str:
    """The picture in words, for whoever cannot see it; the table below it says when."""
    parts = []
    for role in Role:
        statuses = [stand.words for stand in stands_of(story, role)]
        parts.append(f"The {role}: {', then '.join(statuses) if statuses else 'not read'}.")
    transitions = [
        f"{transition.name} {'made' if transition.made else 'refused' if transition.refused_by else 'not made'}"
        for run in story.runs
        for transition in run.transitions
    ]
    parts.append(f"Transitions: {', '.join(transitions[:40]) if transitions else 'none'}.")
    return " ".join(parts)
