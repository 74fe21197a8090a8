"""One pair, opened from Python: look at it, plan, run, resume.

Nothing here writes to an org unless `run`, `resume` or `drill` stands in the call's name.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from orchestrator.drill import FailbackResult, close, drill_named
from orchestrator.drill import drill as drill_live
from orchestrator.drill.stand_ins import ProbeStubs, RehearsedSession
from orchestrator.errors import UsageError
from orchestrator.journal import JournalStore
from orchestrator.model import next_step
from orchestrator.model.events import JournalMoved
from orchestrator.model.plan import Plan
from orchestrator.model.playbook import Playbook
from orchestrator.model.protocols import Store
from orchestrator.model.result import DrillResult, RunResult
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.situation import PairStatus
from orchestrator.model.status import Status
from orchestrator.operations.finding import Resumable, all_histories, playbook_of_drill, to_resume
from orchestrator.operations.holding import RunControl
from orchestrator.operations.plan import make_plan
from orchestrator.operations.preflight import check_overrides, check_request, require_emergency_reason
from orchestrator.operations.run import apply, start
from orchestrator.operations.run import resume as resume_run
from orchestrator.operations.scheduled import start_at
from orchestrator.operations.session import Session
from orchestrator.operations.sources import Prepared, Sources
from orchestrator.operations.status import read_status
from orchestrator.system.keys import KeyRing
from orchestrator.system.log import embed
from orchestrator.system.redaction import Redactor

from .calls import (
    PLANNED,
    Listener,
    UnderWay,
    as_status,
    as_text,
    loop_of_this_thread,
    reached,
    require_flags,
    require_moments,
    require_reasons,
    require_texts,
    watchers,
)
from .reading import Journal

P = ParamSpec("P")
T = TypeVar("T")


def open_pair(
    name: str,
    *,
    pairs: str | os.PathLike[str] | None = None,
    playbook: str | os.PathLike[str] | None = None,
    journal: str | os.PathLike[str] | None = None,
    operator: str | None = None,
) -> OpenPair:
    """A pair of the inventory, ready to be looked at and worked on. Reads its files, and touches no org.

    What is not given comes from where the command `hamr` takes it.

    Args:
        name: what the inventory calls it.
        pairs: the inventory's file; None looks at HAMR_PAIRS, then for ./pairs.yaml.
        playbook: a playbook's file, or the name of a shipped one; None looks at HAMR_PLAYBOOK, then takes the default.
        journal: the journal's file; None looks at HAMR_JOURNAL, then in ~/.local/state/hamr/journal.db.
        operator: NAME@HOST, who the records and the journal will say it was; None looks at HAMR_OPERATOR, then at
            who is logged in.

    Raises:
        UsageError: the pair, the playbook or the operator is not there, or cannot be right.
        DocumentError: a file has problems; with all of them at once.
    """
    return open_from(Sources(as_text(pairs), as_text(playbook), as_text(journal), operator), name)


def open_from(sources: Sources, name: str) -> OpenPair:
    """As `open_pair`, for whoever has the sources already."""
    require_texts(name=name, operator="" if sources.operator is None else sources.operator)
    prepared = sources.prepare(name)
    sources.place()
    return OpenPair(sources, prepared, embed())


class OpenPair:
    """A pair, its playbook and its journal. `orchestrator.open_pair` makes it; there is nothing to close.

    The journal's file is opened for each call, and made by the first one that runs something. Keys are fetched when
    they are first needed, and kept as long as this object.
    """

    def __init__(
        self,
        sources: Sources,
        prepared: Prepared,
        redactor: Redactor,
        stand_ins: Callable[[Playbook], ProbeStubs] | None = None,
    ) -> None:
        self.name: Final = prepared.pair.name
        """What the inventory calls the pair."""
        self.pair: Final = prepared.pair
        """Its two orgs."""
        self.playbook: Final = prepared.playbook
        """The playbook that plans and runs go by."""
        self.operator: Final = prepared.operator
        """Who the records and the journal will say it was."""
        self._sources = sources
        self._prepared = prepared
        self._redactor = redactor
        self._stand_ins = stand_ins
        """What probes say, where the regions are simulated: then no hook's program is started either."""
        self._keys = KeyRing(prepared.environ, redactor)
        self._under_way = UnderWay()

    def __repr__(self) -> str:
        return f"OpenPair({self.name!r}, playbook={self.playbook.name!r}, journal={self.journal.place!r})"

    @functools.cached_property
    def journal(self) -> Journal:
        """The journal, to be read."""
        return Journal(self._sources)

    @functools.cached_property
    def sync(self) -> WaitingPair:
        """The same pair for programs without an event loop: `pair.sync.plan("ACTIVE")`."""
        return WaitingPair(self)

    async def status(self) -> PairStatus:
        """Where the pair stands: both orgs, the phase, what is owed or unknown, the lock. Reads, and writes nothing.

        A HamrError where the journal cannot be read. What the orgs answer, or that they don't, is the result.
        """
        with self._session() as session:
            return await read_status(session)

    async def plan(
        self,
        goal: Status | str,
        *,
        emergency: bool = False,
        reason: str = "",
        overrides: Mapping[str, str] | None = None,
        ref: str = "",
        since: datetime | None = None,
        assume: Status | str | None = None,
    ) -> Plan:
        """What `run` would do with the same arguments, request by request. Reads, and cannot write.

        Args:
            goal: where to: a stop of the playbook.
            emergency: finish with the surviving org alone.
            reason: why; an emergency wants one.
            overrides: guards that may fail in this run, each with a reason.
            ref: a ticket or incident number, for the journal.
            since: when the incident began, which objectives are counted from; the run's own start where None.
            assume: plan as if both orgs stood there, without reading them.

        Raises:
            UsageError: an argument cannot be right.
            KeyUnavailable: in a planned mode, a key cannot be had.
            HamrError: the journal cannot be read.
        """
        request = self._request(
            goal, emergency=emergency, reason=reason, overrides=overrides, ref=ref, since=since
        )
        with self._session() as session:
            return await make_plan(session, request, assumed=None if assume is None else as_status(assume))

    async def run(
        self,
        goal: Status | str,
        *,
        emergency: bool = False,
        reason: str = "",
        overrides: Mapping[str, str] | None = None,
        ref: str = "",
        since: datetime | None = None,
        expect: Status | str | None = None,
        at: datetime | None = None,
        listener: Listener | None = None,
    ) -> RunResult:
        """Move the pair to a status. Returns when it stands there, and raises where it does not.

        Takes the pair's lock, reads everything again, and goes transition by transition: guards, then a write to each org, each seen
        by a read before the next. Nobody is asked. A task that is cancelled meanwhile gives up waiting, and leaves a
        run that `resume` takes up; `stop` is gentler.

        Arguments as for `plan`; `listener` is told what happens, step by step. A planned move may `expect` the pair to
        stand at a status when it begins, and wait until a moment, `at`, without the pair's lock; `stop`, or `hamr cancel`
        from elsewhere, ends that. The result's exit code is DONE; or, of an
        emergency, OWING: then `owed` says what the other org has to be told.

        Raises:
            UsageError: an argument cannot be right.
            Refused: guards, or where the pair stands; nothing was sent, or no more than the result says.
            Locked: another run holds the pair.
            Conflict: somebody else wrote.
            Incomplete: it stopped midway.
            OutcomeUnknown: nobody knows what became of a write.
            HamrError: anything else that stopped it. Where a run began, the error's `result` tells how it ended.
        """
        request = self._request(
            goal, emergency=emergency, reason=reason, overrides=overrides, ref=ref, since=since, expect=expect
        )
        require_moments(at=at)
        async with self._at_work(listener, emergency=emergency) as (session, controls):
            if at is None:
                result = await start(session, request, controls=controls)
            else:
                result = await start_at(session, request, at, controls=controls)
        return reached(result, self.pair)

    async def run_plan(self, plan: Plan, *, listener: Listener | None = None) -> RunResult:
        """Run a plan that was made before, exactly, once, and within a quarter of an hour.

        Conflict where it is spent or expired, or the playbook, the inventory's orgs or their records have changed since; else raises as `run`.
        """
        emergency = plan.request.mode is Mode.EMERGENCY
        async with self._at_work(listener, emergency=emergency) as (session, controls):
            result = await apply(session, plan, controls=controls)
        return reached(result, self.pair)

    async def resume(
        self,
        run: str | None = None,
        *,
        emergency: bool = False,
        reason: str = "",
        overrides: Mapping[str, str] | None = None,
        listener: Listener | None = None,
    ) -> RunResult:
        """Take up the pair's open run, whoever began it, with the playbook that it began with; or deliver what is owed.

        `run` is which one, where that is to be checked. The overrides hold beside those that the run began with; the other
        arguments are as for `run`.

        Raises:
            UsageError: there is nothing to resume, or an argument cannot be right.
            HamrError: as `run` says.
        """
        require_flags(emergency=emergency)
        require_texts(reason=reason)
        require_reasons(overrides)
        mode = Mode.EMERGENCY if emergency else None
        require_emergency_reason(mode, reason, next_step.resume(run or self.name).as_emergency())
        found, playbook = self._resumable(run)
        check_overrides(overrides or {}, playbook)
        hastens = emergency or (found.run is not None and found.run.resumes_as is Mode.EMERGENCY)
        async with self._at_work(listener, emergency=hastens, playbook=playbook) as (session, controls):
            over = dict(overrides or {})
            result = await resume_run(
                session, found.run, mode=mode, reason=reason, overrides=over, controls=controls
            )
        return reached(result, self.pair)

    async def drill(
        self, goal: Status | str = Status.ACTIVE, *, notes: str = "", listener: Listener | None = None
    ) -> DrillResult:
        """Take the pair to a goal and home again, for real, and score it. Only where the inventory says `drill: true`.

        Whether every expectation held is in the result: `result.score.passed`. Until the drill is closed, no other run
        but an emergency's gets the pair; it closes itself where it comes home, and `result.closed` says so.

        Raises:
            Refused: the pair is not for drills, or in no state to be drilled.
            HamrError: the journal or the orgs could not be used at all.
        """
        require_texts(notes=notes)
        async with self._at_work(listener) as (session, controls):
            return await drill_live(session, as_status(goal), notes=notes, controls=controls)

    async def close_drill(
        self, notes: str = "", *, overrides: Mapping[str, str] | None = None
    ) -> FailbackResult:
        """Clean up after a drill of this pair that stayed open: bring the pair home, and close it.

        The overrides are of guards that may fail on the way home; the journal keeps the notes.

        Raises:
            UsageError: no drill of the pair is open.
            Incomplete: it can't be brought home; the drill stays open.
            HamrError: as `run` says.
        """
        require_texts(notes=notes)
        require_reasons(overrides)
        with self._sources.store(writes=False) as store:
            histories = all_histories(store)
            found = drill_named(histories, self.name)
        playbook = playbook_of_drill(histories[found.pair], found)
        async with self._at_work(playbook=playbook) as (session, controls):
            return await close(session, found, notes, overrides=overrides, controls=controls)

    def stop(self) -> bool:
        """Ask a run of this object to stop before its next write, from any thread; it can be resumed then. Whether there was a run to ask.

        Asked a second time, it gives up waiting: a write in flight is journalled as unknown.
        """
        return self._under_way.stop()

    def _request(
        self,
        goal: Status | str,
        *,
        emergency: bool,
        reason: str,
        overrides: Mapping[str, str] | None,
        ref: str,
        since: datetime | None,
        expect: Status | str | None = None,
    ) -> RunRequest:
        require_flags(emergency=emergency)
        require_texts(reason=reason, ref=ref)
        require_reasons(overrides)
        require_moments(since=since)
        if emergency and expect is not None:
            raise UsageError("expect is for planned moves: an emergency goes by what it finds")
        mode = Mode.EMERGENCY if emergency else Mode.PLANNED
        stands = None if expect is None else as_status(expect)
        request = RunRequest(
            self.name, as_status(goal), mode, reason, dict(overrides or {}), ref, since, stands
        )
        check_request(request, self.playbook)
        return request

    def _resumable(self, run: str | None) -> tuple[Resumable, Playbook]:
        """What there is to resume, and the playbook that it began with; a UsageError where that is nothing, or another pair's."""
        with self._sources.store_for(writes=False, emergency=True)[0] as store:
            found, playbook = to_resume(store, run or self.name, [self.pair])
        if found.pair != self.name:
            raise UsageError(
                f"run {run} belongs to pair {found.pair}, and this is pair {self.name}",
                next_steps=(found.command,),
            )
        return found, playbook or self.playbook

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self._sources.store(writes=False) as store:
            yield self._session_on(store, self.playbook)

    def _session_on(self, store: Store, playbook: Playbook) -> Session:
        prepared = self._prepared
        wired = (prepared.pair, playbook, prepared.operator, store, prepared.environ, self._redactor)
        if self._stand_ins is None:
            return Session(*wired, key_ring=self._keys)
        stubs = self._stand_ins(playbook)
        return RehearsedSession(*wired, key_ring=self._keys, stubs=stubs, scripted=True)

    @asynccontextmanager
    async def _at_work(
        self, listener: Listener | None = None, *, emergency: bool = False, playbook: Playbook | None = None
    ) -> AsyncIterator[tuple[Session, RunControl]]:
        """What a run needs, once it is its turn; `stop` reaches it while it waits for that, too."""
        with self._under_way.controls() as controls:
            controls.watchers = watchers(listener)
            async with nullcontext() if emergency else PLANNED.one():
                store, moved = await self._journal(emergency=emergency)
                with store:
                    session = self._session_on(store, playbook or self.playbook)
                    if emergency:
                        session.refuge, session.moved = self._sources.refuge(), moved
                    yield session, controls
                    session.store.close()  # it may be another by now

    async def _journal(self, *, emergency: bool) -> tuple[JournalStore, JournalMoved | None]:
        """The journal, opened beside the loop: it may have to wait for others who write.

        An emergency has a thread of its own, and less patience; with a team's that can't be reached, this machine's own
        is opened. What is opened although nobody waits for it any more is
        closed again.
        """
        thread = ThreadPoolExecutor(1) if emergency else None
        opening = asyncio.get_running_loop().run_in_executor(
            thread, functools.partial(self._sources.store_for, writes=True, emergency=emergency)
        )
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)
            raise
        finally:
            if thread is not None:
                thread.shutdown(wait=False)


def _close(opening: asyncio.Future[tuple[JournalStore, JournalMoved | None]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].close()


def _waiting(
    call: Callable[Concatenate[OpenPair, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[WaitingPair, P], T]:
    """A call of OpenPair that returns when it is done."""

    @functools.wraps(call)
    def wait(self: WaitingPair, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if loop_of_this_thread() is not None:
            name = call.__name__
            raise UsageError(
                f"sync.{name}() was called where an event loop runs already, and would block it: write `await pair.{name}(…)`"
            )
        return asyncio.run(call(self.pair, *args, **kwargs))

    return wait


class WaitingPair:
    """An OpenPair whose calls wait until they are done; `pair` is the OpenPair itself."""

    def __init__(self, pair: OpenPair) -> None:
        self.pair = pair

    def __repr__(self) -> str:
        return f"{self.pair!r}.sync"

    status = _waiting(OpenPair.status)
    plan = _waiting(OpenPair.plan)
    run = _waiting(OpenPair.run)
    run_plan = _waiting(OpenPair.run_plan)
    resume = _waiting(OpenPair.resume)
    drill = _waiting(OpenPair.drill)
    close_drill = _waiting(OpenPair.close_drill)
