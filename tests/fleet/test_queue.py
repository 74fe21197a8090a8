"""The jobs, on a real server: laid out, told once, done by one worker, left to others, mended, waited for."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType

import pytest
from msgspec import Struct, field
from procrastinate import exceptions

from orchestrator.errors import JournalUnavailable
from orchestrator.fleet import queue
from orchestrator.fleet.crew import Hint
from orchestrator.fleet.queue import Chores, Duty, Jobs, lay_out_jobs, open_jobs
from orchestrator.journal import Address
from orchestrator.journal.address import parse_address
from orchestrator.journal.postgres import lay_out_team
from orchestrator.system import log
from tests.postgres import Cluster, database_of

pytestmark = pytest.mark.anyio


class Hands(Struct):
    """What a worker of the tests does."""

    brought: list[tuple[str, int]] = field(default_factory=list)
    done: list[tuple[str, str]] = field(default_factory=list)
    leaves: int = 0
    """How often it leaves each pair to others."""
    slowly: asyncio.Event | None = None
    """What it waits for at each pair."""
    at_once: int = 0
    most_at_once: int = 0

    async def bring(self, hint: Hint, left: int) -> bool:
        self.brought.append((hint.pair, left))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.slowly is not None:
            await self.slowly.wait()
        self.at_once -= 1
        return left >= self.leaves

    async def turn(self, duty: str) -> Sequence[str]:
        return ["a", "b"]

    async def do(self, duty: Duty, left: int) -> bool:
        self.done.append((duty.name, duty.pair))
        return True


@asynccontextmanager
async def at_work(
    jobs: Jobs, hands: Hands, at_once: int = 4, duties: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(jobs.work(Chores(hands.bring, hands.turn, hands.do), at_once, duties))
    try:
        yield task
    finally:
        task.cancel()
        if hands.slowly is not None:
            hands.slowly.set()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - what is waited for is in a database
            await asyncio.sleep(0.02)


async def test_tables_that_are_missing_are_said_and_the_command_that_lays_them_out(server: Cluster) -> None:
    address = parse_address(server.new_database(), "--journal")
    lay_out_team(address)
    with pytest.raises(JournalUnavailable, match="no tables for jobs") as refused:
        async with open_jobs(address):
            pass
    assert [str(step.command) for step in refused.value.next_steps] == [f"hamr journal init '{address}'"]


async def test_laid_out_twice_nothing_is_done_and_another_versions_are_made_anew(team: Address) -> None:
    async with open_jobs(team) as jobs:
        await jobs.defer([Hint("f1", "a")])
    assert lay_out_jobs(team)[0] is False
    async with open_jobs(team) as jobs:
        assert len(await jobs.listed()) == 1
        await jobs._app.connector.execute_query_async(
            "COMMENT ON SCHEMA hamr_jobs IS 'jobs of hamr, of another version'"
        )
    with pytest.raises(JournalUnavailable, match="of another version"):
        async with open_jobs(team):
            pass
    assert lay_out_jobs(team)[0] is True
    async with open_jobs(team) as jobs:
        assert await jobs.listed() == []


async def test_a_schema_of_that_name_that_is_anothers_is_left_alone(server: Cluster) -> None:
    url = server.new_database()
    address = parse_address(url, "--journal")
    lay_out_team(address)
    server.execute("CREATE SCHEMA hamr_jobs", database=database_of(url))
    with pytest.raises(JournalUnavailable, match="another program's"):
        lay_out_jobs(address)


async def test_each_pair_is_brought_once_and_its_job_is_gone_then(team: Address) -> None:
    hands = Hands()
    async with open_jobs(team) as jobs:
        await jobs.defer([Hint("f1", f"p{number}") for number in range(40)])
        await jobs.defer([Hint("f1", "p3")])  # waits already
        async with at_work(jobs, hands):
            await until(lambda: _is_empty(jobs))
    assert sorted(hands.brought) == sorted((f"p{number}", 0) for number in range(40))


async def _is_empty(jobs: Jobs) -> bool:
    return await jobs.listed() == []


async def test_two_fleets_pairs_of_one_name_are_not_brought_at_the_same_time(team: Address) -> None:
    go = asyncio.Event()
    hands = Hands(slowly=go)
    async with open_jobs(team) as jobs:
        await jobs.defer([Hint("f1", "a"), Hint("f2", "a"), Hint("f2", "b")])
        async with at_work(jobs, hands):
            await until(lambda: _holds(len(hands.brought) == 2))
            await asyncio.sleep(0.3)
            assert sorted(hands.brought) == [("a", 0), ("b", 0)]
            go.set()
            await until(lambda: _is_empty(jobs))
    assert sorted(hands.brought) == [("a", 0), ("a", 0), ("b", 0)]


async def _holds(what: bool) -> bool:
    return what


async def test_a_pair_that_is_left_comes_again_after_those_that_nobody_has_left(
    team: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LEFT_SECONDS", 0.1)
    hands = Hands(leaves=1)
    async with open_jobs(team) as jobs:
        await jobs.defer([Hint("f1", "a"), Hint("f1", "b")])
        async with at_work(jobs, hands, at_once=1):
            await until(lambda: _is_empty(jobs))
    assert hands.brought == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


async def test_the_job_of_a_worker_that_vanished_is_taken_by_another(team: Address) -> None:
    first, second = Hands(slowly=asyncio.Event()), Hands()
    wanted = [Hint("f1", "a")]
    async with open_jobs(team) as gone, open_jobs(team) as jobs:
        await gone.defer(wanted)
        async with at_work(gone, first, at_once=1) as task:
            await until(lambda: _holds(first.brought == [("a", 0)]))
            async with at_work(jobs, second):
                assert (await jobs.sweep(wanted)).lost == ()
                await asyncio.sleep(0.2)
                assert second.brought == []
                # As that of a process that was killed for so long.
                await jobs._app.connector.execute_query_async(
                    "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute' WHERE id = %(id)s",
                    id=min(gone._been),
                )
                found = await jobs.sweep(wanted)
                assert (len(found.lost), found.missing) == (1, (Hint("f1", "a"),))
                await until(lambda: _holds(second.brought == [("a", 0)]))
            first.slowly.set()  # type: ignore[union-attr] # it wakes, and finds its job gone
            task.cancel()
            await asyncio.wait({task})


async def test_a_job_that_its_living_worker_is_not_at_is_taken_away_at_the_second_sweep(
    team: Address,
) -> None:
    hands = Hands(slowly=asyncio.Event())
    wanted = [Hint("f1", "a")]
    async with open_jobs(team) as jobs:
        await jobs.defer(wanted)
        async with at_work(jobs, hands):
            await until(lambda: _holds(hands.brought == [("a", 0)]))
            job = jobs._at.pop()
            assert (await jobs.sweep(wanted)).lost == ()
            assert (await jobs.sweep(wanted)).lost == (job,)
            hands.slowly.set()  # type: ignore[union-attr]


async def test_who_is_told_to_stop_ends_what_is_under_way_and_takes_no_more(team: Address) -> None:
    go = asyncio.Event()
    hands = Hands(slowly=go)
    async with open_jobs(team) as jobs:
        await jobs.defer([Hint("f1", "a"), Hint("f1", "b")])
        async with at_work(jobs, hands, at_once=1) as task:
            await until(lambda: _holds(hands.brought == [("a", 0)]))
            task.cancel()
            await asyncio.sleep(0.2)
            assert not task.done()
            go.set()
            await asyncio.wait({task}, timeout=10)
            assert task.done()
        assert [job.hint for job in await jobs.listed()] == [Hint("f1", "b")]
    assert hands.brought == [("a", 0)]


async def test_what_a_schedule_wants_is_done_for_each_pair_by_one_of_two_workers(team: Address) -> None:
    first, second = Hands(), Hands()
    every_second = {"doctor": "* * * * * *"}
    async with (
        open_jobs(team) as jobs,
        open_jobs(team) as others,
        at_work(jobs, first, duties=every_second),
        at_work(others, second, duties=every_second),
    ):
        await until(lambda: _holds(len(first.done) + len(second.done) >= 4))
    done = first.done + second.done
    assert {*done} == {("doctor", "a"), ("doctor", "b")}
    assert abs(done.count(("doctor", "a")) - done.count(("doctor", "b"))) <= 1


async def test_what_the_database_says_of_a_job_is_one_line_without_its_statement(team: Address) -> None:
    said = io.StringIO()
    log.configure("json", stream=said)
    bare, told = exceptions.ConnectorException(), exceptions.ConnectorException()
    told.__cause__ = Exception("key (1)\nis gone\nCONTEXT:  SQL statement\nSELECT 1")
    loop = asyncio.get_running_loop()
    async with open_jobs(team) as jobs, at_work(jobs, Hands()):
        await asyncio.sleep(0)
        for error in (bare, told):
            loop.call_exception_handler({"message": "a task was lost", "exception": error})
    log.configure()
    reasons = [json.loads(text)["reason"] for text in said.getvalue().splitlines()]
    assert reasons == ["Database error.", "key (1) is gone"]


async def test_a_database_that_goes_away_is_said_and_workers_go_on_when_it_is_back(
    server: Cluster, monkeypatch: pytest.MonkeyPatch, team: Address
) -> None:
    monkeypatch.setattr(queue, "RETRY_SECONDS", 0.2)
    monkeypatch.setattr(queue, "CONNECT_SECONDS", 1.0)
    hands = Hands()
    async with open_jobs(team) as jobs, at_work(jobs, hands) as task:
        server.end()
        with pytest.raises(JournalUnavailable, match="can't be used"):
            await jobs.listed()
        server.start()
        await until(lambda: _told(jobs))
        await until(lambda: _holds(hands.brought != []), 30)
        assert not task.done()


async def test_a_worker_that_is_to_end_ends_though_its_database_is_away(
    server: Cluster, monkeypatch: pytest.MonkeyPatch, team: Address
) -> None:
    monkeypatch.setattr(queue, "RETRY_SECONDS", 0.2)
    monkeypatch.setattr(queue, "CONNECT_SECONDS", 1.0)
    at_it = asyncio.Event()
    hands = Hands(slowly=at_it)
    try:
        async with open_jobs(team) as jobs, at_work(jobs, hands) as task:
            await jobs.defer([Hint("f1", "a")])
            await until(lambda: _holds(hands.brought != []), 30)
            server.end()
            task.cancel()
            await asyncio.sleep(0.1)
            at_it.set()
            await asyncio.wait([task], timeout=20)
            assert task.done()
    finally:
        server.start()


async def _told(jobs: Jobs) -> bool:
    try:
        await jobs.defer([Hint("f1", "a")])
    except JournalUnavailable:
        return False
    return True
