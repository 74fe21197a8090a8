"""The way of one run: from where the pair stands to its goal, transition by transition."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.events import Event, OwedSettled
from orchestrator.model.guard import Probe
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.run import End, Ending, Mode
from orchestrator.model.situation import OpenRun, Phase, PhaseName
from orchestrator.model.status import Role, Status
from orchestrator.situation import commands
from orchestrator.situation.compared import transition_probes

from .admission import Admission, say
from .entry import Entry, enter
from .hooks import Hooks
from .look import Eyes
from .machine import Machine, Position, first_steps
from .memory import Memory
from .probing import Probing
from .settle import Settling
from .transitions import Transitions
from .writer import Writer


class Way(Struct):
    """Fires transitions, one after the other; the machine says which."""

    pair: Pair
    playbook: Playbook
    memory: Memory
    open_run: Callable[[], OpenRun | None]
    """The run that has not finished, if any: paying what was owed may close it."""
    eyes: Eyes
    writer: Writer
    transitions: Transitions
    settling: Settling
    probing: Probing
    admission: Admission
    hooks: Hooks
    look: Callable[[Status | None], Awaitable[Phase]]
    """Reads both orgs, and names where the pair stands."""
    phase: Callable[[Status | None], Phase]
    """Where the pair stands by the last look."""
    tell: Callable[[Event], None]
    may_go_on: Callable[[], None]

    async def to(self, goal: Status) -> Ending:
        """Go there from wherever the pair stands.

        Raises:
            Stopped: it ends before the goal.
        """
        memory, playbook = self.memory, self.playbook
        emergency = memory.mode is Mode.EMERGENCY
        if emergency:
            # Known before the first look, so that the other org gets its short deadline from the start.
            self.eyes.may_survive = playbook.survivors_towards(goal)
            self.eyes.survivor = (
                next(iter(self.eyes.may_survive)) if len(self.eyes.may_survive) == 1 else None
            )
        taken_up = bool(memory.expected)
        self.probing.start(self._probable_probes(goal))
        await self.look(goal)
        half_made = None
        if taken_up:
            await self.settling.settle()
            half_made = self.settling.half_made()
        else:
            await self.settling.outwait_lag()
        phase = self.phase(goal)
        if half_made is not None and not emergency and phase.name in (PhaseName.MIDWAY, PhaseName.DIVERGED):
            phase = replace(phase, name=PhaseName.MIDWAY, transition=half_made.name)
        readings = self.eyes.last_look()
        entry = enter(
            self.pair,
            playbook,
            phase,
            readings,
            goal,
            mode=memory.mode,
            open_run=self.open_run(),
            ours=frozenset(role for role in Role if memory.wrote(role, readings[role].record)),
        )
        if entry.survivor is not None:
            self.eyes.survivor = entry.survivor
        return await self._step_through(entry, goal)

    def _probable_probes(self, goal: Status) -> tuple[Probe, ...]:
        """The probes of the transitions that lead from a stop towards the goal: most likely one of them comes first.

        They are read beside the first look, so that the first transition need not wait for them; where another transition turns out
        to come first, they are left.
        """
        playbook = self.playbook
        first = (
            transition for transition in first_steps(playbook, goal) if transition.source in playbook.stops
        )
        return tuple(
            dict.fromkeys(probe for transition in first for probe in transition_probes(transition, playbook))
        )

    async def _step_through(self, entry: Entry, goal: Status) -> Ending:
        if entry.half_done is not None:
            self.admission.half_done = entry.half_done.name
            self.transitions.taken_as_is = set(entry.taken_as_is)
        else:
            self._find_made(entry)
        if await self.hooks.catch_up():
            self._distrust()
        position = Position(entry.status.name)
        machine = Machine(self.playbook, goal, self.transitions)
        if entry.half_done is not None and not self._leads_on(entry, goal):
            machine = Machine(self.playbook, entry.half_done.target, self.transitions)
            machine.place(position)
            if not await self._step(machine, position, entry.half_done, goal):
                return self._refusal()
            machine = Machine(self.playbook, goal, self.transitions)
        machine.place(position)
        while position.status is not goal:
            self.may_go_on()
            route = self.playbook.route(position.status, goal)
            if not await self._step(machine, position, route[0] if route else None, goal):
                return self._refusal()
        if entry.survivor is not None:
            await self.transitions.tell_other(entry.survivor, goal)
        return self._arrived(goal)

    async def _step(
        self, machine: Machine, position: Position, transition: Transition | None, goal: Status
    ) -> bool:
        """One transition: what may be waited for first, then the machine, then the transition's `after` hooks."""
        playbook = self.playbook
        if transition is not None:
            beyond = playbook.route(transition.target, goal)
            self.transitions.next_probes = transition_probes(beyond[0], playbook) if beyond else ()
            await self.admission.prepare(transition)
        if not await machine.step(position):
            return False
        if transition is not None and await self.hooks.after(transition):
            self._distrust()
        return True

    def _distrust(self) -> None:
        """Law 18: hooks have run since everything was read, so it is read again before the next transition."""
        self.eyes.distrust()
        self.probing.distrust()

    def _find_made(self, entry: Entry) -> None:
        """The transition that was under way when the run's process died, where the pair stands at its target by now.

        An emergency's transition is made by its survivor alone. Else one record of ours is enough: the other org stood there
        already when the transition was begun, or it would have been settled as somebody else's.
        """
        memory, playbook, readings = self.memory, self.playbook, self.eyes.last_look()
        transition = (
            playbook.transition(memory.transition.transition) if memory.transition is not None else None
        )
        needed = tuple(Role) if entry.survivor is None else (entry.survivor,)
        ours = any(memory.wrote(role, readings[role].record) for role in needed if role not in memory.dead)
        if transition is not None and ours and entry.status in playbook.server_moves(transition.target):
            self.transitions.find_made(transition)

    def _leads_on(self, entry: Entry, goal: Status) -> bool:
        """Whether the half-done transition is itself the first step of the way to the goal."""
        route = self.playbook.route(entry.status, goal)
        return bool(route) and route is not None and route[0] is entry.half_done

    def _arrived(self, goal: Status) -> Ending:
        self.writer.checker.settle_unproven()
        for role, status in tuple(self.memory.owed.items()):
            if self.eyes.last_look()[role].status is goal and role not in self.memory.dead:
                self.tell(OwedSettled(role, goal, "void"))
                continue
            return Ending(
                End.OWING,
                f"{self.pair[role.other]} stands at {goal}; {self.pair[role]} was not reached and is owed {status}",
                role,
                (commands.resume(self.pair),),
            )
        return Ending(End.DONE, f"pair {self.pair.name} stands at {goal}, on both orgs")

    def _refusal(self) -> Ending:
        verdicts = self.admission.refused_by()
        transition = self.admission.decisions[-1][0]
        end = End.INCOMPLETE if self.memory.intended else End.REFUSED
        words = "; ".join(say(verdict) for verdict in verdicts)
        return Ending(
            end, f"transition {transition} was refused: {words}", None, self.admission.ways_over(verdicts)
        )
