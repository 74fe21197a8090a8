"""Hooks' programs, run on this machine."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.model.hook import Program, ProgramEnded
from orchestrator.model.protocols import Clock
from orchestrator.model.words import span
from orchestrator.system.redaction import Redactor

from .capture import Capture
from .environment import environment_without_keys
from .process import GRACE, NotStarted, run_to_end


class LocalPrograms:
    """Runs programs on this machine, as model.protocols.Programs asks for it.

    Args:
        environ: our environment; programs are given it without keys.
        redactor: cleans what they print.
        clock: what tells how long they took.
        hidden: environment variables that hold keys; see `key_variables`.
        grace: seconds that a program has to end by itself when its time is up.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        redactor: Redactor,
        clock: Clock,
        hidden: frozenset[str] = frozenset(),
        *,
        grace: float = GRACE,
    ) -> None:
        self._environ = environ
        self._redactor = redactor
        self._clock = clock
        self._hidden = hidden
        self._grace = grace

    def __repr__(self) -> str:
        return "LocalPrograms(…)"

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        """Run a program to its end or its time-out; a cancelled caller ends its process group.

        What it leaves running in the background when it ends by itself goes on.
        """
        environ = environment_without_keys(self._environ, self._redactor, self._hidden) | dict(about)
        output, began = Capture(), self._clock.monotonic()
        failure = ""
        code: int | None = None
        try:
            code = await run_to_end(
                program.run, environ, output, within=program.timeout.total_seconds(), grace=self._grace
            )
        except NotStarted as problem:
            failure = self._redactor.clean(str(problem))
        else:
            if code is None:
                failure = f"{self._redactor.clean(program.run[0])} did not end within {span(program.timeout)}, and was stopped"
        return ProgramEnded(code, output.text(self._redactor), self._clock.monotonic() - began, failure)
