"""What is left out changes nothing: with nothing left out, the same states are come to, and the same laws hold."""

from __future__ import annotations

import time

import pytest

from orchestrator.config import parse_playbook
from orchestrator.model.proof import Route
from orchestrator.model.status import Role, Status
from orchestrator.proof import choices
from orchestrator.proof.scene import Scene
from orchestrator.proof.search import Search
from orchestrator.proof.states import States

from .broken import AGENTS, GOOD, IN_PRIMARY, playbook, with_more

GUARDED = playbook(
    "guarded",
    f"probes:\n{AGENTS}{IN_PRIMARY}"
    "guards:\n  one: {probe: {name: agents_in_primary, above: 0}, unknown: ask}\n"
    "  two: {probe: {name: agents, above: 0}, within: 2m}\n",
    with_more("declare", "guards: [one]", with_more("activate", "guards: [two]")),
)
"""Asks for one probe, and later for another and never again for the first."""

ROUTES = (
    Route(Status.PASSIVE, Status.ACTIVE),
    Route(Status.ACTIVE, Status.PASSIVE, mirrors=True),
    Route(Status.PASSIVE, Status.ACTIVE, Role.SECONDARY, mirrors=True),
)


class Unmerged(States):
    """Takes every state for new."""

    def is_new(self, digest: bytes, left: int, scene: Scene) -> bool:
        """Whether nobody went on from there: always."""
        super().is_new(digest, left, scene)
        return True


def explored(route: Route, states: type[States], text: str = GOOD) -> Search:
    search = Search(parse_playbook(text, "made.yaml"), route, 1, time.monotonic() + 300, states=states)
    assert search.run().whole
    return search


@pytest.mark.parametrize(
    ("route", "text"),
    [*((route, GOOD) for route in ROUTES), (ROUTES[0], GUARDED)],
    ids=["out", "home", "emergency", "guarded"],
)
def test_equal_states_go_on_equally(route: Route, text: str) -> None:
    pruned, whole = explored(route, States, text), explored(route, Unmerged, text)
    assert set(pruned.states.seen) == set(whole.states.seen)
    assert pruned.interleavings < whole.interleavings
    assert pruned.found.keys() == whole.found.keys() == set()


def test_what_a_dead_process_leaves_is_what_one_leaves_that_dies_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = explored(ROUTES[0], States)
    monkeypatch.setattr(choices, "ENDS", frozenset())
    monkeypatch.setattr(choices, "OUTLASTS", {})
    each_by_itself = explored(ROUTES[0], States)
    assert set(shared.states.seen) == set(each_by_itself.states.seen)
    assert each_by_itself.interleavings > shared.interleavings
