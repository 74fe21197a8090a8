"""`hamr demo | check | graph | schema | completion`: verbs that need no pair yet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.errors import ExitCode, Problem, UsageError

from . import completion as shell
from . import options
from .invocation import Invocation

if TYPE_CHECKING:
    from orchestrator.config import Kind
    from orchestrator.config.check import Checked


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the inventory and the journal are left. [default: a new folder for temporary files]",
)
@click.pass_obj
def demo(invocation: Invocation, folder: Path | None) -> ExitCode:
    """The whole cycle on the built-in simulator, one lost answer included.

    Starts two simulated regions on free loopback ports, shows where the pair stands and what a run would do, fails it
    over to ACTIVE, brings it home to PASSIVE, and verifies the journal. Takes about ten seconds and needs no keys.
    """
    import tempfile

    from orchestrator.drill.demo import demonstrate

    from .run_command import RunCommand

    place = Path(tempfile.mkdtemp(prefix="hamr-demo-")) if folder is None else folder.absolute()
    command, show = RunCommand(invocation), invocation.console.out.page
    return command.supervise(demonstrate(place, show, command.watchers, command.controls))


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@options.takes("pairs", "playbook", "json")
def check(invocation: Invocation, files: tuple[Path, ...]) -> ExitCode:
    """Show everything that is wrong with inventory and playbooks, at once.

    Without files, the inventory and the playbook that the other commands would use. No key is fetched, and nothing
    is sent. Exits with 2 where something is wrong; so is a page that the playbook asks and a pair does not give, and
    a transition that writes one org alone where a pair does not mirror. With several playbooks these are noted: each may
    be meant for other pairs. A hook whose program is not on this machine is noted, and is not wrong: it may be on the
    one that runs it. So is a playbook without a way out in an emergency, and a uuid that hamr init made up.
    """
    from orchestrator.config import check_file, misfits
    from orchestrator.report.documents import document, fields_fact
    from orchestrator.report.errors import problem_lines
    from orchestrator.report.layout import Line, Span, paragraph

    console = invocation.console  # it knows how wide the page may be
    paths, problems = (list(dict.fromkeys(files)), list[Problem]()) if files else _usual_files(invocation)
    found = [(str(path), check_file(path)) for path in paths]
    problems += [problem for _, checked in found for problem in checked.problems]
    notes = [note for file, checked in found for note in _notes(file, checked)]
    unfit = misfits(checked for _, checked in found)
    if sum(checked.playbook is not None for _, checked in found) > 1:  # each may be meant for other pairs
        notes += [f"{each.file}:{each.line}: {each.message}." for each in unfit]
    else:
        problems += unfit
    wrong = {problem.file for problem in problems}
    page: list[Line] = [
        (Span("fine  ", "good"), Span(file), Span(f"  ({checked.kind or ''})", "dim"))
        for file, checked in found
        if file not in wrong
    ]
    for note in notes:
        page += paragraph(f"note  {note}", "warn", hanging=6)
    page += problem_lines(problems)
    kinds = ((file, checked.kind or "", file not in wrong) for file, checked in found)
    fields = {
        "fine": not problems,
        "files": [{"file": file, "kind": kind, "fine": fine} for file, kind, fine in kinds],
        "notes": notes,
        "problems": [fields_fact(one, but=("excerpt",)) for one in problems],
    }
    console.facts(tuple(page), document("hamr/check/1", fields))
    return ExitCode.USAGE if problems else ExitCode.DONE


def _usual_files(invocation: Invocation) -> tuple[list[Path], list[Problem]]:
    """The inventory and the playbook that the other commands would use; a problem for each that is not there."""
    from orchestrator.config import find_inventory, find_playbook

    inventory = invocation.pairs or os.environ.get("HAMR_PAIRS") or "pairs.yaml"
    playbook = invocation.sources.playbook_name()
    finds: tuple[tuple[str, Callable[[], Path]], ...] = (
        (inventory, lambda: find_inventory(invocation.pairs, os.environ, Path())),
        (playbook, lambda: find_playbook(playbook)),
    )
    paths: list[Path] = []
    problems: list[Problem] = []
    for named, find in finds:
        try:
            paths.append(find())
        except UsageError as error:
            problems.append(Problem(named, 0, 0, error.message))
    return paths, problems


def _notes(file: str, checked: Checked) -> Iterator[str]:
    """What is not wrong with a file, and yet would go wrong with it: in an emergency, with these orgs, or on this machine."""
    from orchestrator.config.starter import NO_UUIDS
    from orchestrator.system.programs import find_program

    if checked.playbook is not None and checked.playbook.helpless:
        yield (
            f"{file}: no transition on the way to ACTIVE names a survivor: while a region is dead, nothing can be done "
            "with this playbook."
        )
    for pair in () if checked.inventory is None else checked.inventory.pairs:
        if any(org.uuid == NO_UUIDS[org.role] for org in pair.orgs):
            yield f"{file}: pair {pair.name} still has uuids that hamr init made up: put in those of its orgs."
    for transition in () if checked.playbook is None else checked.playbook.transitions:
        for _, hook, program in transition.programs():
            if find_program(program, os.environ) is None:
                yield (
                    f"{file}: hook {transition.name}/{hook.name}: {program} is not on this machine, or cannot be run: "
                    "it would fail here."
                )


@click.command()
@click.argument("playbook", required=False, shell_complete=shell.playbooks)
@options.takes("json")
def graph(invocation: Invocation, playbook: str | None) -> None:
    """Draw a playbook's state machine, as Mermaid.

    PLAYBOOK is a file, or the name of one that ships with hamr (regional-failover). The diagram is made from the
    same table that runs are made from; GitHub, GitLab and mermaid.live draw it.
    """
    from orchestrator.report.documents import document
    from orchestrator.report.graph import mermaid

    invocation.playbook = playbook
    found = invocation.load_playbook()
    diagram = mermaid(found)
    if invocation.json:
        invocation.console.document(document("hamr/graph/1", {"playbook": found.name, "mermaid": diagram}))
    else:
        invocation.console.out.text(diagram)


@click.command()
@click.argument("kind", type=click.Choice(["inventory", "playbook", "scenario"]))
@click.pass_obj
def schema(invocation: Invocation, kind: Kind) -> None:
    """Print the JSON Schema of an inventory, a playbook or a scenario, for editors.

    With it an editor completes keys and marks mistakes; hamr check finds the rest.
    """
    from orchestrator.config import schema_of
    from orchestrator.report.documents import to_json

    invocation.console.out.text(to_json(schema_of(kind)))


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(shell.SHELLS))
@click.pass_obj
def completion(invocation: Invocation, shell: str) -> None:
    """Print what lets a shell complete hamr's commands.

    SHELL is bash, zsh or fish. It completes verbs, options, pairs, statuses, runs, guards, playbooks and scenarios. It
    writes nothing, asks no org and no key, and what cannot be read completes to nothing. In ~/.bashrc:
    source <(hamr completion bash)
    """
    from .completion import script
    from .group import COMPLETION, hamr

    invocation.console.out.text(script(shell, hamr, COMPLETION))
