"""What is left out changes nothing: with nothing left out, the same states are come to, and the same laws hold."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import cache

import pytest
from msgspec import field

from orchestrator.config import load_playbook, parse_playbook
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import BrokenLaw, Route
from orchestrator.model.run import RUN_PATTERN
from orchestrator.model.status import Role, Status
from orchestrator.proof import chosen_routes, routes_of, scene
from orchestrator.proof.scene import Ended, Met, Scene
from orchestrator.proof.search import Search
from orchestrator.proof.states import BETWEEN, States

from .broken import AGENTS, BROKEN, GOOD, IN_PRIMARY, playbook, with_more

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


TWO_STOPS = """\
schema: 1
name: two-stops
stops: [PASSIVE, FAILOVER]
confirm: {within: 20s, every: 5s}
transitions:
  - {name: declare, from: PASSIVE, to: FAILOVER, survivor: secondary}
  - {name: abort, from: FAILOVER, to: PASSIVE}
"""
"""As small as one can be: one transition out, and one back."""
SMALL = Route(Status.PASSIVE, Status.FAILOVER, Role.SECONDARY, mirrors=True)
"""Of that one: what is left out wrongly shows there first."""


class Unmerged(States):
    """Takes every state for new."""

    def is_new(self, state: Callable[[bool], bytes], left: int, scene: Scene, runs: AbstractSet[str]) -> bool:
        """Whether nobody went on from there: always."""
        super().is_new(state, left, scene, runs)
        return True


class Leading(Unmerged):
    """Takes note of what each state leads to where nothing more goes wrong: how its command ends, and in which state."""

    last: bytes = b""
    passed: list[bytes] = field(default_factory=list)
    """By the life that is being lived."""
    begins: dict[object, bytes] = field(default_factory=dict)
    """The state in which a command is typed, by the scripts of those before it."""
    leads_to: dict[bytes, list[object]] = field(default_factory=dict)

    def is_new(self, state: Callable[[bool], bytes], left: int, scene: Scene, runs: AbstractSet[str]) -> bool:
        """As of any other."""
        self.last = state(True)
        if not self.last.startswith(BETWEEN):
            self.passed.append(self.last)
        return super().is_new(state, left, scene, runs)

    def has_ended_so(self, ended: Ended) -> bool:
        """As of any other."""
        *before, script = ended.scene.scripts
        if not script and tuple(before) in self.begins:
            self.passed.append(self.begins[tuple(before)])
        had = super().has_ended_so(ended)
        for each in self.passed:
            self.leads_to.setdefault(each, []).append((ended.words.partition(":")[0], self.last))
        self.passed.clear()
        return had

    def goes_on_new(self, scene: Scene, left: int) -> bool:
        """As of any other."""
        new = super().goes_on_new(scene, left)
        self.begins[scene.scripts] = self.last
        return new


class Told(Search):
    """Takes note of how every command ended, of where that left the pair, and of what was typed then."""

    ends: set[tuple[str, ...]]

    def follow(self, ended: Ended) -> Scene | BrokenLaw | None:
        """As ever."""
        exit_code = ended.words.partition(":")[0] or type(ended.outcome).__name__
        at = (exit_code, *map(str, ended.scene.orgs.statuses.values()))
        follows = super().follow(ended)
        if not isinstance(ended.outcome, Met):
            self.ends.add(at)
        if isinstance(follows, Scene):
            self.ends.add((*at, RUN_PATTERN.sub("RUN", follows.step.command.partition("--lock-id")[0])))
        return follows


def explored(
    route: Route, states: type[States], text: str | Playbook = GOOD, *, faults: int = 1, seconds: float = 300
) -> Told:
    made = parse_playbook(text, "made.yaml") if isinstance(text, str) else text
    search = Told(made, route, faults, seconds, states=states)
    search.ends = set()
    proof = search.run()
    assert search.found or proof.whole
    return search


@cache
def as_ever(route: Route, text: str = GOOD) -> Told:
    """What is come to with everything left out that can be: explored once for all that compare with it."""
    return explored(route, States, text)


def between(search: Search) -> set[bytes]:
    """The states between two commands that it has come to."""
    return {state for state in search.states.seen if state.startswith(BETWEEN)}


def nothing_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thing that goes otherwise has a life of its own from the beginning, but for deaths."""
    for event in [*scene.SAME_AT_FIRST]:
        monkeypatch.setitem(scene.SAME_AT_FIRST, event, ())


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("route", "text"),
    [(SMALL, TWO_STOPS), *((route, GOOD) for route in reversed(ROUTES)), (ROUTES[0], GUARDED)],
    ids=["small", "emergency", "home", "out", "guarded"],
)
def test_equal_states_go_on_equally(route: Route, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the states on the way of what another life stands for: that is told apart where the other one is given up."""
    pruned, whole = as_ever(route, text), explored(route, Unmerged, text)
    assert between(pruned) == between(whole)
    assert pruned.ends == whole.ends
    nothing_is_the_same(monkeypatch)
    pruned, whole = explored(route, States, text), explored(route, Unmerged, text)
    assert set(pruned.states.seen) == set(whole.states.seen)
    assert pruned.ends == whole.ends
    assert pruned.interleavings < whole.interleavings
    assert pruned.found.keys() == whole.found.keys() == set()


def lead_apart(search: Search) -> list[bytes]:
    """The states that were come to more than once, and led to different ends."""
    assert isinstance(search.states, Leading)
    leads_to = search.states.leads_to
    assert any(len(ends) > 1 for ends in leads_to.values())
    return [state for state, ends in leads_to.items() if len({*ends}) > 1]


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("route", "text"),
    [
        (SMALL, TWO_STOPS),
        (ROUTES[0], GUARDED),
        (ROUTES[2], GOOD),
        *((route, GOOD) for route in ROUTES[:2]),
        (ROUTES[1], load_playbook("regional-failover")),
    ],
    ids=["small", "guarded", "emergency", "out", "home", "shipped"],
)
def test_from_equal_states_the_same_end_is_come_to(route: Route, text: str | Playbook) -> None:
    """Nothing is left out of a state that makes a difference."""
    assert lead_apart(explored(route, Leading, text)) == []


@pytest.mark.nightly
@pytest.mark.parametrize(
    "route",
    [
        Route(Status.PASSIVE, Status.FAILOVER),
        Route(Status.PASSIVE, Status.FAILOVER, Role.SECONDARY),
        Route(Status.FAILOVER, Status.PASSIVE, mirrors=True),
    ],
)
def test_to_two_faults_too(route: Route) -> None:
    """What was asked for in an earlier command counts, too: a run that is open goes on, and one that owes delivers alone."""
    assert lead_apart(explored(route, Leading, TWO_STOPS, faults=2)) == []


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["onboarding", "regional-failover"])
def test_the_shipped_playbooks_end_as_they_do_with_nothing_left_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = load_playbook(name)
    pruned = [explored(route, States, shipped) for route in routes_of(shipped)]
    nothing_is_the_same(monkeypatch)
    whole = [explored(route, Unmerged, shipped, seconds=1200) for route in routes_of(shipped)]
    assert [each.ends for each in pruned] == [each.ends for each in whole]
    assert all(
        set(one.states.seen) <= set(other.states.seen) for one, other in zip(pruned, whole, strict=True)
    )


@pytest.mark.nightly
@pytest.mark.parametrize(
    "route",
    [
        Route(Status.PASSIVE, Status.FAILOVER, mirrors=True),
        Route(Status.FAILOVER, Status.PASSIVE, mirrors=True),
    ],
)
def test_to_two_faults_the_smallest_routes_end_as_they_do_with_nothing_left_out(
    route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruned = explored(route, States, TWO_STOPS, faults=2)
    nothing_is_the_same(monkeypatch)
    whole = explored(route, Unmerged, TWO_STOPS, faults=2, seconds=3600)
    assert pruned.ends == whole.ends
    assert between(pruned) == between(whole)


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name, wrong in BROKEN.items() if wrong.faults < 2])
def test_what_is_wrong_breaks_the_same_law_with_nothing_left_out(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = parse_playbook(BROKEN[name].text, "made.yaml")
    routes = chosen_routes(wrong, BROKEN[name].to, mirrors=False)
    pruned = [explored(route, States, wrong, faults=BROKEN[name].faults) for route in routes]
    nothing_is_the_same(monkeypatch)
    whole = [explored(route, Unmerged, wrong, faults=BROKEN[name].faults, seconds=1200) for route in routes]
    assert [each.found.keys() for each in pruned] == [each.found.keys() for each in whole]
    for one, other in zip(pruned, whole, strict=True):
        for law, story in one.found.items():
            assert len(story.story) <= len(other.found[law].story)


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("route", "text"),
    [(SMALL, TWO_STOPS), *((route, GOOD) for route in reversed(ROUTES))],
    ids=["small", "emergency", "home", "out"],
)
def test_what_is_the_same_at_first_comes_to_what_each_comes_to_alone(
    route: Route, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the states on the way of what another life stands for, until something tells them apart."""
    shared = as_ever(route, text)
    nothing_is_the_same(monkeypatch)
    each_by_itself = explored(route, States, text)
    assert shared.ends == each_by_itself.ends
    assert between(shared) == between(each_by_itself)
    assert set(shared.states.seen) <= set(each_by_itself.states.seen)
    assert each_by_itself.interleavings > shared.interleavings


@pytest.mark.sample(1)
@pytest.mark.parametrize(("route", "text"), [(SMALL, TWO_STOPS), (ROUTES[0], GOOD)], ids=["small", "out"])
def test_what_a_dead_process_leaves_is_what_one_leaves_that_dies_there(
    route: Route, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = as_ever(route, text)
    monkeypatch.setattr(scene, "ENDS", frozenset())
    each_by_itself = explored(route, States, text)
    assert shared.ends == each_by_itself.ends
    assert set(shared.states.seen) == set(each_by_itself.states.seen)
    assert each_by_itself.interleavings > shared.interleavings
