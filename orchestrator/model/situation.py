"""All that a guard may look at, where a pair stands, and what the journal says of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from .guard import ProbeReading, Verdict
from .journal import Head, Holder, Whereabouts
from .next_step import NextStep, show
from .org import Pair
from .plain import EMPTY
from .reading import Change, HamrRecord, Identity, Reading
from .run import Approval, Attempt, Mode
from .status import Both, Role, Status


class Situation(Struct, frozen=True):
    """Both orgs' readings, the probes', the times they were taken, and the run's own facts."""

    pair: Pair
    readings: Both[Reading]
    identities: Both[Identity]
    at: datetime
    """Our wall clock, UTC, when the situation was complete."""
    monotonic: float
    """Our monotonic clock, in seconds, at the same moment."""
    mode: Mode = Mode.PLANNED
    survivor: Role | None = None
    """The org that alone is enough, in an emergency; None in a planned run."""
    run: str = ""
    """The run that is looking, or "" for a plan or a status."""
    our_names: frozenset[str] = frozenset()
    """Every `modified_by` that this run's writes may carry: its stamps and the names learned for them."""
    known_runs: frozenset[str] = frozenset()
    """Runs that this journal knows: what `alone` compares stamps with."""
    earlier: Mapping[Role, tuple[HamrRecord, ...]] = EMPTY
    """What this run saw of each org before, the newest first."""
    predicted: bool = False
    """Made by a plan for a later transition; not read from the world."""
    probes: Mapping[str, ProbeReading] = EMPTY
    """What the probes of this transition's guards said, by name."""
    operator: str = ""
    """Who runs it, by name."""
    approvals: tuple[Approval, ...] = ()
    """Who agreed to exactly what this run is about to do."""
    waiting: bool = False
    """Whether the run waits for its guards: only then can somebody still agree to it."""


class Owed(Struct, frozen=True):
    """What the unseen org of an emergency still has to be told: the survivor's present status."""

    role: Role
    """The org that is owed."""
    status: Status
    """What it is owed."""
    run: str
    since: datetime
    stopped_for: Change | None = None
    """The kind of change that its last delivery stopped for; None where there was none, or it stopped for anything else."""


class GuardWait(Struct, frozen=True):
    """A run waits for guards of a transition to pass, as far as the journal knows."""

    transition: str
    guards: tuple[str, ...]
    since: datetime
    seconds: float
    """For how long at most."""
    verdicts: tuple[Verdict, ...] = ()
    """What the guards said last, each with its reason and the playbook's why; () where the journal does not say."""
    approvals: tuple[str, ...] = ()
    """The guards by which other people were asked to agree."""

    @property
    def wants_approval(self) -> bool:
        """Whether somebody else still has to agree."""
        return not {*self.approvals}.isdisjoint(self.guards)

    def left(self, now: datetime) -> float:
        """Seconds until it gives up; 0 where that time is over."""
        return max(0.0, self.seconds - (now - self.since).total_seconds())


class OpenRun(Struct, frozen=True):
    """A run that has started and not finished, as far as the journal knows."""

    run: str
    goal: Status
    start: Status | None
    """Where the pair stood agreed when it began."""
    transition: str
    """The transition it was in, or "" between transitions."""
    mode: Mode = Mode.PLANNED
    hooks_owed: tuple[str, ...] = ()
    """`after` hooks that did not end well yet, as "transition/hook"."""
    stopped_for: Change | None = None
    """The kind of change that it stopped for; None while it is under way, or where it stopped for anything else."""
    unknown: bool = False
    """Whether it left a write of which nobody knows whether it took effect."""
    asking: str = ""
    """What a person is being asked at its terminal just now, or ""; the pair's lock is not held meanwhile."""
    waiting: GuardWait | None = None
    """What it waits for just now, before a transition; None where it does not."""
    ended: bool = False
    """Whether its newest process said how it ended: then all that it left behind is in the journal."""
    under_way: bool = False
    """Whether somebody is at work on it just now: then nobody else takes it up."""


