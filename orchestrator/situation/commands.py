"""What a phase leads on to: where a pair can go from there, and the commands that go."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from orchestrator.model import next_step
from orchestrator.model.next_step import NextStep
from orchestrator.model.org import Pair
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.reading import STOPS_AGAIN, Change, Reading
from orchestrator.model.run import Attempt, Mode
from orchestrator.model.situation import OpenRun, Owed
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import says

NOTHING_TO_TELL = frozenset({Status.ABSENT, Status.UNSPECIFIED})
"""Statuses that are never copied to the other org: one cannot be sent, the other says nothing."""


class View(Struct, frozen=True):
    """All that a phase is decided on: both readings, and what else may explain them."""

    pair: Pair
    readings: Both[Reading]
    playbook: Playbook
    """Its transitions say what is half made, and where the pair can go."""
    owed: Owed | None = None
    """What an emergency left untold, if anything."""
    open_run: OpenRun | None = None
    """The run that has not finished, if any; its transition breaks a tie between two transitions."""
    goal: Status | None = None
    """Where somebody wants to go, if that is known; breaks a tie that the journal does not."""
    given_up: tuple[Attempt, ...] = ()
    """Attempts of ours that nobody has seen in effect, and that may turn up."""
    lagging: Collection[Role] = ()
    """The orgs that show less than what the journal has seen of them."""

    @property
    def stopped_for(self) -> Change | None:
        """The kind of change that the open run, or else the delivery of what is owed, stopped for; None where it stopped for anything else, or there is none."""
        left = self.owed if self.open_run is None else self.open_run
        return None if left is None else left.stopped_for

    @property
    def stops_again(self) -> bool:
        """Whether that, taken up, stops for the same write of somebody else's again."""
        return self.stopped_for in STOPS_AGAIN

    @property
    def set_back(self) -> tuple[Role, Attempt] | None:
        """The org that shows a write of ours which had been given up, and came late; None where none does."""
        for role in Role:
            record = self.readings[role].record
            for attempt in self.given_up:
                if record is not None and attempt.fits(record):
                    return role, attempt
        return None

    def status(self, role: Role) -> Status | None:
        """What an org shows: a status, ABSENT for a 404, None where it is not known."""
        return self.readings[role].status

    def both_say(self) -> str:
        """What both orgs said."""
        return "; ".join(says(self.pair[role], self.readings[role]) for role in Role)


def take_up(view: View) -> NextStep:
    """Go on with the open run: resume, or a new run in its place where it stopped for somebody else's write.

    Resumed, it would stop for that same write again: a new run starts from what is there now.
    """
    run, pair = view.open_run, view.pair.name
    if view.owed is not None and is_settled_by_adopting(view):
        return next_step.adopt(pair, view.owed.role.other)
    if run is None or run.stopped_for not in STOPS_AGAIN:
        return resume(view)
    return accepting(view, next_step.run(pair, run.goal)).so_that(
        f"go on to {run.goal} from what is there now"
    )


def is_settled_by_adopting(view: View) -> bool:
    """Whether a person has to say what is true before a debt is settled: resumed, its run would stop again, or be refused."""
    shown = None if view.owed is None else view.status(view.owed.role.other)
    if shown in NOTHING_TO_TELL:
        return False  # an adoption would be refused, too
    return view.stops_again or (shown is not None and out_of_reach(view, shown))


def resume(view: View) -> NextStep:
    """Take the open run up again, or deliver what is owed."""
    step, run, owed = next_step.resume(view.pair.name), view.open_run, view.owed
    if owed is not None:
        shown, survivor = view.status(owed.role), owed.role.other
        # What a survivor was put back to is passed on to nobody.
        told = (None if survivor in view.lagging else view.status(survivor)) or owed.status
        if shown is told:
            return step.so_that(f"settle what the {owed.role} was owed: it shows {told}")
        return step.so_that(f"tell the {owed.role} what it is owed: {told}")
    return step if run is None else step.so_that(f"go on with run {run.run} to {run.goal}")


