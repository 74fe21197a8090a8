"""An error as a person meets it: what happened, which org, what was and was not sent, what to type next; and what each exit code says."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from orchestrator.errors import DocumentError, ExitCode, HamrError, Problem
from orchestrator.model.plain import JSON

from .documents import document, fields_fact
from .layout import Line, Page, Span, cells, cut, labelled, line, next_commands, page_width, paragraph


def meaning(code: int) -> str:
    """What an exit code says, also one that this version does not know."""
    return ExitCode(code).meaning if code in set(ExitCode) else "not known to this version"


def exit_lines(code: int, style: str = "", *, label: str = "exit code") -> Page:
    """The exit code, and what it says; the `label` says whose it is, where it is not this command's."""
    return labelled(label, f"{int(code)}: {meaning(code)}", style)


def exit_fact(code: int) -> dict[str, JSON]:
    """The same for a document."""
    return {"exit_code": int(code), "exit_meaning": meaning(code)}


def problem_lines(problems: Sequence[Problem], *, indent: int = 0) -> Page:
    """What is wrong with files and where; below what is wrong at one place its line, where it may be shown, and a mark."""
    page: list[Line] = []
    for _, of_place in groupby(problems, key=attrgetter("file", "line", "column")):
        found = [*of_place]
        for problem in found:
            page += paragraph(str(problem), "bad", indent=indent, hanging=2)
        page += _marked(found[-1], indent)
    return tuple(page)


def _marked(problem: Problem, indent: int) -> Page:
    source = problem.excerpt.lstrip()
    if not source:
        return ()
    room, margin = page_width() - indent - 4, " " * (indent + 4)
    at = min(max(problem.column - 1 - len(problem.excerpt) + len(source), 0), len(source))
    first = max(0, at - room + 8)
    mark = " " * cells(source[first:at])
    return (Span(margin), Span(cut(source[first:], room))), (Span(margin), Span(f"{mark}^", "bad"))


def error_page(error: HamrError) -> Page:
    """What a person reads instead of a traceback."""
    org = labelled("org", error.org or "", "org")
    return told(error, (*org, *labelled("sent", error.sent, "bold"), *exit_lines(error.exit_code, "dim")))


def told(error: HamrError, facts: Page) -> Page:
    """What happened, the facts of it, and what to type next."""
    said = paragraph(error.message, indent=2, hanging=2)
    if isinstance(error, DocumentError):
        said = problem_lines(error.problems, indent=2)
    title = f"{error.title}."
    happened = (line(title, "bad"), *(() if error.message == title else said))
    return (*happened, line(), *facts, *next_commands(error.next_steps))


def error_json(error: HamrError) -> dict[str, JSON]:
    """The same as a document: hamr/error/1."""
    fields = {
        "error": type(error).__name__,
        **fields_fact(error, "message", "org", "sent", "next=next_steps"),
        **exit_fact(error.exit_code),
        "problems": error.problems if isinstance(error, DocumentError) else (),
    }
    return document("hamr/error/1", fields)
