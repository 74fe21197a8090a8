"""The timeline as a picture: both orgs' statuses above, a lane for each transition with its writes and waits below.

To scale, except for long stretches in which nothing happened, which are cut short and say so. Shapes alone: where they
stand and of what kind they are, never how they look: the style sheet says that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from msgspec import Struct

from orchestrator.model.events import RunStarted
from orchestrator.model.status import Role, Status
from orchestrator.model.timing import FROM_OUTSIDE
from orchestrator.model.words import MINUTE, span

from .layout import cut
from .outcomes import transition_outcome, write_outcome
from .run_view import ReportView, RunView, TransitionView, Write

# -- time → place ------------------------------------------------------------------------------------------------

BUSY_SHARE = 0.45
"""A stretch without a record is cut short where it would take more than this part of what is drawn."""

IDLE_SHARE = 0.1
"""The same, for one in which nobody was at it: between two runs, or until somebody resumed."""

LEAST_CUT = 1.0
"""Seconds: less is never cut short."""

MOST_CUTS = 6

_STEPS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0, 604800.0),
)
"""Seconds between two ticks that people count in."""


class Stretch(Struct, frozen=True):
    """The time between two records, and where it is drawn."""

    begins: datetime
    ends: datetime
    left: float
    right: float
    cut: bool = False
    """Drawn shorter than it was."""
    idle: bool = False
    """Nobody was at it."""

    @property
    def seconds(self) -> float:
        """How long it was."""
        return (self.ends - self.begins).total_seconds()


class Tick(Struct, frozen=True):
    """A mark on the axis."""

    x: float
    label: str


class Scale(Struct, frozen=True):
    """From the first record to the last."""

    began: datetime
    left: float
    right: float
    stretches: tuple[Stretch, ...]
    per_second: float
    """How far a second reaches where nothing is cut."""

    def x(self, at: datetime) -> float:
        """Where a moment is drawn; what lies outside is drawn at the edge."""
        for stretch in self.stretches:
            if at <= stretch.begins:
                return stretch.left
            if at <= stretch.ends:
                share = (at - stretch.begins).total_seconds() / stretch.seconds
                return stretch.left + share * (stretch.right - stretch.left)
        return self.right if self.stretches else self.left

    @property
    def cuts(self) -> tuple[Stretch, ...]:
        """What was cut short."""
        return tuple(stretch for stretch in self.stretches if stretch.cut)

    def ticks(self, apart: float) -> tuple[Tick, ...]:
        """Round times since the beginning, at least so far apart, none of them in a stretch that is cut."""
        found = [Tick(self.left, "0 s")]
        if self.per_second <= 0:
            return tuple(found)
        step = next((step for step in _STEPS if step * self.per_second >= apart), _STEPS[-1])
        for stretch in (stretch for stretch in self.stretches if not stretch.cut):
            begins = (stretch.begins - self.began).total_seconds()
            ends = (stretch.ends - self.began).total_seconds()
            number = int(begins // step) + (1 if begins % step else 0)
            while number * step <= ends:
                x = stretch.left + (number * step - begins) * self.per_second
                label = _label(number * step, step)
                if x - found[-1].x >= apart and label != found[-1].label:
                    found.append(Tick(x, label))
                number += 1
        return tuple(found)


def _label(seconds: float, step: float) -> str:
    if seconds >= MINUTE or step >= 1:
        return span(seconds)
    digits = 1 if step >= 0.1 else 2 if step >= 0.01 else 3  # noqa: PLR2004 - tenths, hundredths
    return f"{seconds:.{digits}f} s"


def _scale_of(moments: Sequence[tuple[datetime, bool]], size: Size) -> Scale:
    """A scale for when something was journalled, in order, and whether nobody was at it right before."""
    gaps = [(before, at, idle) for (before, _), (at, idle) in pairwise(moments) if at > before]
    lengths = [(ends - begins).total_seconds() for begins, ends, _ in gaps]
    cuts = _cuts([(seconds, idle) for seconds, (_, _, idle) in zip(lengths, gaps, strict=True)])
    drawn = sum(seconds for place, seconds in enumerate(lengths) if place not in cuts)
    room = size.right - size.left - size.cut * len(cuts)
    per_second = room / drawn if drawn > 0 else 0.0
    stretches: list[Stretch] = []
    x = size.left
    for place, (begins, ends, idle) in enumerate(gaps):
        cut = place in cuts
        width = size.cut if cut else lengths[place] * per_second
        stretches.append(Stretch(begins, ends, x, x + width, cut, idle))
        x += width
    return Scale(moments[0][0], size.left, size.right, tuple(stretches), per_second)


def _cuts(gaps: Sequence[tuple[float, bool]]) -> frozenset[int]:
    """Which gaps are cut short: the longest first, as long as one would fill too much of what is left."""
    left = sum(seconds for seconds, _ in gaps)
    found: set[int] = set()
    for place in sorted(range(len(gaps)), key=lambda place: -gaps[place][0]):
        seconds, idle = gaps[place]
        if LEAST_CUT <= seconds < left and seconds > left * (IDLE_SHARE if idle else BUSY_SHARE):
            found.add(place)
            left -= seconds
        if len(found) == MOST_CUTS:
            break
    return frozenset(found)


# -- the picture -------------------------------------------------------------------------------------------------

_FROM_OUTSIDE = frozenset(event.kind for event in (*FROM_OUTSIDE, RunStarted))
"""Records before which nobody was at it, of one run or of several."""

MOST_LANES = 30
"""Lanes that are drawn; the table of transitions has all."""

TOP = 30.0
_BELOW_AXIS = 34.0

BAR = 24.0
GAP = 12.0
NAME = 16.0
LEAST = 2.5
"""Nothing is drawn narrower: what took no time is seen, too."""

_LETTER = 6.6
"""About the width of a letter."""


class Box(Struct, frozen=True):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str = ""
    """What it says when it is pointed at."""


class Label(Struct, frozen=True):
    """A text."""

    x: float
    y: float
    text: str
    kind: str
    anchor: str = "start"


class Path(Struct, frozen=True):
    """A line."""

    d: str
    kind: str


class Mark(Struct, frozen=True):
    """A small sign: its form says what it is, not its colour alone."""

    x: float
    y: float
    kind: str
    form: str
    """dot, square or cross."""
    title: str = ""


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


class Drawing(Struct):
    """A picture, ready to be written down."""

    size: Size
    scale: Scale
    height: float = 0.0
    """Of what is drawn so far."""
    scale_labels: list[Label] = []
    grid: list[Path] = []
    cuts: list[Box] = []
    paths: list[Path] = []
    marks: list[Mark] = []
    labels: list[Label] = []
    boxes: list[Box] = []
    axis: float = 0.0
    description: str = ""


def drawing_of(report: ReportView, size: Size) -> Drawing:
    """The picture, in one of two sizes."""
    scale = _scale_of(_moments(report), size)
    drawing = Drawing(size, scale, description=_described(report))
    drawing.axis = _statuses(drawing, report) + 8
    drawing.height = drawing.axis + _BELOW_AXIS
    _lanes(drawing, report)
    drawing.height += 8
    _grid(drawing)
    return drawing


def _moments(report: ReportView) -> list[tuple[datetime, bool]]:
    """When something was journalled, from the beginning to the end of the runs."""
    entries = (entry for run in report.runs for entry in run.entries if entry.at <= report.last)
    return sorted([(report.began, False), *((entry.at, entry.kind in _FROM_OUTSIDE) for entry in entries)])


def _statuses(drawing: Drawing, report: ReportView) -> float:
    """Both orgs' statuses as steps; returns where the lowest one is drawn."""
    size, scale = drawing.size, drawing.scale
    shown = {seen.status for role in Role for seen in report.statuses_of(role)}
    levels = [*sorted((status for status in shown if status is not None), reverse=True)]
    places: dict[Status | None, float] = {}
    for status in (*levels, None) if None in shown else levels:
        y = places[status] = TOP + 14 + size.level * len(places)
        name = "not seen" if status is None else "no record" if status is Status.ABSENT else status.name
        drawing.scale_labels.append(Label(size.left - 10, y + 4, name, "level", "end"))
        drawing.grid.append(Path(f"M{size.left:g} {y:g}H{size.right + 10:g}", "level-line"))
    end = size.right + 12
    for role, shift, form, below in ((Role.PRIMARY, -3.5, "dot", 1), (Role.SECONDARY, 3.5, "square", 8)):
        statuses = report.statuses_of(role)
        y = 0.0
        for number, seen in enumerate(statuses):
            x, before, y = scale.x(seen.at), y, places[seen.status] + shift
            if number:
                drawing.paths.append(Path(f"M{x:.1f} {before:g}V{y:g}", f"{role} line"))
            until = end if seen is statuses[-1] else scale.x(statuses[number + 1].at)
            kind = "unseen" if seen.status is None else "line"
            drawing.paths.append(Path(f"M{x:.1f} {y:g}H{max(until, x + 1):.1f}", f"{role} {kind}"))
            what = "was not seen" if seen.status is None else f"shows {seen.words}"
            title = f"{_when(report, seen.at)}: the {role} {what}"
            drawing.marks.append(Mark(x, y, f"{role} mark", form, title))
        if statuses:
            drawing.labels.append(Label(end + 4, y + below, role.value, f"{role} end"))
    return TOP + 14 + size.level * max(len(places) - 1, 0) + 12


