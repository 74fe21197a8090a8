"""The shape of a hook: what is done before or after a row. What fits together is checked elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from orchestrator.model.hook import Again, Hook, InEmergency, Manual, Program

from .fields import Name, Text, choice, span_of
from .probe_fields import CommandLine
from .shapes import Shape

HookTimeout = Annotated[timedelta, span_of(timedelta(seconds=1), timedelta(hours=1))]
AgainName = Annotated[Again, choice(Again, "how it may be repeated")]
InEmergencyName = Annotated[InEmergency, choice(InEmergency, "what an emergency does with it")]


def _hook(
    name: str,
    *,
    run: tuple[str, ...] = (),
    manual: str = "",
    timeout: timedelta | None = None,
    **settings: Any,
) -> Hook:
    """The one of both that the checks have made sure of."""
    if not run:
        return Hook(name, Manual(manual), **settings)
    return Hook(name, Program(run) if timeout is None else Program(run, timeout), **settings)


class HookShape(Shape):
    """One thing that is done around a row; exactly one of run and manual."""

    makes = _hook

    name: Name
    """Its name, for messages and the journal; no two hooks of a row share one."""
    run: CommandLine | None = None
    """Program and arguments, run without a shell; a relative path is meant from the folder in which hamr is started."""
    manual: Text | None = None
    """What a person does, and confirms, as a sentence."""
    timeout: HookTimeout | None = None
    """How long the program may take (60s); past that, it is ended, and has failed."""
    again: AgainName | None = None
    """Whether it may be repeated where it did not end well: safe, or ask (the default): only when a person says so."""
    emergency: InEmergencyName | None = None
    """What a run with --emergency does with it: run (the default) or skip; it holds up none."""
