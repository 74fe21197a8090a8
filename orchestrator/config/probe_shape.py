"""The shapes of probes, and of the guard that compares one. What fits together is checked elsewhere."""

from __future__ import annotations

from typing import Annotated

from orchestrator.model.guard import Compared
from orchestrator.model.probe import Command, Http, Metric, Monitor, Probe, ProbeKind

from .fields import Name, RoleName, Text
from .probe_fields import (
    CommandLine,
    HttpStatus,
    MonitorId,
    Number,
    Page,
    Pointer,
    ProbeTimeout,
    TakeName,
    Wanted,
    Window,
)
from .shapes import AT_LEAST_ONE, Shape, reads

PROBE_KINDS = ("metric", "monitor", "http", "command")


reads(Metric, org=RoleName, query=Text, over=Window, take=TakeName, timeout=ProbeTimeout)
reads(Monitor, org=RoleName, id=MonitorId, timeout=ProbeTimeout)
reads(Http, url=Page, page=Name, status=HttpStatus, pointer=Pointer, timeout=ProbeTimeout)
reads(Command, run=CommandLine, timeout=ProbeTimeout)
reads(
    Compared,
    probe=("name", Name),
    above=Number,
    below=Number,
    equals=Wanted,
    one_of=Annotated[tuple[Wanted, ...], AT_LEAST_ONE],
)


def _probe(**kinds: ProbeKind) -> Probe:
    """The one kind that the checks have made sure of, but for its name."""
    (kind,) = kinds.values()
    return Probe("", kind)


class ProbeShape(Shape, frozen=True):
    """A named reading of anything but the two HAMR records; exactly one kind."""

    makes = _probe
    kinds = PROBE_KINDS

    metric: Metric | None = None
    """A metric query to one org."""
    monitor: Monitor | None = None
    """The state of one monitor of one org."""
    http: Http | None = None
    """Any page."""
    command: Command | None = None
    """A program of yours that only looks."""
