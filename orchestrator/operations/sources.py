"""Where everything comes from that is needed for a pair: inventory, playbook, journal and operator, all four at once.

The one way in: the commands fill it from their options, the Python API from its arguments. What is not named is
looked for in the environment (HAMR_PAIRS, HAMR_PLAYBOOK, HAMR_JOURNAL), and then in its usual place.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.errors import JournalUnavailable, UsageError
from orchestrator.model import next_step

if TYPE_CHECKING:  # loaded when they are needed: a verb that reads the journal alone parses no YAML
    from orchestrator.journal import Address, JournalStore
    from orchestrator.model.events import JournalMoved
    from orchestrator.model.org import Inventory, Pair
    from orchestrator.model.playbook import Playbook
    from orchestrator.model.protocols import Store
    from orchestrator.model.run import Operator
    from orchestrator.system.redaction import Redactor

    from .session import Session

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}"
_UNFIT = r"[^A-Za-z0-9._-]+"


class Prepared(Struct, frozen=True, eq=False):
    """A pair with its playbook and operator, checked: all that a session needs but the journal."""

    pair: Pair
    playbook: Playbook
    operator: Operator
    environ: Mapping[str, str]

    def __repr__(self) -> str:  # the environment may hold keys
        return f"Prepared({self.pair.name})"

    def session(self, store: Store, redactor: Redactor, *, beside: Session | None = None) -> Session:
        """Everything wired together, on an open journal; with `beside`, another pair's on the same, its certificates and keys."""
        from .session import Session

        session = Session(self.pair, self.playbook, self.operator, store, self.environ, redactor)
        if beside is None:
            session.trust.load_beside(self.pair.orgs)
        else:
            session.trust, session.calls = beside.trust, beside.calls
            session.verified, session.key_ring = beside.verified, beside.keys
        return session


