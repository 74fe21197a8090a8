"""The drive loop: one run, from where the pair stands to its goal, row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.model.events import Event, OwedSettled, PairAdopted, Waiting
from orchestrator.model.guard import Verdict
from orchestrator.model.org import Mirrors, Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Clock, Observer, World
from orchestrator.model.reading import Reading
from orchestrator.model.run import End, Ending, Mode, Operator
from orchestrator.model.situation import OpenRun, Owed, Phase, PhaseName
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.link import Linked, judge_link
from orchestrator.situation.phase import phase_of

from .entry import Entry, enter, survivor_of
from .gate import Gate
from .look import Eyes
from .machine import Machine, Position
from .memory import Memory
from .rows import Rows
from .stop import Stopped, stopped
from .writer import Writer


@dataclass(slots=True)
class Task:
    """What an engine is built for: the run's fixed facts."""

    pair: Pair
    playbook: Playbook
    operator: Operator
    memory: Memory
    owed: Owed | None = None
    open_run: OpenRun | None = None
    known_runs: frozenset[str] = frozenset()


@dataclass(slots=True)
class Engine:
    """The same in every world: predicted, real or simulated."""

    task: Task
    world: World
    clock: Clock
    observer: Observer
    gate: Gate
    jitter: Callable[[], float]
    stop_reason: str | None = None
    """Why a person wants the run to stop before its next write; None while it may go on."""
    eyes: Eyes = field(init=False)
    writer: Writer = field(init=False)
    rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        task = self.task
        if task.memory.mirrors is None and task.pair.mirrors is not Mirrors.AUTO:
            task.memory.mirrors = task.pair.mirrors is Mirrors.YES
        self.eyes = Eyes(
            task.pair,
            self.world,
            self.clock,
            task.memory,
            self.tell,
            task.playbook.emergency_deadline,
            task.known_runs,
        )
        self.writer = Writer(
            task.pair,
            task.playbook,
            self.world,
            self.clock,
            self.eyes,
            task.memory,
            task.operator,
            self.tell,
            self.jitter,
            self._may_go_on,
        )
        self.rows = Rows(self.writer, self.eyes, task.memory, self.gate, self.tell)

    def tell(self, event: Event) -> None:
        """Journal and show an event, and only then learn from it: what is not durable did not happen."""
        self.observer.tell(event)
        self.task.memory.note(event)

    def ask_to_stop(self, reason: str) -> None:
        """Stop before the next write, and leave a run that can be resumed."""
        self.stop_reason = reason

    def _may_go_on(self) -> None:
        if self.stop_reason is not None:
            raise stopped(End.INTERRUPTED, self.stop_reason)

    async def look(self, goal: Status | None = None) -> Phase:
        """Read both orgs, and name where the pair stands. Journals the look."""
        await self.eyes.look("start")
        return self.phase(goal)

    def phase(self, goal: Status | None = None) -> Phase:
        """Where the pair stands by the last look."""
        readings, identities = self._readings(), self.eyes.identities
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
        )

    def owed(self) -> Owed | None:
        """What one org is owed now, by this run or by an earlier one."""
        for role, status in self.task.memory.owed.items():
            return Owed(role, status, self.task.memory.run, self.clock.now())
        return self.task.owed

    def _readings(self) -> Both[Reading]:
        if self.eyes.last is None:
            raise RuntimeError("nothing was read yet")
        return self.eyes.last

    async def drive(self, goal: Status) -> Ending:
        """Go to a goal.

        Returns:
            How it ended; every stop on the way is an ending, too.

        Raises:
            HamrError: from the observer (journal, lock), before anything more was sent.
            asyncio.CancelledError: the task was cancelled; the journal holds what was in flight.
        """
        try:
            return await self._drive(goal)
        except Stopped as stop:
            return stop.ending

    async def _drive(self, goal: Status) -> Ending:
        if self.task.memory.mode is Mode.EMERGENCY:
            # Known before the first look, so that the other org gets its short deadline from the start.
            self.eyes.survivor = _survivor(self.task.playbook, goal)
        phase = await self.look(goal)
        if self.task.memory.expected:
            await self._settle_with_memory()
            phase = self.phase(goal)
        entry = enter(
            self.task.pair,
            self.task.playbook,
            phase,
            self._readings(),
            goal,
            mode=self.task.memory.mode,
            open_run=self.task.open_run,
        )
        if self.task.memory.mode is Mode.EMERGENCY and entry.status is not goal:
            self.eyes.survivor = survivor_of(self.task.pair, self.task.playbook, entry.status, goal)
        return await self._step_through(entry, goal)

    async def _settle_with_memory(self) -> None:
        """Law 3 from the first look on: what the journal last saw is what is expected.

        A write that was in flight when the run stopped may still take effect, so it is looked for until the
        confirm time since its intent is up.
        """
        memory, within = self.task.memory, self.task.playbook.confirm.within
        while True:
            self.writer.accept(self._readings(), self.writer.compare_both(self._readings()))
            outstanding, intended_at = memory.outstanding(), memory.last_intent_at
            if outstanding is None or intended_at is None or outstanding.role in memory.dead:
                return
            left = (intended_at + within - self.clock.now()).total_seconds()
            if left <= 0:
                return
            who = self.task.pair[outstanding.role]
            self.tell(
                Waiting(
                    f"{who} to show {outstanding.status}, sent before the run stopped", left, outstanding.role
                )
            )
            self._may_go_on()
            await self.writer.pause()
            await self.eyes.look("confirm", journal=False)

    async def _step_through(self, entry: Entry, goal: Status) -> Ending:
        if entry.half_done is not None:
            self.rows.half_done = entry.half_done.name
            self.rows.taken_as_is = set(entry.taken_as_is)
        position = Position(entry.status.name)
        machine = Machine(self.task.playbook, goal, self.rows)
        if entry.half_done is not None and not self._leads_on(entry, goal):
            machine = Machine(self.task.playbook, entry.half_done.target, self.rows)
            machine.place(position)
            if not await machine.step(position):
                return self._refusal()
            machine = Machine(self.task.playbook, goal, self.rows)
        machine.place(position)
        while position.status is not goal:
            self._may_go_on()
            if not await machine.step(position):
                return self._refusal()
        return self._arrived(goal)

    def _leads_on(self, entry: Entry, goal: Status) -> bool:
        """Whether the half-done row is itself the first step of the way to the goal."""
        route = self.task.playbook.route(entry.status, goal)
        return bool(route) and route is not None and route[0] is entry.half_done

    def _arrived(self, goal: Status) -> Ending:
        owed = self.task.memory.owed
        if owed:
            role = next(iter(owed))
            return Ending(
                End.OWING,
                f"{self.task.pair[role.other]} stands at {goal}; {self.task.pair[role]} was not reached and is owed {owed[role]}",
                role,
                (f"hamr resume {self.task.pair.name}",),
            )
        return Ending(End.DONE, f"pair {self.task.pair.name} stands at {goal}, on both orgs")

    def _refusal(self) -> Ending:
        verdicts = self.rows.refused_by()
        row = self.rows.decisions[-1][0]
        end = End.INCOMPLETE if self.task.memory.intended else End.REFUSED
        return Ending(end, f"row {row} was refused: " + "; ".join(_say(verdict) for verdict in verdicts))

    async def deliver(self, owed: Owed) -> Ending:
        """Tell the org of a past emergency what it is owed: the survivor's present status, in one write."""
        try:
            return await self._deliver(owed)
        except Stopped as stop:
            return stop.ending

    async def _deliver(self, owed: Owed) -> Ending:
        survivor, pair = owed.role.other, self.task.pair
        await self.eyes.look("start")
        self._require_linked()
        await self._settle_with_memory()
        readings = self._readings()
        status = readings[survivor].status
        if status is None or status is Status.ABSENT:
            raise stopped(
                End.REFUSED, f"{pair[survivor]} shows no status that could be passed on", org=survivor
            )
        if readings[owed.role].status is status:
            self.tell(OwedSettled(owed.role, status, "void"))
            return Ending(End.DONE, f"{pair[owed.role]} shows {status} already; nothing is owed any more")
        if not readings[owed.role].answered:
            raise stopped(
                End.OWING,
                f"{pair[owed.role]} still does not answer; it stays owed {status}",
                org=owed.role,
                next_steps=(f"hamr resume {pair.name}",),
            )
        await self.writer.write(owed.role, status, row="", purpose="deliver")
        self.tell(OwedSettled(owed.role, status, "delivered"))
        return Ending(End.DONE, f"{pair[owed.role]} was told {status}; nothing is owed any more")

    async def adopt(self, truth: Role, reason: str) -> Ending:
        """Write a diverged pair's other org once, so that both show what the true one shows."""
        try:
            return await self._adopt(truth, reason)
        except Stopped as stop:
            return stop.ending

    async def _adopt(self, truth: Role, reason: str) -> Ending:
        pair, other = self.task.pair, truth.other
        phase = await self.look()
        self._require_linked()
        status = self._readings()[truth].status
        if phase.name is PhaseName.AGREED:
            return Ending(End.DONE, f"both orgs of {pair.name} show {status} already; nothing to adopt")
        if status is None or status is Status.ABSENT or not self._readings()[other].answered:
            raise stopped(End.REFUSED, phase.sentence, org=phase.role, next_steps=phase.next_steps)
        self.tell(PairAdopted(truth, status, reason))
        await self.writer.write(other, status, row="", purpose="adopt")
        return Ending(End.DONE, f"{pair[other]} was told {status}, as {pair[truth]} shows")

    def _require_linked(self) -> None:
        identities = self.eyes.identities
        if identities is None:
            raise RuntimeError("nothing was read yet")
        link = judge_link(self.task.pair, self._readings(), identities)
        if not isinstance(link, Linked):
            raise stopped(
                End.REFUSED, link.reason, org=link.role, next_steps=(f"hamr status {self.task.pair.name}",)
            )


def _survivor(playbook: Playbook, goal: Status) -> Role | None:
    """The survivor that the rows leading to a goal name, where they agree."""
    survivors = {
        row.survivor for row in playbook.rows if row.survivor is not None and playbook.route(row.source, goal)
    }
    return survivors.pop() if len(survivors) == 1 else None


def _say(verdict: Verdict) -> str:
    return f"{verdict.guard} {verdict.outcome.value}: {verdict.reason}"