def _when(report: ReportView, at: datetime) -> str:
    return f"after {span((at - report.began).total_seconds())}" if at > report.began else "at the start"


def _grid(drawing: Drawing) -> None:
    for tick in drawing.scale.ticks(drawing.size.ticks):
        drawing.scale_labels.append(Label(tick.x, drawing.axis + 16, tick.label, "tick", "middle"))
        drawing.grid.append(Path(f"M{tick.x:.1f} {TOP:g}V{drawing.axis:g}", "tick-line"))
    for stretch in drawing.scale.cuts:
        width, height = stretch.right - stretch.left, drawing.height - TOP
        what = "nobody was at it" if stretch.idle else "nothing was journalled"
        lasted = span(stretch.seconds)
        words = f"{lasted} in which {what}, drawn shorter than they were"
        drawing.cuts.append(Box(stretch.left, TOP - 4, width, height, "cut", words))
        middle = stretch.left + width / 2
        drawing.scale_labels.append(Label(middle, TOP - 10, lasted, "cut-label", "middle"))


def _described(report: ReportView) -> str:
    """The picture in words, for whoever cannot see it; the table below it says when."""
    shown = {role: ", then ".join(seen.words for seen in report.statuses_of(role)) for role in Role}
    transitions = [
        f"{each.name} {'made' if each.made else 'refused' if each.refused_by else 'not made'}"
        for run in report.runs
        for each in run.transitions
    ]
    orgs = " ".join(f"The {role}: {words or 'not read'}." for role, words in shown.items())
    return f"{orgs} Transitions: {', '.join(transitions[:40]) or 'none'}."


