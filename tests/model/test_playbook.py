"""The route through the rows."""

from __future__ import annotations

from orchestrator.model.playbook import Playbook, Row
from orchestrator.model.status import Status

ROWS = (
    Row("enroll", Status.ONBOARDING, Status.PASSIVE),
    Row("declare", Status.PASSIVE, Status.FAILOVER),
    Row("activate", Status.FAILOVER, Status.ACTIVE),
    Row("abort", Status.FAILOVER, Status.PASSIVE),
    Row("recover", Status.ACTIVE, Status.RECOVERY),
    Row("settle", Status.RECOVERY, Status.PASSIVE),
)
PLAYBOOK = Playbook("p", ROWS, (Status.PASSIVE, Status.ACTIVE))


def names(start: Status, goal: Status) -> list[str] | None:
    route = PLAYBOOK.route(start, goal)
    return None if route is None else [row.name for row in route]


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
    rows = (
        Row("a", Status.PASSIVE, Status.FAILOVER),
        Row("b", Status.PASSIVE, Status.RECOVERY),
        Row("d", Status.RECOVERY, Status.ACTIVE),
        Row("c", Status.FAILOVER, Status.ACTIVE),
    )
    route = Playbook("p", rows, (Status.ACTIVE,)).route(Status.PASSIVE, Status.ACTIVE)
    assert route is not None
    assert [row.name for row in route] == ["a", "c"]
