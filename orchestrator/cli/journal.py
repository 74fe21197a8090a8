"""`hamr runs | show | report | audit | journal`: verbs of the journal alone."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.errors import ExitCode, JournalDamaged, JournalUnavailable, UsageError
from orchestrator.model import next_step

from . import completion, options
from .invocation import Invocation


@click.command()
@click.option("--pair", metavar="PAIR", shell_complete=completion.pairs, help="Only the runs of this pair.")
@click.option("--drills", is_flag=True, help="List the drills, too: live ones, and those on the simulator.")
@options.takes(*options.READING)
def runs(invocation: Invocation, pair: str | None, drills: bool) -> None:
    """List the runs in the journal.

    The newest first; those that are open can be resumed. Drills that nobody has closed are pointed out below. Runs on
    the simulator are left out: hamr report DRILL has those of a drill.
    """
    from orchestrator.journal import whereabouts
    from orchestrator.model.journal import Whereabouts, Witness
    from orchestrator.operations.finding import drills_of, outlines, summaries
    from orchestrator.report.journal import runs_facts

    with invocation.store(writes=False) as store:
        histories = outlines(store, pair)
        unjournalled = "" if store.ids("", 1) else store.place
        living = (holder for holder in store.holders() if whereabouts(holder) is not Whereabouts.GONE)
        held = {holder.run for holder in living if store.witness(holder.lock) is not Witness.GONE}
    every = [*histories.values()]
    if drills:
        with invocation.store(writes=False, sources=invocation.sources.beside) as beside:
            every += outlines(beside, pair).values()
    found = drills_of(every)
    simulated = {each.drill for each in found if each.simulated}
    rows = [run for run in summaries(histories) if run.drill not in simulated]
    still_open = [
        (history.pair, drill.as_open_drill())
        for history in every
        for drill in history.drills.values()
        if drill.open and (drills or not drill.started.simulated)
    ]
    listed = found if drills else None
    invocation.console.facts(
        *runs_facts(rows, still_open, listed, pair=pair, unjournalled=unjournalled, held=held)
    )


@click.command()
@click.argument("run", shell_complete=completion.runs_and_drills)
@options.takes(*options.READING)
def show(invocation: Invocation, run: str) -> None:
    """Show one run, step by step.

    What it read, how the guards were judged, what it sent and what came back, from the journal. RUN is the id of a
    run or a drill, the beginning of one, or last.
    """
    from orchestrator.report.journal import show_facts

    with invocation.store_with(run, next_step.show) as (store, found):
        records = list(store.records(run=found))
    invocation.console.facts(*show_facts(records))


@click.command()
@click.argument("run", shell_complete=completion.runs_and_drills)
@options.html
@options.file("--junit", "Write JUnit XML, one case for each check; - for stdout.")
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
    from orchestrator.operations.finding import is_fleet, unknown_run
    from orchestrator.report.markdown import markdown as as_markdown
    from orchestrator.report.run_report import report_json, report_page

    from .output_files import JUNIT, PAGE, refuse_misplaced_files
    from .report_files import read_report, write_html, write_junit

    console = invocation.console
    printed = {"--markdown": markdown, "--json": console.json}
    refuse_misplaced_files({PAGE: html, JUNIT: junit}, printed)
    with invocation.store_with(run, next_step.report) as (store, found):
        if is_fleet(store, found):
            raise unknown_run(store, found)
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
    from orchestrator.report.journal import chain_holds
    from orchestrator.report.layout import Span, line

    kept = None if anchor is None else parse_anchor(anchor)
    try:
        with invocation.existing_store() as store:
            found = store.verify() if kept is None else check_anchor(store, kept)
    except JournalDamaged as error:  # of the file itself: asked again, this says the same
        error.next_steps = tuple(step for step in error.next_steps if step.verb != "audit verify")
        raise
    if isinstance(found, Verified):
        anchored = "" if kept is None else f" The head {kept.seq} that was kept elsewhere is in it."
        page = chain_holds(found, store.place, anchored)
        fields = {"holds": True, "records": found.records, "head": found.head}
        code = ExitCode.DONE
    else:
        broken = (Span("The chain is BROKEN", "bad"), Span(f" at record {found.seq} of {store.place}:"))
        hold = f"The {found.good:,} records before it hold."
        keep = "Keep the file as it is, and find a copy to compare with."
        page = (broken, line(f"  {found.reason}."), line(f"{hold} {keep}"))
        fields = {"holds": False, "first_bad": found.seq, "reason": found.reason, "good": found.good}
        code = ExitCode.JOURNAL_DAMAGED
    fields |= {"anchor": kept, "journal": store.place}
    invocation.console.facts(page, document("hamr/verification/1", fields))
    return code


@audit.command()
@options.path("--out", "Write to a file, in the place of stdout.")
@options.takes("journal", "log_format", "log_level")
def export(invocation: Invocation, out: Path | None) -> None:
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
            return
        with written_whole(out, EXPORT) as file:
            count = write_records(store, file)
    console.note(f"{count:,} records are in {out}.")


@audit.command()
@options.takes(*options.READING)
def head(invocation: Invocation) -> None:
    """Print the newest record's number and hash, as SEQ:HASH.

    Copied elsewhere, it anchors all records up to it: hamr audit verify --anchor SEQ:HASH.
    """
    with invocation.existing_store() as store:
        newest = store.head()
    invocation.console.say(str(newest), "hamr/head/1", seq=newest.seq, hash=newest.hash)


@click.group()
def journal() -> None:
    """Lay out a team's journal, or merge an emergency's records into it.

    A team's journal stands in a PostgreSQL database, as docs/howto/a-team-journal.md says.
    """


@journal.command()
@click.argument("url")
@options.takes("json", "log_format", "log_level")
def init(invocation: Invocation, url: str) -> None:
    """Lay out a team's journal in a PostgreSQL database, or bring it up to this version.

    URL is postgresql://USER@HOST/DATABASE; ?schema=NAME keeps several teams apart, in the place of hamr. Passwords come
    from where libpq finds them: PGPASSFILE, a service file, a certificate. Whoever types this owns the tables. What it
    prints at the end gives a role what an operator needs, and no more: to add records and read them, and to hold locks.
    Where the extra [fleet] is installed, tables for the jobs of hamr worker are laid out, too, in the schema NAME_jobs;
    those of another version are made anew: a job says nothing that the journal does not know.
    """
    from orchestrator.journal import Address
    from orchestrator.report.documents import document, fields_fact
    from orchestrator.report.layout import line

    invocation.configure_log()
    invocation.journal = url
    place = invocation.sources.place()
    if not isinstance(place, Address):
        raise UsageError("hamr journal init wants postgresql://USER@HOST/DATABASE: a file needs no init.")
    from orchestrator.journal.postgres import lay_out_team

    try:
        done = lay_out_team(place)
    except JournalUnavailable as error:  # another file or address would be another journal
        raise JournalUnavailable(error.message, sent="Nothing was sent.") from error
    stood = done.before == done.version
    what = "was laid out already" if stood else "is laid out now"
    jobs: bool | None = None
    grants: tuple[str, ...] = ()
    try:
        from orchestrator.fleet.queue import lay_out_jobs
    except ImportError as error:  # who has no workers has no use for them
        told = f"No tables for workers: hamr-orchestrator[fleet] is not installed here ({error})."
    else:
        jobs, grants = lay_out_jobs(place)
        told = f"Tables for the jobs of workers {'are laid out now' if jobs else 'were laid out already'}."
    said = [
        f"The journal {place} {what} (version {done.version}).",
        told,
        "To let a role use it, a DBA types, with its name for ROLE:",
        *(f"  {grant}" for grant in done.grants),
        *(["and to let it work as hamr worker does, too:"] if grants else []),
        *(f"  {grant}" for grant in grants),
    ]
    fields = {"journal": str(place), **fields_fact(done, "before", "version", "grants"), "jobs": jobs}
    layout = document("hamr/journal-layout/1", {**fields, "worker_grants": grants})
    invocation.console.facts(tuple(map(line, said)), layout)


@journal.command()
@click.argument("file", type=click.Path(path_type=Path))
@options.takes("journal", "operator", "json", "log_format", "log_level")
def merge(invocation: Invocation, file: Path) -> None:
    """Bring an emergency's records into the team's journal.

    FILE is the journal on this machine in which an emergency went on while the team's could not be reached. Its chain is
    verified, its records are added to the journal, and its head is noted there, so that it can be verified for ever; what
    the journal holds already is not added again. Then status, resume and the rest know what the emergency did, and owes.
    An emergency's FILE is then set aside under another name, so that the next emergency begins one of its own.
    """
    from datetime import UTC, datetime

    from orchestrator.journal import JournalStore, ThisHost
    from orchestrator.journal.merge import merge as bring_in
    from orchestrator.model import next_step
    from orchestrator.report.documents import document, fields_fact
    from orchestrator.report.layout import line, next_commands

    if not file.exists():
        raise UsageError(f"{file} does not exist: there is nothing to merge.")
    operator = invocation.sources.named_operator()
    refuge = invocation.sources.refuge()
    invocation.notes_refuge = False
    with (
        JournalStore.open(file, create=False, now=lambda: datetime.now(UTC)) as other,
        invocation.store(writes=True) as store,
    ):
        done = bring_in(store, other, operator, ThisHost())
        head, place = store.head(), store.place
    aside = file
    if refuge is not None and refuge.exists() and file.samefile(refuge):
        aside = file.with_name(f"{file.stem}-merged-{done.head.hash[:8]}.db")
        file.rename(aside)
    kept = f", kept as {aside.name}" if aside is not file else ""
    pairs = [pair for pair in done.pairs if pair]
    steps = (next_step.status(*pairs) if len(pairs) == 1 else next_step.every_status(),)
    page = (
        line(f"{done.added:,} records of {file}{kept} are in {place} now."),
        *((line(f"{done.known:,} more stood there already."),) if done.known else ()),
        line(f"its head {done.head}"),
        line(f"journal head {head}"),
        *next_commands(steps),
    )
    fields = {"file": str(aside), "journal": place, "merged": done.head}
    fields |= fields_fact(done, "before", "added", "known", "pairs")
    invocation.console.facts(page, document("hamr/journal-merge/1", {**fields, "head": head, "next": steps}))
