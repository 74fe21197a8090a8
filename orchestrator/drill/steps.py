"""The steps of a scenario, done one after the other, and what was seen of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.config.scenario import (
    Action,
    At,
    ComesBack,
    Command,
    DoAdopt,
    DoResume,
    DoRun,
    Expect,
    GoesDark,
    Meanwhile,
    OrgStatus,
    ScenarioStep,
    SomebodyWrites,
)
from orchestrator.errors import HamrError
from orchestrator.model.playbook import Question, Reply
from orchestrator.model.result import Expectation, RunResult
from orchestrator.model.run import Mode, Stamp
from orchestrator.operations.status import read_status
from orchestrator.simulator import LoggedRequest

from .expectations import MOST_SHOWN, Observed, expectations_of
from .failback import OpenDrill
from .stage import Person, Stage
from .stand_ins import ProcessDied

Ended = RunResult | HamrError | ProcessDied | None
"""How a step ended: None for one that is no command."""


class StepResult(Struct):
    """A step that was done."""

    action: Action
    seen: Observed
    expectations: tuple[Expectation, ...]
    result: RunResult | None = None
    """None where it is no command, or one that was refused before it began."""


class StepRunner(Struct):
    """Does the steps of a scenario on its stage."""

    stage: Stage
    opened: OpenDrill

    async def step(self, step: ScenarioStep) -> tuple[StepResult, ...]:
        """Do one step, and what happens in the middle of it; what the step itself came to stands first."""
        stage = self.stage
        if step.later is not None:
            await stage.context.clock.sleep(step.later.total_seconds())
        self._change(step)
        beside: dict[str, asyncio.Task[StepResult | None]] = {}
        moments = [(each.at, partial(self._begin, each, beside)) for each in step.meanwhile]
        stopped: list[At] = []
        if step.stops is not None:
            moments.append((step.stops, partial(self._stop, step.stops, stopped)))
        person = stage.person(step.by, dies=step.dies, moments=moments)
        self.opened.controls.asker = partial(_reply, step.answers) if step.answers else None
        done = await self._do(step.name, step.action, step.expect, person)
        others = [await task for task in beside.values()]
        for each in step.meanwhile:
            if each.name not in beside:
                done.expectations += (_never_came(f"{step.name}: {each.name}", each.at, done.seen),)
        if step.dies is not None and not person.process.dead:
            done.expectations += (_never_came(f"{step.name}: its process dies", step.dies, done.seen),)
        if step.stops is not None and not stopped:
            done.expectations += (_never_came(f"{step.name}: it is stopped", step.stops, done.seen),)
        return (done, *(each for each in others if each is not None))

    def _change(self, part: ScenarioStep | Meanwhile) -> None:
        """What is otherwise from here on."""
        self.stage.stubs.values.update(part.probes)
        self.stage.stubs.hooks.update(part.hooks)
        self.stage.simulation.faults.add(*part.faults)

    def _stop(self, at: At, stopped: list[At]) -> None:
        """Somebody presses Ctrl-C."""
        stopped.append(at)
        engine = self.opened.controls.engine
        if engine is not None:
            engine.ask_to_stop("stopped before the next write, as asked")

    def _begin(self, meanwhile: Meanwhile, beside: dict[str, asyncio.Task[StepResult | None]]) -> None:
        """What happens in the middle of a step: in the world at once, by a person beside the step."""
        if meanwhile.later is None:
            self._happens(meanwhile)
        beside[meanwhile.name] = asyncio.get_running_loop().create_task(self._beside(meanwhile))

    def _happens(self, meanwhile: Meanwhile) -> None:
        self._change(meanwhile)
        if meanwhile.action is not None and not isinstance(meanwhile.action, Command):
            change_world(self.stage, meanwhile.action)

    async def _beside(self, meanwhile: Meanwhile) -> StepResult | None:
        if meanwhile.later is not None:
            await self.stage.context.clock.sleep(meanwhile.later.total_seconds())
            self._happens(meanwhile)
        if meanwhile.action is None:
            return None
        person = self.stage.person(meanwhile.by)
        return await self._do(meanwhile.name, meanwhile.action, meanwhile.expect, person, beside=True)

    async def _do(
        self, name: str, action: Action, expect: Expect, person: Person, *, beside: bool = False
    ) -> StepResult:
        stage, process = self.stage, person.process
        clock, before = stage.context.clock, len(stage.simulation.requests)
        began = clock.monotonic()
        ended: Ended = None
        if isinstance(action, Command):
            cools = stage.scenario.pace is not None
            typed = replace(self.opened, session=person.session, cools=cools)
            ended = await _type(action, OpenDrill(person.session, self.opened.drill) if beside else typed)
        elif not beside:
            change_world(stage, action)
        seconds = clock.monotonic() - began
        if isinstance(ended, ProcessDied):
            stage.kill(person.session)
        requests = stage.simulation.requests[before:]
        if beside:
            runs = {record.run for record in process.records_written}
            requests = tuple(request for request in requests if _run_of(request) in runs)
        result = ended if isinstance(ended, RunResult) else None
        phase = "" if result is None else result.phase
        if expect.phase is not None and not phase:
            phase = (await read_status(stage.person().session, needed=frozenset())).phase.label
        code, said = _exit_and_words(ended)
        seen = replace(
            observe(stage, name, seconds, phase, requests),
            exit=code,
            died=isinstance(ended, ProcessDied),
            refused=() if result is None else tuple(each.guard for each in result.refused_by),
            said=said,
            records=tuple(process.records_written),
        )
        return StepResult(action, seen, expectations_of(expect, seen), result)


async def _type(command: Command, opened: OpenDrill) -> Ended:
    try:
        match command:
            case DoRun(to=to, emergency=emergency, reason=reason, overrides=overrides):
                mode = Mode.EMERGENCY if emergency else Mode.PLANNED
                return await opened.run(to, overrides, mode=mode, reason=reason)
            case DoResume(emergency=emergency, reason=reason, overrides=overrides):
                chosen = Mode.EMERGENCY if emergency else None
                return await opened.resume(overrides, mode=chosen, reason=reason)
            case DoAdopt(truth=truth, reason=reason, overrides=overrides):
                return await opened.adopt(truth, reason, overrides)
            case _ as never:
                assert_never(never)
    except (HamrError, ProcessDied) as error:
        return error


async def _reply(answers: Mapping[str, bool], question: Question) -> Reply | None:
    """What somebody says who is asked."""
    yes = answers.get(question.subject)
    return None if yes is None else Reply(yes, "as the scenario has it")


def _exit_and_words(ended: Ended) -> tuple[int | None, str]:
    """The exit code that the command would have, if any, and how it ended in words."""
    match ended:
        case RunResult():
            return int(ended.exit_code), ended.ending.message
        case HamrError():
            return int(ended.exit_code), ended.message
        case ProcessDied():
            return None, "its process died"
        case None:
            return None, ""


def change_world(stage: Stage, action: GoesDark | ComesBack | SomebodyWrites) -> None:
    """Do what nobody types."""
    simulation = stage.simulation
    match action:
        case GoesDark(org=org, silent=silent):
            simulation.set_dark(org, True, silent=silent)
        case ComesBack(org=org):
            simulation.set_dark(org, False)
        case SomebodyWrites(org=org, status=status, modified_by=name):
            simulation.foreign_write(org, status, name)
        case _ as never:
            assert_never(never)


def observe(
    stage: Stage, name: str, seconds: float, phase: str, requests: Sequence[LoggedRequest]
) -> Observed:
    """What can be seen of the pair just now, and of the requests that a step has made."""
    writes = [request for request in requests if request.is_write]
    return Observed(
        name,
        seconds,
        phase,
        writes=tuple(OrgStatus(request.role, request.status) for request in writes if request.applied),
        sent_to=frozenset(request.role for request in writes),
        owed=stage.person().session.history().owed,
        names=stage.authors(),
        statuses=stage.statuses(),
        our_names=stage.our_names(),
    )


def _run_of(request: LoggedRequest) -> str:
    stamp = Stamp.parse(request.modified_by)
    return "" if stamp is None else stamp.run


def _never_came(name: str, at: At, seen: Observed) -> Expectation:
    found = f"record {at.number} of kind {at.after} was never written"
    shown = tuple(record.seq for record in seen.records)[-MOST_SHOWN:]
    return Expectation(f"{name}, after {at.after} {at.number}", False, found, shown)
