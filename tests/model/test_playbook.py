"""The route through the transitions."""

from __future__ import annotations

from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.status import Status

TRANSITIONS = (
    Transition("enroll", Status.ONBOARDING, Status.PASSIVE),
    Transition("declare", Status.PASSIVE, Status.FAILOVER),
    Transition("activate", Status.FAILOVER, Status.ACTIVE),
    Transition("abort", Status.FAILOVER, Status.PASSIVE),
    Transition("recover", Status.ACTIVE, Status.RECOVERY),
    Transition("settle", Status.RECOVERY, Status.PASSIVE),
)
PLAYBOOK = Playbook("p", TRANSITIONS, (Status.PASSIVE, Status.ACTIVE))


def names(start: Status, goal: Status) -> list[str] | None:
    route = PLAYBOOK.route(start, goal)
    return None if route is None else [transition.name for transition in route]


def test_the_route_is_the_shortest_way() -> None:
    assert names(Status.PASSIVE, Status.ACTIVE) == ["declare", "activate"]
    assert names(Status.ONBOARDING, Status.ACTIVE) == ["enroll", "declare", "activate"]
    assert names(Status.ACTIVE, Status.PASSIVE) == ["recover", "settle"]
    assert names(Status.FAILOVER, Status.PASSIVE) == ["abort"]


def test_there_is_nothing_to_do_at_the_goal() -> None:
    assert names(Status.ACTIVE, Status.ACTIVE) == []


def test_no_way_is_none() -> None:
    assert names(Status.PASSIVE, Status.ONBOARDING) is None
    assert names(Status.UNSPECIFIED, Status.PASSIVE) is None


def test_ties_go_by_order() -> None:
    transitions = (
        Transition("a", Status.PASSIVE, Status.FAILOVER),
        Transition("b", Status.PASSIVE, Status.RECOVERY),
        Transition("d", Status.RECOVERY, Status.ACTIVE),
        Transition("c", Status.FAILOVER, Status.ACTIVE),
    )
    route = Playbook("p", transitions, (Status.ACTIVE,)).route(Status.PASSIVE, Status.ACTIVE)
    assert route is not None
    assert [transition.name for transition in route] == ["a", "c"]
