"""Drills: out and home again with a score, live on a pair that may be drilled, or as a scenario on the simulator.

`rehearse` plays a scenario, `drill` takes a live pair, `close` cleans up what stayed open.
"""

from .checks import check_names, check_routes, refuse_undrillable
from .closing import close, close_rehearsed, drill_named
from .home import Homecoming
from .live import drill, stands_at
from .rehearsal import Watching, out_and_home, rehearse
from .stage import Desk

__all__ = [
    "Desk",
    "Homecoming",
    "Watching",
    "check_names",
    "check_routes",
    "close",
    "close_rehearsed",
    "drill",
    "drill_named",
    "out_and_home",
    "refuse_undrillable",
    "rehearse",
    "stands_at",
]
