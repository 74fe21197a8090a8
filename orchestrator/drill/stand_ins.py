"""What stands in for the world around the orgs in a rehearsal: probes say what was agreed, and no program is started."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field

from msgspec import Struct

from orchestrator.engine.predicted import RecordedProbes
from orchestrator.model.guard import AllOf, AnyOf, Compared, Not
from orchestrator.model.hook import Program, ProgramEnded
from orchestrator.model.journal import Holder, Whereabouts
from orchestrator.model.playbook import Playbook
from orchestrator.model.probe import Measured, Metric, Monitor, Probe, ProbeReading, Unmeasured, Value
from orchestrator.model.protocols import Clock, Prober, Programs
from orchestrator.model.scenario import Unknown
from orchestrator.model.status import Role
from orchestrator.operations.session import Session

NOT_RUN = "not run: the regions are simulated"
"""What a hook's program says in a rehearsal."""


class Said(Struct):
    """What the probes of a rehearsal say, as it is now."""

    values: dict[str, Value | Unknown]
    """As the scenario has it, by the probe's name."""
    assumed: Mapping[str, Measured]
    """What lets the guards pass, for the probes that the scenario does not name."""
    dark: Callable[[Role], bool]
    """Whether an org's region does not answer just now."""


def assumed_values(playbook: Playbook) -> dict[str, Measured]:
    """For each probe an answer that lets the playbook's guards pass, as far as one answer can."""
    return {name: Measured(_passing(list(_wanted(name, playbook)))) for name in playbook.probes}


def _wanted(probe: str, playbook: Playbook) -> Iterator[Compared]:
    """Each comparison with that probe which ought to hold; one that stands under a `not` ought to fail."""
    negated = {guard.kind.guard for guard in playbook.guards.values() if isinstance(guard.kind, Not)}
    for guard in playbook.guards.values():
        if isinstance(guard.kind, Compared) and guard.kind.probe == probe and guard.name not in negated:
            yield guard.kind


def _passing(comparisons: list[Compared]) -> Value | None:
    """A value for which all of them hold; the one for which most do, where none fits all."""
    candidates = [value for each in comparisons for value in _values_for(each)]
    return max(candidates, key=lambda value: sum(_holds(each, value) for each in comparisons), default=None)


def _values_for(kind: Compared) -> Iterator[Value]:
    if kind.equals is not None:
        yield kind.equals
    yield from kind.one_of or ()
    if kind.above is not None and kind.below is not None:
        yield (kind.above + kind.below) / 2
    if kind.above is not None:
        yield kind.above + 1
    if kind.below is not None:
        yield kind.below - 1


def _holds(kind: Compared, value: Value) -> bool:
    number = None if isinstance(value, bool | str) else value
    return (
        (kind.above is None or (number is not None and number > kind.above))
        and (kind.below is None or (number is not None and number < kind.below))
        and (kind.equals is None or value == kind.equals)
        and (kind.one_of is None or value in kind.one_of)
    )


def guards_over(probe: str, playbook: Playbook) -> tuple[str, ...]:
    """The guards that look at a probe, directly or through others."""
    found = {
        name
        for name, guard in playbook.guards.items()
        if isinstance(guard.kind, Compared) and guard.kind.probe == probe
    }
    while True:
        more = {name for name, guard in playbook.guards.items() if _refers(guard.kind) & found} - found
        if not more:
            return tuple(name for name in playbook.guards if name in found)
        found |= more


def _refers(kind: object) -> set[str]:
    match kind:
        case AllOf(guards=parts) | AnyOf(guards=parts):
            return set(parts)
        case Not(guard=part):
            return {part}
        case _:
            return set()


class AgreedProber(Struct):
    """A Prober that says what was agreed, and nothing where the org's region is dark."""

    said: Said
    clock: Clock
    asked: Prober
    """Reads metrics and monitors of the simulated regions, where the scenario scripts them there."""
    scripted: bool

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        """What it says now."""
        of_an_org = isinstance(probe.kind, Metric | Monitor)
        if of_an_org and self.scripted and probe.name not in self.said.values:
            return await self.asked.take(probe, within=within)
        return ProbeReading(probe.name, self._sight(probe), self.clock.now(), self.clock.monotonic())

    def _sight(self, probe: Probe) -> Measured | Unmeasured:
        if isinstance(probe.kind, Metric | Monitor) and self.said.dark(probe.kind.org):
            return Unmeasured(f"the region of the {probe.kind.org} does not answer")
        agreed = self.said.values.get(probe.name)
        match agreed:
            case Unknown(reason=reason):
                return Unmeasured(reason)
            case None:
                return self.said.assumed.get(probe.name, Measured())
            case bool():
                return Measured(agreed, good=agreed, detail="as the scenario has it")
            case _:
                return Measured(agreed, detail="as the scenario has it")


class NoPrograms(Struct, frozen=True):
    """Programs of hooks are not started: a rehearsal must not move anybody's traffic."""

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        """Ended well, at once, without having run."""
        del program, about
        return ProgramEnded(0, NOT_RUN, 0.0)


@dataclass(slots=True)
class RehearsedSession(Session):
    """A Session on simulated regions, around which nothing is real."""

    said: Said = field(default_factory=lambda: Said({}, {}, lambda _: False))
    scripted: bool = False
    """Whether the scenario scripts metrics or monitors of the regions."""

    @asynccontextmanager
    async def _agreed(self) -> AsyncIterator[Prober]:
        real = Session.prober(self) if self.scripted else nullcontext(RecordedProbes(self.clock))
        async with real as asked:
            yield AgreedProber(self.said, self.clock, asked, self.scripted)

    def prober(self) -> AbstractAsyncContextManager[Prober]:
        """Probes that say what was agreed."""
        return self._agreed()

    def programs(self) -> Programs:
        """Programs that are not started."""
        return NoPrograms()


class Mortals(Struct):
    """The machine of a rehearsal: it knows which of its processes are gone."""

    name: str
    pid: int
    token: str
    gone: set[str]

    def this_process(self) -> tuple[int, str]:
        """This program's own pid, and what tells the rehearsed process from the others in it."""
        return self.pid, self.token

    def whereabouts(self, holder: Holder) -> Whereabouts:
        """Of the rehearsed processes that are gone it knows."""
        return Whereabouts.GONE if self.provably_dead(holder) else Whereabouts.UNCERTAIN

    def provably_dead(self, holder: Holder) -> bool:
        """Whether that rehearsed process is gone."""
        return holder.process_started in self.gone
