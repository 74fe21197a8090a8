"""`hamr plan`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .opening import Opening

if TYPE_CHECKING:
    from orchestrator.errors import ExitCode
    from orchestrator.model.plan import Plan

    from .console import Console


@click.command()
@click.argument("pair")
@options.run_flags
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Save the plan, for hamr apply FILE; - for stdout. It can be applied for 15 minutes, once.",
)
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 10 where it has writes, and 3 where it is refused."
)
@click.option(
    "--curl", is_flag=True, help="Print the requests as commands to paste, with the keys as $VARIABLES."
)
@click.option(
    "--assume",
    metavar="STATUS",
    help="Plan as if both orgs stood there, without reading them: needs no network.",
)
@options.takes(*options.LOOKING)
def plan(  # noqa: PLR0917 - click passes each flag by its name
    opening: Opening,
    pair: str,
    out: Path | None,
    detailed_exitcode: bool,
    curl: bool,
    assume: str | None,
    **flags: Any,
) -> ExitCode:
    """Show what a run would send, to whom, and what if it goes wrong.

    Reads both orgs once, judges every guard, and cannot send anything but GETs. Takes the flags of hamr run. Exits
    with 0 whether or not guards refuse, unless --detailed-exitcode is given; with 3 where --curl has nothing to print.
    """
    from orchestrator.errors import ExitCode
    from orchestrator.operations.plan import make_plan
    from orchestrator.operations.preflight import check_request, status_named
    from orchestrator.report.plan import plan_json, plan_page
    from orchestrator.system.clock import SystemClock

    from .curl_script import curl_script
    from .output_file import PLAN, STDOUT, refuse_misplaced
    from .plan_file import plan_text, save_plan
    from .requests import request_from
    from .signals import supervised

    _check(out, curl=curl, json=opening.front.json, assume=assume)
    to_stdout = out == Path(STDOUT)
    if out is not None and not to_stdout:
        refuse_misplaced(out, PLAN)
    console = opening.front.console
    request = request_from(pair, now=SystemClock().now(), **flags)
    assumed = None if assume is None else status_named(assume)
    playbook = opening.load_playbook()
    check_request(request, playbook)
    with opening.session(pair, writes=False, playbook=playbook) as session:
        made = supervised(make_plan(session, request, assumed=assumed), console)
        sheet = curl_script(made, session.pair, playbook) if curl else ""
        redactor = opening.front.redactor
        if out is not None and not to_stdout:
            save_plan(made, out, playbook=playbook.path, redactor=redactor)
        if to_stdout:
            console.err.page(plan_page(made))
            console.out.text(plan_text(made, playbook=playbook.path, redactor=redactor))
        elif curl:
            console.out.text(sheet)
        else:
            console.facts(plan_page(made), plan_json(made))
        _note_drill(console, made)
    if out is not None and not to_stdout:
        command = opening.front.typed.complete(f"hamr apply {shlex.quote(str(out))}")
        console.note(f"Saved to {out}. Until {made.expires_at:%H:%M:%S} UTC: {command}")
    return _detailed(made) if detailed_exitcode else ExitCode.DONE


def _check(out: Path | None, *, curl: bool, json: bool, assume: str | None) -> None:
    from orchestrator.errors import UsageError

    if str(out) == "-" and (curl or json):
        raise UsageError(
            "--out - prints the plan for hamr apply on stdout: give it a file, or leave --curl or --json out."
        )
    if curl and json:
        raise UsageError("--curl prints commands, and --json a document: choose one of them.")
    if out is not None and assume is not None:
        raise UsageError(
            "--out saves a plan to be applied, and one with --assume never is: leave one of them out."
        )


def _note_drill(console: Console, plan: Plan) -> None:
    """Say of a planned run that an open drill would refuse it, which no guard of the plan can tell."""
    from orchestrator.model.run import Mode

    if plan.open_drill and plan.request.mode is Mode.PLANNED:
        words = f"Pair {plan.request.pair} is in drill {plan.open_drill}: until that is closed, this run would be refused."
        console.note(f"{words} hamr drill close {plan.open_drill} --notes TEXT", "warn")


def _detailed(plan: Plan) -> ExitCode:
    from orchestrator.errors import ExitCode

    if plan.refused:
        return ExitCode.REFUSED
    return ExitCode.PLAN_HAS_CHANGES if plan.writes else ExitCode.DONE
