"""Shared options → what a verb works with: inventory, playbook, journal, operator, and a Session of all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from .front import Front

if TYPE_CHECKING:  # loaded when a verb needs them: `hamr --help` must be quick
    from orchestrator.journal import SqliteStore
    from orchestrator.log import Form
    from orchestrator.model.org import Inventory, Pair
    from orchestrator.model.playbook import Playbook
    from orchestrator.session import Session


@dataclass(slots=True)
class Opening:
    """The shared options of one command line, as given."""

    front: Front
    pairs: str | None = None
    playbook: str | None = None
    journal: str | None = None
    operator: str | None = None
    log_format: str = "auto"
    log_level: str = "warning"

    def inventory(self) -> Inventory:
        """The inventory: `--pairs`, HAMR_PAIRS, or ./pairs.yaml.

        Raises:
            UsageError: there is none.
            DocumentError: it has problems.
        """
        from orchestrator.documents import find_inventory, load_inventory

        return load_inventory(find_inventory(self.pairs, os.environ, Path()))

    def playbook_name(self) -> str:
        """`--playbook`, HAMR_PLAYBOOK, or the default."""
        from orchestrator.documents import DEFAULT_PLAYBOOK

        return self.playbook or os.environ.get("HAMR_PLAYBOOK") or DEFAULT_PLAYBOOK

    def load_playbook(self) -> Playbook:
        """The playbook that was named.

        Raises:
            UsageError: there is none of that name.
            DocumentError: it has problems.
        """
        from orchestrator.documents import load_playbook

        return self.known(load_playbook(self.playbook_name()), self.playbook_name())

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
        from orchestrator.clock import SystemClock
        from orchestrator.journal import SqliteStore, default_place

        self.listen()
        place = default_place(self.journal, os.environ)
        if writes and self.journal is not None:
            self.front.console.note(
                f"The journal of this run is {place}: it sees the locks and the history that stand there, and no others."
            )
        with SqliteStore.open(place, create=writes, now=SystemClock().now) as store:
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
        from orchestrator.documents import pair_named
        from orchestrator.session import Session

        from .operators import operator_named

        operator = operator_named(self.operator)
        found = pair_named(self.inventory(), pair) if isinstance(pair, str) else pair
        playbook = playbook or self.load_playbook()
        if store is not None:
            yield Session(found, playbook, operator, store, os.environ, self.front.redactor)
            return
        with self.store(writes=writes) as opened:
            yield Session(found, playbook, operator, opened, os.environ, self.front.redactor)

    def listen(self) -> None:
        """Send the log to stderr, in the form that was asked for, with the keys of this command taken out."""
        from orchestrator.log import configure

        configure(cast("Form", self.log_format), self.log_level, redactor=self.front.redactor)
