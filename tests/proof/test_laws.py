"""The laws of a proof can break: with a part of the engine taken out; and each exemption holds where it is meant to, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from orchestrator.config import load_playbook, parse_playbook
from orchestrator.engine import check, evaluator
from orchestrator.engine.engine import Engine
from orchestrator.errors import ExitCode, HamrError
from orchestrator.model import next_step
from orchestrator.model.journal import Head
from orchestrator.model.playbook import Playbook
from orchestrator.model.proof import Law, Route
from orchestrator.model.reading import Change, Draft
from orchestrator.model.result import RunResult
from orchestrator.model.run import End, Mode, RunOutcome
from orchestrator.model.situation import Comparison, Owed
from orchestrator.model.status import Role, Status
from orchestrator.operations import locking
from orchestrator.proof import chosen_routes, laws, prove
from orchestrator.proof.keyboard import Crashed, Died, Raised, Returned
from orchestrator.proof.life import Life
from orchestrator.proof.living import follow, live
from orchestrator.proof.orgs import beginning, first_record
from orchestrator.proof.scene import Chooser, Ended, Scene
from orchestrator.proof.search import Search
from orchestrator.proof.virtual_time import EPOCH
from orchestrator.situation.compare import compare

from .broken import AGENTS, GOOD, playbook, with_more

Patch = pytest.MonkeyPatch


def never_foreign(patch: Patch) -> None:
    """Somebody else's write counts as what was there."""

    def blind(*arguments: Any) -> Comparison:
        found = compare(*arguments)
        return Comparison(Change.SAME) if found.change is Change.FOREIGN else found

    patch.setattr(check, "compare", blind)


def intent_unkept(patch: Patch) -> None:
    """An intent is told, and not made durable before the request leaves."""

    async def only_told(self: Any, event: Any) -> None:
        self.tell(event)

    patch.setattr("orchestrator.engine.context.RunContext.intend", only_told)


def guards_waved_through(patch: Patch) -> None:
    """A guard that does not pass stops nothing."""
    patch.setattr(evaluator.Terms, "decide", lambda *_: evaluator.Decision())


def done_unseen(patch: Patch) -> None:
    """A run looks once, and says that it is done."""

    async def at_once(self: Any, goal: Status) -> RunOutcome:
        await self.reader.read_both("start")
        return RunOutcome(End.DONE, f"pair pair stands at {goal}")

    patch.setattr("orchestrator.engine.route.RouteRunner.run_to", at_once)


def lock_unheld(patch: Patch) -> None:
    """The lock is given back as soon as it was taken."""
    honest = locking.take_lock

    def taken(session: Any, run: str, *, take_over: bool) -> locking.Lock:
        lock = honest(session, run, take_over=take_over)
        session.store.release(lock.lock)
        return lock

    patch.setattr(locking, "take_lock", taken)


def no_way_on(patch: Patch) -> None:
    """After a run that stopped, the only step is to look."""
    patch.setattr(
        "orchestrator.operations.supervise.after_a_run",
        lambda ended: (next_step.status(ended.pair.name),),
    )
    patch.setattr(
        "orchestrator.operations.status.after_a_look",
        lambda look: (next_step.status(look.pair.name),),
    )


WITH_GUARD = playbook(
    "with-guard",
    f"probes:\n{AGENTS}guards:\n  telemetry: {{probe: {{name: agents, above: 0}}}}\n",
    with_more("declare", "guards: [telemetry]"),
)


@pytest.mark.parametrize(
    ("take_out", "text", "law"),
    [
        (never_foreign, GOOD, Law.NEVER_OVER_A_STRANGER),
        (intent_unkept, GOOD, Law.INTENT_FIRST),
        (guards_waved_through, WITH_GUARD, Law.GUARDS_BIND),
        (done_unseen, GOOD, Law.DONE_IS_SEEN),
        (lock_unheld, GOOD, Law.REACHES),
        (no_way_on, GOOD, Law.LEADS_ON),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_is_taken_out_of_the_engine_breaks_a_law(
    take_out: Callable[[Patch], None], text: str, law: Law, monkeypatch: Patch
) -> None:
    take_out(monkeypatch)
    made = parse_playbook(text, "made.yaml")
    proof = prove(
        made, chosen_routes(made, (Status.ACTIVE,), mirrors=False), faults=1, seconds=120, workers=1
    )
    assert law in {found.broken.law for found in proof.counterexamples}, proof.counterexamples


@pytest.mark.nightly
def test_nothing_breaks_where_nothing_is_taken_out() -> None:
    made = parse_playbook(WITH_GUARD, "made.yaml")
    proof = prove(
        made, chosen_routes(made, (Status.ACTIVE,), mirrors=False), faults=1, seconds=120, workers=1
    )
    assert proof.holds, proof.counterexamples


RESULT = RunResult(
    "run", "pair", Status.ACTIVE, RunOutcome(End.DONE, "it is done"), ExitCode.DONE, "", (), 1.0, Head(1, "")
)
OWING = Returned(
    replace(RESULT, exit_code=ExitCode.OWING, owed=Owed(Role.PRIMARY, Status.ACTIVE, "run", EPOCH))
)
SEEN = dict.fromkeys(Role, Status.ACTIVE)
BEFORE = SEEN | {Role.SECONDARY: Status.FAILOVER}


@pytest.mark.parametrize(
    ("held", "broken"),
    [
        (laws.ends(OWING), laws.ends(Crashed("KeyError: 'run'"))),
        (
            laws.ends(Died("at its step 3")),
            laws.ends(Returned(replace(RESULT, ending=RunOutcome(End.UNKNOWN, "hamr has a bug")))),
        ),
        (
            laws.clean_hands(Raised(HamrError("it is held")), sent=False),
            laws.clean_hands(Raised(HamrError("it is held")), sent=True),
        ),
        (
            laws.clean_hands(Returned(RESULT), sent=True),
            laws.clean_hands(Returned(replace(RESULT, exit_code=ExitCode.REFUSED)), sent=True),
        ),
        (laws.done_is_seen(Returned(RESULT), SEEN, None), laws.done_is_seen(Returned(RESULT), BEFORE, None)),
        (laws.done_is_seen(Returned(RESULT), SEEN, SEEN), laws.done_is_seen(Returned(RESULT), SEEN, BEFORE)),
        (laws.owed_exactly(OWING, SEEN), laws.owed_exactly(OWING, BEFORE)),
        (
            laws.owed_exactly(Returned(RESULT), {}),
            laws.owed_exactly(Returned(replace(RESULT, exit_code=ExitCode.OWING)), SEEN),
        ),
        (
            laws.locked(Role.PRIMARY, Status.ACTIVE, "a", "a"),
            laws.locked(Role.PRIMARY, Status.ACTIVE, "a", None),
        ),
        (
            laws.survivor_not_dragged(Role.PRIMARY, Status.ACTIVE, Role.PRIMARY, Status.ACTIVE),
            laws.survivor_not_dragged(Role.PRIMARY, Status.ACTIVE, Role.PRIMARY, Status.RECOVERY),
        ),
    ],
)
def test_a_law_tells_what_holds_from_what_does_not(held: Iterator[str], broken: Iterator[str]) -> None:
    assert not [*held]
    assert len([*broken]) == 1


# What a proof lets pass


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
