"""Whole runs whose people are told: who hears what, and that no receiver is ever in the run's way."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.errors import ExitCode
from orchestrator.model.events import Event, RunFinished
from orchestrator.model.org import Channel, EnvironmentKey, Occasion, Webhook
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.status import Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.run import resume, start
from orchestrator.simulator import Fault, Silence
from orchestrator.system.keys import KeyRing
from tests.datadog.servers import http
from tests.e2e.pairs import Bench, simulated

from .receivers import Receiver, answering, channel, receiver, silent

pytestmark = pytest.mark.anyio

P, S = Role.PRIMARY, Role.SECONDARY
TO_ACTIVE = RunRequest("sim", Status.ACTIVE, reason="us1 is down", ref="INC-1234")


def tells(bench: Bench, *channels: Channel, environ: Mapping[str, str]) -> None:
    """Let these channels be told, whose addresses stand there."""
    session = bench.session
    session.pair = replace(session.pair, tell=channels, events=False)
    session.environ = {**os.environ, **environ}
    session.keys = KeyRing(session.environ, session.redactor)


def noted(bench: Bench, kind: str) -> list[tuple[object, object]]:
    """(channel, title) of these records."""
    records = bench.session.store.records(kinds=(kind,))
    return [(record.data["channel"], record.data["title"]) for record in records]


BEGINS, ENDED = "hamr: sim PASSIVE → ACTIVE begins", "hamr: sim to ACTIVE ended: done"


async def test_a_run_tells_its_beginning_and_its_end_and_journals_both(tmp_path: Path) -> None:
    async with receiver() as there, simulated(tmp_path) as bench:
        tells(bench, channel(), environ=there.environ)
        result = await start(bench.session, TO_ACTIVE)
        assert result.exit_code is ExitCode.DONE, result.ending
        assert there.told == ["begun", "done"]
        assert there.deliveries[1].body["next"]["command"] == "hamr plan sim --to PASSIVE"
        assert noted(bench, "notice.sent") == [("on_call", BEGINS), ("on_call", ENDED)]
        assert noted(bench, "notice.failed") == []
        heads = [record.data["head"] for record in bench.session.store.records(kinds=("notice.sent",))]
        assert heads == [delivery.body["head"] for delivery in there.deliveries]


async def test_an_emergency_tells_that_it_owes(tmp_path: Path) -> None:
    async with receiver() as there, simulated(tmp_path) as bench:
        tells(bench, channel(), environ=there.environ)
        bench.sim.set_dark(P, True)
        await start(bench.session, replace(TO_ACTIVE, mode=Mode.EMERGENCY))
        assert there.told == ["begun", "owing"]
        bench.sim.set_dark(P, False)
        await resume(bench.session, None)
        assert there.told == ["begun", "owing", "begun", "done"]


async def test_a_drill_is_told_under_its_own_word_alone(tmp_path: Path) -> None:
    async with receiver() as there, simulated(tmp_path) as bench:
        loud = channel(Occasion.BEGUN, Occasion.DONE)
        drills = Channel("drills", loud.via, frozenset({Occasion.DRILL}))
        tells(bench, loud, drills, environ=there.environ)
        from orchestrator.model.events import DrillStarted

        drill = bench.session.new_run()
        bench.session.append(drill, DrillStarted(Status.ACTIVE, Status.PASSIVE))
        await start(bench.session, TO_ACTIVE, drill=drill)
        assert [name for name, _ in noted(bench, "notice.sent")] == ["drills", "drills"]
        assert [delivery.body["drill"] for delivery in there.deliveries] == [drill, drill]


async def test_one_broken_channel_holds_up_neither_another_nor_a_step_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.notices.channels.PeopleChannel.patience", 0.5)
    async with (
        receiver(silent) as mute,
        receiver(answering(http("500 Oops", b""))) as broken,
        receiver() as well,
        simulated(tmp_path) as bench,
    ):
        environ: dict[str, str] = {}
        channels: list[Channel] = []
        for name, there in (("mute", mute), ("broken", broken), ("well", well)):
            via = Webhook(EnvironmentKey(f"{name}_URL"), EnvironmentKey("HOOK_SECRET"))
            channels.append(Channel(name, via))
            environ |= {f"{name}_URL": there.environ["HOOK_URL"], "HOOK_SECRET": there.environ["HOOK_SECRET"]}
        tells(bench, *channels, environ=environ)
        finished: list[float] = []
        known: list[float] = []

        class Watching:
            def tell(self, event: Event) -> None:
                if isinstance(event, RunFinished):
                    finished.append(time.monotonic())

        controls = RunControl()
        controls.on_result = lambda _result: known.append(time.monotonic())
        began = time.monotonic()
        controls.watchers = [Watching()]
        result = await start(bench.session, TO_ACTIVE, controls=controls)
        ended = time.monotonic()
        assert result.exit_code is ExitCode.DONE, result.ending
        assert known[0] - began < 8, "no step has waited for a receiver"
        assert known[0] - finished[0] < 1.0, "nor has the result"
        assert ended - known[0] < 2.0, "and the end waits no longer than it may"
        assert well.told == ["begun", "done"]
        assert noted(bench, "notice.sent") == [("well", BEGINS), ("well", ENDED)]
        failed = noted(bench, "notice.failed")
        assert sorted(failed) == sorted(
            (name, title) for name in ("broken", "mute") for title in (BEGINS, ENDED)
        )


async def test_a_run_that_is_stopped_tells_what_to_type(tmp_path: Path) -> None:
    faults = [Fault(Silence(applied=False), method="POST", role=S, times=None)]
    async with receiver() as there, simulated(tmp_path, faults=faults) as bench:
        tells(bench, channel(Occasion.UNKNOWN, Occasion.STOPPED), environ=there.environ)
        soon = replace(bench.session.playbook.timeouts, read=timedelta(seconds=0.5))
        bench.session.playbook = replace(bench.session.playbook, timeouts=soon)
        result = await start(bench.session, TO_ACTIVE)
        assert result.exit_code is ExitCode.UNKNOWN, result.ending
        (delivery,) = there.deliveries
        assert delivery.body["on"] == "unknown"
        assert delivery.body["next"]["command"] == str(result.ending.next_steps[0])
        assert delivery.body["next"]["why"] == result.ending.next_steps[0].why


async def test_law_17_an_address_that_the_run_could_not_reach_is_in_no_record(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        environ = Receiver(url="http://127.0.0.1:1").environ
        tells(bench, channel(), environ=environ)
        assert (await start(bench.session, TO_ACTIVE)).exit_code is ExitCode.DONE
        assert len(noted(bench, "notice.failed")) == 2
        whole = (tmp_path / "journal.db").read_bytes()
        assert b"cAnArY" not in whole
        assert b"canary-webhook" not in whole
