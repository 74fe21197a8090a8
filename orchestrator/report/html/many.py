"""The pages of many pairs: what became of a fleet's, and how ready pairs are and were, each with a small drawing of its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from orchestrator.model.fleet import FleetView, Member
from orchestrator.model.journal import Head
from orchestrator.model.readiness import is_ready
from orchestrator.model.readiness_history import Arrival, ReadinessHistory, Spell
from orchestrator.model.words import counted, span, utc
from orchestrator.report.doctor import LEVEL_STYLES
from orchestrator.report.errors import meaning
from orchestrator.report.fleet import member_style, needs_person
from orchestrator.report.readiness import facts_of, steps_of, worse_words

from .page import rendered

WIDTH, LANE, GAP = 720.0, 14.0, 4.0
"""Of a drawing, in its own units: its width, a lane's height, and what lies between two lanes."""
FLEET_LANE = 10.0
"""A pair's height where there are many, with what lies between two of them."""
DOTS = 60.0
"""The height of the drawing of the ways to ACTIVE."""
_MARGIN = 5.0
"""What is left free in it above and below, so that no dot is cut off."""


MOST_DOTS = 60
"""How many arrivals are drawn of a pair at most, the newest."""

_MOST_DRAWN = 200
"""Of how many pairs the time is drawn; the table has them all."""


class Bar(Struct, frozen=True):
    """A stretch of time in which a pair stood so, or was brought, in the drawing's units."""

    x: float
    y: float
    width: float
    style: str
    title: str


def fleet_html(view: FleetView, head: Head) -> str:
    """The page, as the text of one file that needs no other."""
    members = view.members.values()
    needing = [each for each in members if needs_person(each)]
    arrived = sum(each.arrived for each in members)
    brought = [each for each in members if each.ended_at is not None][:_MOST_DRAWN]
    ended = [each.ended_at for each in members if each.ended_at is not None]
    took = (max(ended) - view.began) if ended else timedelta()
    style = "good" if arrived == len(view.members) else "bad" if needing else "warn"
    return rendered(
        "fleet.html.j2",
        view=view,
        head=head,
        verdict=f"{arrived} of {counted(len(view.members), 'pair')} arrived",
        style=style,
        needing=needing,
        not_begun=sum(each.outcome is None for each in members),
        took=span(took),
        bars=[*_brought(brought, view.began)],
        width=WIDTH,
        height=FLEET_LANE * len(brought),
        lane=FLEET_LANE - 2,
        meaning=meaning,
        style_of=member_style,
        members=sorted(members, key=lambda each: not needs_person(each)),
    )


def _brought(members: list[Member], began: datetime) -> Iterator[Bar]:
    whole = max(((each.ended_at or began) - began).total_seconds() for each in members) if members else 0.0
    for number, member in enumerate(members):
        assert member.ended_at is not None and member.outcome is not None  # noqa: PT018, S101 - only such are drawn
        until = (member.ended_at - began).total_seconds()
        since = max(0.0, until - member.outcome.seconds)
        scale = WIDTH / max(whole, 0.001)
        took = span(round(member.outcome.seconds, 1))
        yield Bar(
            round(since * scale, 1),
            number * FLEET_LANE,
            max(2.0, round((until - since) * scale, 1)),
            member_style(member),
            f"{member.pair}, wave {member.wave}: {meaning(member.outcome.exit_code)}, in {took}",
        )


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
        LEVEL_STYLES[history.level],
        tuple(bar for spell in history.spells for bar in _bars(history, spell)),
        tuple(_dots(history.arrivals[-MOST_DOTS:], top)),
        None if objective is None else _height(objective, top),
    )


def _bars(history: ReadinessHistory, spell: Spell) -> Iterator[Bar]:
    begin, end = _across(history, spell.since), _across(history, spell.until)
    for number, (name, level) in enumerate(zip(("planned run", "emergency"), spell.levels, strict=True)):
        said = level.name if spell.looked else "nobody looked"
        title = f"{name}: {said}, {utc(spell.since)}, for {span(spell.until - spell.since)}"
        style = LEVEL_STYLES[level] if spell.looked else "unlooked"
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
