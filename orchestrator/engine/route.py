"""The route of one run: where it enters the table, from the pair's phase, and its way to the goal, transition by transition."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model import next_step
from orchestrator.model.events import OwedSettled
from orchestrator.model.guard import Probe
from orchestrator.model.next_step import NextStep
from orchestrator.model.playbook import Transition
from orchestrator.model.reading import Reading
from orchestrator.model.run import End, Mode, RunOutcome
from orchestrator.model.situation import Phase, PhaseName
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import commands
from orchestrator.situation.guard_kinds import transition_probes
from orchestrator.situation.link import Linked

from .check import Checker
from .context import RunContext, Stopped, stopped
from .evaluator import GuardEvaluator, say
from .hooks import Hooks
from .machine import Machine, TransitionExecutor, first_steps
from .probing import Probing
from .reader import PairReader
from .reconcile import Reconciler


class RouteRunner(Struct):
    """Fires transitions, one after the other; the machine says which."""

    run: RunContext
    reader: PairReader
    checker: Checker
    reconciler: Reconciler
    probing: Probing
    evaluator: GuardEvaluator
    hooks: Hooks
    executor: TransitionExecutor

    async def run_to(self, goal: Status) -> RunOutcome:
        """Go there from wherever the pair stands."""
        run, reader = self.run, self.reader
        run.goal = goal
        taken_up, seen = bool(run.state.expected), dict(run.state.floors)
        self.probing.start(self._probable_probes(goal))
        await reader.begin(goal)
        half_made = None
        if taken_up:
            await self.reconciler.reconcile()
            half_made = self.reconciler.half_made()
        else:
            await self.reconciler.outwait_lag()
            self.checker.require_premise()
            if run.unattended is not None:
                self.checker.stop_for_others({**seen, **run.unattended})
        phase = reader.phase(goal)
        if half_made is not None and phase.name in (PhaseName.MIDWAY, PhaseName.DIVERGED):
            phase = replace(phase, name=PhaseName.MIDWAY, transition=half_made.name)
        entry = enter(run, phase, reader.readings, goal)
        if entry.survivor is not None:
            run.needed = frozenset({entry.survivor})
            self._require_link(run.needed)
            reader.leave_out_the_unseen()
        return await self._step_through(entry, goal)

    def _require_link(self, needed: frozenset[Role]) -> None:
        """A planned run's phase has told that both orgs are who the inventory says; of an emergency's survivor, nothing has yet."""
        link, steps = self.reader.link(needed), (next_step.check(), next_step.status(self.run.pair.name))
        if not isinstance(link, Linked):
            raise stopped(self.run.refusal, link.reason, org=link.role, next_steps=steps)

    def _probable_probes(self, goal: Status) -> tuple[Probe, ...]:
        """The probes of the transitions that lead from a stop towards the goal: most likely one of them comes first.

        They are read beside the first look, so that the first transition need not wait for them; where another transition turns out
        to come first, they are left.
        """
        playbook = self.run.playbook
        first = (
            transition for transition in first_steps(playbook, goal) if transition.source in playbook.stops
        )
        return tuple(
            dict.fromkeys(probe for transition in first for probe in transition_probes(transition, playbook))
        )

    async def _step_through(self, entry: Entry, goal: Status) -> RunOutcome:
        run = self.run
        if entry.half_done is not None:
            run.half_done, run.taken_as_is = entry.half_done.name, entry.taken_as_is
        else:
            self._find_made(entry)
        if await self.hooks.catch_up():
            self.probing.distrust_all()
        start = entry.status
        if entry.half_done is not None:
            machine = Machine(run.playbook, entry.half_done.target, self.executor, start)
            if not await self._step(machine, entry.half_done):
                return self._refusal()
            start = machine.status
        machine = Machine(run.playbook, goal, self.executor, start)
        while machine.status is not goal:
            run.may_go_on()
            route = run.playbook.route(machine.status, goal)
            if not await self._step(machine, route[0] if route else None):
                return self._refusal()
        if entry.survivor is not None:
            await self.executor.tell_other(entry.survivor, goal)
        return self._arrived(goal)

    async def _step(self, machine: Machine, transition: Transition | None) -> bool:
        """One transition: what may be waited for first, then the machine, then the transition's `after` hooks."""
        if transition is not None:
            await self.evaluator.prepare(transition)
        if not await machine.step():
            return False
        if transition is not None and await self.hooks.after(transition):
            self.probing.distrust_all()
        return True

    def _find_made(self, entry: Entry) -> None:
        """The transition that was under way when the run's process died, where the pair stands at its target by now.

        An emergency's transition is made by its survivor alone. Else one record of ours is enough: the other org stood there
        already when the transition was begun, or it would have been settled as somebody else's.
        """
        state, readings, transition = self.run.state, self.reader.readings, self.run.under_way
        needed = tuple(Role) if entry.survivor is None else (entry.survivor,)
        ours = any(state.wrote(role, readings[role].record) for role in needed if role not in state.dead)
        if transition is None or not ours:
            return
        if entry.status in self.run.playbook.server_moves(transition.target):
            self.executor.tell_made(transition)

    def _arrived(self, goal: Status) -> RunOutcome:
        run, pair = self.run, self.run.pair
        self.checker.settle_unproven()
        for role, status in tuple(run.state.owed.items()):
            if self.reader.readings[role].status is goal and role not in run.state.dead:
                run.tell(OwedSettled(role, goal, "void"))
                continue
            return RunOutcome(
                End.OWING,
                f"{pair[role.other]} stands at {goal}; {pair[role]} was not reached and is owed {status}",
                role,
                (next_step.resume(pair.name).so_that(f"tell the {role} what it is owed, once it answers"),),
            )
        shown = {reading.status for reading in self.reader.readings}
        beyond = next(
            (status for status in shown & run.playbook.server_moves(goal) if status is not goal), None
        )
        came = f"pair {pair.name} stands at {goal}, on both orgs"
        if beyond is not None:
            came = f"pair {pair.name} came to {goal}, and the server has moved it on to {beyond}"
        return RunOutcome(End.DONE, came)

    def _refusal(self) -> RunOutcome:
        verdicts = self.evaluator.refused_by()
        transition = self.evaluator.decisions[-1][0]
        message = f"transition {transition} was refused: {'; '.join(say(verdict) for verdict in verdicts)}"
        return RunOutcome(self.run.refusal, message, None, self.evaluator.ways_over(verdicts))


