"""`hamr check`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode, Problem
    from orchestrator.model.playbook import Playbook


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@options.takes("pairs", "playbook", "json")
def check(opening: Opening, files: tuple[Path, ...]) -> ExitCode:
    """Show everything that is wrong with inventory and playbooks, at once.

    Without files, the inventory and the playbook that the other commands would use. No key is fetched, and nothing
    is sent. Exits with 2 where something is wrong. A hook whose program is not on this machine is noted, and is not
    wrong: it may be on the one that runs it.
    """
    from orchestrator.config import check_file
    from orchestrator.errors import ExitCode
    from orchestrator.report.documents import document
    from orchestrator.report.layout import Line, Span, paragraph

    found: list[tuple[str, str, tuple[Problem, ...]]] = []
    missing: tuple[Problem, ...] = ()
    notes: list[str] = []
    if files:
        paths = list(dict.fromkeys(files))
    else:
        paths, missing = _usual(opening)
    for path in paths:
        checked = check_file(path)
        found.append((str(path), checked.kind or "", checked.problems))
        notes += [] if checked.playbook is None else _notes(str(path), checked.playbook)
    page: list[Line] = []
    for file, kind, problems in found:
        if not problems:
            page.append((Span("fine  ", "good"), Span(f"{file}"), Span(f"  ({kind})", "dim")))
    for note in notes:
        page += paragraph(f"note  {note}", "warn", hanging=6)
    problems_of_all = [*missing, *(problem for _, _, problems in found for problem in problems)]
    for problem in problems_of_all:
        page += paragraph(str(problem), "bad", hanging=2)
    opening.front.console.facts(
        tuple(page),
        document(
            "hamr/check/1",
            {
                "fine": not problems_of_all,
                "files": [
                    {"file": file, "kind": kind, "fine": not problems} for file, kind, problems in found
                ],
                "notes": [*notes],
                "problems": [
                    {"file": one.file, "line": one.line, "column": one.column, "message": one.message}
                    for one in problems_of_all
                ],
            },
        ),
    )
    return ExitCode.USAGE if problems_of_all else ExitCode.DONE


def _notes(file: str, playbook: Playbook) -> Iterator[str]:
    """What is not wrong with a playbook, and would go wrong with a run of it on this machine."""
    from orchestrator.model.hook import Program, When

    for transition in playbook.transitions:
        for when in When:
            for hook in transition.hooks(when):
                if not isinstance(hook.what, Program):
                    continue
                from orchestrator.system.programs import find_program

                if find_program(hook.what.run[0], os.environ) is None:
                    yield (
                        f"{file}: hook {transition.name}/{hook.name}: {hook.what.run[0]} is not on this machine, or cannot be "
                        "run: it would fail here."
                    )


def _usual(opening: Opening) -> tuple[list[Path], tuple[Problem, ...]]:
    """The files that the other commands would use, and a problem for each that is not there."""
    from orchestrator.config import find_inventory, find_playbook
    from orchestrator.errors import Problem, UsageError

    paths: list[Path] = []
    missing: list[Problem] = []
    try:
        paths.append(find_inventory(opening.pairs, os.environ, Path()))
    except UsageError as error:
        missing.append(
            Problem(opening.pairs or os.environ.get("HAMR_PAIRS") or "pairs.yaml", 0, 0, error.message)
        )
    try:
        paths.append(find_playbook(opening.playbook_name()))
    except UsageError as error:
        missing.append(Problem(opening.playbook_name(), 0, 0, error.message))
    return paths, tuple(missing)
