"""The keys of a playbook: which there are, how the value of each is read, and what is made of them.

Most nouns of a playbook are read as they stand. A `Form` is left where a file has keys of which one is given for what is
a choice, names as keys, or settings of several nouns side by side. What has to fit together is checked elsewhere.
"""

import math
import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Annotated, Any

from msgspec import field

from orchestrator.model.guard import (
    AllOf,
    AnyOf,
    Approved,
    Command,
    Compared,
    Freeze,
    Guard,
    GuardKind,
    Http,
    IfUnknown,
    Located,
    Metric,
    Monitor,
    Not,
    Probe,
    ProbeKind,
    Quiet,
    Reachable,
    Take,
    Value,
    Window,
)
from orchestrator.model.plain import EMPTY
from orchestrator.model.playbook import (
    Advances,
    Again,
    Confirm,
    Hook,
    InEmergency,
    Manual,
    Playbook,
    Program,
    Timeouts,
    Transition,
)
from orchestrator.model.status import Role, Status

from .fields import (
    Name,
    Page,
    RoleName,
    SchemaVersion,
    SourceStatus,
    TargetStatus,
    Text,
    any_text,
    between,
    choice,
    matching,
    text_of,
    whole_number,
)
from .messages import did_you_mean, looks_like_key, shown, unlike
from .schema import AT_LEAST_ONE, Form, Need, OneOf, leaf, reads, then

# -- probes --------------------------------------------------------------------------------------------------

POINTER_PATTERN = r"^(?:/(?:[^/~]|~[01])*)*$"
"""RFC 6901, section 3."""

_KEY_IN_PROGRAM = (
    "this looks like a key, and is not shown here: a program fetches the keys that it needs from where they are kept; "
    "if this is a real key and others could see this file, replace the key"
)


