"""The drive loop: one run, from where the pair stands to its goal, row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from orchestrator.model.events import Event, OwedSettled
from orchestrator.model.guard import Verdict
from orchestrator.model.org import Mirrors, Pair
from orchestrator.model.playbook import Playbook, Row
from orchestrator.model.probe import Probe
from orchestrator.model.protocols import Clock, Observer, World
from orchestrator.model.run import End, Ending, Mode, Operator
from orchestrator.model.situation import OpenRun, Owed, Phase, PhaseName
from orchestrator.model.status import Role, Status
from orchestrator.situation.compared import row_probes
from orchestrator.situation.phase import phase_of

from .admission import Admission
from .adopt import Adoption
from .around import Around
from .arrival import Arrival
from .asking import Asking
from .check import Checker
from .deliver import Delivery
from .entry import Entry, enter, survivors_towards
from .gate import Gate
from .hooks import Hooks
from .look import Eyes
from .machine import Machine, Position, first_steps
from .memory import Memory
from .probing import Probing
from .readback import ReadBack
from .rows import Rows
from .settle import Settling
from .stop import Stopped, stopped
from .waits import Waits
from .writer import Writer

_GOOD = frozenset({End.DONE, End.OWING})


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
    around: Around
    stop_reason: str | None = None
    """Why a person wants the run to stop before its next write; None while it may go on."""
    eyes: Eyes = field(init=False)
    writer: Writer = field(init=False)
    rows: Rows = field(init=False)
    settling: Settling = field(init=False)
    delivery: Delivery = field(init=False)
    adoption: Adoption = field(init=False)
    probing: Probing = field(init=False)
    admission: Admission = field(init=False)
    hooks: Hooks = field(init=False)

    def __post_init__(self) -> None:
        task, playbook = self.task, self.task.playbook
        pair, memory = task.pair, task.memory
        if memory.mirrors is None and pair.mirrors is not Mirrors.AUTO:
            memory.mirrors = pair.mirrors is Mirrors.YES
        if task.owed is not None:
            memory.owed.setdefault(task.owed.role, task.owed.status)
        tell, clock = self.tell, self.clock
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
            self._may_go_on,
        )
        arrival = Arrival(self.writer)
        self.settling = Settling(self.writer)
        self.delivery = Delivery(self.writer, arrival, self.settling)
        self.adoption = Adoption(self.writer, arrival)
        self.probing = Probing(pair, self.around.prober, clock, self.eyes, memory, tell)
        asking = Asking(self.around.people, clock, self.eyes, self.probing, tell)
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
        )
        self.hooks = Hooks(pair, playbook, self.around.programs, asking, memory, clock, tell, self._may_go_on)
        self.rows = Rows(self.writer, arrival, self.eyes, memory, self.admission, self.hooks, tell)

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
            ending = await self._drive(goal)
        except Stopped as stop:
            ending = stop.ending
        except BaseException:
            await self._break_off()
            raise
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
        names = ", ".join(f"{hook} (after {row})" for row, hook in owed)
        return replace(
            ending,
            end=End.OWING,
            message=f"{ending.message}; what comes after it is not all done: {names}",
            next_steps=(f"hamr resume {self.task.memory.run}",),
        )

    async def _drive(self, goal: Status) -> Ending:
        memory, playbook = self.task.memory, self.task.playbook
        emergency = memory.mode is Mode.EMERGENCY
        if emergency:
            # Known before the first look, so that the other org gets its short deadline from the start.
            self.eyes.may_survive = survivors_towards(playbook, goal)
            self.eyes.survivor = (
                next(iter(self.eyes.may_survive)) if len(self.eyes.may_survive) == 1 else None
            )
        taken_up = bool(memory.expected)
        self.probing.start(self._probable_probes(goal))
        phase = await self.look(goal)
        half_made = None
        if taken_up:
            await self.settling.settle(take_reverted=memory.mirrors is True)
            phase, half_made = self.phase(goal), self.settling.half_made()
        if half_made is not None and not emergency and phase.name in (PhaseName.MIDWAY, PhaseName.DIVERGED):
            phase = replace(phase, name=PhaseName.MIDWAY, row=half_made.name)
        readings = self.eyes.last_look()
        entry = enter(
            self.task.pair,
            playbook,
            phase,
            readings,
            goal,
            mode=memory.mode,
            open_run=self.task.open_run,
            ours=frozenset(role for role in Role if memory.wrote(role, readings[role].record)),
        )
        if entry.survivor is not None:
            self.eyes.survivor = entry.survivor
        return await self._step_through(entry, goal)

    def _probable_probes(self, goal: Status) -> tuple[Probe, ...]:
        """The probes of the rows that lead from a stop towards the goal: most likely one of them comes first.

        They are read beside the first look, so that the first row need not wait for them; where another row turns out
        to come first, they are left.
        """
        playbook = self.task.playbook
        first = (row for row in first_steps(playbook, goal) if row.source in playbook.stops)
        return tuple(dict.fromkeys(probe for row in first for probe in row_probes(row, playbook)))

    async def _step_through(self, entry: Entry, goal: Status) -> Ending:
        if entry.half_done is not None:
            self.admission.half_done = entry.half_done.name
            self.rows.taken_as_is = set(entry.taken_as_is)
        else:
            self._find_made(entry)
        if await self.hooks.catch_up():
            self._distrust()
        position = Position(entry.status.name)
        machine = Machine(self.task.playbook, goal, self.rows)
        if entry.half_done is not None and not self._leads_on(entry, goal):
            machine = Machine(self.task.playbook, entry.half_done.target, self.rows)
            machine.place(position)
            if not await self._step(machine, position, entry.half_done, goal):
                return self._refusal()
            machine = Machine(self.task.playbook, goal, self.rows)
        machine.place(position)
        while position.status is not goal:
            self._may_go_on()
            route = self.task.playbook.route(position.status, goal)
            if not await self._step(machine, position, route[0] if route else None, goal):
                return self._refusal()
        if entry.survivor is not None:
            await self.rows.tell_other(entry.survivor, goal)
        return self._arrived(goal)

    async def _step(self, machine: Machine, position: Position, row: Row | None, goal: Status) -> bool:
        """One row: what may be waited for first, then the machine, then the row's `after` hooks."""
        playbook = self.task.playbook
        if row is not None:
            beyond = playbook.route(row.target, goal)
            self.rows.next_probes = row_probes(beyond[0], playbook) if beyond else ()
            await self.admission.prepare(row)
        if not await machine.step(position):
            return False
        if row is not None and await self.hooks.after(row):
            self._distrust()
        return True

    def _distrust(self) -> None:
        """Law 18: hooks have run since everything was read, so it is read again before the next row."""
        self.eyes.distrust()
        self.probing.distrust()

    def _find_made(self, entry: Entry) -> None:
        """The row that was under way when the run's process died, where the pair stands at its target by now.

        An emergency's row is made by its survivor alone. Else one record of ours is enough: the other org stood there
        already when the row was begun, or it would have been settled as somebody else's.
        """
        memory, playbook, readings = self.task.memory, self.task.playbook, self.eyes.last_look()
        row = playbook.row(memory.row.row) if memory.row is not None else None
        needed = tuple(Role) if entry.survivor is None else (entry.survivor,)
        ours = any(memory.wrote(role, readings[role].record) for role in needed if role not in memory.dead)
        if row is not None and ours and entry.status in playbook.server_moves(row.target):
            self.rows.find_made(row)

    def _leads_on(self, entry: Entry, goal: Status) -> bool:
        """Whether the half-done row is itself the first step of the way to the goal."""
        route = self.task.playbook.route(entry.status, goal)
        return bool(route) and route is not None and route[0] is entry.half_done

    def _arrived(self, goal: Status) -> Ending:
        self.writer.checker.settle_unproven()
        for role, status in tuple(self.task.memory.owed.items()):
            if self.eyes.last_look()[role].status is goal and role not in self.task.memory.dead:
                self.tell(OwedSettled(role, goal, "void"))
                continue
            return Ending(
                End.OWING,
                f"{self.task.pair[role.other]} stands at {goal}; {self.task.pair[role]} was not reached and is owed {status}",
                role,
                (f"hamr resume {self.task.pair.name}",),
            )
        return Ending(End.DONE, f"pair {self.task.pair.name} stands at {goal}, on both orgs")

    def _refusal(self) -> Ending:
        verdicts = self.admission.refused_by()
        row = self.admission.decisions[-1][0]
        end = End.INCOMPLETE if self.task.memory.intended else End.REFUSED
        return Ending(end, f"row {row} was refused: " + "; ".join(_say(verdict) for verdict in verdicts))

    async def deliver(self, owed: Owed) -> Ending:
        """Tell the org of a past emergency what it is owed: the survivor's present status, in one write."""
        try:
            return await self.delivery.deliver(owed)
        except Stopped as stop:
            return stop.ending

    async def adopt(self, truth: Role, reason: str) -> Ending:
        """Write a diverged pair's other org once, so that both show what the true one shows."""
        try:
            return await self.adoption.adopt(await self.look(), truth, reason)
        except Stopped as stop:
            return stop.ending


def _say(verdict: Verdict) -> str:
    return f"{verdict.guard} {verdict.outcome.value}: {verdict.reason}"
