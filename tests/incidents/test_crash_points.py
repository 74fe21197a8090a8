"""Killed at any journal operation and at any request, and then resumed: the same end, and the page that says so is current."""

from __future__ import annotations

import pytest

from orchestrator.model.status import Status

from .crash_points import PAGE, ROUTES, Route, case, lives, points, section
from .draw import Life
from .invariants import check


@pytest.mark.sample(1)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.title)
def test_law_07_killed_at_any_point_it_comes_to_the_same_end(route: Route) -> None:
    uninterrupted = case(route, Life())
    end = [record and Status.of(record.status) for record in uninterrupted.played.final]
    assert end == [route.goal, route.goal]
    for point in points(route):
        for when, life in lives(point).items():
            place = f"killed {when}: {point.words}"
            found = case(route, life)
            assert found.killed, f"{place}: it never came to that"
            assert check(found.played) == [], place
            assert found.played.closed, place
            assert [record and Status.of(record.status) for record in found.played.final] == end, place
    # The cases are at hand, so the page is compared here.
    assert "\n".join(section(route)) in PAGE.read_text(encoding="utf-8"), (
        "docs/reference/crash-points.md is out of date: python -m tests.incidents.crash_points"
    )


def test_the_page_has_every_route() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [
        route.title for route in ROUTES
    ]
