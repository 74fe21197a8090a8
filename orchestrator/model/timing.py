"""Where the time of a run went: our own machine, the orgs' API, the world around them, and people. A pure fold.

Every moment between two journal records is counted once, by what the run was doing then: asking a person; waiting
for a guard or for a hook's program; or, from the intent of a write to the reading that shows it and while it reads
both orgs, waiting for the API. What is left is our own time. The time between a process that died and the one that
took the run up again is nobody's, and is not counted.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import astuple

from . import events
from .events import Event
from .playbook import When
from .reading import Rejected
from .result import StepTime

FROM_OUTSIDE = (
    events.LockTaken,
    events.LockTakenOver,
    events.LockBroken,
    events.RunResumed,
    events.RunSuperseded,
    events.RunAcknowledged,
)
"""What begins or ends without the run: nobody was at it in the time before."""


def seconds_between(began: datetime, ended: datetime) -> float:
    """By two machines' clocks maybe, so at least none."""
    return max(0.0, (ended - began).total_seconds())


class Spent(Struct, frozen=True):
    """A span of time, and where it went. All in seconds."""

    seconds: float = 0.0
    api: float = 0.0
    """Waiting for the orgs: round trips, and for a write to be seen."""
    people: float = 0.0
    """Waiting for a person."""
    world: float = 0.0
    """Waiting for guards to pass, for probes, and for hooks' programs."""

    @property
    def machine(self) -> float:
        """What is left: our own time."""
        return max(0.0, self.seconds - self.api - self.people - self.world)

    def __add__(self, other: Spent) -> Spent:
        return Spent(*map(operator.add, astuple(self), astuple(other)))


class Times(Struct, frozen=True):
    """A run's time, as a whole and by the transitions that were made."""

    steps: tuple[StepTime, ...]
    """In the order in which they were made. A transition's time begins where the one before it ended, so that waiting
    for its guards counts, and ends with the last of its `after` hooks."""
    whole: Spent
    """Including what belongs to no transition that was made: a transition that was refused, and the end."""


def times_of(told: Iterable[tuple[Event, datetime]]) -> Times:
    """Where a run's time went, from its events in order, each with when it was journalled."""
    fold = _Fold()
    before: datetime | None = None
    for event, at in told:
        if isinstance(event, events.NoticeSent | events.NoticeFailed):
            continue  # beside the run: what came of it is journalled late, with its own time
        gap = 0.0 if before is None else seconds_between(before, at)
        fold.note(event, gap)
        before = at
    steps = tuple(
        StepTime(made.transition, made.source, made.target, *astuple(spent)) for made, spent in fold.steps
    )
    return Times(steps, fold.whole)


class _Fold(Struct):
    steps: list[tuple[events.TransitionMade, Spent]] = []
    whole: Spent = Spent()
    open: Spent = Spent()
    """What belongs to no transition yet."""
    asking: bool = False
    waiting: bool = False
    hooked: bool = False
    writing: bool = False
    ended: bool = False
    unlocked: float = 0.0
    """Seconds until the lock was had again after a question: people's time, unless nobody answered any more."""

    def note(self, event: Event, gap: float) -> None:
        if isinstance(event, events.LockTaken) and self.asking:
            self.unlocked = gap
        elif not self.ended and not isinstance(event, FROM_OUTSIDE):
            spent = self._spent(event, gap + self.unlocked)
            self.whole += spent
            self.open += spent
            self.unlocked = 0.0
        self._follow(event)
        match event:
            case events.TransitionMade():
                self.steps.append((event, self.open))
                self.open = Spent()
            case events.HookEnded(when=When.AFTER):
                self._belongs_to(event.transition)

    def _spent(self, event: Event, gap: float) -> Spent:
        """Where the time since the event before this one went."""
        if self.asking:
            return Spent(gap, people=gap)
        if self.writing:  # in an emergency hooks go on beside the writes, and nothing waits for them
            return Spent(gap, api=gap)
        if self.waiting:
            return Spent(gap, world=gap)
        match event:
            case events.SituationRead() | events.WriteConfirmed() | events.ChangeSeen() | events.OrgGivenUp():
                return Spent(gap, api=gap)
            case events.MirrorFound(seconds=seconds):
                return Spent(gap, api=min(gap, seconds))
            case events.ProbesRead():  # taken beside the orgs' readings, and waited for after them
                return Spent(gap, world=gap)
            case _:
                return Spent(gap, world=gap if self.hooked else 0.0)

    def _follow(self, event: Event) -> None:
        """What the run is doing from this event on."""
        match event:
            case events.PersonAsked() | events.PersonAnswered():
                self.asking = isinstance(event, events.PersonAsked)
            case events.WaitBegan() | events.WaitEnded():
                self.waiting = isinstance(event, events.WaitBegan)
            case events.HookIntended() | events.HookEnded():
                self.hooked = isinstance(event, events.HookIntended)
            case events.WriteIntended():
                self.writing = True
            case (
                events.WriteAnswered(answer=Rejected())
                | events.WriteConfirmed()
                | events.WriteUnknown()
                | events.TransitionMade()
            ):
                self.writing = False
            case events.RunResumed() | events.RunFinished() | events.TransitionRefused():
                self.asking = self.waiting = self.hooked = self.writing = False
                self.unlocked, self.ended = 0.0, isinstance(event, events.RunFinished)

    def _belongs_to(self, transition: str) -> None:
        """The time since the last transition was made belongs to that transition's hooks."""
        for place in range(len(self.steps) - 1, -1, -1):
            made, spent = self.steps[place]
            if made.transition == transition:
                self.steps[place] = (made, spent + self.open)
                self.open = Spent()
                return
