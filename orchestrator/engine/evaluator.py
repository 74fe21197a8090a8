"""Whether a transition may fire (laws 8 to 10): one situation, all its guards, and the time and the people that they may be given."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.model import events, next_step
from orchestrator.model.guard import Approved, IfUnknown, Outcome, Verdict
from orchestrator.model.next_step import NextStep
from orchestrator.model.playbook import Asks, Playbook, Question, Transition
from orchestrator.model.run import Approvable, Approval, Mode
from orchestrator.model.situation import FRESH_WITHIN, SEND_WITHIN
from orchestrator.model.status import Both, Role
from orchestrator.situation.guard_kinds import kinds_of, transition_probes
from orchestrator.situation.guards import judge, judge_transition
from orchestrator.situation.next_steps import look_at_guards

from .check import Checker
from .context import Deadline, RunContext, stopped
from .probing import Asking, Probing
from .reader import PairReader

SHORTEST_NAP = 0.001
"""Seconds. What is left of a wait below it is over: clocks do not tell such times apart, and a sleep of none never ends."""

LOOKS = 3
"""How often the orgs are read again, where probes were slow or the look was interrupted. What is too old after that, `fresh` refuses."""


BINDING_ALWAYS: frozenset[str] = frozenset({"linked", "fresh"})
"""What still binds a transition of which a write of this very run is in effect (law 7)."""

BINDING_MIDWAY: frozenset[str] = BINDING_ALWAYS | {"alone"}
"""What binds a new run that finds a transition half made: somebody may be at work on it just now."""


class Decision(Struct, frozen=True):
    """What becomes of a transition after its guards were judged."""

    refused_by: tuple[Verdict, ...] = ()
    overridden: tuple[tuple[Verdict, str], ...] = ()
    """With the operator's reason."""
    waived: tuple[Verdict, ...] = ()

    @property
    def go(self) -> bool:
        """Whether the transition may fire; a real bool, since `transitions` takes a truthy object for a refusal."""
        return not self.refused_by


class Terms(Struct, frozen=True):
    """On what terms a transition's verdicts are taken: one that is no pass stops it, unless it is overridden by name or blind in an emergency."""

    binding: frozenset[str] | None
    """The guards that can still stop it, where it is half made; None for all."""
    spared: frozenset[str]
    """The guards that an emergency does not stop at."""
    mode: Mode
    survivor: Role | None
    """The org that alone is enough for an emergency."""
    overrides: Mapping[str, str]
    """Guard to the operator's reason."""

    def blind(self, verdict: Verdict) -> bool:
        """Whether a guard could not be judged since it depends on the org that an emergency does without."""
        return (
            self.survivor is not None
            and verdict.outcome is Outcome.UNKNOWN
            and verdict.blind is self.survivor.other
        )

    def decide(self, verdicts: tuple[Verdict, ...]) -> Decision:
        """Sort the verdicts that did not pass into refused, overridden and waived."""
        refused: list[Verdict] = []
        overridden: list[tuple[Verdict, str]] = []
        waived: list[Verdict] = []
        for verdict in verdicts:
            if verdict.outcome is Outcome.PASS:
                continue
            if self.binding is not None and verdict.guard not in self.binding:
                continue
            if self.mode is Mode.EMERGENCY and (verdict.guard in self.spared or self.blind(verdict)):
                waived.append(verdict)
            elif verdict.overridable and verdict.guard in self.overrides:
                overridden.append((verdict, self.overrides[verdict.guard]))
            else:
                refused.append(verdict)
        return Decision(tuple(refused), tuple(overridden), tuple(waived))


