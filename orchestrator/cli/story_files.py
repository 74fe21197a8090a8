"""The story of a run or a drill, out of the journal and into files: what `report` and `drill run` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .opening import Opening
from .output_file import JUNIT, PAGE, STDOUT, Kind, refuse_misplaced, written_whole

__all__ = ["STDOUT", "broken_chain", "refuse_misplaced_files", "story_told", "write_html", "write_junit"]

if TYPE_CHECKING:
    from orchestrator.journal import SqliteStore
    from orchestrator.model.events import RunStarted
    from orchestrator.model.journal import Broken, Record
    from orchestrator.model.playbook import Playbook
    from orchestrator.model.protocols import Store
    from orchestrator.report.run_view import ReportView


def story_told(store: Store, subject: str, journal: str) -> ReportView:
    """The story of a run or a drill.

    Raises:
        UsageError: the journal knows neither.
    """
    from orchestrator.api.finding import run_named
    from orchestrator.report.run_fold import report_of

    records = _records(store, subject)
    if not records:
        run_named({}, subject, store)
    return report_of(subject, records, store.head(), playbook_of=_playbook_of, journal=journal)


def broken_chain(store: SqliteStore) -> Broken | None:
    """Where the journal's chain does not hold."""
    from orchestrator.model.journal import Broken

    found = store.verify()
    return found if isinstance(found, Broken) else None


def _records(store: Store, subject: str) -> list[Record]:
    """The subject's own records, those of a drill's runs, and what says whether a debt was settled since."""
    from orchestrator.model.events import DrillClosed, DrillScored, DrillStarted, OwedSettled, RunStarted

    found = {record.seq: record for record in (store.records(run=subject) if subject else ())}
    if not found:
        return []
    pair = next(iter(found.values())).pair
    after = min(found)
    is_drill = {record.kind for record in found.values()} & {
        DrillStarted.kind,
        DrillScored.kind,
        DrillClosed.kind,
    }
    kinds = (RunStarted.kind, OwedSettled.kind) if is_drill else (OwedSettled.kind,)
    for record in store.records(pair=pair, kinds=kinds, after=after):
        found[record.seq] = record
        if record.kind == RunStarted.kind and record.data.get("drill") == subject:
            found |= {each.seq: each for each in store.records(run=record.run)}
    return [found[seq] for seq in sorted(found)]


def _playbook_of(started: RunStarted) -> Playbook | None:
    """The playbook that a run began with, where this version can still read it."""
    from orchestrator.config import parse_playbook
    from orchestrator.errors import DocumentError

    try:
        return parse_playbook(started.playbook_text, started.playbook)
    except DocumentError:
        return None


def refuse_misplaced_files(html: str | None, junit: str | None) -> None:
    """Make sure that both files can be written, before there is anything to write.

    Raises:
        UsageError: both are the same file, one is a folder, or something else stands there.
        PreparationError: a folder is not there, or cannot be written to.
    """
    from orchestrator.errors import UsageError

    named = [
        (Path(where), kind, option)
        for where, kind, option in ((html, PAGE, "--html"), (junit, JUNIT, "--junit"))
        if where is not None and where != STDOUT
    ]
    for path, kind, option in named:
        refuse_misplaced(path, kind, option=option)
    if len({path.resolve() for path, _, _ in named}) < len(named):
        raise UsageError(f"--html and --junit name the same file, {html}: give each a name of its own.")


def write_html(opening: Opening, story: ReportView, where: str | None) -> None:
    """As one self-contained page, to a file or to stdout; nothing where none is wanted."""
    if where is None:
        return
    from orchestrator.report.html import page

    _write(opening, page(story), where, PAGE, option="--html")


def write_junit(opening: Opening, story: ReportView, where: str | None) -> None:
    """As JUnit XML, to a file or to stdout; nothing where none is wanted."""
    if where is None:
        return
    from orchestrator.report.junit import junit

    _write(opening, junit(story), where, JUNIT, option="--junit")


def _write(opening: Opening, text: str, where: str, kind: Kind, *, option: str) -> None:
    """To a file, whole or not at all, or to stdout; without keys either way."""
    front = opening.front
    if where == STDOUT:
        front.console.out.text(text)
        return
    with written_whole(Path(where), kind, option=option) as file:
        file.write(front.redactor.clean(text).encode())
    front.console.note(f"{kind.what[:1].upper()}{kind.what[1:]} is in {where}.")
