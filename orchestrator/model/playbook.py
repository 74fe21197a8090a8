"""A playbook: the table of transitions, their hooks, and all that it sets.

What stands below a noun and its fields here, and in guard.py, is what editors and `hamr schema` show of
the keys of a playbook (of each text, the first paragraph).
"""

import enum
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cached_property

from msgspec import Struct

from .guard import Guard, Probe
from .plain import EMPTY
from .status import Role, Status


class When(enum.Enum):
    """Which side of a transition's writes a hook stands on."""

    BEFORE = "before"
    AFTER = "after"


class Again(enum.Enum):
    """Whether a hook that did not end well may be repeated: by itself, or only when a person says so."""

    SAFE = "safe"
    ASK = "ask"


class InEmergency(enum.Enum):
    """Whether a hook belongs to an emergency, too; it never holds one up."""

    RUN = "run"
    SKIP = "skip"


class Program(Struct, frozen=True, tag_field="is", tag=True):
    """A program, run without a shell, in a process group of its own, and without Datadog's keys."""

    run: tuple[str, ...]
    timeout: timedelta = timedelta(seconds=60)


class Manual(Struct, frozen=True, tag_field="is", tag=True):
    """Something that a person does and confirms."""

    text: str


class Hook(Struct, frozen=True):
    """One thing to do around a transition."""

    name: str
    what: Program | Manual
    again: Again = Again.ASK
    emergency: InEmergency = InEmergency.RUN


class HookOutcome(enum.Enum):
    """What became of a hook."""

    DONE = "done"
    FAILED = "failed"
    """It ended badly, could not be started, or took too long."""
    CUT_OFF = "cut off"
    """It was under way when the run was given up: nobody knows how far it came."""
    NOT_DONE = "not done"
    """A person said that it was not done, or that it must not be repeated."""
    LEFT_TO_PERSON = "left to a person"
    """Manual, and there was nobody to ask: listed at the end of the run."""
    SKIPPED = "skipped"
    """It does not belong here: the playbook says so for emergencies, or the transition was half made already."""


SETTLED: frozenset[HookOutcome] = frozenset(
    {HookOutcome.DONE, HookOutcome.LEFT_TO_PERSON, HookOutcome.SKIPPED}
)
"""Outcomes after which an `after` hook is no longer owed."""


class ProgramEnded(Struct, frozen=True):
    """How a program ended."""

    code: int | None
    """Its exit code, negative for a signal; None where it did not start or was stopped by us."""
    output: str
    """The first and the last of what it printed, bounded and without keys."""
    seconds: float
    failure: str = ""
    """Why there is no exit code, in words; "" where there is one."""


class Asks(enum.Enum):
    """What a run can want to know from a person."""

    MANUAL = "manual"
    """Has this been done by hand?"""
    AGAIN = "again"
    """May this hook be repeated?"""
    UNKNOWN = "unknown"
    """Shall the run go on, though this guard could not be judged?"""


class Question(Struct, frozen=True):
    """One question, about one hook or guard of one transition."""

    asks: Asks
    subject: str
    """The hook's or guard's name."""
    transition: str
    text: str


class Reply(Struct, frozen=True):
    """What was answered."""

    yes: bool
    words: str = ""
    """A reason, where one was asked for."""


class Advances(enum.Enum):
    """Who makes a transition's move: we do, or the server does it by itself and we wait."""

    CLIENT = "client"
    SERVER = "server"


class Transition(Struct, frozen=True):
    """One transition: from one status to another, what is asked before it, and who is written in which order."""

    name: str
    """Its name, for messages and the journal."""
    source: Status
    """The status that both orgs show before; ABSENT where there is no connection yet."""
    target: Status
    """The status that both show afterwards."""
    why: str = ""
    """What it is for, shown in plans."""
    guards: tuple[str, ...] = ()
    """Guards that must pass before anything of this transition is written."""
    writes: tuple[Role, ...] = (Role.SECONDARY, Role.PRIMARY)
    """Orgs that are written, in this order, each confirmed before the next ([secondary, primary])."""
    survivor: Role | None = None
    """With --emergency, this org alone is enough; left out, the transition is not for emergencies."""
    planned_only: tuple[str, ...] = ()
    """Those of its guards that an emergency shows, and neither waits for nor stops at."""
    advances: Advances = Advances.CLIENT
    """Who makes the move: client (the default), or server: hamr only waits for it."""
    before: tuple[Hook, ...] = ()
    """What is done before the first write of this transition, in this order; one that fails stops the transition."""
    after: tuple[Hook, ...] = ()
    """What is done once this transition is made, in this order; what did not end well is owed."""

    def hooks(self, when: When) -> tuple[Hook, ...]:
        """Its hooks of one side."""
        return self.before if when is When.BEFORE else self.after

    def programs(self) -> Iterator[tuple[When, Hook, str]]:
        """Its hooks that run a program, each with that program's name; what a person does by hand is left out."""
        for when in When:
            for hook in self.hooks(when):
                if isinstance(hook.what, Program):
                    yield when, hook, hook.what.run[0]

    def __str__(self) -> str:
        return f"{self.name} ({self.source} → {self.target})"


class Confirm(Struct, frozen=True):
    """How a write is confirmed."""

    within: timedelta = timedelta(seconds=60)
    """How long until a write must be seen by a read (60s)."""
    every: timedelta = timedelta(seconds=1)
    """How often to look meanwhile (1s)."""


