"""`hamr demo | init | check | graph | schema`: verbs that need no pair yet."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from orchestrator.errors import ExitCode
from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep

from . import options
from .invocation import Invocation


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
    return command.supervise(
        demonstrate(place, show, lambda pair: command.watchers(pair)[0], command.controls)
    )


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@options.takes("json")
def init(invocation: Invocation, folder: Path) -> ExitCode:
    """Write a commented inventory and playbooks to start from.

    Into DIR, or the folder that you are in: pairs.yaml, and a copy of each playbook that ships with hamr, which then
    goes before the original. A file that is there already is left as it is.
    """
    from orchestrator.config import shipped_playbooks, starter_inventory
    from orchestrator.report.documents import document
    from orchestrator.report.layout import Span, next_commands

    texts = {"pairs.yaml": starter_inventory()}
    texts |= {path.name: path.read_text("utf-8") for path in shipped_playbooks().values()}
    written: list[str] = []
    kept: list[str] = []
    for name, text in texts.items():
        (written if _write_new(folder, name, text) else kept).append(str(folder / name))
    here = [] if folder == Path() else [next_step.shell(f"cd {shlex.quote(str(folder))}")]
    page = (
        *((Span("wrote  ", "good"), Span(file)) for file in written),
        *((Span("kept   ", "warn"), Span(f"{file}, which was there already")) for file in kept),
        *next_commands(
            [*here, next_step.shell("$EDITOR pairs.yaml"), next_step.check(), next_step.status("payments")]
        ),
    )
    invocation.console.facts(page, document("hamr/init/1", {"written": [*written], "kept": [*kept]}))
    return ExitCode.DONE


def _write_new(folder: Path, name: str, text: str) -> bool:
    """Write a file that is not there yet; False where it is.

    Raises:
        UsageError: DIR is a file.
        PreparationError: it cannot be written.
    """
    from orchestrator.errors import PreparationError, UsageError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        if not folder.is_dir():
            raise UsageError(f"{folder} is a file, and hamr init writes into a folder.") from None
        return False
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise PreparationError(
            f"{folder / name} cannot be written: {words}.",
            next_steps=(NextStep("init", "DIR", why="write somewhere else"),),
        ) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return True


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@options.takes("pairs", "playbook", "json")
def check(invocation: Invocation, files: tuple[Path, ...]) -> ExitCode:
    """Show everything that is wrong with inventory and playbooks, at once.

    Without files, the inventory and the playbook that the other commands would use. No key is fetched, and nothing
    is sent. Exits with 2 where something is wrong. A hook whose program is not on this machine is noted, and is not
    wrong: it may be on the one that runs it.
    """
    from orchestrator.config import check_file, find_inventory, find_playbook
    from orchestrator.errors import Problem, UsageError
    from orchestrator.report.documents import document
    from orchestrator.report.layout import Line, Span, paragraph

    paths = list(dict.fromkeys(files))
    problems: list[Problem] = []
    if not files:
        named = invocation.pairs or os.environ.get("HAMR_PAIRS") or "pairs.yaml"
        playbook = invocation.sources.playbook_name()
        try:
            paths.append(find_inventory(invocation.pairs, os.environ, Path()))
        except UsageError as error:
            problems.append(Problem(named, 0, 0, error.message))
        try:
            paths.append(find_playbook(playbook))
        except UsageError as error:
            problems.append(Problem(playbook, 0, 0, error.message))
    found = [(str(path), check_file(path)) for path in paths]
    problems += [problem for _, checked in found for problem in checked.problems]
    programs = [
        (f"{file}: hook {transition.name}/{hook.name}", program)
        for file, checked in found
        if checked.playbook is not None
        for transition in checked.playbook.transitions
        for _, hook, program in transition.programs()
    ]
    notes: list[str] = []
    if programs:  # not wrong with a playbook, yet a run of it on this machine would go wrong
        from orchestrator.system.programs import find_program

        notes = [
            f"{hook}: {program} is not on this machine, or cannot be run: it would fail here."
            for hook, program in programs
            if find_program(program, os.environ) is None
        ]
    page: list[Line] = [
        (Span("fine  ", "good"), Span(file), Span(f"  ({checked.kind or ''})", "dim"))
        for file, checked in found
        if not checked.problems
    ]
    for note in notes:
        page += paragraph(f"note  {note}", "warn", hanging=6)
    for problem in problems:
        page += paragraph(str(problem), "bad", hanging=2)
    invocation.console.facts(
        tuple(page),
        document(
            "hamr/check/1",
            {
                "fine": not problems,
                "files": [
                    {"file": file, "kind": checked.kind or "", "fine": not checked.problems}
                    for file, checked in found
                ],
                "notes": [*notes],
                "problems": [
                    {"file": one.file, "line": one.line, "column": one.column, "message": one.message}
                    for one in problems
                ],
            },
        ),
    )
    return ExitCode.USAGE if problems else ExitCode.DONE


@click.command()
@click.argument("playbook", required=False)
@options.takes("json")
def graph(invocation: Invocation, playbook: str | None) -> ExitCode:
    """Draw a playbook's state machine, as Mermaid.

    PLAYBOOK is a file, or the name of one that ships with hamr (regional-failover). The diagram is made from the
    same table that runs are made from; GitHub, GitLab and mermaid.live draw it.
    """
    from orchestrator.report.documents import document
    from orchestrator.report.graph import mermaid

    invocation.playbook = playbook
    found = invocation.load_playbook()
    if invocation.json:
        invocation.console.document(
            document("hamr/graph/1", {"playbook": found.name, "mermaid": mermaid(found)})
        )
    else:
        invocation.console.out.text(mermaid(found))
    return ExitCode.DONE


@click.command()
@click.argument("kind", type=click.Choice(["inventory", "playbook", "scenario"]))
@click.pass_obj
def schema(invocation: Invocation, kind: str) -> ExitCode:
    """Print the JSON Schema of an inventory, a playbook or a scenario, for editors.

    With it an editor completes keys and marks mistakes; hamr check finds the rest.
    """
    from orchestrator.config import inventory_schema, playbook_schema, scenario_schema
    from orchestrator.report.documents import to_json

    schemas = {"inventory": inventory_schema, "playbook": playbook_schema, "scenario": scenario_schema}
    invocation.console.out.text(to_json(schemas[kind]()))
    return ExitCode.DONE
