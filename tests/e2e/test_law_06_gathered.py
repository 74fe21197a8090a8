"""What a run journals: one transaction for each intent, beside the loop, and read back before "done" is said."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from orchestrator.errors import ExitCode, JournalUnavailable
from orchestrator.model import events
from orchestrator.model.floor import floor_of
from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.journal import Entry, Holder
from orchestrator.model.plain import moment
from orchestrator.model.reading import HamrRecord
from orchestrator.model.run import Mode, RunRequest, Stamp
from orchestrator.model.status import Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.locking import hold
from orchestrator.operations.recorder import Recorder
from orchestrator.operations.run import resume, start
from orchestrator.simulator import ClientError, Fault, ServerError, Slow
from tests.journal.conftest import file_of
from tests.steps import typed

from .pairs import Bench, On, before_appending, exits, full_disk, simulated

pytestmark = pytest.mark.anyio

TO_ACTIVE = RunRequest("sim", Status.ACTIVE)


def older_copy(place: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    """Two things to do: copy the file, and put the copy's bytes in its place."""
    copies: list[bytes] = []

    def keep() -> None:
        copies.append(place.read_bytes())

    def restore() -> None:
        place.write_bytes(copies[0])

    return keep, restore


async def test_law_06_a_run_commits_once_for_an_intent_and_not_once_for_a_record(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        store, commits = bench.session.store, 0

        def count(statement: str) -> None:
            nonlocal commits
            commits += statement == "COMMIT"

        file_of(store)._connection.set_trace_callback(count)
        result = exits(await start(bench.session, TO_ACTIVE), ExitCode.DONE)
        records = [
            record for record in store.records(run=result.run) if record.kind.split(".")[0] != "notice"
        ]
        notices = len([*store.records(run=result.run)]) - len(records)
        intents = [record for record in records if record.kind in events.INTENTS]
        assert len(intents) == 6, "two transitions, two writes each"
        assert len(records) > 25
        # The lock, the start, each write (the first of a transition with that), the end, and the lock again.
        assert 8 <= commits <= 8 + notices


async def test_law_16_nobody_is_told_of_an_end_that_could_not_be_journalled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path) as bench:
        before_appending(bench, monkeypatch, full_disk, events.RunFinished.kind)
        told: list[str] = []
        watchers = [
            On(events.RunFinished, lambda: told.append("end")),
            On(events.TransitionMade, lambda: told.append("made")),
        ]
        result = await start(bench.session, TO_ACTIVE, controls=RunControl(watchers=watchers))
        assert result.exit_code is ExitCode.INCOMPLETE, result.ending
        assert told == ["made"]


async def test_law_06_a_record_is_dated_with_when_it_happened(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        now, told, heard = bench.session.clock.now, [], []
        watchers = [
            On(events.WriteAnswered, lambda: heard.append(now())),
            On(events.WriteConfirmed, lambda: told.append(now())),
        ]
        result = await start(bench.session, TO_ACTIVE, controls=RunControl(watchers=watchers))
        record = next(bench.session.store.records(run=result.run, kinds=("write.confirmed",)))
        assert heard[0] <= moment(record.at) <= told[0], "and not with when it was journalled, which is later"


async def test_law_09_a_slow_journal_does_not_hold_up_the_loop_of_an_emergency(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path) as bench:
        before_appending(bench, monkeypatch, lambda: time.sleep(0.4))
        gaps = []

        async def tick() -> None:
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.01)
                gaps.append(time.monotonic() - before)

        ticking = asyncio.create_task(tick())
        request = RunRequest("sim", Status.ACTIVE, Mode.EMERGENCY, "us1 is down")
        result = await start(bench.session, request)
        ticking.cancel()
        assert result.exit_code is ExitCode.DONE, result.ending
        assert len(gaps) > 100
        assert sorted(gaps)[-5] < 0.35, "the loop stood still while the journal was written"


