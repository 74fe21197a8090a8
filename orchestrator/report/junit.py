"""A report as JUnit XML: one test case for each thing that was wanted, for whatever shows test results."""

from __future__ import annotations

import re
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from orchestrator.model.plain import timestamp

from .cases import Case, cases_of
from .gist_drill import gist_of
from .story import Story

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold in any form: it is written out."""

_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What XML can hold, and what could turn what is read around."""


def junit(story: Story) -> str:
    """The XML, with its declaration; failures carry what was found and the journal lines that show it."""
    cases = cases_of(story)
    seconds = (story.last - story.began).total_seconds()
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- made by hamr -->",
        f'<testsuites name={_attribute(gist_of(story).title)} {_counts(cases)} time="{seconds:.3f}">',
    ]
    for group, grouped in groupby(cases, key=lambda case: case.group):
        lines += _suite(story, group, tuple(grouped))
    return "\n".join([*lines, "</testsuites>", ""])


def _suite(story: Story, group: str, cases: tuple[Case, ...]) -> list[str]:
    run = next((run for run in story.runs if group == f"run {run.run}"), None)
    began = story.began if run is None else run.began
    last = story.last if run is None else run.finished_at or run.last
    seconds = (last - began).total_seconds()
    lines = [
        f'  <testsuite name={_attribute(group)} {_counts(cases)} time="{seconds:.3f}" timestamp="{timestamp(began)[:19]}">',
        "    <properties>",
        f'      <property name="pair" value={_attribute(story.pair)}/>',
        f'      <property name="subject" value={_attribute(story.subject)}/>',
        f'      <property name="journal.head" value={_attribute(str(story.head))}/>',
        f'      <property name="journal.verify" value={_attribute(story.verify)}/>',
        "    </properties>",
    ]
    for case in cases:
        lines += _case(story, case)
    return [*lines, "  </testsuite>"]


def _counts(cases: tuple[Case, ...]) -> str:
    failed = sum(not case.held for case in cases)
    return f'tests="{len(cases)}" failures="{failed}" errors="0" skipped="0"'


def _case(story: Story, case: Case) -> list[str]:
    named = f"name={_attribute(case.name)} classname={_attribute(f'hamr.{story.pair}.{case.group}')}"
    head = f'    <testcase {named} time="{case.seconds:.3f}"'
    if case.held:
        return [f"{head}/>"]
    shown = [
        case.found,
        *(f"journal {seq}: {story.lines.get(seq, 'not a record of this report')}" for seq in case.records),
    ]
    return [
        f"{head}>",
        f'      <failure type="missed" message={_attribute(case.found)}>{_text(chr(10).join(shown))}</failure>',
        "    </testcase>",
    ]


def _clean(text: str) -> str:
    return _STEERING.sub(_written_out, _NOT_XML.sub(_written_out, text))


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _attribute(text: str) -> str:
    """Quoted, and on one line: a parser would make spaces of newlines."""
    return quoteattr(_clean(text).replace("\r", " ").replace("\n", " ").replace("\t", " "))


def _text(text: str) -> str:
    return escape(_clean(text).replace("\r", "\n"))
