"""The shape of a scenario: which keys there are, and of what type. What fits together is checked elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any

from msgspec import field
from msgspec.structs import replace

from orchestrator.model.scenario import (
    NOTHING_EXPECTED,
    At,
    ComesBack,
    Deed,
    DoAdopt,
    DoResume,
    DoRun,
    Expect,
    GoesDark,
    Meanwhile,
    Regions,
    Returns,
    Scenario,
    ScenarioStep,
    SomebodyWrites,
    Waits,
)
from orchestrator.model.status import Role, Status

from .fault_shape import Count, FaultShape
from .fields import Name, RoleName, SchemaVersion, SourceStatus, TargetStatus, Text, whole_number
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

DEEDS = ("run", "resume", "adopt", "dark", "back", "somebody_writes")
"""The kinds of a step, as a scenario names them."""

_USUAL = Regions()


def _waits(*, confirm: Mapping[str, timedelta] = MappingProxyType({}), **waits: timedelta) -> Waits:
    return Waits(**confirm, **waits)


def _expect(**expected: Any) -> Expect:
    """What is expected; owed: nothing is not the same as no word about it."""
    return Expect(**expected, owes_nothing=expected.get("owed", Role) is None)


def _meanwhile(
    *,
    after: str,
    number: int = 1,
    name: str = "",
    by: str = "",
    expect: Expect = NOTHING_EXPECTED,
    **deeds: Deed,
) -> Meanwhile:
    """Of the one kind that the checks have made sure of."""
    (deed,) = deeds.values()
    return Meanwhile(At(after, number), name, deed, by, expect)


def _step(*, name: str = "", **settings: Any) -> ScenarioStep:
    """Of the one kind that the checks have made sure of."""
    (deed,) = [settings.pop(kind) for kind in DEEDS if kind in settings]
    return ScenarioStep(name, deed, **settings)


def _scenario(
    *,
    _schema: int,
    regions: Regions = _USUAL,
    steps: tuple[ScenarioStep, ...] = (),
    **settings: Any,
) -> Scenario:
    """A scenario, each of its steps with a name of its own, but for its text and place."""
    names = {step.name for step in steps if step.name}
    named = []
    for step in steps:
        name = step.name or _free(_usual_name(step.deed, regions.status), names)
        names.add(name)
        meanwhile = step.meanwhile
        if meanwhile is not None and not meanwhile.name:
            usual = f"{_usual_name(meanwhile.deed, regions.status)}, during {name}"
            meanwhile = replace(meanwhile, name=usual)
        named.append(replace(step, name=name, meanwhile=meanwhile))
    return Scenario(regions=regions, steps=tuple(named), **settings)


def _usual_name(deed: Deed, home: Status) -> str:
    match deed:
        case DoRun(to=to):
            return "home" if to is home else "out"
        case DoResume():
            return "resume"
        case DoAdopt(truth=truth):
            return f"adopt the {truth}"
        case GoesDark(org=org):
            return f"the {org}'s region goes dark"
        case ComesBack(org=org):
            return f"the {org}'s region is back"
        case SomebodyWrites(org=org, status=status):
            return f"somebody sets the {org} to {status}"


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(found for number in range(2, len(taken) + 3) if (found := f"{name} {number}") not in taken)


class ConfirmWaitsShape(Shape):
    """How a write is confirmed."""

    makes = dict

    confirm_within: Span | None = field(name="within", default=None)
    """How long until a write must be seen by a read."""
    confirm_every: Span | None = field(name="every", default=None)
    """How often to look meanwhile."""


class WaitsShape(Shape):
    """What takes the place of the playbook's own waits."""

    makes = _waits

    confirm: ConfirmWaitsShape | None = None
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

    makes = Regions

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

    makes = _expect

    exit: ExitNumber | None = None
    """The exit code that the command would have."""
    phase: PhaseLabel | None = None
    """Where the pair stands, as hamr status names it: agreed(ACTIVE)."""
    refused: tuple[Name, ...] | None = None
    """The guards that refused, all of them; [] for none."""
    says: Text | None = None
    """Words that stand in how it ended."""
    writes: tuple[Written, ...] | None = None
    """Every write that an org has taken during the step, in order: [secondary FAILOVER, primary FAILOVER]."""
    no_writes_to: tuple[RoleName, ...] = ()
    """Orgs to which no write was sent during the step."""
    owed: Owed = None
    """What is owed: primary ACTIVE, or nothing."""
    changed_by: dict[RoleName, Text] = field(default_factory=dict)
    """Whose name each org's record carries: hamr for ours, else the name itself."""
    records: dict[Kind, Annotated[int, whole_number(0, 100_000)]] = field(default_factory=dict)
    """How many journal records of a kind the step has made, by kind."""
    at_least: Span | None = None
    """How long the step takes at least."""
    within: Span | None = None
    """How long the step takes at most."""