async def test_law_06_what_happened_is_journalled_though_the_lock_is_lost(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        result = await start(
            bench.session,
            TO_ACTIVE,
            controls=RunControl(watchers=[On(events.WriteAnswered, bench.break_lock)]),
        )
        assert result.exit_code is ExitCode.INCOMPLETE, result.ending
        assert "no longer ours" in result.ending.message
        kinds = [record.kind for record in bench.session.store.records(run=result.run)]
        assert kinds.count("write.intended") == 1
        assert kinds.count("write.confirmed") == 1, (
            "it was told after the last intent, and the next one was refused"
        )
        assert len(bench.posts()) == 1


def taken_over_from(bench: Bench) -> None:
    """As by whoever thought that process gone."""
    other = bench.other_session()
    held = other.store.holder("sim")
    assert held is not None
    theirs, taken = replace(held, lock="theirs"), events.LockTakenOver("theirs", held.lock, str(held))
    assert other.store.replace_lock(held.lock, theirs, other.entry(held.run, taken))


def broken_and_taken(bench: Bench, run: str | None = None) -> None:
    """As after `hamr unlock`, for this run or another one."""
    other = bench.other_session()
    held = other.store.holder("sim")
    assert held is not None
    bench.break_lock()
    theirs = replace(held, lock="theirs", run=run or held.run)
    assert other.store.take_lock(theirs, other.entry(theirs.run, events.LockTaken("theirs"))) is None


@pytest.mark.parametrize("take", [taken_over_from, broken_and_taken], ids=lambda take: take.__name__)
async def test_law_12_whoever_was_taken_over_does_not_say_how_the_run_ended(
    tmp_path: Path, take: Callable[[Bench], None]
) -> None:
    async with simulated(tmp_path) as bench:
        told: list[str] = []
        watchers = [
            On(events.WriteAnswered, lambda: take(bench)),
            On(events.RunFinished, lambda: told.append("end")),
        ]
        result = await start(bench.session, TO_ACTIVE, controls=RunControl(watchers=watchers))
        assert result.exit_code is ExitCode.INCOMPLETE, result.ending
        assert not result.resumable, "that is for whoever took it over"
        kinds = [record.kind for record in bench.session.store.records(run=result.run)]
        assert kinds.count("write.answered") == 1, "nobody else can tell what came of it"
        assert "write.confirmed" not in kinds, (
            "what it had read is old by then, and would be taken for what is there"
        )
        assert "transition.made" not in kinds
        assert "run.finished" not in kinds
        assert told == []
        assert len(bench.posts()) == 1


async def test_law_12_whoever_was_taken_over_calls_no_write_unknown_that_others_may_know_of(
    tmp_path: Path,
) -> None:
    """Stopped while it waited for an answer, which never came."""
    lost = Fault(ServerError(), method="POST", role=Role.SECONDARY)
    async with simulated(tmp_path, faults=[lost]) as bench:
        watchers = [On(events.WriteAnswered, lambda: taken_over_from(bench))]
        result = await start(bench.session, TO_ACTIVE, controls=RunControl(watchers=watchers))
        assert result.exit_code is ExitCode.INCOMPLETE, result.ending
        assert result.ending.message.startswith(f"bob@desk took run {result.run} up")
        assert result.unknown == ()
        assert typed(result.ending.next_steps)[0] == f"hamr show {result.run}"
        assert len(bench.posts()) == 1


async def test_law_12_whoever_is_taken_over_while_it_ends_leaves_the_run_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between its last look at who holds the pair and its last record."""
    async with simulated(tmp_path) as bench:
        taken: list[None] = []

        def once() -> None:
            if not taken:
                taken.append(None)
                taken_over_from(bench)

        before_appending(bench, monkeypatch, once, events.RunFinished.kind)
        result = await start(bench.session, TO_ACTIVE)
        assert result.exit_code is ExitCode.INCOMPLETE, "it may have something left to do"
        assert result.ending.message.startswith(
            f"bob@desk took run {result.run} up while this process was stopped"
        )
        assert result.taken_over
        assert not result.resumable
        kinds = [record.kind for record in bench.session.store.records(run=result.run)]
        assert kinds.count("write.answered") == 4
        assert kinds.count("transition.made") == 1, "the second one was told after the last intent"
        assert "run.finished" not in kinds


class Overtaken(Struct):
    """Stopped once it has read its first write back: its lock is broken meanwhile, and another run has seen a newer record."""

    bench: Bench
    newer: HamrRecord | None = None

    def tell(self, event: events.Event) -> None:
        if isinstance(event, events.WriteConfirmed) and self.newer is None:
            assert event.record.modified_at is not None
            later = event.record.modified_at + timedelta(seconds=60)
            self.newer = replace(event.record, status=4, modified_by="bob@example.com", modified_at=later)
            broken_and_taken(self.bench, OTHER)
            other = self.bench.other_session()
            other.append(OTHER, replace(event, record=self.newer))


OTHER = "20261122-030000-othr"


async def test_law_03_what_a_stopped_process_had_read_is_no_floor_for_what_was_written_since(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        overtaken = Overtaken(bench)
        result = await start(bench.session, TO_ACTIVE, controls=RunControl(watchers=[overtaken]))
        assert result.exit_code is ExitCode.INCOMPLETE, result.ending
        assert overtaken.newer is not None
        floor = floor_of(bench.session.history().floors, overtaken.newer.org_uuid)
        assert floor is not None
        assert floor.record.same_version(overtaken.newer)
        kinds = [record.kind for record in bench.session.store.records(run=result.run)]
        assert "write.answered" in kinds
        assert "run.finished" not in kinds


async def test_law_06_an_interrupt_while_an_intent_is_journalled_leaves_no_unknown_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path) as bench:
        controls, loop = RunControl(), asyncio.get_running_loop()

        def interrupt() -> None:
            for _ in range(2):
                loop.call_soon_threadsafe(controls.interrupt, ExitCode.INTERRUPTED)
            time.sleep(0.1)

        before_appending(bench, monkeypatch, interrupt, events.WriteIntended.kind)
        result = await start(bench.session, TO_ACTIVE, controls=controls)
        monkeypatch.undo()
        assert result.exit_code is ExitCode.INTERRUPTED, result.ending
        assert bench.posts() == []
        history = bench.session.history()
        assert history.unknown == ()
        assert history.open_run is not None
        assert (await resume(bench.session, history.open_run)).exit_code is ExitCode.DONE


async def test_law_06_what_others_must_know_is_journalled_at_once_and_the_rest_with_the_next_intent(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        session, run = bench.session, bench.session.new_run()
        lock = await hold(session, run, take_over=False)
        observer = Recorder(session, run, lock)
        observer.tell(events.MirrorFound(mirrors=False, seconds=1.0))
        assert not observer.pressing.is_set()
        observer.tell(events.WriteOwed(Role.PRIMARY, Status.ACTIVE, "not seen"))
        assert observer.pressing.is_set(), "whoever beats the heart commits it"
        assert [record.kind for record in session.store.records(run=run)] == ["lock.taken"]
        await observer.commit()
        assert not observer.pressing.is_set()
        kinds = [record.kind for record in session.store.records(run=run)]
        assert kinds == ["lock.taken", "mirror.found", "write.owed"]


async def test_law_06_others_see_at_once_what_a_run_waits_for_until_it_does_no_more(tmp_path: Path) -> None:
    seen = Verdict("agents", Outcome.FAIL, "agents is 0, not above 0", "Switch the Agents.")
    changed = replace(seen, reason="agents is 1, not above 5")
    async with simulated(tmp_path) as bench:
        session, run = bench.session, bench.session.new_run()
        observer = Recorder(session, run, await hold(session, run, take_over=False))
        for event, verdict in (
            (events.WaitBegan("activate", ("agents",), 600.0, (seen,)), seen),
            (events.WaitContinued("activate", (changed,)), changed),
        ):
            observer.tell(event)
            assert observer.pressing.is_set(), "whoever beats the heart commits it"
            await observer.commit()
            wait = bench.session.history().runs[run].waiting
            assert wait is not None
            assert (wait.transition, wait.guards, wait.seconds, wait.verdicts) == (
                "activate",
                ("agents",),
                600.0,
                (verdict,),
            )
            assert wait.left(wait.since) == 600.0
            assert wait.left(wait.since + timedelta(seconds=601)) == 0.0
        observer.tell(events.WaitEnded("activate", passed=True, seconds=3.0))
        await observer.commit()
        assert bench.session.history().runs[run].waiting is None


async def test_law_12_the_heart_beats_while_a_write_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.operations.supervise.HEARTBEAT_SECONDS", 0.05)
    async with simulated(tmp_path) as bench:
        bench.sim.faults.add(Fault(Slow(1.0), method="POST", role=Role.SECONDARY))
        running = asyncio.create_task(start(bench.session, TO_ACTIVE))
        while not bench.posts():  # noqa: ASYNC110 - the simulator tells nobody when it is asked
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        holder = bench.session.store.holder("sim")
        assert holder is not None
        assert holder.beat_at > holder.taken_at
        assert (await running).exit_code is ExitCode.DONE


async def test_law_12_who_is_interrupted_while_the_lock_is_taken_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulated(tmp_path) as bench:
        store = bench.session.store
        take_lock = type(store).take_lock

        def slowly(self: object, holder: Holder, *entries: Entry) -> Holder | None:
            time.sleep(0.2)
            return take_lock(store, holder, *entries)

        monkeypatch.setattr(type(store), "take_lock", slowly)
        task = asyncio.create_task(hold(bench.session, bench.session.new_run(), take_over=False))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert store.holder("sim") is None


async def test_law_09_an_emergency_waits_two_seconds_for_a_busy_journal_and_names_the_way_out(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        other = sqlite3.connect(bench.session.store.place, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(JournalUnavailable, match="is busy") as caught:
            await start(bench.session, RunRequest("sim", Status.ACTIVE, Mode.EMERGENCY, "us1 is down"))
        assert 1.9 < time.monotonic() - began < 10
        assert typed(caught.value.next_steps)[0].startswith("--journal FILE")
        other.close()
        assert bench.posts() == []


@pytest.mark.parametrize(
    ("kept_at", "restored_at", "sent"),
    [(events.WriteConfirmed, 1, 2), (events.TransitionMade, 2, 4)],
    ids=["midway", "at the end"],
)
async def test_law_16_nothing_more_is_sent_and_done_is_not_said_where_an_older_copy_was_put_in_the_journals_place(
    tmp_path: Path, kept_at: type[events.Event], restored_at: int, sent: int
) -> None:
    async with simulated(tmp_path) as bench:
        keep, restore = older_copy(Path(bench.session.store.place))
        watchers = [On(kept_at, keep), On(events.TransitionMade, restore, number=restored_at)]
        result = await start(bench.session, TO_ACTIVE, controls=RunControl(watchers=watchers))
        assert result.exit_code is ExitCode.JOURNAL_DAMAGED, result.ending
        assert len(bench.posts()) == sent
        assert result.ending.end.value == "incomplete"
        assert (
            result.ending.message.count("older copy took its place (a file put back, a standby promoted)")
            == 1
        )
        assert typed(result.ending.next_steps)[0] == "hamr audit verify"
        kinds = [record.kind for record in bench.session.store.records(run=result.run)]
        assert events.RunFinished.kind not in kinds, "the copy does not say either that it was done"


@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "deleted"])
async def test_law_16_a_run_whose_journal_is_gone_from_its_place_says_so_and_offers_no_resume(
    tmp_path: Path, *, replaced: bool
) -> None:
    async with simulated(tmp_path) as bench:
        place = Path(bench.session.store.place)
        keep, restore = older_copy(place)
        keep()

        def take_away() -> None:
            place.unlink()
            if replaced:
                restore()

        result = await start(
            bench.session,
            TO_ACTIVE,
            controls=RunControl(watchers=[On(events.TransitionMade, take_away, number=1)]),
        )
        assert result.exit_code is ExitCode.JOURNAL_DAMAGED, result.ending
        assert "in use; but the journal" in result.ending.message
        assert not result.resumable, "no journal holds how it began"
        assert typed(result.ending.next_steps) == ("hamr status sim", "hamr audit verify")
        assert result.head.seq == 0, "a head that is in no journal proves nothing"


async def test_law_16_a_run_whose_journal_was_cut_short_offers_nothing_that_would_be_refused_for_it(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        place = Path(bench.session.store.place)

        def cut() -> None:
            os.truncate(place, place.stat().st_size // 2 // 4096 * 4096)

        result = await start(
            bench.session, TO_ACTIVE, controls=RunControl(watchers=[On(events.TransitionMade, cut, number=1)])
        )
        assert result.exit_code is ExitCode.JOURNAL_DAMAGED, result.ending
        assert not result.resumable
        assert result.ending.message.count("is damaged") == 1, "it is said once"
        assert {step.verb for step in result.ending.next_steps} == {"", "audit verify"}


async def test_law_05_no_stamp_is_used_twice_whatever_the_journal_has_forgotten(tmp_path: Path) -> None:
    """Taken up twice from the same state of the journal: the second time does not know what the first one sent."""
    stamps: list[str] = []
    async with simulated(tmp_path) as bench:
        bench.sim.faults.add(Fault(ClientError(400, "not now"), method="POST", role=Role.PRIMARY))
        exits(await start(bench.session, TO_ACTIVE), ExitCode.INCOMPLETE)
        place = Path(bench.session.store.place)
        keep, restore = older_copy(place)
        keep()
        for _ in range(2):
            restore()
            open_run = bench.open_run
            bench.sim.faults.add(Fault(ClientError(400, "not now"), method="POST", role=Role.PRIMARY))
            await resume(bench.session, open_run)
        for record in bench.sim.requests:
            body = record.body
            if record.method == "POST" and isinstance(body, dict) and "hamr" in record.path:
                stamps.append(str(body["data"]["attributes"]["modified_by"]))  # type: ignore[index, call-overload]
    parsed = [Stamp.parse(stamp) for stamp in stamps]
    assert [(stamp.attempt, bool(stamp.mark)) for stamp in parsed if stamp is not None] == [
        (1, False),
        (2, False),
        (3, True),
        (3, True),
    ]
    assert len(set(stamps)) == 4


def test_a_stamp_of_an_older_hamr_is_still_read() -> None:
    old = "alice+hamr-20261122-031502-k3f9-2@laptop"
    assert Stamp.parse(old) == Stamp("alice", "20261122-031502-k3f9", 2, "laptop")
    assert str(Stamp.parse(old)) == old
    marked = Stamp("alice", "20261122-031502-k3f9", 3, "laptop", "x7q2m")
    assert str(marked) == "alice+hamr-20261122-031502-k3f9-3.x7q2m@laptop"
    assert Stamp.parse(str(marked)) == marked
