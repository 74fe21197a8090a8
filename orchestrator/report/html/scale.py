"""Time → place: to scale, except for long stretches in which nothing happened, which are cut short and say so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from msgspec import Struct

from orchestrator.model.words import MINUTE, span

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


def scale_of(
    moments: Sequence[tuple[datetime, bool]], *, left: float, right: float, cut_width: float
) -> Scale:
    """A scale for these moments.

    Args:
        moments: when something was journalled, in order, and whether nobody was at it right before.
        left: where the first one is drawn.
        right: where the last one is drawn.
        cut_width: how much room a stretch gets that is cut short.
    """
    gaps = [(before[0], at, idle) for before, (at, idle) in pairwise(moments) if at > before[0]]
    cuts = _cuts([((ends - begins).total_seconds(), idle) for begins, ends, idle in gaps])
    drawn = sum(
        (ends - begins).total_seconds() for place, (begins, ends, _) in enumerate(gaps) if place not in cuts
    )
    room = right - left - cut_width * len(cuts)
    per_second = room / drawn if drawn > 0 else 0.0
    stretches: list[Stretch] = []
    x = left
    for place, (begins, ends, idle) in enumerate(gaps):
        cut = place in cuts
        width = cut_width if cut else (ends - begins).total_seconds() * per_second
        stretches.append(Stretch(begins, ends, x, x + width, cut, idle))
        x += width
    began = moments[0][0]
    return Scale(began, left, right, tuple(stretches), per_second)


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
