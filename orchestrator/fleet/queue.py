"""Jobs that tell workers which pairs to bring on, in the team's database, beside its journal.

Jobs are hints: all that is known of a pair stands in the journal, so that a job which is lost, stays behind or is done
twice harms nothing, and the tables may be dropped at any time. The only place that knows procrastinate, whose version 3
does what follows (read in its source):

- A job that is being done stays so when its worker is killed, and keeps every other job of its lock from being fetched:
  nobody but `Jobs.sweep` looks for it. A worker that is stopped for long loses its row to another one's start, and can't
  fetch any more: `Jobs.work` ends then, and begins anew.
- A worker that is told to stop fetches no more, and waits for what it is at for as long as that takes; where its database
  is away meanwhile, that is all that it raises, and not that it was told so.
- Of jobs with one queueing lock, one waits; of those with one lock, one is done.
- A periodic job is deferred once for its time, by whichever worker is first, and not at all where all of them are more
  than ten minutes late.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import procrastinate
from msgspec import Struct
from procrastinate import exceptions, jobs
from procrastinate.schema import SchemaManager

from orchestrator import __version__
from orchestrator.errors import JournalUnavailable
from orchestrator.journal import Address
from orchestrator.journal.postgres import lay_out_beside
from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep
from orchestrator.model.words import counted
from orchestrator.system.log import logger

from .crew import Hint, QueuedJob, Sweep, sweep

QUEUE = f"hamr-{__version__}"
"""A worker takes the jobs of its own version alone: whoever planned them, and it, mean the same by them."""

BEAT_SECONDS = 5.0
"""Between two heartbeats of a worker."""

POLL_SECONDS = 1.0
"""Between two looks at what may be taken by now: of that, the server tells nobody."""

SILENT_SECONDS = 20.0
"""After so long without one a worker is taken to be gone: a little after the journal's own witness says so of its locks."""

CONNECT_SECONDS = 10.0
"""How long a worker waits for a connection, before it says that there is none."""

RETRY_SECONDS = 3.0
"""How long it waits then."""

_BATCH = 500
"""So many jobs are deferred in one transaction."""

LEFT_SECONDS, LEFT_OFTEN_SECONDS = 2.0, 15.0
"""After so long a job that a worker has left to others may be taken again, maybe by the same one; and once it was left often."""

LEFT_OFTEN = 10

_BRING, _DO, _BEGIN = "bring", "do", "begin"
_MADE_BY = f"jobs of hamr, layout 1 by procrastinate {version('procrastinate')}"
_LISTED = f"""
SELECT jobs.id, jobs.args ->> 'fleet' AS fleet, jobs.args ->> 'pair' AS pair, jobs.status = 'doing' AS doing, workers.id AS worker,
    coalesce(workers.last_heartbeat > now() - interval '{SILENT_SECONDS:g} seconds', false) AS heard
FROM procrastinate_jobs AS jobs LEFT JOIN procrastinate_workers AS workers ON workers.id = jobs.worker_id
WHERE jobs.status IN ('todo', 'doing') ORDER BY jobs.id
"""  # noqa: S608 - a constant
_HINDERED = f"""
SELECT (SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '{SILENT_SECONDS:g} seconds') AS workers,
    count(*) AS pairs, min(args ->> 'pair') AS first
FROM procrastinate_jobs
WHERE status = 'todo' AND args ->> 'fleet' = %(fleet)s AND (args ->> 'left')::integer >= {LEFT_OFTEN}
"""  # noqa: S608 - as above
_DROPPED = "DELETE FROM procrastinate_jobs WHERE id = ANY(%(ids)s) AND status = 'doing'"
# Where nobody has counted its rows yet, the server would compare every job that waits with every other at each fetch: 160 ms
# with 2,000 of them, in the place of one. Read in their order, the first will do.
_IN_ORDER = """;
CREATE INDEX hamr_jobs_by_lock ON procrastinate_jobs (lock) WHERE status IN ('todo', 'doing');
ALTER FUNCTION procrastinate_fetch_job_v2(varchar[], bigint) SET enable_sort = off SET enable_bitmapscan = off SET enable_seqscan = off;
"""
_MAY_USE = 'SELECT FROM "{schema}".procrastinate_jobs LIMIT 0'
_LAID_OUT = "SELECT obj_description(to_regnamespace(%(schema)s), 'pg_namespace') AS by"


