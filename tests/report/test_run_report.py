"""A run's or a drill's report, told from its journal records."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.events import (
    HookEnded,
    OwedSettled,
    RunAcknowledged,
    RunResumed,
    RunStarted,
    TransitionMade,
)
from orchestrator.model.guard import Outcome
from orchestrator.model.journal import Head, Record
from orchestrator.model.plain import timestamp
from orchestrator.model.playbook import HookOutcome, When
from orchestrator.model.reading import Exchange, Lost
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Status
from orchestrator.report.layout import Span
from orchestrator.report.outcomes import answer_words, checks_of, not_passed, write_outcome
from orchestrator.report.run_fold import report_of
from orchestrator.report.summary import summary_of

from .journals import (
    DRILL,
    HOME,
    OWING,
    REFUSED,
    RESUMED,
    WHOLE,
    drill,
    drill_records,
    finished,
    journal,
    met,
    playbook_of,
    reported,
)
from .scenes import HASH, NOW, RUN, P, S


def test_an_override_stays_with_its_verdict_and_its_reason() -> None:
    (run,) = reported(WHOLE).runs
    (let_pass,) = not_passed(run)
    assert (let_pass.transition, let_pass.verdict.guard, let_pass.outcome, let_pass.reason) == (
        "declare",
        "settled",
        "overridden",
        "Bob is with us",
    )


def test_the_records_name_the_other_org() -> None:
    (run,) = reported(WHOLE).runs
    assert (run.called(P), run.called(S)) == ("Payments (primary)", "Payments EU (secondary)")
    (dead,) = reported(REFUSED[:1]).runs
    assert dead.called(P) == "the primary"


def test_a_debt_is_open_until_it_is_settled_by_this_run_or_a_later_one() -> None:
    (debt,) = reported(OWING).runs[0].debts
    assert (debt.role, debt.status, debt.settled_at) == (P, Status.ACTIVE, None)
    later = journal(
        [(3600.0, OwedSettled(P, Status.ACTIVE, "delivered"))], run="20260528-180000-abcd", first=90
    )
    report = report_of(RUN, [*journal(OWING), *later], Head(90, HASH), playbook_of)
    (debt,) = report.runs[0].debts
    assert (debt.settled_at, debt.settled_by) == (NOW + timedelta(hours=1), "20260528-180000-abcd")
    assert not any("hamr resume" in thing.command for thing in summary_of(report).to_do)
    assert any("by run 20260528-180000-abcd" in sentence for sentence in summary_of(report).sentences)


def test_a_run_that_was_taken_up_says_by_whom_and_what_is_unknown() -> None:
    records = journal(RESUMED)
    records = [replace(record, by="bob", host="desk") if record.seq > 6 else record for record in records]
    report = report_of(RUN, records, Head(14, HASH), playbook_of)
    (run,) = report.runs
    assert run.by == ["alice on laptop", "bob on desk"]
    (resume,) = run.resumes
    assert (resume.by, resume.reason, resume.mode.value) == ("bob on desk", "us1 is down, too", "emergency")
    assert [write.attempt.number for write in run.unknown] == [2]
    assert write_outcome(run.writes[1]) == Span("outcome unknown", "bad")
    for code, outcome, words in (
        (None, "no answer, and not seen", "No answer: timed out"),
        (502, "answered HTTP 502, and not seen", "No clear answer: timed out"),
    ):
        answer = Lost(Exchange(0.5, code), "timed out")
        sent = replace(run.writes[1], answer=answer, unknown="", confirmed=None)
        assert (write_outcome(sent).text, answer_words(answer)) == (outcome, words)
    assert run.open


def test_what_a_later_person_did_to_the_run_is_no_part_of_how_long_it_took() -> None:
    (run,) = reported([*WHOLE, (9000.0, RunAcknowledged("seen"))]).runs
    assert run.elapsed == timedelta(seconds=100)


def test_an_objective_that_was_met_stays_met_when_what_was_owed_is_delivered_later() -> None:
    settled = (
        (9000.0, RunResumed(Mode.PLANNED)),
        (9001.0, OwedSettled(P, Status.ACTIVE, "delivered")),
        (9001.5, finished(End.DONE, 0, "pair payments stands at ACTIVE, on both orgs", 1.5)),
    )
    report = reported([*OWING[:-1], (1.5, finished(End.OWING, 8, "owing", 1.5, met(1.5))), *settled])
    assert report.runs[0].mode is Mode.EMERGENCY, "how it was delivered does not change what it was"
    assert "The objective for ACTIVE was met: 1.5 s, of 15 min allowed." in summary_of(report).sentences
    assert ("objective: ACTIVE within 15 min", True) in [(case.name, case.held) for case in checks_of(report)]


def test_a_hook_that_did_not_end_well_and_one_left_to_a_person_are_left_to_do() -> None:
    by_hand = HookEnded(
        "declare", When.AFTER, "integrations", HookOutcome.LEFT_TO_PERSON, "Press the button."
    )
    failed = HookEnded("declare", When.AFTER, "integrations", HookOutcome.FAILED, "exit code 3", 3)
    place = next(
        place
        for place, (_, event) in enumerate(WHOLE)
        if isinstance(event, HookEnded) and event.when is When.AFTER
    )
    left = reported([*WHOLE[:place], (98.0, by_hand), *WHOLE[place + 1 :]])
    assert ("By hand: Press the button.", "") in [
        (each.text, each.command) for each in summary_of(left).to_do
    ]
    owed = reported([*WHOLE[:place], (98.0, failed), *WHOLE[place + 1 :]])
    assert owed.runs[0].hooks_owed == ("declare/integrations",)
    assert f"hamr resume {RUN}" in [each.command for each in summary_of(owed).to_do]


def test_commands_name_the_journal_that_was_typed() -> None:
    records = journal(OWING)
    report = report_of(RUN, records, Head(19, HASH), playbook_of, journal="/tmp/a b.db")
    assert summary_of(report).to_do[0].command == "hamr resume payments --journal '/tmp/a b.db'"
    assert report.verify == f"hamr audit verify --anchor 19:{HASH} --journal '/tmp/a b.db'"


def test_a_drill_that_was_closed_is_not_to_be_closed_again() -> None:
    report = drill(closed=True)
    assert summary_of(report).to_do == ()
    assert "Notes: all well" in summary_of(report).sentences


def test_a_drill_that_a_person_closed_unscored_is_not_said_to_go_on() -> None:
    assert "is still going on" in summary_of(drill(scored=False)).sentences[0]
    closed = summary_of(drill(scored=False, closed=True)).sentences[0]
    assert closed.endswith("It was not scored: it did not come to its end by itself, and was closed by hand.")


def test_a_drill_without_a_score_is_checked_as_its_runs_are() -> None:
    report = drill(scored=False)
    assert summary_of(report).verdict.text == "Not scored"
    assert [case.group for case in checks_of(report)] == [f"run {RUN}"] * 4 + [f"run {HOME}"] * 2


def test_a_run_of_a_drill_is_reported_alone_under_its_own_id() -> None:
    report = report_of(HOME, drill_records(), Head(60, HASH), playbook_of)
    assert report.drill is None
    assert [run.run for run in report.runs] == [HOME]


def test_other_runs_of_the_pair_are_passed_over() -> None:
    other = journal(REFUSED, run="20260101-000000-abcd", first=100)
    assert len(report_of(RUN, [*journal(WHOLE), *other], Head(200, HASH)).runs[0].entries) == len(WHOLE)


def test_records_of_another_version_are_told_and_teach_nothing() -> None:
    newer = Record(99, timestamp(NOW), RUN, "payments", "sky.fell", "alice", "laptop", {}, HASH, HASH)
    odd = replace(newer, seq=100, kind="transition.made", data={"transition": 7})
    report = report_of(RUN, [*journal(REFUSED), newer, odd], Head(100, HASH))
    assert report.lines[99] == "sky.fell: written by another version of hamr"
    assert [entry.seq for entry in report.runs[0].entries][-2:] == [99, 100]
    assert not any(transition.made for transition in report.runs[0].transitions)


def test_there_is_no_report_without_a_record() -> None:
    with pytest.raises(ValueError, match="no record of 20260101-000000-abcd"):
        report_of("20260101-000000-abcd", journal(REFUSED), Head(1, HASH))


def test_an_unknown_verdict_is_never_shown_as_a_pass() -> None:
    (run,) = reported(REFUSED).runs
    assert {each.verdict.outcome for each in not_passed(run)} == {Outcome.FAIL, Outcome.UNKNOWN}
    assert {each.outcome for each in not_passed(run)} == {"refused"}


def test_a_run_that_a_drill_left_open_is_ended_with_its_drill() -> None:
    ofdrill = [
        (seconds, replace(event, drill=DRILL) if isinstance(event, RunStarted) else event)
        for seconds, event in WHOLE[:20]
    ]
    (thing,) = summary_of(reported(ofdrill)).to_do
    assert thing.text == "Close the drill."
    assert thing.command == f"hamr drill close {DRILL} --notes TEXT"


def test_a_run_that_recovered_a_lost_attempt_has_nothing_left_of_it() -> None:
    recovered = [
        *RESUMED[:-1],
        (7300.0, finished(End.DONE, 0, "pair payments stands at FAILOVER, on both orgs", 100.0)),
    ]
    report = reported(recovered)
    assert report.runs[0].writes[1].unknown, "the journal keeps what was said of that attempt"
    assert summary_of(report).to_do == ()


def test_a_before_hook_that_an_emergency_went_past_is_left_and_one_that_stopped_its_transition_is_not() -> (
    None
):
    failed = HookEnded("declare", When.BEFORE, "stop-sync", HookOutcome.FAILED, "exit code 3", 3)
    went_past = [
        (seconds, failed if isinstance(event, HookEnded) and event.when is When.BEFORE else event)
        for seconds, event in WHOLE
    ]
    said = "By hand: hook stop-sync of transition declare did not end well, and nothing runs it again."
    assert said in [each.text for each in summary_of(reported(went_past)).to_do]
    stopped = [each for each in went_past if not isinstance(each[1], TransitionMade)]
    assert said not in [each.text for each in summary_of(reported(stopped)).to_do]
