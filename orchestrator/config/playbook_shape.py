"""The shape of a playbook: which keys there are, and of what type. What fits together is checked elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from types import MappingProxyType
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from msgspec import field
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
from orchestrator.model.hook import Again, Hook, InEmergency, Manual, Program
from orchestrator.model.playbook import Confirm, Playbook, Timeouts, Transition
from orchestrator.model.probe import Probe
from orchestrator.model.status import Status

from .fields import (
    AdvancesName,
    Name,
    ReachableName,
    Resend,
    RoleName,
    SchemaVersion,
    SourceStatus,
    TargetStatus,
    Text,
    choice,
    span_of,
    text_of,
)
from .probe_fields import CommandLine, IfUnknownName, Within
from .probe_shape import ProbeShape
from .shapes import AT_LEAST_ONE, Shape, leaf, reads, then
from .wording import did_you_mean, found, shown

GUARD_KINDS = ("quiet", "reachable", "located", "window", "probe", "all", "any", "not")

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

TIME_PATTERN = r"^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def _zone(value: Any) -> str:
    text = text_of(value)
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = did_you_mean(
            text, sorted(available_timezones(), key=lambda zone: (zone[:3] != text[:3], zone))
        )
        raise ValueError(f"{shown(text)} is not a time zone, such as Europe/Paris or UTC{near}") from None
    return text


def _time_of_day(value: Any) -> time:
    text = value if isinstance(value, str) else ""
    if not re.fullmatch(TIME_PATTERN, text):
        raise ValueError(f"expected a time of day such as 09:00, found {found(value)}")
    return time.max if text == "24:00" else time(int(text[:2]), int(text[3:]))


def _date(value: Any) -> date:
    text = value if isinstance(value, str) else ""
    try:
        if re.fullmatch(DATE_PATTERN, text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text} is not a date: {error}") from None
    raise ValueError(f"expected a date such as 2026-12-20, found {found(value)}")


Zone = Annotated[str, leaf(_zone, {"type": "string", "examples": ["Europe/Paris", "UTC"]})]
TimeOfDay = Annotated[time, leaf(_time_of_day, {"type": "string", "pattern": TIME_PATTERN})]
Day = Annotated[date, leaf(_date, {"type": "string", "pattern": DATE_PATTERN})]
Weekday = Annotated[int, choice({name: day for day, name in enumerate(WEEKDAYS)}, "a day of the week")]

_INSTANT = timedelta(milliseconds=1)
_TENTH = timedelta(milliseconds=100)
_YEAR = timedelta(days=365)

Patience = Annotated[timedelta, span_of(_INSTANT, timedelta(hours=1))]
Timeout = Annotated[timedelta, span_of(timedelta(milliseconds=10), timedelta(minutes=5))]
Deadline = Annotated[timedelta, span_of(_TENTH, timedelta(minutes=1))]
Late = Annotated[timedelta, span_of(timedelta(0), timedelta(hours=24))]
MirrorWait = Annotated[timedelta, span_of(timedelta(0), timedelta(minutes=5))]
CoolDown = Annotated[timedelta, span_of(timedelta(seconds=1), timedelta(days=7))]
Span = Annotated[timedelta, span_of(_INSTANT, _YEAR)]


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


def _in_order(days: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(days))


def _guard(
    *,
    why: str = "",
    within: timedelta | None = None,
    if_unknown: IfUnknown = IfUnknown.FAIL,
    **kinds: GuardKind,
) -> Guard:
    """A guard of the one kind that the checks have made sure of, but for its name."""
    (kind,) = kinds.values()
    return Guard("", kind, why, within, if_unknown)


def _playbook(
    *,
    _schema: int,
    name: str,
    transitions: tuple[Transition, ...],
    stops: tuple[Status, ...] | None = None,
    guards: Mapping[str, Guard] = MappingProxyType({}),
    probes: Mapping[str, Probe] = MappingProxyType({}),
    emergency: Mapping[str, Any] = MappingProxyType({}),
    **settings: Any,
) -> Playbook:
    """A playbook, but for its text and place."""
    return Playbook(
        name=name,
        transitions=transitions,
        stops=tuple(dict.fromkeys(transition.target for transition in transitions))
        if stops is None
        else stops,
        guards=MappingProxyType({key: replace(guard, name=key) for key, guard in guards.items()}),
        probes=MappingProxyType({key: replace(probe, name=key) for key, probe in probes.items()}),
        **emergency,
        **settings,
    )


reads(Confirm, within=Patience, every=Patience)
reads(Timeouts, connect=Timeout, read=Timeout, total=Timeout)
reads(Quiet, for_=("for", Span))
reads(Reachable, orgs=("org", ReachableName))
reads(Located)
reads(Freeze, first=("from", Day), last=("until", Day))
reads(
    Window,
    zone=Zone,
    days=Annotated[tuple[Weekday, ...], AT_LEAST_ONE, then(_in_order)],
    opens=("from", TimeOfDay),
    closes=("until", TimeOfDay),
    freezes=tuple[Freeze, ...],
)


class EmergencyShape(Shape, frozen=True):
    """How a run with --emergency treats the org that it does without."""

    makes = dict

    emergency_deadline: Deadline | None = field(name="deadline", default=None)
    """For anything that is asked of the other org (2s)."""


class GuardShape(Shape, frozen=True):
    """A question to a situation: exactly one kind, and why it is asked."""

    makes = _guard
    kinds = GUARD_KINDS

    quiet: Quiet | None = None
    """Nobody but this run changed either record for so long: {for: 5m}."""
    reachable: Reachable | None = None
    """The orgs answer: {} for both, or {org: secondary}."""
    located: Located | None = None
    """Both records name the datacenters that the inventory names: {}."""
    window: Window | None = None
    """Changes are allowed now."""
    probe: Compared | None = None
    """What a probe answered is as wanted."""
    all: Annotated[tuple[Name, ...], AT_LEAST_ONE, then(AllOf)] | None = None
    """Every one of the named guards passes."""
    any: Annotated[tuple[Name, ...], AT_LEAST_ONE, then(AnyOf)] | None = None
    """At least one of the named guards passes."""
    not_: Annotated[Name, then(Not)] | None = field(name="not", default=None)
    """The named guard fails."""
    why: Text | None = None
    """What a refusal means to whoever is on call."""
    within: Within | None = None
    """How long a run may wait until it passes; left out, a run does not wait."""
    if_unknown: IfUnknownName | None = field(name="unknown", default=None)
    """Where it can't be judged: fail (the default) refuses the transition, ask asks a person first."""


