"""What a run leaves for people to do, and how much of its time it spent waiting for them or for guards."""

from __future__ import annotations

from orchestrator.model.result import RunResult
from orchestrator.model.words import span

from .layout import Line, Page, heading, paragraph, shortened


def took_words(result: RunResult) -> str:
    """How long it took since it was started or taken up; waiting for guards and for people apart.

    The waits of a run that was taken up count from its first beginning, so they can be more than that.
    """
    waits = [
        *([f"{span(result.waited)} waiting for guards"] if result.waited else []),
        *([f"{span(result.asked)} waiting for a person"] if result.asked else []),
    ]
    if not waits:
        return span(result.seconds)
    whole = ", of it " if result.waited + result.asked <= result.seconds else "; since the run first began, "
    return f"{span(result.seconds)}{whole}{' and '.join(waits)}"


def left_lines(result: RunResult) -> Page:
    """Hooks that are owed, and what is to be done by hand."""
    page: list[Line] = []
    if result.hooks_owed:
        page += heading("Hooks that are owed (hamr resume runs them)")
        for each in result.hooks_owed:
            transition, _, hook = each.partition("/")
            page += paragraph(
                f"- {shortened(hook, 60)}, after transition {shortened(transition, 60)}",
                "warn",
                indent=2,
                hanging=2,
            )
    if result.hooks_failed:
        page += heading("Hooks before a transition that did not end well")
        for each in result.hooks_failed:
            transition, _, hook = each.partition("/")
            words = f"- {shortened(hook, 60)}, before transition {shortened(transition, 60)}"
            page += paragraph(words, "warn", indent=2, hanging=2)
    if result.left_to_person:
        page += heading("Not done, since nobody was asked: do it by hand")
        for text in dict.fromkeys(result.left_to_person):
            page += paragraph(f"- {shortened(text)}", "warn", indent=2, hanging=2)
    return tuple(page)
