"""The stage of a rehearsal: two simulated regions, an inventory of them, and people with processes of their own."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.config import load_inventory
from orchestrator.config.scenario import At, Death, RegionSettings, Scenario
from orchestrator.journal import InlineCalls
from orchestrator.model.guard import Guard, Quiet
from orchestrator.model.org import Mirrors, Pair
from orchestrator.model.playbook import Confirm, Playbook
from orchestrator.model.protocols import Clock, Store
from orchestrator.model.reading import HamrRecord
from orchestrator.model.run import Operator
from orchestrator.model.status import Both, Role, Status
from orchestrator.simulator import (
    Fault,
    MetricShows,
    MonitorShows,
    Simulation,
    SimulatorConfig,
    write_inventory,
)
from orchestrator.situation.guard_kinds import assumed_values
from orchestrator.system.clock import SystemClock
from orchestrator.system.redaction import Redactor

from .stand_ins import FakeHost, ProbeStubs, ProcessStore, RehearsedSession


class DrillContext(Struct, frozen=True):
    """What whoever drills works with, whichever pair it is."""

    store: Store
    operator: Operator
    environ: Mapping[str, str]
    redactor: Redactor = field(default_factory=Redactor)
    clock: Clock = field(default_factory=SystemClock)
    dice: random.Random = field(default_factory=random.SystemRandom)


class Person(Struct, frozen=True):
    """Somebody in a rehearsal."""

    session: RehearsedSession
    process: ProcessStore
    """The journal as their process writes it."""


class Stage(Struct):
    """A rehearsal that is set up."""

    context: DrillContext
    scenario: Scenario
    playbook: Playbook
    """With the scenario's waits in the place of its own."""
    pair: Pair
    simulation: Simulation
    stubs: ProbeStubs
    gone: set[str] = field(default_factory=set)
    """Which rehearsed processes died."""
    numbers: count[int] = field(default_factory=lambda: count(1))

    def person(
        self,
        by: str = "",
        *,
        dies: Death | None = None,
        moments: Sequence[tuple[At, Callable[[], None]]] = (),
    ) -> Person:
        """Somebody ("" is whoever drills) with a process of their own, which may die.

        What stands beside a moment is called when that has come.
        """
        context = self.context
        number = next(self.numbers)
        store = ProcessStore(context.store, dies, moments)
        host = FakeHost(context.operator.host, os.getpid(), f"rehearsed {number}", self.gone)
        session = RehearsedSession(
            self.pair,
            self.playbook,
            Operator(by, context.operator.host) if by else context.operator,
            store,
            context.environ,
            context.redactor,
            context.clock,
            context.dice,
            host=host,
            calls=InlineCalls(),
            gathers=False,
            stubs=self.stubs,
            scripted=_scripted(self.scenario),
        )
        # Every process would verify the same journal again: the first one has.
        session.verified = number > 1
        return Person(session, store)

    def authors(self) -> Mapping[Role, str]:
        """Whose name each org's record carries; "" for one without a record."""
        return {role: "" if record is None else record.modified_by for role, record in self._records()}

    def statuses(self) -> Mapping[Role, Status]:
        """What each org's record shows."""
        return {
            role: Status.ABSENT if record is None else Status.of(record.status) or Status.UNSPECIFIED
            for role, record in self._records()
        }

    def _records(self) -> Iterator[tuple[Role, HamrRecord | None]]:
        return ((role, self.simulation.record(role)) for role in Role)

    def our_names(self) -> frozenset[str]:
        """How the server calls us, where it puts a name of its own in the place of ours."""
        if not self.scenario.regions.renames_author:
            return frozenset()
        return frozenset(org.caller for org in self.simulation.config.orgs)

    def kill(self, session: RehearsedSession) -> None:
        """That person's process is gone."""
        self.gone.add(session.host.this_process()[1])


def _scripted(scenario: Scenario) -> bool:
    faults = (
        *scenario.faults,
        *(fault for step in scenario.steps for part in step.parts for fault in part.faults),
    )
    return any(isinstance(fault.kind, MetricShows | MonitorShows) for fault in faults)


