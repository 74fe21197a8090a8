"""The shape of a hook: what is done before or after a row. What fits together is checked elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import PlainValidator

from orchestrator.model.hook import Again, InEmergency

from .fields import SPAN_SCHEMA, Name, Text, choice_of, enumerated, span_of
from .probe_fields import CommandLine
from .shapes import Shape

_AGAIN = tuple(again.value for again in Again)
_IN_EMERGENCY = tuple(choice.value for choice in InEmergency)

HookTimeout = Annotated[timedelta, span_of(timedelta(seconds=1), timedelta(hours=1)), SPAN_SCHEMA]
AgainName = Annotated[
    Again,
    PlainValidator(lambda value: Again(choice_of(value, _AGAIN, "how it may be repeated"))),
    enumerated(_AGAIN),
]
InEmergencyName = Annotated[
    InEmergency,
    PlainValidator(
        lambda value: InEmergency(choice_of(value, _IN_EMERGENCY, "what an emergency does with it"))
    ),
    enumerated(_IN_EMERGENCY),
]


class HookShape(Shape):
    """One thing that is done around a row; exactly one of run and manual."""

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
