"""What stands beside a pair in these tests: probes that say what a test wants, programs that end so, people who answer so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from orchestrator.engine.context import RunServices
from orchestrator.engine.predicted import NobodyAgreed
from orchestrator.model.guard import (
    Compared,
    Guard,
    IfUnknown,
    Measured,
    Metric,
    Probe,
    ProbeReading,
    Unmeasured,
    Value,
)
from orchestrator.model.playbook import Hook, Manual, Playbook, Program, ProgramEnded, Question, Reply
from orchestrator.model.status import Role, Status
from tests.clock import HandClock
from tests.playbooks import changed

from .fake import PLAYBOOK, Bench, FakeWorld, S, bench, record

AGENTS = Probe("agents", Metric(S, "sum:datadog.agent.running{*}"))


@dataclass
class FakeProber:
    """Answers `values[probe]` one after the other, the last one for ever; None is no data, an exception is raised."""

    clock: HandClock
    values: dict[str, list[Value | None]] = field(default_factory=dict)
    takes: float = 0.0
    """Seconds on the clock that each answer takes."""
    taken: list[tuple[str, float | None]] = field(default_factory=list)
    on_take: Callable[[Probe], None] | None = None

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        self.taken.append((probe.name, within))
        if self.on_take:
            self.on_take(probe)
        self.clock.advance(self.takes)
        script = self.values.get(probe.name, [None])
        value = script.pop(0) if len(script) > 1 else script[0]
        sight = Unmeasured("no data in the last 5 min") if value is None else Measured(value)
        return ProbeReading(probe.name, sight, self.clock.now(), self.clock.monotonic(), self.takes)


@dataclass
class FakePrograms:
    """Ends each program with the next of `ends[first word]`, 0 where there is none."""

    clock: HandClock
    ends: dict[str, list[int]] = field(default_factory=dict)
    takes: float = 0.0
    run_: list[str] = field(default_factory=list)
    about: list[Mapping[str, str]] = field(default_factory=list)
    on_run: Callable[[str], None] | None = None

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        name = program.run[0]
        self.run_.append(name)
        self.about.append(about)
        if self.on_run:
            self.on_run(name)
        self.clock.advance(self.takes)
        script = self.ends.get(name, [0])
        code = script.pop(0) if len(script) > 1 else script[0]
        return ProgramEnded(code, f"{name} says {code}\n", self.takes)


@dataclass
class FakePeople:
    """Answers with the next of `replies`; with none left there is nobody to ask."""

    clock: HandClock
    replies: list[Reply] = field(default_factory=list)
    takes: float = 0.0
    questions: list[Question] = field(default_factory=list)
    on_ask: Callable[[Question], None] | None = None
    absent: bool = False

    @property
    def there(self) -> bool:
        return not self.absent

    async def ask(self, question: Question) -> Reply | None:
        self.questions.append(question)
        if self.on_ask:
            self.on_ask(question)
        self.clock.advance(self.takes)
        return self.replies.pop(0) if self.replies else None


@dataclass
class Beside:
    """All three, on one clock."""

    clock: HandClock = field(default_factory=HandClock)
    prober: FakeProber = field(init=False)
    programs: FakePrograms = field(init=False)
    people: FakePeople = field(init=False)

    def __post_init__(self) -> None:
        self.prober = FakeProber(self.clock)
        self.programs = FakePrograms(self.clock)
        self.people = FakePeople(self.clock)

    @property
    def around(self) -> RunServices:
        return RunServices(self.prober, self.programs, self.people, NobodyAgreed())

    def bench(self, playbook: Playbook, *, world: FakeWorld | None = None, **settings: Any) -> Bench:
        """An engine beside which they stand; its pair is passive where no world is given."""
        return bench(world=world or passive(self), playbook=playbook, around=self.around, **settings)


def measuring(*values: Value | None) -> Beside:
    """Where probe agents gives these values, one after the other."""
    beside = Beside()
    beside.prober.values["agents"] = [*values]
    return beside


def passive(beside: Beside) -> FakeWorld:
    """A pair that is passive, by the clock of what stands beside it."""
    made = FakeWorld(beside.clock)
    made.records = {role: record(role, Status.PASSIVE) for role in Role}
    return made


def guarded(
    transition: str = "activate",
    *,
    within: float | None = None,
    if_unknown: IfUnknown = IfUnknown.FAIL,
    probe: Probe = AGENTS,
    playbook: Playbook = PLAYBOOK,
) -> Playbook:
    """The playbook with a guard `seen` on one transition: the probe's value has to be above 0."""
    span = None if within is None else timedelta(seconds=within)
    guard = Guard("seen", Compared(probe.name, above=0.0), within=span, if_unknown=if_unknown)
    playbook = changed(playbook, transition, guards=("seen",))
    return replace(playbook, guards={"seen": guard}, probes={probe.name: probe})


def hooked(
    transition: str = "activate",
    *,
    before: tuple[Hook, ...] = (),
    after: tuple[Hook, ...] = (),
    playbook: Playbook = PLAYBOOK,
) -> Playbook:
    """The playbook with hooks on one transition."""
    return changed(playbook, transition, before=before, after=after)


def program(name: str, **settings: object) -> Hook:
    """A hook that runs a program of that name."""
    return replace(Hook(name, Program((name,))), **settings)


def manual(name: str, text: str = "Press the button.") -> Hook:
    """A hook that a person does."""
    return Hook(name, Manual(text))
