"""Drills of many pairs: as many made-up ones on the simulator, moved in waves by the very loop; or live, one after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict, replace

from orchestrator.config import load_inventory
from orchestrator.drill import DrillContext, check_routes
from orchestrator.drill.stand_ins import ProbeStubs, RehearsedSession
from orchestrator.errors import ExitCode
from orchestrator.journal import VERIFY_NEWEST
from orchestrator.model.events import DrillClosed, DrillScored, DrillStarted
from orchestrator.model.fleet import FleetView
from orchestrator.model.journal import Broken
from orchestrator.model.next_step import fleet_report
from orchestrator.model.org import Mirrors, Wave
from orchestrator.model.playbook import Playbook
from orchestrator.model.result import DrillResult, Expectation, Leg, Score
from orchestrator.model.run import RunRequest, new_run_id
from orchestrator.model.status import Status
from orchestrator.model.words import counted, span
from orchestrator.operations.session import Session
from orchestrator.operations.sources import Prepared
from orchestrator.simulator import Regions, SimulatorConfig, simulated_orgs, write_inventory
from orchestrator.simulator.simulation import ManySimulations
from orchestrator.situation.guard_kinds import assumed_values

from .bring import SIGNALLED
from .crew import Crew
from .drive import Audience, Drive
from .plan import plan_fleet, start_of

HOME = Status.PASSIVE
"""Where made-up pairs begin."""


class RehearsedCrew(Crew):
    """Pairs on simulated regions, around which nothing is real."""

    def __init__(
        self, prepared: Mapping[str, Prepared], context: DrillContext, regions: Mapping[str, Regions]
    ) -> None:
        super().__init__(prepared, context.store, context.redactor, context.clock)
        self._regions = regions

    def session(self, name: str) -> Session:
        """A session on one of its pairs, whose probes say what lets the guards pass."""
        session = super().session(name)
        stubs = ProbeStubs({}, assumed_values(session.playbook), self._regions[name].is_dark)
        return RehearsedSession(**asdict(session), stubs=stubs)


class Rehearsed(Struct, frozen=True):
    """What is to be rehearsed."""

    names: tuple[str, ...]
    """Of the pairs that are meant; made-up ones are called after them."""
    playbook: Playbook
    goal: Status
    """Where they go out to."""
    waves: tuple[Wave, ...]
    at_once: int
    """How many pairs are under way at the same time."""


class FleetRehearsal:
    """As many made-up pairs as there are names, out and home again, in waves; `audience` gives who is told how a fleet goes."""

    def __init__(
        self, context: DrillContext, what: Rehearsed, audience: Callable[[FleetView], Audience]
    ) -> None:
        self._context, self._what, self._audience = context, what, audience
        self.drill = new_run_id(context.clock.now(), context.dice.choice)
        made_up = f"sim-{self.drill[-4:]}"
        self._configs = tuple(
            replace(SimulatorConfig(), pair=f"{made_up}-{name}"[:100], orgs=simulated_orgs(number))
            for number, name in enumerate(what.names)
        )
        self._drive: Drive | None = None

    def interrupt(self, code: ExitCode) -> bool:
        """As `Drive.interrupt`; whether there was anything to stop."""
        if self._drive is None:
            return False
        self._drive.interrupt(code)
        return True

    async def through(self) -> DrillResult:
        """Play it, and score it; nothing of it reaches Datadog.

        Raises:
            UsageError: the playbook has no way out, or none home.
            HamrError: the journal, a port or a folder could not be used.
        """
        check_routes(self._what.playbook, HOME, self._what.goal)
        with tempfile.TemporaryDirectory(prefix="hamr-drill-") as folder:
            async with ManySimulations(self._configs) as simulations:
                inventory = Path(folder) / "pairs.yaml"
                write_inventory(simulations, inventory)
                context = self._context
                prepared = {
                    pair.name: Prepared(
                        replace(pair, mirrors=Mirrors.NO, events=False),
                        self._what.playbook,
                        context.operator,
                        context.environ,
                    )
                    for pair in load_inventory(inventory).pairs
                }
                return await self._played(RehearsedCrew(prepared, context, simulations.regions))

    async def _played(self, crew: Crew) -> DrillResult:
        who = counted(len(self._configs), "made-up pair")
        await crew.append(self.drill, DrillStarted(self._what.goal, HOME), pair=who)
        crew.lead.verify()
        legs: list[Leg] = []
        expectations: list[Expectation] = []
        code = ExitCode.DONE
        for name, status in (("out", self._what.goal), ("home", HOME)):
            leg, expectation = await self._leg(crew, name, status)
            legs.append(leg)
            expectations.append(expectation)
            if leg.exit_code in SIGNALLED:
                code = ExitCode(leg.exit_code)
                break
        found = await crew.lead.calls(partial(crew.store.verify_newest, VERIFY_NEWEST))
        broken = isinstance(found, Broken)
        words = f"record {found.seq}: {found.reason}" if isinstance(found, Broken) else "it held"
        expectations.append(Expectation("always: the journal verifies", not broken, words))
        score = Score(
            drill=self.drill,
            pair=who,
            playbook=self._what.playbook.name,
            legs=tuple(legs),
            expectations=tuple(expectations),
            executed=("every transition of every pair, by the fleet's own loop, in waves",),
            not_executed=("hooks' programs, and questions to people: the regions are simulated",),
            playbook_sha256=self._what.playbook.digest,
        )
        await crew.append(self.drill, DrillScored(score), pair=who)
        notes = "" if code is ExitCode.DONE else "interrupted"
        await crew.append(self.drill, DrillClosed(notes), pair=who)
        if code is ExitCode.DONE and not score.passed:
            code = ExitCode.DRILL_MISSED
        steps = tuple(fleet_report(leg.run) for leg in legs)
        return DrillResult(score, True, code, await crew.lead.calls(crew.store.head), next_steps=steps)

    async def _leg(self, crew: Crew, name: str, status: Status) -> tuple[Leg, Expectation]:
        request = RunRequest("", status, reason=f"drill {self.drill}: {name}")
        plan = await plan_fleet(crew, request, self._what.waves)
        began = crew.clock.monotonic()
        start = start_of(plan, request, crew, at_once=self._what.at_once, stop_after=None)
        view = await crew.begin(plan.fleet, start)
        self._drive = Drive(crew, view, self._audience(view))
        code = await self._drive.run()
        seconds = crew.clock.monotonic() - began
        arrived = sum(member.arrived for member in view.members.values())
        everybody = arrived == len(view.members)
        words = f"{arrived} of {counted(len(view.members), 'pair')} arrived, in {span(round(seconds, 1))}"
        return (
            Leg(name, plan.fleet, status, int(code), f"agreed({status})" if everybody else "", seconds),
            Expectation(f"{name}: every pair arrives at {status}", everybody, words),
        )