class Timeouts(Struct, frozen=True):
    """Bounds of one HTTP exchange."""

    connect: timedelta = timedelta(seconds=3)
    """Until the connection stands (3s)."""
    read: timedelta = timedelta(seconds=10)
    """Between two pieces of the answer (10s)."""
    total: timedelta = timedelta(seconds=20)
    """For the whole exchange (20s)."""

    @property
    def silence(self) -> timedelta:
        """How long an org that was asked may say nothing at all."""
        return min(self.read, self.total)


class Playbook(Struct, frozen=True, dict=True):
    """The whole file, checked; `dict` is for what is worked out of it once."""

    name: str
    transitions: tuple[Transition, ...]
    stops: tuple[Status, ...]
    summary: str = ""
    guards: Mapping[str, Guard] = EMPTY
    probes: Mapping[str, Probe] = EMPTY
    objectives: Mapping[Status, timedelta] = EMPTY
    confirm: Confirm = Confirm()
    resend: int = 1
    timeouts: Timeouts = Timeouts()
    emergency_deadline: timedelta = timedelta(seconds=2)
    mirror_wait: timedelta = timedelta(seconds=3)
    late: timedelta = timedelta(minutes=15)
    """For how long a write that was given up may still turn up."""
    cool_down: timedelta | None = None
    remember: tuple[str, ...] = ()
    text: str = ""
    """The file's own text, kept whole in the journal so that a run can be resumed from there."""
    path: str = ""
    """The file that it was read from; "" for the text that a journal kept."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def transition(self, name: str) -> Transition | None:
        """The transition of that name, or None."""
        return next((each for each in self.transitions if each.name == name), None)

    def between(self, source: Status, target: Status) -> Transition | None:
        """The transition from one status to another, or None; there is at most one."""
        return next(
            (each for each in self.transitions if (each.source, each.target) == (source, target)), None
        )

    def survivors_at(self, goal: Status) -> frozenset[Role]:
        """The orgs that the transitions which end at a goal name as their survivor."""
        return frozenset(
            transition.survivor
            for transition in self.transitions
            if transition.target is goal and transition.survivor is not None
        )

    def survivors_towards(self, goal: Status) -> frozenset[Role]:
        """The orgs that some emergency to this goal needs: those that a transition of a way there names as its survivor.

        Before the first look nobody knows which way it is (see `engine.reader.look_for_survivor`).
        """
        there = self.survivors_at(goal)
        found = _enough(self.route(transition.source, goal) or () for transition in self.transitions)
        return found | there if len(there) == 1 else found

    def survivor_between(self, start: Status, goal: Status) -> Role | None:
        """The org that alone is enough for an emergency from there to the goal; None where none is, or nothing is to be done."""
        return next(iter(_enough((self.route(start, goal) or (),))), None)

    def is_enough(self, role: Role, status: Status, goal: Status, other: Status | None) -> bool:
        """Whether an org that shows a status is enough for an emergency to the goal; `other` is what the other one was last seen at.

        At the goal, where ways there name both orgs, it is the survivor of the other's way, or nothing was left to do there.
        """
        if status is not goal:
            return self.survivor_between(status, goal) is role
        there = self.survivors_at(goal)
        on_its_way = other is not None and self.survivor_between(other, goal) is role
        return role in there and (len(there) == 1 or other is goal or on_its_way)

    def survivors_from(self, start: Status) -> frozenset[Role]:
        """The orgs that are enough for an emergency from a status to some stop."""
        return _enough(self.route(start, goal) or () for goal in self.stops)

    @property
    def helpless(self) -> bool:
        """Whether it leads to ACTIVE, and no org alone is enough for that: there is no way out in an emergency."""
        leads = any(transition.target is Status.ACTIVE for transition in self.transitions)
        return leads and not self.survivors_towards(Status.ACTIVE)

    def server_moves(self, status: Status) -> frozenset[Status]:
        """A status, and all those to which the server goes on from it by itself."""
        return self._server_moves[status]

    @cached_property
    def _server_moves(self) -> Mapping[Status, frozenset[Status]]:
        servers = [each for each in self.transitions if each.advances is Advances.SERVER]
        moves: dict[Status, frozenset[Status]] = {}
        for status in Status:
            reached = {status}
            for _ in servers:
                reached |= {each.target for each in servers if each.source in reached}
            moves[status] = frozenset(reached)
        return moves

    def route(self, start: Status, goal: Status) -> tuple[Transition, ...] | None:
        """The shortest way through the transitions, ties by order; () where start is the goal, None where there is no way."""
        return self._ways[start].get(goal)

    @cached_property
    def _ways(self) -> Mapping[Status, Mapping[Status, tuple[Transition, ...]]]:
        return {start: self._ways_from(start) for start in Status}

    def _ways_from(self, start: Status) -> Mapping[Status, tuple[Transition, ...]]:
        ways: dict[Status, tuple[Transition, ...]] = {start: ()}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            for transition in self.transitions:
                if transition.source == here and transition.target not in ways:
                    ways[transition.target] = (*ways[here], transition)
                    queue.append(transition.target)
        return ways


def _enough(ways: Iterable[tuple[Transition, ...]]) -> frozenset[Role]:
    """The orgs that each are the one survivor of every transition of one of these ways."""
    agreed = ({transition.survivor for transition in way} for way in ways)
    return frozenset(role for roles in agreed if len(roles) == 1 for role in roles if role is not None)