class PhaseName(enum.Enum):
    """The names of section "where a pair stands": every pair of readings has one."""

    AGREED = "agreed"
    MIDWAY = "midway"
    BEHIND = "behind"
    HALF_SEEN = "half-seen"
    DIVERGED = "diverged"
    MISLINKED = "mislinked"
    ABSENT = "absent"
    HALF_ABSENT = "half-absent"
    DENIED = "denied"
    HAMPERED = "hampered"
    UNRECOGNISED = "unrecognised"
    LAGGING = "lagging"
    UNREADABLE = "unreadable"
    DARK = "dark"


class Phase(Struct, frozen=True):
    """Where a pair stands: a name, a sentence, and a next command that leads somewhere."""

    name: PhaseName
    sentence: str
    next_steps: tuple[NextStep, ...]
    status: Status | None = None
    """AGREED, ABSENT: what both show. HALF_SEEN, BEHIND: what the living org shows. LAGGING: what was seen last."""
    transition: str | None = None
    """MIDWAY: the transition that is half done."""
    role: Role | None = None
    """BEHIND: the org that is owed. LAGGING: the one whose reads are old. HALF_SEEN: the org that answers. Else the org that is the trouble."""

    @property
    def trouble(self) -> Role | None:
        """The org that is the trouble, where it is one: of a pair that is seen by half, the one that does not answer."""
        if self.name is PhaseName.HALF_SEEN and self.role is not None:
            return self.role.other
        return self.role

    @property
    def label(self) -> str:
        """The name with what it is about: agreed(PASSIVE), midway(declare), behind(primary)."""
        detail: object = {
            PhaseName.MIDWAY: self.transition,
            PhaseName.BEHIND: self.role,
            PhaseName.LAGGING: self.role,
            PhaseName.ABSENT: None,
        }.get(self.name, self.status)
        return self.name.value if detail is None else f"{self.name.value}({detail})"


class Comparison(Struct, frozen=True):
    """One org's reading, compared with what was last seen of it."""

    change: Change
    reason: str = ""
    attempt: int | None = None
    """OURS, UNPROVEN, LATE: the attempt that it is."""


FRESH_WITHIN = timedelta(seconds=10)
"""How old a reading may be that a guard is judged on (the guard `fresh`)."""

SEND_WITHIN = timedelta(seconds=5)
"""How old a reading may be that a write is sent on; an older one is read again first (law 6)."""

ALONE_FOR = timedelta(minutes=10)
"""How young a stamp of a run that this journal does not know must be for `alone` to refuse (law 12)."""


class OpenDrill(Struct, frozen=True):
    """A drill that was started and not closed yet."""

    drill: str
    started_at: datetime
    by: str
    """Who started it, and on which machine."""
    goal: Status
    home: Status
    """Where the pair stood when it began, and is to stand when it is closed."""


class Scheduled(Struct, frozen=True):
    """A run that waits for its time, as far as the journal tells: its process may be gone."""

    run: str
    goal: Status
    start_at: datetime
    by: str
    """Who asked for it, and on which machine."""
    expect: Status | None = None
    """Where the pair has to stand by then."""


START_WITHIN = timedelta(minutes=1)
"""How long after its time a run may still begin: one whose machine slept over it must not."""


class Stranger(Struct, frozen=True):
    """Whose young stamp an org carries, of a run that this journal does not know."""

    role: Role
    run: str
    who: str
    """Operator and host, as the stamp has them: alice@laptop."""
    seconds: float | None
    """How long ago, by the server's clock; None where the record does not tell."""


class LeftByHand(Struct, frozen=True):
    """What the newest run on a pair left to be done by hand, until somebody acknowledges that run or another one moves the pair."""

    run: str
    """What to acknowledge once it is done; "" while that run has not ended."""
    hooks_failed: tuple[str, ...]
    """`before` hooks that did not end well, of transitions that were made all the same: "transition/hook"."""
    by_hand: tuple[str, ...]
    """Manual hooks that nobody was asked about, in the playbook's words."""
    remember: tuple[str, ...]
    """What the playbook wants to be remembered while the pair stands at ACTIVE."""


