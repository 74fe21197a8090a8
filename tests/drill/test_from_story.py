"""A counterexample as a scenario: on the simulator it fails what stands for its law, and where that is mended, nothing."""

from __future__ import annotations

import re
from functools import cache

import pytest
from msgspec import Struct
from msgspec.structs import replace

from orchestrator.config import parse_playbook
from orchestrator.config.scenarios import parse_scenario, scenario_text
from orchestrator.drill.from_story import scenario_of_story
from orchestrator.errors import ExitCode, UsageError
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import BrokenLaw, Counterexample, Event, Law, Route
from orchestrator.model.result import DrillResult
from orchestrator.model.status import Role, Status
from orchestrator.proof.living import live
from orchestrator.proof.scene import Chooser, Scene
from orchestrator.proof.search import Search
from tests.proof.broken import AGENTS, BROKEN, with_more
from tests.proof.broken import playbook as playbook_text

from .rehearsals import Room, missed

OUT = Route(Status.PASSIVE, Status.ACTIVE)
HOME = Route(Status.ACTIVE, Status.PASSIVE)
MIRRORED = replace(OUT, mirrors=True)


class Case(Struct, frozen=True):
    """A route on which the law breaks, what is missed, and how the playbook is mended."""

    route: Route
    missed: str
    mended: tuple[str, str]
    """A pattern in its text, and what takes its place."""


CASES = {
    "guards-that-contradict": Case(OUT, "command 1: the primary shows ACTIVE", ("below: 0}", "below: 9}")),
    "windows-that-never-meet": Case(
        HOME,
        "command 1: the primary shows PASSIVE",
        (r"(?s)guards:\n  by_day.*\n(?=transitions)|guards: \[by_day, by_night\], ", ""),
    ),
    "slower-than-its-objective": Case(OUT, "command 1: ACTIVE within 3 s", ("within: 30m", "within: 5m")),
    "two-waits-in-a-row": Case(OUT, "command 1: ACTIVE within 3 s", ("within: 10m", "within: 2m")),
    "patient-with-the-dead": Case(MIRRORED, "command 1: ACTIVE within 2.5 s", ("ACTIVE: 5s", "ACTIVE: 1m")),
    "cool-down-on-the-way-home": Case(
        OUT, "home, when its time is up: exit code 0", ("cool_down: 5h", "cool_down: 1h")
    ),
    "quiet-on-the-way-home": Case(OUT, "home, when its time is up: exit code 0", ("for: 2h", "for: 10m")),
    "hook-that-stops-the-way-home": Case(
        HOME,
        "at the end: phase agreed(PASSIVE)",
        (r"before: \[.*\], ", ""),
    ),
    "stop-that-cannot-be-left": Case(OUT, "at the end: phase agreed(ACTIVE)", (r"before: \[.*\], ", "")),
}
QUICK = ("guards-that-contradict", "hook-that-stops-the-way-home")
NAMES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.nightly) for name in CASES]


def found_in(name: str) -> tuple[Playbook, Counterexample]:
    playbook = parse_playbook(BROKEN[name].text, f"{name}.yaml")
    proof = Search(playbook, CASES[name].route, BROKEN[name].faults, 60.0).run()
    (found,) = (each for each in proof.counterexamples if each.broken.law.value == BROKEN[name].law)
    return playbook, found


def play(room: Room, name: str, playbook: Playbook, found: Counterexample, text: str) -> DrillResult:
    scenario = parse_scenario(scenario_text(scenario_of_story(playbook, found, f"{name}.yaml")), "story.yaml")
    return room.play(scenario, playbook=parse_playbook(text, "played.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_a_playbook_that_is_wrong_fails_its_scenario_until_it_is_mended(room: Room, name: str) -> None:
    case, text = CASES[name], BROKEN[name].text
    playbook, found = found_in(name)
    broken = play(room, name, playbook, found, text)
    assert broken.exit_code is ExitCode.DRILL_MISSED
    assert case.missed in {each.name for each in missed(broken)}
    mended_text = re.sub(*case.mended, text)
    assert mended_text != text
    mended = play(room, name, playbook, found, mended_text)
    assert missed(mended) == []


def test_every_broken_playbook_is_played() -> None:
    assert CASES.keys() == BROKEN.keys()


@pytest.mark.parametrize(
    ("law", "event", "says"),
    [
        (Law.REACHES, Event.ACCEPTED_LATE, 'no fault for "it was answered 200, and the org shows it half'),
        (Law.LOCKED, Event.LAGGED, "no expectation of a scenario stands for the law locked"),
    ],
)
def test_what_has_no_counterpart_is_said_by_name(law: Law, event: Event, says: str) -> None:
    playbook = parse_playbook(BROKEN["guards-that-contradict"].text, "one.yaml")
    with pytest.raises(UsageError, match=re.escape(says)):
        scenario_of_story(playbook, Counterexample(OUT, BrokenLaw(law, "why"), (event,), ()), "one.yaml")


EVERY = playbook_text(
    "every",
    f"probes:\n{AGENTS}guards:\n  some: {{probe: {{name: agents, above: 0}}, within: 30m}}\n",
    with_more(
        "activate",
        "guards: [some], before: [{name: flip, run: [./flip], again: safe}], after: [{name: press, manual: Press it.}]",
    ),
)
NEVER_AT_ITS_GOAL = frozenset(
    {Event.NEVER_PASSED, Event.HOOK_NEVER_ENDED_WELL, Event.WENT_BACK, Event.RAN_AGAIN}
)
"""After these the pair goes home, or what is typed is another command: nothing is missed there for want of trying."""


@cache
def stories() -> dict[Event, Counterexample]:
    """For each kind of event a story in which nothing else goes wrong, and that ends at its goal."""
    search = Search(parse_playbook(EVERY, "every.yaml"), OUT, 1, 0.0)
    found = dict[Event, Counterexample]()
    lived, *died = live(search.lives.begin(search.first(), Chooser((), 1)))
    scripts = [*lived.chooser.branches(), *(each.chooser.script for each in died)]
    for branch in lived.chooser.branches():
        _, *longer = live(search.lives.begin(search.first(), Chooser(branch)))
        scripts += [each.chooser.script for each in longer]
        point, option = branch[0]  # and what it stands for, too
        scripts += [((point, other),) for other in range(option)]
    for script in sorted(scripts):
        scene = search.first()
        follows = search.play(scene, script)
        while isinstance(follows, Scene):
            scene = follows
            follows = search.play(scene, ())
        event = scene.faults[0]
        if event not in found and all(scene.orgs.status(role) is OUT.goal for role in Role):
            found[event] = Counterexample(
                OUT, BrokenLaw(Law.LEADS_ON, "none"), scene.faults, (), scene.scripts
            )
    return found


@pytest.mark.nightly
@pytest.mark.parametrize("event", [event for event in Event if event not in NEVER_AT_ITS_GOAL])
def test_each_kind_of_fault_of_a_story_is_met_again_and_the_way_on_leads_to_its_goal(
    room: Room, event: Event
) -> None:
    playbook = parse_playbook(EVERY, "every.yaml")
    if event in (Event.ACCEPTED_LATE, Event.NOT_SENT):
        with pytest.raises(UsageError, match="the simulator has no fault for"):
            scenario_of_story(playbook, stories()[event], "every.yaml")
        return
    assert missed(play(room, "every", playbook, stories()[event], EVERY)) == []
