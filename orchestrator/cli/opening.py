"""Shared options → what a verb works with: inventory, playbook, journal, operator, and a Session of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from .front import Front

if TYPE_CHECKING:  # loaded when a verb needs them: `hamr --help` must be quick
    from orchestrator.journal import SqliteStore
    from orchestrator.model.org import Inventory, Pair
    from orchestrator.model.playbook import Playbook
    from orchestrator.operations.session import Session
    from orchestrator.operations.sources import Sources
    from orchestrator.system.log import Form


class Opening(Struct):
    """The shared options of one command line, as given."""

    front: Front
    pairs: str | None = None
    playbook: str | None = None
    journal: str | None = None
    operator: str | None = None
    log_format: str = "auto"
    log_level: str = "warning"

    @property
    def _sources(self) -> Sources:
        """The same, as the Python API takes it too."""
        from orchestrator.operations.sources import Sources

        return Sources(self.pairs, self.playbook, self.journal, self.operator)

    def inventory(self) -> Inventory:
        """The inventory: `--pairs`, HAMR_PAIRS, or ./pairs.yaml.

        Raises:
            UsageError: there is none.
            DocumentError: it has problems.
        """
        return self._sources.inventory()

    def pair(self, name: str) -> Pair:
        """One pair of the inventory; raises as `inventory`, and UsageError where there is none of that name."""
        return self._sources.pair(name)

    def playbook_name(self) -> str:
        """`--playbook`, HAMR_PLAYBOOK, or the default."""
        return self._sources.playbook_name()

    def load_playbook(self) -> Playbook:
        """The playbook that was named.

        Raises:
            UsageError: there is none of that name.
            DocumentError: it has problems.
        """
        return self.known(self._sources.load_playbook(), self.playbook_name())

    def known(self, playbook: Playbook, source: str) -> Playbook:
        """The playbook; the commands that are printed name it by what it was loaded from."""
        self.front.typed.playbook, self.front.typed.playbook_source = playbook.name, source
        return playbook

    @contextmanager
    def store(self, *, writes: bool) -> Iterator[SqliteStore]:
        """The journal, open; verbs that only look leave no file behind.

        Raises:
            JournalUnavailable: it cannot be opened.
            JournalDamaged: it is not a whole journal.
        """
        self.listen()
        place = self._sources.place()
        if writes and self.journal is not None:
            self.front.console.note(
                f"The journal of this run is {place}: it sees the locks and the history that stand there, and no others."
            )
        with self._sources.store(writes=writes) as store:
            yield store

    @contextmanager
    def session(
        self,
        pair: Pair | str,
        *,
        writes: bool,
        playbook: Playbook | None = None,
        store: SqliteStore | None = None,
    ) -> Iterator[Session]:
        """Everything that is needed for one pair, the journal last: a mistyped flag creates none.

        Args:
            pair: the pair, or its name in the inventory.
            writes: whether the verb journals anything.
            playbook: in the place of the one that was named.
            store: a journal that is open already, and stays so.

        Raises:
            HamrError: one of them cannot be had.
        """
        prepared = self._sources.prepare(pair, playbook)
        if playbook is None:
            self.known(prepared.playbook, self.playbook_name())
        if store is not None:
            yield prepared.session(store, self.front.redactor)
            return
        with self.store(writes=writes) as opened:
            yield prepared.session(opened, self.front.redactor)

    def listen(self) -> None:
        """Send the log to stderr, in the form that was asked for, with the keys of this command taken out."""
        from orchestrator.system.log import configure

        configure(cast("Form", self.log_format), self.log_level, redactor=self.front.redactor)
