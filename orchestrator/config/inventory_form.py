"""The keys of an inventory: which there are, how the value of each is read, and what is made of them.

What has to fit together is checked elsewhere. The nouns have another form: keys of which one is given stand for a choice,
and names are keys.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from msgspec import field
from msgspec.structs import replace

from orchestrator.model.org import (
    SITES,
    Apprise,
    Channel,
    CommandKey,
    EnvironmentKey,
    FileKey,
    Inventory,
    KeyReference,
    Occasion,
    Org,
    Pair,
    Schedule,
    Wave,
    Webhook,
    Wire,
    api_url,
    datacenter_label,
    datacenter_of_site,
    is_loopback,
)
from orchestrator.model.plain import EMPTY
from orchestrator.model.status import Both, Role

from .fields import (
    MirrorsChoice,
    Name,
    Page,
    SchemaVersion,
    Text,
    between,
    choice,
    matching,
    split_url,
    text_of,
)
from .messages import did_you_mean, found, looks_like_key, one_of, shown, unlike
from .schema import AT_LEAST_ONE, Form, Need, OneOf, leaf, reads, then


def _site(value: Any) -> str:
    text = text_of(value)
    datacenter = datacenter_of_site(text)
    if datacenter is None:
        if "/" in text:
            raise ValueError(
                "a site is a name such as eu1 or datadoghq.eu; for an address write url: instead of site:"
            )
        near = did_you_mean(text.removeprefix("app."), [*SITES, *SITES.values()])
        raise ValueError(f"{shown(text)} is not a Datadog site ({one_of(tuple(SITES))}){near}")
    return datacenter


def _datacenter(value: Any) -> str:
    label = datacenter_label(text_of(value))
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", label):
        raise unlike("a datacenter such as us1 or eu1", value)
    return label


def _url(value: Any) -> str:
    """The base of an API's URL, without a trailing slash. Never repeated in a message: people put passwords into URLs."""
    text = text_of(value)
    usage = "write only scheme, host and port, such as https://api.datadoghq.eu or http://127.0.0.1:9101"
    parts = split_url(text, usage)
    if parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise ValueError(f"a URL must not carry a path, query or fragment: {usage}")
    host, port = (parts.hostname or "").lower(), parts.port
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(
            "plain http would send the keys in clear: use https (http is for 127.0.0.1, ::1 and localhost)"
        )
    shown_host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown_host}" + (f":{port}" if port is not None else "")


def _argument(value: Any) -> str:
    """Never repeats what it refuses: it may be the key."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("expected text in a command's list: put numbers, true and false in quotes")
    if re.search(_KEY_GIVEN, value):
        raise ValueError(
            "this looks like a Datadog key: a key never stands in this file, a command's arguments included "
            "(what stands here is not shown); name where the command finds it"
        )
    return value


_KEY_GIVEN = (
    r"(?:^|[\s=:,'\"])(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|dd[a-z]{2,6}_[A-Za-z0-9]{20,})(?:$|[\s,;|'\"])"
)
"""A key as a whole argument, or as a word of one; not the part of a path that only happens to be hexadecimal."""


def _certificates(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise unlike("the path of a file with certificates (PEM)", value)
    return value


def _file_path(value: Any) -> str:
    """Never repeats what it refuses: it may be the key."""
    if not isinstance(value, str) or not value.strip() or "\0" in value or looks_like_key(value):
        raise ValueError("expected the path of a file that holds the key (what stands here is not shown)")
    return value


_WAVE = r"[0-9]+ ?%|rest"


def wave(value: Any) -> Wave:
    """One wave of many pairs, as files and the command line write it: 5, 10% or rest; a ValueError in plain words where it is none."""
    expected = "a number of pairs (1 or more), a share (1% to 100%) or rest"
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return Wave(pairs=value)
    if value == "rest":
        return Wave()
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,3} ?%", value):
        percent = int(value.rstrip("% "))
        if 1 <= percent <= 100:  # noqa: PLR2004 - of a hundred
            return Wave(percent=percent)
        raise ValueError(f"{value} is no share of the pairs: 1% to 100%")
    raise ValueError(f"a wave is {expected}, and here is {found(value)}")


def in_order(waves: Sequence[Wave]) -> Sequence[Wave]:
    """The waves; a ValueError where some come after the rest: nobody would be left for them."""
    if Wave() in waves[:-1]:
        raise ValueError("rest takes all that are left: it can only be the last wave")
    return waves


WaveItem = Annotated[
    Wave,
    leaf(
        wave, {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": f"^(?:{_WAVE})$"}]}
    ),
]
Uuid = Annotated[
    str,
    matching(
        r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        "an org's uuid, such as 550e8400-e29b-41d4-a716-446655440000",
    ),
    then(str.lower),
]
Site = Annotated[
    str,
    leaf(_site, {"type": "string", "examples": [*SITES, *SITES.values()]}),
]
"""Read as the site's datacenter."""
Datacenter = Annotated[str, leaf(_datacenter, {"type": "string", "examples": [*SITES]})]
Url = Annotated[str, leaf(_url, {"type": "string", "pattern": r"^https?://[^/?#@\s]+/?$"})]
WireName = Annotated[Wire, choice(Wire, "a casing")]
Variable = Annotated[
    str,
    matching(
        r"^[A-Za-z_][A-Za-z0-9_]*$",
        "the name of an environment variable, such as PAYMENTS_API_KEY "
        "(what stands here is not shown, as it may be the key itself)",
        secret=True,
    ),
]
KeyPath = Annotated[str, leaf(_file_path, {"type": "string", "minLength": 1})]
CertificatePath = Annotated[str, leaf(_certificates, {"type": "string", "minLength": 1})]
OccasionName = Annotated[Occasion, choice(Occasion, "something that is told")]
KeyTimeout = Annotated[timedelta, between("1s", "10m")]
Argument = Annotated[str, leaf(_argument, {"type": "string"})]


