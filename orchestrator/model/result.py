"""What came of a run, and of a drill."""

from msgspec import Struct

from orchestrator.errors import ExitCode

from .guard import Verdict
from .journal import Head
from .next_step import NextStep
from .run import Attempt, Mode, Objective, RunOutcome, RunRequest, Step
from .situation import Owed
from .status import Status


class RunResult(Struct, frozen=True):
    """What came of a run, for a person and for a script."""

    run: str
    pair: str
    goal: Status | None
    """None for an adoption, which has no goal of its own."""
    ending: RunOutcome
    exit_code: ExitCode
    phase: str
    """Where the pair stands now, as a label: agreed(ACTIVE). Empty where nothing was read."""
    steps: tuple[Step, ...]
    seconds: float
    head: Head
    """The journal's newest record after the run; 0 where its end could not be journalled."""
    objectives: tuple[Objective, ...] = ()
    remember: tuple[str, ...] = ()
    refused_by: tuple[Verdict, ...] = ()
    """The guards that stopped it, all of them (law 10)."""
    overridden: tuple[tuple[Verdict, str], ...] = ()
    """Guards that did not pass and were overridden by name, each with the operator's reason."""
    waived: tuple[Verdict, ...] = ()
    """Guards that were blind because of the dead org of an emergency (law 9)."""
    owed: Owed | None = None
    agreed: bool = False
    """Whether both orgs show the same: then what is owed is only to be settled."""
    mode: Mode = Mode.PLANNED
    resumable: bool = False
    approval_owed: bool = False
    """Whether other people have to agree to it afterwards."""
    hooks_owed: tuple[str, ...] = ()
    """`after` hooks that did not end well yet, as "transition/hook"; `resume` runs them."""
    hooks_failed: tuple[str, ...] = ()
    """`before` hooks that did not end well, as "transition/hook": nothing runs them again once their transition is made."""
    left_to_person: tuple[str, ...] = ()
    """What a person still has to do by hand, in the playbook's words."""
    unknown: tuple[Attempt, ...] = ()
    """Writes of which nobody knows what became of them."""
    waited: float = 0.0
    """Seconds of it in which the run waited for guards."""
    asked: float = 0.0
    """Seconds of it in which it waited for people."""
    request: RunRequest | None = None
    """What was asked for, where it was begun here; None for a run that was taken up, and for an adoption."""
    taken_over: bool = False
    """Whether somebody took it up from this process meanwhile: how it ends is theirs to say."""


class PairOutcome(Struct, frozen=True):
    """What came of bringing one pair of a fleet to the fleet's goal."""

    pair: str
    run: str
    """The run that it was brought by; "" where none began."""
    exit_code: int
    """The run's, or that of the error that kept it from beginning."""
    message: str
    phase: str = ""
    """Where the pair stands now, as a label; "" where nothing was read."""
    seconds: float = 0.0
    """From when that run began until it ended, whoever took it up meanwhile."""
    next_steps: tuple[NextStep, ...] = ()
    resumable: bool = False
    """Whether its run stays open."""
    elsewhere: bool = False
    """Whether another process is at it, for the same fleet: then this is no end, and is not journalled."""

    @property
    def arrived(self) -> bool:
        """Whether the pair stands where it was to go; of an emergency, the other org may still be owed that."""
        return self.exit_code in (ExitCode.DONE, ExitCode.OWING)


class Expectation(Struct, frozen=True):
    """One thing that a scenario wants to hold at the end, and whether it did."""

    name: str
    """What was wanted, in words: "out: exit code 0", "no writes to the primary"."""
    held: bool
    found: str
    """What was found instead, or that it held."""
    records: tuple[int, ...] = ()
    """Sequence numbers of the journal records that show it."""


class StepTime(Struct, frozen=True):
    """How long one transition took, and where that time went. All in seconds."""

    transition: str
    source: Status
    target: Status
    seconds: float
    api: float
    """Waiting for the orgs: round trips, and for a write to be seen."""
    people: float
    """Waiting for a person."""
    world: float = 0.0
    """Waiting for guards to pass, and for hooks' programs."""

    @property
    def machine(self) -> float:
        """What is left: our own time."""
        return max(0.0, self.seconds - self.api - self.people - self.world)


KILLED = 137
"""The exit code of a leg whose process was killed: 128 and SIGKILL's number."""


class Leg(Struct, frozen=True):
    """One run of a drill: out, or home."""

    name: str
    """out, home, resume, …"""
    run: str
    goal: Status
    exit_code: int
    phase: str
    seconds: float
    steps: tuple[StepTime, ...] = ()
    objectives: tuple[Objective, ...] = ()


class LessStrict(Struct, frozen=True):
    """A guard that was judged less strictly than it would be live."""

    guard: str
    why: str


class Score(Struct, frozen=True):
    """What a drill showed."""

    drill: str
    """The drill's id."""
    pair: str
    playbook: str
    legs: tuple[Leg, ...]
    expectations: tuple[Expectation, ...]
    executed: tuple[str, ...]
    """What was really done: transitions, hooks, probes; each in a few words."""
    not_executed: tuple[str, ...]
    """What a live failover would do and this drill did not, each with why."""
    less_strict: tuple[LessStrict, ...] = ()
    scenario: str = ""
    seed: int | None = None
    simulated: bool = True
    playbook_sha256: str = ""
    """Of the playbook's text; "" in a journal of before it was kept."""

    @property
    def passed(self) -> bool:
        """Whether every expectation held."""
        return all(expectation.held for expectation in self.expectations)


class DrillResult(Struct, frozen=True):
    """What came of a drill, for a person and for a script."""

    score: Score
    closed: bool
    """Whether it was cleaned up; one that was not keeps other runs off its pair."""
    exit_code: ExitCode
    head: Head
    """The journal's newest record after the drill."""
    why_open: str = ""
    """Why it was not closed, in words."""
    next_steps: tuple[NextStep, ...] = ()
