"""An error as a person meets it: what happened, which org, what was and was not sent, what to type next."""

from __future__ import annotations

from orchestrator.errors import DocumentError, ExitCode, HamrError, Interrupted
from orchestrator.model.plain import JSON

from .exit_codes import meaning
from .facts import listed
from .json_text import document
from .layout import labelled, next_commands, paragraph
from .styled import Page, line

TITLES: dict[str, str] = {
    "UsageError": "This cannot be right",
    "DocumentError": "A file has problems",
    "KeyUnavailable": "A key cannot be had",
    "PreparationError": "It could not begin",
    "JournalUnavailable": "The journal cannot be used",
    "Refused": "Refused",
    "Moved": "The world has moved",
    "Locked": "The pair is locked",
    "Incomplete": "Stopped midway",
    "OutcomeUnknown": "The outcome of a write is unknown",
    "JournalDamaged": "The journal is damaged",
    "Interrupted": "Interrupted",
}
"""What each error is called on the page, by its class."""


def error_page(error: HamrError) -> Page:
    """What a person reads instead of a traceback."""
    title = TITLES.get(type(error).__name__, "It failed")
    code = _code(error)
    org = () if error.org is None else labelled("org", error.org, "org")
    return (
        line(f"{title}.", "bad"),
        *paragraph(error.message, indent=2, hanging=2),
        line(),
        *org,
        *labelled("sent", error.sent, "bold"),
        *labelled("exit code", f"{int(code)}: {meaning(code)}", "dim"),
        *next_commands(error.next_steps),
    )


def error_json(error: HamrError) -> dict[str, JSON]:
    """The same as a document: hamr/error/1."""
    code = _code(error)
    problems: list[JSON] = []
    if isinstance(error, DocumentError):
        problems = [
            {
                "file": problem.file,
                "line": problem.line,
                "column": problem.column,
                "message": problem.message,
            }
            for problem in error.problems
        ]
    return document(
        "hamr/error/1",
        {
            "error": type(error).__name__,
            "message": error.message,
            "org": error.org,
            "sent": error.sent,
            "next": listed(error.next_steps),
            "exit_code": int(code),
            "exit_meaning": meaning(code),
            "problems": problems,
        },
    )


def _code(error: HamrError) -> ExitCode:
    return error.code if isinstance(error, Interrupted) else error.exit_code