def _lanes(drawing: Drawing, report: ReportView) -> None:
    """A lane for each transition, below what is drawn so far."""
    left, drawn = drawing.size.left, 0
    for run in report.runs:
        if len(report.runs) > 1 and drawn < MOST_LANES:
            text = cut(f"{run.name or 'run'} · {run.run}", int((drawing.size.width - 12) / _LETTER))
            drawing.labels.append(Label(6, drawing.height + 12, text, "lane-run"))
            drawing.height += NAME + 6
        for transition in run.transitions:
            if drawn < MOST_LANES:
                _lane(drawing, run, transition)
            drawn += 1
        if run.apart and drawn < MOST_LANES:
            _writes(drawing, run, run.apart)
            drawing.labels.append(Label(left - 10, drawing.height + 16, "no transition", "lane-name", "end"))
            drawing.height += BAR + GAP
    if drawn > MOST_LANES:
        text = f"and {drawn - MOST_LANES} more transitions: the table has them"
        drawing.labels.append(Label(left, drawing.height + 14, text, "lane-more"))
        drawing.height += NAME + 8


def _lane(drawing: Drawing, run: RunView, transition: TransitionView) -> None:
    left, scale = drawing.size.left, drawing.scale
    outcome = transition_outcome(transition)
    took = "" if transition.spent is None else span(transition.spent.seconds)
    beside = took or outcome.text
    if drawing.size.names_above:
        text = f"{cut(transition.name, 26)} · {beside}"
        drawing.labels.append(Label(left, drawing.height + 11, text, f"lane-name {outcome.style}"))
        drawing.height += NAME
    else:
        name = cut(transition.name, int((left - 16) / _LETTER))
        fate = Label(left - 10, drawing.height + 23, beside, f"lane-fate {outcome.style}", "end")
        drawing.labels += (Label(left - 10, drawing.height + 11, name, "lane-name", "end"), fate)
    y = drawing.height
    begins = scale.x(transition.began)
    ends = max(scale.x(_end_of(run, transition)), begins + LEAST)
    title = f"Transition {transition.name}, {outcome.text}" + (f" in {took}" if took else "")
    drawing.boxes.append(Box(begins, y, ends - begins, BAR, f"bar {outcome.style}", title))
    for kind, at, ended, words in _around(transition):
        x = scale.x(at)
        width = max(scale.x(ended or run.last) - x, LEAST)
        drawing.boxes.append(Box(x, y + 1, width, BAR - 2, kind, words))
    _writes(drawing, run, transition.writes)
    if transition.refused:
        x = scale.x(transition.ended or transition.began)
        drawing.marks.append(Mark(x, y + BAR / 2, "refused mark", "cross", "refused by its guards"))
    drawing.height += BAR + GAP


