"""Reading a journal, an inventory or a playbook from Python. Nothing here can add to a journal."""

from __future__ import annotations

import os

from orchestrator.journal import check_anchor, parse_anchor
from orchestrator.model.journal import Head, Record, Verification
from orchestrator.model.org import Inventory
from orchestrator.model.playbook import Playbook
from orchestrator.operations.finding import outlines, summaries, unknown_run
from orchestrator.operations.sources import Sources
from orchestrator.report.journal import RunSummary

from .calls import as_text


def load_inventory(path: str | os.PathLike[str] | None = None) -> Inventory:
    """All pairs of an inventory: its file, or None for HAMR_PAIRS, then ./pairs.yaml.

    A UsageError where there is none, a DocumentError where it has problems; with all of them at once.
    """
    return Sources(pairs=as_text(path)).inventory()


def load_playbook(name: str | os.PathLike[str] | None = None) -> Playbook:
    """A playbook: its file, or the name of one that ships with hamr; None looks at HAMR_PLAYBOOK, then takes the default.

    A UsageError where there is none of that name, a DocumentError where it has problems; with all of them at once.
    """
    return Sources(playbook=as_text(name)).load_playbook()


def open_journal(path: str | os.PathLike[str] | None = None) -> Journal:
    """A journal, to be read: its file, or None for HAMR_JOURNAL, then ~/.local/state/hamr/journal.db."""
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
        """Records in order, those after a sequence number: of one run, of one pair, or all; none where there is no journal yet.

        A UsageError where the journal knows no such run.
        """
        with self._sources.store(writes=False) as store:
            found = tuple(store.records(run=run, pair=pair, after=after))
            if run is not None and not found:
                raise unknown_run(store, run)
            return found

    def head(self) -> Head:
        """The newest record's number and hash: copied elsewhere, it anchors all records up to it. A JournalUnavailable where there is no journal."""
        with self._sources.existing_store() as store:
            return store.head()

    def verify(self, anchor: Head | str | None = None) -> Verification:
        """Whether every record's hash is right, and each follows on the one before: Verified, or Broken.

        The journal has to contain the anchor still, a head that was kept elsewhere, or its text SEQ:HASH; a UsageError where the text is
        none. A JournalUnavailable where there is no journal: an auditor must not be told that an empty one holds.
        """
        head = parse_anchor(anchor) if isinstance(anchor, str) else anchor
        with self._sources.existing_store() as store:
            return store.verify() if head is None else check_anchor(store, head)
