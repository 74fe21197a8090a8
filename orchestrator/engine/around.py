"""What a run needs beside its two orgs: probes, programs for hooks, and people to ask."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.model.guard import Probe, ProbeReading, Unmeasured
from orchestrator.model.hook import Program, ProgramEnded, Question, Reply
from orchestrator.model.protocols import Clock, Prober, Programs, Prompter


class Foretold(Struct):
    """The probes of a predicted world: as they were read when the plan was made."""

    clock: Clock
    readings: Mapping[str, ProbeReading] = field(default_factory=dict)

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        """Today's reading, dated now; what was not read is unknown."""
        del within
        now, seconds = self.clock.now(), self.clock.monotonic()
        read = self.readings.get(probe.name)
        sight = Unmeasured("it was not read for this plan") if read is None else read.sight
        return ProbeReading(probe.name, sight, now, seconds, predicted=True)


class NothingRun:
    """The programs of a predicted world: none is started, and each is taken to end well."""

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        """Ended well, at once."""
        del program, about
        return ProgramEnded(0, "", 0.0)


class NobodyThere:
    """There is nobody to ask."""

    @property
    def there(self) -> bool:
        """No."""
        return False

    async def ask(self, question: Question) -> Reply | None:
        """No reply."""
        del question
        return None


class Around(Struct, frozen=True):
    """The three together."""

    prober: Prober
    programs: Programs
    people: Prompter


def predicted_around(clock: Clock, readings: Mapping[str, ProbeReading] | None = None) -> Around:
    """What stands around a plan: probes as they were read for it, programs that are not run, and nobody to ask."""
    return Around(Foretold(clock, readings or {}), NothingRun(), NobodyThere())
