"""Scenarios: what goes wrong in a drill on the simulator, what people do about it, and what must come of it.

Each noun is what a scenario's file says, key by key.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any, Literal

from msgspec import Struct, field

from orchestrator.errors import ExitCode
from orchestrator.model.events import JOURNALLED
from orchestrator.model.situation import PhaseName
from orchestrator.model.status import Role, Status

from .faults import Count, Fault
from .fields import (
    STATUSES,
    MirrorsChoice,
    Name,
    RoleName,
    SourceStatus,
    TargetStatus,
    Text,
    between,
    choice,
    text_of,
    whole_number,
    words,
)
from .messages import did_you_mean, duration, found, one_of, unlike
from .schema import NO_KEY, ONE_WILL_DO, Noun, leaf


class Returning(enum.Enum):
    """What a mirroring pair does about the copies that fell due while one of its regions was dark."""

    KEEP = "keep"
    """Nothing: the region returns with what it had."""
    CATCH_UP = "catch_up"
    """The copies arrive, in order, when the region is back."""
    REVERT = "revert"
    """The returning region's own, older record is copied over the other one."""


class Unknown(Struct, frozen=True):
    """A probe that has no answer."""

    reason: str


class OrgStatus(Struct, frozen=True):
    """An org and a status: a write that it must have taken, or what it must be owed."""

    role: Role
    status: Status

    def __str__(self) -> str:
        return f"{self.role} {self.status}"


# -- how a file writes things down ---------------------------------------------------------------------------

_ORGS = tuple(role.value for role in Role)
_PHASE = re.compile(r"[a-z][a-z-]*(\([A-Za-z][A-Za-z0-9._-]*\))?")
_PHASES = tuple(phase.value for phase in PhaseName)
_ABOUT: Mapping[str, tuple[str, ...] | None] = MappingProxyType(
    {
        PhaseName.MIDWAY.value: None,
        PhaseName.BEHIND.value: _ORGS,
        PhaseName.LAGGING.value: _ORGS,
        PhaseName.ABSENT.value: ("",),
    }
)
"""What stands in the brackets, where that is no status: an org, nothing, or (None) a transition, which is the playbook's affair."""
_ALWAYS_ABOUT = frozenset({PhaseName.AGREED.value, PhaseName.BEHIND.value, PhaseName.LAGGING.value})
_LONGEST_DELAY = "5m"
_CODES = tuple(int(code) for code in ExitCode)


def _mirror(value: Any) -> timedelta | None:
    """Seconds until a write shows on the other org, None where it never does; a ValueError in plain words, as by every function here."""
    if value is False or value == "off":
        return None
    if value is True or value == "on":
        return timedelta(0)
    if not isinstance(value, str):
        raise unlike("on, off or a duration such as 200ms", value)
    span = duration(value)
    if span > duration(_LONGEST_DELAY):
        raise ValueError(f"{value} is out of bounds: {_LONGEST_DELAY} at most")
    return span


