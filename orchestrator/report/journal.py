"""The journal as people read it: a list of runs, and one run as a timeline."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import chain, groupby

from msgspec import Struct

from orchestrator.model import next_step
from orchestrator.model.events import RunStarted
from orchestrator.model.journal import Record, Verified
from orchestrator.model.next_step import NextStep
from orchestrator.model.plain import JSON, moment
from orchestrator.model.run import Mode
from orchestrator.model.situation import OpenDrill
from orchestrator.model.status import Status
from orchestrator.model.words import span

from .describe import describe_event, event_details, event_of
from .documents import compact, document, fields_fact, known_fact, noun_fact
from .layout import (
    Facts,
    Line,
    Page,
    Span,
    command,
    folded_line,
    heading,
    labelled,
    line,
    next_commands,
    shortened,
    table,
)
from .status import unjournalled_lines


def chain_holds(found: Verified, place: str, more: str = "") -> Page:
    """What `hamr audit verify` says of a journal that holds; `more` ends its sentence."""
    held = Span(f": {found.records:,} records in {place}.{more}")
    return ((Span("The chain holds", "good"), held), line(f"head {found.head}"))


class RunSummary(Struct, frozen=True):
    """One run, as the list of runs shows it."""

    run: str
    pair: str
    goal: Status | None
    """None for an adoption, which has no goal of its own."""
    mode: Mode
    by: str
    host: str
    started_at: datetime
    finished_at: datetime | None
    end: str
    """How it ended, in a word: done, refused, superseded, …; "" while nothing is known."""
    exit_code: int | None
    open: bool
    """Whether it can be resumed."""
    drill: str = ""
    """The drill that it belongs to."""
    fleet: str = ""
    """The fleet that it belongs to."""

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it has not ended."""
        return None if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()


