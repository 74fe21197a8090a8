"""`hamr init`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@options.takes("json")
def init(opening: Opening, folder: Path) -> ExitCode:
    """Write a commented inventory and playbooks to start from.

    Into DIR, or the folder that you are in: pairs.yaml, and a copy of each playbook that ships with hamr, which then
    goes before the original. A file that is there already is left as it is.
    """
    from orchestrator.config import shipped_playbooks, starter_inventory
    from orchestrator.errors import ExitCode
    from orchestrator.report.documents import document
    from orchestrator.report.layout import Line, Span, next_commands

    texts = {"pairs.yaml": starter_inventory()}
    texts |= {path.name: path.read_text("utf-8") for path in shipped_playbooks().values()}
    written: list[str] = []
    kept: list[str] = []
    for name, text in texts.items():
        (written if _write(folder, name, text) else kept).append(str(folder / name))
    page: list[Line] = [
        *((Span("wrote  ", "good"), Span(file)) for file in written),
        *((Span("kept   ", "warn"), Span(f"{file}, which was there already")) for file in kept),
    ]
    here = [] if folder == Path() else [f"cd {shlex.quote(str(folder))}"]
    steps = [*here, "$EDITOR pairs.yaml", "hamr check", "hamr status payments"]
    opening.front.console.facts(
        (*page, *next_commands(steps)), document("hamr/init/1", {"written": [*written], "kept": [*kept]})
    )
    return ExitCode.DONE


def _write(folder: Path, name: str, text: str) -> bool:
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
            f"{folder / name} cannot be written: {words}.", next_steps=("hamr init DIR   # somewhere else",)
        ) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return True
