"""The shape of a playbook: which keys there are, and of what type. What fits together is checked elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from .fields import (
    SPAN_SCHEMA,
    AdvancesName,
    Name,
    ReachableName,
    Resend,
    RoleName,
    SchemaVersion,
    SourceStatus,
    TargetStatus,
    Text,
    span_of,
)
from .hook_shape import HookShape
from .moments import Day, TimeOfDay, Weekday, Zone
from .probe_fields import IfUnknownName, Within
from .probe_shape import ComparedShape, ProbeShape
from .shapes import Shape

_INSTANT = timedelta(milliseconds=1)
_TENTH = timedelta(milliseconds=100)
_YEAR = timedelta(days=365)

Patience = Annotated[timedelta, span_of(_INSTANT, timedelta(hours=1)), SPAN_SCHEMA]
Timeout = Annotated[timedelta, span_of(timedelta(milliseconds=10), timedelta(minutes=5)), SPAN_SCHEMA]
Deadline = Annotated[timedelta, span_of(_TENTH, timedelta(minutes=1)), SPAN_SCHEMA]
Late = Annotated[timedelta, span_of(timedelta(0), timedelta(hours=24)), SPAN_SCHEMA]
MirrorWait = Annotated[timedelta, span_of(timedelta(0), timedelta(minutes=5)), SPAN_SCHEMA]
CoolDown = Annotated[timedelta, span_of(timedelta(seconds=1), timedelta(days=7)), SPAN_SCHEMA]
Span = Annotated[timedelta, span_of(_INSTANT, _YEAR), SPAN_SCHEMA]


class ConfirmShape(Shape):
    """How a write is confirmed."""

    within: Patience | None = None
    """How long until a write must be seen by a read (60s)."""
    every: Patience | None = None
    """How often to look meanwhile (1s)."""


class TimeoutsShape(Shape):
    """Bounds of one HTTP exchange."""

    connect: Timeout | None = None
    """Until the connection stands (3s)."""
    read: Timeout | None = None
    """Between two pieces of the answer (10s)."""
    total: Timeout | None = None
    """For the whole exchange (20s)."""


class EmergencyShape(Shape):
    """How a run with --emergency treats the org that it does without."""

    deadline: Deadline | None = None
    """For anything that is asked of the other org (2s)."""


class QuietShape(Shape):
    """Nobody but this run changed either record for so long, by the servers' clock."""

    for_: Span = Field(alias="for")
    """How long it has to have been quiet."""


class ReachableShape(Shape):
    """The orgs answer."""

    org: ReachableName | None = None
    """primary, secondary or both (the default)."""


class LocatedShape(Shape):
    """Both records name the datacenters that the inventory names."""


class FreezeShape(Shape):
    """Whole days in which nothing may be changed, both included."""

    first: Day = Field(alias="from")
    """First day."""
    last: Day = Field(alias="until")
    """Last day."""


class WindowShape(Shape):
    """It is a day and a time at which changes are allowed."""

    zone: Zone
    """Time zone that days and times are meant in, such as Europe/Paris."""
    days: Annotated[list[Weekday], Field(min_length=1)] | None = None
    """Days of the week (all)."""
    opens: TimeOfDay | None = Field(alias="from", default=None)
    """Time of day from which changes are allowed (00:00)."""
    closes: TimeOfDay | None = Field(alias="until", default=None)
    """Time of day at which that ends (24:00); earlier than from means the day after."""
    freezes: list[FreezeShape] = Field(default_factory=list)
    """Spans of days in which nothing may be changed."""


