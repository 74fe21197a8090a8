"""Runs, plans, doctors and situations, against the round trips that they can't do without."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
from msgspec.structs import replace

from orchestrator.datadog.connections import open_transports
from orchestrator.datadog.transport import Transport
from orchestrator.doctor import examine
from orchestrator.model.events import Event, WriteConfirmed
from orchestrator.model.guard import Compared, Guard, Metric, Probe
from orchestrator.model.playbook import Playbook
from orchestrator.model.readiness import Level
from orchestrator.model.run import End, RunRequest
from orchestrator.model.status import Both, Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.plan import make_plan
from orchestrator.operations.run import start

from .figures import against, figure, least, round_trip, session
from .regions import ROUND_TRIP, regions

PROBES = 10


def run_seconds(folder: Path, begin: Status, transitions: int) -> None:
    """A run of N transitions with two writes each, against its floor of 1 + 4N round trips, injected and as measured."""
    trips = 1 + 4 * transitions
    measured: list[tuple[float, float]] = []
    paths: list[float] = []
    for _ in range(5):
        with regions(folder / f"run{transitions}", begin) as served:
            trip = round_trip(served.inventory, folder)
            held, path = session(served.inventory, folder), RunPath()
            held.transports = Both(
                *(Noting(transport, path) for transport in open_transports(held.pair.orgs))
            )
            controls, known = RunControl(), list[float]()
            controls.on_result = lambda _result, known=known: known.append(time.monotonic())
            began = time.monotonic()
            request = RunRequest("sim", Status.ACTIVE)
            controls.watchers = [path]
            result = asyncio.run(start(held, request, controls=controls))
            seconds = known[0] - began
            held.store.close()
            assert result.ending.end is End.DONE, result
            assert len(result.steps) == transitions
            measured.append((seconds, trip))
            paths.append((path.until - path.since) / (trips * trip))
    seconds, trip = min(measured)
    floor = trips * ROUND_TRIP
    against(f"run of {transitions} transitions / {trips} injected round trips", seconds, floor, 1.15)
    floor = trips * trip
    against(f"run of {transitions} transitions / {trips} round trips as measured", seconds, floor)
    figure("  of it from the first request to the last read-back", "", min(paths), 1.05)


class RunPath:
    """When a run's first request left, and when its last write was read back; by the monotonic clock."""

    since: float = 0.0
    until: float = 0.0

    def tell(self, event: Event) -> None:
        """Take note of what was read back."""
        if isinstance(event, WriteConfirmed):
            self.until = time.monotonic()


class Noting(Transport):
    """Connections that take note of the first request."""

    def __init__(self, inner: Transport, path: RunPath) -> None:
        self._inner, self._path = inner, path

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._path.since = self._path.since or time.monotonic()
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def plan_seconds(folder: Path) -> None:
    """A plan, against one round trip."""
    with regions(folder / "plan") as served:
        held = session(served.inventory, folder)

        def once() -> float:
            began = time.monotonic()
            asyncio.run(make_plan(held, RunRequest("sim", Status.ACTIVE)))
            return time.monotonic() - began

        seconds = least(5, once)
        held.store.close()
    against("plan / one round trip", seconds, ROUND_TRIP, 1.5)


def doctor_seconds(folder: Path) -> None:
    """A doctor's visit to a healthy pair, against the slowest of its answers: all are asked for at the same time."""
    with regions(folder / "doctor") as served:
        held = session(served.inventory, folder)

        def once() -> tuple[float, float]:
            began = time.monotonic()
            (found,) = asyncio.run(examine([held]))
            seconds = time.monotonic() - began
            assert found.level is Level.OK, found
            return seconds, max(took for took in found.round_trips if took is not None)

        seconds, slowest = min(once() for _ in range(5))
        held.store.close()
    against("doctor beside start-up / one injected round trip", seconds, ROUND_TRIP, 1.5)
    against("doctor beside start-up / its slowest answer as measured", seconds, slowest, 1.5)


def situation_seconds(folder: Path) -> None:
    """A situation with ten probes of one round trip each: the slowest of them bounds it, not their sum."""
    with regions(folder / "situation") as served:
        held = session(served.inventory, folder)
        held.playbook = _with_probes(held.playbook)

        def once() -> float:
            began = time.monotonic()
            plan = asyncio.run(make_plan(held, RunRequest("sim", Status.ACTIVE)))
            seconds = time.monotonic() - began
            assert len(plan.transitions[0].verdicts) == 3 + PROBES
            assert not plan.refused, plan.transitions[0].refused_by
            return seconds

        seconds = least(5, once)
        held.store.close()
    against(f"plan with {PROBES} probes / the slowest of them", seconds, ROUND_TRIP, 2.0)


def _with_probes(playbook: Playbook) -> Playbook:
    names = [f"probe{number}" for number in range(PROBES)]
    probes = {name: Probe(name, Metric(Role.SECONDARY, f"sum:{name}{{*}}")) for name in names}
    guards = {name: Guard(name, Compared(name, above=0.0)) for name in names}
    transitions = tuple(
        replace(each, guards=tuple(names) if each.name == "declare" else ()) for each in playbook.transitions
    )
    return replace(playbook, transitions=transitions, probes=probes, guards=guards)
