"""Every command that a message names can be typed: its verb and its flags exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

from orchestrator.cli.group import hamr

ROOT = Path(__file__).parents[2]

SOURCES = sorted((ROOT / "orchestrator").rglob("*.py"))

COMMAND = re.compile(r"hamr (?P<verb>[a-z]+)(?P<rest>.*)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def commands(source: str) -> Iterator[str]:
    """Texts of a module that begin with a command; what a format puts in is written as X."""
    nodes = [*ast.walk(ast.parse(source))] if "hamr " in source else []
    inner = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def flags_of(verb: str) -> set[str]:
    command = hamr.get_command(click.Context(hamr), verb)
    assert command is not None, f"there is no hamr {verb}"
    parts = [command, *command.commands.values()] if isinstance(command, click.Group) else [command]
    return {name for part in parts for option in part.params for name in option.opts} | {"--help"}


def test_a_command_that_a_message_names_can_be_typed() -> None:
    texts = [(path, text) for path in SOURCES for text in commands(path.read_text("utf-8"))]
    named = [(path, found) for path, text in texts if (found := COMMAND.fullmatch(text))]
    assert len(named) > 20
    for path, found in named:
        if found["verb"] in {"inventory", "playbook", "has"}:  # titles of schemas, and a sentence
            continue
        first = re.split(r"&&|[;#]", found["rest"])[0]
        assert set(FLAG.findall(first)) <= flags_of(found["verb"]), f"{path}: {found[0]}"
