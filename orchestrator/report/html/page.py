"""The whole page, and how its templates are filled: everything is escaped, and nothing may be missing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache

import jinja2
from msgspec import Struct

from orchestrator.model.plain import JSON
from orchestrator.model.status import Role
from orchestrator.model.words import MINUTE, author, counted, span, utc, value_words
from orchestrator.report import outcomes, summary
from orchestrator.report.describe import PURPOSES
from orchestrator.report.layout import escaped
from orchestrator.report.run_view import ReportView

from .timeline import NARROW, WIDE, drawing_of

LONGEST = 4000
"""Characters of any one text on the page; the journal has it whole."""

MOST_RECORDS = 2000
"""Records that are listed one by one; a longer report says where the rest is."""


def page(report: ReportView) -> str:
    """The page, as the text of one file that needs no other.

    Its Content-Security-Policy lets the browser load nothing at all, and knows its one style sheet by its hash.
    """
    return rendered(
        "page.html.j2",
        report=report,
        summary=summary.summary_of(report),
        checks=outcomes.checks_of(report),
        moments=_moments(report),
        drawings=[drawing_of(report, WIDE), drawing_of(report, NARROW)],
        most_records=MOST_RECORDS,
    )


def rendered(template: str, **values: object) -> str:
    """A template with these values, and the hash of the one style sheet that its page may use."""
    style = _environment().get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _environment().get_template(template).render(style_hash=digest, **values)


@cache
def _environment() -> jinja2.Environment:
    """The one environment; templates come from the package, also where it is a wheel."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("orchestrator.report.html", "templates"),
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
        "upper_first": summary.upper,
    }
    made.globals |= {
        "answer_words": outcomes.answer_words,
        "hook_outcome": outcomes.hook_outcome,
        "judged": outcomes.judged,
        "not_passed": outcomes.not_passed,
        "purposes": {**PURPOSES, "deliver": "what it was owed"},
        "run_move": summary.run_move,
        "run_verdict": summary.run_verdict,
        "transition_move": outcomes.transition_move,
        "transition_outcome": outcomes.transition_outcome,
        "write_outcome": outcomes.write_outcome,
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
    """How long after the beginning."""
    seconds = (at - began).total_seconds()
    if seconds <= 0:
        return "0 s"
    return f"+{seconds:.2f} s" if seconds < MINUTE else f"+{span(seconds)}"


def _body(body: JSON) -> str:
    """A request's body, as people read it."""
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
    changes = sorted(
        ((seen.at, seen.record, role, seen.words) for role in Role for seen in report.statuses_of(role)),
        key=lambda change: change[:2],
    )
    words = dict.fromkeys(Role, "not read yet")
    moments: list[Moment] = []
    for at, _, role, shown in changes:
        words[role] = shown
        changed = frozenset({role})
        if moments and moments[-1].at == at:
            changed |= moments.pop().changed
        transition = _transition_at(report, at)
        moments.append(Moment(at, words[Role.PRIMARY], words[Role.SECONDARY], changed, transition))
    return moments


def _transition_at(report: ReportView, at: datetime) -> str:
    for run in report.runs:
        for transition in run.transitions:
            if transition.writes and transition.writes[0].at <= at <= (transition.ended or run.last):
                return transition.name
    return ""
