"""The events of one run → its transitions, each with what was judged, waited for, asked, run and sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.model.events import (
    Event,
    GuardOverridden,
    GuardsJudged,
    GuardWaived,
    HookEnded,
    HookIntended,
    PersonAnswered,
    PersonAsked,
    ProbesRead,
    TransitionIntended,
    TransitionMade,
    TransitionRefused,
    WaitBegan,
    WaitEnded,
    WriteAnswered,
    WriteConfirmed,
    WriteIntended,
    WriteUnknown,
)
from orchestrator.model.guard import ProbeReading
from orchestrator.model.status import Status

from .transition_story import Asked, HookRun, Judgement, TransitionStory, Wait, Write


class _Transition(Struct):
    """A transition that is being told."""

    name: str
    began: datetime
    source: Status | None = None
    target: Status | None = None
    ended: datetime | None = None
    made_seq: int = 0
    refused_by: tuple[str, ...] = ()
    refused_seq: int = 0
    judgements: list[Judgement] = field(default_factory=list)
    probes: dict[str, ProbeReading] = field(default_factory=dict)
    waits: list[Wait] = field(default_factory=list)
    questions: list[Asked] = field(default_factory=list)
    hooks: list[HookRun] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)
    after: tuple[str, ...] = ()


class TransitionsTeller(Struct):
    """Takes in one event after the other."""

    transitions: list[_Transition] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    apart: list[int] = field(default_factory=list)

    def note(self, event: Event, at: datetime, seq: int) -> None:
        """Take in the next event; those that are about no transition are passed over."""
        self._note_transition(event, at, seq)
        self._note_around(event, at)
        self._note_write(event, at, seq)

    def told(self) -> tuple[tuple[TransitionStory, ...], tuple[Write, ...]]:
        """The transitions in the order in which they began, and the writes that belong to none."""
        transitions = tuple(
            TransitionStory(
                name=transition.name,
                began=transition.began,
                source=transition.source,
                target=transition.target,
                ended=transition.ended,
                made=bool(transition.made_seq),
                refused_by=transition.refused_by,
                refused_seq=transition.refused_seq,
                made_seq=transition.made_seq,
                judgements=tuple(transition.judgements),
                probes=tuple(transition.probes.values()),
                waits=tuple(transition.waits),
                questions=tuple(transition.questions),
                hooks=tuple(transition.hooks),
                writes=tuple(self.writes[place] for place in transition.writes),
                after=transition.after,
            )
            for transition in self.transitions
        )
        return transitions, tuple(self.writes[place] for place in self.apart)

    def _transition(self, name: str, at: datetime) -> _Transition:
        """The transition of that name that is under way, or a new one; hooks and answers come after a transition is made, too."""
        for transition in reversed(self.transitions):
            if transition.name == name:
                return transition
        transition = _Transition(name, at)
        self.transitions.append(transition)
        return transition

    def _opened(self, name: str, at: datetime) -> _Transition:
        """The same, for what begins a transition: one that was made before is made anew."""
        transition = self._transition(name, at)
        if transition.made_seq:
            transition = _Transition(name, at)
            self.transitions.append(transition)
        return transition

    def _note_transition(self, event: Event, at: datetime, seq: int) -> None:
        match event:
            case GuardsJudged():
                transition = self._opened(event.transition, at)
                transition.judgements.append(Judgement(seq, at, event.verdicts, event.binding))
            case GuardOverridden(verdict=verdict, reason=reason) if self._judged(event.transition):
                transition = self._transition(event.transition, at)
                last = transition.judgements[-1]
                overridden = {**last.overridden, verdict.guard: reason}
                transition.judgements[-1] = replace(last, overridden=overridden)
            case GuardWaived(verdict=verdict) if self._judged(event.transition):
                transition = self._transition(event.transition, at)
                last = transition.judgements[-1]
                transition.judgements[-1] = replace(last, waived=last.waived | {verdict.guard})
            case TransitionIntended():
                transition = self._opened(event.transition, at)
                transition.source, transition.target = event.source, event.target
                transition.refused_by, transition.refused_seq = (), 0
            case TransitionRefused():
                transition = self._opened(event.transition, at)
                transition.refused_by, transition.refused_seq, transition.ended = event.guards, seq, at
            case TransitionMade():
                transition = self._opened(event.transition, at)
                transition.source, transition.target = event.source, event.target
                transition.made_seq, transition.ended, transition.after = seq, at, event.after
            case _:
                pass

    def _judged(self, name: str) -> bool:
        return any(transition.name == name and transition.judgements for transition in self.transitions)

    def _note_around(self, event: Event, at: datetime) -> None:
        match event:
            case ProbesRead(transition=name, readings=readings):
                transition = self._opened(name, at)
                transition.probes |= {reading.probe: reading for reading in readings}
            case WaitBegan(transition=name, guards=guards, seconds=seconds):
                self._opened(name, at).waits.append(Wait(at, guards, seconds))
            case WaitEnded(transition=name, passed=passed, seconds=seconds):
                transition = self._transition(name, at)
                if transition.waits:
                    transition.waits[-1] = replace(
                        transition.waits[-1], passed=passed, ended=at, seconds=seconds
                    )
            case PersonAsked(question=question):
                self._transition(question.transition, at).questions.append(Asked(at, question))
            case PersonAnswered(question=question):
                transition = self._transition(question.transition, at)
                if transition.questions:
                    transition.questions[-1] = replace(transition.questions[-1], answer=event, ended=at)
            case HookIntended():
                transition = self._transition(event.transition, at)
                transition.hooks.append(HookRun(at, event.transition, event.when, event.hook, event.what))
            case HookEnded():
                self._note_hook_end(event, at)
            case _:
                pass

    def _note_hook_end(self, event: HookEnded, at: datetime) -> None:
        """The end of the hook that was begun, or of one that was not even begun: skipped, left to a person."""
        transition = self._transition(event.transition, at)
        for place in range(len(transition.hooks) - 1, -1, -1):
            hook = transition.hooks[place]
            if (hook.name, hook.when) == (event.hook, event.when) and hook.ended is None:
                transition.hooks[place] = replace(hook, ended=event, ended_at=at)
                return
        transition.hooks.append(HookRun(at, event.transition, event.when, event.hook, "", event, at))

    def _note_write(self, event: Event, at: datetime, seq: int) -> None:
        match event:
            case WriteIntended(attempt=attempt, request=request):
                self.writes.append(Write(seq, at, attempt, request))
                place = len(self.writes) - 1
                (
                    self._transition(attempt.transition, at).writes if attempt.transition else self.apart
                ).append(place)
            case WriteAnswered(attempt=attempt, answer=answer):
                self._update(attempt.number, lambda write: replace(write, answer=answer, answered_at=at))
            case WriteConfirmed(attempt=number) if number is not None:
                self._update(number, lambda write: replace(write, confirmed=event, confirmed_at=at))
            case WriteUnknown(attempt=attempt, reason=reason):
                self._update(attempt.number, lambda write: replace(write, unknown=reason))
            case _:
                pass

    def _update(self, number: int, change: Callable[[Write], Write]) -> None:
        for place in range(len(self.writes) - 1, -1, -1):
            if self.writes[place].attempt.number == number:
                self.writes[place] = change(self.writes[place])
                return
