"""The laws of a proof can break: with a part of the engine taken out, the shipped moves are found to be wrong by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from orchestrator.config import parse_playbook
from orchestrator.engine import check, evaluator
from orchestrator.errors import ExitCode, HamrError
from orchestrator.model import next_step
from orchestrator.model.journal import Head
from orchestrator.model.proof import Law
from orchestrator.model.reading import Change
from orchestrator.model.result import RunResult
from orchestrator.model.run import End, Ending
from orchestrator.model.situation import Comparison, Owed
from orchestrator.model.status import Role, Status
from orchestrator.operations import locking
from orchestrator.proof import chosen_routes, laws, prove
from orchestrator.proof.keyboard import Crashed, Died, Raised, Returned
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
    patch.setattr(evaluator.GuardPolicy, "decide", lambda *_: evaluator.Decision())


def done_unseen(patch: Patch) -> None:
    """A run looks once, and says that it is done."""

    async def at_once(self: Any, goal: Status) -> Ending:
        await self.reader.read_both("start")
        return Ending(End.DONE, f"pair pair stands at {goal}")

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


def test_nothing_breaks_where_nothing_is_taken_out() -> None:
    made = parse_playbook(WITH_GUARD, "made.yaml")
    proof = prove(
        made, chosen_routes(made, (Status.ACTIVE,), mirrors=False), faults=1, seconds=120, workers=1
    )
    assert proof.holds, proof.counterexamples


RESULT = RunResult(
    "run", "pair", Status.ACTIVE, Ending(End.DONE, "it is done"), ExitCode.DONE, "", (), 1.0, Head(1, "")
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
            laws.ends(Returned(replace(RESULT, ending=Ending(End.UNKNOWN, "hamr has a bug")))),
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
