"""What the two simulated regions are like: every point that the API's reference leaves open is a setting here."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.config.faults import MetricValue, metric_value, monitor_state
from orchestrator.config.scenario import Returning
from orchestrator.model.org import Wire
from orchestrator.model.plain import EMPTY, JSON
from orchestrator.model.status import Both, Role, Status


class Traffic(enum.Enum):
    """Where Agents report, and so what a query shows that nobody has set."""

    EVERYWHERE = "everywhere"
    """In both orgs, whatever their status."""
    FOLLOWS = "follows"
    """In the primary always; in the secondary while its status is FAILOVER or ACTIVE, else it has no data."""


class Authors(enum.Enum):
    """What a server makes of the `modified_by` that was sent, whoever sent it."""

    AS_SENT = "as sent"
    LOWER = "in lower case"
    SHORT = "cut off"
    LOCAL = "without the host"
    EMPTY = "dropped"

    def as_returned(self, sent: str) -> str:
        """The `modified_by` of the record that a write with that author leaves."""
        match self:
            case Authors.AS_SENT:
                return sent
            case Authors.LOWER:
                return sent.lower()
            case Authors.SHORT:
                return sent[:AUTHOR_LENGTH]
            case Authors.LOCAL:
                return sent.partition("@")[0]
            case Authors.EMPTY:
                return ""


AUTHOR_LENGTH = 32
"""Characters of an author that a server keeps that cuts them off."""

KNOWN_MOVES: frozenset[tuple[Status, Status]] = frozenset(
    {
        (Status.ABSENT, Status.ONBOARDING),
        (Status.ONBOARDING, Status.PASSIVE),
        (Status.PASSIVE, Status.FAILOVER),
        (Status.FAILOVER, Status.ACTIVE),
        (Status.FAILOVER, Status.PASSIVE),
        (Status.ACTIVE, Status.RECOVERY),
        (Status.RECOVERY, Status.PASSIVE),
    }
)
"""The moves that the guide describes, and the way back from FAILOVER. Which the real server accepts is unknown."""


class SimulatedOrg(Struct, frozen=True):
    """One made-up org; its keys open nothing but the simulator."""

    role: Role
    name: str
    uuid: str
    datacenter: str
    api_key: str
    app_key: str
    caller: str
    """How a server that renames authors calls whoever uses these keys."""


def simulated_orgs(seed: int = 0) -> Both[SimulatedOrg]:
    """Both orgs of a simulated pair: readable, and the same for the same seed, 0 to 9999; pairs of different seeds share no uuid and no key."""
    return Both(_org(Role.PRIMARY, "us1", 1, seed), _org(Role.SECONDARY, "eu1", 2, seed))


def _org(role: Role, datacenter: str, digit: int, seed: int) -> SimulatedOrg:
    block = str(digit) * 4
    return SimulatedOrg(
        role=role,
        name=f"Simulated {role.value.capitalize()}",
        uuid=f"{block * 2}-{block}-4{block[1:]}-8{block[1:]}-{seed:012d}",
        datacenter=datacenter,
        api_key=f"simulated-{role}-api-key-{seed:04d}",
        app_key=f"simulated-{role}-app-key-{seed:04d}",
        caller=f"service-account@{role}.example",
    )


class RateLimit(Struct, frozen=True):
    """So many requests per org in each window; the window opens with the first of them."""

    limit: int
    period: float
    """Seconds."""

    def __post_init__(self) -> None:
        if self.limit < 1 or self.period <= 0:
            raise ValueError("a rate limit needs at least one request and a period longer than zero seconds")


class SimulatorConfig(Struct, frozen=True):
    """One simulated pair. The defaults are two separate, linked, PASSIVE orgs that answer in snake casing."""

    wire: Wire = Wire.SNAKE
    """The casing of answers: SNAKE or PASCAL."""
    accepts: frozenset[Wire] = frozenset({Wire.SNAKE, Wire.PASCAL})
    """The casings that a POST may have."""
    mirror: float | None = None
    """None: separate orgs. Seconds until a write to either org shows on the other (0: at once)."""
    returning: Returning = Returning.KEEP
    status: Both[Status] = Both(Status.PASSIVE, Status.PASSIVE)
    """Where each org starts; ABSENT for one that has no record yet."""
    renames_author: bool = False
    """The server puts the caller's name in the place of the `modified_by` that was sent."""
    authors: Authors = Authors.AS_SENT
    """What becomes of the `modified_by` that was sent, where the caller's name does not take its place."""
    strict: bool = False
    """Only `moves` are accepted, and only a target that is the peer; everything else gets a 400."""
    moves: frozenset[tuple[Status, Status]] = KNOWN_MOVES
    advances: bool = False
    """The server moves FAILOVER to ACTIVE and RECOVERY to PASSIVE by itself, after `advances_after`."""
    advances_after: float = 0.5
    """Seconds."""
    whole_seconds: bool = False
    """`modified_at` without a fraction."""
    no_times: bool = False
    """`modified_at` is null."""
    read_lag: float = 0.0
    """Seconds by which every GET lags behind the writes."""
    latency: Both[float] = Both(0.0, 0.0)
    """Round-trip time of each region in seconds: half passes before a request is handled, half after."""
    skew: Both[float] = Both(0.0, 0.0)
    """Seconds by which each region's clock is ahead: in `Date` and in `modified_at`."""
    edge_page: bool = True
    """The edge of a dark region that answers sends a page of HTML; else what it says has the API's own error form."""
    rate_limit: RateLimit | None = None
    extra: tuple[tuple[str, JSON], ...] = ()
    """Attributes that no reference names, in each org's first record."""
    metric: MetricValue = 12.0
    """What every metric query shows that nobody has set."""
    traffic: Traffic = Traffic.EVERYWHERE
    """In which org it shows that."""
    traffic_lag: float = 0.0
    """Seconds by which traffic that follows the secondary's status comes after it."""
    metrics: Both[Mapping[str, MetricValue]] = field(default_factory=lambda: Both({}, {}))
    """What single queries show, per org, by the query's text; see `MetricValue`."""
    monitors: Both[Mapping[int, str | None]] = field(default_factory=lambda: Both({}, {}))
    """Single monitors' states, per org, by id; None: there is no such monitor. Any other is OK."""
    ports: Both[int] = Both(0, 0)
    """TCP ports on the loopback interface; 0 for a free one."""
    pair: str = "sim"
    """The pair's name in the inventory that is written for it."""
    labels: Mapping[str, str] = EMPTY
    """Its labels there."""
    orgs: Both[SimulatedOrg] = field(default_factory=simulated_orgs)

    def __post_init__(self) -> None:
        if self.wire is Wire.AUTO or Wire.AUTO in self.accepts:
            raise ValueError("a server's casing is snake or pascal; auto is for clients")
        if self.mirror is not None and self.mirror < 0:
            raise ValueError("a mirror's delay cannot be negative")
        if self.traffic_lag < 0:
            raise ValueError("traffic cannot come before the status that it follows")
        for role in Role:
            for value in (self.metric, *self.metrics[role].values()):
                metric_value(value)
            for state in self.monitors[role].values():
                monitor_state(state)
