"""A report as JUnit XML: one test case for each thing that was wanted, for whatever shows test results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from orchestrator.model.fleet import FleetView, Member
from orchestrator.model.plain import timestamp
from orchestrator.model.words import counted

from .fleet import without_end
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
    suites = (
        text
        for report in reports
        for group, grouped in groupby(checks_of(report), key=lambda check: check.group)
        for text in _suite(report, group, tuple(grouped))
    )
    return _whole(title, _counts(checks, seconds), suites)


def _suite(report: ReportView, group: str, checks: tuple[Check, ...]) -> list[str]:
    run = next((run for run in report.runs if group == f"run {run.run}"), None)
    began, ended = (report.began, report.last) if run is None else (run.began, run.ended)
    counts = _counts(checks, (ended - began).total_seconds())
    return [
        f'  <testsuite name={_attribute(group)} {counts} timestamp="{timestamp(began)[:19]}">',
        "    <properties>",
        f'      <property name="pair" value={_attribute(report.pair)}/>',
        f'      <property name="subject" value={_attribute(report.subject)}/>',
        f'      <property name="journal.head" value={_attribute(str(report.head))}/>',
        f'      <property name="journal.verify" value={_attribute(report.verify)}/>',
        "    </properties>",
        *(text for check in checks for text in _check(report, check)),
        "  </testsuite>",
    ]


def _counts(checks: Sequence[Check], seconds: float) -> str:
    return _counted(len(checks), sum(not check.held for check in checks), 0, seconds)


def _check(report: ReportView, check: Check) -> list[str]:
    shown = [
        f"journal {seq}: {report.lines.get(seq, 'not a record of this report')}" for seq in check.records
    ]
    missed = [] if check.held else [_failure("missed", check.found, [check.found, *shown])]
    return _case(check.name, f"{report.pair}.{check.group}", check.seconds, missed)


def fleet_junit(view: FleetView) -> str:
    """Many pairs as XML: a suite for each wave, a test case for each pair; one that was not begun is skipped."""
    suites: list[str] = []
    for wave, pairs in enumerate(view.started.waves, 1):
        of_wave = [view.members[pair] for pair in pairs]
        suites.append(f'  <testsuite name="wave {wave}" {_member_counts(of_wave)}>')
        suites += [text for member in of_wave for text in _member(member, view)]
        suites.append("  </testsuite>")
    title = f"fleet {view.fleet} to {view.started.goal}"
    return _whole(title, _member_counts([*view.members.values()]), suites)


def _member_counts(members: Sequence[Member]) -> str:
    begun = [member.outcome for member in members if member.outcome is not None]
    failed = sum(not outcome.arrived for outcome in begun)
    seconds = sum(outcome.seconds for outcome in begun)
    return _counted(len(members), failed, len(members) - len(begun), seconds)


def _member(member: Member, view: FleetView) -> list[str]:
    outcome, found = member.outcome, []
    if outcome is None:
        found = [f"      <skipped message={_attribute(without_end(view, member))}/>"]
    elif not outcome.arrived:
        said = [outcome.message, *(step.command for step in outcome.next_steps)]
        found = [_failure("not arrived", f"exit code {outcome.exit_code}: {outcome.message}", said)]
    seconds = 0.0 if outcome is None else outcome.seconds
    return _case(f"{member.pair} stands at {view.started.goal}", member.pair, seconds, found)


def _whole(title: str, counts: str, suites: Iterable[str]) -> str:
    head = f"<testsuites name={_attribute(title)} {counts}>"
    declared = '<?xml version="1.0" encoding="UTF-8"?>'
    return "\n".join([declared, "<!-- made by hamr -->", head, *suites, "</testsuites>", ""])


def _counted(tests: int, failed: int, skipped: int, seconds: float) -> str:
    return f'tests="{tests}" failures="{failed}" errors="0" skipped="{skipped}" time="{seconds:.3f}"'


def _case(name: str, whose: str, seconds: float, found: list[str]) -> list[str]:
    named = f"name={_attribute(name)} classname={_attribute(f'hamr.{whose}')}"
    head = f'    <testcase {named} time="{seconds:.3f}"'
    return [f"{head}>", *found, "    </testcase>"] if found else [f"{head}/>"]


def _failure(kind: str, message: str, said: Sequence[str]) -> str:
    return f'      <failure type="{kind}" message={_attribute(message)}>{_text(chr(10).join(said))}</failure>'


def _clean(text: str) -> str:
    return _UNSAFE.sub(lambda found: escaped(found[0]), text)


def _attribute(text: str) -> str:
    """Quoted, and on one line: a parser would make spaces of newlines."""
    return quoteattr(_clean(text).replace("\r", " ").replace("\n", " ").replace("\t", " "))


def _text(text: str) -> str:
    return escape(_clean(text).replace("\r", "\n"))