_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("weekday", 0, 7),
)
_ITEM = r"(?:\*|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([0-9]{1,2}))?"
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def cron(value: Any) -> str:
    """A time as cron has it, in numbers alone: minute, hour, day of the month, month, weekday; a ValueError where it is none."""
    text = text_of(value)
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"{shown(text)} is no time as cron has it: five fields are wanted, minute, hour, day, month and weekday, "
            'such as "*/30 * * * *"'
        )
    _, _, days, months, _ = (
        {number for item in field.split(",") for number in _numbers(item, *bounds)}
        for field, bounds in zip(fields, _FIELDS, strict=True)
    )
    if min(days) > max(_DAYS[month - 1] for month in months):
        raise ValueError(f"{shown(text)} never comes: there is no such day in these months")
    return " ".join(fields)


def _numbers(item: str, name: str, least: int, most: int) -> range:
    found = re.fullmatch(_ITEM, item)
    if found is not None:
        low, high, step = found.groups()
        first = least if low is None else int(low)
        last = int(high) if high else most if low is None or step else first
        every = 1 if step is None else int(step)
        if least <= first <= last <= most and every:
            return range(first, last + 1, every)
    raise ValueError(
        f"{shown(item)} is no {name}: * or {least} to {most} is wanted, such as {least}, {least}-{most}, or */2"
    )


Cron = Annotated[str, leaf(cron, {"type": "string", "examples": ["*/30 * * * *", "17 4 * * 1"]})]


reads(Schedule, doctor=Cron, drill=Cron, live_drill=Cron, window=Annotated[timedelta, between("1m", "1d")])


def _key(
    env: str | None = None, file: str | None = None, command: tuple[str, ...] = (), **timeout: timedelta
) -> KeyReference:
    """The one source that the checks have made sure of."""
    if env is not None:
        return EnvironmentKey(env)
    return FileKey(file) if file is not None else CommandKey(command, **timeout)


def _org(
    *, site: str = "", url: str = "", datacenter: str = "", wire: Wire = Wire.AUTO, **settings: Any
) -> Org:
    """An org, as if it were the primary one."""
    datacenter = site or datacenter
    return Org(
        Role.PRIMARY, base_url=url or api_url(datacenter), datacenter=datacenter, wire=wire, **settings
    )


def _channel(
    *,
    name: str,
    webhook: Webhook | None = None,
    apprise: KeyReference | None = None,
    on: Iterable[Occasion] = Occasion,
) -> Channel:
    """A channel; the checks have made sure of one way."""
    if webhook is not None:
        return Channel(name, webhook, frozenset(on))
    assert apprise is not None  # noqa: S101 - as said above
    return Channel(name, Apprise(apprise), frozenset(on))


def _pair(
    *, primary: Org, secondary: Org, tell: Mapping[str, Channel] | None = None, **settings: Any
) -> tuple[Pair, bool]:
    """A pair, and whether it says itself who is told."""
    orgs = Both(primary, replace(secondary, role=Role.SECONDARY))
    return Pair(orgs=orgs, tell=tuple((tell or {}).values()), **settings), tell is not None


_NEVER = Schedule()


def _inventory(
    *,
    _schema: int,
    pairs: Mapping[str, tuple[Pair, bool]],
    tell: Mapping[str, Channel] = EMPTY,
    waves: Iterable[Wave] = (),
    schedule: Schedule = _NEVER,
) -> Inventory:
    """An inventory, but for its place."""
    everybody = tuple(tell.values())
    told = (pair if own else replace(pair, tell=everybody) for pair, own in pairs.values())
    return Inventory("", tuple(told), tuple(waves), schedule)


class KeyForm(Form, frozen=True):
    """Where a key is found: exactly one of env, file and command. The key itself never stands in the inventory."""

    makes = _key
    one_of = OneOf(
        ("env", "file", "command"),
        "say where the key is found: {{env: NAME}}, {{file: PATH}} or {{command: [PROGRAM, …]}}",
        "a key has one source, and here are {count}: leave one of env, file and command",
    )
    needs = (
        Need(
            "timeout", "command", "only a command takes time: leave timeout out, or give the key by a command"
        ),
    )

    env: Variable | None = None
    """Name of the environment variable that holds the key."""
    file: KeyPath | None = None
    """Path of a file that holds the key; a relative one is meant from the inventory's folder."""
    command: Annotated[tuple[Argument, ...], AT_LEAST_ONE] | None = None
    """Program and arguments of a command that prints the key; run without a shell."""
    timeout: KeyTimeout | None = None
    """How long the command may take (10s): longer where it waits for a person."""


