"""`hamr prove`: a playbook through every combination of faults, in memory, before the incident."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.errors import ExitCode, UsageError

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

    from .output_files import PROOF, SCENARIO, refuse_misplaced, written_whole

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
        with written_whole(out, PROOF) as file:
            file.write(to_json(proof_json(proof)).encode())
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

    from .output_files import SCENARIO, written_whole

    why = [] if proof.counterexamples else ["no law broke"]
    for found in proof.counterexamples:
        try:
            made = scenario_of_story(playbook, found, proof.file)
        except UsageError as error:
            why.append(f"{found.broken.law.value}: {error.message}")
            continue
        text = scenario_text(made, scenario_remarks(f"the proof of {proof.playbook}", ()))
        with written_whole(out, replace(SCENARIO, option="--scenario")) as file:
            file.write(text.encode())
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
        page = (progress_line(len(done), self._routes, explored),)
        if stream.redraws:
            stream.passing(page)
        else:
            stream.page(page)


def _seconds(text: str) -> float:
    from orchestrator.config import duration

    try:
        return duration(text).total_seconds()
    except ValueError as error:
        raise UsageError(f"--budget {text[:40]!r}: {error}") from error
