"""The shapes of probes, and of the guard that compares one. What fits together is checked elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from msgspec import field

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
from .shapes import AT_LEAST_ONE, Shape

PROBE_KINDS = ("metric", "monitor", "http", "command")


def _probe_of(kind: Callable[..., ProbeKind]) -> Callable[..., Probe]:
    """Makes a probe of that kind, but for its name."""

    def make(*, timeout: timedelta | None = None, **settings: Any) -> Probe:
        usual = Probe("", kind(**settings))
        return usual if timeout is None else Probe("", usual.kind, timeout)

    return make


def _probe(**kinds: Probe) -> Probe:
    """The one kind that the checks have made sure of."""
    (probe,) = kinds.values()
    return probe


class MetricShape(Shape):
    """One number of a metric query, asked of one org in its own region."""

    makes = _probe_of(Metric)

    org: RoleName
    """The org that is asked: primary or secondary."""
    query: Text
    """The query, as it stands in a graph of that org: sum:datadog.agent.running{*}."""
    over: Window | None = None
    """How far back it looks (5m)."""
    take: TakeName | None = None
    """Which point of that time counts: last (the default), average, least or most."""
    timeout: ProbeTimeout | None = None
    """How long it may take (10s); past that, it is unknown."""


class MonitorShape(Shape):
    """The state of one monitor of one org, such as OK or Alert."""

    makes = _probe_of(Monitor)

    org: RoleName
    """The org that the monitor belongs to: primary or secondary."""
    id: MonitorId
    """Its number, as it stands in its page's address."""
    timeout: ProbeTimeout | None = None
    """How long it may take (10s); past that, it is unknown."""


class HttpShape(Shape):
    """A GET of any page, without keys, and without following redirects to another host."""

    makes = _probe_of(Http)

    url: Page | None = None
    """Address of the page; or instead:"""
    page: Name | None = None
    """Its name among the pages of the pair in pairs.yaml, so that the playbook suits every pair."""
    status: HttpStatus | None = None
    """The status of the answer that counts as good (200)."""
    pointer: Pointer | None = None
    """Which value of a JSON answer is the probe's value, as a JSON pointer (RFC 6901): /status/indicator."""
    timeout: ProbeTimeout | None = None
    """How long it may take (10s); past that, it is unknown."""


class CommandShape(Shape):
    """A program, run without a shell and without keys, that only looks: exit 0 is good, 1 is bad, all else unknown."""

    makes = _probe_of(Command)

    run: CommandLine
    """Program and arguments; a relative path is meant from the folder in which hamr is started."""
    timeout: ProbeTimeout | None = None
    """How long it may take (10s); past that, it is ended, and unknown."""


class ProbeShape(Shape):
    """A named reading of anything but the two HAMR records; exactly one kind."""

    makes = _probe
    kinds = PROBE_KINDS

    metric: MetricShape | None = None
    """A metric query to one org."""
    monitor: MonitorShape | None = None
    """The state of one monitor of one org."""
    http: HttpShape | None = None
    """Any page."""
    command: CommandShape | None = None
    """A program of yours that only looks."""


class ComparedShape(Shape):
    """What a probe answered, compared; every comparison that is given has to hold."""

    makes = Compared

    probe: Name = field(name="name")
    """The probe."""
    above: Number | None = None
    """Its value is a number greater than this one."""
    below: Number | None = None
    """Its value is a number less than this one."""
    equals: Wanted | None = None
    """Its value is this."""
    one_of: Annotated[tuple[Wanted, ...], AT_LEAST_ONE] | None = None
    """Its value is one of these."""
