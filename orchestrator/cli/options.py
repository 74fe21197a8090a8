"""The options that several verbs share, each described once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from . import completion
from .invocation import Invocation

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]


def file(flag: str, words: str) -> Decorator:
    """A file to write to, or to read; `words` say which."""
    return click.option(flag, metavar="FILE", shell_complete=completion.files, help=words)


def path(flag: str, words: str) -> Decorator:
    """The same as a Path."""
    return click.option(flag, metavar="FILE", type=click.Path(path_type=Path), help=words)


def at_once(words: str) -> Decorator:
    """How many pairs at the same time."""
    return click.option(
        "--at-once", type=click.IntRange(1, 256), default=8, metavar="N", help=f"{words} [default: 8]"
    )


def log_level(default: str) -> Decorator:
    """The least that is logged."""
    return click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        envvar="HAMR_LOG_LEVEL",
        default=default,
        metavar="LEVEL",
        help=f"The least that is logged: debug, info, warning or error. [env: HAMR_LOG_LEVEL; default: {default}]",
    )


_SHARED: Mapping[str, Decorator] = {
    "pairs": file("--pairs", "The inventory. [env: HAMR_PAIRS; default: ./pairs.yaml]"),
    "playbook": click.option(
        "--playbook",
        shell_complete=completion.playbooks,
        metavar="PLAYBOOK",
        help="A playbook's file, or the name of one that ships with hamr. "
        "[env: HAMR_PLAYBOOK; default: regional-failover]",
    ),
    "journal": click.option(
        "--journal",
        shell_complete=completion.files,
        metavar="JOURNAL",
        help="The audit journal: a file, or a team's postgresql://USER@HOST/DATABASE. [env: HAMR_JOURNAL; default: ~/.local/state/hamr/journal.db]",
    ),
    "operator": click.option(
        "--operator",
        metavar="NAME@HOST",
        help="Who is at the keyboard, as the records and the journal will say. "
        "[env: HAMR_OPERATOR; default: the login name at this machine]",
    ),
    "json": click.option("--json", is_flag=True, help="Print JSON on stdout, and everything else on stderr."),
    "log_format": click.option(
        "--log-format",
        type=click.Choice(["auto", "console", "json"]),
        envvar="HAMR_LOG_FORMAT",
        default="auto",
        metavar="FORM",
        help="The log on stderr: console, json, or auto, which is console on a terminal. "
        "[env: HAMR_LOG_FORMAT; default: auto]",
    ),
    "log_level": log_level("warning"),
}

LOOKING = ("pairs", "playbook", "journal", "operator", "json", "log_format", "log_level")
"""What a verb takes that looks at a pair, or acts on it."""

READING = ("journal", "json", "log_format", "log_level")
"""What a verb takes that reads the journal alone."""


def takes(*names: str) -> Decorator:
    """Give a verb these shared options: it gets them all as the Invocation, its first argument."""

    def decorate(command: Command) -> Command:
        @click.pass_context
        @functools.wraps(command)
        def wrapper(context: click.Context, /, **values: Any) -> Any:
            invocation: Invocation = context.obj
            invocation.json, invocation.asks = False, not values.pop("yes", True)
            given: dict[str, str] = {}
            for name in names:
                value = values.pop(name)
                setattr(invocation, name, value)
                if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                    given[name] = _shown(str(value))
            invocation.typed.options, invocation.typed.verb = given, context.command_path.partition(" ")[2]
            _ = invocation.console  # which pages are fitted to: made before any of them
            return command(invocation, **values)

        taking: Command = wrapper
        for name in reversed(names):
            taking = _SHARED[name](taking)
        return taking

    return decorate


def _shown(value: str) -> str:
    """What may be printed of an option's value: an address without its password (law 17)."""
    if "://" not in value:
        return value
    from orchestrator.journal import without_password

    return without_password(value)


def selection(command: Command) -> Command:
    """Which pairs of many: names, labels, or all; the verb gets them as one Selection, called `which`."""

    @functools.wraps(command)
    def taking(*, names: tuple[str, ...], labels: tuple[str, ...], everything: bool, **values: Any) -> Any:
        from orchestrator.fleet.selection import Selection

        return command(which=Selection(names, labels, everything), **values)

    selecting: Command = taking
    for option in (
        click.option("--all", "everything", is_flag=True, help="Every pair of the inventory."),
        click.option(
            "--select",
            "labels",
            metavar="LABEL=VALUE,…",
            multiple=True,
            help="Pairs with these labels, all of which have to hold; a value may be a pattern. Given several times, "
            "pairs of any of them.",
        ),
        click.argument("names", metavar="[PAIR]...", nargs=-1, shell_complete=completion.pairs),
    ):
        selecting = option(selecting)
    return selecting


pair = click.argument("pair", shell_complete=completion.pairs)

yes = click.option("--yes", is_flag=True, help="Do not ask; for automation.")
"""The verb gets it as `invocation.asks`."""

to = click.option(
    "--to",
    required=True,
    metavar="STATUS",
    shell_complete=completion.stops,
    help="Where to: a stop of the playbook, such as ACTIVE.",
)

emergency = click.option(
    "--emergency",
    is_flag=True,
    help="Finish with the surviving org alone, without waiting for the dead region. Wants --reason.",
)

reason = click.option("--reason", metavar="TEXT", default="", help="Why; the journal keeps it.")

required_reason = click.option("--reason", metavar="TEXT", required=True, help="Why; the journal keeps it.")

override = click.option(
    "--override",
    "overrides",
    metavar="GUARD=REASON",
    shell_complete=completion.overrides,
    multiple=True,
    help="Let this guard go, for this run alone. May be given several times.",
)

ref = click.option(
    "--ref", metavar="TICKET", default="", help="A ticket or incident number, for the journal."
)

since = click.option(
    "--since",
    metavar="TIME",
    help="When the incident began, which objectives are counted from: HH:MM in UTC, a duration ago such as 12m, "
    "or 2026-11-22T03:15:00Z. [default: the start of the run]",
)


html = file("--html", "Write one self-contained page, to be opened in a browser; - for stdout.")

at = click.option(
    "--at",
    metavar="TIME",
    help="Wait until then, without the pair's lock, and begin: HH:MM in UTC, a duration such as 2h, or "
    "2026-11-22T03:15:00Z; at most 7 days. Not with --emergency.",
)

expect = click.option(
    "--expect",
    metavar="STATUS",
    help="Refuse (exit 4) where the pair does not stand there when the run begins. Not with --emergency.",
)


def run_flags(command: Command) -> Command:
    """The flags that say what a run, or a plan of one, is to do."""
    for option in (since, ref, override, reason, emergency, to):
        command = option(command)
    return command