def _exit_code(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise unlike("an exit code", value)
    if value not in _CODES:
        raise ValueError(f"hamr has no exit code {value} (there are {', '.join(map(str, _CODES))})")
    return value


def _phase(value: Any) -> str:
    if not isinstance(value, str) or not _PHASE.fullmatch(value):
        raise unlike("a phase as hamr status names it, such as agreed(ACTIVE)", value)
    name, _, about = value.removesuffix(")").partition("(")
    if name not in _PHASES:
        raise ValueError(
            f"{found(value)} is no phase{did_you_mean(name, _PHASES)} (there are {', '.join(_PHASES)})"
        )
    known = _ABOUT.get(name, STATUSES)
    if known is not None and about not in known and (about or name in _ALWAYS_ABOUT):
        wanted = one_of([f"{name}({each})" if each else name for each in known])
        raise ValueError(f"{found(value)} is no phase{did_you_mean(about, known)} (expected {wanted})")
    return value


def _kind(value: Any) -> str:
    if not isinstance(value, str) or value not in JOURNALLED:
        near = did_you_mean(value, JOURNALLED) if isinstance(value, str) else ""
        raise ValueError(f"{found(value)} is no kind of journal record{near}")
    return value


def _org_and_status(value: Any) -> OrgStatus:
    org, _, status = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if org not in _ORGS or status not in STATUSES:
        near = did_you_mean(status, STATUSES) if org in _ORGS and status else ""
        raise unlike('an org and a status, such as "primary ACTIVE"', value, near)
    return OrgStatus(Role(org), Status[status])


def _owed(value: Any) -> OrgStatus | Literal["nothing"]:
    return "nothing" if value == "nothing" else _org_and_status(value)


def _probe_answer(value: Any) -> float | str | bool | Unknown:
    if isinstance(value, dict) and set(value) == {"unknown"}:
        return Unknown(text_of(value["unknown"]))
    if not isinstance(value, bool | int | float | str):
        raise unlike("what the probe says (a number, a text, true or false), or {unknown: REASON}", value)
    return value if isinstance(value, bool | str) else float(value)


Span = Annotated[timedelta, between("1ms", "1h")]
Delay = Annotated[timedelta, between("0s", _LONGEST_DELAY)]
Mirror = Annotated[
    timedelta | None,
    leaf(
        _mirror,
        {
            "anyOf": [
                {"type": "boolean"},
                {"type": "string", "enum": ["on", "off"]},
                {"type": "string", "pattern": "^[0-9]"},
            ]
        },
    ),
]
Pace = Annotated[int, whole_number(1, 1_000_000)]
ReturningName = Annotated[Returning, choice(Returning, "what a region returns with")]
ExitNumber = Annotated[int, leaf(_exit_code, {"type": "integer", "enum": list(_CODES)})]
PhaseLabel = Annotated[str, leaf(_phase, {"type": "string", "pattern": f"^{_PHASE.pattern}$"})]
RecordKind = Annotated[str, leaf(_kind, words(JOURNALLED))]
OrgAndStatus = Annotated[
    OrgStatus,
    leaf(
        _org_and_status,
        {"type": "string", "pattern": "^(primary|secondary) [A-Z]+$", "examples": ["primary ACTIVE"]},
    ),
]
OwedName = Annotated[
    OrgStatus | Literal["nothing"],
    leaf(_owed, {"type": "string", "pattern": "^(nothing|(primary|secondary) [A-Z]+)$"}),
]
ExitOfHook = Annotated[int, whole_number(0, 255)]
"""What the program of a hook ends with."""

ProbeAnswer = Annotated[
    float | str | bool | Unknown,
    leaf(
        _probe_answer,
        {
            "anyOf": [
                {"type": ["number", "string", "boolean"]},
                {
                    "type": "object",
                    "properties": {"unknown": {"type": "string", "minLength": 1}},
                    "required": ["unknown"],
                    "additionalProperties": False,
                },
            ]
        },
    ),
]

# -- the regions, and how long is waited ---------------------------------------------------------------------


class ConfirmWaits(Noun, frozen=True):
    """How a write is confirmed."""

    within: Span | None = None
    """How long until a write must be seen by a read."""
    every: Span | None = None
    """How often to look meanwhile."""


class Waits(Noun, frozen=True):
    """What takes the place of the playbook's own waits, so that a rehearsal is short."""

    confirm: ConfirmWaits = field(default_factory=ConfirmWaits)
    """How a write is confirmed."""
    emergency: Span | None = None
    """How long the dead region of an emergency gets."""
    mirror: Span | None = None
    """How long it is waited to see whether the pair mirrors."""
    guards: Span | None = None
    """For how long at most a guard is waited for that may be."""
    read: Span | None = None
    """How long an answer of an org may take."""


class RegionSettings(Noun, frozen=True):
    """What the two simulated regions are like."""

    status: SourceStatus = Status.PASSIVE
    """Where both orgs stand when the drill begins: its home (PASSIVE)."""
    mirror: Mirror = None
    """How long a write to one org takes to show on the other: on, off or a duration (off)."""
    mirrors: MirrorsChoice | None = None
    """What the inventory says of it: true, false or auto (the truth)."""
    returning: ReturningName = Returning.KEEP
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


# -- what must come of it ------------------------------------------------------------------------------------


class Expect(Noun, frozen=True):
    """What must hold; what is left out may be as it likes."""

    exit: ExitNumber | None = None
    """The exit code that the command would have."""
    phase: PhaseLabel | None = None
    """Where the pair stands, as hamr status names it: agreed(ACTIVE)."""
    refused: tuple[Name, ...] | None = None
    """The guards that refused, all of them; [] for none."""
    says: Text | None = None
    """Words that stand in how it ended."""
    writes: tuple[OrgAndStatus, ...] | None = None
    """Every write that an org has taken during the step, in order: [secondary FAILOVER, primary FAILOVER]."""
    no_writes_to: tuple[RoleName, ...] = ()
    """Orgs to which no write was sent during the step."""
    owed: OwedName | None = None
    """What is owed: primary ACTIVE, or nothing."""
    statuses: Mapping[RoleName, SourceStatus] = field(default_factory=dict)
    """What each org's record shows: {primary: ACTIVE}."""
    changed_by: Mapping[RoleName, Text] = field(default_factory=dict)
    """Whose name each org's record carries: hamr for ours, else the name itself."""
    records: Mapping[RecordKind, Annotated[int, whole_number(0, 100_000)]] = field(default_factory=dict)
    """How many journal records of a kind the step has made, by kind."""
    at_least: Span | None = None
    """How long the step takes at least."""
    within: Span | None = None
    """How long the step takes at most."""


# -- what is done --------------------------------------------------------------------------------------------


class DoRun(Noun, frozen=True, tag="run"):
    """Somebody types hamr run."""

    to: TargetStatus
    """Where to."""
    emergency: bool = False
    """With the surviving org alone."""
    reason: Text = ""
    """Why; an emergency wants one."""
    overrides: Mapping[Name, Text] = field(name="override", default_factory=dict)
    """Guards that are let go, each with the reason."""


class DoResume(Noun, frozen=True, tag="resume"):
    """Somebody types hamr resume."""

    emergency: bool = False
    """Switch to the surviving org alone."""
    reason: Text = ""
    """Why; an emergency wants one."""
    overrides: Mapping[Name, Text] = field(name="override", default_factory=dict)
    """Guards that are let go, each with the reason."""


class DoAdopt(Noun, frozen=True, tag="adopt"):
    """Somebody types hamr adopt."""

    truth: RoleName
    """The org that is right."""
    reason: Text = "a drill"
    """Why."""
    overrides: Mapping[Name, Text] = field(name="override", default_factory=dict)
    """Guards that are let go, each with the reason."""


class GoesDark(Noun, frozen=True, tag="dark"):
    """A region goes dark."""

    org: RoleName
    """Whose region."""
    silent: bool = False
    """Connections are made and never answered, in place of being refused."""


class ComesBack(Noun, frozen=True, tag="back"):
    """A region is back, with what it had."""

    org: RoleName
    """Whose region."""


class SomebodyWrites(Noun, frozen=True, tag="somebody_writes"):
    """Somebody changes an org without hamr."""

    org: RoleName
    """Whose record."""
    status: SourceStatus
    """What they write."""
    modified_by: Text = field(name="by", default="someone.else@example.com")
    """Whose name the record then carries."""


Command = DoRun | DoResume | DoAdopt
"""What somebody types, and a process works at."""

Action = Command | GoesDark | ComesBack | SomebodyWrites


class At(Noun, frozen=True):
    """A moment in a run."""

    after: RecordKind
    """The kind of the journal record that has just been written."""
    number: Count = 1
    """The how-manyth of that kind since the step began (1)."""


class Death(At, frozen=True):
    """When a process dies."""

    sent: bool = False
    """It lives until it would write down what comes next: a request that it intended has left, and what came of it is not known."""


class Meanwhile(Noun, frozen=True):
    """What happens in the middle of a step."""

    after: RecordKind
    """It happens when a journal record of this kind has just been written."""
    action: Action | None = None
    number: Count = 1
    """The how-manyth of that kind since the step began (1)."""
    name: Text = ""
    """What the report calls it; left out: as a step, and during which one."""
    by: Name = ""
    """Who types it; left out: whoever runs the drill."""
    expect: Expect = field(default_factory=Expect)
    """What must hold when it has ended."""
    later: Span | None = None
    """It happens so long after that."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong from then on; requests are counted from then."""
    probes: Mapping[Name, ProbeAnswer] = field(default_factory=dict)
    """What probes say from then on, by name, or {unknown: REASON}."""
    hooks: Mapping[Name, ExitOfHook] = field(default_factory=dict)
    """How programs of hooks end from then on, by the hook's name."""

    @property
    def at(self) -> At:
        """When it happens."""
        return At(self.after, self.number)


class ScenarioStep(Noun, frozen=True):
    """One step: one key for what is done, and what must come of it."""

    action: Action
    name: Text = ""
    """What the report calls it; left out: out, home, resume, …"""
    by: Name = ""
    """Who types it; left out: whoever runs the drill."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong from here on; requests are counted from here."""
    probes: Mapping[Name, ProbeAnswer] = field(default_factory=dict)
    """What probes say from here on, by name, or {unknown: REASON}."""
    meanwhile: Annotated[tuple[Meanwhile, ...], ONE_WILL_DO] = ()
    """What happens in the middle of it: one, or a list."""
    dies: Death | None = None
    """When its process dies, as with kill -9."""
    expect: Expect = field(default_factory=Expect)
    """What must hold when it has ended."""
    stops: At | None = None
    """When somebody presses Ctrl-C where it runs."""
    later: Span | None = None
    """For how long nobody does anything before it."""
    hooks: Mapping[Name, ExitOfHook] = field(default_factory=dict)
    """How programs of hooks end from here on, by the hook's name; left out: well."""
    answers: Mapping[Name, bool] = field(default_factory=dict)
    """What is said to a question about a hook or guard, by its name; left out: there is nobody to ask."""

    @property
    def parts(self) -> tuple[ScenarioStep | Meanwhile, ...]:
        """The step itself, and what happens in the middle of it."""
        return (self, *self.meanwhile)


class Scenario(Noun, frozen=True):
    """A whole scenario."""

    name: Name
    """What drills and reports call it."""
    summary: Text = ""
    """What is rehearsed, in a sentence or two."""
    playbook: Text = ""
    """A playbook's path, or the name of one that ships with hamr; left out: whichever is drilled."""
    made_of: Text = ""
    """The run or the proof that it was made of: what it names and the playbook has no more is then passed over."""
    goal: TargetStatus = Status.ACTIVE
    """Where the drill goes before it comes home (ACTIVE)."""
    regions: RegionSettings = field(name="simulator", default_factory=RegionSettings)
    """What the two simulated regions are like."""
    pace: Pace | None = None
    """How many times faster time goes: the playbook's waits, its cooling down, which then binds, and its objectives."""
    waits: Waits = field(default_factory=Waits)
    """What takes the place of the playbook's own waits, so that the rehearsal is short."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong; requests are counted from the start of the drill."""
    probes: Mapping[Name, ProbeAnswer] = field(default_factory=dict)
    """What probes say, by name, or {unknown: REASON}; one that is left out says what lets the playbook's guards pass."""
    steps: tuple[ScenarioStep, ...] = ()
    """What is done, in order; left out: out to the goal, and home."""
    expect: Expect = field(default_factory=Expect)
    """What must hold at the end, before anything is cleaned up."""
    text: Annotated[str, NO_KEY] = ""
    path: Annotated[str, NO_KEY] = ""