class AtShape(Shape):
    """A moment in a run."""

    makes = At

    after: Kind
    """The kind of the journal record that has just been written."""
    number: Count = 1
    """The how-manyth of that kind since the step began (1)."""


class RunShape(Shape):
    """hamr run."""

    makes = DoRun

    to: TargetStatus
    """Where to."""
    emergency: bool = False
    """With the surviving org alone."""
    reason: Text | None = None
    """Why; an emergency wants one."""
    overrides: dict[Name, Text] = field(name="override", default_factory=dict)
    """Guards that are let go, each with the reason."""


class ResumeShape(Shape):
    """hamr resume."""

    makes = DoResume

    emergency: bool = False
    """Switch to the surviving org alone."""
    reason: Text | None = None
    """Why; an emergency wants one."""


class AdoptShape(Shape):
    """hamr adopt."""

    makes = DoAdopt

    truth: RoleName
    """The org that is right."""
    reason: Text = "a drill"
    """Why."""


class GoesDarkShape(Shape):
    """A region that does not answer."""

    makes = GoesDark

    org: RoleName
    """Whose region."""
    silent: bool = False
    """Connections are made and never answered, in place of being refused."""


class ComesBackShape(Shape):
    """A region that is back."""

    makes = ComesBack

    org: RoleName
    """Whose region."""


class SomebodyShape(Shape):
    """What somebody else writes."""

    makes = SomebodyWrites

    org: RoleName
    """Whose record."""
    status: SourceStatus
    """What they write."""
    modified_by: Text = field(name="by", default="someone.else@example.com")
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
    expect: ExpectShape | None = None
    """What must hold when it has ended."""


class MeanwhileShape(DeedShape, kw_only=True):
    """What happens in the middle of a step."""

    makes = _meanwhile
    kinds = DEEDS

    after: Kind
    """It happens when a journal record of this kind has just been written."""
    number: Count = 1
    """The how-manyth of that kind since the step began (1)."""


class StepShape(DeedShape):
    """One step: one key for what is done, and what must come of it."""

    makes = _step
    kinds = DEEDS

    faults: tuple[FaultShape, ...] = ()
    """What goes wrong from here on; requests are counted from here."""
    probes: dict[Name, Said] = field(default_factory=dict)
    """What probes say from here on, by name, or {unknown: REASON}."""
    meanwhile: MeanwhileShape | None = None
    """What happens in the middle of it."""
    dies: AtShape | None = None
    """When its process dies, as with kill -9."""


class ScenarioShape(Shape):
    """A scenario."""

    makes = _scenario

    _schema: SchemaVersion = field(name="schema")
    """The version of this file's format: 1."""
    name: Name
    """What drills and reports call it."""
    summary: Text | None = None
    """What is rehearsed, in a sentence or two."""
    playbook: Text | None = None
    """A playbook's path, or the name of one that ships with hamr; left out: whichever is drilled."""
    goal: TargetStatus = Status.ACTIVE
    """Where the drill goes before it comes home (ACTIVE)."""
    regions: RegionsShape | None = field(name="simulator", default=None)
    """What the two simulated regions are like."""
    waits: WaitsShape | None = None
    """What takes the place of the playbook's own waits, so that the rehearsal is short."""
    faults: tuple[FaultShape, ...] = ()
    """What goes wrong; requests are counted from the start of the drill."""
    probes: dict[Name, Said] = field(default_factory=dict)
    """What probes say, by name, or {unknown: REASON}; one that is left out says what lets the playbook's guards pass."""
    steps: tuple[StepShape, ...] = ()
    """What is done, in order; left out: out to the goal, and home."""
    expect: ExpectShape | None = None
    """What must hold at the end, before anything is cleaned up."""
