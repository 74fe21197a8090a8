"""A report as one self-contained page: no script, no network, light and dark, on paper and on a phone.

`page` is the whole of a run's or a drill's, `fleet_html` that of many pairs', `readiness_html` that of how ready pairs are. The
only importer of jinja2; everything that came from outside is escaped as its templates are filled.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, partial

import jinja2
from msgspec import Struct

from orchestrator.model.fleet import FleetView, Member
from orchestrator.model.journal import Head
from orchestrator.model.plain import JSON
from orchestrator.model.readiness import is_ready
from orchestrator.model.readiness_history import ReadinessHistory, Spell
from orchestrator.model.status import Role
from orchestrator.model.timing import seconds_between
from orchestrator.model.words import MINUTE, author, capital, counted, span, utc, value_words

from . import outcomes, summary
from .describe import PURPOSES
from .doctor import LEVEL_STYLES
from .errors import meaning
from .fleet import member_style, needs_person, without_end
from .layout import escaped
from .readiness import facts_of, steps_of, worse_words
from .run_view import ReportView
from .timeline import NARROW, WIDE, drawing_of

LONGEST = 4000
"""Characters of any one text on the page; the journal has it whole."""

MOST_RECORDS = 2000
"""Records that are listed one by one; a longer report says where the rest is."""


def page(report: ReportView) -> str:
    """The page, as the text of one file that needs no other.

    Its Content-Security-Policy lets the browser load nothing at all, and knows its one style sheet by its hash.
    """
    return _rendered(
        "page.html.j2",
        report=report,
        summary=summary.summary_of(report),
        checks=outcomes.checks_of(report),
        moments=_moments(report),
        drawings=[drawing_of(report, WIDE), drawing_of(report, NARROW)],
        most_records=MOST_RECORDS,
    )


def _rendered(template: str, **values: object) -> str:
    """A template with these values, and the hash of the one style sheet that its page may use."""
    style = _environment().get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _environment().get_template(template).render(style_hash=digest, **values)


@cache
def _environment() -> jinja2.Environment:
    """The one environment; templates come from the package, also where it is a wheel."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("orchestrator.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "span": span,
        "utc": utc,
        "clock": _clock,
        "after": _after,
        "body": _body,
        "counted": counted,
        "author": author,
        "value": value_words,
        "upper_first": capital,
    }
    made.globals |= {
        "outcomes": outcomes,
        "purposes": {**PURPOSES, "deliver": "what it was owed"},
        "run_move": summary.run_move,
        "run_verdict": summary.run_verdict,
    }
    return made


def _shown(value: object) -> object:
    """What any expression of a template comes out as, before it is escaped: newlines stay, other controls are written out.

    What a template itself has made (a macro's result) is left as it is.
    """
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    cut = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    return cut if cut.isprintable() else "\n".join(escaped(line) for line in cut.split("\n"))


def _clock(at: datetime) -> str:
    """The time of day to a tenth of a second, in UTC."""
    return f"{at:%H:%M:%S}.{at.microsecond // 100_000}"


def _after(at: datetime, began: datetime) -> str:
    seconds = (at - began).total_seconds()
    if seconds <= 0:
        return "0 s"
    return f"+{seconds:.2f} s" if seconds < MINUTE else f"+{span(seconds)}"


def _body(body: JSON) -> str:
    return json.dumps(body, indent=1 if isinstance(body, Mapping) else None, ensure_ascii=True)


class Moment(Struct, frozen=True):
    """From here on the orgs stood like this, as far as was seen."""

    at: datetime
    primary: str
    secondary: str
    changed: frozenset[Role]
    transition: str
    """The transition that was under way, or ""."""


def _moments(report: ReportView) -> list[Moment]:
    """Where both orgs stood, moment by moment, whenever either changed: the timeline as a table."""
    changes = [(seen, role) for role in Role for seen in report.statuses_of(role)]
    words = dict.fromkeys(Role, "not read yet")
    moments: list[Moment] = []
    for seen, role in sorted(changes, key=lambda change: (change[0].at, change[0].record)):
        words[role] = seen.words
        changed = frozenset({role})
        if moments and moments[-1].at == seen.at:
            changed |= moments.pop().changed
        orgs = words[Role.PRIMARY], words[Role.SECONDARY]
        moments.append(Moment(seen.at, *orgs, changed, _transition_at(report, seen.at)))
    return moments


def _transition_at(report: ReportView, at: datetime) -> str:
    for run in report.runs:
        for each in run.transitions:
            if each.writes and each.writes[0].at <= at <= (each.ended or run.last):
                return each.name
    return ""


# -- many pairs --------------------------------------------------------------------------------------------------

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
    brought = [each for each in members if each.ended_at is not None][:_MOST_DRAWN]
    ended = (each.ended_at for each in members if each.ended_at is not None)
    last = max(ended, default=view.began)
    style = "good" if view.arrived == len(view.members) else "bad" if needing else "warn"
    return _rendered(
        "fleet.html.j2",
        view=view,
        head=head,
        verdict=f"{view.arrived} of {counted(len(view.members), 'pair')} arrived",
        style=style,
        needing=needing,
        no_end=sum(view.untold(each.pair) for each in members),
        not_begun=sum(each.outcome is None and not view.untold(each.pair) for each in members),
        without_end=partial(without_end, view),
        took=span(last - view.began),
        again=span(seconds_between(view.resumed[-1][0], last)) if view.resumed else "",
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
        x, width = round(since * scale, 1), max(2.0, round((until - since) * scale, 1))
        became = f"{meaning(member.outcome.exit_code)}, in {span(round(member.outcome.seconds, 1))}"
        title = f"{member.pair}, wave {member.wave}: {became}"
        yield Bar(x, number * FLEET_LANE, width, member_style(member), title)


class Dot(Struct, frozen=True):
    """A run that got to ACTIVE."""

    x: float
    y: float
    simulated: bool
    title: str


def readiness_html(found: Sequence[ReadinessHistory]) -> str:
    """The page, as the text of one file that needs no other."""
    return _rendered(
        "readiness.html.j2",
        histories=sorted(found, key=lambda each: is_ready(each.level)),
        bars_of=bars_of,
        dots_of=dots_of,
        objective_y=_objective_y,
        facts_of=facts_of,
        worse_words=worse_words,
        styles=LEVEL_STYLES,
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


def bars_of(history: ReadinessHistory) -> list[Bar]:
    """How ready a pair was, spell by spell: for a planned run, and below it for an emergency."""
    return [bar for spell in history.spells for bar in _bars(history, spell)]


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


def dots_of(history: ReadinessHistory) -> list[Dot]:
    """Its newest ways to ACTIVE, one after the other, evenly: months may lie between two of them."""
    arrivals, dots = history.arrivals[-MOST_DOTS:], []
    for number, each in enumerate(arrivals):
        where = "on the simulator" if each.simulated else "live"
        title = f"{span(each.seconds)} {where}, {utc(each.at)}, run {each.run}"
        x = WIDTH * (number + 0.5) / len(arrivals)
        dots.append(Dot(round(x, 2), _height(history, each.seconds), each.simulated, title))
    return dots


def _objective_y(history: ReadinessHistory) -> float | None:
    """Where the objective's line is; None where there is none."""
    return None if history.objective is None else _height(history, history.objective)


def _height(history: ReadinessHistory, seconds: float) -> float:
    top = max([history.objective or 0.0, *(each.seconds for each in history.arrivals), 0.001])
    return round(DOTS - _MARGIN - (DOTS - 2 * _MARGIN) * seconds / top, 2)
