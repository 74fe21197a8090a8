"""A report for a ticket: Markdown of at most some sixty lines."""

from __future__ import annotations

import re
from itertools import chain

from orchestrator.model.words import counted, span, utc

from .layout import shortened
from .outcomes import checks_of, not_passed, transition_move, transition_outcome
from .run_view import ReportView, RunView
from .summary import summary_of

_SPECIAL = re.compile(r"([\\`*{}\[\]<>|~&]|(?<!\w)_|_(?!\w)|^[#+=-]|^\d+(?=[.)]))")
"""What Markdown or HTML would obey."""

_RISKY = re.compile(r"@|://|^\W*www\.|#\d|^\W*GH-\d", re.IGNORECASE)
"""What a tracker would make a link, a mention or a reference of, in a word, even where it is escaped."""

LONGEST = 300
"""Characters of any one text."""

MOST = 8
"""Transitions of any one list; the page and the journal have the rest."""


def markdown(report: ReportView) -> str:
    """The summary, the checks, the transitions with their times, what did not pass, and how to verify it."""
    summary = summary_of(report)
    lines = [f"### {quoted(summary.title)}: {quoted(summary.verdict.text)}", ""]
    lines += [quoted(sentence) for sentence in summary.sentences[:MOST]]
    lines += ["", *_facts(report)]
    lines += ["", "**Left to do**", ""] if summary.to_do else ["", "**Left to do:** nothing."]
    to_do = [
        f"- [ ] {quoted(thing.text)}" + (f" {code(thing.command)}" if thing.command else "")
        for thing in summary.to_do
    ]
    lines += [*_most(to_do), *_missed(report), *chain.from_iterable(map(_transitions, report.runs[:3]))]
    lines += [*_not_passed(report), "", f"Checked: {report.checked}."]
    lines += [f"Journal head {code(str(report.head))}; to check it: {code(report.verify)}"]
    lines += [f"To {step.why}: {code(step.command)}" for step in report.next_steps]
    return "\n".join([*lines, ""])


def quoted(text: str) -> str:
    """A text from outside as Markdown shows it: as it is, with nothing in it that Markdown, HTML or a tracker would obey.

    Words that a tracker would make a link or a mention of stand between backticks; nothing else stops all of them.
    """
    return " ".join(
        code(word)
        if _RISKY.search(word)
        else _SPECIAL.sub(lambda found: f"{found[1]}\\" if found[1].isdigit() else f"\\{found[1]}", word)
        for word in shortened(text, LONGEST).split(" ")
    )


def code(text: str) -> str:
    """A text between backticks, so many that none of its own ends it."""
    cleaned = shortened(text, LONGEST).replace("|", "¦")  # a bar ends a table's cell, in code too
    fence = "`" * (1 + max((len(found) for found in re.findall("`+", cleaned)), default=0))
    padding = " " if cleaned.startswith("`") or cleaned.endswith("`") else ""
    return f"{fence}{padding}{cleaned}{padding}{fence}"


def _facts(report: ReportView) -> list[str]:
    lines = []
    for run in report.runs[:3]:
        fleet = reason = ref = ""
        if (started := run.started) is not None:
            fleet = f" of fleet {code(started.fleet)}" if started.fleet else ""
            reason = f", because: {quoted(started.reason)}" if started.reason else ""
            ref = f" ({quoted(started.ref)})" if started.ref else ""
        who = f"{run.mode.value}, by {quoted(', '.join(run.by))}"
        lines.append(f"- run {code(run.run)}{fleet}, {who}, {utc(run.began)}{reason}{ref}")
        if proof := report.proof_of(run):
            lines.append(f"- its playbook: {quoted(proof)}")
    if len(report.runs) > 3:  # noqa: PLR2004 - as above
        lines.append(f"- and {counted(len(report.runs) - 3, 'run')} more")
    return lines


def _missed(report: ReportView) -> list[str]:
    checks = checks_of(report)
    held = sum(check.held for check in checks)
    lines = ["", f"**Checks:** {held} of {len(checks)} held."]
    missed = [f"- {quoted(check.name)}: {quoted(check.found)}" for check in checks if not check.held]
    return [*lines, *([""] if missed else []), *_most(missed)]


def _transitions(run: RunView) -> list[str]:
    if not run.transitions:
        return []
    lines = ["", "| transition | from → to | | time | of it API | world | people |", f"|{' --- |' * 7}"]
    for transition in run.transitions[:MOST]:
        spent = transition.spent
        times = () if spent is None else (spent.seconds, spent.api, spent.world, spent.people)
        about = (quoted(transition.name), transition_move(transition), transition_outcome(transition).text)
        cells = (*about, *([span(each) for each in times] or [""] * 4))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _not_passed(report: ReportView) -> list[str]:
    found = [
        f"- {quoted(each.transition or 'before the first transition')}: {quoted(each.verdict.guard)} **{each.outcome}**: {quoted(each.verdict.reason)}"
        + (f" (because: {quoted(each.reason)})" if each.reason else "")
        for run in report.runs
        for each in not_passed(run)
    ]
    return ["", "**Guards that did not pass**", "", *_most(found)] if found else []


def _most(lines: list[str]) -> list[str]:
    return lines if len(lines) <= MOST else [*lines[:MOST], f"- and {len(lines) - MOST} more"]
