"""Finding the `hamr …` command lines of a page, and holding them against the real command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
from msgspec import Struct

from orchestrator.cli.group import hamr

_FENCE = re.compile(r"^```")
_SHELL_ENDS = frozenset({"|", "||", "&&", ">", ">>", "<", "#", ";"})
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*(=[A-Z]+)?")
_LEFT_OUT = frozenset({"…", "...", "[OPTIONS]", "[ARGS]..."})


class CommandLine(Struct, frozen=True):
    """One command line of a page."""

    page: str
    line: int
    text: str
    whole: bool
    """Whether it is there to be typed as it is; else it is mentioned in a sentence, perhaps by its name alone."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def command_lines(page: str, text: str) -> Iterator[CommandLine]:
    """Every `hamr …` in a block of code, and in code marks within a sentence."""
    fenced = advised = False
    for number, line in enumerate(text.splitlines(), start=1):
        if _FENCE.match(line):
            fenced = not fenced
            continue
        if fenced:
            # Output holds sentences, too, that begin with the program's name.
            found = re.match(r"(?:\$ |  )(hamr .*)$", line)
            if found is not None and (advised or line.startswith("$ ")):
                yield CommandLine(page, number, found[1], whole=True)
            advised = line == "Next" or (
                advised and line.startswith("  ")
            )  # what each is for stands below it
            continue
        if line.startswith("    "):
            found = re.match(r"\s*(?:\$ |(?:[A-Z_]+=\S+ )+)?(hamr(?: .*)?)$", line)
            if found is not None and found[1] != "hamr":
                yield CommandLine(page, number, found[1], whole=True)
            continue
        for code in re.findall(r"`([^`]+)`", line):
            if code == "hamr" or code.startswith("hamr "):
                yield CommandLine(page, number, code, whole=False)


def complaint(line: CommandLine) -> str | None:
    """Why the real command line would not take it; None where it would."""
    words = _words(line.text)
    command: click.Command = hamr
    context = click.Context(hamr, info_name="hamr")
    while isinstance(command, click.Group):
        name = words[0] if words else None
        if name is None or name.startswith("-") or _PLACEHOLDER.fullmatch(name):
            break
        found = command.get_command(context, name)
        if found is None:
            return f"there is no command {name}"
        command, words = found, words[1:]
        context = click.Context(command, info_name=name, parent=context)
    return _complaint(command, context, words, whole=line.whole)


def _words(text: str) -> list[str]:
    words = shlex.split(text.removeprefix("hamr"), posix=True)
    ends = [index for index, word in enumerate(words) if word in _SHELL_ENDS]
    return [word.strip("[]") for word in words[: min(ends, default=len(words))] if word not in _LEFT_OUT]


def _complaint(
    command: click.Command, context: click.Context, words: list[str], *, whole: bool
) -> str | None:
    if isinstance(command, click.Group):
        words = [word for word in words if not _PLACEHOLDER.fullmatch(word)]
    try:
        values, rest, _ = command.make_parser(context).parse_args(args=list(words))
    except click.UsageError as error:
        return error.format_message()
    if rest:
        return f"more arguments than it takes: {rest}"
    for param in command.get_params(context):
        value = values.get(param.name or "")
        missing = value is None or value == ()
        if missing and whole and param.required and "--help" not in words:
            return f"{param.human_readable_name} is missing"
        if isinstance(value, str) and not _PLACEHOLDER.fullmatch(value):
            try:
                param.type.convert(value, param, context)
            except click.UsageError as error:
                return error.format_message()
    return None
