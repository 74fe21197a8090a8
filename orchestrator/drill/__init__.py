"""Drills: out and home again with a score, live on a pair that may be drilled, or as a scenario on the simulator.

`rehearse` plays a scenario, `drill` takes a live pair, `close` cleans up what stayed open; `scenario_of_run` makes a
scenario of what a journal holds.
`from_story` makes one of what a proof has found; only who proves loads that.
"""

from .failback import FailbackResult, check_routes, close, close_rehearsed, drill_named, refuse_undrillable
from .from_run import scenario_of_run
from .live import drill, home_of
from .rehearsal import Watching, check_names, rehearse
from .stage import DrillContext

__all__ = [
    "DrillContext",
    "FailbackResult",
    "Watching",
    "check_names",
    "check_routes",
    "close",
    "close_rehearsed",
    "drill",
    "drill_named",
    "home_of",
    "refuse_undrillable",
    "rehearse",
    "scenario_of_run",
]
