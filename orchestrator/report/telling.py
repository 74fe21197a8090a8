"""Journal records → the story of a run or a drill. Pure: one pass over the records of each run, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from orchestrator.model.events import (
    DrillClosed,
    DrillScored,
    DrillStarted,
    Event,
    OwedSettled,
    RunStarted,
    decode,
)
from orchestrator.model.journal import Head, Record
from orchestrator.model.plain import moment
from orchestrator.model.playbook import Playbook
from orchestrator.model.result import Score

from .layout import plain_text
from .story import DrillFacts, RunStory, Story
from .telling_run import RunTeller, the_role
from .told import headline

PlaybookOf = Callable[[RunStarted], Playbook | None]
"""The playbook that a run began with, which its journal holds as a text; None where it cannot be read any more."""


def story_of(
    subject: str,
    records: Iterable[Record],
    head: Head,
    playbook_of: PlaybookOf = lambda _started: None,
    *,
    journal: str = "",
) -> Story:
    """A run's or a drill's story.

    Args:
        subject: the run's id, or the drill's.
        records: of the journal, in order: the subject's own, those of a drill's runs, and, to know whether what is
            owed was told since, the pair's. Others are passed over.
        head: the journal's newest record.
        playbook_of: what the journal holds as a text only.
        journal: its file, where it was named on the command line.

    Raises:
        ValueError: there is no record of that run or drill.
    """
    kept = list(records)
    told = [(record, event_of(record)) for record in kept]
    runs = _runs_of(subject, told)
    drill = _drill(subject, told)
    own = [(record, event) for record, event in told if record.run in runs or record.run == subject]
    if not own:
        raise ValueError(f"the journal has no record of {subject}")
    pair = own[0][0].pair
    later = [(record, event) for record, event in told if record.pair == pair]
    names: dict[str, str] = {}
    for leg in () if drill is None or drill.score is None else drill.score.legs:
        names[leg.run] = f"{names[leg.run]}, {leg.name}" if leg.run in names else leg.name
    return Story(
        subject=subject,
        pair=pair,
        runs=tuple(_run(run, own, later, names, playbook_of) for run in runs),
        drill=drill,
        head=head,
        records=len(own),
        lines={record.seq: record_line(record, event) for record, event in own},
        journal=journal,
    )


def event_of(record: Record) -> Event | None:
    """The record's event; None where a newer version wrote it, or it does not fit its kind."""
    try:
        return decode(record.kind, record.data)
    except ValueError:
        return None


def record_line(record: Record, event: Event | None) -> str:
    """One record in one line, without control characters: what it says, and what kind it is."""
    if event is None:
        return f"{record.kind} (of another version)"
    return plain_text((headline(event, the_role),)).rstrip()


Told = Sequence[tuple[Record, Event | None]]


def _runs_of(subject: str, told: Told) -> tuple[str, ...]:
    """The subject where it is a run, else the runs that name it as their drill; in the order in which they began."""
    named = [record.run for record, event in told if isinstance(event, RunStarted) and event.drill == subject]
    if named or any(isinstance(event, DrillStarted) and record.run == subject for record, event in told):
        return tuple(dict.fromkeys(named))
    return (subject,)


def _drill(subject: str, told: Told) -> DrillFacts | None:
    started: DrillStarted | None = None
    score: Score | None = None
    closed_at, notes = None, ""
    began: datetime | None = None
    for record, event in told:
        if record.run != subject:
            continue
        match event:
            case DrillStarted():
                started, began = event, moment(record.at)
            case DrillScored():
                score, began = event.score, began or moment(record.at)
            case DrillClosed():
                closed_at, notes = moment(record.at), event.notes
            case _:
                pass
    if began is None:
        return None
    return DrillFacts(subject, started, score, closed_at, notes, began)


def _run(run: str, own: Told, later: Told, names: Mapping[str, str], playbook_of: PlaybookOf) -> RunStory:
    teller = RunTeller(run, names.get(run, ""))
    for record, event in own:
        if record.run == run:
            teller.note(record, event)
    for record, event in later:
        if isinstance(event, OwedSettled) and record.run != run:
            teller.settle(event, moment(record.at), record.run)
    return teller.story(playbook_of)