def out_of_reach(view: View, status: Status) -> bool:
    """Whether the open run has no way from a status to its goal, or none as an emergency: resumed from there, it would be refused."""
    run = view.open_run
    if run is None or goes_by_another_playbook(view):
        return False
    return not can_go(view.playbook, status, run.goal, run.mode)


def goes_by_another_playbook(view: View) -> bool:
    """Whether the open run is in the middle of a transition that this playbook does not have: resumed, it goes by its own."""
    made = view.open_run.transition if view.open_run is not None else ""
    return bool(made) and view.playbook.transition(made) is None


def can_go(playbook: Playbook, start: Status, goal: Status, mode: Mode) -> bool:
    """Whether a run that goes on in that mode is not refused for want of a way."""
    route = playbook.route(start, goal)
    alone = not route or playbook.survivor_between(start, goal) is not None
    return route is not None and (mode is Mode.PLANNED or alone)


def close_at(view: View, status: Status) -> tuple[NextStep, ...]:
    """A new run that takes the open one's place where its goal is out of reach: to where the pair stands, else onward."""
    stops = (status,) if status in view.playbook.stops else goals_from(view, status)
    return tuple(accepting(view, next_step.run(view.pair.name, stop)) for stop in stops[:1])


def accepting(view: View, step: NextStep) -> NextStep:
    """A new run that accepts by name what the open one left unknown, where it did."""
    return step.overriding("unknown") if view.open_run is not None and view.open_run.unknown else step


def onboard(pair: Pair) -> NextStep:
    """The shipped playbook that has a transition from ABSENT."""
    return next_step.plan(pair.name, Status.ONBOARDING).with_options("--playbook", "onboarding")


def graph(playbook: Playbook) -> NextStep:
    """The transitions that there are."""
    return next_step.graph(playbook.path or playbook.name)


def goals_from(view: View, start: Status) -> tuple[Status, ...]:
    """The stops that can be reached from a status: what is asked for first, then the nearest."""
    routes = {goal: view.playbook.route(start, goal) for goal in view.playbook.stops}
    reached = [(goal, len(route)) for goal, route in routes.items() if route]
    return tuple(goal for goal, _ in sorted(reached, key=lambda found: (found[0] is not view.goal, found[1])))


def emergency_goals(view: View, survivor: Role) -> tuple[Status, ...]:
    """The stops that an org can reach alone: every transition on the way names it as its survivor."""
    start, alone = view.status(survivor), view.playbook.survivor_between
    if start is None:
        return ()
    return tuple(goal for goal in goals_from(view, start) if alone(start, goal) is survivor)


def can_finish_alone(view: View, survivor: Role) -> bool:
    """Whether the open run can be finished with that org alone."""
    if view.open_run is None:
        return False
    goal = view.open_run.goal
    if goal in emergency_goals(view, survivor):
        return True
    begun = view.playbook.transition(view.open_run.transition)
    return view.status(survivor) is goal and begun is not None and begun.survivor is survivor


def goals_onward(view: View, transition: Transition) -> tuple[Status, ...]:
    """The stops to go to by finishing a transition: those to which it is the first step, else whatever lies beyond it."""
    through = tuple(
        goal
        for goal in goals_from(view, transition.source)
        if (view.playbook.route(transition.source, goal) or ())[:1] == (transition,)
    )
    return through or goals_from(view, transition.target)


def goals_back(view: View, transition: Transition) -> tuple[Status, ...]:
    """The stops to go back to from the middle of a transition."""
    start = view.open_run.start if view.open_run else None
    reached = {transition.source, transition.target, start}
    goals = dict.fromkeys(goal for goal in (transition.source, start) if goal in view.playbook.stops)
    return tuple(goal for goal in goals if way_back(view.playbook, transition, goal, reached))


def way_back(
    playbook: Playbook, transition: Transition, goal: Status, reached: Collection[Status | None]
) -> Transition | None:
    """The transition by which a half-made one is gone back from towards a goal, or None where that may not be.

    Law 14: only by a transition that leads back, and never into a status that was not yet reached.
    """
    beyond = playbook.route(transition.source, goal)
    if beyond is None or transition in beyond or any(step.target not in reached for step in beyond):
        return None
    return playbook.between(transition.target, transition.source)