class OrgForm(Form, frozen=True, kw_only=True):
    """One Datadog organisation; exactly one of site and url."""

    makes = _org
    one_of = OneOf(
        ("site", "url"),
        '"site" is missing{where}: site: us1, or url: for any other address',
        "an org has a site or a url, not both: leave one out",
        at_last=True,
    )
    needs = (
        Need(
            "url",
            "datacenter",
            '"datacenter" is missing{where}: with url: it has to be said, such as datacenter: us1',
            at_whole=True,
        ),
    )

    name: Text
    """The org's name, as people know it; it is sent to its peer as target_org_name."""
    uuid: Uuid
    """The org's own uuid: what GET /api/v2/validate answers for its API key as data.id."""
    site: Site | None = None
    """Datadog site: us1, eu1, datadoghq.eu, and so on."""
    url: Url | None = None
    """Base URL of the API instead of a site: a simulator, a proxy, a site that hamr does not know."""
    datacenter: Datacenter | None = None
    """Datacenter, such as us1; needed with url, told by site otherwise."""
    ca: CertificatePath | None = None
    """File of certificates (PEM) that its API's may be signed by, beside those that are trusted anyway; a relative path is meant from the inventory's folder."""
    wire: WireName | None = None
    """Casing of the record's keys when writing: auto (the default: as they were read), snake or pascal."""
    api_key: KeyForm
    """Where the org's API key is found: {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT]}."""
    app_key: KeyForm
    """Where its application key is found, in the same three ways; its owner needs disaster_recovery_status_write."""


class WebhookForm(Form, frozen=True, kw_only=True):
    """A JSON POST for each notice, signed with a secret that both sides know."""

    makes = Webhook

    url: KeyForm
    """Where its address is found; an address is a key, since whoever knows it may write there."""
    secret: KeyForm
    """Where the secret is found that each POST is signed with (HMAC-SHA256)."""


class ChannelForm(Form, frozen=True, kw_only=True):
    """One way to tell people what runs do; exactly one of webhook and apprise."""

    makes = _channel
    named = True
    one_of = OneOf(
        ("webhook", "apprise"),
        "say how they are told: webhook: {{url: …, secret: …}}, or apprise: {{env: NAME}}",
        "a channel has one way, and here are {count}: leave webhook or apprise out, or make two channels of it",
    )

    webhook: WebhookForm | None = None
    """A JSON POST to an address of your own."""
    apprise: KeyForm | None = None
    """Where an address of Apprise's is found (Slack, Teams, PagerDuty, Opsgenie, mail, …); needs the extra [notify]."""
    on: Annotated[tuple[OccasionName, ...], AT_LEAST_ONE] | None = None
    """What is told: begun, waiting, asked, approval, stopped, unknown, owing, done, drill (the default: all of them)."""


class PairForm(Form, frozen=True, kw_only=True):
    """A primary and a secondary org that are linked by HAMR."""

    makes = _pair
    named = True

    mirrors: MirrorsChoice | None = None
    """Whether a write to one org shows on both: true, false, or auto (the default: find out in the run)."""
    drill: bool = False
    """Whether live drills may use this pair."""
    events: bool = True
    """Whether what a run does is also posted as Datadog events, to the org that serves."""
    pages: dict[Name, Page] = field(default_factory=dict)
    """Web pages of your own that a playbook's probes ask by name (http: {page: NAME}), each with its address."""
    tell: dict[Name, ChannelForm] | None = None
    """Who else is told what runs do, by name, in the place of the inventory's; {} for nobody."""
    labels: dict[Name, Name] = field(default_factory=dict)
    """By what this pair is selected among many, such as tier: gold; names and values of your own."""
    primary: OrgForm
    """The org that normally serves."""
    secondary: OrgForm
    """The org that takes over."""


class InventoryForm(Form, frozen=True, kw_only=True):
    """All pairs that hamr may work on."""

    makes = _inventory

    _schema: SchemaVersion = field(name="schema")
    """Version of this format: 1."""
    tell: dict[Name, ChannelForm] = field(default_factory=dict)
    """Who else is told what runs do, by name: for every pair that does not say so itself."""
    waves: Annotated[tuple[WaveItem, ...], AT_LEAST_ONE, then(in_order)] | None = None
    """In which waves hamr fleet moves many pairs: numbers of pairs, shares such as 10%, and rest."""
    schedule: Schedule | None = None
    """What hamr worker does in peace, and when."""
    pairs: Annotated[dict[Name, PairForm], AT_LEAST_ONE]
    """Pairs by name; the name is what is typed on the command line."""
