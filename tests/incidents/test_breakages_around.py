"""Tests of the test, for what stands around a pair: each rule of probes, waiting, hooks, questions and locks, broken once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from orchestrator.engine import evaluator, probing
from orchestrator.engine import hooks as engine_hooks
from orchestrator.engine.check import Checker
from orchestrator.engine.engine import Engine
from orchestrator.engine.hooks import Hooks
from orchestrator.engine.machine import TransitionExecutor
from orchestrator.engine.probing import Asking, Probing
from orchestrator.engine.reader import PairReader
from orchestrator.engine.route import RouteRunner
from orchestrator.journal.history import History
from orchestrator.model.events import PersonAnswered, PersonAsked
from orchestrator.model.guard import Compared, Guard, IfUnknown, Outcome
from orchestrator.model.org import Mirrors
from orchestrator.model.playbook import SETTLED, Again, HookOutcome, When
from orchestrator.model.run import Mode
from orchestrator.model.status import Role, Status
from orchestrator.operations.driving import LockReleasingPrompter
from orchestrator.operations.locking import Lock
from orchestrator.simulator import Fault, StaleRead
from orchestrator.situation import guards
from orchestrator.situation.guard_kinds import Finding, passes
from orchestrator.situation.state import RunState
from orchestrator.system.redaction import Redactor

from .around import Deed, Ends, Gauge, Says, Shows, Surroundings, Visit, Visitor
from .draw import Dark, Foreign, Incident, Life, Story
from .test_breakages import Breakage, Patch, always, each_invariant, no_fence, notice, plain
from .twists import seconded

YES = (Says(yes=True, after=8.0),)

# -- where to look ----------------------------------------------------------------------------------------------


def _around(incident: Incident, around: Surroundings, **changes: Any) -> Incident:
    return plain(incident, around=around, **changes)


def _guarded(gauge: Gauge, *transitions: str, within: float | None = None, ask: bool = False) -> Surroundings:
    span = None if within is None else timedelta(seconds=within)
    guard = Guard("sees", Compared(gauge.name, above=0.0), "", span, IfUnknown.ASK if ask else IfUnknown.FAIL)
    return Surroundings(
        (gauge,), (guard,), tuple((transition, ("sees",)) for transition in transitions), (), YES
    )


def _no_data(incident: Incident) -> Incident:
    return _around(incident, _guarded(Gauge("gauge", Role.SECONDARY, Shows.NO_DATA), "declare"))


def _bad_for_ever(incident: Incident) -> Incident:
    return _around(incident, _guarded(Gauge("gauge", Role.SECONDARY, Shows.NEVER), "declare", within=20.0))


def _good_soon(incident: Incident) -> Incident:
    gauge = Gauge("gauge", Role.SECONDARY, Shows.LATER, turns=2.0 + incident.seed % 5)
    return _around(incident, _guarded(gauge, "declare", within=60.0))


def _asked_about(incident: Incident) -> Incident:
    gauge = Gauge("gauge", Role.SECONDARY, Shows.NO_DATA)
    people = (Says(yes=True, after=1.5),)
    return _around(incident, replace(_guarded(gauge, "declare", ask=True), people=people))


def _hooked(incident: Incident, *deeds: Deed, **changes: Any) -> Incident:
    return _around(incident, Surroundings(deeds=deeds, people=YES), **changes)


def _short_after(incident: Incident) -> Incident:
    return _hooked(incident, Deed("deed", "declare", When.AFTER, takes=0.5))


def _long_after(incident: Incident) -> Incident:
    """Both transitions look at one gauge, and between them a hook takes its time."""
    around = _guarded(Gauge("gauge", Role.SECONDARY), "declare", "activate")
    return _around(incident, replace(around, deeds=(Deed("deed", "declare", When.AFTER, takes=7.0),)))


def _stopped(incident: Incident) -> Incident:
    """The process alone is stopped, often while its gauge is asked."""
    around = _guarded(Gauge("gauge", Role.SECONDARY, takes=1.0), "declare", "activate")
    life = Life(freeze_at_step=80 + 2 * incident.seed, freeze_for=60.0, freezes_alone=True)
    return _around(incident, around, lives=(life, *(Life(),) * 3))


def _twice(incident: Incident) -> Incident:
    """A hook is done, the next one fails, and the run is resumed."""
    first = Deed("first", "declare", When.BEFORE, again=Again.SAFE)
    return _hooked(incident, first, Deed("second", "declare", When.BEFORE, Ends.FAILS_ONCE, again=Again.SAFE))


def _cut_off(incident: Incident) -> Incident:
    """The program is killed while its hook is under way."""
    deed = Deed("deed", "declare", (When.BEFORE, When.AFTER)[incident.seed % 2])
    return _hooked(incident, deed, lives=(Life(hook_begun=1), Life(), Life(), Life()))


def _drilled(incident: Incident) -> Incident:
    """Somebody writes on a drill's way out, to where the way home leads on from."""
    moment = 0.05 + (incident.seed % 16) * 0.03
    return plain(
        incident, drills=True, foreign=(Foreign(moment, Role.PRIMARY, Status.FAILOVER, "terraform"),)
    )


