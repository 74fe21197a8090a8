"""A drill on the built-in simulator: a scenario is played, scored, and cleaned up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.journal import VERIFY_NEWEST
from orchestrator.journal.history import events_of
from orchestrator.model.drill import DrillResult, Expectation, Score
from orchestrator.model.events import DrillClosed, DrillStarted
from orchestrator.model.journal import Broken
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Watcher
from orchestrator.model.run import new_run_id
from orchestrator.model.scenario import DoAdopt, DoResume, DoRun, Expect, Scenario, ScenarioStep, Waits
from orchestrator.model.status import Role, Status
from orchestrator.operations.active_run import RunControl
from orchestrator.operations.status import read_status
from orchestrator.simulator.state import SERVER_NAME

from .checks import check_names, check_routes
from .ending import exit_code_of, objectives_met, score_and_close
from .expectations import expectations_of
from .home import Homecoming, bring_home
from .laws import Witnessed, laws_of
from .score import Made, executed, leg_of, less_strict, not_executed
from .stage import Desk, Stage, names_of, staged
from .steps import Doing, Done, is_write, seen_now, stamp_of
from .weather import weather

Watching = Callable[[Pair], Sequence[Watcher]]
"""Gives those who watch the runs of a pair."""


IN_BAD_WEATHER = Waits(
    confirm_within=timedelta(seconds=1),
    confirm_every=timedelta(milliseconds=20),
    emergency=timedelta(milliseconds=200),
    mirror=timedelta(milliseconds=200),
    guards=timedelta(seconds=1),
    read=timedelta(milliseconds=500),
)
"""The waits of a drill whose faults are drawn from a seed: those that last are shorter here, too."""


async def rehearse(
    desk: Desk,
    scenario: Scenario,
    playbook: Playbook,
    *,
    seed: int | None = None,
    notes: str = "",
    watching: Watching = lambda _: (),
    controls: RunControl | None = None,
) -> DrillResult:
    """Play a scenario on two simulated regions; nothing of it reaches Datadog.

    With a seed, what goes wrong is drawn from it, and only what must hold in every drill is expected.

    Args:
        desk: journal and operator.
        scenario: what goes wrong, what is done, and what must come of it.
        playbook: what is rehearsed.
        seed: any number, the same faults for the same one; None for the scenario's alone.
        notes: what the journal keeps at its end.
        watching: who is told what happens.
        controls: how a person stops it.

    Raises:
        UsageError: the playbook has no way out, or none home.
        HamrError: the journal, a port or a folder could not be used.
    """
    home = scenario.regions.status
    check_routes(playbook, home, scenario.goal)
    check_names(scenario, playbook)
    drill = new_run_id(desk.clock.now(), desk.dice.choice)
    steps = scenario.steps or out_and_home(home, scenario.goal, expects=seed is None)
    faults = () if seed is None else weather(seed)
    if seed is not None and scenario.waits == Waits():
        scenario = replace(scenario, waits=IN_BAD_WEATHER)
    async with staged(desk, scenario, playbook, f"sim-{drill[-4:]}", faults) as stage:
        play = _Play(stage, drill, seed, notes, controls or RunControl(), watching(stage.pair))
        try:
            return await play.through(steps)
        except asyncio.CancelledError:
            stage.person()[0].append(drill, DrillClosed("interrupted before it was scored"))
            raise


def out_and_home(home: Status, goal: Status, *, expects: bool = True) -> tuple[ScenarioStep, ...]:
    """The two steps of a drill for which nothing else is written down."""

    def expect(status: Status) -> Expect:
        return Expect(exit=0, phase=f"agreed({status})", owes_nothing=True) if expects else Expect()

    return (
        ScenarioStep("out", DoRun(goal), expect=expect(goal)),
        ScenarioStep("home", DoRun(home), expect=expect(home)),
    )


class _Play(Struct):
    """A scenario while it is played."""

    stage: Stage
    drill: str
    seed: int | None
    notes: str
    controls: RunControl
    watchers: Sequence[Watcher]
    expectations: list[Expectation] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    killed: set[str] = field(default_factory=set)
    """Runs whose process died, and that nobody took up again."""

    async def through(self, steps: Sequence[ScenarioStep]) -> DrillResult:
        stage, scenario = self.stage, self.stage.scenario
        session, _ = stage.person()
        strangers = frozenset({*names_of(stage).values(), SERVER_NAME})
        started = DrillStarted(scenario.goal, scenario.regions.status, scenario.name, self.seed)
        session.append(self.drill, started)
        for watcher in self.watchers:
            watcher.tell(started)
        began, first = stage.desk.clock.monotonic(), session.store.head().seq
        doing = Doing(stage, self.drill, self.watchers, self.controls)
        for step in steps:
            if self.controls.asked:
                break
            for done in await doing.step(step):
                self._note(done)
        if not self.controls.asked:
            await self._judge_end(stage.desk.clock.monotonic() - began, first)
        self.expectations += self._laws(strangers, first)
        homecoming = await self._clean_up()
        self.expectations += objectives_met(made.leg for made in self.made)
        self.expectations += [_home_at_last(homecoming, scenario.regions.status), self._intact()]
        # Regions that are made up are gone in a moment: whatever stands there, this drill keeps nobody off any more.
        return score_and_close(
            session,
            self._score(),
            notes=self.notes or ("interrupted" if self.controls.asked else ""),
            closes=True,
            exit_code=exit_code_of(self.expectations, self.controls),
            watchers=self.watchers,
        )

    def _note(self, done: Done) -> None:
        self.expectations += done.expectations
        seen, goal = done.seen, self.stage.scenario.goal
        events = events_of(seen.records)
        runs = [
            record.run
            for record in seen.records
            if record.kind in ("run.started", "run.resumed", "pair.adopted")
        ]
        if not runs:
            return
        match done.deed:
            case DoRun(to=to):
                goal = to
            case DoResume() | DoAdopt() if done.result is not None and done.result.goal is not None:
                goal = done.result.goal
            case _:
                pass
        self.made.append(
            leg_of(done.name, goal, seen.seconds, events, runs[0] if done.result is None else done.result)
        )
        (self.killed.add if seen.died else self.killed.discard)(runs[0])

    async def _judge_end(self, seconds: float, first: int) -> None:
        """What must hold at the end, before anything is cleaned up."""
        stage, expect = self.stage, self.stage.scenario.expect
        if expect == Expect():
            return
        session, _ = stage.person()
        phase = (
            (await read_status(session, needed=frozenset())).phase.label if expect.phase is not None else ""
        )
        seen = seen_now(stage, "at the end", seconds, phase, stage.simulation.requests)
        records = tuple(session.store.records(pair=session.pair.name, after=first))
        self.expectations += expectations_of(expect, replace(seen, records=records))

    def _laws(self, strangers: frozenset[str], first: int) -> tuple[Expectation, ...]:
        stage = self.stage
        renamed = stage.scenario.regions.renames_author
        callers = frozenset(org.caller for org in stage.simulation.config.orgs) if renamed else frozenset()
        return laws_of(
            Witnessed(
                tuple(stage.desk.store.records(pair=stage.pair.name, after=first)),
                tuple(stamp_of(request) for request in stage.simulation.requests if is_write(request)),
                strangers | callers,
                frozenset(self.killed),
            )
        )

    async def _clean_up(self) -> Homecoming:
        """The weather clears, both regions are well, and the pair is brought home."""
        stage = self.stage
        stage.simulation.faults.clear()
        for role in Role:
            stage.simulation.set_dark(role, False)
        session, _ = stage.person()
        held = session.history().drills[self.drill]
        homecoming = await bring_home(session, held, watchers=self.watchers)
        for result in homecoming.results:
            events = events_of(session.store.records(run=result.run))
            goal = held.started.home if result.goal is None else result.goal
            self.made.append(leg_of("clean-up", goal, result.seconds, events, result))
        return homecoming

    def _intact(self) -> Expectation:
        found = self.stage.desk.store.verify_newest(VERIFY_NEWEST)
        if isinstance(found, Broken):
            words = f"record {found.seq}: {found.reason}"
            return Expectation("always: the journal verifies", False, words, (found.seq,))
        return Expectation("always: the journal verifies", True, "it held")

    def _score(self) -> Score:
        stage, made = self.stage, self.made
        return Score(
            drill=self.drill,
            pair=stage.pair.name,
            playbook=stage.playbook.name,
            legs=tuple(each.leg for each in made),
            expectations=tuple(self.expectations),
            executed=executed(made, simulated=True),
            not_executed=not_executed(made, simulated=True),
            less_strict=less_strict(made, stage.playbook, said=stage.said, waits=stage.scenario.waits),
            scenario=stage.scenario.name,
            seed=self.seed,
            simulated=True,
        )


def _home_at_last(homecoming: Homecoming, home: Status) -> Expectation:
    name = f"always: the pair is at home in the end (agreed({home}))"
    if homecoming.at_home:
        return Expectation(name, True, "it held")
    return Expectation(name, False, f"it stands at {homecoming.phase}: {homecoming.why}")
