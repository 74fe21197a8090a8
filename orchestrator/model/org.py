"""Orgs and pairs as the inventory declares them: who they are, where their API is, and how their keys are named."""

import enum
import hashlib
import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from msgspec import Struct

from .plain import EMPTY
from .status import Both, Role


class Secret:
    """A key in memory. Its text comes out of `reveal` alone: repr, str, format and pickling never show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The key itself, for a request header and nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret cannot be pickled or copied out of the process")


class EnvironmentKey(Struct, frozen=True):
    """The key stands in an environment variable."""

    variable: str

    def __str__(self) -> str:
        return f"environment variable {self.variable}"


class FileKey(Struct, frozen=True):
    """The key stands in a file; a relative path is meant from the inventory's folder, and is stored absolute."""

    path: str

    def __str__(self) -> str:
        return f"file {self.path}"


class CommandKey(Struct, frozen=True):
    """The key is what a command prints; run without a shell."""

    argv: tuple[str, ...]
    timeout: timedelta = timedelta(seconds=10)
    """How long it may take: an unlock that waits for a person needs more."""

    def __str__(self) -> str:
        return f"command {self.argv[0]}"


KeyReference = EnvironmentKey | FileKey | CommandKey


class Occasion(enum.Enum):
    """What people may want to be told of a run."""

    BEGUN = "begun"
    """It has read both orgs, and begins; or goes on, resumed."""
    WAITING = "waiting"
    """It waits for its guards, or for its time."""
    ASKED = "asked"
    """It asks a person, at its own terminal."""
    APPROVAL = "approval"
    """It wants somebody else's agreement, and waits for it."""
    STOPPED = "stopped"
    """It ended before its goal: refused, incomplete, interrupted, or for somebody else's write."""
    UNKNOWN = "unknown"
    """It ended with a write of which nobody knows what became of it."""
    OWING = "owing"
    """It is at its goal, and something is still owed."""
    DONE = "done"
    """It is at its goal."""
    DRILL = "drill"
    """Any of these, of a drill's run: told under this word alone, so that a rehearsal wakes nobody."""


class Webhook(Struct, frozen=True):
    """A JSON POST to an address, signed with a secret that both sides know."""

    url: KeyReference
    secret: KeyReference


class Apprise(Struct, frozen=True):
    """Whatever the library Apprise reaches by one address: chats, pagers, mail."""

    address: KeyReference


class Channel(Struct, frozen=True):
    """One way to tell people what runs do. Its addresses are found as keys are, and never shown."""

    name: str
    via: Webhook | Apprise
    on: frozenset[Occasion] = frozenset(Occasion)

    @property
    def keys(self) -> Mapping[str, KeyReference]:
        """Where what it needs is found, by what a person calls it."""
        match self.via:
            case Webhook(url, secret):
                return {"address": url, "secret": secret}
            case Apprise(address):
                return {"address": address}

    def __str__(self) -> str:
        return f"channel {self.name}"


SITES: Mapping[str, str] = MappingProxyType(
    {
        "us1": "datadoghq.com",
        "us3": "us3.datadoghq.com",
        "us5": "us5.datadoghq.com",
        "eu1": "datadoghq.eu",
        "ap1": "ap1.datadoghq.com",
        "ap2": "ap2.datadoghq.com",
        "uk1": "uk1.datadoghq.com",
        "us1-fed": "ddog-gov.com",
        "us2-fed": "us2.ddog-gov.com",
    }
)
"""Datacenter to site. `*.datadoghq.com` is a wildcard name, so a typo would resolve: look sites up, never build them."""


def datacenter_of_site(text: str) -> str | None:
    """The datacenter for a site as people write it (us1, datadoghq.eu, app.datadoghq.com), or None where unknown."""
    name = text.strip().lower().removeprefix("app.").removeprefix("api.")
    if name in SITES:
        return name
    return next((datacenter for datacenter, site in SITES.items() if site == name), None)


def api_url(datacenter: str) -> str:
    """The base URL of a datacenter's API, for a key of SITES: https://api.datadoghq.com."""
    return f"https://api.{SITES[datacenter]}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: localhost, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def datacenter_label(text: str) -> str:
    """A datacenter's first label in lower case: us5 for us5.prod.dog."""
    return text.strip().lower().split(".", 1)[0]


class Wire(enum.Enum):
    """The casing of a HAMR record's attribute keys on the wire; AUTO writes in the casing that was read."""

    AUTO = "auto"
    SNAKE = "snake"
    PASCAL = "pascal"