class GuardShape(Shape):
    """A question to a situation: exactly one kind, and why it is asked."""

    quiet: QuietShape | None = None
    """Nobody but this run changed either record for so long: {for: 5m}."""
    reachable: ReachableShape | None = None
    """The orgs answer: {} for both, or {org: secondary}."""
    located: LocatedShape | None = None
    """Both records name the datacenters that the inventory names: {}."""
    window: WindowShape | None = None
    """Changes are allowed now."""
    probe: ComparedShape | None = None
    """What a probe answered is as wanted."""
    all: Annotated[list[Name], Field(min_length=1)] | None = None
    """Every one of the named guards passes."""
    any: Annotated[list[Name], Field(min_length=1)] | None = None
    """At least one of the named guards passes."""
    not_: Name | None = Field(alias="not", default=None)
    """The named guard fails."""
    why: Text | None = None
    """What a refusal means to whoever is on call."""
    within: Within | None = None
    """How long a run may wait until it passes; left out, a run does not wait."""
    unknown: IfUnknownName | None = None
    """Where it can't be judged: fail (the default) refuses the row, ask asks a person first."""


class RowShape(Shape):
    """One transition: from one status to another, what is asked before it, and who is written in which order."""

    name: Name
    """Its name, for messages and the journal."""
    source: SourceStatus = Field(alias="from")
    """The status that both orgs show before; ABSENT where there is no connection yet."""
    target: TargetStatus = Field(alias="to")
    """The status that both show afterwards."""
    why: Text | None = None
    """What it is for, shown in plans."""
    guards: list[Name] = Field(default_factory=list)
    """Guards that must pass before anything of this row is written."""
    writes: Annotated[list[RoleName], Field(min_length=1)] | None = None
    """Orgs that are written, in this order, each confirmed before the next ([secondary, primary])."""
    survivor: RoleName | None = None
    """With --emergency, this org alone is enough; left out, the row is not for emergencies."""
    planned_only: list[Name] = Field(default_factory=list)
    """Those of its guards that an emergency shows, and neither waits for nor stops at."""
    advances: AdvancesName | None = None
    """Who makes the move: client (the default), or server: hamr only waits for it."""
    before: list[HookShape] = Field(default_factory=list)
    """What is done before the first write of this row, in this order; one that fails stops the row."""
    after: list[HookShape] = Field(default_factory=list)
    """What is done once this row is made, in this order; what did not end well is owed."""


class PlaybookShape(Shape):
    """The state machine of a pair: one row per move, and the bounds of a run."""

    schema_version: SchemaVersion = Field(alias="schema")
    """Version of this format: 1."""
    name: Name
    """The playbook's name."""
    summary: Text | None = None
    """One sentence on what it is for."""
    stops: Annotated[list[TargetStatus], Field(min_length=1)] | None = None
    """Statuses that a run may have as its goal; left out, every status that a row leads to."""
    objectives: dict[TargetStatus, Span] = Field(default_factory=dict)
    """Recovery time objective per stop, counted from the start of the run, or from --since."""
    confirm: ConfirmShape = Field(default_factory=ConfirmShape)
    """How long, and how often, a write is looked for before it is called unknown."""
    resend: Resend | None = None
    """How often a write that provably did not arrive is sent again (1)."""
    timeouts: TimeoutsShape = Field(default_factory=TimeoutsShape)
    """How long an exchange with Datadog may take."""
    emergency: EmergencyShape = Field(default_factory=EmergencyShape)
    """What the org that an emergency does without is given."""
    mirror_wait: MirrorWait | None = None
    """On a pair with mirrors: auto, how long to wait for an echo of the first write (3s)."""
    late: Late | None = None
    """For how long a write that was given up may still turn up, by its org's own clock (15m)."""
    cool_down: CoolDown | None = None
    """After a run, how long the next one asks before it starts; left out, there is none."""
    probes: dict[Name, ProbeShape] = Field(default_factory=dict)
    """Readings of anything but the two HAMR records, by name; each must be used by a guard."""
    guards: dict[Name, GuardShape] = Field(default_factory=dict)
    """Guards by name; each must be used."""
    transitions: Annotated[list[RowShape], Field(min_length=1)]
    """The rows; at most one per from and to. Their order decides between routes of the same length."""
    remember: list[Text] = Field(default_factory=list)
    """What to remind of at the end of a run that reached ACTIVE."""