class UnderWay(Struct, frozen=True):
    """A run that is under way, as far as its lock and the journal tell: whoever finds it leaves it alone."""

    holder: Holder
    goal: Status | None
    """None for an adoption, and where the journal has no beginning of it."""
    transition: str
    """"" between transitions."""
    last: str
    """What it last did, as a record kind."""
    wants_approval: bool = False
    """Whether it waits for somebody to agree to it who may: not for whoever asked."""
    where: Whereabouts = Whereabouts.RUNS
    """What can be told from here of its process."""


class KnownAs(Struct, frozen=True):
    """Another name under which the journal knows a pair's very orgs: they were run under it since they last were under theirs."""

    pair: str
    run: str
    """Their last run under it."""
    by: str
    open_run: str = ""
    """The run that is open there, or ""."""
    owed: Owed | None = None
    holder: Holder | None = None
    """Who holds them there, unless that process is gone."""

    @property
    def last(self) -> NextStep:
        """What reads the last that was done with these orgs."""
        return show(self.run).so_that(f"what was done last with these orgs, as pair {self.pair}")

    @property
    def again(self) -> str:
        """What a person can do about it."""
        return f"Call the pair {self.pair} in pairs.yaml again"

    @property
    def sentence(self) -> str:
        """What that means for a run under the name that they have now."""
        left = (
            *((f"run {self.open_run} is open there",) if self.open_run else ()),
            *((f"the {self.owed.role} is owed {self.owed.status} there",) if self.owed is not None else ()),
            *((f"{self.holder} holds them there",) if self.holder is not None else ()),
        )
        return (
            f"this journal knows these very orgs as pair {self.pair}: run {self.run} of {self.by} was their last. Under another "
            f"name a run sees neither that lock, nor that history, nor what is owed{''.join(f'; {each}' for each in left)}"
        )


class Premise(Struct, frozen=True):
    """What a run that begins goes by: where it is not so any more, nothing is written."""

    again: NextStep
    """What shows how it is now."""
    since: str
    """The moment in which it was so, in words."""
    shown: Both[Reading] | None = None
    """The orgs as a person saw them who then agreed."""
    expect: Status | None = None
    """Where both are to stand."""


class PairStatus(Struct, frozen=True):
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
    under_way: UnderWay | None
    """What its holder is at; None where nobody holds the lock, or that process is gone."""
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
    approvals_owed: tuple[str, ...] = ()
    """Emergencies that did without other people's agreement, which is owed afterwards."""
    elsewhere: tuple[str, ...] = ()
    """Runs that are open on orgs which the inventory does not name any more."""
    known_as: KnownAs | None = None
    """The name under which these orgs were run last, where that is another one."""
    strangers: tuple[Stranger, ...] = ()
    """Who seems to be moving the pair without this journal's knowing."""
    journal_left: str | None = None
    """The team's journal that could not be reached: what stands in it is not known here."""
    unmerged: str = ""
    """The file with what an emergency on this machine wrote and this journal lacks; "" where there is none."""
    left_by_hand: LeftByHand | None = None
    left_a_run: bool = False
    """Whether the holder died in the middle of its run: then no new run has the lock before that one was resumed, or the lock broken."""
    scheduled: tuple[Scheduled, ...] = ()
    """Runs that wait for their time."""
    unjournalled: bool = False
    """Whether the journal has no record of any run or drill."""
    next_steps: tuple[NextStep, ...] = ()
    """What to type, from all of that: the first is the one to type."""

    @property
    def journal_exists(self) -> bool:
        """Whether there is a journal that any run was ever written to: an empty one knows as little as none."""
        return self.head.seq > 0 and not self.unjournalled
