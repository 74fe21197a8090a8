"""Whatever went wrong, in words on stderr, as JSON on stdout where that is wanted, and as an exit code."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime

import click

from orchestrator.errors import ExitCode, HamrError, Interrupted, PreparationError, UsageError
from orchestrator.report.errors import error_json, error_page

from .invocation import Invocation

_SENT = "What was sent, if anything, stands in the journal: hamr runs"


def told(invocation: Invocation, error: BaseException) -> int:
    """Tell what went wrong, and return the exit code for it.

    With --json stdout carries the error as a document, unless the work had ended and its own document is there.
    """
    match error:
        case click.ClickException():
            return _told_usage(invocation, error)
        case click.Abort() | KeyboardInterrupt():
            return _told(invocation, Interrupted("Interrupted.", sent=_SENT))
        case HamrError():
            return _told(invocation, error)
        case OSError():
            return _told(invocation, PreparationError(_system_words(error)))
        case _:
            return _told_bug(invocation, error)


def _code(invocation: Invocation, code: ExitCode) -> ExitCode:
    """The code of the work itself, once that has ended: what happens while it is printed does not change it."""
    return code if invocation.outcome is None else invocation.outcome


def _told(invocation: Invocation, error: HamrError) -> int:
    invocation.console.aside.end()
    if invocation.tell_error is not None and not isinstance(error, Interrupted):
        return invocation.tell_error(error)
    code = _code(invocation, error.code if isinstance(error, Interrupted) else error.exit_code)
    if invocation.outcome is not None:
        invocation.console.note(error.message, "bad")
        invocation.console.note(
            f"The run itself had ended by then, and its exit code stands: {int(code)}. See hamr runs"
        )
        return code
    invocation.console.err.page(error_page(error))
    if invocation.json:
        invocation.console.document(error_json(error))
    return code


def _told_usage(invocation: Invocation, error: click.ClickException) -> int:
    """Click's own: an option or argument that is missing, unknown or of the wrong kind."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    steps = (f"{context.command_path} --help",) if context is not None else ()
    words = error.format_message().replace("a valid integer range", "a whole number")
    return _told(invocation, UsageError(_sentence(words), next_steps=steps))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _system_words(error: OSError) -> str:
    words = (error.strerror or str(error)).lower()
    return f"{error.filename}: {words}." if error.filename else f"The system refused something: {words}."


def _told_bug(invocation: Invocation, error: BaseException) -> int:
    trace = invocation.redactor.clean("".join(traceback.format_exception(error)))
    words = invocation.redactor.clean(f"{type(error).__name__}: {error}")
    if invocation.debug:
        sys.stderr.write(trace)
        where = ""
    else:
        where = _kept(trace)
    return _told(invocation, HamrError(f"hamr has a bug, and stopped: {words}{where}", sent=_SENT))


def _kept(trace: str) -> str:
    """Keep a traceback where a person can send it from; says where."""
    name = f"hamr-bug-{datetime.now(UTC):%Y%m%d-%H%M%S}-"
    try:
        descriptor, path = tempfile.mkstemp(prefix=name, suffix=".txt")  # for its owner alone
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(trace)
    except OSError:
        return ". HAMR_DEBUG=1 shows where"
    return f". Where, says {path}"
