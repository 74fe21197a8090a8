"""How a record that was read differs from what was last seen of it (law 3)."""

from __future__ import annotations

import enum


class Change(enum.Enum):
    """How a record that was read differs from what was last seen of it (law 3)."""

    SAME = "same"
    OURS = "ours"
    REFUSED = "refused"
    """Ours, though the server had answered that it did not take it."""
    UNPROVEN = "unproven"
    """After a lost answer: our status under another name."""
    ECHO = "echo"
    STALE = "stale"
    SERVER = "server"
    """The server made the move of a transition that says `advances: server`."""
    LATE = "late"
    """A late write of an earlier attempt of this run."""
    REVERTED = "reverted"
    """A mirror healed an old record over a new one."""
    FOREIGN = "foreign"
    MISLINKED = "mislinked"
    UNSEEN = "unseen"
    """There is no record to compare: the org did not answer with one."""
