"""The engine: what one run is made of, and what may be asked of it, in every world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.events import Event
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Clock, Observer, World
from orchestrator.model.run import End, Ending, Operator
from orchestrator.model.situation import OpenRun, Owed, Phase
from orchestrator.model.status import Role, Status
from orchestrator.situation.phase import phase_of

from .admission import Admission
from .adopt import Adoption
from .around import Around
from .arrival import Arrival
from .asking import Asking
from .check import Checker
from .deliver import Delivery
from .gate import Gate
from .hooks import Hooks
from .look import Eyes
from .memory import Memory
from .probing import Probing
from .readback import ReadBack
from .settle import Settling
from .stop import Stopped, stopped
from .transitions import Transitions
from .waits import Waits
from .way import Way
from .writer import Writer

_GOOD = frozenset({End.DONE, End.OWING})


class Task(Struct):
    """What an engine is built for: the run's fixed facts."""

    pair: Pair
    playbook: Playbook
    operator: Operator
    memory: Memory
    owed: Owed | None = None
    open_run: OpenRun | None = None
    known_runs: frozenset[str] = frozenset()
    command: str = ""
    """What it was begun or taken up with."""
    old_is_true: bool = False
    """Whether a person said that an org was put back to an older record than what was seen of it."""


@dataclass(slots=True)
class Engine:
    """The same in every world: predicted, real or simulated."""

    task: Task
    world: World
    clock: Clock
    observer: Observer
    gate: Gate
    jitter: Callable[[], float]
    around: Around
    stop_reason: str | None = None
    """Why a person wants the run to stop before its next write; None while it may go on."""
    eyes: Eyes = field(init=False)
    writer: Writer = field(init=False)
    transitions: Transitions = field(init=False)
    settling: Settling = field(init=False)
    delivery: Delivery = field(init=False)
    adoption: Adoption = field(init=False)
    probing: Probing = field(init=False)
    admission: Admission = field(init=False)
    hooks: Hooks = field(init=False)
    way: Way = field(init=False)

    def __post_init__(self) -> None:
        task, playbook = self.task, self.task.playbook
        pair, memory = task.pair, task.memory
        if memory.mirrors is None:
            memory.mirrors = pair.mirrors.known
        memory.orgs = pair.uuids
        if task.owed is not None:
            memory.owed.setdefault(task.owed.role, task.owed.status)
        tell, intend, clock = self.tell, self.intend, self.clock
        self.eyes = Eyes(pair, self.world, clock, memory, tell, playbook.emergency_deadline, task.known_runs)
        checker = Checker(pair, playbook, self.eyes, memory, tell)
        waits = Waits(pair, playbook, clock, self.eyes, tell, self.jitter)
        self.writer = Writer(
            pair,
            playbook,
            self.world,
            clock,
            self.eyes,
            checker,
            memory,
            task.operator,
            waits,
            ReadBack(pair, playbook, self.eyes, checker, waits, memory, tell),
            tell,
            intend,
            self._may_go_on,
        )
        arrival = Arrival(self.writer)
        self.settling = Settling(self.writer, task.command, task.old_is_true)
        self.adoption = Adoption(self.writer, arrival)
        self.probing = Probing(pair, self.around.prober, clock, self.eyes, memory, tell)
        asking = Asking(self.around.people, clock, self.eyes, self.probing, tell, self.observer.commit)
        self.admission = Admission(
            playbook,
            self.eyes,
            self.probing,
            checker,
            waits,
            memory,
            self.gate,
            asking,
            tell,
            self._may_go_on,
            task.command,
        )
        self.delivery = Delivery(self.writer, arrival, self.settling, self.admission)
        self.hooks = Hooks(
            pair, playbook, self.around.programs, asking, memory, clock, tell, intend, self._may_go_on
        )
        self.transitions = Transitions(
            self.writer, arrival, self.eyes, memory, self.admission, self.hooks, tell, intend
        )
        self.way = Way(
            pair,
            playbook,
            memory,
            lambda: task.open_run,
            self.eyes,
            self.writer,
            self.transitions,
            self.settling,
            self.probing,
            self.admission,
            self.hooks,
            self.look,
            self.phase,
            tell,
            self._may_go_on,
        )

    def tell(self, event: Event) -> None:
        """Record and show an event, and only then learn from it.

        It is durable with the next intent at the latest. Where that can't be journalled nothing more is sent, so a
        process that dies has done no more than one that died a little earlier.
        """
        self.observer.tell(event)
        self.task.memory.note(event)

    async def intend(self, event: Event) -> None:
        """Journal an intent with all that was told before it, durably, and only then learn from it (law 6).

        Raises:
            HamrError: it could not be journalled; nothing may be done on it.
        """
        self.observer.tell(event)
        try:
            await self.observer.commit()
        except asyncio.CancelledError:
            self.task.memory.note(event)  # it is durable: see Observer.commit
            raise
        self.task.memory.note(event)

    def ask_to_stop(self, reason: str) -> None:
        """Stop before the next write, and leave a run that can be resumed."""
        self.stop_reason = reason

    def _may_go_on(self) -> None:
        if self.stop_reason is not None:
            raise stopped(End.INTERRUPTED, self.stop_reason)

    async def look(self, goal: Status | None = None) -> Phase:
        """Read both orgs, and name where the pair stands. Journals the look."""
        await self.eyes.look("start", once=False)
        return self.phase(goal)

    def phase(self, goal: Status | None = None) -> Phase:
        """Where the pair stands by the last look."""
        readings, identities = self.eyes.last_look(), self.eyes.identities
        if identities is None:
            raise RuntimeError("a phase needs a look first")
        return phase_of(
            self.task.pair,
            readings,
            identities,
            self.task.playbook,
            owed=self.owed(),
            open_run=self.task.open_run,
            goal=goal,
            floors=self.task.memory.floors,
            given_up=self.task.memory.given_up,
        )

    def owed(self) -> Owed | None:
        """What one org is owed now, by this run or by an earlier one."""
        known = self.task.owed
        for role, status in self.task.memory.owed.items():
            if known is not None and (known.role, known.status) == (role, status):
                return known
            return Owed(role, status, self.task.memory.run, self.clock.now())
        return None

    async def drive(self, goal: Status) -> Ending:
        """Go to a goal.

        Returns:
            How it ended; every stop on the way is an ending, too.

        Raises:
            HamrError: from the observer (journal, lock), before anything more was sent.
            asyncio.CancelledError: the task was cancelled; the journal holds what was in flight.
        """
        try:
            ending = await self.way.to(goal)
        except Stopped as stop:
            ending = stop.ending
        except BaseException:
            await self._break_off()
            raise
        memory = self.task.memory
        if ending.end is End.REFUSED and memory.attempts > memory.recalled:
            # What this very process has put right before was sent all the same.
            ending = replace(ending, end=End.INCOMPLETE)
        return await self._gather(ending)

    async def _gather(self, ending: Ending) -> Ending:
        """Wait for the hooks that an emergency has left beside itself, and count what they still owe."""
        try:
            await self.hooks.finish()
            if ending.end in _GOOD:
                await self.hooks.ask_at_last()
        except Stopped as stop:
            ending = ending if ending.end not in _GOOD else stop.ending
        finally:
            await self._break_off()
        return self._with_hooks(ending)

    async def _break_off(self) -> None:
        await self.hooks.close()
        await self.probing.close()

    def _with_hooks(self, ending: Ending) -> Ending:
        """A run that is done, but for hooks that did not end well, owes them."""
        owed = self.task.memory.hooks_owed()
        if not owed or ending.end not in _GOOD:
            return ending
        names = ", ".join(f"{hook} (after {transition})" for transition, hook in owed)
        return replace(
            ending,
            end=End.OWING,
            message=f"{ending.message}; what comes after it is not all done: {names}",
            next_steps=(f"hamr resume {self.task.memory.run}",),
        )

    async def deliver(self, owed: Owed) -> Ending:
        """Tell the org of a past emergency what it is owed: the survivor's present status, in one write."""
        try:
            return await self.delivery.deliver(owed)
        except Stopped as stop:
            return stop.ending

    async def adopt(
        self, truth: Role, reason: str, overrides: Mapping[str, str] = MappingProxyType({})
    ) -> Ending:
        """Write a diverged pair's other org once, so that both show what the true one shows."""
        try:
            await self.look()
            await self.settling.outwait_lag()
            return await self.adoption.adopt(self.phase(), truth, reason, overrides)
        except Stopped as stop:
            return stop.ending