class Entry(Struct, frozen=True):
    """The state that the machine starts in."""

    status: Status
    half_done: Transition | None = None
    """The transition of which a write is already in effect."""
    taken_as_is: frozenset[Role] = frozenset()
    """The orgs that stand at that transition's target already."""
    survivor: Role | None = None
    """The one org that an emergency's transitions need; None in a planned run."""


def enter(run: RunContext, phase: Phase, readings: Both[Reading], goal: Status) -> Entry:
    """Where to start towards a goal, from what both orgs show; stops where no transition of this run leads on."""
    if run.state.mode is Mode.EMERGENCY:
        return _enter_emergency(run, phase, readings, goal)
    match phase.name:
        case PhaseName.AGREED | PhaseName.ABSENT if phase.status is not None:
            _require_route(run, phase.status, goal)
            return Entry(phase.status)
        case PhaseName.MIDWAY if phase.transition is not None:
            transition = run.playbook.transition(phase.transition)
            if transition is not None:
                return _enter_midway(run, transition, readings, goal)
    raise _refused(phase)


def survivor_of(run: RunContext, start: Status, goal: Status) -> Role:
    """The one org that every transition of an emergency's route names as its survivor; stops where one names none, or another."""
    pair, playbook = run.pair, run.playbook
    survivors: set[Role] = set()
    for transition in _require_route(run, start, goal):
        if transition.survivor is None:
            raise stopped(
                End.REFUSED,
                f"transition {transition} names no survivor in playbook {playbook.name}, so it is not for emergencies; it needs both orgs",
                next_steps=(next_step.watch(pair.name), commands.graph(playbook)),
            )
        survivors.add(transition.survivor)
    if len(survivors) != 1:
        raise stopped(
            End.REFUSED,
            f"the transitions from {start} to {goal} name different survivors, so neither org is enough for the whole way",
            next_steps=(next_step.watch(pair.name),),
        )
    return survivors.pop()


