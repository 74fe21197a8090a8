"""Where everything comes from that is needed for a pair: inventory, playbook, journal and operator, all four at once.

The one way in: the commands fill it from their options, the Python API from its arguments. What is not named is
looked for in the environment (HAMR_PAIRS, HAMR_PLAYBOOK, HAMR_JOURNAL), and then in its usual place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded when they are needed: a verb that reads the journal alone parses no YAML
    from orchestrator.drill.stand_ins import ProbeStubs
    from orchestrator.journal import SqliteStore
    from orchestrator.model.org import Inventory, Pair
    from orchestrator.model.playbook import Playbook
    from orchestrator.model.protocols import Store
    from orchestrator.model.run import Operator
    from orchestrator.operations.session import Session
    from orchestrator.system.redaction import Redactor


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pair with its playbook and operator, checked: all that a session needs but the journal."""

    pair: Pair
    playbook: Playbook
    operator: Operator
    environ: Mapping[str, str] = field(repr=False)
    stand_ins: Callable[[Playbook], ProbeStubs] | None = None
    """What probes say, where the regions are simulated: then no hook's program is started either."""

    def session(self, store: Store, redactor: Redactor) -> Session:
        """Everything wired together, on an open journal."""
        from orchestrator.operations.session import Session  # noqa: PLC0415 - as above

        wired = (self.pair, self.playbook, self.operator, store, self.environ, redactor)
        if self.stand_ins is None:
            return Session(*wired)
        from orchestrator.drill.stand_ins import RehearsedSession  # noqa: PLC0415 - as above

        return RehearsedSession(*wired, stubs=self.stand_ins(self.playbook), scripted=True)


@dataclass(frozen=True, slots=True)
class Sources:
    """What was named, and None for what was not."""

    pairs: str | None = None
    """The inventory's path."""
    playbook: str | None = None
    """A playbook's path, or the name of a shipped one."""
    journal: str | None = None
    """The journal's path."""
    operator: str | None = None
    """NAME@HOST; None looks at HAMR_OPERATOR, then at who is logged in."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def inventory(self) -> Inventory:
        """The inventory: as named, else HAMR_PAIRS, else ./pairs.yaml.

        Raises:
            UsageError: there is none.
            DocumentError: it has problems.
        """
        from orchestrator.config import find_inventory, load_inventory  # noqa: PLC0415 - as above

        return load_inventory(find_inventory(self.pairs, self.environ, Path()))

    def pair(self, name: str) -> Pair:
        """One pair of the inventory; of a large one, nothing else is looked at.

        Raises:
            UsageError: there is no inventory, or no such pair in it.
            DocumentError: it has problems.
        """
        from orchestrator.config import find_inventory, load_pair  # noqa: PLC0415 - as above

        return load_pair(find_inventory(self.pairs, self.environ, Path()), name)

    def playbook_name(self) -> str:
        """The playbook's path or name: as named, else HAMR_PLAYBOOK, else the default."""
        from orchestrator.config import DEFAULT_PLAYBOOK  # noqa: PLC0415 - as above

        return self.playbook or self.environ.get("HAMR_PLAYBOOK") or DEFAULT_PLAYBOOK

    def load_playbook(self) -> Playbook:
        """The playbook that was named.

        Raises:
            UsageError: there is none of that name.
            DocumentError: it has problems.
        """
        from orchestrator.config import load_playbook  # noqa: PLC0415 - as above

        return load_playbook(self.playbook_name())

    def prepare(self, pair: Pair | str, playbook: Playbook | None = None) -> Prepared:
        """Check everything but the journal: what is mistyped must not leave an empty one behind.

        Args:
            pair: the pair, or its name in the inventory.
            playbook: in the place of the one that was named.

        Raises:
            UsageError: the operator, the pair or the playbook is not there, or cannot be right.
            DocumentError: a file has problems.
        """
        operator = self.named_operator()
        found = self.pair(pair) if isinstance(pair, str) else pair
        return Prepared(found, playbook or self.load_playbook(), operator, self.environ)

    def named_operator(self) -> Operator:
        """Who is at work.

        Raises:
            UsageError: the name is not fit for a record.
        """
        from .operators import operator_named  # noqa: PLC0415 - as above

        if self.operator is not None:
            return operator_named(self.operator)
        return operator_named(self.environ.get("HAMR_OPERATOR") or None)

    def place(self) -> Path:
        """The journal's file: as named, else HAMR_JOURNAL, else in the user's state folder.

        Raises:
            UsageError: it is no path.
        """
        from orchestrator.journal import default_place  # noqa: PLC0415 - as above

        return default_place(self.journal, self.environ)

    def store(self, *, writes: bool, patience: float | None = None) -> SqliteStore:
        """The journal, open; who only looks leaves no file behind. Close it, or use it as a context manager.

        Args:
            writes: whether records are added.
            patience: seconds to wait for others who write; None for the usual.

        Raises:
            JournalUnavailable: it cannot be opened.
            JournalDamaged: it is not a whole journal.
        """
        from orchestrator.journal import SqliteStore  # noqa: PLC0415 - as above
        from orchestrator.system.clock import SystemClock  # noqa: PLC0415 - as above

        return SqliteStore.open(self.place(), create=writes, now=SystemClock().now, patience=patience)