def _pointer(value: Any) -> str:
    if not isinstance(value, str):
        raise unlike("a JSON pointer such as /status/indicator", value)
    if re.fullmatch(POINTER_PATTERN, value):
        return value
    if value.startswith("/"):
        raise ValueError(
            f"{shown(value)} is no JSON pointer: in a name, ~ is written ~0, and / is written ~1"
        )
    tidy = "/" + re.sub(r"\[(\d+)\]", r"/\1", value.removeprefix("#").removeprefix("$")).strip("/.").replace(
        ".", "/"
    )
    guess = (
        f'; did you mean "{tidy}"?'
        if re.fullmatch(r"(?:/[\w-]+)+", tidy) and not looks_like_key(tidy)
        else ""
    )
    raise ValueError(
        f"{shown(value)} is no JSON pointer, which begins with / (such as /status/indicator){guess}"
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise unlike("a number", value)
    return float(value)


def _value(value: Any) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    if isinstance(value, str) and value:
        return value
    raise unlike("a number, a text, true or false", value)


def _word(value: Any) -> str:
    if isinstance(value, str) and looks_like_key(value):
        raise ValueError(_KEY_IN_PROGRAM)
    text = any_text(value)
    if "\0" in text:
        raise ValueError("a word of a command cannot have a NUL character")
    return text


def _command_line(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words[0].strip():
        raise ValueError("the first word names the program, and here it is empty")
    return words


Wanted = Annotated[Value, leaf(_value, {"type": ["number", "string", "boolean"], "minLength": 1})]
CommandLine = Annotated[
    tuple[Annotated[str, leaf(_word, {"type": "string"})], ...], AT_LEAST_ONE, then(_command_line)
]
"""A program and its arguments; the program is not empty."""


PROBE_KINDS = ("metric", "monitor", "http", "command")


_TIMEOUT = Annotated[timedelta, between("100ms", "5m")]
_MONITOR = "a monitor's number, as it stands in its page's address (…/monitors/12345)"

reads(
    Metric,
    org=RoleName,
    query=Text,
    over=Annotated[timedelta, between("1m", "1d")],
    take=Annotated[Take, choice(Take, "which point counts")],
    timeout=_TIMEOUT,
)
reads(Monitor, org=RoleName, id=Annotated[int, whole_number(1, None, _MONITOR)], timeout=_TIMEOUT)
reads(
    Http,
    url=Page,
    page=Name,
    status=Annotated[int, whole_number(100, 599, "the status of an HTTP answer, from 100 to 599")],
    pointer=Annotated[str, leaf(_pointer, {"type": "string", "pattern": POINTER_PATTERN})],
    timeout=_TIMEOUT,
)
reads(Command, run=CommandLine, timeout=_TIMEOUT)
reads(
    Compared,
    probe=("name", Name),
    above=Annotated[float, leaf(_number, {"type": "number"})],
    below=Annotated[float, leaf(_number, {"type": "number"})],
    equals=Wanted,
    one_of=Annotated[tuple[Wanted, ...], AT_LEAST_ONE],
)


def _probe(*, name: str, **kinds: ProbeKind) -> Probe:
    (kind,) = kinds.values()  # the checks have made sure of it
    return Probe(name, kind)


class ProbeForm(Form, frozen=True):
    """A named reading of anything but the two HAMR records; exactly one kind."""

    makes = _probe
    named = True
    one_of = OneOf(
        PROBE_KINDS,
        'the probe "{name}" reads nothing: give it one kind ({kinds})',
        'the probe "{name}" has {count} kinds ({named}), and one is allowed: make a probe of each',
    )

    metric: Metric | None = None
    """A metric query to one org."""
    monitor: Monitor | None = None
    """The state of one monitor of one org."""
    http: Http | None = None
    """Any page."""
    command: Command | None = None
    """A program of yours that only looks."""


# -- guards --------------------------------------------------------------------------------------------------

GUARD_KINDS = ("quiet", "reachable", "located", "window", "probe", "approved", "all", "any", "not")

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def _zone(value: Any) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones  # noqa: PLC0415 - few playbooks name one

    text = text_of(value)
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = did_you_mean(
            text, sorted(available_timezones(), key=lambda zone: (zone[:3] != text[:3], zone))
        )
        raise ValueError(f"{shown(text)} is not a time zone, such as Europe/Paris or UTC{near}") from None
    return text


def _time_of_day(text: str) -> time:
    return time.max if text == "24:00" else time.fromisoformat(text)


def _date(value: Any) -> date:
    text = value if isinstance(value, str) else ""
    try:
        if re.fullmatch(DATE_PATTERN, text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text} is not a date: {error}") from None
    raise unlike("a date such as 2026-12-20", value)


_TIME_OF_DAY = Annotated[
    str,
    matching(r"^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", "a time of day such as 09:00"),
    then(_time_of_day),
]
_DAY = Annotated[date, leaf(_date, {"type": "string", "pattern": DATE_PATTERN})]
_WEEKDAY = Annotated[int, choice({name: day for day, name in enumerate(WEEKDAYS)}, "a day of the week")]
_REACHABLE = {
    Role.PRIMARY.value: (Role.PRIMARY,),
    Role.SECONDARY.value: (Role.SECONDARY,),
    "both": (Role.PRIMARY, Role.SECONDARY),
}

Span = Annotated[timedelta, between("1ms", "365d")]

reads(Quiet, for_=("for", Span))
reads(Reachable, orgs=("org", Annotated[tuple[Role, ...], choice(_REACHABLE, "which orgs")]))
reads(Located)
reads(Approved, by=Annotated[int, whole_number(1, 10)], within=Annotated[timedelta, between("1s", "24h")])
reads(Freeze, first=("from", _DAY), last=("until", _DAY))
reads(
    Window,
    zone=Annotated[str, leaf(_zone, {"type": "string", "examples": ["Europe/Paris", "UTC"]})],
    days=Annotated[tuple[_WEEKDAY, ...], AT_LEAST_ONE, then(lambda days: tuple(sorted(days)))],
    opens=("from", _TIME_OF_DAY),
    closes=("until", _TIME_OF_DAY),
    freezes=tuple[Freeze, ...],
)


def _guard(
    *,
    name: str,
    why: str = "",
    within: timedelta | None = None,
    if_unknown: IfUnknown = IfUnknown.FAIL,
    **kinds: GuardKind,
) -> Guard:
    """A guard of the one kind that the checks have made sure of."""
    (kind,) = kinds.values()
    if within is None and isinstance(kind, Approved):
        within = kind.within
    return Guard(name, kind, why, within, if_unknown)


class GuardForm(Form, frozen=True):
    """A question to a situation: exactly one kind, and why it is asked."""

    makes = _guard
    named = True
    one_of = OneOf(
        GUARD_KINDS,
        'the guard "{name}" asks nothing: give it one kind ({kinds})',
        'the guard "{name}" has {count} kinds ({named}), and one is allowed: make a guard of each, and join them with all or any',
    )

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
    approved: Approved | None = None
    """Other people have agreed to exactly this: {} for one of them, or {by: 2, within: 1h}."""
    all: Annotated[tuple[Name, ...], AT_LEAST_ONE, then(AllOf)] | None = None
    """Every one of the named guards passes."""
    any: Annotated[tuple[Name, ...], AT_LEAST_ONE, then(AnyOf)] | None = None
    """At least one of the named guards passes."""
    not_: Annotated[Name, then(Not)] | None = field(name="not", default=None)
    """The named guard fails."""
    why: Text | None = None
    """What a refusal means to whoever is on call."""
    within: Annotated[timedelta, between("1s", "24h")] | None = None
    """How long a run may wait until it passes; left out, a run does not wait."""
    if_unknown: Annotated[IfUnknown, choice(IfUnknown, "what to do where it is unknown")] | None = field(
        name="unknown", default=None
    )
    """Where it can't be judged: fail (the default) refuses the transition, ask asks a person first."""


# -- transitions, and the whole -------------------------------------------------------------------------------


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


class HookForm(Form, frozen=True):
    """One thing that is done around a transition; exactly one of run and manual."""

    makes = _hook
    one_of = OneOf(
        ("run", "manual"),
        "this hook does nothing: give it run: [PROGRAM, ARGUMENT], or manual: and what a person is to do",
        "a hook is a program (run) or something that a person does (manual), not both: make two hooks",
    )
    needs = (
        Need("timeout", "run", "a person is not timed: timeout is for hooks with run, so leave it out here"),
    )

    name: Name
    """Its name, for messages and the journal; no two hooks of a transition share one."""
    run: CommandLine | None = None
    """Program and arguments, run without a shell; a relative path is meant from the folder in which hamr is started."""
    manual: Text | None = None
    """What a person does, and confirms, as a sentence."""
    timeout: Annotated[timedelta, between("1s", "1h")] | None = None
    """How long the program may take (60s); past that, it is ended, and has failed."""
    again: Annotated[Again, choice(Again, "how it may be repeated")] | None = None
    """Whether it may be repeated where it did not end well: safe, or ask (the default): only when a person says so."""
    emergency: Annotated[InEmergency, choice(InEmergency, "what an emergency does with it")] | None = None
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
    advances=Annotated[Advances, choice(Advances, "who makes the move")],
    before=tuple[HookForm, ...],
    after=tuple[HookForm, ...],
)


_PATIENCE = Annotated[timedelta, between("1ms", "1h")]
_EXCHANGE = Annotated[timedelta, between("10ms", "5m")]

reads(Confirm, within=_PATIENCE, every=_PATIENCE)
reads(Timeouts, connect=_EXCHANGE, read=_EXCHANGE, total=_EXCHANGE)


class EmergencyForm(Form, frozen=True):
    """How a run with --emergency treats the org that it does without."""

    makes = dict

    emergency_deadline: Annotated[timedelta, between("100ms", "1m")] | None = field(
        name="deadline", default=None
    )
    """For anything that is asked of the other org (2s)."""


def _playbook(
    *,
    _schema: int,
    transitions: tuple[Transition, ...],
    stops: tuple[Status, ...] | None = None,
    emergency: Mapping[str, Any] = EMPTY,
    **settings: Any,
) -> Playbook:
    """A playbook, but for its text and place."""
    if stops is None:
        stops = tuple(dict.fromkeys(transition.target for transition in transitions))
    return Playbook(transitions=transitions, stops=stops, **emergency, **settings)


class PlaybookForm(Form, frozen=True, kw_only=True):
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
    resend: Annotated[int, whole_number(0, 10)] | None = None
    """How often a write that provably did not arrive is sent again (1)."""
    timeouts: Timeouts | None = None
    """How long an exchange with Datadog may take."""
    emergency: EmergencyForm | None = None
    """What the org that an emergency does without is given."""
    mirror_wait: Annotated[timedelta, between("0s", "5m")] | None = None
    """On a pair with mirrors: auto, how long to wait for an echo of the first write (3s)."""
    late: Annotated[timedelta, between("0s", "24h")] | None = None
    """For how long a write that was given up may still turn up, by its org's own clock (15m)."""
    cool_down: Annotated[timedelta, between("1s", "7d")] | None = None
    """After a run, how long the next one asks before it starts; left out, there is none."""
    probes: dict[Name, ProbeForm] = field(default_factory=dict)
    """Readings of anything but the two HAMR records, by name; each must be used by a guard."""
    guards: dict[Name, GuardForm] = field(default_factory=dict)
    """Guards by name; each must be used."""
    transitions: Annotated[tuple[Transition, ...], AT_LEAST_ONE] = field(name="transitions")
    """The transitions; at most one per from and to. Their order decides between routes of the same length."""
    remember: tuple[Text, ...] = ()
    """What to remind of at the end of a run that reached ACTIVE."""
