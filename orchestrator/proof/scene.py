"""Where a story stands between two commands: all that outlives a process, and nothing else does."""

from __future__ import annotations

from copy import copy

from msgspec import Struct, field

from orchestrator.model.next_step import NextStep
from orchestrator.model.proof import Event, Moment, Route, Script
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Role, Status

from .orgs import Orgs
from .store import Kept
from .virtual_time import BEGINNING


class Watch(Struct):
    """What the laws have taken note of."""

    bases: dict[tuple[str, Role], HamrRecord | None] = field(default_factory=dict)
    """What each run was shown last of an org before it intended anything: that is what it began with."""
    begun: frozenset[str] = frozenset()
    """The runs that have intended something."""
    warned: dict[tuple[str, Role], HamrRecord] = field(default_factory=dict)
    """A stranger's record that a run was shown, and did not begin with."""
    floors: dict[Role, HamrRecord] = field(default_factory=dict)
    """The newest record of each org that the journal holds a reading of."""
    refusing: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """The guards that did not pass when they were asked last, by run and transition."""
    unanswered: dict[str, frozenset[Status]] = field(default_factory=dict)
    """What each run has sent without being told by which name an org keeps it: that may be there under any."""
    owed: tuple[Role, Status] | None = None

    def copy(self) -> Watch:
        """The same, to go on from in another way."""
        return Watch(
            dict(self.bases),
            self.begun,
            dict(self.warned),
            dict(self.floors),
            dict(self.refusing),
            dict(self.unanswered),
            self.owed,
        )


class Scene(Struct):
    """A story, up to the command that is typed next."""

    route: Route
    orgs: Orgs
    step: NextStep
    """What is typed next."""
    goal: Status
    """Where whoever types it wants the pair; they may have thought better of it."""
    kept: Kept = field(default_factory=Kept)
    watch: Watch = field(default_factory=Watch)
    time: float = BEGINNING
    number: int = 0
    """How many commands were typed."""
    since_fault: int = 0
    """How many of them since the last fault."""
    tried: tuple[tuple[str, str], ...] = ()
    """(command, phase) of what was typed and changed nothing."""
    faults: tuple[Event, ...] = ()
    story: tuple[Moment, ...] = ()
    bad_hooks: frozenset[str] = frozenset()
    """Hooks that end badly as often as they are run."""
    bad_probes: frozenset[str] = frozenset()
    """Probes that never say what is wanted."""
    scripts: tuple[Script, ...] = ()
    """Of each command that was typed."""

    def copy(self) -> Scene:
        """The same, to go on from in another way."""
        other = copy(self)
        other.orgs, other.kept, other.watch = self.orgs.copy(), self.kept.copy(), self.watch.copy()
        return other

    @property
    def meddled(self) -> bool:
        """Whether somebody else has written."""
        return Event.STRANGER in self.faults

    @property
    def went_dark(self) -> bool:
        """Whether a region was ever dark."""
        dark = {Event.DARK, Event.DARK_LONG}
        return self.route.emergency is not None or not dark.isdisjoint(self.faults)

    @property
    def came_late(self) -> bool:
        """Whether a write was on its way for long."""
        late = {Event.LATE, Event.VERY_LATE, Event.ACCEPTED_LATE, Event.DIED_LATE}
        return not late.isdisjoint(self.faults)
