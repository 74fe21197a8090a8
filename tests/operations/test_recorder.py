"""What a run tells: no watcher stops it (law 19), no intent is lost on the way to the journal (law 6); and its lock (law 12)."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest

from orchestrator.errors import JournalUnavailable, Locked
from orchestrator.journal import JournalStore
from orchestrator.model.events import (
    Event,
    HookIntended,
    JournalMoved,
    LockReleased,
    LockTaken,
    RunFinished,
    TransitionIntended,
    WriteOwed,
)
from orchestrator.model.journal import Record
from orchestrator.model.org import Secret
from orchestrator.model.playbook import When
from orchestrator.model.run import End, RunRequest
from orchestrator.model.status import Role, Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.locking import hold
from orchestrator.operations.recorder import Recorder
from orchestrator.operations.run import start
from orchestrator.operations.session import Session
from orchestrator.system import log
from tests.e2e.pairs import simulated

pytestmark = pytest.mark.anyio


class Fails:
    """A watcher with a bug, and one who is told of everything all the same."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def tell(self, event: Event) -> None:
        self.told.append(event)
        raise OSError(28, "No space left on device")


async def test_law_19_a_watcher_that_fails_stops_nothing_and_is_logged_once(tmp_path: Path) -> None:
    said = io.StringIO()
    log.configure("json", stream=said)
    watcher = Fails()
    async with simulated(tmp_path) as bench:
        result = await start(
            bench.session, RunRequest("sim", Status.ACTIVE), controls=RunControl(watchers=[watcher])
        )
    log.configure()
    assert result.ending.end is End.DONE, result.ending
    assert isinstance(watcher.told[-1], RunFinished)
    assert said.getvalue().count("somebody who watches this run failed; the run goes on") == 1


T = TypeVar("T")


class SlowThread:
    """The store's calls, made when somebody lets them go on: the disk was slow until then."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    async def __call__(self, call: Callable[[], T]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def make() -> None:
            try:
                future.set_result(call())
            except Exception as error:  # noqa: BLE001 - it is the caller's
                future.set_exception(error)

        self.waiting.append(make)
        return await future

    def go_on(self) -> None:
        waiting, self.waiting = self.waiting, []
        for make in waiting:
            make()


class WhileIntended:
    """A watcher whom telling takes its time: meanwhile the store's thread goes on."""

    def __init__(self, thread: SlowThread) -> None:
        self._thread = thread

    def tell(self, event: Event) -> None:
        if isinstance(event, TransitionIntended):
            self._thread.go_on()


async def held_up(
    session: Session, *, lock_breaks: bool
) -> tuple[asyncio.Task[None], asyncio.Task[None], Callable[[], list[str]]]:
    """A heartbeat that the disk held up, the commit of an intent that was told meanwhile, and what the journal has by then."""
    lock = await hold(session, "20261122-031502-k3f9", take_over=False)
    session.calls = thread = SlowThread()
    recorder = Recorder(session, lock.run, lock, (WhileIntended(thread),) if lock_breaks else ())
    recorder.tell(WriteOwed(Role.PRIMARY, Status.FAILOVER, "not seen"))
    heartbeat = asyncio.create_task(recorder.flush())
    await asyncio.sleep(0)
    if lock_breaks:
        assert session.store.release(lock.lock)
    recorder.tell(TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER))
    commit = asyncio.create_task(recorder.commit())
    await asyncio.sleep(0)
    thread.go_on()
    return heartbeat, commit, lambda: [record.kind for record in session.store.records(run=lock.run)]


async def test_law_06_an_intent_is_not_swallowed_by_a_heartbeat_that_the_disk_held_up(tmp_path: Path) -> None:
    """The heartbeat began before the intent was told: that the lock is lost, it may not find out in the intent's place."""
    async with simulated(tmp_path) as bench:
        heartbeat, commit, kinds = await held_up(bench.session, lock_breaks=True)
        with pytest.raises(Locked):
            await commit
        await heartbeat
        assert kinds() == ["lock.taken", "write.owed"]


class Listens:
    """A watcher that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def tell(self, event: Event) -> None:
        self.told.append(event)


async def test_law_06_nobody_hears_that_an_org_is_told_or_a_hook_begun_before_that_is_journalled(
    tmp_path: Path,
) -> None:
    listener = Listens()
    async with simulated(tmp_path) as bench:
        session = bench.session
        lock = await hold(session, "20261122-031502-k3f9", take_over=False)
        recorder = Recorder(session, lock.run, lock, (listener,))
        begun = HookIntended("declare", When.BEFORE, "stop-sync", "./stop-sync")
        recorder.tell(begun)
        assert listener.told == []
        await recorder.commit()
        assert listener.told == [begun]
        assert session.store.release(lock.lock), "somebody breaks the lock"
        recorder.tell(HookIntended("declare", When.BEFORE, "flip-cname", "./flip-cname"))
        with pytest.raises(Locked):
            await recorder.commit()
        assert listener.told == [begun]


async def test_law_06_what_two_commits_wait_for_is_journalled_once(tmp_path: Path) -> None:
    async with simulated(tmp_path) as bench:
        heartbeat, commit, kinds = await held_up(bench.session, lock_breaks=False)
        await asyncio.gather(heartbeat, commit)
        assert kinds() == ["lock.taken", "write.owed", "transition.intended"]


class Unreachable(JournalStore):
    """A team's server that is gone."""

    def append_all(self, *_: object, **__: object) -> tuple[Record, ...]:
        raise JournalUnavailable("the server is gone")