DOCTOR, DRILL, LIVE_DRILL = "doctor", "drill", "live drill"
"""The duties of a schedule."""


class Duty(Struct, frozen=True):
    """What a schedule wants of one pair."""

    name: str
    pair: str
    """"" where it is of no pair."""
    due: datetime


class Chores(Struct, frozen=True, eq=False):
    """What a worker does for its jobs. None of these raises anything."""

    bring: Callable[[Hint, int], Awaitable[bool]]
    """Bring a pair of a fleet run to its goal, which so many workers have left to others; False: this one leaves it, too."""
    turn: Callable[[str], Awaitable[Sequence[str]]]
    """The pairs whose turn it is when a duty's time has come."""
    do: Callable[[Duty, int], Awaitable[bool]]
    """A duty, which so many workers have left to others; False: this one leaves it, too."""


def lay_out_jobs(address: Address) -> tuple[bool, tuple[str, ...]]:
    """Lay the tables of jobs out; whether they were not there, and what gives a role the rights that a worker needs; a JournalUnavailable where it can't be done."""
    schema = _schema(address)
    return lay_out_beside(address, schema, _MADE_BY, SchemaManager.get_schema() + _IN_ORDER), (
        f"GRANT USAGE ON SCHEMA {schema} TO ROLE;",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO ROLE;",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO ROLE;",
    )


def _schema(address: Address) -> str:
    return f"{address.schema}_jobs"


@contextmanager
def _in_words(address: Address, *next_steps: NextStep) -> Iterator[None]:
    """What the database reports, for a person."""
    try:
        yield
    except (exceptions.ConnectorException, TimeoutError) as error:
        reason = _reason(error) or f"nothing came back within {CONNECT_SECONDS:g} s"
        raise JournalUnavailable(
            f"The jobs beside the journal {address} can't be used: {reason}", next_steps=next_steps
        ) from error


def _reason(error: Exception) -> str:
    """What the database says, in one line, without the statement that it goes on to show."""
    said = str(error.__cause__ or "") or str(error)
    return " ".join(re.split(r"\n(?:LINE \d|CONTEXT:)", said, maxsplit=1)[0].split())


@asynccontextmanager
async def open_jobs(address: Address) -> AsyncIterator[Jobs]:
    """The jobs beside a team's journal, which was opened before: that tells best what is wrong with its server.

    A JournalUnavailable where they cannot be reached, or their tables are missing, or another version's.
    """
    schema = _schema(address)
    _quiet()

    async def enter(connection: Any) -> None:
        await connection.execute(f'SET search_path TO "{schema}"')
        await connection.commit()

    connector = procrastinate.PsycopgConnector(
        conninfo=address.conninfo,
        kwargs={
            "connect_timeout": round(CONNECT_SECONDS),
            "tcp_user_timeout": round(1000 * CONNECT_SECONDS),
            "fallback_application_name": "hamr worker",
        },
        configure=enter,
        min_size=1,
        max_size=4,
        timeout=CONNECT_SECONDS,
        reconnect_timeout=CONNECT_SECONDS,  # its pauses double, to minutes: whoever asks again begins anew
    )
    app = procrastinate.App(connector=connector)
    with _in_words(address):
        async with asyncio.timeout(CONNECT_SECONDS):
            await app.open_async()
    try:
        with _in_words(address):
            found = (await connector.execute_query_one_async(_LAID_OUT, schema=schema))["by"]
        if found != _MADE_BY:
            what = "no tables for jobs beside it" if found is None else f"tables for {found} beside it"
            raise JournalUnavailable(
                f"The journal {address} has {what}: workers of this version want those for {_MADE_BY}.",
                next_steps=(next_step.lay_out(str(address)),),
            )
        rights = "as the owner of its tables: it prints what gives a role the rights that it needs"
        with _in_words(address, next_step.lay_out(str(address)).so_that(rights)):
            await connector.execute_query_async(_MAY_USE.replace("{schema}", schema))
        yield Jobs(app, address)
    finally:
        await app.close_async()


