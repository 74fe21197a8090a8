"""What stands around a run in one process: probes, hooks and people, and where each of them may go otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct

from orchestrator.model.guard import Measured, Probe, ProbeReading, Unmeasured
from orchestrator.model.playbook import Program, ProgramEnded, Question, Reply, When
from orchestrator.model.proof import Event, What
from orchestrator.situation.guard_kinds import depends_on, longest_wait

from .life import Life
from .orgs import ANSWER_SECONDS

NEARLY = 0.9
"""How much of the time that a guard may be waited for is gone when it passes later."""

_GUARDS = (Event.FAILED, Event.UNMEASURED, Event.NEVER_PASSED)
_PEOPLE = (Event.SAID_NO, Event.NOBODY_ANSWERED)


class LivingProber(Struct):
    """`orchestrator.model.protocols.Prober` of one process."""

    life: Life

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        """Read one probe."""
        sight, clock = await self._sight(probe, within), self.life.clock
        return ProbeReading(probe.name, sight, clock.now(), clock.monotonic(), ANSWER_SECONDS)

    async def _sight(self, probe: Probe, within: float | None) -> Measured | Unmeasured:
        life = self.life
        await life.takes(ANSWER_SECONDS)
        org = depends_on(probe, life.scene.orgs.pair)
        if org is not None and life.is_dark(org):
            await life.takes(probe.kind.timeout.total_seconds() if within is None else within)
            return Unmeasured("no answer in time")
        name, now, holds_back = probe.name, life.loop.time(), life.holds_back
        if name in life.past:
            raise RuntimeError(f"probe {name} was asked for again, which the proof takes for impossible")
        if name not in holds_back and name not in life.scene.bad_probes:
            wait = longest_wait(name, life.playbook).total_seconds() * NEARLY
            events = _GUARDS if wait == 0 else (*_GUARDS, Event.PASSED_LATER)
            found = life.choose(What.GUARD, events, subject=name)
            holds_back[name] = now
            match found:
                case Event.FAILED | Event.UNMEASURED:
                    holds_back[name] = math.inf
                    life.unmeasured = found is Event.UNMEASURED
                case Event.PASSED_LATER:
                    holds_back[name] = now + wait
                case Event.NEVER_PASSED:
                    life.scene.bad_probes |= {name}
        if name not in life.scene.bad_probes and holds_back[name] <= now:
            return life.assumed[name]
        if life.unmeasured:
            return Unmeasured("no data", no_data=True)
        return Measured(_not(life.assumed[name]), good=False)


class LivingPrograms(Struct):
    """`orchestrator.model.protocols.Programs` of one process."""

    life: Life

    async def run(self, program: Program, about: Mapping[str, str]) -> ProgramEnded:
        """Run a hook's program."""
        life, hook = self.life, about["HAMR_HOOK"]
        await life.takes(min(1.0, program.timeout.total_seconds()))
        life.hooks += 1
        if hook in life.scene.bad_hooks:
            return ProgramEnded(1, "", 1.0)
        options = [Event.HOOK_FAILED, Event.HOOK_DIED]
        if about["HAMR_WHEN"] == When.BEFORE.value:  # one that comes after is owed until it ends well
            options.append(Event.HOOK_NEVER_ENDED_WELL)
        found = life.choose(What.HOOK, options, subject=hook)
        life.had_died(Event.HOOK_DIED, What.HOOK, subject=hook)
        if found is None:
            return ProgramEnded(0, "", 1.0)
        if found is Event.HOOK_DIED:
            life.die()
        if found is Event.HOOK_NEVER_ENDED_WELL:
            life.scene.bad_hooks |= {hook}
        return ProgramEnded(1, "", 1.0)


async def replied(life: Life, question: Question) -> Reply | None:
    """What somebody answers."""
    await life.takes(2.0)
    found = life.choose(What.PERSON, _PEOPLE, subject=question.subject)
    if found is None:
        return Reply(True, "looked")
    return Reply(False) if found is Event.SAID_NO else None


def _not(sight: Measured) -> float | str | bool | None:
    match sight.value:
        case bool():
            return not sight.value
        case float() | int():
            return -1.0
        case _:
            return None
