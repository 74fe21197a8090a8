"""What one command line shares from its beginning to its end: how it prints, what it must not print, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct, field

from .typed import Typed

if TYPE_CHECKING:  # `hamr --help` loads neither
    from orchestrator.errors import ExitCode, HamrError
    from orchestrator.system.redaction import Redactor

    from .console import Console


class Front(Struct, dict=True):
    """One invocation of `hamr`."""

    json: bool = False
    """Whether stdout carries one JSON document and nothing else."""
    debug: bool = False
    """Whether bugs are shown with their traceback."""
    outcome: ExitCode | None = None
    """How the work ended, once that is certain: trouble with printing it does not change it any more."""
    tell_error: Callable[[HamrError], int] | None = None
    """A verb's own way to tell an error, which gives the exit code; None for the usual one."""
    typed: Typed = field(default_factory=Typed)
    """The command line, of which the commands that are printed repeat a part."""

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
