"""Where a run's time went."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.model.events import (
    LockReleased,
    LockTaken,
    NoticeSent,
    PersonAnswered,
    PersonAsked,
    RunResumed,
    TransitionIntended,
    TransitionMade,
)
from orchestrator.model.result import StepTime
from orchestrator.model.run import Mode
from orchestrator.model.status import Status
from orchestrator.model.timing import Spent, Times, times_of
from tests.report.journals import FIRST, MANUAL, REFUSED, RESUMED, WHOLE, Told, answered, both, seen
from tests.report.scenes import NOW


def split(told: Told) -> Times:
    return times_of((event, NOW + timedelta(seconds=seconds)) for seconds, event in told)


def test_each_moment_is_counted_once_by_what_the_run_was_doing() -> None:
    declare, activate = split(WHOLE).steps
    # The look of 0.5 s; the probe, that took 0.25 s longer; 60 s of waiting; another look of 0.25 s; 2 s of a hook; half
    # a second of our own; from the first write's intent to the mirror's answer 4 s; half a second for the second write;
    # then 30 s until a person had pressed the button.
    assert declare == StepTime(
        "declare", Status.PASSIVE, Status.FAILOVER, 98.0, api=5.25, people=30.0, world=62.25
    )
    assert declare.machine == 0.5
    assert activate == StepTime(
        "activate", Status.FAILOVER, Status.ACTIVE, 1.75, api=1.5, people=0.0, world=0.0
    )
    assert activate.machine == 0.25


def test_the_whole_run_holds_what_belongs_to_no_transition() -> None:
    whole = split(WHOLE).whole
    assert whole == Spent(100.0, api=6.75, people=30.0, world=62.25)
    refused = split(REFUSED)
    assert refused.steps == ()
    assert refused.whole == Spent(0.5, api=0.25)


def test_what_came_of_a_notice_is_journalled_late_and_no_time_is_counted_twice_for_it() -> None:
    declare = TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER)
    made = TransitionMade("declare", Status.PASSIVE, Status.FAILOVER, 4.0, 2)
    told: Told = ((0.0, declare), (3.0, declare), (1.0, NoticeSent(None, "begins", "1:00")), (4.0, made))
    (step,) = split(told).steps
    assert step.seconds == 4.0


def test_the_time_between_a_death_and_a_resume_is_nobodys() -> None:
    times = split(RESUMED)
    assert times.whole == Spent(10.5, api=10.0)
    assert times.steps == ()


def test_a_question_asked_without_the_lock_is_peoples_time() -> None:
    told: Told = (
        (0.0, PersonAsked(MANUAL)),
        (0.0, LockReleased("ab12")),
        (40.0, LockTaken("cd34")),
        (41.0, PersonAnswered(MANUAL, None, 41.0)),
    )
    assert split(told).whole == Spent(41.0, people=41.0)


def test_a_question_that_nobody_answered_any_more_is_nobodys_time() -> None:
    told: Told = (
        (0.0, PersonAsked(MANUAL)),
        (0.0, LockReleased("ab12")),
        (9000.0, LockTaken("cd34")),
        (9000.0, RunResumed(Mode.PLANNED)),
        (9001.0, both()),
    )
    assert split(told).whole == Spent(1.0, api=1.0)


def test_what_goes_on_beside_the_writes_of_an_emergency_is_the_apis_time() -> None:
    from orchestrator.model.events import HookEnded, HookIntended
    from orchestrator.model.playbook import HookOutcome, When

    told: Told = (
        (0.0, TransitionIntended("declare", Status.PASSIVE, Status.FAILOVER)),
        (0.0, HookIntended("declare", When.BEFORE, "stop-sync", "./stop")),
        (0.0, FIRST),
        (1.0, answered(FIRST)),
        (2.0, seen(FIRST, 2.0)),
        (5.0, HookEnded("declare", When.BEFORE, "stop-sync", HookOutcome.DONE)),
        (5.0, TransitionMade("declare", Status.PASSIVE, Status.FAILOVER, 5.0, 1)),
    )
    (step,) = split(told).steps
    assert (step.api, step.world, step.machine) == (2.0, 3.0, 0.0)


def test_a_clock_that_was_set_back_takes_no_time_away() -> None:
    told: Told = ((10.0, both()), (4.0, both()), (5.0, both()))
    assert split(told).whole == Spent(1.0, api=1.0)
