"""A report as JUnit XML: one test case for each thing that was wanted, for whatever shows test results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from orchestrator.model.fleet import FleetView, Member
from orchestrator.model.plain import timestamp
from orchestrator.model.words import counted

from .layout import escaped
from .outcomes import Check, checks_of
from .run_view import ReportView
from .summary import summary_of

_UNSAFE = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
"""What XML 1.0 cannot hold in any form, and what it can hold and could turn what is read around: it is written out."""


def junit(*reports: ReportView) -> str:
    """The XML, with its declaration; failures carry what was found and the journal lines that show it."""
    checks = [check for report in reports for check in checks_of(report)]
    seconds = sum((report.last - report.began).total_seconds() for report in reports)
    title = summary_of(reports[0]).title if len(reports) == 1 else counted(len(reports), "drill")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- made by hamr -->",
        f'<testsuites name={_attribute(title)} {_counts(checks)} time="{seconds:.3f}">',
    ]
    for report in reports:
        for group, grouped in groupby(checks_of(report), key=lambda check: check.group):
            lines += _suite(report, group, tuple(grouped))
    return "\n".join([*lines, "</testsuites>", ""])


def _suite(report: ReportView, group: str, checks: tuple[Check, ...]) -> list[str]:
    run = next((run for run in report.runs if group == f"run {run.run}"), None)
    began, ended = (report.began, report.last) if run is None else (run.began, run.ended)
    seconds = (ended - began).total_seconds()
    lines = [
        f'  <testsuite name={_attribute(group)} {_counts(checks)} time="{seconds:.3f}" timestamp="{timestamp(began)[:19]}">',
        "    <properties>",
        f'      <property name="pair" value={_attribute(report.pair)}/>',
        f'      <property name="subject" value={_attribute(report.subject)}/>',
        f'      <property name="journal.head" value={_attribute(str(report.head))}/>',
        f'      <property name="journal.verify" value={_attribute(report.verify)}/>',
        "    </properties>",
    ]
    for check in checks:
        lines += _check(report, check)
    return [*lines, "  </testsuite>"]


def _counts(checks: Sequence[Check]) -> str:
    failed = sum(not check.held for check in checks)
    return f'tests="{len(checks)}" failures="{failed}" errors="0" skipped="0"'


def _check(report: ReportView, check: Check) -> list[str]:
    named = f"name={_attribute(check.name)} classname={_attribute(f'hamr.{report.pair}.{check.group}')}"
    head = f'    <testcase {named} time="{check.seconds:.3f}"'
    if check.held:
        return [f"{head}/>"]
    shown = [
        check.found,
        *(f"journal {seq}: {report.lines.get(seq, 'not a record of this report')}" for seq in check.records),
    ]
    return [
        f"{head}>",
        f'      <failure type="missed" message={_attribute(check.found)}>{_text(chr(10).join(shown))}</failure>',
        "    </testcase>",
    ]


def fleet_junit(view: FleetView) -> str:
    """Many pairs as XML: a suite for each wave, a test case for each pair; one that was not begun is skipped."""
    members = [*view.members.values()]
    title = f"fleet {view.fleet} to {view.started.goal}"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- made by hamr -->",
        f"<testsuites name={_attribute(title)} {_member_counts(members)}>",
    ]
    for wave, pairs in enumerate(view.started.waves, 1):
        of_wave = [view.members[pair] for pair in pairs]
        lines.append(f'  <testsuite name="wave {wave}" {_member_counts(of_wave)}>')
        lines += [text for member in of_wave for text in _member(member, view)]
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _member_counts(members: Sequence[Member]) -> str:
    begun = [member for member in members if member.outcome is not None]
    failed = sum(not member.arrived for member in begun)
    seconds = sum(member.outcome.seconds for member in begun if member.outcome is not None)
    skipped = len(members) - len(begun)
    return f'tests="{len(members)}" failures="{failed}" errors="0" skipped="{skipped}" time="{seconds:.3f}"'


def _member(member: Member, view: FleetView) -> list[str]:
    outcome = member.outcome
    seconds = 0.0 if outcome is None else outcome.seconds
    name = f"{member.pair} stands at {view.started.goal}"
    head = f'    <testcase name={_attribute(name)} classname={_attribute(f"hamr.{member.pair}")} time="{seconds:.3f}"'
    if outcome is None:
        return [f"{head}>", "      <skipped/>", "    </testcase>"]
    if outcome.arrived:
        return [f"{head}/>"]
    said = [outcome.message, *(step.command for step in outcome.next_steps)]
    found = f"exit code {outcome.exit_code}: {outcome.message}"
    return [
        f"{head}>",
        f'      <failure type="not arrived" message={_attribute(found)}>{_text(chr(10).join(said))}</failure>',
        "    </testcase>",
    ]


def _clean(text: str) -> str:
    return _UNSAFE.sub(lambda found: escaped(found[0]), text)


def _attribute(text: str) -> str:
    """Quoted, and on one line: a parser would make spaces of newlines."""
    return quoteattr(_clean(text).replace("\r", " ").replace("\n", " ").replace("\t", " "))


def _text(text: str) -> str:
    return escape(_clean(text).replace("\r", "\n"))
