"""Scenarios: what goes wrong in a drill on the simulator, what people do about it, and what must come of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from msgspec import Struct, field

from .guard import Value
from .org import Mirrors
from .status import Role, Status

Setting = bool | int | float | str | timedelta | Role | Status | tuple[float | None, ...] | None


class ScriptedFault(Struct, frozen=True):
    """One fault, as a script has it."""

    kind: str
    """The name of what goes wrong: answer_lost, region_dark, …"""
    settings: Mapping[str, Setting]
    """Of that kind, by the script's names; each that was left out has its default."""
    at: int
    times: int | None
    """None: for ever."""
    org: Role | None
    method: str | None
    path: str | None
    """None: any."""
    after: timedelta | None = None
    """When it happens, counted from the beginning, where that is not at a request; None: at a request."""


class Waits(Struct, frozen=True):
    """What takes the place of the playbook's own waits, so that a rehearsal is short; None keeps the playbook's."""

    confirm_within: timedelta | None = None
    confirm_every: timedelta | None = None
    emergency: timedelta | None = None
    """How long the dead region of an emergency gets."""
    mirror: timedelta | None = None
    """How long it is waited to see whether the pair mirrors."""
    guards: timedelta | None = None
    """For how long at most a guard is waited for that may be."""
    read: timedelta | None = None
    """How long an answer of an org may take."""


class Returns(enum.Enum):
    """What a mirroring pair does about the copies that fell due while one of its regions was dark."""

    KEEP = "keep"
    CATCH_UP = "catch up"
    REVERT = "revert"


class Regions(Struct, frozen=True):
    """What the two simulated regions are like, where that is not the usual."""

    status: Status = Status.PASSIVE
    """Where both orgs stand when the drill begins: its home."""
    mirror: timedelta | None = None
    """How long a write to one org takes to show on the other; None: it never does."""
    mirrors: Mirrors | None = None
    """What the inventory says of it; None: the truth."""
    returning: Returns = Returns.KEEP
    latency: timedelta = timedelta(0)
    """The round trip to each region."""
    read_lag: timedelta = timedelta(0)
    """How far every reading lags behind the writes."""
    strict: bool = False
    """Only the moves that Datadog's guide describes are accepted."""
    advances: bool = False
    """The server moves FAILOVER to ACTIVE and RECOVERY to PASSIVE by itself."""
    renames_author: bool = False
    """The server puts the caller's name in the place of ours."""


class Unknown(Struct, frozen=True):
    """A probe that has no answer."""

    reason: str


class Owing(Struct, frozen=True):
    """What must be owed."""

    role: Role
    status: Status

    def __str__(self) -> str:
        return f"{self.role} {self.status}"


class Wrote(Struct, frozen=True):
    """A write that an org must have taken."""

    role: Role
    status: Status

    def __str__(self) -> str:
        return f"{self.role} {self.status}"


class Expect(Struct, frozen=True):
    """What must hold when a step has ended, or at the end of the drill; None and empty: whatever it may be."""

    exit: int | None = None
    """The exit code that the same command would have."""
    phase: str | None = None
    """Where the pair stands, as `hamr status` names it: agreed(ACTIVE)."""
    refused: tuple[str, ...] | None = None
    """The guards that refused, all of them, in any order; () for none."""
    says: str | None = None
    """Words that stand in how it ended."""
    writes: tuple[Wrote, ...] | None = None
    """Every write that an org has taken during the step, in order."""
    no_writes_to: tuple[Role, ...] = ()
    owed: Owing | None = None
    owes_nothing: bool = False
    changed_by: Mapping[Role, str] = field(default_factory=lambda: MappingProxyType({}))
    """Whose name each org's record carries: `hamr` for ours, else the name itself."""
    records: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """How many journal records of a kind the step has made, by kind."""
    at_least: timedelta | None = None
    within: timedelta | None = None


NOTHING_EXPECTED = Expect()


class At(Struct, frozen=True):
    """A moment in a run: when the so-manyth journal record of a kind has just been written."""

    after: str
    """A record kind: write.intended, transition.made, …"""
    number: int = 1


class DoRun(Struct, frozen=True):
    """Somebody types `hamr run`."""

    to: Status
    emergency: bool = False
    reason: str = ""
    overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class DoResume(Struct, frozen=True):
    """Somebody types `hamr resume`."""

    emergency: bool = False
    reason: str = ""


class DoAdopt(Struct, frozen=True):
    """Somebody types `hamr adopt`."""

    truth: Role
    reason: str = "a drill"


class GoesDark(Struct, frozen=True):
    """A region goes dark."""

    org: Role
    silent: bool = False


class ComesBack(Struct, frozen=True):
    """A region is back, with what it had."""

    org: Role


class SomebodyWrites(Struct, frozen=True):
    """Somebody else changes an org's status, without hamr."""

    org: Role
    status: Status
    modified_by: str = "someone.else@example.com"


Deed = DoRun | DoResume | DoAdopt | GoesDark | ComesBack | SomebodyWrites


class Meanwhile(Struct, frozen=True):
    """What happens in the middle of a step."""

    at: At
    name: str
    deed: Deed
    by: str = ""
    expect: Expect = NOTHING_EXPECTED


class ScenarioStep(Struct, frozen=True):
    """One thing that is done in a scenario, and what must come of it."""

    name: str
    deed: Deed
    by: str = ""
    """Who does it; "" is whoever runs the drill."""
    faults: tuple[ScriptedFault, ...] = ()
    """What goes wrong from here on; requests are counted from here."""
    probes: Mapping[str, Value | Unknown] = field(default_factory=lambda: MappingProxyType({}))
    """What probes say from here on, by name."""
    meanwhile: Meanwhile | None = None
    dies: At | None = None
    """When the process of the run dies, as with kill -9."""
    expect: Expect = NOTHING_EXPECTED


class Scenario(Struct, frozen=True):
    """A whole scenario file, checked."""

    name: str
    summary: str = ""
    playbook: str = ""
    """A path or the name of a shipped one; "" for whichever is drilled."""
    goal: Status = Status.ACTIVE
    """Where the drill goes before it comes home, as its report says."""
    regions: Regions = field(default_factory=Regions)
    waits: Waits = field(default_factory=Waits)
    faults: tuple[ScriptedFault, ...] = ()
    """What goes wrong; requests are counted from the start of the drill."""
    probes: Mapping[str, Value | Unknown] = field(default_factory=lambda: MappingProxyType({}))
    """What probes say, by name; those that are not named say what lets the playbook's guards pass."""
    steps: tuple[ScenarioStep, ...] = ()
    """Without any, there are two: out to the goal, and home."""
    expect: Expect = NOTHING_EXPECTED
    """What must hold at the end, before anything is cleaned up."""
    text: str = ""
    path: str = ""
