"""The command group: verbs loaded when they are used, one place where every command begins and ends."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

from orchestrator import __version__

from .invocation import Invocation

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Start": {
        "demo": "The whole cycle on the built-in simulator, one lost answer included.",
        "init": "Write an inventory and a playbook to start from, and their schemas for your editor.",
        "check": "Show everything that is wrong with inventory and playbooks, at once.",
        "graph": "Draw a playbook's state machine, as Mermaid.",
        "schema": "Print the JSON Schema of an inventory, a playbook or a scenario, for editors.",
        "completion": "Print what lets a shell complete hamr's commands.",
    },
    "Look": {
        "status": "Show both orgs, where the pair stands, and what to type next.",
        "plan": "Show what a run would send, to whom, and what if it goes wrong.",
        "doctor": "Find out whether a pair is ready, for a planned run and for an emergency.",
        "readiness": "Show how ready pairs are and were, and what got worse.",
    },
    "Act": {
        "run": "Move a pair to a status.",
        "apply": "Run a saved plan, exactly.",
        "approve": "Agree to what somebody else's run or plan does.",
        "resume": "Take up an open run again, or deliver what is owed.",
        "adopt": "Make a diverged pair agree, by the org that is right.",
        "unlock": "Break a pair's lock, by its id.",
        "cancel": "Let a run that waits for its time not begin.",
        "ack": "Take note of a finished run, which ends its cooling down.",
    },
    "Many pairs": {
        "fleet": "Look at many pairs, and move them in waves.",
        "worker": "Bring pairs on for fleet runs, and do what the schedule wants, until it is stopped.",
    },
    "Journal": {
        "runs": "List the runs in the journal.",
        "show": "Show one run, step by step.",
        "report": "Show what a run or a drill did, and what is left to do.",
        "audit": "Verify the journal, export it, or print its head.",
        "journal": "Lay out a team's journal, or merge an emergency's records into it.",
    },
    "Practice": {
        "prove": "Prove a playbook: the real engine, through every combination of faults, in memory.",
        "drill": "Rehearse a failover, out and home again, with a score.",
        "simulate": "Serve two simulated regions on loopback ports.",
    },
}
"""The verbs, as `hamr --help` lists them, which so need not load a single one; each verb's own help begins the same."""

_MODULES: Mapping[str, str] = {verb: title.lower() for title, verbs in SECTIONS.items() for verb in verbs} | {
    "init": "init",
    "fleet": "fleet",
    "worker": "fleet",
}
"""The module beside this one that holds a verb, as an attribute of the same name."""

NAMES: tuple[str, ...] = tuple(_MODULES)
"""All verbs, in order."""

COMPLETION = "_HAMR_COMPLETE"
"""What a shell sets to ask for completions, by the script that `hamr completion SHELL` prints."""

_EPILOG = (
    "Each command says more with --help. Exit codes, and every command with its options: docs/reference/."
)

_BARE: type[click.UsageError] | tuple[()] = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""`hamr` or `hamr drill` and nothing more: help is wanted. Before 8.2 click shows it by itself, and raises nothing."""


class VerbGroup(click.Group):
    """Knows its verbs by name, and loads the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All verbs, in the order of the sections."""
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The verb of that name, loaded now."""
        if cmd_name not in _MODULES:
            return None
        command = getattr(importlib.import_module(f"{__package__}.{_MODULES[cmd_name]}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - what a verb's module promises
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that is meant; a UsageError that says what it is likely to be."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], NAMES, 1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """The verbs in their sections."""
        for title, verbs in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(verbs.items()), col_max=12)

    def main(
        self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any
    ) -> NoReturn:
        """Run one command line and exit: whatever goes wrong on the way ends as a message and an exit code.

        click's own `main` is not used: it ends a broken pipe, an interrupt and its own errors in its own ways.
        """
        arguments = sys.argv[1:] if args is None else list(args)
        name = prog_name or "hamr"
        instruction = os.environ.get(COMPLETION)
        if instruction:  # a shell asks how a command line could go on
            from click.shell_completion import shell_complete

            with suppress(Exception):  # nobody who presses Tab wants to read of it
                sys.exit(shell_complete(self, {}, name, COMPLETION, instruction))
            sys.exit(1)
        debug = bool(os.environ.get("HAMR_DEBUG"))
        invocation = Invocation(tuple(arguments), json="--json" in arguments, debug=debug)
        try:
            with self.make_context(name, arguments, obj=invocation, **extra) as context:
                code = self.invoke(context)
        except click.exceptions.Exit as end:  # --help and --version
            code = end.exit_code
        except _BARE as bare:
            click.echo(bare.format_message(), err=True)
            code = bare.exit_code
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - each ends as words and an exit code
            from .failures import report_failure

            code = report_failure(invocation, error)
        sys.exit(int(code or 0))


CONTEXT: MutableMapping[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.command(cls=VerbGroup, context_settings=CONTEXT, epilog=_EPILOG)
@click.version_option(__version__, prog_name="hamr", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks of bugs. [env: HAMR_DEBUG]")
@click.pass_obj
def hamr(invocation: Invocation, debug: bool) -> None:
    """Fail a pair of Datadog orgs over to the other region, and bring it home again.

    In an incident:  hamr status PAIR,  then  hamr run PAIR --to ACTIVE  (and --emergency --reason TEXT where a
    region is dead). Nothing is written before you type the pair's name.
    """
    invocation.debug = invocation.debug or debug
