"""Whole runs, and who was told what, by events and by channels: real sockets, a real journal; no receiver is ever in the way."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.errors import ExitCode, JournalUnavailable, Locked
from orchestrator.journal import check_anchor, parse_anchor
from orchestrator.model.events import Event, NoticeFailed, NoticeSent, RunFinished, WriteIntended
from orchestrator.model.journal import Entry, Record, Verified
from orchestrator.model.org import Channel, EnvironmentKey, Occasion, Webhook
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.status import Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.locking import take_lock
from orchestrator.operations.run import resume, start
from orchestrator.simulator import ClientError, Fault, Silence, Simulation
from orchestrator.system.keys import KeyRing
from tests.datadog.servers import http
from tests.e2e.pairs import Bench, exits, simulated

from .receivers import Receiver, answering, channel, receiver, silent

pytestmark = pytest.mark.anyio

P, S = Role.PRIMARY, Role.SECONDARY
TO_ACTIVE = RunRequest("sim", Status.ACTIVE, reason="us1 is down", ref="INC-1234")
EMERGENCY = replace(TO_ACTIVE, mode=Mode.EMERGENCY)
EVENTS = "/api/v1/events"


def titles(sim: Simulation, role: Role) -> list[str]:
    return [event.title for event in sim.events(role)]


def noted(bench: Bench, kind: str) -> list[Record]:
    return list(bench.session.store.records(kinds=(kind,)))


async def test_a_planned_run_tells_the_org_that_takes_over_its_start_each_status_and_its_end(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        result = exits(await start(bench.session, TO_ACTIVE), ExitCode.DONE)
        assert titles(bench.sim, S) == [
            "hamr: sim PASSIVE → ACTIVE begins",
            "hamr: sim stands at FAILOVER",
            "hamr: sim stands at ACTIVE",
            "hamr: sim to ACTIVE ended: done",
        ]
        assert titles(bench.sim, P) == []
        last = bench.sim.events(S)[-1]
        assert last.aggregation_key == result.run
        assert {"hamr", "pair:sim", f"run:{result.run}", "mode:planned", "status:active"} <= set(last.tags)
        assert [record.kind for record in noted(bench, "notice.sent")] == ["notice.sent"] * 4
        assert noted(bench, "notice.failed") == []


async def test_law_16_every_head_that_was_told_or_printed_is_in_the_journal_that_went_on(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        result = await start(bench.session, TO_ACTIVE)
        store = bench.session.store
        assert store.head().seq >= result.head.seq, (
            "what became of the last event may be recorded after the end"
        )
        told = [event.text.rsplit("--anchor ", 1)[1] for event in bench.sim.events(S)]
        assert len(told) == 4
        for anchor in (*told, str(result.head)):
            assert isinstance(check_anchor(store, parse_anchor(anchor)), Verified)
        assert [record.data["head"] for record in noted(bench, "notice.sent")] == told
        assert parse_anchor(told[-1]).seq >= noted(bench, "run.finished")[0].seq


async def test_law_09_an_emergency_tells_the_survivor_alone_and_what_is_owed(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        bench.sim.set_dark(P, True)
        exits(await start(bench.session, EMERGENCY), ExitCode.OWING)
        assert titles(bench.sim, S) == [
            "hamr: sim PASSIVE → ACTIVE begins",
            "hamr: sim owes its primary FAILOVER",
            "hamr: sim stands at FAILOVER",
            "hamr: sim owes its primary ACTIVE",
            "hamr: sim stands at ACTIVE",
            "hamr: sim to ACTIVE ended: done, but owing",
        ]
        bench.sim.set_dark(P, False)
        exits(await resume(bench.session, None), ExitCode.DONE)
        assert titles(bench.sim, S)[6:] == [
            "hamr: sim to ACTIVE is taken up again",
            "hamr: sim to ACTIVE ended: done",
        ]
        assert titles(bench.sim, P) == []


async def test_a_run_that_did_not_begin_tells_nobody(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        lock = take_lock(bench.session, bench.session.new_run(), take_over=False)
        other = bench.other_session()
        with pytest.raises(Locked):
            await start(other, TO_ACTIVE)
        lock.release()
        assert [request.method for request in bench.sim.requests if request.method != "GET"] == []


async def test_a_pair_with_events_off_tells_nobody(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        bench.session.pair = replace(bench.session.pair, events=False)
        assert (await start(bench.session, TO_ACTIVE)).exit_code is ExitCode.DONE
        assert EVENTS not in {request.path for request in bench.sim.requests}
        assert noted(bench, "notice.sent") == noted(bench, "notice.failed") == []


async def test_an_api_that_refuses_every_event_changes_nothing_in_the_run(tmp_path: Path) -> None:
    async with simulated(tmp_path, faults=[Fault(ClientError(403), path=EVENTS, times=None)]) as bench:
        exits(await start(bench.session, TO_ACTIVE), ExitCode.DONE)
        failed = noted(bench, "notice.failed")
        assert [record.data["title"] for record in failed] == [
            "hamr: sim PASSIVE → ACTIVE begins",
            "hamr: sim stands at FAILOVER",
            "hamr: sim stands at ACTIVE",
            "hamr: sim to ACTIVE ended: done",
        ]
        assert all(str(record.data["reason"]).startswith("HTTP 403") for record in failed)


async def test_an_api_that_is_silent_about_events_does_not_hold_up_a_single_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.notices.posting.Poster.patience", 0.05)
    silent = [Fault(Silence(applied=False), path=EVENTS, times=None)]
    async with simulated(tmp_path, faults=silent) as bench:
        known: list[int] = []
        controls = RunControl()
        controls.on_result = lambda _result: known.append(len(noted(bench, "notice.failed")))
        exits(await start(bench.session, TO_ACTIVE, controls=controls), ExitCode.DONE)
        assert known == [0], "the result was known before anything was given up"
        reasons = [str(record.data["reason"]) for record in noted(bench, "notice.failed")]
        assert reasons == ["its answer was not there when the run ended: whether it arrived is not known"] * 4


async def test_a_second_ctrl_c_ends_the_run_and_then_its_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.notices.posting.Poster.patience", 0.05)
    faults = [
        Fault(Silence(applied=False), path=EVENTS, times=None),
        Fault(Silence(applied=False), method="POST", role=S, times=None),
    ]
    async with simulated(tmp_path, faults=faults) as bench:
        controls = RunControl()

        class Twice:
            def tell(self, event: Event) -> None:
                if isinstance(event, WriteIntended):
                    interrupting.append(asyncio.create_task(interrupt_twice()))

        async def interrupt_twice() -> None:
            while not bench.posts():  # noqa: ASYNC110 - the simulator tells nobody when it is asked
                await asyncio.sleep(0.01)
            controls.interrupt(ExitCode.INTERRUPTED)
            controls.interrupt(ExitCode.INTERRUPTED)

        interrupting: list[asyncio.Task[None]] = []
        before = asyncio.all_tasks()
        controls.watchers = [Twice()]
        exits(await start(bench.session, TO_ACTIVE, controls=controls), ExitCode.UNKNOWN)
        assert len(noted(bench, "notice.failed")) == 3, "the beginning, the unknown write and the end"
        assert asyncio.all_tasks() == before


async def test_a_journal_that_takes_no_word_of_the_notices_still_takes_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path) as bench:
        store = bench.session.store
        append = type(store).append

        def refusing(self: object, entry: Entry, *, holding: str | None = None) -> Record:
            if entry.kind in (NoticeSent.kind, NoticeFailed.kind):
                raise JournalUnavailable("the disk is full")
            return append(store, entry, holding=holding)

        monkeypatch.setattr(type(store), "append", refusing)
        exits(await start(bench.session, TO_ACTIVE), ExitCode.DONE)
        assert len(bench.sim.events(S)) == 4


# Channels


def tells(bench: Bench, *channels: Channel, environ: Mapping[str, str]) -> None:
    """Let these channels be told, whose addresses stand there."""
    session = bench.session
    session.pair = replace(session.pair, tell=channels, events=False)
    session.environ = {**os.environ, **environ}
    session.key_ring = KeyRing(session.environ, session.redactor)


def noted_by_kind(bench: Bench, kind: str) -> list[tuple[object, object]]:
    """(channel, title) of these records."""
    records = bench.session.store.records(kinds=(kind,))
    return [(record.data["channel"], record.data["title"]) for record in records]


BEGINS, ENDED = "hamr: sim PASSIVE → ACTIVE begins", "hamr: sim to ACTIVE ended: done"


async def test_a_run_tells_its_beginning_and_its_end_and_journals_both(tmp_path: Path) -> None:
    async with receiver() as there, simulated(tmp_path) as bench:
        tells(bench, channel(), environ=there.environ)
        exits(await start(bench.session, TO_ACTIVE), ExitCode.DONE)
        assert there.told == ["begun", "done"]
        assert there.deliveries[1].body["next"]["command"] == "hamr plan sim --to PASSIVE"
        assert noted_by_kind(bench, "notice.sent") == [("on_call", BEGINS), ("on_call", ENDED)]
        assert noted_by_kind(bench, "notice.failed") == []
        heads = [record.data["head"] for record in bench.session.store.records(kinds=("notice.sent",))]
        assert heads == [delivery.body["head"] for delivery in there.deliveries]


async def test_a_drill_is_told_under_its_own_word_alone(tmp_path: Path) -> None:
    async with receiver() as there, simulated(tmp_path) as bench:
        loud = channel(Occasion.BEGUN, Occasion.DONE)
        drills = Channel("drills", loud.via, frozenset({Occasion.DRILL}))
        tells(bench, loud, drills, environ=there.environ)
        from orchestrator.model.events import DrillStarted

        drill = bench.session.new_run()
        bench.session.append(drill, DrillStarted(Status.ACTIVE, Status.PASSIVE))
        await start(bench.session, TO_ACTIVE, drill=drill)
        assert [name for name, _ in noted_by_kind(bench, "notice.sent")] == ["drills", "drills"]
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
        assert noted_by_kind(bench, "notice.sent") == [("well", BEGINS), ("well", ENDED)]
        failed = noted_by_kind(bench, "notice.failed")
        assert sorted(failed) == sorted(
            (name, title) for name in ("broken", "mute") for title in (BEGINS, ENDED)
        )


async def test_a_run_that_is_stopped_tells_what_to_type(tmp_path: Path) -> None:
    faults = [Fault(Silence(applied=False), method="POST", role=S, times=None)]
    async with receiver() as there, simulated(tmp_path, faults=faults) as bench:
        tells(bench, channel(Occasion.UNKNOWN, Occasion.STOPPED), environ=there.environ)
        soon = replace(bench.session.playbook.timeouts, read=timedelta(seconds=0.5))
        bench.session.playbook = replace(bench.session.playbook, timeouts=soon)
        result = exits(await start(bench.session, TO_ACTIVE), ExitCode.UNKNOWN)
        (delivery,) = there.deliveries
        assert delivery.body["on"] == "unknown"
        assert delivery.body["next"]["command"] == str(result.ending.next_steps[0])
        assert delivery.body["next"]["why"] == result.ending.next_steps[0].why


async def test_law_17_an_address_that_the_run_could_not_reach_is_in_no_record(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        environ = Receiver(url="http://127.0.0.1:1").environ
        tells(bench, channel(), environ=environ)
        assert (await start(bench.session, TO_ACTIVE)).exit_code is ExitCode.DONE
        assert len(noted_by_kind(bench, "notice.failed")) == 2
        whole = (tmp_path / "journal.db").read_bytes()
        assert b"cAnArY" not in whole
        assert b"canary-webhook" not in whole
