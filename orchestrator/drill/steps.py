"""The steps of a scenario, done one after the other, and what was seen of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import assert_never

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.errors import HamrError, Interrupted
from orchestrator.model.drill import Expectation
from orchestrator.model.plain import JSON
from orchestrator.model.protocols import Watcher
from orchestrator.model.result import RunResult
from orchestrator.model.run import Mode, RunRequest, Stamp
from orchestrator.model.scenario import (
    At,
    ComesBack,
    Deed,
    DoAdopt,
    DoResume,
    DoRun,
    Expect,
    GoesDark,
    Meanwhile,
    ScenarioStep,
    SomebodyWrites,
    Wrote,
)
from orchestrator.model.status import Status
from orchestrator.operations.active_run import RunControl
from orchestrator.operations.run import adopt, resume, start
from orchestrator.operations.status import read_status
from orchestrator.simulator import HAMR_PATH, LoggedRequest, faults_of

from .expectations import MOST_SHOWN, Seen, expectations_of
from .home import pace
from .persons_store import PersonsStore, ProcessDied
from .stage import Stage, names_of
from .stand_ins import RehearsedSession


class Done(Struct):
    """A step that was done."""

    name: str
    deed: Deed
    seen: Seen
    expectations: tuple[Expectation, ...]
    result: RunResult | None = None
    """None where it is no command, or one that was refused before it began."""


class _Came(Struct):
    """What came of a deed."""

    result: RunResult | None = None
    error: HamrError | None = None
    died: bool = False

    @property
    def exit(self) -> int | None:
        """The exit code that the command would have; None where its process died, or there is no command."""
        if self.result is not None:
            return int(self.result.exit_code)
        if isinstance(self.error, Interrupted):
            return int(self.error.code)
        return None if self.error is None else int(self.error.exit_code)

    @property
    def said(self) -> str:
        """How it ended, in words."""
        if self.result is not None:
            return self.result.ending.message
        return "its process died" if self.died else "" if self.error is None else self.error.message


class Doing(Struct):
    """Does the steps of a scenario on its stage."""

    stage: Stage
    drill: str
    watchers: Sequence[Watcher] = ()
    controls: RunControl = field(default_factory=RunControl)

    async def step(self, step: ScenarioStep) -> tuple[Done, ...]:
        """Do one step, and what happens in the middle of it; what the step itself came to stands first."""
        stage, meanwhile = self.stage, step.meanwhile
        stage.said.values.update(step.probes)
        stage.simulation.faults.add(*faults_of(step.faults))
        beside: list[asyncio.Task[Done]] = []

        def happens() -> None:
            assert meanwhile is not None  # noqa: S101 - it is only called then
            beside.append(self._begin(meanwhile))

        moment = None if meanwhile is None else meanwhile.at
        person = stage.person(step.by, dies=step.dies, meanwhile=moment, happens=happens)
        done = await self._do(step.name, step.deed, step.expect, person)
        others = [await task for task in beside]
        if meanwhile is not None and not beside:
            done.expectations += (_never_came(f"{step.name}: {meanwhile.name}", meanwhile.at, done.seen),)
        if step.dies is not None and not person[1].dead:
            done.expectations += (_never_came(f"{step.name}: its process dies", step.dies, done.seen),)
        return (done, *others)

    def _begin(self, meanwhile: Meanwhile) -> asyncio.Task[Done]:
        """What happens in the middle of a step: in the world at once, by a person beside the step."""
        person = self.stage.person(meanwhile.by)
        if not isinstance(meanwhile.deed, _TYPED):
            change_world(self.stage, meanwhile.deed)
        work = self._do(meanwhile.name, meanwhile.deed, meanwhile.expect, person, beside=True)
        return asyncio.get_running_loop().create_task(work)

    async def _do(
        self,
        name: str,
        deed: Deed,
        expect: Expect,
        person: tuple[RehearsedSession, PersonsStore],
        *,
        beside: bool = False,
    ) -> Done:
        (session, store), stage = person, self.stage
        clock, before = stage.desk.clock, len(stage.simulation.requests)
        began, came = clock.monotonic(), _Came()
        if isinstance(deed, _TYPED):
            came = await self._type(deed, session, beside=beside)
        elif not beside:
            change_world(stage, deed)
        seconds = clock.monotonic() - began
        if came.died:
            stage.bury(session)
        requests = stage.simulation.requests[before:]
        if beside:
            runs = {record.run for record in store.records_written}
            requests = tuple(request for request in requests if _run_of(request) in runs)
        phase = "" if came.result is None else came.result.phase
        if expect.phase is not None and not phase:
            phase = (await read_status(stage.person()[0], needed=frozenset())).phase.label
        seen = replace(
            seen_now(stage, name, seconds, phase, requests),
            exit=came.exit,
            died=came.died,
            refused=() if came.result is None else tuple(each.guard for each in came.result.refused_by),
            said=came.said,
            records=tuple(store.records_written),
        )
        return Done(name, deed, seen, expectations_of(expect, seen), came.result)

    async def _type(
        self, deed: DoRun | DoResume | DoAdopt, session: RehearsedSession, *, beside: bool
    ) -> _Came:
        controls = RunControl() if beside else self.controls
        watchers = () if beside else self.watchers
        try:
            return _Came(await self._command(deed, session, watchers, controls))
        except HamrError as error:
            return _Came(error=error)
        except ProcessDied:
            return _Came(died=True)

    async def _command(
        self,
        deed: DoRun | DoResume | DoAdopt,
        session: RehearsedSession,
        watchers: Sequence[Watcher],
        controls: RunControl,
    ) -> RunResult:
        match deed:
            case DoRun(to=to, emergency=emergency, reason=reason, overrides=overrides):
                named = {**pace(session, self.drill), **overrides}
                mode = Mode.EMERGENCY if emergency else Mode.PLANNED
                request = RunRequest(session.pair.name, to, mode, reason, named, ref=self.drill)
                return await start(session, request, watchers=watchers, controls=controls, drill=self.drill)
            case DoResume(emergency=emergency, reason=reason):
                mode_now = Mode.EMERGENCY if emergency else None
                return await resume(
                    session,
                    session.history().open_run,
                    mode=mode_now,
                    reason=reason,
                    watchers=watchers,
                    controls=controls,
                )
            case DoAdopt(truth=truth, reason=reason):
                return await adopt(session, truth, reason, watchers=watchers, controls=controls)
            case _ as never:
                assert_never(never)


_TYPED = (DoRun, DoResume, DoAdopt)


def change_world(stage: Stage, deed: GoesDark | ComesBack | SomebodyWrites) -> None:
    """Do what nobody types."""
    simulation = stage.simulation
    match deed:
        case GoesDark(org=org, silent=silent):
            simulation.set_dark(org, True, silent=silent)
        case ComesBack(org=org):
            simulation.set_dark(org, False)
        case SomebodyWrites(org=org, status=status, modified_by=name):
            simulation.foreign_write(org, status, name)
        case _ as never:
            assert_never(never)


def seen_now(stage: Stage, name: str, seconds: float, phase: str, requests: Sequence[LoggedRequest]) -> Seen:
    """What can be seen of the pair just now.

    Args:
        stage: where.
        name: the step's.
        seconds: how long it took.
        phase: where the pair stands.
        requests: what the regions were asked meanwhile.
    """
    writes = [request for request in requests if is_write(request)]
    renamed = stage.scenario.regions.renames_author
    return Seen(
        name,
        seconds,
        phase,
        writes=tuple(_wrote(request) for request in writes if request.applied),
        sent_to=frozenset(request.role for request in writes),
        owed=stage.person()[0].history().owed,
        names=names_of(stage),
        our_names=frozenset(org.caller for org in stage.simulation.config.orgs) if renamed else frozenset(),
    )


def is_write(request: LoggedRequest) -> bool:
    """Whether it wants to write a record."""
    return request.method == "POST" and request.path == HAMR_PATH


def attributes_of(request: LoggedRequest) -> Mapping[str, JSON]:
    """A write's attributes, in whichever casing they were sent."""
    data = request.body.get("data") if isinstance(request.body, dict) else None
    found = data.get("attributes") if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def stamp_of(request: LoggedRequest) -> str:
    """The `modified_by` that a write carries."""
    attributes = attributes_of(request)
    return str(attributes.get("modified_by", attributes.get("ModifiedBy", "")))


def _run_of(request: LoggedRequest) -> str:
    stamp = Stamp.parse(stamp_of(request))
    return "" if stamp is None else stamp.run


def _wrote(request: LoggedRequest) -> Wrote:
    attributes = attributes_of(request)
    number = attributes.get("hamr_status", attributes.get("HamrStatus"))
    status = Status.of(number) if isinstance(number, int) else None
    return Wrote(request.role, Status.UNSPECIFIED if status is None else status)


def _never_came(name: str, at: At, seen: Seen) -> Expectation:
    found = f"record {at.number} of kind {at.after} was never written"
    return Expectation(
        f"{name}, after {at.after} {at.number}",
        False,
        found,
        tuple(record.seq for record in seen.records)[-MOST_SHOWN:],
    )
