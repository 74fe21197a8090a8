"""How a run begins: asked at once, over few connections; and what its telling others costs."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.errors import ExitCode
from orchestrator.model.journal import Entry, Record
from orchestrator.model.reading import Absent, Answer, Draft, Identity, Reading, Request
from orchestrator.model.run import RunRequest
from orchestrator.model.status import Both, Role, Status
from orchestrator.operations.holding import FirstLook
from orchestrator.operations.run import start
from orchestrator.simulator import SimulatorConfig
from tests.cli.lab import Lab, laboratory
from tests.clock import HandClock
from tests.datadog.servers import CA, listening, pump

from .pairs import exits, simulated

pytestmark = pytest.mark.anyio

P, S = Role.PRIMARY, Role.SECONDARY
TO_ACTIVE = RunRequest("sim", Status.ACTIVE, reason="us1 is down")


class Front(Struct):
    """TLS in front of a region, and how often hands were shaken there."""

    url: str
    handshakes: int = 0


@asynccontextmanager
async def front_of(url: str) -> AsyncIterator[Front]:
    """Pass everything on to a region that speaks no TLS itself."""
    host, _, port = url.partition("://")[2].partition(":")
    front = Front("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        front.handshakes += 1
        onward_reader, onward_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, onward_writer), pump(onward_reader, writer))

    async with listening(serve, "server.pem") as front.url:
        yield front


async def test_a_run_shakes_hands_at_most_twice_with_each_org_its_probes_and_events_included(
    tmp_path: Path,
) -> None:
    async with (
        AsyncExitStack() as fronts,
        simulated(tmp_path, SimulatorConfig(latency=Both(0.12, 0.12))) as bench,
    ):
        pair = bench.session.pair
        front = Both(*[await fronts.enter_async_context(front_of(org.base_url)) for org in pair.orgs])
        orgs = Both(*(replace(org, base_url=front[org.role].url, ca=CA) for org in pair.orgs))
        bench.session.pair = replace(pair, orgs=orgs)
        exits(await start(bench.session, TO_ACTIVE), ExitCode.DONE)
        asked = {(request.method, request.path) for request in bench.sim.requests if request.role is S}
        assert {("POST", "/api/v1/events"), ("GET", "/api/v1/query"), ("GET", "/api/v2/validate")} <= asked
        assert (front.primary.handshakes, front.secondary.handshakes) == (2, 2)


HELD_ENGINE = """
import importlib.util, sys, time
from pathlib import Path

class Held:
    def find_spec(self, name, path=None, target=None):
        if name != "orchestrator.engine.engine":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def held(module):
            until = time.monotonic() + 10
            while not Path(mark).exists() and time.monotonic() < until:
                time.sleep(0.01)
            print("both were asked:", Path(mark).exists(), file=sys.stderr)
            load(module)

        spec.loader.exec_module = held
        return spec

mark, *arguments = sys.argv[1:]
sys.meta_path.insert(0, Held())
from orchestrator.cli.group import hamr
hamr.main(arguments, prog_name="hamr")
"""
"""hamr whose engine is not loaded before a file is there, or ten seconds are over."""


def test_both_orgs_are_asked_before_the_engine_is_loaded(tmp_path: Path) -> None:
    with laboratory(tmp_path) as lab:
        mark = tmp_path / "asked"
        process = subprocess.Popen(
            [sys.executable, "-c", HELD_ENGINE, str(mark), "run", "sim", "--to", "ACTIVE", "--yes"],
            env={**os.environ, **lab.env},
            stderr=subprocess.PIPE,
            text=True,
        )
        until = time.monotonic() + 10
        while _asked(lab) != {P, S} and time.monotonic() < until and process.poll() is None:
            time.sleep(0.01)
        if _asked(lab) == {P, S}:
            mark.touch()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "both were asked: True" in said


def _asked(lab: Lab) -> set[Role]:
    requests = lab.do(lambda: list(lab.sim.requests))
    return {each.role for each in requests if (each.method, each.path) == ("GET", "/api/v2/hamr")}


async def test_what_was_posted_costs_the_run_no_transaction_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would take the disk from the next intent, which a write waits for."""
    transactions: list[list[str]] = []
    async with simulated(tmp_path, SimulatorConfig(latency=Both(0.03, 0.03))) as bench:
        append = bench.session.store.append_all

        def noted(entries: Sequence[Entry], **asked: Any) -> tuple[Record, ...]:
            transactions.append([entry.kind for entry in entries])
            return append(entries, **asked)

        monkeypatch.setattr(bench.session.store, "append_all", noted)
        exits(await start(bench.session, TO_ACTIVE), ExitCode.DONE)
    kinds = [kind for transaction in transactions for kind in transaction]
    assert kinds.count("notice.sent") == 4
    before_the_end = transactions[: next(i for i, each in enumerate(transactions) if "run.finished" in each)]
    alone = [each for each in before_the_end if set(each) == {"notice.sent"}]
    assert alone == []
    after = [each for each in transactions if set(each) == {"notice.sent"}]
    assert len(after) == 1, "what is answered after the end goes into one"


