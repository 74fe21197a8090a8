"""The whole page."""

from __future__ import annotations

import base64
import hashlib

from orchestrator.report.cases import cases_of
from orchestrator.report.gist_drill import gist_of
from orchestrator.report.story import Story

from .environment import environment
from .moments import moments_of
from .timeline import NARROW, WIDE, drawing_of

STYLE = "style.css"
"""Included into the page as it is."""

MOST_RECORDS = 2000
"""Records that are listed one by one; a longer story says where the rest is."""


def page(story: Story) -> str:
    """The page, as the text of one file that needs no other.

    Its Content-Security-Policy lets the browser load nothing at all, and knows its one style sheet by its hash.
    """
    style = environment().get_template(STYLE).render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            story=story,
            gist=gist_of(story),
            cases=cases_of(story),
            moments=moments_of(story),
            drawings=[drawing_of(story, WIDE), drawing_of(story, NARROW)],
            style_hash=digest,
            most_records=MOST_RECORDS,
        )
    )
