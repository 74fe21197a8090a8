"""A report for a ticket: Markdown of at most some sixty lines."""

from __future__ import annotations

import re

from orchestrator.model.words import counted, span, utc

from .cases import cases_of
from .fates import not_passed, step_of, transition_fate, transition_words
from .gist_drill import gist_of
from .layout import shortened
from .story import RunStory, Story

_SPECIAL = re.compile(r"([\\`*{}\[\]<>|~&]|(?<!\w)_|_(?!\w)|^[#+=-]|^\d+(?=[.)]))")
"""What Markdown or HTML would obey."""

_RISKY = re.compile(r"@|://|^\W*www\.|#\d|^\W*GH-\d", re.IGNORECASE)
"""What a tracker would make a link, a mention or a reference of, in a word, even where it is escaped."""

LONGEST = 300
"""Characters of any one text."""

MOST = 8
"""Transitions of any one list; the page and the journal have the rest."""


def markdown(story: Story) -> str:
    """The gist, the checks, the transitions with their times, what did not pass, and how to verify it."""
    gist = gist_of(story)
    lines = [f"### {quoted(gist.title)}: {quoted(gist.verdict)}", ""]
    lines += [quoted(sentence) for sentence in gist.sentences[:MOST]]
    lines += ["", *_facts(story)]
    lines += ["", "**Left to do**", ""] if gist.todo else ["", "**Left to do:** nothing."]
    todo = [
        f"- [ ] {quoted(thing.text)}" + (f" {code(thing.command)}" if thing.command else "")
        for thing in gist.todo
    ]
    lines += _most(todo)
    lines += _missed(story)
    for run in story.runs[:3]:
        lines += _transitions(run)
    lines += _let_pass(story)
    lines += ["", f"Journal head {code(str(story.head))}; to check it: {code(story.verify)}", ""]
    return "\n".join(lines)


def quoted(text: str) -> str:
    """A text from outside as Markdown shows it: as it is, with nothing in it that Markdown, HTML or a tracker would obey.

    Words that a tracker would make a link or a mention of stand between backticks; nothing else stops all of them.
    """
    return " ".join(
        code(word) if _RISKY.search(word) else _SPECIAL.sub(_unmarked, word)
        for word in shortened(text, LONGEST).split(" ")
    )


def _unmarked(found: re.Match[str]) -> str:
    return f"{found[1]}\\" if found[1].isdigit() else f"\\{found[1]}"


def code(text: str) -> str:
    """A text between backticks, so many that none of its own ends it."""
    cleaned = shortened(text, LONGEST).replace("|", "¦")  # a bar ends a table's cell, in code too
    fence = "`" * (1 + max((len(found) for found in re.findall("`+", cleaned)), default=0))
    padding = " " if cleaned.startswith("`") or cleaned.endswith("`") else ""
    return f"{fence}{padding}{cleaned}{padding}{fence}"


def _facts(story: Story) -> list[str]:
    lines = []
    for run in story.runs[:3]:
        started = run.started
        reason = f", because: {quoted(started.reason)}" if started is not None and started.reason else ""
        ref = f" ({quoted(started.ref)})" if started is not None and started.ref else ""
        by = quoted(", ".join(run.by))
        lines.append(f"- run {code(run.run)}, {run.mode.value}, by {by}, {utc(run.began)}{reason}{ref}")
    if len(story.runs) > 3:  # noqa: PLR2004 - as above
        lines.append(f"- and {counted(len(story.runs) - 3, 'run')} more")
    return lines


def _missed(story: Story) -> list[str]:
    cases = cases_of(story)
    held = sum(case.held for case in cases)
    lines = ["", f"**Checks:** {held} of {len(cases)} held."]
    missed = [f"- {quoted(case.name)}: {quoted(case.found)}" for case in cases if not case.held]
    return [*lines, *([""] if missed else []), *_most(missed)]


def _transitions(run: RunStory) -> list[str]:
    if not run.transitions:
        return []
    lines = [
        "",
        "| transition | from → to | | time | of it API | world | people |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for transition in run.transitions[:MOST]:
        step = step_of(run, transition)
        times = (
            ("", "", "", "")
            if step is None
            else (span(step.seconds), span(step.api), span(step.world), span(step.people))
        )
        cells = (
            quoted(transition.name),
            transition_words(transition),
            transition_fate(transition)[0],
            *times,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _let_pass(story: Story) -> list[str]:
    found = [
        f"- {quoted(each.transition or 'before the first transition')}: {quoted(each.verdict.guard)} **{each.fate}**: {quoted(each.verdict.reason)}"
        + (f" (because: {quoted(each.reason)})" if each.reason else "")
        for run in story.runs
        for each in not_passed(run)
    ]
    return ["", "**Guards that did not pass**", "", *_most(found)] if found else []


def _most(lines: list[str]) -> list[str]:
    return lines if len(lines) <= MOST else [*lines[:MOST], f"- and {len(lines) - MOST} more"]
