"""Whether a transition may fire: one situation, all its guards, and the time and the people that they may be given."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from orchestrator.model.events import (
    Event,
    GuardOverridden,
    GuardsJudged,
    GuardWaived,
    TransitionRefused,
    WaitBegan,
    WaitEnded,
    Waiting,
)
from orchestrator.model.guard import IfUnknown, Outcome, Verdict
from orchestrator.model.hook import Asks, Question
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.reading import Unreachable
from orchestrator.model.run import End
from orchestrator.model.situation import FRESH_WITHIN, SEND_WITHIN
from orchestrator.model.status import Role
from orchestrator.model.words import override_flag
from orchestrator.situation import commands
from orchestrator.situation.compared import transition_probes
from orchestrator.situation.guards import judge, judge_transition

from .asking import Asking
from .check import Checker
from .gate import BINDING_ALWAYS, BINDING_MIDWAY, Decision, Gate, Terms
from .look import Eyes
from .memory import Memory
from .patience import Patience
from .probing import Probing
from .stop import stopped
from .waits import Waits

SLOWEST_POLL = 15.0
"""Seconds between two looks at a guard that is waited for, at most."""

LONGEST_NAP = 1.0
"""Seconds after which a run that waits looks whether a person wants it to stop."""

SHORTEST_NAP = 0.001
"""Seconds. What is left of a wait below it is over: clocks do not tell such times apart, and a sleep of none never ends."""

POLLS = 20
"""A guard that may take some time is looked at so often in it, unless that is more often than writes are."""


LOOKS = 3
"""How often the orgs are read again, where probes were slow or the look was interrupted. What is too old after that, `fresh` refuses."""


class Admission(Struct):
    """Judges transitions, and remembers what it decided."""

    playbook: Playbook
    eyes: Eyes
    probing: Probing
    checker: Checker
    waits: Waits
    memory: Memory
    gate: Gate
    asking: Asking
    tell: Callable[[Event], None]
    may_go_on: Callable[[], None]
    command: str
    """What this run was begun or taken up with: with overrides, it goes over guards by name."""
    half_done: str = ""
    """The transition that was entered with a write of it already in effect."""
    decisions: list[tuple[Transition | None, Decision]] = field(default_factory=list)
    """What became of each transition's guards, in order; no transition where an org was to be told what the other one shows."""
    accepted: dict[tuple[str, str], str] = field(default_factory=dict)
    """(transition, guard) that could not be judged, and a person's reason for going on all the same."""

    async def see(self, transition: Transition, *, polling: bool = False) -> tuple[Verdict, ...]:
        """Both orgs and the transition's probes, read beside each other and none of them old; judged on that one situation.

        Raises:
            Stopped: somebody else wrote.
        """
        probes = transition_probes(transition, self.playbook)
        fresh = self.eyes.fresh_enough()
        if not fresh:
            self.probing.distrust()
        self.probing.start(probes)
        if not fresh:
            await self.eyes.look("transition", journal=not polling, once=polling)
        readings = await self.probing.take(probes)
        limit = (SEND_WITHIN if probes else FRESH_WITHIN).total_seconds()
        for _ in range(LOOKS):
            if self.eyes.age() <= limit or self.eyes.met_silence():
                break
            await self.eyes.look("transition", journal=not polling, once=polling)
            readings = await self.probing.take(probes)  # what has grown old, or is from before a suspension
        self.checker.compare_both(self.eyes.last_look())
        self.probing.note(transition.name, readings, polling=polling)
        return judge_transition(transition, self.playbook, self.eyes.situation(readings))

    def decide(self, transition: Transition, verdicts: tuple[Verdict, ...]) -> Decision:
        """What becomes of the transition by these verdicts, with what a person has accepted."""
        decision = self.gate.decide(
            verdicts,
            Terms(
                self._binding(transition),
                frozenset(transition.planned_only),
                self.memory.mode,
                self.eyes.survivor,
            ),
        )
        accepted = {
            verdict: self.accepted[transition.name, verdict.guard]
            for verdict in decision.refused_by
            if verdict.outcome is Outcome.UNKNOWN and (transition.name, verdict.guard) in self.accepted
        }
        refused = tuple(verdict for verdict in decision.refused_by if verdict not in accepted)
        return Decision(refused, (*decision.overridden, *accepted.items()), decision.waived)

    def _binding(self, transition: Transition) -> frozenset[str] | None:
        if transition.name != self.half_done:
            return None
        return BINDING_ALWAYS if self.memory.attempts else BINDING_MIDWAY

    async def prepare(self, transition: Transition) -> None:
        """Before the machine is asked: wait for guards that may be waited for, and ask about those that may be asked about.

        Raises:
            Stopped: a person wants the run to stop, or somebody else wrote.
        """
        if not self._may_need_time(transition):
            return
        decision = await self._wait(transition)
        if may_ask(decision, self.playbook):
            await self._ask(transition, decision)

    async def admit(self, transition: Transition) -> bool:
        """The machine's one condition: every guard is judged, and every verdict is kept."""
        verdicts = await self.see(transition)
        self.tell(GuardsJudged(transition.name, verdicts, binding=transition.name != self.half_done))
        decision = self.decide(transition, verdicts)
        self.decisions.append((transition, decision))
        for verdict, reason in decision.overridden:
            self.tell(GuardOverridden(transition.name, verdict, reason))
        for verdict in decision.waived:
            self.tell(GuardWaived(transition.name, verdict))
        if not decision.go:
            self.tell(
                TransitionRefused(transition.name, tuple(verdict.guard for verdict in decision.refused_by))
            )
        return decision.go

    def require_alone(self, role: Role) -> None:
        """Before an org is told what the other one shows: a run that has written nothing yet did not bring that one there.

        Raises:
            Stopped: an org carries a young stamp of a run that this journal does not know (law 12).
        """
        if self.memory.attempts:
            return
        verdict = judge("alone", self.playbook, self.eyes.situation())
        terms = Terms(None, frozenset(), self.memory.mode, self.eyes.survivor)
        decision = self.gate.decide((verdict,), terms)
        self.decisions.append((None, decision))
        for over, reason in decision.overridden:
            self.tell(GuardOverridden("", over, reason))
        if not decision.go:
            raise stopped(
                End.INCOMPLETE if self.memory.intended else End.REFUSED,
                f"{self.eyes.pair[role]} was not told: {say(verdict)}",
                next_steps=self.ways_over(decision.refused_by),
            )

    def ways_over(self, verdicts: tuple[Verdict, ...]) -> tuple[str, ...]:
        """The commands for whoever was refused: look until it has passed, or go over it by name; () where nothing does."""
        if not all(verdict.overridable for verdict in verdicts):
            return ()
        flags = (override_flag(verdict.guard) for verdict in verdicts)
        return commands.watch(self.eyes.pair), " ".join((self.command, *flags))

    def refused_by(self) -> tuple[Verdict, ...]:
        """The verdicts that refused the last transition that was judged."""
        return self.decisions[-1][1].refused_by if self.decisions else ()

    def _may_need_time(self, transition: Transition) -> bool:
        guards = (self.playbook.guards[name] for name in transition.guards if name in self.playbook.guards)
        return any(guard.within is not None or guard.if_unknown is IfUnknown.ASK for guard in guards)

    async def _wait(self, transition: Transition) -> Decision:
        """Wait until the transition's guards pass, or as long as every guard that does not pass may take."""
        clock = self.waits.clock
        began: float | None = None
        limit: float | None = None
        decision = self.decide(transition, await self.see(transition))
        try:
            while (limit := self._limit(decision, limit)) is not None:
                now = clock.monotonic()
                if began is None:
                    began = now
                    self.tell(WaitBegan(transition.name, tuple(v.guard for v in decision.refused_by), limit))
                left = began + limit - now
                if left <= SHORTEST_NAP:
                    break
                every = self.playbook.confirm.every.total_seconds()
                await self._pause(decision, left, min(left, max(every, min(limit / POLLS, SLOWEST_POLL))))
                self.eyes.distrust()
                self.probing.distrust()
                decision = self.decide(transition, await self.see(transition, polling=True))
        finally:
            if began is not None:
                self.tell(WaitEnded(transition.name, decision.go, clock.monotonic() - began))
        return decision

    def _limit(self, decision: Decision, before: float | None) -> float | None:
        """For how long in all, None where waiting is of no use. A failed look is "not yet", once the waiting has begun."""
        if before is None or decision.go:
            return waits_for(decision, self.playbook)
        seen = tuple(verdict for verdict in decision.refused_by if not self._blind(verdict))
        return waits_for(Decision(seen), self.playbook) if seen else before

    def _blind(self, verdict: Verdict) -> bool:
        """Whether all that it lacks is an org that did not answer the last look."""
        org = verdict.blind if verdict.outcome is Outcome.UNKNOWN else None
        return org is not None and isinstance(self.eyes.last_look()[org].sight, Unreachable)

    async def _pause(self, decision: Decision, left: float, seconds: float) -> None:
        """Until the next look; a person who wants the run to stop does not wait for that.

        Raises:
            Stopped: a person wants the run to stop.
        """
        what = "; ".join(f"{verdict.guard} ({verdict.reason})" for verdict in decision.refused_by)
        patience = Patience(seconds, self.waits.clock)
        while patience.left > SHORTEST_NAP:
            self.may_go_on()
            self.tell(Waiting(what, left - seconds + patience.left))
            await self.waits.clock.sleep(min(LONGEST_NAP, patience.left))

    async def _ask(self, transition: Transition, decision: Decision) -> None:
        for verdict in decision.refused_by:
            text = (
                f"Guard {verdict.guard} of transition {transition} could not be judged: {verdict.reason}. "
                "Go on without knowing?"
            )
            reply = await self.asking.ask(Question(Asks.UNKNOWN, verdict.guard, transition.name, text))
            self.may_go_on()
            if reply is None or not reply.yes:
                return
            self.accepted[transition.name, verdict.guard] = reply.words or "a person said so when asked"


def say(verdict: Verdict) -> str:
    """A guard's verdict, in a refusal."""
    return f"{verdict.guard} {verdict.outcome.value}: {verdict.reason}"


def waits_for(decision: Decision, playbook: Playbook) -> float | None:
    """For how many seconds in all these refusals may be waited for; None where one of them is not to be waited for."""
    limits: list[float] = []
    for verdict in decision.refused_by:
        guard = playbook.guards.get(verdict.guard)
        if guard is None or guard.within is None:
            return None
        limits.append(guard.within.total_seconds())
    return min(limits) if limits else None


def may_ask(decision: Decision, playbook: Playbook) -> bool:
    """Whether all that is in the way are guards that could not be judged, and that a person may be asked about."""
    return bool(decision.refused_by) and all(
        verdict.outcome is Outcome.UNKNOWN
        and verdict.overridable
        and (guard := playbook.guards.get(verdict.guard)) is not None
        and guard.if_unknown is IfUnknown.ASK
        for verdict in decision.refused_by
    )