class Jobs:
    """The jobs beside a team's journal; `open_jobs` makes it."""

    def __init__(self, app: procrastinate.App, address: Address) -> None:
        self._app, self._address = app, address
        self._at: set[int] = set()
        """The jobs that this process is at."""
        self._been: set[int] = set()
        """All workers that it has been."""
        self._idle: frozenset[int] = frozenset()
        """Its jobs that it was not at when it swept last."""

    async def defer(self, hints: Iterable[Hint]) -> None:
        """Tell workers to bring these pairs on; where one waits to be taken for the same fleet run already, that will do. A JournalUnavailable where they can't be told."""
        await self._defer([_bringing(hint, 0) for hint in hints])

    async def _defer(self, wanted: Sequence[jobs.Job]) -> None:
        manager = self._app.job_manager
        with _in_words(self._address):
            for start in range(0, len(wanted), _BATCH):
                batch = [*wanted[start : start + _BATCH]]
                try:
                    await manager.batch_defer_jobs_async(batch)
                except exceptions.AlreadyEnqueued:
                    for job in batch:
                        with suppress(exceptions.AlreadyEnqueued):
                            await manager.defer_job_async(job)

    async def listed(self) -> list[QueuedJob]:
        """All that wait or are being done, of every version; a JournalUnavailable where they cannot be read."""
        with _in_words(self._address):
            async with asyncio.timeout(CONNECT_SECONDS):
                rows = await self._app.connector.execute_query_all_async(_LISTED)
        return [
            QueuedJob(
                row["id"],
                None if row["fleet"] is None else Hint(row["fleet"], row["pair"]),
                row["doing"],
                row["worker"],
                row["heard"],
            )
            for row in rows
        ]

    async def hindrance(self, fleet: str) -> str:
        """Why a fleet's pairs may have to wait for long, in words; "" where nothing is known; a JournalUnavailable where the jobs cannot be read."""
        with _in_words(self._address):
            async with asyncio.timeout(CONNECT_SECONDS):
                row = await self._app.connector.execute_query_one_async(_HINDERED, fleet=fleet)
        if not row["workers"]:
            return "no worker is at work yet: hamr worker is one"
        if row["pairs"]:
            return (
                f"workers leave {counted(row['pairs'], 'pair')} to each other, {row['first']} the first: for want of keys, or since "
                "their pairs.yaml does not name it, or names other orgs. Their logs say which"
            )
        return ""

    async def sweep(self, wanted: Collection[Hint]) -> Sweep:
        """Take away what nobody is at any more, and tell workers of what is to be done and has no job; gives what that was.

        A JournalUnavailable where the jobs cannot be reached.
        """
        listed = await self.listed()
        idle = frozenset(
            job.id for job in listed if job.doing and job.worker in self._been and job.id not in self._at
        )
        found = sweep(wanted, listed, idle & self._idle)
        self._idle = idle
        if found.lost:
            with _in_words(self._address):
                await self._app.connector.execute_query_async(_DROPPED, ids=[*found.lost])
        await self.defer(found.missing)
        return found

    async def work(self, chores: Chores, at_once: int, duties: Mapping[str, str]) -> None:
        """Do jobs until this is cancelled, so many at once; those under way are then waited for.

        `duties` say what is to be done when, by the duty's name: an expression as cron has them, in UTC.
        """
        self._take_up(chores, duties)
        asyncio.get_running_loop().set_exception_handler(_say)
        this = asyncio.current_task()
        assert this is not None  # noqa: S101 - a coroutine runs in one
        while not this.cancelling():
            try:
                await self._app.run_worker_async(
                    queues=[QUEUE],
                    name="pairs",
                    concurrency=at_once,
                    install_signal_handlers=False,
                    delete_jobs="always",
                    update_heartbeat_interval=BEAT_SECONDS,
                    stalled_worker_timeout=SILENT_SECONDS,
                    fetch_job_polling_interval=POLL_SECONDS,
                )
            except exceptions.ConnectorException as error:
                if this.cancelling():
                    return
                reason = _reason(error)
                logger().error("the jobs can't be reached; this worker tries again", reason=reason)
            else:
                logger().warning("the connection to the jobs was lost; this worker tries again")
            await asyncio.sleep(RETRY_SECONDS)

    def _take_up(self, chores: Chores, duties: Mapping[str, str]) -> None:
        """Tell the library what its jobs mean."""
        app = self._app

        @contextmanager
        def at(context: procrastinate.JobContext) -> Iterator[None]:
            job = context.job
            assert job.id is not None and job.worker_id is not None  # noqa: S101, PT018 - it was fetched
            self._been.add(job.worker_id)
            self._at.add(job.id)
            try:
                yield
            finally:
                self._at.discard(job.id)

        @app.task(name=_BRING, queue=QUEUE, pass_context=True)
        async def bring(context: procrastinate.JobContext, fleet: str, pair: str, left: int) -> None:
            hint = Hint(fleet, pair)
            with at(context):
                if not await chores.bring(hint, left):
                    await self._defer([_bringing(hint, left + 1)])

        @app.task(name=_DO, queue=QUEUE, pass_context=True)
        async def do(context: procrastinate.JobContext, duty: str, pair: str, due: int, left: int) -> None:
            task = Duty(duty, pair, datetime.fromtimestamp(due, UTC))
            with at(context):
                if not await chores.do(task, left):
                    await self._defer([_doing(task, left + 1)])

        @app.task(name=_BEGIN, queue=QUEUE, pass_context=True)
        async def begin(context: procrastinate.JobContext, timestamp: int, duty: str) -> None:
            due = datetime.fromtimestamp(timestamp, UTC)
            with at(context):
                await self._defer([_doing(Duty(duty, pair, due), 0) for pair in await chores.turn(duty)])

        for duty, cron in duties.items():
            app.periodic(
                cron=cron, periodic_id=duty, queueing_lock=duty, priority=1, task_kwargs={"duty": duty}
            )(begin)


