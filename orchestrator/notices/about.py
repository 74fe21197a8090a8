"""What a notice needs to know of its run, learned from the run's own events; and which org is told."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.events import (
    Event,
    GuardsJudged,
    OrgGivenUp,
    PairAdopted,
    RunResumed,
    RunStarted,
    SituationRead,
    TransitionMade,
)
from orchestrator.model.guard import Verdict
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Reading
from orchestrator.model.run import Mode, Operator
from orchestrator.model.status import Both, Role, Status


class About(Struct, frozen=True):
    """A run as its notices know it. `after` is what it becomes with one more event."""

    run: str
    pair: Pair
    playbook: Playbook
    operator: Operator
    """Who is at the keyboard now: whoever resumed it, where it was resumed."""
    journal: str
    """Where its journal is, in a person's words."""
    goal: Status | None = None
    mode: Mode = Mode.PLANNED
    reason: str = ""
    ref: str = ""
    drill: str = ""
    resumed: bool = False
    looks: int = 0
    """How often both orgs were read since it began, or was taken up again."""
    stands: Status | None = None
    """The status that the pair stands at, as far as one is agreed on."""
    verdicts: tuple[Verdict, ...] = ()
    """What the guards of the latest transition said."""
    org: Role | None = None
    """The org that is told; None before that is known."""

    def after(self, event: Event) -> About:
        """The same, with what an event teaches."""
        match event:
            case RunStarted():
                begun = replace(self, goal=event.goal, mode=event.mode, reason=event.reason)
                begun = replace(begun, ref=event.ref, drill=event.drill, stands=None, looks=0)
                return replace(begun, org=_told(begun))
            case RunResumed(mode=mode, reason=reason):
                taken_up = replace(
                    self, mode=mode, reason=reason or self.reason, resumed=True, stands=None, looks=0
                )
                return replace(taken_up, org=_told(taken_up))
            case SituationRead(readings=readings):
                return self._looked(readings)
            case OrgGivenUp(role=role) if self.mode is Mode.EMERGENCY:
                return replace(self, org=role.other)
            case PairAdopted(truth=truth, status=status, reason=reason):
                return replace(self, org=truth, stands=status, reason=reason)
            case GuardsJudged(verdicts=verdicts):
                return replace(self, verdicts=verdicts)
            case TransitionMade(target=target):
                return replace(self, stands=target, verdicts=())
            case _:
                return self

    def _looked(self, readings: Both[Reading | None]) -> About:
        looked = replace(self, looks=self.looks + 1)
        if looked.looks > 1 or self.goal is None:
            return looked
        looked = replace(looked, stands=_agreed(readings, alone=self.mode is Mode.EMERGENCY))
        return replace(looked, org=_told(looked))


def _agreed(readings: Both[Reading | None], *, alone: bool) -> Status | None:
    """The one status that is shown: by both orgs, or in an emergency by whichever answers."""
    shown = [None if reading is None else reading.status for reading in readings]
    known = {status for status in shown if status is not None}
    if len(known) != 1 or (None in shown and not alone):
        return None
    return known.pop()


def _told(about: About) -> Role | None:
    """In an emergency the survivor; else the org that the last transition on the way to the goal writes first."""
    if about.goal is None:
        return None
    way = () if about.stands is None else about.playbook.route(about.stands, about.goal) or ()
    if about.mode is Mode.EMERGENCY:
        named = [transition.survivor for transition in reversed(way) if transition.survivor is not None]
        # Every survivor of some way, where the way is not known yet: seldom more than one.
        towards = about.playbook.survivors_towards(about.goal)
        return next(iter(named or (towards if len(towards) == 1 else ())), None)
    arriving = way[-1:] or tuple(
        transition for transition in about.playbook.transitions if transition.target is about.goal
    )
    return arriving[0].writes[0] if arriving else None
