"""`hamr drill run | from | list | close`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestrator.errors import DocumentError, ExitCode

from . import completion, options
from .invocation import Invocation


@click.group()
def drill() -> None:
    """Rehearse a failover, out and home again, with a score.

    On the built-in simulator, or live on a pair whose inventory says drill: true. docs/howto/rehearse.md shows how.
    """


@drill.command()
@click.argument("pair", metavar="[PAIR]", required=False, shell_complete=completion.pairs)
@click.option(
    "--scenario",
    metavar="SCENARIO",
    shell_complete=completion.scenarios,
    help="What goes wrong on the simulator: a scenario's file or name, as hamr drill list has them, or all of those.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="Faults drawn from a number, on the simulator: the same for the same one.",
)
@click.option(
    "--to",
    metavar="STATUS",
    shell_complete=completion.stops,
    help="Where to, before it goes home. [default: ACTIVE]",
)
@click.option("--notes", metavar="TEXT", default="", help="What the journal keeps with the end of the drill.")
@options.file("--junit", "Write JUnit XML, one case for each expectation.")
@options.file(
    "--html",
    "Write one self-contained page, to be opened in a browser; of all scenarios, one each: FILE with its name.",
)
@options.yes
@options.takes(*options.LOOKING)
def run(invocation: Invocation, **flags: Any) -> ExitCode:
    """Go out and home again, and score it.

    Without PAIR, on two simulated regions: nothing reaches Datadog, no hook's program is started, and nobody is asked.
    With PAIR, live: only where its inventory says drill: true, whatever the flags; shows where the pair stands, and
    wants its name typed. Exits with 11 where an expectation was missed.

    On the simulator it is journalled apart from the runs of real pairs, in a file beside the journal, unless --journal
    names one: hamr runs --drills, hamr show and hamr report find it there.
    """
    from .drilling import run_drill

    return run_drill(invocation, **flags)


@drill.command("from")
@click.argument("run", metavar="RUN", shell_complete=completion.runs_and_drills)
@options.path("--out", "Write the scenario to a file, in place of stdout.")
@options.takes(*options.READING)
def from_(invocation: Invocation, run: str, out: Path | None) -> None:
    """Make a scenario of a run in the journal.

    What it met and at which record, what people did about it, and what came of it as expectations: played with the same
    playbook, it ends the same. What the simulator cannot play is said, and left out. RUN is the id of a run, the
    beginning of one, or last, the newest run. Asks no org.
    """
    from .drilling import scenario_from_run

    scenario_from_run(invocation, run, out)


@drill.command("list")
@options.takes("json", "log_format", "log_level")
def list_(invocation: Invocation) -> None:
    """List the scenarios that have a name here, each with what it shows.

    Those that ship with hamr, and those in the folder scenarios of the folder that you are in.
    """
    from orchestrator.config.scenarios import load_scenario, named_scenarios
    from orchestrator.report.drill import scenarios_facts

    found: dict[str, str] = {}
    for name, path in named_scenarios().items():
        try:
            found[name] = load_scenario(str(path)).summary
        except DocumentError:
            found[name] = f"It has problems: hamr check {path} says which."
    invocation.console.facts(*scenarios_facts(found))


@drill.command()
@click.argument("what", metavar="DRILL|RUN|PAIR", shell_complete=completion.pairs_and_drills)
@click.option(
    "--notes", metavar="TEXT", required=True, help="What is to be remembered; the journal keeps it."
)
@options.override
@options.yes
@options.takes(*options.LOOKING)
def close(invocation: Invocation, **flags: Any) -> None:
    """Clean up a drill that stayed open.

    DRILL and RUN are ids, the beginning of one, or last, the newest run. Brings the pair to where it stood when the drill began, and closes the drill; other runs get the pair again. A
    pair that a run of somebody else's has moved meanwhile, an emergency for one, is left where it stands. Shows where
    the pair stands, and wants its name typed. A drill on the simulator is closed without further ado: its regions are gone.
    """
    from .drilling import close_drill

    close_drill(invocation, **flags)