def _bringing(hint: Hint, left: int) -> jobs.Job:
    return _job(
        _BRING, hint.pair, f"{hint.fleet}/{hint.pair}", left, {"fleet": hint.fleet, "pair": hint.pair}
    )


def _doing(duty: Duty, left: int) -> jobs.Job:
    name = f"{duty.name}/{duty.pair}"
    due = int(duty.due.timestamp())
    # Live drills move real pairs: one after the other.
    lock = duty.name if duty.name == LIVE_DRILL else name
    return _job(_DO, lock, name, left, {"duty": duty.name, "pair": duty.pair, "due": due})


def _job(task: str, lock: str, queueing_lock: str, left: int, about: dict[str, Any]) -> jobs.Job:
    """A job; one that others have left waits for a while, and for whatever nobody has left."""
    after = LEFT_SECONDS if left < LEFT_OFTEN else LEFT_OFTEN_SECONDS
    return jobs.Job(
        id=None,
        queue=QUEUE,
        priority=-left,
        lock=lock,
        queueing_lock=queueing_lock,
        task_name=task,
        task_kwargs={**about, "left": left},
        scheduled_at=datetime.now(UTC) + timedelta(seconds=after) if left else None,
    )


def _quiet() -> None:
    """Leave to us what is said of the database, and to nobody else its tracebacks."""
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)


def _say(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Of a job whose end could not be told to the database, mostly: the sweeper takes it away."""
    error = context.get("exception")
    reason = _reason(error) if isinstance(error, Exception) else str(error or context["message"])
    logger().warning("left to the sweeper", reason=reason)
