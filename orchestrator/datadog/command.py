"""A probe's program: exit 0 is good, 1 is bad, anything else is unknown."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from orchestrator.model.probe import Command, Measured, Unmeasured
from orchestrator.model.words import span
from orchestrator.system.programs.capture import Capture
from orchestrator.system.programs.process import NotStarted, run_to_end
from orchestrator.system.redaction import Redactor

GRACE = 0.1
"""Seconds that a probe's process group has to end by itself: it only asks, and somebody waits for the answer."""

_GOOD, _BAD = 0, 1

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)


async def ask(
    command: Command, environ: Mapping[str, str], redactor: Redactor, within: float
) -> Measured | Unmeasured:
    """What a program says.

    Args:
        command: the program.
        environ: its whole environment.
        redactor: cleans what it prints.
        within: seconds that it may take; its process group is ended then.
    """
    output, errors = Capture(), Capture()
    try:
        code = await run_to_end(command.run, environ, output, errors, within=within, grace=GRACE)
    except NotStarted as problem:
        return Unmeasured(str(problem))
    complaint = errors.last_line(redactor)
    if code is None:
        return Unmeasured(
            _with(f"{command.run[0]} did not end within {span(within)}, and was stopped", complaint)
        )
    if code < 0:
        return Unmeasured(_with(f"{command.run[0]} was killed by signal {-code}", complaint))
    if code not in (_GOOD, _BAD):
        return Unmeasured(_with(f"exit code {code}", complaint))
    first = output.text(redactor).partition("\n")[0].strip()
    value = _number(first)
    said = "" if value is not None else first or (complaint if code == _BAD else "")
    return Measured(value, good=code == _GOOD, detail=_with(f"exit code {code}", said))


def _number(text: str) -> float | None:
    """A finite number, else None."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def _with(what: str, more: str) -> str:
    return f"{what}: {more}" if more else what
