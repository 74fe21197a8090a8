"""Asking a person: type the pair's name to go on. Nothing is locked while the question stands."""

from __future__ import annotations

import shlex
import sys

from orchestrator.errors import ExitCode, Interrupted, Refused, UsageError

from .console import Console
from .typed import Typed


def require_somebody(typed: Typed) -> None:
    """Make sure that there is somebody to ask, before anything is done.

    Args:
        typed: the command line, for the advice.

    Raises:
        UsageError: stdin or stderr is no terminal.
    """
    if _is_terminal(sys.stdin) and _is_terminal(sys.stderr):
        return
    raise UsageError(
        "This command asks before it writes, and there is no terminal to ask on. With --yes it does not ask.",
        next_steps=(typed.with_yes(),),
    )


def confirm(console: Console, pair: str) -> None:
    """Ask for the pair's name.

    Raises:
        Refused: something else was typed, or the question could not be shown.
        Interrupted: Ctrl-C.
    """
    try:
        console.err.text(f"\nType the pair's name ({pair}) to go on: ")
        if console.err.closed:
            raise Refused(
                f"The question could not be shown ({console.err.trouble_words}), so nobody has agreed to anything.",
                next_steps=(f"hamr status {shlex.quote(pair)}",),
            )
        typed = sys.stdin.readline()
    except KeyboardInterrupt:
        console.err.text("\n")
        raise Interrupted(
            "Interrupted at the question.", code=ExitCode.INTERRUPTED, sent="Nothing was sent."
        ) from None
    if typed.strip() == pair:
        return
    if not typed.endswith("\n"):
        console.err.text("\n")
    said = f"{typed.strip()[:60]!r} was typed" if typed.strip() else "Nothing was typed"
    raise Refused(f"{said}, and the pair is called {pair}.", next_steps=(f"hamr status {shlex.quote(pair)}",))


def _is_terminal(stream: object) -> bool:
    try:
        return bool(getattr(stream, "isatty", lambda: False)())
    except (OSError, ValueError):  # closed
        return False


def require_text(flag: str, text: str) -> None:
    """Make sure that a reason is one.

    Raises:
        UsageError: it is empty, or the very word that stands for a reason in a command as we print it.
    """
    from orchestrator.operations.preflight import says_why

    if not says_why(text):
        said = f"{flag} {text.strip()} says nothing" if text.strip() else f"{flag} is empty"
        raise UsageError(f"{said}: it is what the audit journal will say.")
