"""What a proof lets pass: each exemption holds where it is meant to, and nowhere else."""

from __future__ import annotations

import pytest

from orchestrator.config import load_playbook, parse_playbook
from orchestrator.engine.engine import Engine
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import Law, Route
from orchestrator.model.reading import Draft
from orchestrator.model.run import Mode
from orchestrator.model.status import Role, Status
from orchestrator.proof import laws
from orchestrator.proof.keyboard import Died
from orchestrator.proof.life import Life
from orchestrator.proof.living import follow, live
from orchestrator.proof.orgs import beginning, first_record
from orchestrator.proof.scene import Chooser, Ended, Scene
from orchestrator.proof.search import Search

from .broken import GOOD, playbook

THREE_STOPS = playbook("three-stops").replace("[PASSIVE, ACTIVE]", "[PASSIVE, FAILOVER, ACTIVE]")


@pytest.fixture
def out() -> Life:
    """A command that went from PASSIVE to ACTIVE, with the primary set back to where it was."""
    search = Search(parse_playbook(GOOD, "good.yaml"), Route(Status.PASSIVE, Status.ACTIVE), 0, 0.0)
    life = search.lives.begin(search.first(), Chooser(open=False))
    next(live(life))
    assert not life.broken
    orgs = life.scene.orgs
    orgs.shown[Role.PRIMARY].append(first_record(orgs.pair, Role.PRIMARY, Status.PASSIVE))
    assert "--emergency" not in life.scene.step.command
    return life


def sent_again(life: Life, mode: Mode) -> list[Law]:
    """The laws that break by the last write, of a run that goes on in that mode."""
    engine = life.controls.engine
    assert isinstance(engine, Engine)
    engine.run.state.mode = mode
    last: Draft = life.sent[-1]
    laws.after_write(life, last, answered=True)
    return [broken.law for broken in life.broken]


def test_an_emergency_that_is_resumed_without_its_flag_may_leave_the_other_org_behind(out: Life) -> None:
    assert sent_again(out, Mode.EMERGENCY) == []


def test_a_planned_run_leaves_no_org_where_no_transition_explains_it(out: Life) -> None:
    assert sent_again(out, Mode.PLANNED) == [Law.PREFIX_NAMED]


def after(made: Playbook, route: Route, stands: Status) -> object:
    """What somebody types who finds the pair at a status, at peace, after a command of a route died."""
    search = Search(made, route, 0, 0.0)
    scene = search.first()
    scene.orgs = beginning(scene.orgs.pair, stands, made)
    follows = follow(search.lives, Ended(scene, Died(), Chooser(open=False), []))
    return follows.step.command if isinstance(follows, Scene) else follows


def test_where_nothing_leads_back_any_stop_is_a_place_to_rest() -> None:
    shipped, route = load_playbook("regional-failover"), Route(Status.ONBOARDING, Status.ACTIVE)
    assert after(shipped, route, Status.PASSIVE) is None
    assert after(shipped, route, Status.FAILOVER) == "hamr run pair --to ACTIVE"


def test_where_something_leads_back_only_the_goal_and_home_are_places_to_rest() -> None:
    made, route = parse_playbook(THREE_STOPS, "made.yaml"), Route(Status.PASSIVE, Status.ACTIVE)
    assert after(made, route, Status.FAILOVER) == "hamr run pair --to ACTIVE"
    assert after(made, route, Status.ACTIVE) is None
    assert after(made, route, Status.PASSIVE) is None