class GuardEvaluator(Struct):
    """Judges transitions, and remembers what it decided."""

    run: RunContext
    reader: PairReader
    checker: Checker
    probing: Probing
    asking: Asking
    decisions: list[tuple[Transition | None, Decision]] = field(default_factory=list)
    """What became of each transition's guards, in order; no transition where an org was to be told what the other one shows."""
    awaited: tuple[Verdict, ...] = ()
    """What it waits for, or waited for when a person stopped it."""
    accepted: dict[tuple[str, str], str] = field(default_factory=dict)
    """(transition, guard) that could not be judged, and a person's reason for going on all the same."""

    async def see(
        self, transition: Transition, *, polling: bool = False, waiting: bool = False
    ) -> tuple[Verdict, ...]:
        """Both orgs and the transition's probes, read beside each other and none of them old; judged on that one situation."""
        probes = transition_probes(transition, self.run.playbook)
        fresh = self.reader.fresh_enough()
        if not fresh:
            self.probing.distrust()
        self.probing.start(probes)
        if not fresh:
            await self.reader.read_both("transition", journal=not polling, once=polling)
        readings = await self.probing.take(probes)
        limit = (SEND_WITHIN if probes else FRESH_WITHIN).total_seconds()
        for _ in range(LOOKS):
            if self.reader.age() <= limit or self.reader.met_silence():
                break
            await self.reader.read_both("transition", journal=not polling, once=polling)
            readings = await self.probing.take(probes)  # what has grown old, or is from before a suspension
        self.checker.compare_both(self.reader.readings)
        self.probing.note(transition.name, readings, polling=polling)
        approvals = await self._approvals(transition)
        return judge_transition(
            transition, self.run.playbook, self.reader.situation(readings, approvals, waiting=waiting)
        )

    async def _approvals(self, transition: Transition) -> tuple[Approval, ...]:
        """Who agreed to what this run is about to do; nobody is looked for where no guard asks."""
        if not any(asks_people(guard, self.run.playbook) for guard in transition.guards):
            return ()
        return await self.run.services.approvals.of(self.run.state.run, self._about_to_do(transition).digest)

    def _about_to_do(self, transition: Transition) -> Approvable:
        """All of the run, from where it began: who agreed to it once has agreed to each of its transitions."""
        run, state, playbook = self.run, self.run.state, self.run.playbook
        start = state.steps[0].source if state.steps else transition.source
        goal = start if run.goal is None else run.goal
        return Approvable(
            pair=run.pair.name,
            orgs=Both(run.pair.orgs.primary.uuid, run.pair.orgs.secondary.uuid),
            start=start,
            goal=goal,
            mode=state.mode,
            route=tuple(each.name for each in playbook.route(start, goal) or ()),
            playbook_sha256=playbook.digest,
            overrides=self.run.state.overrides,
        )

    def decide(self, transition: Transition, verdicts: tuple[Verdict, ...]) -> Decision:
        """What becomes of the transition by these verdicts, with what a person has accepted."""
        spared = spared_in_an_emergency(transition, self.run.playbook)
        decision = self._terms(self._binding(transition), spared).decide(verdicts)
        accepted = {
            verdict: self.accepted[transition.name, verdict.guard]
            for verdict in decision.refused_by
            if verdict.outcome is Outcome.UNKNOWN and (transition.name, verdict.guard) in self.accepted
        }
        refused = tuple(verdict for verdict in decision.refused_by if verdict not in accepted)
        return Decision(refused, (*decision.overridden, *accepted.items()), decision.waived)

    def _terms(self, binding: frozenset[str] | None = None, spared: frozenset[str] = frozenset()) -> Terms:
        state = self.run.state
        return Terms(binding, spared, state.mode, self.run.survivor, state.overrides)

    def _binding(self, transition: Transition) -> frozenset[str] | None:
        if transition.name != self.run.half_done:
            return None
        return BINDING_ALWAYS if self.run.state.attempts else BINDING_MIDWAY

    async def prepare(self, transition: Transition) -> None:
        """Before the machine is asked: wait for guards that may be waited for, and ask about those that may be asked about."""
        if self.run.forecast or not self._may_need_time(transition):
            return
        decision = await self._wait(transition)
        if may_ask(decision.refused_by, self.run.playbook):
            await self._ask(transition, decision)

    async def evaluate(self, transition: Transition) -> bool:
        """The machine's one condition: every guard is judged, and every verdict is kept."""
        verdicts = await self.see(transition)
        self.run.tell(
            events.GuardsJudged(transition.name, verdicts, binding=transition.name != self.run.half_done)
        )
        decision = self.decide(transition, verdicts)
        self.decisions.append((transition, decision))
        for verdict, reason in decision.overridden:
            self.run.tell(events.GuardOverridden(transition.name, verdict, reason))
        for verdict in decision.waived:
            self.run.tell(events.GuardWaived(transition.name, verdict))
            if asks_people(verdict.guard, self.run.playbook):
                self.run.tell(events.ApprovalOwed(verdict.guard, self._about_to_do(transition)))
        go = decision.go or self.run.forecast
        if not go:
            guards = tuple(verdict.guard for verdict in decision.refused_by)
            self.run.tell(events.TransitionRefused(transition.name, guards))
        return go

    def require_alone(self, role: Role) -> None:
        """Before an org is told what the other one shows: a run that has written nothing yet did not bring that one there.

        So it stops at a young stamp of a run that this journal does not know (law 12).
        """
        if self.run.state.attempts:
            return
        verdict = judge("alone", self.run.playbook, self.reader.situation())
        decision = self._terms().decide((verdict,))
        self.decisions.append((None, decision))
        for over, reason in decision.overridden:
            self.run.tell(events.GuardOverridden("", over, reason))
        if not (decision.go or self.run.forecast):
            raise stopped(
                self.run.refusal,
                f"{self.run.pair[role]} was not told: {say(verdict)}",
                next_steps=self.ways_over(decision.refused_by),
            )

    def ways_over(self, verdicts: tuple[Verdict, ...]) -> tuple[NextStep, ...]:
        """The commands for whoever was refused: look whether it passes by now, or go over it by name; () where nothing does."""
        if not all(verdict.overridable for verdict in verdicts):
            return ()
        state = self.run.state
        again = next_step.resume(state.run) if state.intended else self.run.command
        over = again.overriding(*(verdict.guard for verdict in verdicts)).so_that(
            "go over what refuses, by name"
        )
        if any(asks_people(verdict.guard, self.run.playbook) for verdict in verdicts):
            return (*self._asking_again(again), over)
        pair = self.run.pair.name
        look = next_step.watch(pair).so_that("look until it has passed")
        return look_at_guards(pair, verdicts, look), over

    def _asking_again(self, again: NextStep) -> tuple[NextStep, ...]:
        """Whoever agrees does it for the whole fleet, or for a run that waits once more: one that has ended cannot be approved."""
        started = self.run.state.started
        if started is not None and started.fleet:
            return next_step.approve(started.fleet), next_step.fleet_resume(started.fleet)
        return (again.so_that("ask once more: it waits, and says what others type to agree"),)

    def refused_by(self) -> tuple[Verdict, ...]:
        """The verdicts that refused the last transition that was judged."""
        return self.decisions[-1][1].refused_by if self.decisions else ()

    def _may_need_time(self, transition: Transition) -> bool:
        guards = (
            self.run.playbook.guards[name] for name in transition.guards if name in self.run.playbook.guards
        )
        return any(guard.within is not None or guard.if_unknown is IfUnknown.ASK for guard in guards)

    async def _wait(self, transition: Transition) -> Decision:
        """Wait until the transition's guards pass, or as long as every guard that does not pass may take."""
        clock = self.run.clock
        began: float | None = None
        limit: float | None = None
        decision = self.decide(transition, await self.see(transition, waiting=True))
        told = decision.refused_by
        try:
            while (limit := self._limit(decision, limit)) is not None:
                now = clock.monotonic()
                if began is None:
                    began = now
                    self.run.tell(
                        events.WaitBegan(transition.name, tuple(v.guard for v in told), limit, verdicts=told)
                    )
                    for verdict in told:
                        if asks_people(verdict.guard, self.run.playbook):
                            self.run.tell(events.ApprovalAsked(verdict.guard, self._about_to_do(transition)))
                elif decision.refused_by != told:
                    told = decision.refused_by
                    self.run.tell(events.WaitContinued(transition.name, told))
                left = began + limit - now
                if left <= SHORTEST_NAP:
                    break
                every = self.run.playbook.confirm.every.total_seconds()
                self.awaited = decision.refused_by
                await self._pause(decision, left, min(left, max(every, self.run.pace.until_next_look(limit))))
                self.probing.distrust_all()
                decision = self.decide(transition, await self.see(transition, polling=True, waiting=True))
            self.awaited = ()
        finally:
            if began is not None:
                self.run.tell(events.WaitEnded(transition.name, decision.go, clock.monotonic() - began))
        return decision

    def _limit(self, decision: Decision, before: float | None) -> float | None:
        """For how long in all, None where waiting is of no use. A failed look is "not yet", once the waiting has begun."""
        if before is None or decision.go:
            return waits_for(decision.refused_by, self.run.playbook)
        seen = tuple(verdict for verdict in decision.refused_by if not self._blind(verdict))
        return waits_for(seen, self.run.playbook) if seen else before

    def _blind(self, verdict: Verdict) -> bool:
        """Whether all that it lacks is an org of which the last look saw nothing."""
        org = verdict.blind if verdict.outcome is Outcome.UNKNOWN else None
        return org is not None and self.reader.readings[org].reason is not None

    async def _pause(self, decision: Decision, left: float, seconds: float) -> None:
        """Until the next look; a person who wants the run to stop does not wait for that."""
        what = "; ".join(f"{verdict.guard} ({verdict.reason})" for verdict in decision.refused_by)
        deadline = Deadline(seconds, self.run.clock)
        while deadline.left > SHORTEST_NAP:
            self.run.may_begin()
            self.run.tell(events.Waiting(what, left - seconds + deadline.left))
            await self.run.clock.sleep(min(self.run.pace.longest_nap, deadline.left))

    async def _ask(self, transition: Transition, decision: Decision) -> None:
        for verdict in decision.refused_by:
            text = (
                f"Guard {verdict.guard} of transition {transition} could not be judged: {verdict.reason}. "
                "Go on without knowing?"
            )
            reply = await self.asking.ask(Question(Asks.UNKNOWN, verdict.guard, transition.name, text))
            self.run.may_go_on()
            if reply is None or not reply.yes:
                return
            self.accepted[transition.name, verdict.guard] = reply.words or "a person said so when asked"


