"""How templates are filled: everything is escaped, control characters are written out, and nothing may be missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache

import jinja2

from orchestrator.model.plain import JSON
from orchestrator.model.words import MINUTE, author, counted, span, utc, value_words
from orchestrator.report.fates import (
    PURPOSES,
    answer_words,
    fate,
    hook_fate,
    not_passed,
    step_of,
    transition_fate,
    transition_words,
    write_fate,
)
from orchestrator.report.gist_run import move, upper, verdict_of
from orchestrator.report.layout import Line, escaped

LONGEST = 4000
"""Characters of any one text on the page; the journal has it whole."""


@cache
def environment() -> jinja2.Environment:
    """The one environment; templates come from the package, also where it is a wheel."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("orchestrator.report.html", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "span": span,
        "utc": utc,
        "clock": clock,
        "after": after,
        "words": _words,
        "body": _body,
        "counted": counted,
        "author": author,
        "value": value_words,
        "upper_first": upper,
    }
    made.globals |= {
        "answer_words": answer_words,
        "fate": fate,
        "hook_fate": hook_fate,
        "move": move,
        "not_passed": not_passed,
        "purposes": PURPOSES,
        "transition_fate": transition_fate,
        "transition_words": transition_words,
        "step_of": step_of,
        "verdict_of": verdict_of,
        "write_fate": write_fate,
    }
    return made


def shown(value: object) -> object:
    """What any expression of a template comes out as, before it is escaped: newlines stay, other controls are written out.

    What a template itself has made (a macro's result) is left as it is.
    """
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    cut = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    return cut if cut.isprintable() else "\n".join(escaped(line) for line in cut.split("\n"))


def clock(at: datetime) -> str:
    """The time of day to a tenth of a second, in UTC."""
    return f"{at:%H:%M:%S}.{at.microsecond // 100_000}"


def after(at: datetime, began: datetime) -> str:
    """How long after the beginning."""
    seconds = (at - began).total_seconds()
    if seconds <= 0:
        return "0 s"
    return f"+{seconds:.2f} s" if seconds < MINUTE else f"+{span(seconds)}"


def _words(line: Line) -> str:
    return "".join(part.text for part in line)


def _body(body: JSON) -> str:
    """A request's body, as people read it."""
    if isinstance(body, Mapping):
        return json.dumps(body, indent=1, ensure_ascii=True)
    return json.dumps(body, ensure_ascii=True)
