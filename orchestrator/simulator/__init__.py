"""Two simulated regions that speak the HAMR API, with faults at any request.

`Regions` is the simulator without sockets, on any Clock; `Simulation` serves the same two regions on loopback ports.
Data goes config, faults → state → endpoints → region → core → app → sockets → simulation → serve.
"""

from .config import KNOWN_MOVES, Authors, RateLimit, Returning, SimulatedOrg, SimulatorConfig, simulated_orgs
from .core import Regions, describe
from .effects import Closed, Effect, LoggedRequest, Refused, Reset, Response, Silent, Truncated
from .events import PostedEvent
from .fault_kinds import (
    AnswerLost,
    AppliedLate,
    ClientError,
    ConnectionRefused,
    ConnectionReset,
    Drip,
    FaultKind,
    ForeignWriter,
    MetricShows,
    MonitorShows,
    Redirect,
    RegionDark,
    ReplicaBehind,
    RequestFault,
    ServerError,
    Silence,
    Slow,
    StaleRead,
    Throttle,
    TruncatedBody,
    WorldFault,
    WrongBody,
)
from .faults import HAMR_PATH, Fault, Faults
from .inventory import inventory_text, write_inventory
from .random_faults import random_faults
from .script import faults_of
from .serve import print_ready, serve
from .simulation import ServedOrg, Simulation
from .values import MONITOR_STATES, NO_DATA, MetricValue, Traffic, metric_value

__all__ = [
    "HAMR_PATH",
    "KNOWN_MOVES",
    "MONITOR_STATES",
    "NO_DATA",
    "AnswerLost",
    "AppliedLate",
    "Authors",
    "ClientError",
    "Closed",
    "ConnectionRefused",
    "ConnectionReset",
    "Drip",
    "Effect",
    "Fault",
    "FaultKind",
    "Faults",
    "ForeignWriter",
    "LoggedRequest",
    "MetricShows",
    "MetricValue",
    "MonitorShows",
    "PostedEvent",
    "RateLimit",
    "Redirect",
    "Refused",
    "RegionDark",
    "Regions",
    "ReplicaBehind",
    "RequestFault",
    "Reset",
    "Response",
    "Returning",
    "ServedOrg",
    "ServerError",
    "Silence",
    "Silent",
    "SimulatedOrg",
    "Simulation",
    "SimulatorConfig",
    "Slow",
    "StaleRead",
    "Throttle",
    "Traffic",
    "Truncated",
    "TruncatedBody",
    "WorldFault",
    "WrongBody",
    "describe",
    "faults_of",
    "inventory_text",
    "metric_value",
    "print_ready",
    "random_faults",
    "serve",
    "simulated_orgs",
    "write_inventory",
]
