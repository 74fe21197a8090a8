"""`hamr runs | show | report | audit`: verbs that read the journal alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.errors import ExitCode
from orchestrator.model.plain import JSON

from . import completion, options
from .invocation import Invocation

if TYPE_CHECKING:
    from orchestrator.journal.history import History


@click.command()
@click.option("--pair", metavar="PAIR", shell_complete=completion.pairs, help="Only the runs of this pair.")
@click.option("--drills", is_flag=True, help="List the drills, too: live ones, and those on the simulator.")
@options.takes(*options.READING)
def runs(invocation: Invocation, pair: str | None, drills: bool) -> ExitCode:
    """List the runs in the journal.

    The newest first; those that are open can be resumed. Drills that nobody has closed are pointed out below. Runs on
    the simulator are left out: hamr report DRILL has those of a drill.
    """
    from orchestrator.operations.finding import drills_of, outlines, summaries
    from orchestrator.report.journal import runs_json, runs_page

    with invocation.store(writes=False) as store:
        histories = outlines(store, pair)
        unjournalled = "" if store.head().seq else store.place
    rehearsed: Mapping[str, History] = {}
    if drills:
        with invocation.store(writes=False, sources=invocation.sources.beside) as beside:
            rehearsed = outlines(beside, pair)
    found = drills_of((*histories.values(), *rehearsed.values()))
    simulated = {each.drill for each in found if each.simulated}
    rows = [run for run in summaries(histories) if run.drill not in simulated]
    still_open = [
        (history.pair, drill.as_open_drill())
        for history in (*histories.values(), *rehearsed.values())
        for drill in history.drills.values()
        if drill.open and (drills or not drill.started.simulated)
    ]
    if pair is not None and not rows and not unjournalled:
        invocation.console.note(f"The journal {store.place} has no run of pair {pair!r}.")
    listed = found if drills else None
    invocation.console.facts(
        runs_page(rows, still_open, listed, unjournalled=unjournalled),
        runs_json(rows, still_open, listed, unjournalled=unjournalled),
    )
    return ExitCode.DONE


@click.command()
@click.argument("run", shell_complete=completion.runs_and_drills)
@options.takes(*options.READING)
def show(invocation: Invocation, run: str) -> ExitCode:
    """Show one run, step by step.

    What it read, how the guards were judged, what it sent and what came back, from the journal. RUN is the id of a
    run or a drill, the beginning of one, or last.
    """
    from orchestrator.model import next_step
    from orchestrator.report.journal import show_json, show_page

    with invocation.store_with(run, next_step.show) as (store, found):
        records = list(store.records(run=found))
    invocation.console.facts(show_page(records), show_json(records))
    return ExitCode.DONE


@click.command()
@click.argument("run", shell_complete=completion.runs_and_drills)
@click.option(
    "--html",
    metavar="FILE",
    shell_complete=completion.files,
    help="Write one self-contained page, to be opened in a browser; - for stdout.",
)
@click.option(
    "--junit",
    metavar="FILE",
    shell_complete=completion.files,
    help="Write JUnit XML, one case for each check; - for stdout.",
)
@click.option("--markdown", is_flag=True, help="Print Markdown, for a ticket.")
@options.takes(*options.READING)
def report(invocation: Invocation, run: str, html: str | None, junit: str | None, markdown: bool) -> ExitCode:
    """Show what a run or a drill did, and what is left to do.

    Made from the journal alone, for drills and real runs alike: whether it worked, how long it took, every guard,
    request and answer, and how to verify it. RUN is the id of a run, or of a drill with all its runs, or the
    beginning of one; or last, the newest run. With --html or
    --junit, nothing else is printed unless --markdown or --json asks for it. The records that it is made from are
    verified, each by its own hash and that of the one before: where one does not hold, this says so on stderr, and
    ends with 9. hamr audit verify verifies the whole journal.
    """
    from orchestrator.errors import UsageError
    from orchestrator.model import next_step
    from orchestrator.report.markdown import markdown as as_markdown
    from orchestrator.report.run_report import report_json, report_page

    from .output_files import STDOUT, refuse_misplaced_files
    from .report_files import read_report, write_html, write_junit

    console = invocation.console
    on_stdout = {
        "--html -": html == STDOUT,
        "--junit -": junit == STDOUT,
        "--markdown": markdown,
        "--json": console.json,
    }
    wanted = [option for option, is_wanted in on_stdout.items() if is_wanted]
    if len(wanted) > 1:
        raise UsageError(
            f"{' and '.join(wanted)} would all print on stdout: choose one of them, and give the others a file."
        )
    refuse_misplaced_files(html, junit)
    with invocation.store_with(run, next_step.report) as (store, found):
        view = read_report(store, found, invocation.named(store))
    write_html(invocation, view, html)
    write_junit(invocation, junit, view)
    if markdown:
        console.out.text(as_markdown(view))
    elif console.json:
        console.document(report_json(view))
    elif html is None and junit is None:
        console.out.page(report_page(view))
    if view.broken is None:
        return ExitCode.DONE
    console.note(view.warning, "bad")
    return ExitCode.JOURNAL_DAMAGED


@click.group()
def audit() -> None:
    """Verify the journal, export it, or print its head.

    The journal is a chain: each record carries the hash of the one before. docs/reference/journal.md says what that
    shows, and what it cannot show.
    """


@audit.command()
@click.option(
    "--anchor",
    metavar="SEQ:HASH",
    help="A head that was copied elsewhere, as hamr audit head prints it: the journal has to contain it still.",
)
@options.takes(*options.READING)
def verify(invocation: Invocation, anchor: str | None) -> ExitCode:
    """Check every record's hash, and that each follows on the one before.

    Exits with 9 where one does not, and names the first.
    """
    from orchestrator.journal import check_anchor, parse_anchor
    from orchestrator.model.journal import Verified
    from orchestrator.report.documents import document
    from orchestrator.report.layout import Page, Span, line

    kept = None if anchor is None else parse_anchor(anchor)
    with invocation.existing_store() as store:
        found = store.verify() if kept is None else check_anchor(store, kept)
    fields: dict[str, JSON]
    if isinstance(found, Verified):
        anchored = "" if kept is None else f" The head {kept.seq} that was kept elsewhere is in it."
        held = Span(f": {found.records:,} records in {store.place}.{anchored}")
        page: Page = ((Span("The chain holds", "good"), held), line(f"head {found.head}"))
        fields = {
            "holds": True,
            "records": found.records,
            "head": {"seq": found.head.seq, "hash": found.head.hash},
        }
        code = ExitCode.DONE
    else:
        page = (
            (Span("The chain is BROKEN", "bad"), Span(f" at record {found.seq} of {store.place}:")),
            line(f"  {found.reason}."),
            line(
                f"The {found.good:,} records before it hold. Keep the file as it is, and find a copy to compare with."
            ),
        )
        fields = {"holds": False, "first_bad": found.seq, "reason": found.reason, "good": found.good}
        code = ExitCode.JOURNAL_DAMAGED
    fields |= {
        "anchor": None if kept is None else {"seq": kept.seq, "hash": kept.hash},
        "journal": store.place,
    }
    invocation.console.facts(page, document("hamr/verification/1", fields))
    return code


@audit.command()
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Write to a file, in the place of stdout."
)
@options.takes("journal", "log_format", "log_level")
def export(invocation: Invocation, out: Path | None) -> ExitCode:
    """Print all records, each as one line of canonical JSON.

    docs/reference/journal.md has a checker of a dozen lines for them. For a copy that has to be whole, use --out: it
    fails where the file cannot be written, while a stdout that takes nothing any more is only said on stderr.
    """
    from orchestrator.journal import export as write_records

    from .output_files import EXPORT, written_whole

    console = invocation.console
    with invocation.existing_store() as store:
        if out is None:
            with console.out.binary() as stdout:
                write_records(store, stdout)
            return ExitCode.DONE
        with written_whole(out, EXPORT) as file:
            count = write_records(store, file)
    console.note(f"{count:,} records are in {out}.")
    return ExitCode.DONE


@audit.command()
@options.takes(*options.READING)
def head(invocation: Invocation) -> ExitCode:
    """Print the newest record's number and hash, as SEQ:HASH.

    Copied elsewhere, it anchors all records up to it: hamr audit verify --anchor SEQ:HASH.
    """
    from orchestrator.report.documents import document
    from orchestrator.report.layout import line

    with invocation.existing_store() as store:
        newest = store.head()
    invocation.console.facts(
        (line(str(newest)),), document("hamr/head/1", {"seq": newest.seq, "hash": newest.hash})
    )
    return ExitCode.DONE