class HookShape(Shape, frozen=True):
    """One thing that is done around a transition; exactly one of run and manual."""

    makes = _hook
    kinds = ("run", "manual")
    needs = MappingProxyType({"timeout": ["run"]})

    name: Name
    """Its name, for messages and the journal; no two hooks of a transition share one."""
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


reads(
    Transition,
    name=Name,
    source=("from", SourceStatus),
    target=("to", TargetStatus),
    why=Text,
    guards=tuple[Name, ...],
    writes=Annotated[tuple[RoleName, ...], AT_LEAST_ONE],
    survivor=RoleName,
    planned_only=tuple[Name, ...],
    advances=AdvancesName,
    before=tuple[HookShape, ...],
    after=tuple[HookShape, ...],
)


class PlaybookShape(Shape, frozen=True, kw_only=True):
    """The state machine of a pair: one transition per move, and the bounds of a run."""

    makes = _playbook

    _schema: SchemaVersion = field(name="schema")
    """Version of this format: 1."""
    name: Name
    """The playbook's name."""
    summary: Text | None = None
    """One sentence on what it is for."""
    stops: Annotated[tuple[TargetStatus, ...], AT_LEAST_ONE] | None = None
    """Statuses that a run may have as its goal; left out, every status that a transition leads to."""
    objectives: dict[TargetStatus, Span] = field(default_factory=dict)
    """Recovery time objective per stop, counted from the start of the run, or from --since."""
    confirm: Confirm | None = None
    """How long, and how often, a write is looked for before it is called unknown."""
    resend: Resend | None = None
    """How often a write that provably did not arrive is sent again (1)."""
    timeouts: Timeouts | None = None
    """How long an exchange with Datadog may take."""
    emergency: EmergencyShape | None = None
    """What the org that an emergency does without is given."""
    mirror_wait: MirrorWait | None = None
    """On a pair with mirrors: auto, how long to wait for an echo of the first write (3s)."""
    late: Late | None = None
    """For how long a write that was given up may still turn up, by its org's own clock (15m)."""
    cool_down: CoolDown | None = None
    """After a run, how long the next one asks before it starts; left out, there is none."""
    probes: dict[Name, ProbeShape] = field(default_factory=dict)
    """Readings of anything but the two HAMR records, by name; each must be used by a guard."""
    guards: dict[Name, GuardShape] = field(default_factory=dict)
    """Guards by name; each must be used."""
    transitions: Annotated[tuple[Transition, ...], AT_LEAST_ONE] = field(name="transitions")
    """The transitions; at most one per from and to. Their order decides between routes of the same length."""
    remember: tuple[Text, ...] = ()
    """What to remind of at the end of a run that reached ACTIVE."""