async def test_law_09_a_journal_that_two_commits_have_waited_for_is_left_once(tmp_path: Path) -> None:
    listener = Listens()
    async with simulated(tmp_path) as bench:
        session = bench.session
        lock = await hold(session, "20261122-031502-k3f9", take_over=False)
        recorder = Recorder(session, lock.run, lock, (listener,))
        session.refuge, session.calls = tmp_path / "emergency.db", (thread := SlowThread())
        with Unreachable.open(tmp_path / "journal.db", now=session.clock.now) as session.store:
            recorder.tell(WriteOwed(Role.PRIMARY, Status.FAILOVER, "not seen"))
            heartbeat = asyncio.create_task(recorder.flush())
            await asyncio.sleep(0)
            recorder.tell(TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER))
            commit = asyncio.create_task(recorder.commit())
            await asyncio.sleep(0)
            thread.go_on()
            await asyncio.gather(heartbeat, commit)
        assert [type(event) for event in listener.told].count(JournalMoved) == 1
        session.store.close()


async def test_law_06_an_intent_that_a_heartbeat_could_not_journal_stops_the_run_before_its_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transition's intent becomes durable with its first write's: the disk was full in between, and is not any more."""

    def full(*_: object, **__: object) -> None:
        raise JournalUnavailable("the disk is full")

    async with simulated(tmp_path) as bench:
        session = bench.session
        lock = await hold(session, "20261122-031502-k3f9", take_over=False)
        recorder = Recorder(session, lock.run, lock, ())
        recorder.tell(TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER))
        with monkeypatch.context() as patch:
            patch.setattr(JournalStore, "append_all", full)
            with pytest.raises(JournalUnavailable, match="the disk is full"):
                await recorder.flush()
        recorder.tell(HookIntended("declare", When.BEFORE, "announce", "true"))
        with pytest.raises(JournalUnavailable, match="the disk is full"):
            await recorder.commit()
        await recorder.commit()


async def test_law_17_a_key_in_what_is_told_is_not_journalled(tmp_path: Path) -> None:
    """Whatever it came in by: nothing that was read before has to be trusted for it."""
    async with simulated(tmp_path) as bench:
        session = bench.session
        session.redactor.add(Secret("canary0key0123456789"))
        lock = await hold(session, "20261122-031502-k3f9", take_over=False)
        recorder = Recorder(session, lock.run, lock, ())
        recorder.tell(WriteOwed(Role.PRIMARY, Status.FAILOVER, "it said canary0key0123456789"))
        await recorder.commit()
        (record,) = session.store.records(run=lock.run, kinds=(WriteOwed.kind,))
        assert record.data["reason"] == "it said [redacted]"


# A pair's lock is held only where the journal says so


REQUEST = RunRequest("sim", Status.ACTIVE)


def refuse(place: str, kind: str) -> None:
    """Let the journal take no record of a kind, until `allow`."""
    with closing(sqlite3.connect(place)) as file:
        file.execute(
            f"CREATE TRIGGER refused BEFORE INSERT ON records WHEN NEW.kind = '{kind}' "
            "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )


def allow(place: str) -> None:
    with closing(sqlite3.connect(place)) as file:
        file.execute("DROP TRIGGER refused")


async def test_law_12_a_lock_that_could_not_be_journalled_is_not_kept(tmp_path: Path) -> None:
    """The process may live on, and nobody could tell that it works on nothing."""
    async with simulated(tmp_path) as bench:
        store = bench.session.store
        refuse(store.place, LockTaken.kind)
        with pytest.raises(JournalUnavailable, match="not this one"):
            await start(bench.session, REQUEST)
        assert store.holder("sim") is None
        assert bench.posts() == []
        allow(store.place)
        result = await start(bench.session, REQUEST)
        assert result.ending.end is End.DONE, result.ending


async def test_law_12_a_lock_whose_release_could_not_be_journalled_stays_and_the_run_ends_as_it_did(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as bench:
        store = bench.session.store
        refuse(store.place, LockReleased.kind)
        result = await start(bench.session, REQUEST)
        assert result.ending.end is End.DONE, result.ending
        held = store.holder("sim")
        assert held is not None
        assert held.run == result.run
