"""A proof of a playbook: what can happen in one, what was explored, a law that broke, and how it came to that."""

from __future__ import annotations

import enum

from msgspec import Struct

from .events import PlaybookProven
from .status import Role, Status


class Event(enum.Enum):
    """One thing that can go otherwise than it should; each costs one fault."""

    TAKEN_UNANSWERED = "the org took it, and the answer got lost"
    NOT_TAKEN_UNANSWERED = "it got lost on its way, and nobody said so"
    LATE = "the answer got lost, and the org takes it half a confirm time later"
    VERY_LATE = "the answer got lost, and the org takes it after the confirm time"
    ACCEPTED_LATE = "it was answered 200, and the org shows it half a confirm time later"
    NOT_SENT = "no connection could be made"
    REFUSED = "it was answered 400"
    REFUSED_TAKEN = "it was answered 400, and the org took it all the same"
    THROTTLED = "it was answered 429"
    DIED_TAKEN = "the process died while it waited for the answer; the org took it"
    DIED_LATE = "the process died while it waited for the answer; the org takes it later"
    DIED_BEFORE = "the process died before it had journalled what it knew"
    DIED_AFTER = "the process died right after it had journalled this"
    LAGGED = "showed what it had shown before"
    MISSING = "was answered 404"
    DENIED = "was answered 403"
    UNREADABLE = "was answered with a page that is no record"
    SILENT = "was not answered"
    DARK = "the region went dark, until the command was over"
    DARK_LONG = "the region went dark, until the next command was over as well"
    STRANGER = "somebody else wrote"
    FAILED = "failed"
    UNMEASURED = "could not be judged"
    PASSED_LATER = "passed only when its time was nearly up"
    NEVER_PASSED = "failed, as often as it was asked"
    HOOK_FAILED = "ended badly"
    HOOK_NEVER_ENDED_WELL = "ended badly, as often as it was run"
    HOOK_DIED = "the process died while it ran"
    SAID_NO = "was answered no"
    NOBODY_ANSWERED = "nobody answered"
    RAN_AGAIN = "somebody began a new run instead of what was said"
    WENT_BACK = "somebody went back instead of what was said"


Script = tuple[tuple[int, int], ...]
"""Of one command: (number of the point at which something may go otherwise, number of what did); all else went well."""


class What(enum.Enum):
    """What a line of a story is about, and how it is said of a Moment; `otherwise` is what went otherwise than it should."""

    TYPED = "somebody types  {subject}"
    READ = "reading the {role} {otherwise}"
    WROTE = "the {role} is told {status}: {otherwise}"
    STRANGER = "somebody else writes {status} to the {role}"
    COMMIT = "{otherwise} ({subject})"
    GUARD = "the guards over probe {subject}: {otherwise}"
    HOOK = "hook {subject} {otherwise}"
    PERSON = "a question about {subject} {otherwise}"
    LEFT = "{otherwise}: {subject}"
    ARRIVED = "a late {status} arrives at the {role}"
    BACK = "the region of the {role} is back, as it was"
    ENDED = "{subject}"


class Moment(Struct, frozen=True):
    """One thing that happened in a story."""

    at: float
    """Seconds since the story began."""
    what: What
    subject: str = ""
    """A command, a record kind, a probe, a hook, or how a command ended."""
    role: Role | None = None
    status: Status | None = None
    """What was written, or shown; None where it was no known status."""
    event: Event | None = None
    """What went otherwise than it should; None where it went well."""


class Law(enum.Enum):
    """What must hold whatever happens; `orchestrator.proof.laws` asks each."""

    ENDS = "ends"
    INTENT_FIRST = "intent-first"
    NEVER_OVER_A_STRANGER = "never-over-a-stranger"
    NEVER_BELOW_THE_FLOOR = "never-below-the-floor"
    LOCKED = "locked"
    PREFIX_NAMED = "prefix-named"
    DONE_IS_SEEN = "done-is-seen"
    OWED_EXACTLY = "owed-exactly"
    SURVIVOR_NOT_DRAGGED = "survivor-not-dragged"
    GUARDS_BIND = "guards-bind"
    CLEAN_HANDS = "clean-hands"
    LEADS_ON = "leads-on"
    REACHES = "reaches"
    IN_TIME = "in-time"


class BrokenLaw(Struct, frozen=True):
    """A law that does not hold, and why, as a sentence."""

    law: Law
    why: str


class Route(Struct, frozen=True):
    """One way between two stops that is proven."""

    start: Status
    goal: Status
    emergency: Role | None = None
    """The survivor: the other region is dark from the beginning. None for a planned run."""
    mirrors: bool = False
    """Whether what is written to one org shows on the other, a moment later."""


class Counterexample(Struct, frozen=True):
    """The shortest story found in which a law breaks."""

    route: Route
    broken: BrokenLaw
    faults: tuple[Event, ...]
    story: tuple[Moment, ...]
    scripts: tuple[Script, ...] = ()
    """Of each command, what went otherwise in it: `orchestrator.proof.retell` plays them again."""


class Explored(Struct, frozen=True):
    """How much was explored."""

    interleavings: int = 0
    """Lives of the program, each another combination of events, to their end or into a state that was met before."""
    states: int = 0
    """Distinct states in which they ended, and went on, and at each transition and write within them."""
    left: int = 0
    """Combinations that were known and not run when the budget ended."""
    seconds: float = 0.0


class RouteProof(Struct, frozen=True):
    """What came of one route."""

    route: Route
    explored: Explored
    counterexamples: tuple[Counterexample, ...] = ()
    """The shortest for each law that broke."""

    @property
    def whole(self) -> bool:
        """Whether nothing was left out."""
        return self.explored.left == 0


class Proof(Struct, frozen=True):
    """What came of a playbook."""

    playbook: str
    sha256: str
    version: str
    faults: int
    commands: int
    """How many commands may be needed at most after the last fault."""
    routes: tuple[RouteProof, ...]
    seconds: float
    file: str = ""
    """What names the playbook on a command line."""

    @property
    def explored(self) -> Explored:
        """Of all routes together, which went on beside each other."""
        each = [route.explored for route in self.routes]
        return Explored(
            sum(one.interleavings for one in each),
            sum(one.states for one in each),
            sum(one.left for one in each),
            max((one.seconds for one in each), default=0.0),
        )

    @property
    def certificate(self) -> PlaybookProven:
        """What the journal keeps of it, where it holds."""
        explored = self.explored
        return PlaybookProven(
            self.playbook,
            self.sha256,
            self.version,
            self.faults,
            len(self.routes),
            explored.interleavings,
            explored.states,
        )

    @property
    def counterexamples(self) -> tuple[Counterexample, ...]:
        """All of them, the shortest first."""
        found = (each for proof in self.routes for each in proof.counterexamples)
        return tuple(sorted(found, key=lambda each: (len(each.faults), len(each.story))))

    @property
    def holds(self) -> bool:
        """Whether every law held in everything that was to be explored."""
        return not self.counterexamples and all(each.whole for each in self.routes)
