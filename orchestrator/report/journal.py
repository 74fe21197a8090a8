"""The journal as people read it: a list of runs, and one run as a timeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from orchestrator.model.events import Event, RunStarted, decode
from orchestrator.model.journal import Record
from orchestrator.model.plain import JSON, moment
from orchestrator.model.run import Mode
from orchestrator.model.situation import OpenDrill
from orchestrator.model.status import Role, Status
from orchestrator.model.words import span

from .details import details
from .facts import listed, open_drill_fact, seconds, status_name, when
from .json_text import compact, document
from .layout import folded_line, heading, labelled, shortened, table
from .styled import Line, Page, Span, line
from .told import headline
from .unknown_here import unjournalled_lines


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


WIDTHS = (20, 12, 10, 9, 12, 11, 14)
"""Cells that a column of the list may take; with the gaps between them they make 100."""


def runs_page(
    transitions: Sequence[RunSummary], drills: Sequence[tuple[str, OpenDrill]] = (), *, unjournalled: str = ""
) -> Page:
    """A line per run, in the order given; then what is open.

    Args:
        transitions: the runs.
        drills: the drills that nobody has closed yet, each with its pair.
        unjournalled: the journal's place, where nothing was ever written to it; "" where something was.
    """
    if unjournalled:
        return (*unjournalled_lines(unjournalled), line(), (Span("  "), Span("hamr status PAIR", "command")))
    return (*_runs(transitions, drills), *_open_drills(drills))


def _open_drills(drills: Sequence[tuple[str, OpenDrill]]) -> Page:
    if not drills:
        return ()
    page: list[Line] = [*heading("Drills that nobody has closed")]
    for pair, drill in drills:
        about = f"pair {shortened(pair, 60)}, to {drill.goal} and home to {drill.home}, begun by {shortened(drill.by, 60)}"
        page += labelled("drill", f"{drill.drill}, {about}", "warn")
        page.append((Span("  "), Span(f"hamr drill close {drill.drill} --notes TEXT", "command")))
    return tuple(page)


def _runs(transitions: Sequence[RunSummary], drills: Sequence[tuple[str, OpenDrill]]) -> Page:
    if not transitions and drills:
        return (line("This journal holds no runs."),)
    if not transitions:
        return (
            line("This journal holds no runs."),
            line(),
            (Span("  "), Span("hamr status PAIR", "command")),
        )
    lines = [_run(transition) for transition in transitions]
    open_runs = [transition for transition in transitions if transition.open]
    page = table(("run", "pair", "goal", "mode", "by", "took", "end"), lines, WIDTHS)
    if not open_runs:
        return page
    commands = tuple(
        (Span("  "), Span(f"hamr resume {transition.run}", "command")) for transition in open_runs
    )
    return (*page, *heading("Open, and can be resumed"), *commands)


def _run(transition: RunSummary) -> tuple[Span, ...]:
    took = (
        "-"
        if transition.finished_at is None
        else span((transition.finished_at - transition.started_at).total_seconds())
    )
    end = transition.end or "not ended"
    style = "warn" if transition.open else "good" if transition.exit_code == 0 else "bad"
    return (
        Span(transition.run, "bold"),
        Span(transition.pair),
        Span("-" if transition.goal is None else str(transition.goal), "status"),
        Span(transition.mode.value, "warn" if transition.mode is Mode.EMERGENCY else ""),
        Span(f"{transition.by}@{transition.host}"),
        Span(took),
        Span(end if transition.exit_code is None else f"{end} ({transition.exit_code})", style),
    )


def runs_json(
    transitions: Sequence[RunSummary], drills: Sequence[tuple[str, OpenDrill]] = (), *, unjournalled: str = ""
) -> dict[str, JSON]:
    """The same as a document: hamr/runs/1."""
    return document(
        "hamr/runs/1",
        {
            "runs": listed(_run_fact(transition) for transition in transitions),
            "open_drills": [{"pair": pair, **_drill_fact(drill)} for pair, drill in drills],
            "journal_exists": not unjournalled,
        },
    )


def _drill_fact(drill: OpenDrill) -> dict[str, JSON]:
    fact = open_drill_fact(drill)
    assert isinstance(fact, dict)  # noqa: S101 - there is a drill
    return fact


def _run_fact(transition: RunSummary) -> dict[str, JSON]:
    took = (
        None
        if transition.finished_at is None
        else seconds((transition.finished_at - transition.started_at).total_seconds())
    )
    return {
        "run": transition.run,
        "pair": transition.pair,
        "goal": status_name(transition.goal),
        "mode": transition.mode.value,
        "by": transition.by,
        "host": transition.host,
        "started_at": when(transition.started_at),
        "finished_at": when(transition.finished_at),
        "seconds": took,
        "end": transition.end,
        "exit_code": transition.exit_code,
        "open": transition.open,
    }


def show_page(records: Sequence[Record]) -> Page:
    """One run told from its journal records, in order: time, what, org, status, verdicts, requests and answers."""
    if not records:
        return (line("This journal has no records of that run."),)
    page: list[Line] = [*_title(records)]
    day = ""
    for record in records:
        today, time = record.at[:10], record.at[11:21]
        if today != day:
            page += heading(f"{today}, times in UTC")
            day = today
        page += _entry(record, time)
    return tuple(page)


def _title(records: Sequence[Record]) -> Page:
    first, last = records[0], records[-1]
    took = span((moment(last.at) - moment(first.at)).total_seconds())
    people = dict.fromkeys(f"{record.by} on {record.host}" for record in records)
    return (
        (Span("Run ", "heading"), Span(first.run, "bold"), Span(f" of pair {shortened(first.pair, 60)}")),
        *labelled("by", shortened(", ".join(people))),
        *labelled("records", f"{first.seq} to {last.seq}, over {took}"),
    )


_MARGIN = 14
"""Cells before what a record says: two spaces, the time to a tenth of a second, two more."""


def _entry(record: Record, time: str) -> Page:
    event = _event(record)
    if event is None:
        said: Line = (
            Span(f"{shortened(record.kind, 60)}: ", "dim"),
            Span(shortened(compact(dict(record.data)))),
        )
    else:
        said = headline(event, _who)
    page = folded_line(said, f"  {time}  ")
    if event is None:
        return page
    return (*page, *details(event, indent=_MARGIN))


def _who(role: Role) -> str:
    return f"the {role}"


def _event(record: Record) -> Event | None:
    """The record's event; None where a newer version wrote it, or it does not fit its kind."""
    try:
        return decode(record.kind, record.data)
    except ValueError:
        return None


def show_json(records: Sequence[Record]) -> dict[str, JSON]:
    """The records themselves as a document: hamr/show/1. The playbook's text is left out: `audit export` has it."""
    facts: list[JSON] = []
    for record in records:
        data = dict(record.data)
        if record.kind == RunStarted.kind:
            data.pop("playbook_text", None)
        facts.append(
            {
                "seq": record.seq,
                "at": record.at,
                "kind": record.kind,
                "by": record.by,
                "host": record.host,
                "data": data,
                "hash": record.hash,
            }
        )
    first = records[0] if records else None
    return document(
        "hamr/show/1",
        {
            "run": None if first is None else first.run,
            "pair": None if first is None else first.pair,
            "records": facts,
        },
    )