class Mirrors(enum.Enum):
    """Whether a write to one org of a pair shows on both."""

    YES = "true"
    NO = "false"
    AUTO = "auto"

    @property
    def known(self) -> bool | None:
        """Whether it does; None where that is to be found out."""
        return None if self is Mirrors.AUTO else self is Mirrors.YES


class Org(Struct, frozen=True):
    """One Datadog organisation: who it is, where its API is, and where its keys are found."""

    role: Role
    name: str
    uuid: str
    base_url: str
    """Scheme, host and port of its region's API, without a trailing slash: https://api.datadoghq.com"""
    datacenter: str
    """First label of its datacenter, lower case: us1, eu1."""
    wire: Wire
    api_key: KeyReference
    app_key: KeyReference
    ca: str | None = None
    """A file of certificates, in PEM, that its API's may be signed by, beside those that are trusted anyway."""

    @property
    def keys(self) -> Mapping[str, KeyReference]:
        """Where its API key ("api") and its application key ("app") are found."""
        return {"api": self.api_key, "app": self.app_key}

    def __str__(self) -> str:
        return f"{self.name} ({self.role})"


class Pair(Struct, frozen=True):
    """A primary and a secondary org that are linked by HAMR."""

    name: str
    orgs: Both[Org]
    mirrors: Mirrors = Mirrors.AUTO
    drill: bool = False
    events: bool = True
    """Whether runs post Datadog events to the org that takes over."""
    pages: Mapping[str, str] = EMPTY
    """Web pages of this pair's own that a playbook's probes ask by name, each with its URL."""
    tell: tuple[Channel, ...] = ()
    """Who else is told what runs do."""
    labels: Mapping[str, str] = EMPTY
    """By which it is selected among many."""
    all_keys: frozenset[str] = frozenset()
    """Environment variables that hold keys of any pair of the inventory."""

    def __getitem__(self, role: Role) -> Org:
        return self.orgs[role]

    @property
    def uuids(self) -> Both[str]:
        """Its orgs' uuids, in lower case."""
        return Both(self.orgs.primary.uuid.lower(), self.orgs.secondary.uuid.lower())

    @property
    def urls(self) -> Both[str]:
        """Where its orgs are asked."""
        return Both(self.orgs.primary.base_url, self.orgs.secondary.base_url)

    def is_of(self, uuids: Both[str]) -> bool:
        """Whether these are its orgs' uuids, however they are cased."""
        return [uuid.lower() for uuid in uuids] == [*self.uuids]

    @property
    def mark(self) -> str:
        """What tells its orgs from any others that its name may come to stand for: 16 hexadecimal digits, made of their uuids."""
        return hashlib.sha256("\n".join(self.uuids).encode()).hexdigest()[:16]

    @property
    def own_keys(self) -> frozenset[str]:
        """Environment variables that hold keys of this pair."""
        holders = (*self.orgs, *self.tell)
        references = (each for holder in holders for each in holder.keys.values())
        return frozenset(each.variable for each in references if isinstance(each, EnvironmentKey))

    @property
    def key_variables(self) -> frozenset[str]:
        """Environment variables that hold keys, this pair's and every other pair's: no program of this one may see them."""
        return self.own_keys | self.all_keys


class Wave(Struct, frozen=True):
    """How many of many pairs are moved before the others: so many, a share of all, or whoever is left."""

    pairs: int | None = None
    percent: int | None = None
    """Of all that were selected; where neither is given, it is whoever is left."""

    def __str__(self) -> str:
        if self.percent is not None:
            return f"{self.percent}%"
        return "rest" if self.pairs is None else str(self.pairs)


class Schedule(Struct, frozen=True):
    """What workers do in peace, each at times as cron has them (minute, hour, day, month, weekday), in UTC."""

    doctor: str | None = None
    """When every pair is examined, as by hamr doctor: "*/30 * * * *" is every half hour."""
    drill: str | None = None
    """When the playbook is rehearsed on the simulator: "17 4 * * 1" is Mondays at 04:17."""
    live_drill: str | None = None
    """When the pairs that say drill: true are drilled live, one after the other: "0 9 3 * *" is the 3rd at 09:00."""
    window: timedelta = timedelta(hours=2)
    """How long after its time a live drill may still begin (2h)."""


class Inventory(Struct, frozen=True):
    """All pairs of one `pairs.yaml`, by name, in file order."""

    path: str
    pairs: tuple[Pair, ...]
    waves: tuple[Wave, ...] = ()
    """In which waves many pairs are moved, where nothing else is said."""
    schedule: Schedule = Schedule()
