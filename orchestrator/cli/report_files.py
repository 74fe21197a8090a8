"""The report of a run or a drill, out of the journal and into files: what `report` and `drill run` have in common."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.config import parse_playbook
from orchestrator.errors import DocumentError
from orchestrator.journal.history import certificate_of
from orchestrator.model.events import (
    DrillClosed,
    DrillScored,
    DrillStarted,
    OwedSettled,
    RunStarted,
    WriteOwed,
)
from orchestrator.model.journal import Record
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Store
from orchestrator.report.run_fold import report_of
from orchestrator.report.run_view import ReportView

from .invocation import Invocation
from .output_files import JUNIT, PAGE, write_file

_OF_A_DRILL = frozenset({DrillStarted.kind, DrillScored.kind, DrillClosed.kind})


def read_report(store: Store, subject: str, journal: str) -> ReportView:
    """What is reported of a run or a drill that the journal has, and whether the records that say so hold."""
    records = _records(store, subject)
    view = report_of(subject, records, store.head(), playbook_of=playbook_of, journal=journal)
    return replace(
        view,
        broken=store.first_broken([record.seq for record in records]),
        certificate=certificate_of(store, view.pair, before=records[0].seq),
    )


def _records(store: Store, subject: str) -> list[Record]:
    """The subject's own records, those of a drill's runs, and what says that a debt was settled since; no others."""
    own = list(store.records(run=subject))
    if any(record.kind in _OF_A_DRILL for record in own):
        closed = next((record.seq for record in own if record.kind == DrillClosed.kind), None)
        begun = store.records(pair=own[0].pair, kinds=(RunStarted.kind,), after=own[0].seq, before=closed)
        for record in begun:
            if record.data.get("drill") == subject:
                own += store.records(run=record.run)
    debts = [record.seq for record in own if record.kind == WriteOwed.kind]
    if debts:
        own += store.records(pair=own[0].pair, kinds=(OwedSettled.kind,), after=min(debts))
    return [record for _, record in sorted({record.seq: record for record in own}.items())]


def playbook_of(started: RunStarted) -> Playbook | None:
    """The playbook that a run began with; None where this version cannot read it any more."""
    try:
        return parse_playbook(started.playbook_text, started.playbook)
    except DocumentError:
        return None


def write_html(invocation: Invocation, view: ReportView, where: str | None) -> None:
    """As one self-contained page, to a file or to stdout; nothing where none is wanted."""
    if where is not None:
        from orchestrator.report.html import page

        write_file(invocation, page(view), where, PAGE)


def write_junit(invocation: Invocation, where: str | None, *views: ReportView) -> None:
    """As JUnit XML, to a file or to stdout; nothing where none is wanted."""
    if where is not None:
        from orchestrator.report.junit import junit

        write_file(invocation, junit(*views), where, JUNIT)