class DrillSummary(Struct, frozen=True):
    """One drill, as the list of drills shows it."""

    drill: str
    pair: str
    simulated: bool
    scenario: str
    """"" for one without a scenario."""
    goal: Status
    by: str
    started_at: datetime
    closed_at: datetime | None
    """None while nobody has closed it."""
    passed: bool | None
    """None where it was not scored."""
    runs: tuple[str, ...]

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it is open."""
        return None if self.closed_at is None else (self.closed_at - self.started_at).total_seconds()

    @property
    def end(self) -> str:
        """What came of it, in a word or two."""
        if self.closed_at is None:
            return "not closed"
        return "not scored" if self.passed is None else "passed" if self.passed else "missed"


WIDTHS = (20, 12, 10, 12, 12, 10, 12)
"""Cells that a column of the list may take; with the gaps between them they make 100."""


def runs_facts(
    runs: Sequence[RunSummary],
    open_drills: Sequence[tuple[str, OpenDrill]] = (),
    drills: Sequence[DrillSummary] | None = None,
    *,
    pair: str | None = None,
    unjournalled: str = "",
    held: Collection[str] = (),
) -> Facts:
    """A line per run, in the order given; then what is open, and a line per drill, where drills are asked for: hamr/runs/1.

    `open_drills` are those that nobody has closed yet, each with its pair; `pair` is whose are listed, where not all are.
    `unjournalled` is the journal's place, where nothing was ever written to it; `held` are the runs that somebody's
    process, which may well live, is at work on.
    """
    whose = "" if pair is None else f" of pair {shortened(pair, 60)}"
    listed = _runs(runs, held) if runs else (line(f"This journal holds no runs{whose}."),)
    told = unjournalled_lines(unjournalled) or (*listed, *_open_drills(open_drills))
    fields = {
        "runs": [{**fields_fact(run), **fields_fact(run, "seconds")} for run in runs],
        "open_drills": [{"pair": pair, **noun_fact(drill)} for pair, drill in open_drills],
        "drills": [{**fields_fact(drill), **fields_fact(drill, "seconds", "end")} for drill in drills or ()],
        "journal_exists": not unjournalled,
    }
    begin = [next_step.every_status()]
    if pair is not None and not unjournalled:
        renamed = next_step.status(pair).so_that("see whether its orgs were run under another name")
        begin = [next_step.runs(), renamed]
    begins = next_commands(begin) if unjournalled or not (runs or open_drills) else ()
    page = (*told, *(() if drills is None else _drills(drills)), *begins)
    return page, document("hamr/runs/1", fields)


def _drills(drills: Sequence[DrillSummary]) -> Page:
    header = ("drill", "pair", "scenario", "started, UTC", "took", "end")
    shown = table(header, [_drill(each) for each in drills], (20, 14, 20, 12, 10, 10), whole=1)
    return (*heading("Drills"), *(shown if drills else (line("There are none."),)))


def _drill(drill: DrillSummary) -> tuple[Span, ...]:
    return (
        Span(drill.drill, "bold"),
        Span(drill.pair),
        Span((drill.scenario or "-") if drill.simulated else "live"),
        Span(f"{drill.started_at:%m-%d %H:%M}"),
        Span("-" if drill.seconds is None else span(drill.seconds)),
        Span(drill.end, "good" if drill.end == "passed" else "warn"),
    )


def _runs(runs: Sequence[RunSummary], held: Collection[str]) -> Page:
    header = ("run", "pair", "goal", "started, UTC", "by", "took", "end")
    watched = [next_step.watch(run.pair) for run in runs if run.open and run.run in held]
    resumed = [next_step.resume(run.run) for run in runs if run.open and run.run not in held]
    return (
        *table(header, [_run(run) for run in runs], WIDTHS, whole=1),
        *_commands("Under way, by a process that may well live", watched),
        *_commands("Open, and can be resumed", resumed),
    )


def _commands(title: str, steps: Sequence[NextStep]) -> Page:
    return (*heading(title), *(command(step.command) for step in steps)) if steps else ()


def _run(run: RunSummary) -> tuple[Span, ...]:
    end = run.end or "not ended"
    style = "warn" if run.open else "good" if run.exit_code == 0 else "bad"
    goal = Span("-" if run.goal is None else str(run.goal), "status")
    if run.mode is not Mode.PLANNED:  # in two lines: the column is as wide as the longer word
        goal = Span(f"{goal.text} {run.mode.value}", "warn")
    return (
        Span(run.run, "bold"),
        Span(run.pair),
        goal,
        Span(f"{run.started_at:%m-%d %H:%M}"),
        Span(f"{run.by}@{run.host}"),
        Span("-" if run.seconds is None else span(run.seconds)),
        Span(end if run.exit_code is None else f"{end} ({run.exit_code})", style),
    )


def _open_drills(drills: Sequence[tuple[str, OpenDrill]]) -> Page:
    if not drills:
        return ()
    page: list[Line] = [*heading("Drills that nobody has closed")]
    for pair, drill in drills:
        about = f"pair {shortened(pair, 60)}, to {drill.goal} and home to {drill.home}, begun by {shortened(drill.by, 60)}"
        page += labelled("drill", f"{drill.drill}, {about}", "warn")
        page.append(command(next_step.close_drill(drill.drill).command))
    return tuple(page)


def show_facts(records: Sequence[Record]) -> Facts:
    """One run told from its journal records, in order: time, what, org, status, verdicts, requests and answers: hamr/show/1.

    The document has the records themselves, without the playbook's text: `audit export` has that.
    """
    about = known_fact(records[0] if records else None, "run", "pair")
    told = [
        {**fields_fact(record, but=("run", "pair", "prev")), "data": _without_playbook(record)}
        for record in records
    ]
    return _shown(records), document("hamr/show/1", {**about, "records": told})


def _without_playbook(record: Record) -> dict[str, JSON]:
    left_out = "playbook_text" if record.kind == RunStarted.kind else ""
    return {key: value for key, value in record.data.items() if key != left_out}


def _shown(records: Sequence[Record]) -> Page:
    if not records:
        return (line("This journal has no records of that run."),)
    page: list[Line] = [*_title(records)]
    for day, of_day in groupby(records, key=lambda record: record.at[:10]):
        page += heading(f"{day}, times in UTC")
        page += chain.from_iterable(map(_entry, of_day))
    return tuple(page)


def _title(records: Sequence[Record]) -> Page:
    first, last = records[0], records[-1]
    pair = f" of pair {shortened(first.pair, 60)}"
    what, whose = ("Run ", pair) if first.pair else ("Fleet ", " of many pairs")
    took = span((moment(last.at) - moment(first.at)).total_seconds())
    people = dict.fromkeys(f"{record.by} on {record.host}" for record in records)
    title = (Span(what, "heading"), Span(first.run, "bold"), Span(whose))
    told = f"{first.seq} to {last.seq}, over {took}"
    return (title, *labelled("by", shortened(", ".join(people))), *labelled("records", told))


_MARGIN = 14
"""Cells before what a record says: two spaces, the time to a tenth of a second, two more."""


def _entry(record: Record) -> Page:
    event, margin = event_of(record), f"  {record.at[11:21]}  "
    if event is None:
        kind, data = Span(f"{shortened(record.kind, 60)}: ", "dim"), compact(dict(record.data))
        return folded_line((kind, Span(shortened(data))), margin)
    return (*folded_line(describe_event(event), margin), *event_details(event, indent=_MARGIN))
