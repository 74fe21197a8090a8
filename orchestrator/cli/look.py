"""`hamr status | plan | doctor`: verbs that read both orgs, and send nothing but GETs."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from orchestrator.errors import ExitCode, HamrError
from orchestrator.model.readiness import NagiosCode
from orchestrator.model.situation import Standing

from . import options
from .invocation import Invocation

SHORTEST_WATCH = 0.5
"""Seconds; each look is four requests."""


@click.command()
@click.argument("pair")
@click.option(
    "--watch",
    is_flag=False,
    flag_value="2",
    metavar="[SECONDS]",
    help="Look again every so many seconds (2), until Ctrl-C. Stands after PAIR, or as --watch=SECONDS.",
)
@options.takes(*options.LOOKING)
def status(invocation: Invocation, pair: str, watch: str | None) -> ExitCode:
    """Show both orgs, where the pair stands, and what to type next.

    Reads both orgs and the journal, and writes nothing anywhere. Exits with 7 where a write's outcome is unknown,
    with 8 where an org is owed its status, and with 0 otherwise, whatever the phase.
    """
    from orchestrator.errors import Interrupted
    from orchestrator.operations.status import read_status
    from orchestrator.report.layout import line
    from orchestrator.report.status import status_json, status_page

    from .signals import supervised

    every = None if watch is None else _seconds(watch, pair)
    console = invocation.console
    with invocation.session(pair, writes=False, emergency=True) as session:

        async def look_on(seconds: float) -> ExitCode:
            again = (line(), line(f"Again in {seconds:g} s; Ctrl-C ends it.", "dim"), line())
            while True:
                # Opened anew for each look: a journal that was not there yet may be there now.
                with invocation.store(writes=False, emergency=True) as store:
                    session.store, session.moved = store, invocation.moved
                    standing = await read_status(session, settle=False)
                if console.json:
                    console.fact_line(status_json(standing))
                else:
                    console.out.clear()
                    console.out.page((*status_page(standing, session.playbook), *again))
                if console.out.closed:
                    return _exit_code(standing)
                await session.clock.sleep(seconds)

        if every is not None:
            try:
                return supervised(look_on(every))
            except Interrupted as stop:  # how a person ends it: there is nothing to say about that
                return stop.code
        standing = supervised(read_status(session))
        console.facts(status_page(standing, session.playbook), status_json(standing))
        return _exit_code(standing)


def _exit_code(standing: Standing) -> ExitCode:
    """What a script learns from a look. The write that a living run is waiting for right now is not unknown yet."""
    at_work = standing.holder.run if standing.holder is not None and not standing.holder_dead else None
    if any(run != at_work for run, _ in standing.unknown):
        return ExitCode.UNKNOWN
    owes_hooks = standing.open_run is not None and bool(standing.open_run.hooks_owed)
    return ExitCode.OWING if standing.owed is not None or owes_hooks else ExitCode.DONE


def _seconds(text: str, pair: str) -> float:
    from math import isfinite

    from orchestrator.errors import UsageError

    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not isfinite(seconds) or seconds < SHORTEST_WATCH:
        raise UsageError(
            f"--watch {text[:40]!r}: a number of seconds is wanted, {SHORTEST_WATCH} or more. The pair stands before it.",
            next_steps=(f"hamr status {shlex.quote(pair)} --watch 5",),
        )
    return seconds


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
    invocation: Invocation,
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
    from datetime import UTC, datetime

    from orchestrator.model.run import Mode
    from orchestrator.operations.plan import make_plan
    from orchestrator.operations.preflight import check_request, status_named
    from orchestrator.report.plan import plan_json, plan_page

    from .output_files import PLAN, STDOUT, refuse_misplaced
    from .plan_files import curl_script, plan_text, save_plan
    from .requests import request_from
    from .signals import supervised

    console = invocation.console
    _refuse_clashing(out, curl=curl, json=console.json, assume=assume)
    to_stdout = out == Path(STDOUT)
    file = None if to_stdout else out
    if file is not None:
        refuse_misplaced(file, PLAN)
    request = request_from(pair, now=datetime.now(UTC), **flags)
    assumed = None if assume is None else status_named(assume)
    playbook = invocation.load_playbook()
    check_request(request, playbook)
    emergency = request.mode is Mode.EMERGENCY
    with invocation.session(pair, writes=False, playbook=playbook, emergency=emergency) as session:
        made = supervised(make_plan(session, request, assumed=assumed))
        sheet = curl_script(made, session.pair, playbook) if curl else ""
        if file is not None:
            save_plan(made, file, playbook=playbook.path, redactor=invocation.redactor)
        if to_stdout:
            console.err.page(plan_page(made))
            console.out.text(plan_text(made, playbook=playbook.path, redactor=invocation.redactor))
        elif curl:
            console.out.text(sheet)
        else:
            console.facts(plan_page(made), plan_json(made))
        if made.open_drill and request.mode is Mode.PLANNED:  # which no guard of the plan can tell
            words = (
                f"Pair {pair} is in drill {made.open_drill}: until that is closed, this run would be refused."
            )
            console.note(f"{words} hamr drill close {made.open_drill} --notes TEXT", "warn")
    if file is not None:
        command = invocation.typed.complete(f"hamr apply {shlex.quote(str(file))}")
        console.note(f"Saved to {file}. Until {made.expires_at:%H:%M:%S} UTC: {command}")
    if not detailed_exitcode:
        return ExitCode.DONE
    if made.refused:
        return ExitCode.REFUSED
    return ExitCode.PLAN_HAS_CHANGES if made.writes else ExitCode.DONE


def _refuse_clashing(out: Path | None, *, curl: bool, json: bool, assume: str | None) -> None:
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


class NagiosVerb(click.Command):
    """A verb that speaks Nagios from its first argument on: what it cannot even begin with is UNKNOWN, exit code 3."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Take over how errors are told, those of the command line included."""
        invocation = None if parent is None else parent.find_object(Invocation)
        if invocation is not None:
            invocation.tell_error = lambda error: _could_not_look(invocation, error)
        return super().make_context(info_name, args, parent, **extra)


