"""A drill on the built-in simulator: a scenario is played, scored, and cleaned up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.config.messages import meant
from orchestrator.config.scenario import (
    Command,
    ConfirmWaits,
    DoRun,
    Expect,
    Meanwhile,
    Scenario,
    ScenarioStep,
    Waits,
)
from orchestrator.errors import UsageError
from orchestrator.journal import VERIFY_NEWEST
from orchestrator.journal.history import events_of
from orchestrator.model.events import DrillClosed, DrillStarted
from orchestrator.model.guard import ALWAYS_ON, BEFORE_A_RUN
from orchestrator.model.journal import Broken
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import DrillResult, Expectation
from orchestrator.model.run import new_run_id
from orchestrator.model.status import Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.status import read_status
from orchestrator.simulator import (
    AppliedLate,
    ConnectionRefused,
    Drip,
    Fault,
    FaultKind,
    RegionDark,
    Slow,
    StaleRead,
    Throttle,
    random_faults,
)
from orchestrator.simulator.state import SERVER_NAME

from .expectations import always, expectations_of, laws_of
from .failback import OpenDrill, bring_home, check_routes
from .score import PlayedDrill, leg_of
from .stage import DrillContext, Stage, staged
from .steps import StepResult, StepRunner, observe

Watching = Callable[[Pair], Sequence[Watcher]]
"""Gives those who watch the runs of a pair."""


SHORT_WAITS = Waits(
    ConfirmWaits(within=timedelta(seconds=1), every=timedelta(milliseconds=20)),
    emergency=timedelta(milliseconds=200),
    mirror=timedelta(milliseconds=200),
    guards=timedelta(seconds=1),
    read=timedelta(milliseconds=500),
)
"""The waits of a drill whose faults are drawn from a seed: those that last are shorter here, too."""


async def rehearse(
    context: DrillContext,
    scenario: Scenario,
    playbook: Playbook,
    *,
    seed: int | None = None,
    notes: str = "",
    watching: Watching = lambda _: (),
    controls: RunControl | None = None,
) -> DrillResult:
    """Play a scenario on two simulated regions; nothing of it reaches Datadog.

    With a seed, what goes wrong is drawn from it, the same for the same number, and only what must hold in every drill
    is expected. The journal keeps `notes`.

    Raises:
        UsageError: the playbook has no way out, or none home.
        HamrError: the journal, a port or a folder could not be used.
    """
    home = scenario.regions.status
    check_routes(playbook, home, scenario.goal)
    check_names(scenario, playbook)
    drill = new_run_id(context.clock.now(), context.dice.choice)
    steps = scenario.steps or out_and_home(home, scenario.goal, expects=seed is None)
    faults: tuple[Fault, ...] = ()
    if seed is not None:
        faults = tuple(replace(fault, kind=_shortened(fault.kind)) for fault in random_faults(seed))
        if scenario.waits == Waits():
            scenario = replace(scenario, waits=SHORT_WAITS)
    async with staged(context, scenario, playbook, f"sim-{drill[-4:]}", faults) as stage:
        session = stage.person().session
        controls = controls or RunControl()
        controls.watchers = watching(stage.pair)
        opened = OpenDrill(session, drill, controls)
        try:
            return await _Play(stage, opened, PlayedDrill(opened, stage, seed)).through(steps, notes)
        except asyncio.CancelledError:
            session.append(drill, DrillClosed("interrupted before it was scored"))
            raise


def out_and_home(home: Status, goal: Status, *, expects: bool = True) -> tuple[ScenarioStep, ...]:
    """The two steps of a drill for which nothing else is written down."""
    return tuple(
        ScenarioStep(
            DoRun(to),
            name,
            expect=Expect(exit=0, phase=f"agreed({to})", owed="nothing") if expects else Expect(),
        )
        for name, to in (("out", goal), ("home", home))
    )


class _Play(Struct):
    """A scenario while it is played."""

    stage: Stage
    opened: OpenDrill
    played: PlayedDrill
    killed: set[str] = field(default_factory=set)
    """Runs whose process died, and that nobody took up again."""

    async def through(self, steps: Sequence[ScenarioStep], notes: str) -> DrillResult:
        stage, opened, played = self.stage, self.opened, self.played
        scenario, session, controls = stage.scenario, opened.session, opened.controls
        strangers = frozenset({*stage.authors().values(), SERVER_NAME})
        started = DrillStarted(scenario.goal, scenario.regions.status, scenario.name, played.seed)
        session.append(opened.drill, started)
        opened.tell(started)
        began, first = stage.context.clock.monotonic(), session.store.head().seq
        for step in steps:
            if controls.asked:
                break
            for done in await StepRunner(stage, opened).step(step):
                self._note(done)
        if not controls.asked:
            await self._judge_end(stage.context.clock.monotonic() - began, first)
        played.expectations += self._laws(strangers, first)
        # The weather clears, both regions and all hooks are well, and the pair is brought home.
        stage.simulation.faults.clear()
        stage.stubs.hooks.clear()
        for role in Role:
            stage.simulation.set_dark(role, False)
        held = session.history().drills[opened.drill]
        failback = await bring_home(
            replace(opened, controls=RunControl(watchers=opened.controls.watchers)), held
        )
        home = scenario.regions.status
        played.came_home(f"always: the pair is at home in the end (agreed({home}))", failback, home)
        played.expectations.append(self._intact())
        # Regions that are made up are gone in a moment: whatever stands there, this drill keeps nobody off any more.
        return played.close(notes or ("interrupted" if controls.asked else ""))

    def _note(self, done: StepResult) -> None:
        self.played.expectations += done.expectations
        seen, goal = done.seen, self.stage.scenario.goal
        events = events_of(seen.records)
        begun = ("run.started", "run.resumed", "pair.adopted")
        run = next((record.run for record in seen.records if record.kind in begun), None)
        if run is None:
            return
        if isinstance(done.action, DoRun):
            goal = done.action.to
        elif done.result is not None and done.result.goal is not None:
            goal = done.result.goal
        self.played.made.append(
            leg_of(seen.name, goal, seen.seconds, events, run if done.result is None else done.result)
        )
        self.played.upto = self.opened.session.store.head().seq
        (self.killed.add if seen.died else self.killed.discard)(run)

    async def _judge_end(self, seconds: float, first: int) -> None:
        """What must hold at the end, before anything is cleaned up."""
        stage, expect = self.stage, self.stage.scenario.expect
        if expect == Expect():
            return
        session = self.opened.session
        phase = (
            (await read_status(session, needed=frozenset())).phase.label if expect.phase is not None else ""
        )
        seen = observe(stage, "at the end", seconds, phase, stage.simulation.requests)
        records = tuple(session.store.records(pair=session.pair.name, after=first))
        self.played.expectations += expectations_of(expect, replace(seen, records=records))

    def _laws(self, strangers: frozenset[str], first: int) -> tuple[Expectation, ...]:
        stage = self.stage
        return laws_of(
            stage.context.store.records(pair=stage.pair.name, after=first),
            (request.modified_by for request in stage.simulation.requests if request.is_write),
            strangers | stage.our_names(),
            frozenset(self.killed),
        )

    def _intact(self) -> Expectation:
        found = self.stage.context.store.verify_newest(VERIFY_NEWEST)
        if isinstance(found, Broken):
            return always("the journal verifies", f"record {found.seq}: {found.reason}", (found.seq,))
        return always("the journal verifies", "")


def check_names(scenario: Scenario, playbook: Playbook, typed: str = "") -> None:
    """Make sure that the probes, guards and hooks of which a scenario speaks are the playbook's; a UsageError, with the nearest name, where one is not.

    The scenario is `typed` so, where not by its name.
    """
    if scenario.made_of:  # a name that is gone is one more thing that is not as it was
        return
    guards = {*playbook.guards, *ALWAYS_ON, *BEFORE_A_RUN}
    hooks = {
        hook.name for transition in playbook.transitions for hook in (*transition.before, *transition.after)
    }
    parts = [part for step in scenario.steps for part in step.parts]
    probes = (*scenario.probes, *(probe for part in parts for probe in part.probes))
    unknown = [
        *_strangers("hook", (hook for part in parts for hook in part.hooks), hooks),
        *_strangers("probe", probes, set(playbook.probes)),
        *_strangers("guard", _guards_of(parts), guards),
    ]
    if unknown:
        raise UsageError(
            f"scenario {scenario.name} is not written for playbook {playbook.name}: {'; '.join(unknown)}",
            next_steps=(
                NextStep(
                    "drill run",
                    options=(
                        "--scenario",
                        typed or scenario.name,
                        "--playbook",
                        scenario.playbook or "PLAYBOOK",
                    ),
                    why="play it with its own playbook",
                ),
            ),
        )


def _strangers(what: str, names: Iterable[str], known: set[str]) -> Iterator[str]:
    for name in dict.fromkeys(names):
        if name not in known:
            guess = "".join(f" (did you mean {near}?)" for near in meant(name, sorted(known)))
            yield f"there is no {what} {name}{guess}"


def _guards_of(parts: Iterable[ScenarioStep | Meanwhile]) -> Iterator[str]:
    for part in parts:
        yield from part.expect.refused or ()
        if isinstance(part.action, Command):
            yield from part.action.overrides


# -- faults drawn from a seed ----------------------------------------------------------------------------------

_PACE = 0.02
"""How much shorter than in the simulator's own draw everything lasts: a minute of darkness is a second of it here."""


def _shortened(kind: FaultKind) -> FaultKind:
    match kind:
        case Throttle():
            return Throttle(reset=1)
        case (
            ConnectionRefused(seconds=float() as seconds)
            | Slow(seconds=float() as seconds)
            | Drip(seconds=float() as seconds)
            | AppliedLate(seconds=float() as seconds)
            | StaleRead(seconds=float() as seconds)
            | RegionDark(seconds=float() as seconds)
        ):
            return replace(kind, seconds=seconds * _PACE)
        case _:
            return kind
