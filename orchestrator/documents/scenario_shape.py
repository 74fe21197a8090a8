"""The shape of a scenario: which keys there are, and of what type. What fits together is checked elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from orchestrator.model.scenario import Returns
from orchestrator.model.status import Status

from .fault_shape import Count, FaultShape
from .fields import (
    Name,
    RoleName,
    SchemaVersion,
    SourceStatus,
    TargetStatus,
    Text,
)
from .scenario_fields import (
    Delay,
    ExitNumber,
    Kind,
    Mirror,
    MirrorsName,
    Owed,
    PhaseLabel,
    ReturnsName,
    Said,
    Span,
    Written,
)
from .shapes import Shape


class ConfirmWaitsShape(Shape):
    """How a write is confirmed."""

    within: Span | None = None
    """How long until a write must be seen by a read."""
    every: Span | None = None
    """How often to look meanwhile."""


class WaitsShape(Shape):
    """What takes the place of the playbook's own waits."""

    confirm: ConfirmWaitsShape = Field(default_factory=ConfirmWaitsShape)
    """How a write is confirmed."""
    emergency: Span | None = None
    """How long the dead region of an emergency gets."""
    mirror: Span | None = None
    """How long it is waited to see whether the pair mirrors."""
    guards: Span | None = None
    """For how long at most a guard is waited for that may be."""
    read: Span | None = None
    """How long an answer of an org may take."""


class RegionsShape(Shape):
    """What the two simulated regions are like."""

    status: SourceStatus = Status.PASSIVE
    """Where both orgs stand when the drill begins: its home (PASSIVE)."""
    mirror: Mirror = None
    """How long a write to one org takes to show on the other: on, off or a duration (off)."""
    mirrors: MirrorsName | None = None
    """What the inventory says of it: true, false or auto (the truth)."""
    returning: ReturnsName = Returns.KEEP
    """What a mirroring pair does when a dark region is back: keep, catch_up or revert (keep)."""
    latency: Delay = timedelta(0)
    """The round trip to each region (0s)."""
    read_lag: Delay = timedelta(0)
    """How far every reading lags behind the writes (0s)."""
    strict: bool = False
    """Only the moves that Datadog's guide describes are accepted."""
    advances: bool = False
    """The server moves FAILOVER to ACTIVE and RECOVERY to PASSIVE by itself."""
    renames_author: bool = False
    """The server puts the caller's name in the place of ours."""


class ExpectShape(Shape):
    """What must hold; what is left out may be as it likes."""

    exit: ExitNumber | None = None
    """The exit code that the command would have."""
    phase: PhaseLabel | None = None
    """Where the pair stands, as hamr status names it: agreed(ACTIVE)."""
    refused: list[Name] | None = None
    """The guards that refused, all of them; [] for none."""
    says: Text | None = None
    """Words that stand in how it ended."""
    writes: list[Written] | None = None
    """Every write that an org has taken during the step, in order: [secondary FAILOVER, primary FAILOVER]."""
    no_writes_to: list[RoleName] = Field(default_factory=list)
    """Orgs to which no write was sent during the step."""
    owed: Owed = None
    """What is owed: primary ACTIVE, or nothing."""
    changed_by: dict[RoleName, Text] = Field(default_factory=dict)
    """Whose name each org's record carries: hamr for ours, else the name itself."""
    records: dict[Kind, Annotated[int, Field(ge=0, le=100_000)]] = Field(default_factory=dict)
    """How many journal records of a kind the step has made, by kind."""
    at_least: Span | None = None
    """How long the step takes at least."""
    within: Span | None = None
    """How long the step takes at most."""


class AtShape(Shape):
    """A moment in a run."""

    after: Kind
    """The kind of the journal record that has just been written."""
    number: Count = 1
    """The how-manyth of that kind since the step began (1)."""


class RunShape(Shape):
    """hamr run."""

    to: TargetStatus
    """Where to."""
    emergency: bool = False
    """With the surviving org alone."""
    reason: Text | None = None
    """Why; an emergency wants one."""
    override: dict[Name, Text] = Field(default_factory=dict)
    """Guards that are let go, each with the reason."""


