"""`hamr prove | drill | simulate`: rehearsing, before the incident."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.errors import DocumentError, ExitCode, UsageError

from . import completion, options
from .invocation import Invocation

if TYPE_CHECKING:
    from orchestrator.model.playbook import Playbook
    from orchestrator.model.proof import Explored, Proof, Route

    from .console import Stream

EVERY, SELDOM = 0.2, 30.0
"""Seconds between two times at which it is shown how far a proof is: in place, and by a line more."""


@click.command()
@click.argument("playbook", required=False, shell_complete=completion.playbooks)
@click.option(
    "--pair",
    metavar="NAME",
    shell_complete=completion.pairs,
    help="Prove it for this pair alone: mirrored or separate, as the inventory says.",
)
@click.option(
    "--faults",
    type=click.IntRange(0, 4),
    default=2,
    show_default=True,
    help="How many things may go wrong in one story.",
)
@click.option(
    "--to",
    "goals",
    metavar="STATUS",
    multiple=True,
    shell_complete=completion.stops,
    help="Only the ways that lead there; may be repeated.",
)
@click.option(
    "--budget",
    metavar="DURATION",
    default="10m",
    show_default=True,
    help="How long it may take, such as 10m.",
)
@options.path("--out", "Write the certificate, or what broke, as JSON.")
@options.path(
    "--scenario",
    "Write the shortest story that breaks a law as a scenario: hamr drill run --scenario FILE fails on it.",
)
@click.option(
    "--record", is_flag=True, help="Keep the certificate in the journal of --pair: hamr doctor says so."
)
@options.takes("pairs", "journal", "operator", "json")
def prove(  # noqa: PLR0917 - click passes each flag by its name
    invocation: Invocation,
    playbook: str | None,
    pair: str | None,
    faults: int,
    goals: tuple[str, ...],
    budget: str,
    out: Path | None,
    scenario: Path | None,
    record: bool,
) -> ExitCode:
    """Prove a playbook: the real engine, through every combination of faults, in memory.

    PLAYBOOK is a file, or the name of one that ships with hamr (regional-failover). Asks no org and no key, runs no
    hook, and writes nothing but its FILEs and, with --record, one record of the journal. Exits with 0 where every law held in everything, with 11 where one broke (the
    shortest story is told), and with 10 where the budget ended before the end.
    """
    from msgspec.structs import replace

    from orchestrator.model.org import Mirrors
    from orchestrator.operations.preflight import status_named
    from orchestrator.proof import chosen_routes
    from orchestrator.proof import prove as prove_all
    from orchestrator.report.documents import to_json
    from orchestrator.report.proof import proof_code, proof_json, proof_page
    from orchestrator.system.log import configure

    from .output_files import PROOF, SCENARIO, refuse_misplaced, save

    console = invocation.console
    if record and pair is None:
        raise UsageError("--record keeps the certificate with a pair: name it with --pair NAME.")
    if out is not None:
        refuse_misplaced(out, PROOF)
    if scenario is not None:
        refuse_misplaced(scenario, replace(SCENARIO, option="--scenario"))
    invocation.playbook = playbook
    found = invocation.load_playbook()
    mirrors = Mirrors.AUTO if pair is None else invocation.sources.pair(pair).mirrors
    routes = chosen_routes(found, tuple(map(status_named, goals)), mirrors.known)
    seconds = _seconds(budget)
    configure("json", "critical")  # what goes wrong is the point of it
    progress = _Progress(None if console.json else console.err, len(routes))
    cores = os.cpu_count() or 1
    try:
        proof = prove_all(found, routes, faults=faults, seconds=seconds, workers=cores, told=progress.tell)
    finally:
        console.err.end()
    proof = replace(proof, file=playbook or proof.file)
    if out is not None:
        save(to_json(proof_json(proof)), out, PROOF)
    if record and pair is not None and proof.holds:
        with invocation.session(pair, writes=True, playbook=found) as session:
            session.append("", proof.certificate)
            console.note(f"The certificate of pair {pair} is in {session.store.place}.")
    elif record:
        console.note("No certificate was kept: a proof that holds is one, and nothing less.", "warn")
    played = None if scenario is None else _as_scenario(invocation, found, proof, scenario)
    console.facts(proof_page(proof, played), proof_json(proof, played))
    return proof_code(proof)


def _as_scenario(invocation: Invocation, playbook: Playbook, proof: Proof, out: Path) -> str | None:
    """Write the shortest story that can be played; the file, or None where there is none, which is said."""
    from msgspec.structs import replace

    from orchestrator.config.scenarios import scenario_text
    from orchestrator.drill.from_story import scenario_of_story
    from orchestrator.report.drill import scenario_remarks

    from .output_files import SCENARIO, save

    why = [] if proof.counterexamples else ["no law broke"]
    for found in proof.counterexamples:
        try:
            made = scenario_of_story(playbook, found, proof.file)
        except UsageError as error:
            why.append(f"{found.broken.law.value}: {error.message}")
            continue
        text = scenario_text(made, scenario_remarks(f"the proof of {proof.playbook}", ()))
        save(text, out, replace(SCENARIO, option="--scenario"))
        return str(out)
    invocation.console.note(f"No scenario was written: {'; '.join(dict.fromkeys(why))}.", "warn")
    return None


class _Progress:
    """How far a proof is: in place on a terminal; else a line now and then, and nothing where a program reads along."""

    def __init__(self, stream: Stream | None, routes: int) -> None:
        self._stream = stream
        self._routes = routes
        self._told = 0.0

    def tell(self, done: Sequence[Route], explored: Explored) -> None:
        """Show how far it is, where it was not shown just now."""
        from orchestrator.report.proof import progress_line

        stream = self._stream
        if stream is None or explored.seconds < self._told + (EVERY if stream.redraws else SELDOM):
            return
        self._told = explored.seconds
        show = stream.passing if stream.redraws else stream.page
        show((progress_line(len(done), self._routes, explored),))


def _seconds(text: str) -> float:
    from orchestrator.config import duration

    try:
        return duration(text).total_seconds()
    except ValueError as error:
        raise UsageError(f"--budget {text[:40]!r}: {error}") from error


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


_PORT = click.IntRange(0, 65535)


@click.command()
@click.option(
    "--primary-port", type=_PORT, default=0, metavar="N", help="The primary's port. [default: a free one]"
)
@click.option(
    "--secondary-port", type=_PORT, default=0, metavar="N", help="The secondary's port. [default: a free one]"
)
@click.option(
    "--wire",
    type=click.Choice(["snake", "pascal"]),
    default="snake",
    help="The casing of answers. [default: snake]",
)
@click.option(
    "--mirror",
    default="off",
    metavar="on|off|SECONDS",
    help="Whether a write to one org shows on the other, at once or after so many seconds. [default: off]",
)
@click.option(
    "--status",
    default="PASSIVE",
    metavar="STATUS",
    help="Where both orgs start; ABSENT for no record. [default: PASSIVE]",
)
@options.path(
    "--inventory-out",
    "The inventory that is written, with its keys in a folder beside it. [default: pairs.yaml; sim-pairs.yaml "
    "where that is somebody's own, or another simulator's that still serves it]",
)
@click.option(
    "--pairs",
    "number",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Serve so many pairs, sim-0001 and on, behind the same two ports. [default: one, sim]",
)
@options.path("--faults", "What goes wrong, and at which requests: a fault script.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="Faults drawn from a number: the same for the same one. Beside those of --faults.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="ORG:QUERY=VALUE",
    help="What a query of an org shows: a number, 'no data', 'no value' (a null), or numbers with commas between "
    "them, which are spread over the window. May be repeated. [default: 12 for every query]",
)
@click.option(
    "--monitor",
    "monitors",
    multiple=True,
    metavar="ORG:ID=STATE",
    help="The state of an org's monitor, or absent for one that is not there. May be repeated. "
    "[default: OK for every id]",
)
@click.option(
    "--traffic",
    default="everywhere",
    metavar="everywhere|follows|SECONDS",
    help="Where Agents report: in both orgs; or in the secondary only while its status is FAILOVER or ACTIVE, at "
    "once or so many seconds later. Queries that no --metric names go by it. [default: everywhere]",
)
@click.pass_obj
def simulate(invocation: Invocation, /, **flags: Any) -> None:
    """Serve two simulated regions on loopback ports.

    Says what to type in another terminal when both listen, and serves until Ctrl-C or SIGTERM. To a program that
    reads its stdout it prints one line of JSON instead: the URLs, uuids and made-up keys of both orgs, and the inventory
    that was written; with --pairs, the URLs and how many pairs there are. Each pair then has what --faults says, and
    faults of its own drawn from --seed.

    For http probes, each URL also has /health and /api/v2/components.json, a status page.
    """
    from .simulating import RegionFlags, serve_regions

    serve_regions(invocation, RegionFlags(**flags))
