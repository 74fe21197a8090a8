"""The page of many pairs: who arrived, who needs a person and what to type, and when each pair was moved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from orchestrator.model.fleet import FleetView, Member
from orchestrator.model.journal import Head
from orchestrator.model.words import counted, span
from orchestrator.report.errors import meaning
from orchestrator.report.fleet import needs_person

from .page import rendered

WIDTH, LANE = 720.0, 10.0
"""Of the drawing, in its own units: its width, and a pair's height."""

_MOST_DRAWN = 200
"""Of how many pairs the time is drawn; the table has them all."""


class Bar(Struct, frozen=True):
    """When a pair was brought, in the drawing's units."""

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
        bars=[*_bars(brought, view.began)],
        width=WIDTH,
        height=LANE * len(brought),
        lane=LANE - 2,
        meaning=meaning,
        style_of=style_of,
        members=sorted(members, key=lambda each: not needs_person(each)),
    )


def style_of(member: Member) -> str:
    """How a pair's outcome looks."""
    if member.outcome is None:
        return ""
    return "good" if member.settled else "warn" if member.arrived else "bad"


def _bars(members: list[Member], began: datetime) -> Iterator[Bar]:
    whole = max(((each.ended_at or began) - began).total_seconds() for each in members) if members else 0.0
    for number, member in enumerate(members):
        assert member.ended_at is not None and member.outcome is not None  # noqa: PT018, S101 - only such are drawn
        until = (member.ended_at - began).total_seconds()
        since = max(0.0, until - member.outcome.seconds)
        scale = WIDTH / max(whole, 0.001)
        took = span(round(member.outcome.seconds, 1))
        yield Bar(
            round(since * scale, 1),
            number * LANE,
            max(2.0, round((until - since) * scale, 1)),
            style_of(member),
            f"{member.pair}, wave {member.wave}: {meaning(member.outcome.exit_code)}, in {took}",
        )