class ResumeShape(Shape):
    """hamr resume."""

    emergency: bool = False
    """Switch to the surviving org alone."""
    reason: Text | None = None
    """Why; an emergency wants one."""


class AdoptShape(Shape):
    """hamr adopt."""

    truth: RoleName
    """The org that is right."""
    reason: Text = "a drill"
    """Why."""


class GoesDarkShape(Shape):
    """A region that does not answer."""

    org: RoleName
    """Whose region."""
    silent: bool = False
    """Connections are made and never answered, in place of being refused."""


class ComesBackShape(Shape):
    """A region that is back."""

    org: RoleName
    """Whose region."""


class SomebodyShape(Shape):
    """What somebody else writes."""

    org: RoleName
    """Whose record."""
    status: SourceStatus
    """What they write."""
    by: Text = "someone.else@example.com"
    """Whose name the record then carries."""


class DeedShape(Shape):
    """One thing that is done: one key for its kind."""

    name: Text | None = None
    """What the report calls it; left out: out, home, resume, …"""
    run: RunShape | None = None
    """Somebody types hamr run."""
    resume: ResumeShape | None = None
    """Somebody types hamr resume."""
    adopt: AdoptShape | None = None
    """Somebody types hamr adopt."""
    dark: GoesDarkShape | None = None
    """A region goes dark."""
    back: ComesBackShape | None = None
    """A region is back, with what it had."""
    somebody_writes: SomebodyShape | None = None
    """Somebody changes an org without hamr."""
    by: Name | None = None
    """Who types it; left out: whoever runs the drill."""
    expect: ExpectShape = Field(default_factory=ExpectShape)
    """What must hold when it has ended."""


class MeanwhileShape(DeedShape):
    """What happens in the middle of a step."""

    after: Kind
    """It happens when a journal record of this kind has just been written."""
    number: Count = 1
    """The how-manyth of that kind since the step began (1)."""


class StepShape(DeedShape):
    """One step: one key for what is done, and what must come of it."""

    faults: list[FaultShape] = Field(default_factory=list)
    """What goes wrong from here on; requests are counted from here."""
    probes: dict[Name, Said] = Field(default_factory=dict)
    """What probes say from here on, by name, or {unknown: REASON}."""
    meanwhile: MeanwhileShape | None = None
    """What happens in the middle of it."""
    dies: AtShape | None = None
    """When its process dies, as with kill -9."""


DEEDS = ("run", "resume", "adopt", "dark", "back", "somebody_writes")
"""The kinds of a step, as a scenario names them."""


class ScenarioShape(Shape):
    """A scenario."""

    schema_: SchemaVersion = Field(alias="schema")
    """The version of this file's format: 1."""
    name: Name
    """What drills and reports call it."""
    summary: Text | None = None
    """What is rehearsed, in a sentence or two."""
    playbook: Text | None = None
    """A playbook's path, or the name of one that ships with hamr; left out: whichever is drilled."""
    goal: TargetStatus = Status.ACTIVE
    """Where the drill goes before it comes home (ACTIVE)."""
    simulator: RegionsShape = Field(default_factory=RegionsShape)
    """What the two simulated regions are like."""
    waits: WaitsShape = Field(default_factory=WaitsShape)
    """What takes the place of the playbook's own waits, so that the rehearsal is short."""
    faults: list[FaultShape] = Field(default_factory=list)
    """What goes wrong; requests are counted from the start of the drill."""
    probes: dict[Name, Said] = Field(default_factory=dict)
    """What probes say, by name, or {unknown: REASON}; one that is left out says what lets the playbook's guards pass."""
    steps: list[StepShape] = Field(default_factory=list)
    """What is done, in order; left out: out to the goal, and home."""
    expect: ExpectShape = Field(default_factory=ExpectShape)
    """What must hold at the end, before anything is cleaned up."""
