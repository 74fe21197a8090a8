"""What one command line shares from its beginning to its end: how it prints, what it must not print, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from .typed import Typed

if TYPE_CHECKING:  # `hamr --help` loads neither
    from orchestrator.errors import ExitCode, HamrError
    from orchestrator.system.redaction import Redactor

    from .console import Console


class Front:
    """One invocation of `hamr`. A plain class, since `hamr --help` makes one.

    Args:
        json: whether stdout carries one JSON document and nothing else.
        debug: whether bugs are shown with their traceback.
        outcome: how the work ended, once that is certain: trouble with printing it does not change it any more.
        typed: the command line, of which the commands that are printed repeat a part.
    """

    def __init__(
        self,
        *,
        json: bool = False,
        debug: bool = False,
        outcome: ExitCode | None = None,
        typed: Typed | None = None,
    ) -> None:
        self.json, self.debug, self.outcome = json, debug, outcome
        self.typed = typed or Typed()
        self.tell_error: Callable[[HamrError], int] | None = None
        """A verb's own way to tell an error, which gives the exit code; None for the usual one."""

    @cached_property
    def redactor(self) -> Redactor:
        """Knows every key that this command fetched; the session, the log and the console share it."""
        from orchestrator.system.redaction import Redactor

        return Redactor()

    @cached_property
    def console(self) -> Console:
        """Where everything is printed."""
        from .console import Console

        return Console(self.redactor, json=self.json, complete=self.typed.complete)
