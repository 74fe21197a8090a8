"""The help in docs/reference/commands.md: `python -m tests.docs.commands` writes the real one into the page."""

from __future__ import annotations

import re
from pathlib import Path

import click
from click.testing import CliRunner

from orchestrator.cli.group import NAMES, hamr

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"

WIDTH = 100

BLOCK = re.compile(r"<!-- help: (?P<command>[a-z ]+) -->\n```text\n(?P<text>.*?)```\n", re.DOTALL)
"""One command's help within the page."""


def helps() -> dict[str, str]:
    """Every command's own help, by what is typed, subcommands included."""
    found = {"hamr": _help()}
    for verb in NAMES:
        found[f"hamr {verb}"] = _help(verb)
        command = hamr.get_command(click.Context(hamr), verb)
        assert command is not None
        if isinstance(command, click.Group):
            found |= {f"hamr {verb} {part}": _help(verb, part) for part in command.commands}
    return found


def _help(*words: str) -> str:
    command: click.Command | None = hamr
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    if command is not None:
        command._help_option = None  # click keeps the one that it made first, for whoever asked
    return CliRunner().invoke(hamr, [*words, "--help"], prog_name="hamr", terminal_width=WIDTH).stdout


def filled(page: str) -> str:
    """The page with the real help in each of its blocks."""
    real = helps()
    return BLOCK.sub(
        lambda block: f"<!-- help: {block['command']} -->\n```text\n{real[block['command']]}```\n", page
    )


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