@asynccontextmanager
async def staged(
    context: DrillContext, scenario: Scenario, playbook: Playbook, name: str, faults: tuple[Fault, ...] = ()
) -> AsyncIterator[Stage]:
    """Two regions as the scenario has them, for as long as the block lasts; nothing of it reaches Datadog.

    The journal calls the pair by `name`; `faults` go wrong beside the scenario's own. A HamrError where a port or a folder for
    temporary files cannot be had.
    """
    config = _config(scenario.regions, name)
    with tempfile.TemporaryDirectory(prefix="hamr-drill-") as folder:
        async with Simulation(config, faults=(*scenario.faults, *faults)) as simulation:
            inventory = Path(folder) / "pairs.yaml"
            write_inventory(simulation, inventory)
            found = load_inventory(inventory).pairs[0]
            pair = replace(found, mirrors=_mirrors(scenario.regions), drill=True, events=False)
            stubs = ProbeStubs(
                dict(scenario.probes),
                assumed_values(playbook),
                simulation.regions.is_dark,
            )
            yield Stage(
                context,
                scenario,
                as_played(playbook, scenario),
                pair,
                simulation,
                stubs,
            )


def _config(regions: RegionSettings, name: str) -> SimulatorConfig:
    seconds = regions.latency.total_seconds()
    return SimulatorConfig(
        pair=name,
        mirror=None if regions.mirror is None else regions.mirror.total_seconds(),
        returning=regions.returning,
        status=Both(regions.status, regions.status),
        renames_author=regions.renames_author,
        strict=regions.strict,
        advances=regions.advances,
        read_lag=regions.read_lag.total_seconds(),
        latency=Both(seconds, seconds),
    )


def _mirrors(regions: RegionSettings) -> Mirrors:
    """What the inventory says; the truth, where the scenario does not say otherwise: then no run has to find out."""
    if regions.mirrors is not None:
        return regions.mirrors
    return Mirrors.NO if regions.mirror is None else Mirrors.YES


_LEAST_CONFIRM = timedelta(seconds=1)
_LEAST_EVERY = timedelta(milliseconds=20)
_LEAST_WAIT = timedelta(milliseconds=200)
"""What no pace makes shorter: real sockets and a real disk take their time. Of a write, of a look, of any other wait."""


def as_played(playbook: Playbook, scenario: Scenario) -> Playbook:
    """The playbook with the scenario's waits, which are real time, and all else that it waits for, or wants in time, so many times shorter as its pace says.

    Its text, which the journal keeps, stays as it is.
    """
    pace, waits, confirm, timeouts = scenario.pace or 1, scenario.waits, playbook.confirm, playbook.timeouts

    def shorter(span: timedelta, least: timedelta = timedelta(0)) -> timedelta:
        return max(span / pace, min(span, least))

    def paced(guard: Guard) -> Guard:
        within, kind = guard.within, guard.kind
        if within is not None:
            within = shorter(within if waits.guards is None else min(within, waits.guards))
        return replace(
            guard, within=within, kind=Quiet(shorter(kind.for_)) if isinstance(kind, Quiet) else kind
        )

    return replace(
        playbook,
        confirm=Confirm(
            waits.confirm.within or shorter(confirm.within, _LEAST_CONFIRM),
            waits.confirm.every or shorter(confirm.every, _LEAST_EVERY),
        ),
        timeouts=timeouts if waits.read is None else replace(timeouts, read=waits.read, total=2 * waits.read),
        emergency_deadline=waits.emergency or shorter(playbook.emergency_deadline, _LEAST_WAIT),
        mirror_wait=waits.mirror or shorter(playbook.mirror_wait, _LEAST_WAIT),
        cool_down=None if playbook.cool_down is None else shorter(playbook.cool_down),
        objectives={status: shorter(span) for status, span in playbook.objectives.items()},
        guards={name: paced(guard) for name, guard in playbook.guards.items()},
    )
