"""One process among several that bring pairs on for fleet runs, and do in peace what the schedule wants.

A job only says which pair to look at: what is to be done, the journal and the orgs say (`bring_pair`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from orchestrator import __version__
from orchestrator.config import parse_playbook
from orchestrator.config.scenario import Scenario
from orchestrator.datadog.connections import SharedConnections
from orchestrator.doctor import examine, keeper
from orchestrator.drill import DrillContext, drill, rehearse
from orchestrator.errors import ExitCode, HamrError, JournalUnavailable, KeyUnavailable
from orchestrator.journal import JournalStore, ThreadCalls
from orchestrator.model.fleet import FleetView
from orchestrator.model.org import Inventory, Org
from orchestrator.model.playbook import Playbook
from orchestrator.model.readiness_history import ReadinessHistory
from orchestrator.model.run import Mode, Operator
from orchestrator.model.status import Status
from orchestrator.operations.holding import RunControl
from orchestrator.operations.session import Session
from orchestrator.operations.sources import Prepared, Sources
from orchestrator.system.log import bind, logger
from orchestrator.system.redaction import Redactor

from .bring import bring_pair
from .crew import Hint, OpenFleets
from .queue import DOCTOR, DRILL, LIVE_DRILL, Chores, Duty, Jobs
from .readiness import ReadinessOverTime

LOOK_EVERY = 1.0
"""Seconds between two looks at what others have journalled of the fleets."""

SWEEP_EVERY = 10
"""Looks between two sweeps."""

STOPPED_SECONDS = 10.0
"""After so long without a look this process was stopped: deadlines have passed in which nothing could be done."""

READINESS_DAYS = 30
"""Of how long a time the metrics tell: as `hamr readiness` does."""


class Gear(Struct, frozen=True, eq=False):
    """What a worker works with."""

    sources: Sources
    inventory: Inventory
    playbook: Playbook
    """For what the schedule wants; a fleet run brings its own."""
    operator: Operator
    store: JournalStore
    redactor: Redactor

    def readiness(self) -> Callable[[], Iterable[ReadinessHistory]]:
        """What tells how ready each pair is, and was in the last month: drills on the simulator stand in the journal itself, too."""
        names = [pair.name for pair in self.inventory.pairs]
        over_time = ReadinessOverTime(self.store, names, self.playbook, timedelta(days=READINESS_DAYS))
        return lambda: over_time.read(datetime.now(UTC))


class Lane(Struct, frozen=True, eq=False):
    """What one pair after the other uses: what several journal at the same time then goes into one transaction."""

    connections: SharedConnections
    calls: ThreadCalls


class Worker:
    """One worker, that many pairs `at_once`; `work` is its life."""

    def __init__(self, gear: Gear, jobs: Jobs, at_once: int) -> None:
        self._gear, self._jobs, self._at_once = gear, jobs, at_once
        self._pairs = {pair.name: pair for pair in gear.inventory.pairs}
        self._fleets = OpenFleets(gear.store)
        self._calls = ThreadCalls()
        self._playbooks: dict[str, Playbook] = {}
        self._lead: Session | None = None
        """The session whose keys and certificates the others share."""
        self._idle: list[Lane] = []
        """Those that nobody uses just now."""
        self._under_way: dict[Hint, RunControl] = {}
        self._at_work: asyncio.Task[None] | None = None
        self._asked = 0
        self._said: set[str] = set()
        """What was said already, and would be said at each job."""

    async def work(self) -> None:
        """Work until `interrupt` ends it."""
        schedule = self._gear.inventory.schedule
        times = {DOCTOR: schedule.doctor, DRILL: schedule.drill, LIVE_DRILL: schedule.live_drill}
        duties = {duty: time for duty, time in times.items() if time is not None}
        logger().info(
            "worker begins",
            journal=self._gear.store.place,
            at_once=self._at_once,
            pairs=len(self._pairs),
            **duties,
        )
        chores = Chores(self._bring, self._turn, self._do)
        self._at_work = asyncio.create_task(self._jobs.work(chores, self._at_once, duties))
        looking = asyncio.create_task(self._look_on())
        try:
            with suppress(asyncio.CancelledError):
                await self._at_work
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            for lane in self._idle:
                await lane.connections.__aexit__()
        logger().info("worker ends")

    def interrupt(self, code: ExitCode) -> bool:
        """Once: begin nothing new, and end after the transitions under way. Twice: stop before the next write. Then: give up waiting."""
        self._asked += 1
        if self._asked == 1:
            logger().info(
                "worker stops: what is under way ends its transition", under_way=len(self._under_way)
            )
            for controls in self._under_way.values():
                controls.hand_on(code)
            if self._at_work is not None:
                self._at_work.cancel()
        else:
            for controls in self._under_way.values():
                controls.interrupt(code)
        return True

    # -- fleet runs ------------------------------------------------------------------------------------------

    async def _look_on(self) -> None:
        """Take note of what others have journalled, and mend what is left of workers that were killed."""
        looks, lost, looked = 0, False, time.monotonic()
        while True:
            self._note_stop(time.monotonic() - looked)
            try:
                await self._look(sweeps=looks % SWEEP_EVERY == 0)
            except JournalUnavailable as error:
                if not lost:
                    logger().error("worker waits for its database", reason=error.message)
                lost = True
            else:
                if lost:
                    logger().info("the database is there again")
                lost = False
            looks, looked = looks + 1, time.monotonic()
            await asyncio.sleep(LOOK_EVERY)

    def _note_stop(self, seconds: float) -> None:
        """What this process was at when it was stopped for so long may have ended for want of time alone."""
        if seconds > STOPPED_SECONDS:
            logger().warning(
                "worker was stopped for long: what it leaves in the middle is gone on with",
                seconds=round(seconds),
            )
            for controls in self._under_way.values():
                controls.hands_on = True

    async def _look(self, *, sweeps: bool) -> None:
        await self._calls(self._fleets.look)
        for hint, controls in self._under_way.items():
            if why := self._fleets.why_not(hint.fleet):
                self._say_once(f"{hint.fleet} {why}", "a fleet run stops", fleet=hint.fleet, why=why)
                view = self._fleets.view(hint.fleet)
                taken = view is not None and not view.for_workers and not view.stop_asked
                let_go = controls.hand_on if taken else controls.rest
                let_go(ExitCode.INTERRUPTED)
        for view in self._fleets.of_other_versions():
            self._say_once(
                view.fleet,
                "a fleet run was planned by another hamr: workers of that version alone take its pairs",
                fleet=view.fleet,
                planned_by=view.started.version,
                this=__version__,
            )
        if sweeps:
            found = await self._jobs.sweep(self._fleets.wanted())
            if found.lost or found.missing:
                logger().info("jobs mended", lost=len(found.lost), missing=len(found.missing))

    async def _bring(self, hint: Hint, left: int) -> bool:
        with bind(fleet=hint.fleet, pair=hint.pair):
            try:
                return await self._brought(hint, left)
            except HamrError as error:  # the journal's: the sweeper has it done again when that is back
                logger().error("pair is left as the journal has it", reason=error.message)
                return True
            finally:
                self._under_way.pop(hint, None)

    async def _brought(self, hint: Hint, left: int) -> bool:
        if self._fleets.view(hint.fleet) is None:
            await self._calls(self._fleets.look)
        view = self._fleets.view(hint.fleet)
        if view is None or self._fleets.why_not(hint.fleet):
            return True
        session = await self._session(hint.pair, left, view)
        if session is None:
            return False
        if self._asked:
            return True  # the sweeper of another one finds that it has no job any more
        controls = self._under_way[hint] = RunControl()
        logger().info("pair taken", goal=str(view.started.goal))
        async with self._connected(session):
            outcome = await bring_pair(session, view, controls=controls)
        logger().info(
            "pair is with another process" if outcome.elsewhere else "pair ended",
            run=outcome.run,
            exit_code=outcome.exit_code,
            phase=outcome.phase,
            seconds=round(outcome.seconds, 3),
            message=outcome.message,
        )
        return True

    def _playbook_of(self, view: FleetView) -> Playbook:
        """The fleet's own, as its record has it: every worker goes by the same text."""
        started = view.started
        if started.playbook_sha256 not in self._playbooks:
            self._playbooks[started.playbook_sha256] = parse_playbook(
                started.playbook_text, f"the playbook of fleet {view.fleet}"
            )
        return self._playbooks[started.playbook_sha256]

    # -- what the schedule wants -----------------------------------------------------------------------------

    async def _turn(self, duty: str) -> Sequence[str]:
        if duty == DRILL:
            return [""]
        return [pair.name for pair in self._pairs.values() if duty == DOCTOR or pair.drill]

    async def _do(self, duty: Duty, left: int) -> bool:
        with bind(duty=duty.name, pair=duty.pair):
            try:
                return await self._done(duty, left)
            except HamrError as error:
                logger().error("a duty came to nothing", reason=error.message)
                return True

    async def _done(self, duty: Duty, left: int) -> bool:
        gear = self._gear
        if duty.name == DRILL:
            context = DrillContext(gear.store, gear.operator, gear.sources.environ, gear.redactor)
            rehearsed = await rehearse(context, Scenario(""), gear.playbook, notes="on schedule")
            logger().info("drill ended", drill=rehearsed.score.drill, exit_code=int(rehearsed.exit_code))
            return True
        session = await self._session(duty.pair, left)
        if session is None:
            return False
        if duty.name == DOCTOR:
            async with self._connected(session):
                (found,) = await examine((session,), keep=keeper(gear.sources))
            logger().info("doctor ended", planned=found.planned.value, emergency=found.emergency.value)
            return True
        late = datetime.now(UTC) - duty.due
        if late > gear.inventory.schedule.window:
            logger().warning(
                "live drill is not begun: its window is over", due=duty.due.isoformat(), late=str(late)
            )
            return True
        async with self._connected(session):
            result = await drill(session, Status.ACTIVE, notes="on schedule")
        logger().info("live drill ended", drill=result.score.drill, exit_code=int(result.exit_code))
        return True

    # -- what both need --------------------------------------------------------------------------------------

    async def _session(self, name: str, left: int, view: FleetView | None = None) -> Session | None:
        """A session on a pair, as a fleet run moves it, or else in peace; None: it is left to others, which is said once of each."""
        gear, pair, session = self._gear, self._pairs.get(name), None
        if pair is None:
            why = f"it is not in {gear.inventory.path}"
        elif view is not None and not view.is_of(pair):
            why = f"{gear.inventory.path} named other orgs for it when this worker began"
        else:
            playbook = gear.playbook if view is None else self._playbook_of(view)
            prepared = Prepared(pair, playbook, gear.operator, gear.sources.environ)
            session = prepared.session(gear.store, gear.redactor, beside=self._lead)
            session.names = frozenset(self._pairs)
            self._lead = self._lead or session
            why = await self._lacking(session, Mode.PLANNED if view is None else view.started.mode)
        if why:
            self._say_once(f"{name} {why}", "pair is left to other workers", left_by=left + 1, why=why)
        return None if why else session

    async def _lacking(self, session: Session, mode: Mode) -> str:
        """Why this worker can't act on a pair, for want of its keys; an emergency goes on with either org's."""
        lacking = [why for org in session.pair.orgs if (why := await self._lacks(session, org))]
        enough = len(lacking) < len(tuple(session.pair.orgs)) if mode is Mode.EMERGENCY else not lacking
        return "" if enough else "; ".join(lacking)

    async def _lacks(self, session: Session, org: Org) -> str:
        try:
            await session.keys.resolve(org.api_key, org=str(org), which="api")
            await session.keys.resolve(org.app_key, org=str(org), which="app")
        except KeyUnavailable as error:
            return error.message
        return ""

    @asynccontextmanager
    async def _connected(self, session: Session) -> AsyncIterator[None]:
        """A lane for a pair, which the next one goes on with."""
        lane = self._idle.pop() if self._idle else Lane(SharedConnections(session.trust), ThreadCalls())
        session.transports, session.calls = lane.connections.to(session.pair.orgs), lane.calls
        try:
            yield
        finally:
            self._idle.append(lane)

    def _say_once(self, what: str, event: str, **facts: object) -> None:
        if what not in self._said:
            self._said.add(what)
            logger().warning(event, **facts)
