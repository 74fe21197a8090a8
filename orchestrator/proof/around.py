"""What stands around a run in one process: probes, hooks and people, and where each of them may go otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

from orchestrator.model.guard import Measured, Probe, Unmeasured
from orchestrator.model.playbook import Playbook, ProgramEnded, Question, Reply, When
from orchestrator.model.proof import Event, What
from orchestrator.situation.guard_kinds import depends_on, probes_of

from .orgs import ANSWER_SECONDS

if TYPE_CHECKING:
    from .life import Life

NEARLY = 0.9
"""How much of the time that a guard may be waited for is gone when it passes later."""

_GUARDS = (Event.FAILED, Event.UNMEASURED, Event.NEVER_PASSED)
_PEOPLE = (Event.SAID_NO, Event.NOBODY_ANSWERED)


class Around(Struct, eq=False):
    """Of one process."""

    assumed: Mapping[str, Measured]
    """What each probe says where nothing goes wrong."""
    holds_back: dict[str, float] = field(default_factory=dict)
    """Probes that do not say what is wanted, until when."""
    unmeasured: bool = False
    """Whether probes that hold back have no data, rather than a bad answer."""
    past: frozenset[str] = frozenset()
    """Probes that were asked for, and that nothing asks for any more: what they would say is not told apart."""
    hooks: int = 0
    """How many hooks' programs have run."""

    async def measured(self, life: Life, probe: Probe, within: float | None) -> Measured | Unmeasured:
        """What a probe says."""
        await life.takes(ANSWER_SECONDS)
        org = depends_on(probe, life.scene.orgs.pair)
        if org is not None and life.is_dark(org):
            await life.takes(probe.kind.timeout.total_seconds() if within is None else within)
            return Unmeasured("no answer in time")
        name, now = probe.name, life.loop.time()
        if name in self.past:
            raise RuntimeError(f"probe {name} was asked for again, which the proof takes for impossible")
        if name not in self.holds_back and name not in life.scene.bad_probes:
            wait = _longest_wait(name, life.playbook)
            events = _GUARDS if wait == 0 else (*_GUARDS, Event.PASSED_LATER)
            found = life.choose(What.GUARD, events, subject=name)
            self.holds_back[name] = now
            match found:
                case Event.FAILED | Event.UNMEASURED:
                    self.holds_back[name] = math.inf
                    self.unmeasured = found is Event.UNMEASURED
                case Event.PASSED_LATER:
                    self.holds_back[name] = now + wait
                case Event.NEVER_PASSED:
                    life.scene.bad_probes |= {name}
        if name in life.scene.bad_probes or self.holds_back[name] > now:
            return (
                Unmeasured("no data", no_data=True)
                if self.unmeasured
                else Measured(_not(self.assumed[name]), good=False)
            )
        return self.assumed[name]

    def holds_for(self, probe: str, now: float) -> float | None:
        """For how many seconds a probe that was asked for will not say what is wanted; None where it never will."""
        until = self.holds_back[probe]
        return None if until == math.inf else max(0.0, until - now)

    async def ran(self, life: Life, hook: str, when: str, limit: float) -> ProgramEnded:
        """How a hook's program ends."""
        await life.takes(min(1.0, limit))
        self.hooks += 1
        if hook in life.scene.bad_hooks:
            return ProgramEnded(1, "", 1.0)
        options = [Event.HOOK_FAILED, Event.HOOK_DIED]
        if when == When.BEFORE.value:  # what comes after a transition is owed until it ends well
            options.append(Event.HOOK_NEVER_ENDED_WELL)
        found = life.choose(What.HOOK, options, subject=hook)
        if life.chooser.branches_here:
            life.had_died(life.chooser.and_then(1, Event.HOOK_DIED), What.HOOK, subject=hook)
        if found is None:
            return ProgramEnded(0, "", 1.0)
        if found is Event.HOOK_DIED:
            life.die()
        if found is Event.HOOK_NEVER_ENDED_WELL:
            life.scene.bad_hooks |= {hook}
        return ProgramEnded(1, "", 1.0)

    async def replied(self, life: Life, question: Question) -> Reply | None:
        """What somebody answers."""
        await life.takes(2.0)
        found = life.choose(What.PERSON, _PEOPLE, subject=question.subject)
        if found is None:
            return Reply(True, "looked")
        return Reply(False) if found is Event.SAID_NO else None


def _longest_wait(probe: str, playbook: Playbook) -> float:
    """Nearly as long as the guards over a probe may be waited for."""
    waits = [
        guard.within.total_seconds()
        for guard in playbook.guards.values()
        if guard.within is not None and probe in probes_of((guard.name,), playbook)
    ]
    return max(waits, default=0.0) * NEARLY


def _not(sight: Measured) -> float | str | bool | None:
    match sight.value:
        case bool():
            return not sight.value
        case float() | int():
            return -1.0
        case _:
            return None