def _could_not_look(invocation: Invocation, error: HamrError) -> int:
    from orchestrator.report.doctor import could_not_look_json, could_not_look_line, could_not_look_page
    from orchestrator.report.layout import line

    console = invocation.console
    console.err.page(could_not_look_page(error))
    if invocation.json:
        console.document(could_not_look_json(error))
    else:
        console.out.page((line(could_not_look_line(error), "warn"),))
    return NagiosCode.UNKNOWN


@click.command(cls=NagiosVerb)
@click.argument("pair", required=False)
@click.option("--verbose", "-v", is_flag=True, help="Say in full what is well, too.")
@click.option(
    "--nagios",
    is_flag=True,
    help="Print one line, with the round-trip times behind a | as Nagios reads them.",
)
@options.takes(*options.LOOKING)
def doctor(invocation: Invocation, pair: str | None, verbose: bool, nagios: bool) -> NagiosCode:
    """Find out whether a pair is ready, for a planned run and for an emergency.

    Without PAIR, every pair of the inventory. Safe at any time: sends nothing but GETs, runs no hook, writes nothing
    anywhere and takes no lock. Command probes are run. Exits as Nagios plugins do: 0 OK, 1 WARNING, 2 CRITICAL,
    3 UNKNOWN, the worst verdict of either column; a command line or a file that cannot be right is UNKNOWN, too.
    """
    from orchestrator.doctor import examine
    from orchestrator.errors import JournalDamaged, JournalUnavailable
    from orchestrator.journal import JournalStore
    from orchestrator.report.doctor import doctor_code, doctor_json, doctor_page, nagios_line
    from orchestrator.system.clock import SystemClock

    from .signals import supervised

    sources, console = invocation.sources, invocation.console
    pairs = sources.inventory().pairs if pair is None else (sources.pair(pair),)
    playbook = invocation.load_playbook()
    unopened: HamrError | None = None
    with ExitStack() as stack:
        try:
            store = stack.enter_context(invocation.store(writes=False))
        except (JournalUnavailable, JournalDamaged) as error:  # the orgs are asked all the same
            unopened = error
            store = stack.enter_context(JournalStore.nothing(sources.place(), now=SystemClock().now))
        sessions = [sources.prepare(each, playbook).session(store, invocation.redactor) for each in pairs]
        found = supervised(examine(sessions, unopened=unopened))
    if nagios and not console.json:
        console.out.text(nagios_line(found) + "\n")
    else:
        console.facts(doctor_page(found, everything=verbose), doctor_json(found))
    return doctor_code(found)
