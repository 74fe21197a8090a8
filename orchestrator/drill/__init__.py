"""Drills: out and home again with a score, live on a pair that may be drilled, or as a scenario on the simulator.

`rehearse` plays a scenario, `drill` takes a live pair, `close` cleans up what stayed open; `scenario_of_run` makes a
scenario of what a journal holds, `scenario_of_story` of what a proof has found.
"""

from .failback import FailbackResult, check_routes, close, close_rehearsed, drill_named, refuse_undrillable
from .from_run import FromRun, scenario_of_run
from .from_story import scenario_of_story
from .live import drill, home_of
from .rehearsal import Watching, check_names, out_and_home, rehearse
from .stage import DrillContext

__all__ = [
    "DrillContext",
    "FailbackResult",
    "FromRun",
    "Watching",
    "check_names",
    "check_routes",
    "close",
    "close_rehearsed",
    "drill",
    "drill_named",
    "home_of",
    "out_and_home",
    "refuse_undrillable",
    "rehearse",
    "scenario_of_run",
    "scenario_of_story",
]
