"""Reading a journal: its runs, records and head, and whether its chain holds. Nothing here can add to it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from orchestrator.errors import JournalUnavailable
from orchestrator.journal import SqliteStore, check_anchor, parse_anchor
from orchestrator.journal.history import History, RunHistory
from orchestrator.model.journal import Head, Record, Verification
from orchestrator.model.run import Mode
from orchestrator.report.journal import RunSummary

from .finding import outlines, rehearsal_of, run_named
from .loading import as_text
from .sources import Sources


def open_journal(path: str | os.PathLike[str] | None = None) -> Journal:
    """A journal, to be read.

    Args:
        path: its file; None looks at HAMR_JOURNAL, then in ~/.local/state/hamr/journal.db.
    """
    return Journal(Sources(journal=as_text(path)))


class Journal:
    """A journal as it is now: each call opens its file for reading, and closes it again.

    Every method raises JournalUnavailable where the file cannot be read, and JournalDamaged where it is not whole.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def __repr__(self) -> str:
        return f"Journal({self.place!r})"

    @property
    def place(self) -> str:
        """The path of its file."""
        return str(self._sources.place())

    def runs(self, pair: str | None = None) -> tuple[RunSummary, ...]:
        """All runs, or those of one pair, the newest first; none where there is no journal yet."""
        with self._sources.store(writes=False) as store:
            return summaries(outlines(store, pair))

    def records(
        self, run: str | None = None, *, pair: str | None = None, after: int = 0
    ) -> tuple[Record, ...]:
        """Records in order: of one run, of one pair, or all; none where there is no journal yet.

        Args:
            run: only this run's.
            pair: only this pair's.
            after: only those that come after this sequence number.

        Raises:
            UsageError: the journal knows no such run.
        """
        with self._sources.store(writes=False) as store:
            found = tuple(store.records(run=run, pair=pair, after=after))
            if run is not None and not found:
                run_named({}, run, store)
            return found

    def head(self) -> Head:
        """The newest record's number and hash: copied elsewhere, it anchors all records up to it.

        Raises:
            JournalUnavailable: there is no journal.
        """
        with self._sources.store(writes=False) as store:
            require_existing(store)
            return store.head()

    def verify(self, anchor: Head | str | None = None) -> Verification:
        """Whether every record's hash is right, and each follows on the one before: Verified, or Broken.

        Args:
            anchor: a head that was kept elsewhere, or its text SEQ:HASH: the journal has to contain it still.

        Raises:
            JournalUnavailable: there is no journal: an auditor must not be told that an empty one holds.
            UsageError: the anchor's text is none.
        """
        head = parse_anchor(anchor) if isinstance(anchor, str) else anchor
        with self._sources.store(writes=False) as store:
            require_existing(store)
            return store.verify() if head is None else check_anchor(store, head)


def require_existing(store: SqliteStore) -> None:
    """Make sure that there is a journal.

    Raises:
        JournalUnavailable: there is none.
    """
    if not store.exists:
        raise JournalUnavailable(
            f"There is no journal at {store.place}: nothing was ever recorded there, or it was moved or deleted.",
            next_steps=("hamr audit verify --journal FILE",),
        )


def summaries(histories: Mapping[str, History]) -> tuple[RunSummary, ...]:
    """Every run of these histories, the newest first."""
    found = [
        _summary(run, gone=rehearsal_of(history, run) is not None)
        for history in histories.values()
        for run in history.runs.values()
        if run.run
    ]
    return tuple(sorted(found, key=lambda run: (run.started_at, run.run), reverse=True))


def _summary(run: RunHistory, *, gone: bool) -> RunSummary:
    started, finished = run.started, run.finished
    return RunSummary(
        run=run.run,
        pair=run.pair,
        goal=None if started is None else started.goal,
        mode=Mode.PLANNED if started is None else started.mode,
        by=run.by,
        host=run.host,
        started_at=run.started_at,
        finished_at=run.finished_at,
        end="superseded" if run.superseded_by else "" if finished is None else finished.ending.end.value,
        exit_code=None if finished is None else finished.exit_code,
        open=run.open and not gone,
    )
