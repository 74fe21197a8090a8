"""From shapes that fit and passed every check to the nouns of rows, guards, probes and hooks."""

from __future__ import annotations

from datetime import time, timedelta

from msgspec.structs import replace

from orchestrator.model.guard import (
    AllOf,
    AnyOf,
    Compared,
    Freeze,
    Guard,
    GuardKind,
    IfUnknown,
    Located,
    Not,
    Quiet,
    Reachable,
    Window,
)
from orchestrator.model.hook import Hook, Manual, Program
from orchestrator.model.playbook import Advances, Row
from orchestrator.model.probe import Command, Http, Metric, Monitor, Probe, ProbeKind
from orchestrator.model.status import Role

from .hook_shape import HookShape
from .playbook_shape import GuardShape, RowShape, WindowShape
from .probe_shape import ComparedShape, ProbeShape


def row_of(shape: RowShape) -> Row:
    """A row."""
    return Row(
        name=shape.name,
        source=shape.source,
        target=shape.target,
        why=shape.why or "",
        guards=tuple(shape.guards),
        writes=tuple(shape.writes) if shape.writes is not None else (Role.SECONDARY, Role.PRIMARY),
        survivor=shape.survivor,
        planned_only=tuple(shape.planned_only),
        advances=shape.advances or Advances.CLIENT,
        before=tuple(_hook(hook) for hook in shape.before),
        after=tuple(_hook(hook) for hook in shape.after),
    )


def _hook(shape: HookShape) -> Hook:
    usual = Hook(shape.name, _what(shape))
    return replace(usual, again=shape.again or usual.again, emergency=shape.emergency or usual.emergency)


def _what(shape: HookShape) -> Program | Manual:
    """The one of both that the checks have made sure of."""
    if shape.run is None:
        return Manual(shape.manual or "")
    usual = Program(tuple(shape.run))
    return replace(usual, timeout=shape.timeout or usual.timeout)


def guard_of(name: str, shape: GuardShape) -> Guard:
    """A guard."""
    return Guard(name, _guard_kind(shape), shape.why or "", shape.within, shape.unknown or IfUnknown.FAIL)


def _guard_kind(shape: GuardShape) -> GuardKind:
    """The one kind that the checks have made sure of."""
    if shape.quiet is not None:
        return Quiet(shape.quiet.for_)
    if shape.reachable is not None:
        org = shape.reachable.org or "both"
        return Reachable((Role.PRIMARY, Role.SECONDARY) if org == "both" else (Role(org),))
    if shape.located is not None:
        return Located()
    if shape.window is not None:
        return _window(shape.window)
    if shape.probe is not None:
        return _compared(shape.probe)
    if shape.all is not None:
        return AllOf(tuple(shape.all))
    if shape.any is not None:
        return AnyOf(tuple(shape.any))
    return Not(shape.not_ or "")


def _window(shape: WindowShape) -> Window:
    return Window(
        zone=shape.zone,
        days=tuple(sorted(shape.days)) if shape.days is not None else tuple(range(7)),
        opens=shape.opens or time.min,
        closes=shape.closes or time.max,
        freezes=tuple(Freeze(freeze.first, freeze.last) for freeze in shape.freezes),
    )


def _compared(shape: ComparedShape) -> Compared:
    return Compared(
        shape.name,
        shape.above,
        shape.below,
        shape.equals,
        None if shape.one_of is None else tuple(shape.one_of),
    )


def probe_of(name: str, shape: ProbeShape) -> Probe:
    """A probe."""
    kind, timeout = _probe_kind(shape)
    usual = Probe(name, kind)
    return replace(usual, timeout=timeout or usual.timeout)


def _probe_kind(shape: ProbeShape) -> tuple[ProbeKind, timedelta | None]:
    """The one kind that the checks have made sure of, and its time-out."""
    if (metric := shape.metric) is not None:
        usual = Metric(metric.org, metric.query)
        kind = replace(usual, over=metric.over or usual.over, take=metric.take or usual.take)
        return kind, metric.timeout
    if (monitor := shape.monitor) is not None:
        return Monitor(monitor.org, monitor.id), monitor.timeout
    if (page := shape.http) is not None:
        usual_page = Http(page.url or "", pointer=page.pointer, page=page.page or "")
        return replace(usual_page, status=page.status or usual_page.status), page.timeout
    command = shape.command
    assert command is not None  # noqa: S101 - the checks have made sure of one kind
    return Command(tuple(command.run)), command.timeout