def asks_people(guard: str, playbook: Playbook) -> bool:
    """Whether a guard asks other people to agree."""
    return any(isinstance(kind, Approved) for kind in kinds_of((guard,), playbook))


def spared_in_an_emergency(transition: Transition, playbook: Playbook) -> frozenset[str]:
    """The guards that an emergency does not stop at: those for planned runs alone, and those that ask other people."""
    return frozenset(
        (*transition.planned_only, *(each for each in transition.guards if asks_people(each, playbook)))
    )


def say(verdict: Verdict) -> str:
    """A guard's verdict, in a refusal."""
    return f"{verdict.guard} {verdict.outcome.value}: {verdict.reason}"


def waits_for(refused: tuple[Verdict, ...], playbook: Playbook) -> float | None:
    """For how many seconds in all these refusals may be waited for; None where one of them is not to be waited for."""
    limits: list[float] = []
    for verdict in refused:
        guard = playbook.guards.get(verdict.guard)
        if guard is None or guard.within is None:
            return None
        limits.append(guard.within.total_seconds())
    return min(limits) if limits else None


def may_ask(refused: tuple[Verdict, ...], playbook: Playbook) -> bool:
    """Whether all that is in the way are guards that could not be judged, and that a person may be asked about."""
    return bool(refused) and all(
        verdict.outcome is Outcome.UNKNOWN
        and verdict.overridable
        and (guard := playbook.guards.get(verdict.guard)) is not None
        and guard.if_unknown is IfUnknown.ASK
        for verdict in refused
    )
