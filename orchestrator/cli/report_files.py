"""The report of a run or a drill, out of the journal and into files: what `report` and `drill run` have in common."""

from __future__ import annotations

from pathlib import Path

from orchestrator.config import parse_playbook
from orchestrator.errors import DocumentError
from orchestrator.model.events import DrillClosed, DrillScored, DrillStarted, OwedSettled, RunStarted
from orchestrator.model.journal import Record
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Store
from orchestrator.operations.finding import run_named
from orchestrator.report.run_fold import report_of
from orchestrator.report.run_view import ReportView

from .invocation import Invocation
from .output_files import JUNIT, PAGE, STDOUT, Kind, written_whole

_OF_A_DRILL = frozenset({DrillStarted.kind, DrillScored.kind, DrillClosed.kind})


def read_report(store: Store, subject: str, journal: str) -> ReportView:
    """What is reported of a run or a drill.

    Raises:
        UsageError: the journal knows neither.
    """
    records = _records(store, subject)
    if not records:
        run_named({}, subject, store)
    return report_of(subject, records, store.head(), playbook_of=_playbook_of, journal=journal)


def _records(store: Store, subject: str) -> list[Record]:
    """The subject's own records, those of a drill's runs, and what says whether a debt was settled since."""
    found = {record.seq: record for record in (store.records(run=subject) if subject else ())}
    if not found:
        return []
    pair = next(iter(found.values())).pair
    is_drill = any(record.kind in _OF_A_DRILL for record in found.values())
    kinds = (RunStarted.kind, OwedSettled.kind) if is_drill else (OwedSettled.kind,)
    for record in store.records(pair=pair, kinds=kinds, after=min(found)):
        found[record.seq] = record
        if record.kind == RunStarted.kind and record.data.get("drill") == subject:
            found |= {each.seq: each for each in store.records(run=record.run)}
    return [found[seq] for seq in sorted(found)]


def _playbook_of(started: RunStarted) -> Playbook | None:
    """The playbook that a run began with, where this version can still read it."""
    try:
        return parse_playbook(started.playbook_text, started.playbook)
    except DocumentError:
        return None


def write_html(invocation: Invocation, view: ReportView, where: str | None) -> None:
    """As one self-contained page, to a file or to stdout; nothing where none is wanted."""
    if where is not None:
        from orchestrator.report.html import page

        _write(invocation, page(view), where, PAGE)


def write_junit(invocation: Invocation, view: ReportView, where: str | None) -> None:
    """As JUnit XML, to a file or to stdout; nothing where none is wanted."""
    if where is not None:
        from orchestrator.report.junit import junit

        _write(invocation, junit(view), where, JUNIT)


def _write(invocation: Invocation, text: str, where: str, kind: Kind) -> None:
    """To a file, whole or not at all, or to stdout; without keys either way."""
    if where == STDOUT:
        invocation.console.out.text(text)
        return
    with written_whole(Path(where), kind) as file:
        file.write(invocation.redactor.clean(text).encode())
    invocation.console.note(f"{kind.what[:1].upper()}{kind.what[1:]} is in {where}.")
