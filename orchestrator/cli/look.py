"""`hamr status | plan | doctor`, which read both orgs and send nothing but GETs, and `readiness`, which asks the journal alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.errors import (
    ExitCode,
    HamrError,
    Interrupted,
    JournalDamaged,
    JournalUnavailable,
    UsageError,
)
from orchestrator.model import next_step
from orchestrator.model.readiness import NagiosCode

from . import completion, options
from .invocation import Invocation

if TYPE_CHECKING:  # loaded when there is a page to show
    from orchestrator.fleet.selection import Selection
    from orchestrator.journal import JournalStore
    from orchestrator.model.next_step import NextStep
    from orchestrator.model.org import Pair
    from orchestrator.model.protocols import Store
    from orchestrator.model.readiness import Readiness
    from orchestrator.operations.session import Session
    from orchestrator.report.layout import Page

    from .frames import PageFrame, PairFrame

SHORTEST_WATCH = 0.5
"""Seconds; each look is four requests."""


@click.command()
@click.argument("pair", required=False, shell_complete=completion.pairs)
@click.option(
    "--watch",
    is_flag=False,
    flag_value="2",
    metavar="[SECONDS]",
    help="Look again every so many seconds (2), until Ctrl-C. Stands after PAIR, or as --watch=SECONDS.",
)
@options.takes(*options.LOOKING)
def status(invocation: Invocation, pair: str | None, watch: str | None) -> ExitCode:
    """Show both orgs, where the pair stands, and what to type next.

    Without PAIR, every pair of the inventory, a line each; where there is one, that pair. Reads the orgs and the
    journal, and writes nothing anywhere. Exits with 7 where a write's outcome is unknown, with 8 where an org is owed
    its status, and with 0 otherwise, whatever the phase; of several pairs, with the worst.
    """
    from orchestrator.operations.status import read_status
    from orchestrator.report.status import status_code, status_json, status_page

    from .signals import showing_silence

    every = None if watch is None else _seconds(watch, pair)
    pairs = invocation.sources.inventory().pairs if pair is None else (invocation.sources.pair(pair),)
    if len(pairs) > 1:
        return status_of_all(invocation, pairs, every)
    console = invocation.console
    with invocation.session(pairs[0], writes=False, emergency=True) as session:
        if every is None:
            standing = showing_silence(console, session, read_status(session))
            console.facts(status_page(standing, session.playbook), status_json(standing))
            return status_code(standing)
        frame = None
        if console.out.redraws and not console.json:
            from .frames import PairFrame

            session.watcher = frame = PairFrame(console.out, session, every)

        async def look(store: Store, again: Page) -> ExitCode:
            standing = await read_status(session, settle=False)
            if console.json:
                console.fact_line(status_json(standing))
            elif frame is not None:
                frame.saw(standing, store)
            else:
                console.out.page((*status_page(standing, session.playbook), *again))
            return status_code(standing)

        return _watch(invocation, [session], look, every, frame)


def status_of_all(invocation: Invocation, pairs: Sequence[Pair], every: float | None) -> ExitCode:
    """A line for each pair. In a pipe, a look that is not the first prints the lines that have changed."""
    from orchestrator.operations.status import read_pairs
    from orchestrator.report.layout import line
    from orchestrator.report.pairs import Looks, changes_page, pairs_code, pairs_json, pairs_page

    from .signals import supervised

    console, playbook = invocation.console, invocation.load_playbook()
    prepared = [invocation.sources.prepare(pair, playbook) for pair in pairs]
    with invocation.store(writes=False, emergency=True) as opened:
        first = prepared[0].session(opened, invocation.redactor)
        others = (each.session(opened, invocation.redactor, beside=first) for each in prepared[1:])
        sessions = [first, *others]
        if every is None:
            console.err.passing((line(f"{len(pairs)} pairs are being read …", "dim"),))
            found = supervised(read_pairs(sessions))
            console.err.end()
            steps = with_a_fleet(opened, pairs, pairs_code(found))
            console.facts(pairs_page(found, steps=steps), pairs_json(found, steps))
            return pairs_code(found)
        before: Looks | None = None
        frame = None
        if console.out.redraws and not console.json:
            from .frames import PageFrame

            frame = PageFrame(console.out, every)

        async def look(_: Store, again: Page) -> ExitCode:
            nonlocal before
            found = await read_pairs(sessions, settle=False)
            if console.json:
                console.fact_line(pairs_json(found))
            elif frame is not None:
                frame.saw(pairs_page(found, before))
            elif before is None:
                console.out.page((*pairs_page(found), *again))
            else:
                console.out.page(changes_page(found, before))
            before = found
            return pairs_code(found)

        return _watch(invocation, sessions, look, every, frame)


def with_a_fleet(store: JournalStore, pairs: Sequence[Pair], code: ExitCode) -> tuple[NextStep, ...]:
    """How to go on with the fleet that left something to do for these pairs: in one command, not with one for each."""
    from orchestrator.fleet.crew import newest_fleet
    from orchestrator.report.fleet import going_on

    view = newest_fleet(store, {pair.name for pair in pairs}) if store.exists else None
    return () if view is None or (view.finished and code is ExitCode.DONE) else going_on(view)


def _watch(
    invocation: Invocation,
    sessions: Sequence[Session],
    look: Callable[[Store, Page], Awaitable[ExitCode]],
    every: float,
    frame: PairFrame | PageFrame | None,
) -> ExitCode:
    """Look again and again, until nobody reads it any more, or somebody ends it.

    A page of it ends with what it is given; `frame` is where it is shown in place, on a terminal.
    """
    from orchestrator.report.layout import line
    from orchestrator.system.clock import SystemClock

    from .signals import supervised

    again = (line(), line(f"Again in {every:g} s; Ctrl-C ends it.", "dim"), line())

    async def look_on() -> ExitCode:
        while True:
            # Opened anew for each look: a journal that was not there yet may be there now.
            with invocation.store(writes=False, emergency=True) as store:
                for session in sessions:
                    session.store, session.moved = store, invocation.moved
                code = await look(store, again)
            if invocation.console.out.closed:
                return code
            await SystemClock().sleep(every)

    try:
        return supervised(look_on(), drawn=() if frame is None else (frame,))
    except Interrupted as stop:  # how a person ends it: there is nothing to say about that
        return stop.exit_code
    finally:
        if frame is not None:
            frame.leave()


def _seconds(text: str, pair: str | None) -> float:
    from math import isfinite

    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not isfinite(seconds) or seconds < SHORTEST_WATCH:
        wanted = f"a number of seconds is wanted, {SHORTEST_WATCH} or more. The pair stands before it."
        step = next_step.watch(pair or "").with_options("5")
        raise UsageError(f"--watch {text[:40]!r}: {wanted}", next_steps=(step,))
    return seconds


@click.command()
@options.pair
@options.run_flags
@click.option(
    "--full", is_flag=True, help="Show every guard, every request with its body, and what if it goes wrong."
)
@options.path(
    "--out", "Save the plan, for hamr apply FILE; - for stdout. It can be applied for 15 minutes, once."
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
    shell_complete=completion.statuses,
    help="Plan as if both orgs stood there, without reading them: needs no network.",
)
@options.takes(*options.LOOKING)
def plan(  # noqa: PLR0917 - click passes each flag by its name
    invocation: Invocation,
    pair: str,
    full: bool,
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
    from orchestrator.model.words import utc
    from orchestrator.operations.plan import make_plan
    from orchestrator.operations.preflight import check_request, status_named
    from orchestrator.report.plan import full_plan_page, plan_json, plan_page

    from .output_files import PLAN, STDOUT, refuse_misplaced, save
    from .plan_files import curl_script, plan_text
    from .requests import RunFlags
    from .signals import showing_silence

    console = invocation.console
    _refuse_clashing(out, curl=curl, json=console.json, assume=assume)
    to_stdout = out == Path(STDOUT)
    file = None if to_stdout else out
    if file is not None:
        refuse_misplaced(file, PLAN)
    request = RunFlags(**flags).request(pair, datetime.now(UTC))
    assumed = None if assume is None else status_named(assume)
    playbook = invocation.load_playbook()
    check_request(request, playbook)
    emergency = request.mode is Mode.EMERGENCY
    with invocation.session(pair, writes=False, playbook=playbook, emergency=emergency) as session:
        made = showing_silence(console, session, make_plan(session, request, assumed=assumed))
        sheet = curl_script(made, session.pair, playbook) if curl else ""
        text = plan_text(made, playbook=playbook.path, redactor=invocation.redactor) if out else ""
        if file is not None:
            save(text, file, PLAN)
        saved = str(file or "")
        page = full_plan_page(made, out=saved) if full else plan_page(made, out=saved)
        if to_stdout:
            console.err.page(page)
            console.out.text(text)
        elif curl:
            console.out.text(sheet)
        else:
            console.facts(page, plan_json(made, out=saved))
        if made.open_drill and request.mode is Mode.PLANNED:  # which no guard of the plan can tell
            words = (
                f"Pair {pair} is in drill {made.open_drill}: until that is closed, this run would be refused."
            )
            console.note(f"{words} {next_step.close_drill(made.open_drill)}", "warn")
    if file is not None:
        lasts = f"it can be applied until {utc(made.expires_at)}"
        console.note(f"Saved to {file}: {'as things are it would be refused' if made.refused else lasts}.")
    if not detailed_exitcode:
        return ExitCode.DONE
    if made.refused:
        return ExitCode.REFUSED
    return ExitCode.PLAN_HAS_CHANGES if made.writes else ExitCode.DONE


def _refuse_clashing(out: Path | None, *, curl: bool, json: bool, assume: str | None) -> None:
    clash = ""
    if str(out) == "-" and (curl or json):
        clash = (
            "--out - prints the plan for hamr apply on stdout: give it a file, or leave --curl or --json out."
        )
    elif curl and json:
        clash = "--curl prints commands, and --json a document: choose one of them."
    elif out is not None and assume is not None:
        clash = "--out saves a plan to be applied, and one with --assume never is: leave one of them out."
    if clash:
        raise UsageError(clash)


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
    from orchestrator.report.doctor import could_not_look
    from orchestrator.report.layout import line

    console = invocation.console
    first, page, document = could_not_look(error)
    console.err.page(page)
    if invocation.json:
        console.document(document)
    else:
        console.out.page((line(first, "warn"),))
    return NagiosCode.UNKNOWN


@click.command(cls=NagiosVerb)
@click.argument("pair", required=False, shell_complete=completion.pairs)
@click.option("--verbose", "-v", is_flag=True, help="Say in full what is well, too.")
@click.option(
    "--nagios",
    is_flag=True,
    help="Print one line, with the round-trip times behind a | as Nagios reads them.",
)
@click.option(
    "--tell",
    is_flag=True,
    help="Send a test, marked as one, to everybody whom the inventory's tell names for PAIR.",
)
@click.option(
    "--record/--no-record",
    default=None,
    help="Keep what was found in the journal, for hamr readiness, and make one where there is none; or keep nothing. "
    "[default: kept where there is a journal]",
)
@options.takes(*options.LOOKING)
def doctor(  # noqa: PLR0917 - click passes each flag by its name
    invocation: Invocation, pair: str | None, verbose: bool, nagios: bool, tell: bool, record: bool | None
) -> NagiosCode:
    """Find out whether a pair is ready, for a planned run and for an emergency.

    Without PAIR, every pair of the inventory. Safe at any time: sends nothing but GETs, runs no hook and takes no lock.
    All that it writes is one record a pair, of what it found, to a journal that is there. Command probes are run. With --tell, people are sent a test. Exits as Nagios plugins do: 0 OK, 1 WARNING, 2 CRITICAL,
    3 UNKNOWN, the worst verdict of either column; a command line or a file that cannot be right is UNKNOWN, too.
    """
    from orchestrator.report.doctor import doctor_code, doctor_json, doctor_page, nagios_line

    sources, console = invocation.sources, invocation.console
    if tell and pair is None:
        words = "--tell sends people a test: name the pair that it is for."
        raise UsageError(words, next_steps=(next_step.doctor("PAIR").with_options("--tell"),))
    pairs = sources.inventory().pairs if pair is None else (sources.pair(pair),)
    found = examined(invocation, pairs, tell=tell, record=record)
    if nagios and not console.json:
        console.out.text(nagios_line(found) + "\n")
    else:
        console.facts(doctor_page(found, everything=verbose), doctor_json(found))
    return doctor_code(found)


def examined(
    invocation: Invocation, pairs: Sequence[Pair], *, tell: bool = False, record: bool | None = None
) -> tuple[Readiness, ...]:
    """How ready these pairs are, so many at a time; what was found is kept where there is a journal, or as `record` says."""
    from orchestrator.doctor import examine, keeper
    from orchestrator.journal import JournalStore
    from orchestrator.system.clock import SystemClock

    from .signals import supervised

    sources, playbook = invocation.sources, invocation.load_playbook()
    unopened: HamrError | None = None
    with ExitStack() as stack:
        try:
            store = stack.enter_context(invocation.store(writes=False))
        except (JournalUnavailable, JournalDamaged) as error:  # the orgs are asked all the same
            unopened = error
            store = stack.enter_context(JournalStore.nothing(sources.place(), now=SystemClock().now))
        sessions = [sources.prepare(each, playbook).session(store, invocation.redactor) for each in pairs]
        kept = unopened is None and (store.exists if record is None else record)
        keep = keeper(sources) if kept else None
        return supervised(examine(sessions, unopened=unopened, tell=tell, keep=keep))


@click.command()
@options.selection
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    default=7,
    show_default=True,
    help="Of how many days doctor's looks are read.",
)
@options.file("--html", "Write one self-contained page with a drawing of each pair's time; - for stdout.")
@options.file(
    "--metrics", "Write the same as Prometheus' text format, for a textfile collector; - for stdout."
)
@options.takes("pairs", "playbook", "journal", "json", "log_format", "log_level")
def readiness(
    invocation: Invocation, which: Selection, days: int, html: str | None, metrics: str | None
) -> None:
    """Show how ready pairs are and were, and what got worse.

    Of these pairs, or of all. Reads what hamr doctor, drills, runs and hamr prove --record have left in
    the journal, drills on the simulator wherever they are kept; asks no org and no key, and writes nothing but FILE.
    Exits with 0 whatever it shows: hamr doctor is what alarms.
    """
    from datetime import UTC, datetime, timedelta

    from msgspec.structs import replace

    from orchestrator.fleet.readiness import ReadinessOverTime
    from orchestrator.fleet.selection import select
    from orchestrator.report.readiness import readiness_json, readiness_page

    from .output_files import METRICS, PAGE, STDOUT, refuse_misplaced_files, write_file

    refuse_misplaced_files({PAGE: html, METRICS: metrics}, {"--json": invocation.json})
    everything = which.everything or not (which.names or which.labels)
    names = [
        pair.name for pair in select(invocation.sources.inventory(), replace(which, everything=everything))
    ]
    playbook, now = invocation.load_playbook(), datetime.now(UTC)
    with (
        invocation.store(writes=False) as store,
        invocation.store(writes=False, sources=invocation.sources.beside) as beside,
    ):
        found = ReadinessOverTime(store, names, playbook, timedelta(days=days), beside).read(now)
    if metrics is not None:
        from orchestrator.fleet.metrics import registry_of, text_of

        write_file(invocation, text_of(registry_of(found)).decode(), metrics, METRICS)
    if html is not None:
        from orchestrator.report.html import readiness_html

        write_file(invocation, readiness_html(found), html, PAGE)
    if STDOUT not in (html, metrics):
        page = readiness_page(found, unjournalled="" if store.exists else store.place)
        invocation.console.facts(page, readiness_json(found, store.place))
