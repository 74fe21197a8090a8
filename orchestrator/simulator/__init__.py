"""Two simulated regions that speak the HAMR API, with faults at any request.

`Regions` is the simulator without sockets, on any Clock; `Simulation` serves the same two regions on loopback ports.
Data goes config, wire, faults → state → endpoints → core → sockets → simulation. The faults and their kinds are
defined in config/faults.py, which reads them from files, too.
"""

from orchestrator.config.faults import (
    NO_DATA,
    RECORD_PATH,
    AnswerLost,
    AppliedLate,
    ClientError,
    ConnectionRefused,
    ConnectionReset,
    Drip,
    Fault,
    FaultKind,
    ForeignWriter,
    MetricShows,
    MetricValue,
    MonitorShows,
    Redirect,
    RegionDark,
    ReplicaBehind,
    ServerError,
    Silence,
    Slow,
    StaleRead,
    Throttle,
    TruncatedBody,
    WrongBody,
    metric_value,
)
from orchestrator.config.fields import MONITOR_STATES
from orchestrator.config.scenario import Returning

from .config import Authors, RateLimit, SimulatorConfig, Traffic, simulated_orgs
from .core import Regions
from .faults import Faults, random_faults
from .simulation import (
    ManySimulations,
    ServedOrg,
    Simulation,
    inventory_place,
    inventory_text,
    many_configs,
    print_ready,
    serve,
    write_inventory,
)
from .wire import Effect, LoggedRequest, NoAnswer, PostedEvent, Response, Truncated

__all__ = [
    "MONITOR_STATES",
    "NO_DATA",
    "RECORD_PATH",
    "AnswerLost",
    "AppliedLate",
    "Authors",
    "ClientError",
    "ConnectionRefused",
    "ConnectionReset",
    "Drip",
    "Effect",
    "Fault",
    "FaultKind",
    "Faults",
    "ForeignWriter",
    "LoggedRequest",
    "ManySimulations",
    "MetricShows",
    "MetricValue",
    "MonitorShows",
    "NoAnswer",
    "PostedEvent",
    "RateLimit",
    "Redirect",
    "RegionDark",
    "Regions",
    "ReplicaBehind",
    "Response",
    "Returning",
    "ServedOrg",
    "ServerError",
    "Silence",
    "Simulation",
    "SimulatorConfig",
    "Slow",
    "StaleRead",
    "Throttle",
    "Traffic",
    "Truncated",
    "TruncatedBody",
    "WrongBody",
    "inventory_place",
    "inventory_text",
    "many_configs",
    "metric_value",
    "print_ready",
    "random_faults",
    "serve",
    "simulated_orgs",
    "write_inventory",
]
