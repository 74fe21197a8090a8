"""`hamr prove`: the shipped playbooks hold, and each of those that are wrong is found, with a story that can be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.config import check_file, load_playbook, parse_playbook
from orchestrator.errors import ExitCode
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import Event, Explored, Moment, Proof, Route, What
from orchestrator.model.status import Role, Status
from orchestrator.proof import chosen_routes, prove, retell, routes_of
from orchestrator.report.layout import plain_text
from orchestrator.report.proof import moment_words, progress_line, proof_code, proof_page, shortened

from .broken import BROKEN, GOOD, PLANNED_ONLY, playbook, with_more
from .test_pruning import TWO_STOPS

OUT = Route(Status.PASSIVE, Status.ACTIVE)
STOPS_SYNC = "before: [{name: stop-sync, run: [./stop-sync], again: safe}]"


BY_DAY = {
    "guards-that-contradict",
    "slower-than-its-objective",
    "patient-with-the-dead",
    "hook-that-stops-the-way-home",
}
"""For each law one that breaks as it is, and one that breaks after a fault; to look through all stories of two takes a minute."""


def proven(
    playbook: Playbook, faults: int, *, to: tuple[Status, ...] = (), mirrors: bool | None = False
) -> Proof:
    routes = chosen_routes(playbook, to, mirrors)
    return prove(playbook, routes, faults=faults, seconds=300, workers=1)


@pytest.mark.parametrize("by_day", [True, pytest.param(False, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("name", ["onboarding", "regional-failover"])
def test_a_shipped_playbook_holds_to_one_fault_on_every_route(name: str, by_day: bool) -> None:
    """By day on each way to the next stop once: planned where each org is written, in an emergency where the pair mirrors."""
    playbook = load_playbook(name)
    every = routes_of(playbook)
    place = sorted({each for route in every for each in (route.start, route.goal)}).index
    quick = [
        route
        for route in every
        if abs(place(route.goal) - place(route.start)) == 1 and route.mirrors is bool(route.emergency)
    ]
    routes = quick if by_day else [route for route in every if route not in quick]
    assert routes
    proof = prove(playbook, routes, faults=1, seconds=300, workers=1)
    assert not proof.counterexamples, plain_text(proof_page(proof))
    assert proof.holds
    assert proof_code(proof) is ExitCode.DONE


@pytest.mark.nightly
def test_the_shipped_playbook_holds_to_two_faults_on_every_route() -> None:
    """What docs/howto/prove-a-playbook.md says of it; it takes some minutes."""
    playbook = load_playbook("regional-failover")
    proof = prove(playbook, routes_of(playbook), faults=2, seconds=3600, workers=2)
    assert proof.holds, plain_text(proof_page(proof))
    assert not proof.explored.left


def test_every_way_between_two_stops_is_a_route_and_with_a_survivor_two() -> None:
    found = routes_of(parse_playbook(GOOD, "good.yaml"))
    assert [(route.start, route.goal, route.emergency) for route in found if not route.mirrors] == [
        (Status.PASSIVE, Status.ACTIVE, None),
        (Status.PASSIVE, Status.ACTIVE, Role.SECONDARY),
        (Status.ACTIVE, Status.PASSIVE, None),
    ]
    assert len(found) == 6


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in BY_DAY else pytest.mark.nightly) for name in BROKEN],
)
def test_a_playbook_that_check_finds_fine_is_found_to_be_wrong(name: str, tmp_path: Path) -> None:
    wrong, file = BROKEN[name], tmp_path / f"{name}.yaml"
    file.write_text(wrong.text, "utf-8")
    checked = check_file(file)
    assert checked.playbook is not None
    assert not checked.problems
    proof = proven(checked.playbook, wrong.faults, to=wrong.to)
    shortest = proof.counterexamples[0]
    assert proof_code(proof) is ExitCode.LAW_BROKEN
    assert shortest.broken.law.value == wrong.law
    assert len(shortest.faults) == wrong.faults
    assert not wrong.by or shortest.faults == wrong.by
    page = " ".join(plain_text(proof_page(proof)).split())
    assert wrong.says in page
    assert len([*shortened(shortest.story)]) <= 12
    assert retell(checked.playbook, shortest.route, shortest.scripts).broken == shortest.broken
    without = retell(checked.playbook, shortest.route, ()).broken
    assert (without is None) is bool(wrong.faults)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (playbook("cools-down-in-time", "cool_down: 5m\nobjectives: {PASSIVE: 10m}\n"), 0),
        (playbook("hook-before-all", transitions=with_more("declare", STOPS_SYNC, PLANNED_ONLY)), 1),
        (playbook("hook-in-the-middle", transitions=with_more("activate", STOPS_SYNC, PLANNED_ONLY)), 1),
    ],
    ids=["the way home is open in time", "a failed hook leaves it where it was", "a failed hook leads back"],
)
def test_a_playbook_that_keeps_what_it_promises_holds(text: str, faults: int) -> None:
    proof = proven(parse_playbook(text, "sound.yaml"), faults, to=(Status.ACTIVE,))
    assert proof.holds, plain_text(proof_page(proof))


def test_of_the_stories_of_one_law_on_one_way_the_shortest_is_told() -> None:
    """What breaks where each org is written breaks where the pair mirrors as well."""
    playbook = parse_playbook(BROKEN["guards-that-contradict"].text, "wrong.yaml")
    proof = proven(playbook, 0, to=(Status.ACTIVE,), mirrors=None)
    ways = {(found.broken.law, found.route.emergency) for found in proof.counterexamples}
    assert len(proof.counterexamples) == 2 * len(ways)
    page = plain_text(proof_page(proof))
    assert page.count("0.0 s  somebody types  hamr run pair") == len(ways)
    assert f"{len(ways)} more of the same law and way: --json has them." in page


@pytest.mark.parametrize("name", [name for name, wrong in BROKEN.items() if wrong.faults])
def test_a_playbook_that_is_wrong_is_not_where_nothing_goes_wrong_enough(name: str) -> None:
    """The law breaks for the faults that the story has, and not for want of anything else."""
    assert proven(parse_playbook(BROKEN[name].text, name), 0).holds


def test_a_budget_that_ends_before_the_end_proves_nothing() -> None:
    playbook = parse_playbook(GOOD, "good.yaml")
    proof = prove(playbook, (OUT,), faults=2, seconds=0.0, workers=1)
    assert not proof.counterexamples
    assert not proof.holds
    assert proof_code(proof) is ExitCode.NOT_PROVEN
    page = plain_text(proof_page(proof))
    assert page.startswith("NOT PROVEN")
    assert "left out: at least" in page


def test_two_processes_find_what_one_finds_and_both_tell_how_far_they_are() -> None:
    """Nothing breaks where nothing is taken out of the engine (`test_laws.py`)."""
    playbook = parse_playbook(TWO_STOPS, "two-stops.yaml")
    routes = chosen_routes(playbook, (Status.FAILOVER,), mirrors=False)
    found = []
    for workers in (1, 2):
        told: list[tuple[int, Explored]] = []

        def tell(done: Sequence[object], explored: Explored, told: list[tuple[int, Explored]] = told) -> None:
            told.append((len(done), explored))

        proof = prove(playbook, routes, faults=1, seconds=120, workers=workers, told=tell)
        assert proof.holds, proof.counterexamples
        assert [each.route for each in proof.routes] == [*routes]
        counts = [explored.interleavings for _, explored in told]
        assert counts == sorted(counts)
        assert told[-1][0] == len(routes)
        last, whole = told[-1][1], proof.explored
        assert (last.interleavings, last.states, last.left) == (whole.interleavings, whole.states, 0)
        assert any(0 < count < whole.interleavings for count in counts)
        found.append([(each.explored.interleavings, each.explored.states) for each in proof.routes])
    assert found[0] == found[1]


def test_who_is_told_of_a_plan_alone_looks_where_the_pair_stands() -> None:
    """Both orgs were answered with 404: the refused run leads to a plan of another playbook. The pair is at home, at peace."""
    route, missing = Route(Status.ONBOARDING, Status.PASSIVE), ((2, 0), (3, 0))
    found = retell(load_playbook("regional-failover"), route, [missing])
    assert [moment.event for moment in found.story if moment.event] == [Event.MISSING, Event.MISSING]
    assert [moment.subject for moment in found.story if moment.what is What.TYPED] == [
        "hamr run pair --to PASSIVE"
    ]
    assert found.broken is None


def test_how_far_a_proof_is_fits_a_line_of_a_terminal() -> None:
    assert plain_text((progress_line(1, 3, Explored(30, 12, 30, 4.2)),)) == (
        "████░░░░ 1/3 routes, 30 interleavings, 12 states, 30 left, 4 s\n"
    )
    assert len(plain_text((progress_line(12, 12, Explored(123_456, 109_876, 12_345, 99.0)),))) <= 81


@pytest.mark.parametrize("what", What)
def test_whatever_happens_in_a_story_can_be_told(what: What) -> None:
    words = moment_words(Moment(0.0, what, "ssl {0}", Role.PRIMARY, Status.ACTIVE))
    assert any(known in words for known in ("ssl {0}", "primary"))