def _end_of(run: RunView, transition: TransitionView) -> datetime:
    if transition.ended is None:
        return run.ended
    hooks = [hook.ended_at for hook in transition.hooks if hook.ended_at is not None]
    return max([transition.ended, *hooks])


def _around(transition: TransitionView) -> Iterator[tuple[str, datetime, datetime | None, str]]:
    """Its waits, hooks and questions: their kind, when they began and ended, and what they say."""
    for wait in transition.waits:
        yield "wait", wait.at, wait.ended, f"waited {span(wait.seconds)} for {', '.join(wait.guards)}"
    for hook in transition.hooks:
        if hook.what:
            yield "hook", hook.at, hook.ended_at, f"hook {hook.name}, {hook.when.value} the transition"
    for asked in transition.questions:
        yield "asked", asked.at, asked.ended, f"asked a person: {asked.question.subject}"


def _writes(drawing: Drawing, run: RunView, writes: Sequence[Write]) -> None:
    """The primary's writes in the upper half of the bar, the secondary's in the lower."""
    for write in writes:
        role = write.attempt.role
        y = drawing.height + (3 if role is Role.PRIMARY else BAR / 2 + 1)
        x = drawing.scale.x(write.at)
        until = write.confirmed_at or write.answered_at or run.last
        sent = f"write {write.attempt.number}, {write.attempt.status} to the {role}"
        title = f"{sent}: {write_outcome(write).text}"
        width = max(drawing.scale.x(until) - x, LEAST)
        drawing.boxes.append(Box(x, y, width, BAR / 2 - 4, f"write {role}", title))
        if write.confirmed_at is None:
            drawing.marks.append(Mark(x + width, y + BAR / 4 - 2, "lost mark", "cross", title))
