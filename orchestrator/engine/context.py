"""One run, as every part of the engine sees it: its facts, its state, what it works with, and how it tells, waits and stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from orchestrator.model.events import Event, Waiting
from orchestrator.model.floor import Floors, last_seen
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.protocols import Approvals, Clock, Observer, Prober, Programs, Prompter, World
from orchestrator.model.reading import Change
from orchestrator.model.run import End, Operator, Pace, RunOutcome
from orchestrator.model.situation import OpenRun, Owed, Premise
from orchestrator.model.status import Role, Status
from orchestrator.situation.state import RunState


class Stopped(Exception):
    """The run ends here; `ending` says how, for a person to act on. Whatever reads, waits or writes may raise it."""

    def __init__(self, ending: RunOutcome) -> None:
        super().__init__(ending.message)
        self.ending = ending


def stopped(
    end: End,
    message: str,
    *,
    org: Role | None = None,
    next_steps: tuple[NextStep, ...] = (),
    change: Change | None = None,
) -> Stopped:
    """A `Stopped` with its ending."""
    return Stopped(RunOutcome(end, message, org, next_steps, change=change))


class Deadline:
    """A span of time that runs out on the Clock."""

    __slots__ = ("_clock", "_until")

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._until = clock.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until it is over."""
        return max(0.0, self._until - self._clock.monotonic())

    @property
    def over(self) -> bool:
        """Whether it has run out."""
        return self.left <= 0


class RunServices(Struct, frozen=True):
    """What a run needs beside its two orgs: probes, programs for hooks, and people to ask."""

    prober: Prober
    programs: Programs
    people: Prompter
    approvals: Approvals


class RunContext(Struct):
    """One run in one world: predicted, real or simulated."""

    pair: Pair
    playbook: Playbook
    operator: Operator
    state: RunState
    world: World
    clock: Clock
    observer: Observer
    services: RunServices
    jitter: Callable[[], float]
    """A number from 0 to 1, new at each call."""
    pace: Pace = Pace()
    owed: Owed | None = None
    """What an earlier run's emergency left untold."""
    open_run: OpenRun | None = None
    """The run that has not finished, if any: paying what was owed may close it."""
    known_runs: frozenset[str] = frozenset()
    command: NextStep = NextStep("")
    """What it was begun or taken up with: with overrides, it goes over guards by name."""
    forecast: bool = False
    """Whether it is a plan: every transition goes whatever its guards say, and nothing is waited for, so that the rest can be shown."""
    unattended: Floors | None = None
    """What was seen before it beside what the journal holds, where no person looks any more: what somebody else wrote since stops it."""
    premise: Premise | None = None
    goal: Status | None = None
    """Where it goes, once that is known."""
    needed: frozenset[Role] = frozenset()
    """The orgs that an emergency may need; one alone, once its route is known."""
    half_done: str = ""
    """The transition that was entered with a write of it already in effect."""
    taken_as_is: frozenset[Role] = frozenset()
    """Orgs that stood at the half-done transition's target when the run began."""
    stop_reason: str | None = None
    """Why a person wants the run to stop before its next write; None while it may go on."""
    rest_reason: str | None = None
    """Why it is to stop before its next transition, the one that it is in being ended first; None while it may go on."""

    def __post_init__(self) -> None:
        if self.state.mirrors is None:
            self.state.mirrors = self.pair.mirrors.known
        self.state.orgs = self.pair.uuids
        if self.owed is not None:
            self.state.owed.setdefault(self.owed.role, self.owed.status)

    def tell(self, event: Event) -> None:
        """Record and show an event, and only then learn from it.

        It is durable with the next intent at the latest. Where that can't be journalled nothing more is sent, so a
        process that dies has done no more than one that died a little earlier.
        """
        self.observer.tell(event)
        self.state.apply(event)

    async def intend(self, event: Event) -> None:
        """Journal an intent with all that was told before it, durably, and only then learn from it (law 6).

        A HamrError where it could not be journalled: nothing may be done on it.
        """
        self.observer.tell(event)
        try:
            await self.observer.commit()
        except asyncio.CancelledError:
            self.state.apply(event)  # it is durable: see Observer.commit
            raise
        self.state.apply(event)

    def may_go_on(self) -> None:
        """Stops where a person has asked for it. Called before each write, and while waiting."""
        if self.stop_reason is not None:
            raise stopped(End.INTERRUPTED, self.stop_reason)

    def may_begin(self) -> None:
        """Stops where that was asked for, also where it was asked for between two transitions. Called before each."""
        self.may_go_on()
        if self.rest_reason is not None:
            raise stopped(End.INTERRUPTED, self.rest_reason)

    def moment(self) -> tuple[datetime, float]:
        """Now, by the wall clock and by the monotonic one."""
        return self.clock.now(), self.clock.monotonic()

    def elapsed(self, since: tuple[datetime, float]) -> tuple[float, float]:
        """Seconds since a moment, by both clocks; where they disagree, the process was suspended or the time was set."""
        return (self.clock.now() - since[0]).total_seconds(), self.clock.monotonic() - since[1]

    def last_seen(self, role: Role) -> Status | None:
        """The newest status that was seen of an org, by this run or an earlier one."""
        return last_seen(self.state.floors, self.pair[role].uuid)

    def owed_now(self) -> Owed | None:
        """What one org is owed now, by this run or by an earlier one."""
        for role, status in self.state.owed.items():
            if self.owed is not None and (self.owed.role, self.owed.status) == (role, status):
                return self.owed
            return Owed(role, status, self.state.run, self.clock.now())
        return None

    async def pause(self) -> None:
        """Between two looks: as the playbook says, give or take a twentieth."""
        every = self.playbook.confirm.every.total_seconds()
        await self.clock.sleep(every * (0.95 + 0.1 * self.jitter()))

    async def wait_for(self, what: str, deadline: Deadline, role: Role) -> None:
        """Say what of an org is waited for, and for how long at most; then pause."""
        self.tell(Waiting(what, deadline.left, role))
        await self.pause()

    def confirm_deadline(self) -> Deadline:
        """The playbook's confirm time, beginning now."""
        return Deadline(self.playbook.confirm.within.total_seconds(), self.clock)

    @property
    def old_is_true(self) -> bool:
        """Whether a person said that an org was put back to an older record (`--override reverted=REASON`)."""
        return "reverted" in self.state.overrides

    @property
    def survivor(self) -> Role | None:
        """The org that alone is enough for an emergency, once that is known; None in a planned run."""
        return next(iter(self.needed)) if len(self.needed) == 1 else None

    @property
    def under_way(self) -> Transition | None:
        """The transition that was begun, and of which the journal does not say how it ended."""
        begun = self.state.transition
        return None if begun is None else self.playbook.transition(begun.transition)

    @property
    def refusal(self) -> End:
        """How a run ends that may not go on: refused, or incomplete once anything was intended."""
        return End.INCOMPLETE if self.state.intended else End.REFUSED