def _require_route(run: RunContext, start: Status, goal: Status) -> tuple[Transition, ...]:
    pair, playbook = run.pair, run.playbook
    route = playbook.route(start, goal)
    if route is None:
        creates = any(transition.source is Status.ABSENT for transition in playbook.transitions)
        look = (
            next_step.status(pair.name) if creates or start is not Status.ABSENT else commands.onboard(pair)
        )
        raise stopped(
            End.REFUSED,
            f"playbook {playbook.name} has no way from {start}, where pair {pair.name} stands, to {goal}",
            next_steps=(look, commands.graph(playbook)),
        )
    return route


def _refused(phase: Phase) -> Stopped:
    return stopped(End.REFUSED, phase.sentence, org=phase.trouble, next_steps=phase.next_steps)


def _enter_emergency(run: RunContext, phase: Phase, readings: Both[Reading], goal: Status) -> Entry:
    playbook = run.playbook
    if phase.name is PhaseName.AGREED and phase.status is goal:
        return Entry(goal)
    refusal = _refused(phase)
    for role in (Role.SECONDARY, Role.PRIMARY):
        status = readings[role].status
        if status is None or playbook.route(status, goal) is None:
            continue
        # Where an emergency is resumed, what it wrote explains that the other org is behind.
        explained = run.state.wrote(role, readings[role].record)
        try:
            if status is goal:
                other = run.last_seen(role.other)
                came = explained and role in playbook.survivors_at(goal)
                enough = came or playbook.is_enough(role, status, goal, other)
            else:
                enough = survivor_of(run, status, goal) is role
        except Stopped as stop:
            refusal = stop
            continue
        if not enough:
            continue
        if phase.name is PhaseName.DIVERGED and readings[role.other].status is not None and not explained:
            raise _refused(phase)
        route = playbook.route(status, goal)
        if route and readings[role.other].status is route[0].target:
            # The other org is ahead: it got the first write of a planned run.
            return Entry(status, route[0], frozenset({role.other}), role)
        return Entry(status, survivor=role)
    raise refusal


def _enter_midway(run: RunContext, transition: Transition, readings: Both[Reading], goal: Status) -> Entry:
    """Forward through the half-done transition, or back by a transition that leads back; never into a status not yet reached."""
    pair, playbook, open_run = run.pair, run.playbook, run.open_run
    start = None if open_run is None else open_run.start
    # Only of a transition that the open run was to make: one that somebody else began does not lead back to its start.
    way = () if open_run is None or start is None else playbook.route(start, open_run.goal) or ()
    to_start = transition in way and goal is start and goal is not transition.target
    if goal is not transition.source and not to_start:
        if goal is not transition.target and playbook.route(transition.target, goal) is None:
            raise stopped(
                End.REFUSED,
                f"pair {pair.name} is midway in transition {transition}, and playbook {playbook.name} has no way on to {goal}",
                next_steps=_runs_on(run, transition, goal),
            )
        arrived = playbook.server_moves(transition.target)
        there = frozenset(role for role in Role if readings[role].status in arrived)
        return Entry(transition.source, transition, there)
    reached = {reading.status for reading in readings} | ({start} if open_run else set())
    back = commands.way_back(playbook, transition, goal, reached)
    if back is None:
        raise stopped(
            End.REFUSED,
            f"pair {pair.name} is midway in transition {transition}, and playbook {playbook.name} has no transition that leads back to "
            f"{goal} without entering a status that was not reached yet",
            next_steps=(
                *((next_step.resume(pair.name),) if open_run is not None else ()),
                *_runs_on(run, transition, goal),
            ),
        )
    there = frozenset(role for role in Role if readings[role].status is transition.source)
    return Entry(transition.target, back, there)


def _runs_on(run: RunContext, transition: Transition, refused: Status) -> tuple[NextStep, ...]:
    """The commands that lead on from a half-made transition: to every stop beyond it but the one that was refused."""
    stops = (stop for stop in run.playbook.stops if stop is not refused)
    return tuple(
        next_step.run(run.pair.name, stop)
        for stop in stops
        if run.playbook.route(transition.target, stop) is not None
    )
