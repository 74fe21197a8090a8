"""Tests of the test, for what the world does of its own accord: each rule broken once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from orchestrator.datadog import HttpWorld
from orchestrator.engine import check as engine_check
from orchestrator.engine import evaluator, reader, route
from orchestrator.engine.context import stopped
from orchestrator.engine.machine import TransitionExecutor
from orchestrator.engine.reader import PairReader
from orchestrator.errors import ExitCode, UsageError
from orchestrator.journal import history
from orchestrator.model.org import Mirrors, Pair
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Change, HamrRecord, Reading
from orchestrator.model.result import RunResult
from orchestrator.model.run import Attempt, End, Mode, RunOutcome
from orchestrator.model.situation import Comparison
from orchestrator.model.status import Role, Status
from orchestrator.operations import driving, status
from orchestrator.proof import keyboard
from orchestrator.simulator import AppliedLate, Authors, Fault, ServerError
from orchestrator.situation import compare as situation_compare
from orchestrator.situation import phase
from orchestrator.situation import state as state_of_runs
from orchestrator.situation.state import RunState
from tests.report.scenes import result
from tests.steps import step

from .attacks import Attacks, Follower, Lagging, Restored, SlowConnection, Stumble, Visits
from .draw import Dark, Foreign, Incident, Life, Story
from .test_breakages import (
    Breakage,
    Patch,
    always,
    always_fresh,
    each_invariant,
    foreign_is_an_echo,
    foreign_soon,
    killed,
    notice,
    plain,
)
from .twists import homeward
from .world import patient

# -- where to look ----------------------------------------------------------------------------------------------


def _stopped_and_lagging(incident: Incident) -> Incident:
    """Ctrl-C in the middle; whoever takes it up reads what was there before, for a while."""
    lives = (Life(interrupt_at=0.3 + (incident.seed % 12) * 0.05, interrupts=1), *(Life(),) * 3)
    lagging = tuple(Lagging(2, role, 1, 2.5) for role in Role)
    return plain(incident, lives=lives, attacks=Attacks(lagging=lagging))


def _hidden_stranger(incident: Incident) -> Incident:
    """A stranger is seen, and is out of sight when the run is taken up."""
    moment = 0.05 + (incident.seed % 16) * 0.03
    lagging = (Lagging(2, Role.PRIMARY, 1, 20.0),)
    stranger = Foreign(moment, Role.PRIMARY, Status.PASSIVE, "terraform")
    return plain(incident, foreign=(stranger,), attacks=Attacks(lagging=lagging))


def _hidden_stranger_at_the_goal(incident: Incident) -> Incident:
    """The same after the last write."""
    hidden = (Lagging(2, Role.PRIMARY, 1, 20.0),)
    delay = 0.01 + (incident.seed % 8) * 0.01
    stranger = Follower(4, delay, same_org=True, status=Status.PASSIVE, name="terraform")
    return plain(incident, attacks=Attacks(lagging=hidden, followers=(stranger,)))


def _slow_looks(incident: Incident) -> Incident:
    """Every first connection takes longer than a reading may be old."""
    return plain(incident, attacks=Attacks(slow=SlowConnection(99, 6.0, reads_too=True, stranger=None)))


def _slow_write(incident: Incident) -> Incident:
    slow = SlowConnection(1 + incident.seed % 3, 7.0, reads_too=False, stranger=Status.PASSIVE)
    return plain(incident, attacks=Attacks(slow=slow))


def _typed(incident: Incident) -> Incident:
    """Ctrl-C, and somebody who types what they read."""
    lives = (Life(interrupt_at=0.3 + (incident.seed % 12) * 0.05, interrupts=1), *(Life(),) * 3)
    return plain(incident, lives=lives, resumes=False, attacks=Attacks(typed=True))


def _late(incident: Incident) -> Incident:
    fault = Fault(AppliedLate(100.0, 504), at=1 + incident.seed % 4, method="POST")
    return plain(incident, faults=(fault,), attacks=Attacks(visits=Visits(looks_at=60.0)))


def _late_and_cut_short(incident: Incident) -> Incident:
    """One attempt to each org is given up in an emergency, and nothing but its org tells a late one from the other."""
    faults = tuple(Fault(AppliedLate(50.0 * at, 504), at=at, method="POST") for at in (1, 3))
    aimed = plain(incident, faults=faults, mode=Mode.EMERGENCY, attacks=Attacks(visits=Visits(looks_at=60.0)))
    return replace(aimed, config=replace(aimed.config, authors=Authors.SHORT))


def _stumbles(incident: Incident) -> Incident:
    role = list(Role)[incident.seed % 2]
    return plain(incident, attacks=Attacks(stumbles=(Stumble(1, role, ServerError(503), 1),)))


def _slowly_stumbles(incident: Incident) -> Incident:
    slow = SlowConnection(99, 6.0, reads_too=True, stranger=None)
    aimed = _stumbles(incident)
    return replace(aimed, attacks=replace(aimed.attacks, slow=slow))


def _stumbles_in_a_drill(incident: Incident) -> Incident:
    """Its first run does: the drill itself looks before that, and once more in the end."""
    role = list(Role)[incident.seed % 2]
    return plain(incident, faults=(Fault(ServerError(503), at=2, role=role, method="GET"),), drills=True)


def _turned(incident: Incident) -> Incident:
    return plain(
        incident,
        mode=Mode.EMERGENCY,
        dark=(Dark(0.0, Role.PRIMARY, 30.0, silent=False),),
        attacks=Attacks(turns=True),
    )


def _dead_on_the_way_home(incident: Incident) -> Incident:
    """Where either org may be the survivor."""
    dark = (Dark(0.0, Role.PRIMARY, 300.0, silent=True),)
    return homeward(plain(incident, mode=Mode.EMERGENCY, dark=dark), share=1.0)


def _midway_elsewhere(incident: Incident) -> Incident:
    """Somebody with another journal begins between the first two writes."""
    delay = 0.02 + (incident.seed % 8) * 0.02
    attacks = Attacks(second_after_post=1, second_delay=delay, second_goal=Status.ACTIVE)
    return plain(incident, story=Story.OTHER_JOURNAL, attacks=attacks)


def _elsewhere(incident: Incident) -> Incident:
    """Somebody with another journal wants to go home right after the run is done."""
    attacks = Attacks(second_after_post=4, second_delay=3.0, second_goal=Status.PASSIVE)
    return plain(incident, story=Story.OTHER_JOURNAL, attacks=attacks)


def _repointed(incident: Incident) -> Incident:
    """Ctrl-C in the middle; before somebody takes the run up, the inventory gets to name other orgs."""
    lives = (Life(interrupt_at=0.1 + (incident.seed % 12) * 0.05, interrupts=1), *(Life(),) * 3)
    return plain(incident, lives=lives, attacks=Attacks(repointed_before=2))


def _mirroring(aim: Callable[[Incident], Incident]) -> Callable[[Incident], Incident]:
    """The same on a pair that mirrors."""

    def aimed(incident: Incident) -> Incident:
        alone = aim(incident)
        return replace(alone, mirrors=Mirrors.YES, config=replace(alone.config, mirror=0.0))

    return aimed


def _in_whole_seconds(aim: Callable[[Incident], Incident]) -> Callable[[Incident], Incident]:
    """The same on servers that know no less."""

    def aimed(incident: Incident) -> Incident:
        found = aim(incident)
        return replace(found, config=replace(found.config, whole_seconds=True))

    return aimed


def _lagging_at_the_goal(incident: Incident) -> Incident:
    """Whoever comes next reads what was there before, for longer than anybody waits."""
    return plain(incident, attacks=Attacks(lagging=(Lagging(2, Role.PRIMARY, 1, 40.0),)))


def _restored(incident: Incident) -> Incident:
    """Killed, taken up and killed again; then the journal is put back as it was after the first time."""
    lives = (
        Life(crash_at_step=100 + incident.seed * 13),
        Life(crash_at_step=90 + incident.seed * 7),
        *(Life(),) * 2,
    )
    refused = Fault(ServerError(503), at=3, method="POST")
    return plain(incident, lives=lives, faults=(refused,), attacks=Attacks(restored=Restored(1, 3)))


# -- what is broken ---------------------------------------------------------------------------------------------


def _compared(patch: Patch, instead: Callable[[Any, Comparison], Comparison]) -> None:
    compare = engine_check.compare  # type: ignore[attr-defined]

    def wrong(pair: Any, reading: Any, known: Any) -> Comparison:
        return instead(reading, compare(pair, reading, known))

    patch.setattr(engine_check, "compare", wrong)


def _no_floor(patch: Patch) -> None:
    """What was seen binds no reading, wherever that is asked."""
    for module in (situation_compare, state_of_runs, phase, status):
        patch.setattr(module, "under_floor", lambda *_: None)
    patch.setattr(situation_compare, "floor_of", lambda *_: None)


def _stale_is_the_same(patch: Patch) -> None:
    """Nor does what this very run has seen."""
    _no_floor(patch)
    _compared(patch, lambda _, found: Comparison(Change.SAME) if found.change is Change.STALE else found)


def _ours_is_foreign(patch: Patch) -> None:
    _compared(
        patch,
        lambda _, found: Comparison(Change.FOREIGN, found.reason) if found.change is Change.OURS else found,
    )


def _echoes_are_reversions(patch: Patch) -> None:
    _compared(
        patch,
        lambda _, found: Comparison(Change.REVERTED, found.reason) if found.change is Change.ECHO else found,
    )


def _the_last_echo_is_a_reversion(patch: Patch) -> None:
    """Where all of it came in one second."""
    _compared(
        patch,
        lambda reading, found: (
            Comparison(Change.REVERTED, found.reason)
            if found.change is Change.ECHO and reading.status is Status.ACTIVE
            else found
        ),
    )


def _one_second_is_no_order(patch: Patch) -> None:
    patch.setattr(situation_compare._Shown, "seen_before", lambda self, *_, **__: self.foreign())


def _nobody_is_ever_elsewhere(patch: Patch) -> None:
    """Every stamp is taken for one of a run that this journal knows."""

    class Everything(frozenset[str]):
        def __contains__(self, _: object) -> bool:
            return True

    def situation(
        self: PairReader, *arguments: Any, original: Any = PairReader.situation, **more: Any
    ) -> Any:
        return replace(original(self, *arguments, **more), known_runs=Everything())

    patch.setattr(PairReader, "situation", situation)


def _nobody_else_binds_midway(patch: Patch) -> None:
    patch.setattr(evaluator, "BINDING_MIDWAY", evaluator.BINDING_ALWAYS)


def _any_orgs_will_do(patch: Patch) -> None:
    patch.setattr(Pair, "is_of", lambda *_: True)
    _compared(
        patch,
        lambda _, found: Comparison(Change.SAME) if found.change is Change.FOREIGN else found,
    )


def _nothing_is_written_and_nobody_waits(patch: Patch) -> None:
    async def with_both(*_: Any, **__: Any) -> None:
        return None

    patch.setattr(TransitionExecutor, "_with_both", with_both)


def _any_time_to_leave(patch: Patch) -> None:
    async def write(
        self: HttpWorld,
        draft: Any,
        *,
        within: Any = None,
        leave_by: Any = None,
        original: Any = HttpWorld.write,
    ) -> Any:
        del leave_by
        return await original(self, draft, within=within)

    patch.setattr(HttpWorld, "write", write)


def _what_was_offered_is_refused(patch: Patch) -> None:
    async def resume(*_: Any, **__: Any) -> Any:
        raise UsageError("there is nothing to resume")

    patch.setattr(keyboard, "resume", resume)


def _what_was_offered_does_nothing(patch: Patch) -> None:
    async def resume(*_: Any, **__: Any) -> RunResult:
        ending = RunOutcome(End.INCOMPLETE, "it stops as before", next_steps=(step("hamr resume sim"),))
        return replace(result(), ending=ending, exit_code=ExitCode.INCOMPLETE, resumable=True)

    patch.setattr(keyboard, "resume", resume)


def _nothing_is_ever_late(patch: Patch) -> None:
    def hasty(playbook: Playbook, attacks: Attacks) -> Playbook:
        changes: dict[str, Any] = {"late": timedelta(0)}
        return replace(patient(playbook, attacks), **changes)

    patch.setattr("tests.incidents.incident.patient", hasty)


def _once_is_enough(patch: Patch) -> None:
    """The first answer is believed, whatever it is."""

    async def ask_once(ask: Any, _: Any, *, within: float | None = None) -> Reading:
        found: Reading = await ask(False, within)
        return found

    for module in (reader, status):
        patch.setattr(module, "ask_twice", ask_once)


def _either_survivor_is_waited_for(patch: Patch) -> None:
    async def look_at_both(look: Any, playbook: Playbook, goal: Status, **_: object) -> Any:
        return await look(playbook.survivors_towards(goal))

    for module in (reader, status):
        patch.setattr(module, "look_for_survivor", look_at_both)


def _any_attempt_may_have_come(patch: Patch) -> None:
    def newest(attempts: Iterable[Attempt], _: Role, record: HamrRecord) -> Attempt | None:
        return next((each for each in reversed([*attempts]) if each.fits(record)), None)

    for module in (history, state_of_runs):
        patch.setattr(module, "the_one_that_came", newest)


def _emergencies_are_refused(patch: Patch) -> None:
    def enter(run: Any, phase: Any, readings: Any, goal: Any, original: Any = route.enter) -> Any:
        if run.state.mode is Mode.EMERGENCY and goal is Status.PASSIVE:
            raise stopped(End.REFUSED, "the other region is needed")
        return original(run, phase, readings, goal)

    patch.setattr(route, "enter", enter)


BREAKAGES = (
    Breakage("above-the-floor", "what is old is the same", _stale_is_the_same, _stopped_and_lagging),
    Breakage("above-the-floor", "there is no floor", _no_floor, _hidden_stranger),
    Breakage("never-over-seen", "a stranger passes for an echo", foreign_is_an_echo, foreign_soon, found=1),
    Breakage("never-over-seen", "there is no floor", _no_floor, _hidden_stranger, found=1),
    Breakage(
        "never-over-seen",
        "a stranger whom a mirror brings passes for an echo",
        foreign_is_an_echo,
        _mirroring(foreign_soon),
        found=4,
    ),
    Breakage(
        "newest-is-newest",
        "what a mirror brought is called put back",
        _echoes_are_reversions,
        _mirroring(killed),
    ),
    Breakage(
        "newest-is-newest",
        "what a mirror brought last, in the second of what was there, is called put back",
        _the_last_echo_is_a_reversion,
        _in_whole_seconds(_mirroring(plain)),
    ),
    Breakage(
        "old-is-nobodys",
        "of one second, all is somebody else's",
        _one_second_is_no_order,
        _in_whole_seconds(_lagging_at_the_goal),
    ),
    Breakage("alone-binds", "every stamp is known", _nobody_is_ever_elsewhere, _elsewhere),
    Breakage(
        "alone-binds", "nobody else binds a transition midway", _nobody_else_binds_midway, _midway_elsewhere
    ),
    Breakage("own-orgs", "any orgs will do", _any_orgs_will_do, _repointed, found=1),
    Breakage("own-stamps", "nobody marks who resumes", always(driving, "new_mark", ""), _restored, found=5),
    Breakage(
        "done-is-so", "transitions are made without a write", _nothing_is_written_and_nobody_waits, plain
    ),
    Breakage("done-is-so", "there is no floor", _no_floor, _hidden_stranger_at_the_goal, found=6),
    Breakage("leaves-in-time", "any reading is fresh", always_fresh, _slow_looks),
    Breakage("leaves-in-time", "a write may leave at any time", _any_time_to_leave, _slow_write),
    Breakage("late-is-named", "nothing is ever late", _nothing_is_ever_late, _late),
    Breakage("late-is-named", "what was given up is not named", always(RunState, "may_come_late", ()), _late),
    Breakage("late-is-named", "any may have come", _any_attempt_may_have_come, _late_and_cut_short),
    Breakage("ours-is-ours", "our own write is called foreign", _ours_is_foreign, plain),
    Breakage("next-accepted", "what was offered is refused", _what_was_offered_is_refused, _typed),
    Breakage("leads-on", "what was offered does nothing", _what_was_offered_does_nothing, _typed),
    Breakage("one-bad-answer", "nobody looks again", _once_is_enough, _stumbles),
    Breakage(
        "one-bad-answer",
        "nobody looks again, slow as connections are",
        _once_is_enough,
        _slowly_stumbles,
    ),
    Breakage("one-bad-answer", "nobody looks again in a drill", _once_is_enough, _stumbles_in_a_drill),
    Breakage(
        "prompt-emergency",
        "either of two survivors is waited for",
        _either_survivor_is_waited_for,
        _dead_on_the_way_home,
    ),
    Breakage("emergency-goes-on", "it waits for the other region", _emergencies_are_refused, _turned),
)


@each_invariant(BREAKAGES)
def test_the_incidents_notice(breakage: Breakage, monkeypatch: Patch) -> None:
    notice(breakage, monkeypatch)