# The first look, handed over


class Asked(Struct):
    """A world that keeps how it was asked, and answers when it is let."""

    log: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        self.log.append(
            f"read {role}{' anew' if anew else ''}{'' if within is None else f' within {within:g}'}"
        )
        await self.gate.wait()
        return Reading(role, Absent(), datetime.now(UTC), 0.0)

    async def identify(self, role: Role, *, within: float | None = None) -> Identity:
        self.log.append(f"identify {role}{'' if within is None else f' within {within:g}'}")
        await self.gate.wait()
        return Identity(role, "uuid")

    def describe(self, draft: Draft) -> Request:
        return Request("POST", f"for {draft.role}", {})

    async def write(
        self, draft: Draft, *, within: float | None = None, leave_by: float | None = None
    ) -> Answer:
        raise NotImplementedError


BEGUN = ["read primary", "read secondary", "identify primary", "identify secondary"]


async def first_look() -> tuple[FirstLook, Asked, HandClock]:
    world, clock = Asked(), HandClock()
    look = FirstLook(world, clock)
    look.begin()
    await asyncio.sleep(0)
    assert world.log == BEGUN
    world.gate.set()
    return look, world, clock


async def test_what_was_asked_already_is_not_asked_again_and_only_once_handed_over() -> None:
    look, world, clock = await first_look()
    clock.advance(0.9)
    readings = await asyncio.gather(*(look.read(role) for role in Role))
    assert [reading.role for reading in readings] == [P, S]
    assert [(await look.identify(role)).role for role in Role] == [P, S]
    assert world.log == BEGUN
    await look.read(P)
    assert world.log == [*BEGUN, "read primary"]
    await look.close()


@pytest.mark.parametrize(
    ("ask", "asked"),
    [
        (lambda look: look.read(P, within=2.0), "read primary within 2"),
        (lambda look: look.read(P, anew=True), "read primary anew"),
        (lambda look: look.identify(S, within=2.0), "identify secondary within 2"),
    ],
)
async def test_whoever_asks_in_another_way_has_a_look_of_their_own(
    ask: Callable[[FirstLook], object], asked: str
) -> None:
    look, world, _ = await first_look()
    await ask(look)  # type: ignore[misc]
    assert world.log == [*BEGUN, asked]
    await look.close()


@pytest.mark.parametrize(("wall", "monotonic"), [(1.1, 1.1), (3600, 0.1), (-3600, 0.1)])
async def test_law_18_a_first_look_that_waited_or_that_a_suspension_came_between_is_taken_anew(
    wall: float, monotonic: float
) -> None:
    look, world, clock = await first_look()
    clock.wall += timedelta(seconds=wall)
    clock.seconds += monotonic
    await look.read(P)
    assert world.log == [*BEGUN, "read primary"]
    await look.close()


async def test_a_look_that_nobody_wanted_is_broken_off() -> None:
    world = Asked()
    look = FirstLook(world, HandClock())
    look.begin()
    tasks = list(look.begun.values())
    await asyncio.sleep(0)
    await look.close()
    assert all(task.cancelled() for task in tasks)


SIGNALLED_IN_AN_IMPORT = """
import os, signal, sys

number, module, *sys.argv[1:] = sys.argv[1:]

class Signalling:
    def find_spec(self, name, *_):
        if name == module and module not in sys.modules:
            os.kill(os.getpid(), int(number))

sys.meta_path.insert(0, Signalling())
from orchestrator.cli import main
main()
"""
"""hamr that is signalled in the middle of loading a module."""

RUN = ("run", "sim", "--to", "ACTIVE", "--yes")


@pytest.mark.parametrize("module", ["asyncio.locks", "orchestrator.operations.preflight"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_law_19_a_signal_while_a_verb_is_loaded_has_its_own_exit_code(
    tmp_path: Path, module: str, number: signal.Signals
) -> None:
    with laboratory(tmp_path) as lab:
        ended = subprocess.run(
            [sys.executable, "-c", SIGNALLED_IN_AN_IMPORT, str(int(number)), module, *RUN],
            env={**os.environ, **lab.env},
            capture_output=True,
            text=True,
            check=False,
        )
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 128 + number
