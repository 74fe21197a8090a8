"""`hamr drill run | from | list | close`."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.errors import ExitCode
from orchestrator.model import next_step

from . import completion, options
from .invocation import Invocation

ALL = "all"
"""Stands for every scenario that has a name here."""


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
@click.option(
    "--junit",
    metavar="FILE",
    shell_complete=completion.files,
    help="Write JUnit XML, one case for each expectation.",
)
@click.option(
    "--html",
    metavar="FILE",
    shell_complete=completion.files,
    help="Write one self-contained page, to be opened in a browser; of all scenarios, one each: FILE with its name.",
)
@options.yes
@options.takes(*options.LOOKING)
def run(  # noqa: PLR0917 - click passes each flag by its name
    invocation: Invocation,
    pair: str | None,
    scenario: str | None,
    seed: int | None,
    to: str | None,
    notes: str,
    junit: str | None,
    html: str | None,
    yes: bool,
) -> ExitCode:
    """Go out and home again, and score it.

    Without PAIR, on two simulated regions: nothing reaches Datadog, no hook's program is started, and nobody is asked.
    With PAIR, live: only where its inventory says drill: true, whatever the flags; shows where the pair stands, and
    wants its name typed. Exits with 11 where an expectation was missed.

    On the simulator it is journalled apart from the runs of real pairs, in a file beside the journal, unless --journal
    names one: hamr runs --drills, hamr show and hamr report find it there.
    """
    from orchestrator.errors import UsageError
    from orchestrator.operations.preflight import status_named

    from .drilling import on_all_scenarios, on_live_pair, on_simulator
    from .output_files import STDOUT, refuse_misplaced_files

    goal = None if to is None else status_named(to)
    named = [flag for flag, given in (("--scenario", scenario), ("--seed", seed)) if given is not None]
    if pair is not None and named:
        raise UsageError(
            f"{' and '.join(named)}: what goes wrong can be chosen on the simulator alone, and {pair[:60]!r} is a live "
            "pair. Leave the pair out to rehearse it.",
            next_steps=(next_step.play("NAME"),),
        )
    if pair is not None and not yes:
        invocation.require_somebody()
    for option, where in (("--html", html), ("--junit", junit)):
        if where == STDOUT:
            raise UsageError(
                f"{option} -: a drill prints its score on stdout. Give {option} a file, or print it afterwards.",
                next_steps=(next_step.report("DRILL").with_options(option, "-"),),
            )
    if scenario == ALL:
        if goal is not None:
            raise UsageError("--to: each scenario says itself where it goes. Leave out --to.")
        return on_all_scenarios(invocation, seed, notes, html=html, junit=junit)
    refuse_misplaced_files(html, junit)
    if pair is None:
        return on_simulator(invocation, scenario, seed, goal, notes, html=html, junit=junit)
    return on_live_pair(invocation, pair, goal, notes, yes=yes, html=html, junit=junit)


@drill.command("from")
@click.argument("run", metavar="RUN", shell_complete=completion.runs_and_drills)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the scenario to a file, in place of stdout.",
)
@options.takes(*options.READING)
def from_(invocation: Invocation, run: str, out: Path | None) -> ExitCode:
    """Make a scenario of a run in the journal.

    What it met and at which record, what people did about it, and what came of it as expectations: played with the same
    playbook, it ends the same. What the simulator cannot play is said, and left out. RUN is the id of a run, the
    beginning of one, or last, the newest run. Asks no org.
    """
    from .drilling import scenario_from_run

    return scenario_from_run(invocation, run, out)


@drill.command("list")
@options.takes("json", "log_format", "log_level")
def list_(invocation: Invocation) -> ExitCode:
    """List the scenarios that have a name here, each with what it shows.

    Those that ship with hamr, and those in the folder scenarios of the folder that you are in.
    """
    from orchestrator.config.scenarios import load_scenario, named_scenarios
    from orchestrator.errors import DocumentError
    from orchestrator.report.drill import scenarios_json, scenarios_page

    found: dict[str, str] = {}
    for name, path in named_scenarios().items():
        try:
            found[name] = load_scenario(str(path)).summary
        except DocumentError:
            found[name] = f"It has problems: hamr check {path} says which."
    invocation.console.facts(scenarios_page(found), scenarios_json(found))
    return ExitCode.DONE


@drill.command()
@click.argument("what", metavar="DRILL|RUN|PAIR", shell_complete=completion.pairs_and_drills)
@click.option(
    "--notes", metavar="TEXT", required=True, help="What is to be remembered; the journal keeps it."
)
@options.override
@options.yes
@options.takes(*options.LOOKING)
def close(invocation: Invocation, what: str, notes: str, overrides: tuple[str, ...], yes: bool) -> ExitCode:
    """Clean up a drill that stayed open.

    DRILL and RUN are ids, the beginning of one, or last, the newest run. Brings the pair to where it stood when the drill began, and closes the drill; other runs get the pair again. A
    pair that a run of somebody else's has moved meanwhile, an emergency for one, is left where it stands. Shows where
    the pair stands, and wants its name typed. A drill on the simulator is closed without further ado: its regions are gone.
    """
    from .drilling import close_drill
    from .requests import overrides_from, require_text

    require_text("--notes", notes)
    return close_drill(invocation, what, notes, overrides_from(overrides), yes=yes)
