"""What a pair's newest run left to people, as the fold of its records has it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.journal.history import KINDS, History, fold
from orchestrator.model.events import (
    ApprovalAsked,
    ChangeSeen,
    Event,
    HookEnded,
    OwedSettled,
    PairAdopted,
    RunAcknowledged,
    RunFinished,
    RunResumed,
    RunStarted,
    SituationRead,
    WaitBegan,
    WaitContinued,
    WaitEnded,
    WriteConfirmed,
    WriteIntended,
    WriteOwed,
    WriteUnknown,
)
from orchestrator.model.playbook import HookOutcome, When
from orchestrator.model.reading import Change, Exchange, Lost, Present, Reading
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Both, Role, Status
from orchestrator.model.words import DOING
from tests.report.happened import APPROVABLE
from tests.report.journals import HOME, WHOLE, Told, answered, both, finished, journal, post
from tests.report.scenes import NOW, PAIR, UNSETTLED, S, record

LEFT = HookEnded("declare", When.AFTER, "integrations", HookOutcome.LEFT_TO_PERSON, "Press the button.")
FAILED = HookEnded("declare", When.BEFORE, "stop-sync", HookOutcome.FAILED, "exit code 3", 3)


def _instead(event: object) -> object:
    match event:
        case HookEnded(when=When.BEFORE):
            return FAILED
        case HookEnded():
            return LEFT
        case _:
            return event


UNDONE: Told = [(seconds, _instead(event)) for seconds, event in WHOLE]  # type: ignore[misc]  # events, all of them
STARTED = next(event for _, event in WHOLE if isinstance(event, RunStarted))


def history(*more: tuple[Told, str]) -> History:
    found = History("payments")
    fold(found, journal(UNDONE))
    for place, (told, run) in enumerate(more):
        fold(found, journal(told, run=run, first=100 * (place + 1)))
    return found


def test_the_newest_run_that_moved_the_pair_keeps_what_it_left_to_people() -> None:
    run = history().last_moved
    assert run is not None
    assert (run.by_hand, run.hooks_failed) == (["Press the button."], [("declare", "stop-sync")])
    assert run.hooks_owed == []


def test_a_hook_that_ended_well_the_second_time_did_not_fail() -> None:
    again = HookEnded("declare", When.BEFORE, "stop-sync", HookOutcome.DONE)
    found = history()
    fold(found, journal([(200.0, again)], first=90))
    assert found.last_moved is not None
    assert found.last_moved.hooks_failed == []


def test_a_later_run_that_found_nothing_to_do_takes_nothing_off_it() -> None:
    nothing: Told = [(300.0, STARTED), (300.5, both()), (301.0, finished(End.DONE, 0, "there already", 1.0))]
    run = history((nothing, HOME)).last_moved
    assert run is not None
    assert run.by_hand == ["Press the button."]


def test_what_a_process_did_not_see_that_was_stopped_for_long_whoever_took_its_run_over_has_settled() -> None:
    attempt = next(event.attempt for _, event in WHOLE if isinstance(event, WriteIntended))
    late: Told = [(200.0, WriteUnknown(attempt, "no answer within 3 s"))]
    found = history()
    fold(found, journal(late, first=90))
    assert found.unknown == ()
    midway = History("payments")
    fold(
        midway, journal([(seconds, event) for seconds, event in WHOLE if not isinstance(event, RunFinished)])
    )
    fold(midway, journal(late, first=90))
    assert [known.number for _, known in midway.unknown] == [attempt.number]


def test_whoever_acknowledges_that_run_has_done_it() -> None:
    found = history()
    fold(found, journal([(400.0, RunAcknowledged("all done"))], first=90))
    assert found.last_moved is None


@pytest.mark.parametrize(
    ("orgs", "left"), [(STARTED.orgs, False), (Both("aaaa", "bbbb"), True)], ids=["its own", "others"]
)
def test_what_is_owed_is_not_paid_by_telling_other_orgs_that_bear_the_pairs_name(
    orgs: Both[str], left: bool
) -> None:
    """The inventory named others for a while, and names the first again."""
    owing: Told = [(200.0, STARTED), (201.0, WriteOwed(S, Status.ACTIVE, "dark"))]
    later: Told = [
        (300.0, replace(STARTED, orgs=orgs)),
        (301.0, WriteConfirmed(S, Status.PASSIVE, record(S), Change.OURS)),
    ]
    settled: Told = [(400.0, replace(STARTED, orgs=orgs)), (401.0, OwedSettled(S, Status.ACTIVE, "void"))]
    for told in (later, settled):
        found = history((owing, "owing"), (told, "later"))
        assert (found.owed is not None) is left


OTHERS = Both("aaaa", "bbbb")
EMERGENCY: Told = [(200.0, STARTED), (201.0, WriteOwed(S, Status.ACTIVE, "dark"))]
"""It left an org of payments untold."""


def on_others(*told: Event) -> Told:
    return [(300.0, replace(STARTED, orgs=OTHERS)), *((301.0, each) for each in told)]


def seen_by_payments(found: History, *, others: bool) -> tuple[str, str]:
    """The run by which its orgs are owed, and the one that is left open, once the inventory names these orgs."""
    orgs = OTHERS if others else STARTED.orgs
    pair = replace(
        PAIR, orgs=Both(*(replace(org, uuid=uuid) for org, uuid in zip(PAIR.orgs, orgs, strict=True)))
    )
    of = found.of(pair)
    return "" if of.owed is None else of.owed.run, "" if of.open_run is None else of.open_run.run


def test_what_is_owed_belongs_to_the_orgs_and_outlasts_an_emergency_of_others_that_bear_their_name() -> None:
    found = history((EMERGENCY, "owing"), (on_others(WriteOwed(S, Status.ACTIVE, "dark")), "later"))
    assert seen_by_payments(found, others=True) == ("later", "later")
    assert seen_by_payments(found, others=False) == ("owing", "owing")
    fold(found, journal([(500.0, OwedSettled(S, Status.ACTIVE, "delivered"))], run="later", first=300))
    assert seen_by_payments(found, others=True) == ("", "later")
    assert seen_by_payments(found, others=False) == ("owing", "owing")


def test_a_person_who_says_where_others_stand_settles_nothing_of_the_orgs_that_bore_the_name_before() -> None:
    shown = (replace(record(role), org_uuid=uuid) for role, uuid in zip(Role, OTHERS, strict=True))
    sights = (Present(each, Status.PASSIVE) for each in shown)
    here = SituationRead(
        "start", Both(*(Reading(role, sight, NOW, 0.0) for role, sight in zip(Role, sights, strict=True)))
    )
    truth = PairAdopted(S, Status.ACTIVE, "it serves")
    adopted: Told = [(300.0, here), (301.0, truth), (302.0, OwedSettled(S, Status.ACTIVE, "void"))]
    found = history((EMERGENCY, "owing"), (adopted, "adoption"))
    assert seen_by_payments(found, others=False) == ("owing", "owing")


def test_a_run_of_others_that_is_done_settles_no_unknown_of_the_orgs_that_bore_the_name_before() -> None:
    lost = post(1, S, Status.FAILOVER)
    unknown: Told = [(200.0, STARTED), (201.0, lost), (202.0, WriteUnknown(lost.attempt, "timed out"))]
    found = history((unknown, "lost"), (on_others(finished(End.DONE, 0, "there", 1.0)), "later"))
    assert [run for run, _ in found.unknown] == ["lost"]


def test_law_05_an_attempt_whose_successor_is_seen_is_unknown_no_more_and_may_come_late() -> None:
    lost, seen = post(1, S, Status.FAILOVER), post(2, S, Status.FAILOVER)
    theirs = record(S, int(Status.FAILOVER), seen.attempt.stamp)
    told: Told = [
        (0.0, STARTED),
        (1.0, lost),
        (1.5, answered(lost, Lost(Exchange(0.5), "timed out"))),
        (2.0, WriteUnknown(lost.attempt, "timed out")),
    ]
    found = History("payments")
    fold(found, journal(told))
    assert [attempt.number for _, attempt in found.unknown] == [1]
    later: Told = [(3.0, seen), (3.5, WriteConfirmed(S, Status.FAILOVER, theirs, Change.OURS, 2, 0.5))]
    fold(found, journal(later, first=90))
    assert found.unknown == ()
    (given_up,) = found.given_up()
    assert given_up.attempt.number == 1
    came = record(S, int(Status.FAILOVER), lost.attempt.stamp)
    for shown, may_still_come in ((theirs, True), (came, False)):
        reading = Reading(S, Present(shown, Status.FAILOVER), NOW, 0.0)
        assert given_up.may_still_come(reading, timedelta(minutes=15)) is may_still_come


def test_law_05_an_attempt_of_an_earlier_run_that_was_seen_is_on_its_way_no_more_whatever_stands_over_it() -> (
    None
):
    lost, over = post(1, S, Status.FAILOVER), record(S, int(Status.PASSIVE))
    stamp = str(lost.attempt.stamp)
    late, cut = record(S, int(Status.FAILOVER), stamp), record(S, int(Status.FAILOVER), stamp[:-4])
    given_up = [(0.0, STARTED), (1.0, lost), (2.0, WriteUnknown(lost.attempt, "timed out"))]
    shown = Reading(S, Present(over, Status.PASSIVE), NOW, 0.0)
    for came, may_still_come in ((over, True), (cut, True), (late, False)):
        found = History("payments")
        fold(found, journal(given_up))
        read = Reading(S, Present(came, Status(came.status)), NOW, 0.0)
        fold(
            found,
            journal([(3.0, STARTED), (3.1, SituationRead("start", Both(None, read)))], run="r2", first=90),
        )
        (each,) = found.given_up(beside="r2")
        assert each.may_still_come(shown, timedelta(minutes=15)) is may_still_come


def test_law_05_an_attempt_is_unknown_again_once_what_was_taken_for_it_is_a_strangers() -> None:
    lost, theirs = post(1, S, Status.FAILOVER), record(S, int(Status.FAILOVER), "bob@example.com")
    taken = WriteConfirmed(S, Status.FAILOVER, theirs, Change.UNPROVEN, 1, 0.5)
    found = History("payments")
    fold(
        found,
        journal(
            [
                (0.0, STARTED),
                (1.0, lost),
                (1.5, answered(lost, Lost(Exchange(0.5), "timed out"))),
                (2.0, taken),
            ]
        ),
    )
    (run,) = found.runs.values()
    assert (list(run.unknown), list(run.unseen)) == ([], []), "in effect, author unproven"
    fold(found, journal([(3.0, ChangeSeen(S, Change.FOREIGN, "it was bob", theirs, theirs))], first=90))
    assert (list(run.unknown), list(run.unseen)) == ([1], [1])


@pytest.mark.parametrize("writes", [True, False])
def test_a_resume_goes_on_in_the_mode_in_which_the_run_last_wrote(writes: bool) -> None:
    """Killed before the emergency wrote anything, the run is what it began as."""
    emergency = (1.0, RunResumed(Mode.EMERGENCY, "us1 is down", {}))
    found = History("payments")
    told: Told = [(0.0, STARTED), emergency, *([(2.0, post(1, S, Status.FAILOVER))] if writes else [])]
    fold(found, journal(told))
    (run,) = found.runs.values()
    assert run.mode is Mode.EMERGENCY
    assert run.resumes_as is (Mode.EMERGENCY if writes else Mode.PLANNED)


def test_what_a_run_is_at_has_words_only_where_its_history_reads_that_kind() -> None:
    assert DOING.keys() <= set(KINDS)


def test_a_run_wants_approval_while_it_waits_for_a_guard_that_asked_for_it() -> None:
    def wants(*more: tuple[float, Event]) -> bool:
        found = History("payments")
        fold(found, journal([(0.0, STARTED), *more]))
        (run,) = found.runs.values()
        return run.waiting is not None and run.waiting.wants_approval

    two = (1.0, WaitBegan("declare", ("settled", "agreed"), 60.0))
    asked = (1.0, ApprovalAsked("agreed", APPROVABLE))
    left = (2.0, WaitContinued("declare", (replace(UNSETTLED, guard="settled"),)))
    assert not wants(two)
    assert wants(two, asked)
    assert not wants(two, asked, left), "somebody has agreed, and the other guard is still waited for"
    assert not wants(two, asked, (3.0, WaitEnded("declare", False, 2.0)))
