"""Where a pair stands, with all that a person wants to know before acting: what `hamr status` shows."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from .journal import Head, Holder
from .org import Pair
from .reading import Identity, Reading
from .run import Attempt
from .situation import OpenRun, Owed, Phase
from .status import Both, Role, Status


class OpenDrill(Struct, frozen=True):
    """A drill that was started and not closed yet."""

    drill: str
    started_at: datetime
    by: str
    """Who started it, and on which machine."""
    goal: Status
    home: Status
    """Where the pair stood when it began, and is to stand when it is closed."""


class Stranger(Struct, frozen=True):
    """Whose young stamp an org carries, of a run that this journal does not know."""

    role: Role
    run: str
    who: str
    """Operator and host, as the stamp has them: alice@laptop."""
    seconds: float | None
    """How long ago, by the server's clock; None where the record does not tell."""


class Standing(Struct, frozen=True):
    """One look at a pair, and what the journal says of it."""

    pair: Pair
    at: datetime
    readings: Both[Reading]
    identities: Both[Identity]
    phase: Phase
    owed: Owed | None
    open_run: OpenRun | None
    unknown: tuple[tuple[str, Attempt], ...]
    """(run, attempt) of every write whose outcome nobody knows."""
    holder: Holder | None
    """Who holds the pair's lock."""
    holder_dead: bool
    """Whether that process is provably gone."""
    cooling_down_after: str
    """The run after which the pair cools down, or ""."""
    cooling_down_for: float
    """Seconds."""
    journal: str
    head: Head
    open_drill: OpenDrill | None = None
    """The drill that uses the pair; None where there is none, or it was closed."""
    given_up: tuple[tuple[str, Attempt], ...] = ()
    """(run, attempt) of every write that was given up for a later one, and may still turn up."""
    elsewhere: tuple[str, ...] = ()
    """Runs that are open on orgs which the inventory does not name any more."""
    strangers: tuple[Stranger, ...] = ()
    """Who seems to be moving the pair without this journal's knowing."""
    left_a_run: bool = False
    """Whether the holder died in the middle of its run: then no new run has the lock before that one was resumed, or the lock broken."""

    @property
    def journal_exists(self) -> bool:
        """Whether there is a journal that anything was ever written to: an empty one knows as little as none."""
        return self.head.seq > 0
