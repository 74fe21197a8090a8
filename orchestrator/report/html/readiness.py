"""The page of how ready pairs are and were, with a small drawing of each pair's time, and of its ways to ACTIVE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from orchestrator.model.readiness import is_ready
from orchestrator.model.readiness_history import Arrival, ReadinessHistory, Spell
from orchestrator.model.words import span, utc
from orchestrator.report.readiness import STYLES, facts_of, steps_of, worse_words

from .page import rendered

WIDTH, LANE, GAP = 720.0, 14.0, 4.0
"""Of a drawing, in its own units: its width, a lane's height, and what lies between two lanes."""
DOTS = 60.0
"""The height of the drawing of the ways to ACTIVE."""
_MARGIN = 5.0
"""What is left free in it above and below, so that no dot is cut off."""


MOST_DOTS = 60
"""How many arrivals are drawn of a pair at most, the newest."""


class Bar(Struct, frozen=True):
    """A stretch of time in which a pair stood so."""

    x: float
    y: float
    width: float
    style: str
    title: str


class Dot(Struct, frozen=True):
    """A run that got to ACTIVE."""

    x: float
    y: float
    simulated: bool
    title: str


class Trend(Struct, frozen=True):
    """What is drawn of one pair."""

    history: ReadinessHistory
    facts: tuple[tuple[str, str, str], ...]
    worse: tuple[str, ...]
    style: str
    bars: tuple[Bar, ...]
    dots: tuple[Dot, ...]
    objective_y: float | None
    """Where the objective's line is; None where there is none, or nothing beside it."""


def readiness_html(found: Sequence[ReadinessHistory]) -> str:
    """The page, as the text of one file that needs no other."""
    ordered = sorted(found, key=lambda each: is_ready(each.level))
    return rendered(
        "readiness.html.j2",
        trends=[trend_of(each) for each in ordered],
        ready=sum(is_ready(each.level) for each in found),
        steps=steps_of(found),
        at=found[0].at,
        since=found[0].since,
        width=WIDTH,
        lane=LANE,
        lanes=2 * LANE + GAP,
        tall=DOTS,
        most_dots=MOST_DOTS,
    )


def trend_of(history: ReadinessHistory) -> Trend:
    """What is drawn of one pair. Pure."""
    top = max([history.objective or 0.0, *(each.seconds for each in history.arrivals), 0.001])
    objective = history.objective if history.arrivals else None
    return Trend(
        history,
        tuple(facts_of(history)),
        worse_words(history),
        STYLES[history.level],
        tuple(bar for spell in history.spells for bar in _bars(history, spell)),
        tuple(_dots(history.arrivals[-MOST_DOTS:], top)),
        None if objective is None else _height(objective, top),
    )


def _bars(history: ReadinessHistory, spell: Spell) -> Iterator[Bar]:
    begin, end = _across(history, spell.since), _across(history, spell.until)
    for number, (name, level) in enumerate(zip(("planned run", "emergency"), spell.levels, strict=True)):
        said = level.name if spell.looked else "nobody looked"
        title = f"{name}: {said}, {utc(spell.since)}, for {span(spell.until - spell.since)}"
        style = STYLES[level] if spell.looked else "unlooked"
        yield Bar(begin, number * (LANE + GAP), max(end - begin, 0.5), style, title)


def _across(history: ReadinessHistory, at: datetime) -> float:
    whole = (history.at - history.since).total_seconds()
    return round(WIDTH * min(1.0, max(0.0, (at - history.since).total_seconds() / whole)), 2)


def _dots(arrivals: Sequence[Arrival], top: float) -> Iterator[Dot]:
    """One after the other, evenly: months may lie between two of them."""
    for number, each in enumerate(arrivals):
        where = "on the simulator" if each.simulated else "live"
        title = f"{span(each.seconds)} {where}, {utc(each.at)}, run {each.run}"
        x = WIDTH * (number + 0.5) / len(arrivals)
        yield Dot(round(x, 2), _height(each.seconds, top), each.simulated, title)


def _height(seconds: float, top: float) -> float:
    return round(DOTS - _MARGIN - (DOTS - 2 * _MARGIN) * seconds / top, 2)