def _wants_agreement(incident: Incident) -> Incident:
    """Killed while a second person is asked; they come later."""
    return seconded(plain(incident, lives=(Life(crash_at_step=60 + incident.seed * 7), *(Life(),) * 3)), 1.0)


def _old_once(incident: Incident) -> Incident:
    """One read of the org that is written first is old, while it is found out whether the pair mirrors."""
    old = Fault(StaleRead(30.0), at=3 + incident.seed % 12, role=Role.SECONDARY, method="GET")
    return plain(incident, mirrors=Mirrors.AUTO, faults=(old,))


def _failing(incident: Incident) -> Incident:
    return _hooked(incident, Deed("deed", "activate", When.BEFORE, Ends.FAILS, again=Again.SAFE))


def _killed_late(incident: Incident) -> Incident:
    """The program is killed at the end of its last transition."""
    deed = Deed("deed", "activate", When.AFTER)
    return _hooked(incident, deed, lives=(Life(journal_before=5 + incident.seed % 12), *(Life(),) * 3))


def _slow_in_an_emergency(incident: Incident) -> Incident:
    deed = Deed("deed", "declare", When.BEFORE, takes=7.0)
    dark = (Dark(0.0, Role.PRIMARY, 300.0, silent=True),)
    return _hooked(incident, deed, mode=Mode.EMERGENCY, dark=dark)


def _by_hand(incident: Incident) -> Incident:
    return _hooked(incident, Deed("deed", "declare", When.BEFORE, manual=True))


def _taken_up(incident: Incident) -> Incident:
    """Somebody resumes the run while a person is asked about its hook."""
    deeds = tuple(Deed(f"deed{number}", "declare", When.AFTER, manual=number == 0) for number in range(2))
    people = (Says(yes=True, after=60.0), Says(yes=True, after=1.0))
    visitor = Visitor(Visit.RESUME, 2.0)
    return _around(incident, Surroundings(deeds=deeds, people=people, visitor=visitor))


def _just_finished(incident: Incident) -> Incident:
    return _around(incident, Surroundings(cool_down=3600.0), story=Story.SAME_JOURNAL, second_at=60.0)


# -- what is broken ---------------------------------------------------------------------------------------------


def _asking_changes_nothing(patch: Patch) -> None:
    async def ask(self: Asking, question: Any) -> Any:
        self.run.tell(PersonAsked(question))
        reply = await self.run.services.people.ask(question)
        self.run.tell(PersonAnswered(question, reply, 0.0))
        return reply

    patch.setattr(Asking, "ask", ask)


def _no_data_passes(patch: Patch) -> None:
    judge = guards.compared  # type: ignore[attr-defined]

    def blind(*arguments: Any) -> Finding:
        found: Finding = judge(*arguments)
        return Finding(Outcome.PASS, found.reason) if found.outcome is Outcome.UNKNOWN else found

    patch.setattr(guards, "compared", blind)


def _waits_for_ever(patch: Patch) -> None:
    limit = evaluator.waits_for
    patch.setattr(evaluator, "waits_for", lambda *a: None if limit(*a) is None else 600.0)


def _nobody_is_asked(patch: Patch) -> None:
    async def may(*_: Any) -> str:
        return ""

    patch.setattr(Hooks, "_may_not_repeat", may)


def _failed_is_good_enough(patch: Patch) -> None:
    patch.setattr(engine_hooks, "SETTLED", SETTLED | {HookOutcome.FAILED})


def _debts_of_hooks_are_forgotten(patch: Patch) -> None:
    async def none(_self: Hooks) -> bool:
        return False

    patch.setattr(Hooks, "catch_up", none)
    patch.setattr(Engine, "_with_hooks", lambda _self, ending: ending)