class Sources(Struct, frozen=True, eq=False):
    """What was named, and None for what was not."""

    pairs: str | None = None
    """The inventory's path."""
    playbook: str | None = None
    """A playbook's path, or the name of a shipped one."""
    journal: str | None = None
    """The journal's path, or a team's address."""
    operator: str | None = None
    """NAME@HOST; None looks at HAMR_OPERATOR, then at who is logged in."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def __repr__(self) -> str:  # as above
        from orchestrator.journal import without_password

        journal = self.journal and without_password(self.journal)
        return f"Sources({self.pairs}, {self.playbook}, {journal}, {self.operator})"

    def inventory(self) -> Inventory:
        """The inventory, as named, else HAMR_PAIRS, else ./pairs.yaml; a UsageError where there is none, a DocumentError with its problems."""
        from orchestrator.config import find_inventory, load_inventory

        return load_inventory(find_inventory(self.pairs, self.environ, Path()))

    def pair(self, name: str) -> Pair:
        """One pair of the inventory, raising as `inventory`, and a UsageError where it has no such pair; of a large one, nothing else is read."""
        from orchestrator.config import find_inventory, load_pair

        return load_pair(find_inventory(self.pairs, self.environ, Path()), name)

    def playbook_name(self) -> str:
        """The playbook's path or name: as named, else HAMR_PLAYBOOK, else the default."""
        return self.playbook or self.environ.get("HAMR_PLAYBOOK") or next_step.DEFAULT_PLAYBOOK

    def load_playbook(self) -> Playbook:
        """The playbook that was named; a UsageError where there is none of that name, a DocumentError with its problems."""
        from orchestrator.config import load_playbook

        return load_playbook(self.playbook_name())

    def prepare(self, pair: Pair | str, playbook: Playbook | None = None) -> Prepared:
        """All but the journal, raising as `pair` and `load_playbook` and for the operator: what is mistyped leaves no empty journal behind."""
        operator = self.named_operator()
        found = self.pair(pair) if isinstance(pair, str) else pair
        return Prepared(found, playbook or self.load_playbook(), operator, self.environ)

    def named_operator(self) -> Operator:
        """Who is at work; a UsageError where the name is not fit for a record."""
        if self.operator is not None:
            return operator_named(self.operator)
        return operator_named(self.environ.get("HAMR_OPERATOR") or None, "HAMR_OPERATOR")

    def place(self) -> Path | Address:
        """The journal's file or address, as named, else HAMR_JOURNAL, else in the user's state folder; a UsageError where it is neither."""
        from orchestrator.journal import default_place

        return default_place(self.journal, self.environ)

    @property
    def beside(self) -> Sources:
        """The same, with the journal of drills on the simulator in the place of the one that it lies beside; a UsageError where that is no path."""
        from orchestrator.journal import Address, state_folder

        place = self.place()
        if isinstance(place, Address):  # nobody else is concerned
            place = state_folder(self.environ) / "journal.db"
        return replace(self, journal=str(place.with_name(f"{place.stem}-drills{place.suffix}")))

    @property
    def for_rehearsals(self) -> Sources:
        """Where a drill on the simulator is journalled: in the journal that was named, else in that of its own."""
        return self if self.journal is not None else self.beside

    def store(self, *, writes: bool, patience: float | None = None) -> JournalStore:
        """The journal, open, as a context manager; who only looks leaves no file behind. See `JournalStore.open`, `patience` included."""
        from orchestrator.journal import JournalStore
        from orchestrator.system.clock import SystemClock

        return JournalStore.open(self.place(), create=writes, now=SystemClock().now, patience=patience)

    def refuge(self) -> Path | None:
        """This machine's own journal, for emergencies whose team's can't be reached; None where the journal is a file."""
        from orchestrator.journal import Address, state_folder

        place = self.place()
        if not isinstance(place, Address):
            return None
        return (
            state_folder(self.environ) / f"emergency-{hashlib.sha256(str(place).encode()).hexdigest()[:8]}.db"
        )

    def store_for(self, *, writes: bool, emergency: bool) -> tuple[JournalStore, JournalMoved | None]:
        """The journal as `store` gives it; in an emergency soon, or, where a team's can't be had, this machine's own, and why."""
        from orchestrator.model.events import JournalMoved

        from .session import EMERGENCY_BUSY_SECONDS

        if not emergency:
            return self.store(writes=writes), None
        try:
            return self.store(writes=writes, patience=EMERGENCY_BUSY_SECONDS), None
        except JournalUnavailable as error:
            refuge = self.refuge()
            if refuge is None:
                raise
            here = replace(self, journal=str(refuge)).store(writes=writes, patience=EMERGENCY_BUSY_SECONDS)
            return here, JournalMoved(str(self.place()), error.message)

    @contextmanager
    def existing_store(self) -> Iterator[JournalStore]:
        """The journal, an older hamr's too; a JournalUnavailable where there is none, for an auditor must not be told that an empty one holds."""
        from orchestrator.journal import JournalStore
        from orchestrator.system.clock import SystemClock

        with JournalStore.open(self.place(), create=False, older=True, now=SystemClock().now) as store:
            if not store.exists:
                raise JournalUnavailable(
                    f"There is no journal at {store.place}: nothing was ever recorded there, or it was moved or deleted.",
                    next_steps=(next_step.verify().with_options("--journal", "FILE"),),
                )
            yield store


def operator_named(text: str | None, source: str = "--operator") -> Operator:
    """The operator that a text names, and its `source`: NAME@HOST, or NAME on this machine; None is whoever is logged in here.

    It becomes a part of `modified_by` in every record that is written (NAME+hamr-RUN-ATTEMPT@HOST), so a UsageError refuses
    what is not safe in an address.
    """
    from orchestrator.journal import host_name
    from orchestrator.model.run import Operator

    if text is None:
        return Operator(_fitting(_login(), "unknown"), _fitting(host_name(), "localhost"))
    name, at, host = text.partition("@")
    if not at:
        host = _fitting(host_name(), "localhost")
    if re.fullmatch(_NAME, name) is None or re.fullmatch(_HOST, host) is None:
        raise UsageError(
            f"{source} {text[:100]!r}: NAME or NAME@HOST is wanted, of letters, digits, dots and hyphens "
            "(in NAME underscores too), since it goes into the records that are written.",
            next_steps=(next_step.shell("--operator alice@laptop", "such as this"),),
        )
    return Operator(name, host)


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return ""


def _fitting(text: str, otherwise: str) -> str:
    """A name that the system gave, made fit for an address."""
    return re.sub(_UNFIT, "-", text).strip("._-")[:63] or otherwise
