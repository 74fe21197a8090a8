"""Whatever went wrong, in words on stderr, as JSON on stdout where that is wanted, and as an exit code."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime

import click

from orchestrator.errors import DocumentError, ExitCode, HamrError, Interrupted, PreparationError, UsageError
from orchestrator.report.errors import error_json, error_page

from .invocation import Invocation
from .signals import code_of

_SENT = "What was sent, if anything, stands in the journal: hamr runs"


def _interrupted(invocation: Invocation, code: ExitCode = ExitCode.INTERRUPTED) -> Interrupted:
    """A signal that nothing listened to: before a run is under way, and in commands that look, nothing was sent."""
    under_way = invocation.console.running is not None
    return Interrupted("Interrupted.", code=code, sent=_SENT if under_way else "Nothing was sent.")


def report_failure(invocation: Invocation, error: BaseException) -> int:
    """Tell what went wrong, and return the exit code for it.

    With --json stdout carries the error as a document, unless the work had ended and its own document is there.
    """
    said, console = _in_words(invocation, error), invocation.console
    console.aside.end()
    if invocation.tell_error is not None and not isinstance(said, Interrupted):
        return invocation.tell_error(said)
    if invocation.outcome is not None:
        # The code of the work itself: what happens while it is printed does not change it.
        console.note(said.message, "bad")
        ended = f"The run itself had ended by then, and its exit code stands: {int(invocation.outcome)}."
        console.note(f"{ended} See hamr runs")
        return invocation.outcome
    with console.err.fitting():
        console.err.page(error_page(said))
    if invocation.json:
        console.document(error_json(said))
    return said.exit_code


def _in_words(invocation: Invocation, error: BaseException) -> HamrError:
    match error:
        case click.ClickException():  # an option or argument that is missing, unknown or of the wrong kind
            from orchestrator.model import next_step

            context = error.ctx if isinstance(error, click.UsageError) else None
            # Of an option without its value click does not say which verb's it is.
            verb = " ".join(("hamr", *invocation.typed.arguments[:1]))
            path = verb if context is None else context.command_path
            words = " ".join(error.format_message().split()).replace(
                "a valid integer range", "a whole number"
            )
            if (variable := _variable_of(error, invocation)) is not None:
                words = f"{words} {variable} says so."
            step = next_step.shell(f"{path} --help", "see what it takes")
            return UsageError(words if words.endswith((".", "?", "!")) else f"{words}.", next_steps=(step,))
        case click.Abort():
            return _interrupted(invocation)
        case KeyboardInterrupt():
            return _interrupted(invocation, code_of(error))
        case DocumentError() if not error.next_steps:
            error.next_steps = (invocation.typed.again("the same again, once that is mended"),)
            return error
        case HamrError():
            return error
        case OSError():
            words = (error.strerror or str(error)).lower()
            where = f"{error.filename}" if error.filename else "The system refused something"
            return PreparationError(f"{where}: {words}.")
        case _ if isinstance(cause := error.__cause__ or error.__context__, KeyboardInterrupt):
            # while a library was being loaded, which wraps it
            return _interrupted(invocation, code_of(cause))
        case _:
            return _bug(invocation, error)


def _variable_of(error: click.ClickException, invocation: Invocation) -> str | None:
    """The variable that a value which cannot be right comes from; None where it was typed."""
    param = error.param if isinstance(error, click.BadParameter) else None
    typed = {word.partition("=")[0] for word in invocation.typed.arguments}
    if param is None or not isinstance(param.envvar, str) or typed.intersection(param.opts):
        return None
    return param.envvar if os.environ.get(param.envvar) else None


def _bug(invocation: Invocation, error: BaseException) -> HamrError:
    """Its traceback is kept in a file for its owner alone, where a person can send it from."""
    trace = invocation.redactor.clean("".join(traceback.format_exception(error)))
    words = invocation.redactor.clean(f"{type(error).__name__}: {error}")
    where = ""
    if invocation.debug:
        sys.stderr.write(trace)
    else:
        try:
            name = f"hamr-bug-{datetime.now(UTC):%Y%m%d-%H%M%S}-"
            descriptor, path = tempfile.mkstemp(prefix=name, suffix=".txt")
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(trace)
            where = f". Where, says {path}"
        except OSError:
            where = ". HAMR_DEBUG=1 shows where"
    return HamrError(f"hamr has a bug, and stopped: {words}{where}", sent=_SENT)