def _an_emergency_waits_for_hooks(patch: Patch) -> None:
    async def make(
        self: TransitionExecutor, transition: Any, original: Any = TransitionExecutor.make
    ) -> None:
        if self.run.state.mode is Mode.EMERGENCY:
            await self.hooks._all(transition, When.BEFORE)
        await original(self, transition)

    patch.setattr(TransitionExecutor, "make", make)


def _lock_is_kept_while_asking(patch: Patch) -> None:
    async def ask(self: LockReleasingPrompter, question: Any) -> Any:
        asker = self.active.controls.asker
        return None if asker is None else await asker(question)

    patch.setattr(LockReleasingPrompter, "ask", ask)


def _lock_is_not_taken_again(patch: Patch) -> None:
    async def ask(self: LockReleasingPrompter, question: Any) -> Any:
        self.active.lock.let_go()
        asker = self.active.controls.asker
        return None if asker is None else await asker(question)

    patch.setattr(LockReleasingPrompter, "ask", ask)
    no_fence(patch)


def _goes_on_with_what_it_knows(patch: Patch) -> None:
    patch.setattr(Lock, "taken_up_meanwhile", lambda *_: None)
    patch.setattr(Lock, "hooks_settled", lambda *_: [])


def _keys_are_left_in(patch: Patch) -> None:
    patch.setattr(Redactor, "clean", lambda _self, text: text)
    patch.setattr(Redactor, "clean_value", lambda _self, value: value)


def _probes_are_kept(patch: Patch) -> None:
    patch.setattr(Probing, "distrust", lambda _self: None)
    patch.setattr(Probing, "_is_old", lambda *_: False)


def _somebody_has_always_agreed(patch: Patch) -> None:
    patch.setattr(guards, "approved", lambda *_: passes("they will agree"))


def _whatever_shows_is_a_copy(patch: Patch) -> None:
    patch.setattr(RunState, "shows_mirror", True)


BREAKAGES = (
    Breakage("done-once", "a hook that is done is run again", always(Hooks, "_is_settled", False), _twice),
    Breakage("asked-again", "a hook is repeated without asking", _nobody_is_asked, _cut_off),
    Breakage(
        "after-done",
        "a made transition that nobody told of is forgotten",
        always(RouteRunner, "_find_made", None),
        _killed_late,
        found=2,
    ),
    Breakage("owed-is-said", "owed hooks are forgotten", _debts_of_hooks_are_forgotten, _cut_off, found=1),
    Breakage("hooks-first", "a failed hook is good enough", _failed_is_good_enough, _failing),
    Breakage("guards-hold", "no data passes for pass", _no_data_passes, _no_data),
    Breakage("waits-end", "a wait has no end", _waits_for_ever, _bad_for_ever),
    Breakage(
        "unhindered", "an emergency waits for its hooks", _an_emergency_waits_for_hooks, _slow_in_an_emergency
    ),
    Breakage("asks-unlocked", "the lock is kept while asking", _lock_is_kept_while_asking, _by_hand),
    Breakage(
        "intends-locked", "the lock is not taken again after asking", _lock_is_not_taken_again, _by_hand
    ),
    Breakage(
        "done-once",
        "a run goes on that somebody else took up",
        _goes_on_with_what_it_knows,
        _taken_up,
    ),
    Breakage(
        "drill-stops",
        "a drill begins with whatever is there",
        always(Checker, "stop_for_others", None),
        _drilled,
        found=3,
    ),
    Breakage("second-agrees", "nobody has to agree", _somebody_has_always_agreed, _wants_agreement),
    Breakage("mirror-found", "whatever shows is a copy", _whatever_shows_is_a_copy, _old_once),
    Breakage("cools-down", "nothing cools down", always(History, "cooling_down", None), _just_finished),
    Breakage("no-keys", "keys are left in", _keys_are_left_in, _cut_off),
    Breakage(
        "fresh-look",
        "nothing is read again after a hook",
        always(Probing, "distrust_all", None),
        _short_after,
    ),
    Breakage("fresh-look", "nothing is read again after a question", _asking_changes_nothing, _asked_about),
    Breakage(
        "fresh-look",
        "the orgs are not read again after a wait",
        always(PairReader, "distrust", None),
        _good_soon,
    ),
    Breakage("fresh-look", "a probe is read once for all", _probes_are_kept, _long_after),
    Breakage(
        "fresh-look",
        "an answer that a stop held up is new",
        always(probing, "_has_stalled", False),
        _stopped,
        found=14,
    ),
)


@each_invariant(BREAKAGES)
def test_the_incidents_notice(breakage: Breakage, monkeypatch: Patch) -> None:
    notice(breakage, monkeypatch)
