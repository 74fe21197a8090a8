"""A run's or a drill's story, told from its journal records."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.events import OwedSettled, RunAcknowledged, RunResumed
from orchestrator.model.guard import Outcome
from orchestrator.model.journal import Head, Record
from orchestrator.model.plain import timestamp
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Status
from orchestrator.report.cases import cases_of
from orchestrator.report.fates import not_passed, write_fate
from orchestrator.report.gist_drill import gist_of
from orchestrator.report.story_page import story_page
from orchestrator.report.telling import story_of

from .scenes import HASH, NOW, RUN, P, S, lines
from .stories import (
    DRILL,
    FIRST,
    FOREIGN,
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
    told,
)


def test_a_run_is_told_with_its_transitions_and_what_happened_around_them() -> None:
    (run,) = told(WHOLE).runs
    declare, activate = run.transitions
    assert (declare.name, declare.source, declare.target, declare.made) == (
        "declare",
        Status.PASSIVE,
        Status.FAILOVER,
        True,
    )
    assert [write.attempt.number for write in declare.writes] == [1, 2]
    assert [write.attempt.number for write in activate.writes] == [3, 4]
    assert [(wait.guards, wait.passed, wait.seconds) for wait in declare.waits] == [(("agents",), True, 60.0)]
    assert [(hook.name, hook.ended is not None) for hook in declare.hooks] == [
        ("stop-sync", True),
        ("integrations", True),
    ]
    assert [reading.probe for reading in declare.probes] == ["agents_seen", "page"]
    (asked,) = declare.questions
    assert asked.answer is not None
    assert asked.answer.seconds == 30.0
    assert (run.hooks_owed, run.left_to_person, run.debts, run.unknown) == ((), (), (), ())


def test_a_lost_answer_that_was_read_back_is_seen_not_unknown() -> None:
    (run,) = told(WHOLE).runs
    assert write_fate(run.writes[0]) == ("seen 1 s later", "good")


def test_an_override_stays_with_its_verdict_and_its_reason() -> None:
    (run,) = told(WHOLE).runs
    (let_pass,) = not_passed(run)
    assert (let_pass.transition, let_pass.verdict.guard, let_pass.fate, let_pass.reason) == (
        "declare",
        "settled",
        "overridden",
        "Bob is with us",
    )


def test_each_orgs_status_is_a_step_function_of_what_was_read() -> None:
    (run,) = told(WHOLE).runs
    began = NOW
    assert [((stand.at - began).total_seconds(), stand.status) for stand in run.stands.primary] == [
        (0.5, Status.PASSIVE),
        (68.0, Status.FAILOVER),
        (99.5, Status.ACTIVE),
    ]
    assert [((stand.at - began).total_seconds(), stand.status) for stand in run.stands.secondary] == [
        (0.5, Status.PASSIVE),
        (64.5, Status.FAILOVER),
        (99.0, Status.ACTIVE),
    ]


def test_an_org_that_was_not_seen_stands_nowhere() -> None:
    (run,) = told(OWING).runs
    assert [stand.status for stand in run.stands.primary] == [None]
    assert run.stands.primary[0].words == "not seen, unreachable (timed out)"


def test_the_records_name_the_other_org() -> None:
    (run,) = told(WHOLE).runs
    assert (run.called(P), run.called(S)) == ("Payments (primary)", "Payments EU (secondary)")
    (dead,) = told(REFUSED[:1]).runs
    assert dead.called(P) == "the primary"


def test_a_debt_is_open_until_it_is_settled_by_this_run_or_a_later_one() -> None:
    (debt,) = told(OWING).runs[0].debts
    assert (debt.role, debt.status, debt.settled_at) == (P, Status.ACTIVE, None)
    later = journal(
        [(3600.0, OwedSettled(P, Status.ACTIVE, "delivered"))], run="20260528-180000-abcd", first=90
    )
    story = story_of(RUN, [*journal(OWING), *later], Head(90, HASH), playbook_of)
    (debt,) = story.runs[0].debts
    assert (debt.settled_at, debt.settled_by) == (NOW + timedelta(hours=1), "20260528-180000-abcd")
    assert not any("hamr resume" in thing.command for thing in gist_of(story).todo)
    assert any("by run 20260528-180000-abcd" in sentence for sentence in gist_of(story).sentences)


def test_a_run_that_was_taken_up_says_by_whom_and_what_is_unknown() -> None:
    records = journal(RESUMED)
    records = [replace(record, by="bob", host="desk") if record.seq > 6 else record for record in records]
    story = story_of(RUN, records, Head(14, HASH), playbook_of)
    (run,) = story.runs
    assert run.by == ("alice on laptop", "bob on desk")
    (resume,) = run.resumes
    assert (resume.by, resume.reason, resume.mode.value) == ("bob on desk", "us1 is down, too", "emergency")
    assert [write.attempt.number for write in run.unknown] == [2]
    assert write_fate(run.writes[1]) == ("outcome unknown", "bad")
    assert run.open


def test_what_a_later_person_did_to_the_run_is_no_part_of_how_long_it_took() -> None:
    (run,) = told([*WHOLE, (9000.0, RunAcknowledged("seen"))]).runs
    assert run.acknowledged
    assert run.elapsed == timedelta(seconds=100)


@pytest.mark.parametrize(
    ("events", "verdict", "tone", "first"),
    [
        (
            WHOLE,
            "Done",
            "good",
            "Pair payments was moved from PASSIVE to ACTIVE. It worked: this was seen by reading back.",
        ),
        (
            OWING,
            "Done, but owing",
            "warn",
            "Pair payments was moved from PASSIVE to ACTIVE in emergency mode, without waiting for the org that did not answer.",
        ),
        (
            REFUSED,
            "Refused",
            "bad",
            "Pair payments was not moved to ACTIVE: the run was refused. Nothing was sent.",
        ),
        (RESUMED, "Outcome unknown", "bad", "Nobody knows what became of one of the writes."),
        (
            FOREIGN,
            "Stopped: somebody else wrote",
            "bad",
            "The run to ACTIVE stopped, since somebody or something else changed pair payments.",
        ),
        (
            WHOLE[:20],
            "Not ended",
            "warn",
            "This journal holds no end of this run: it is still going on, or its process died. What it did until then is below.",
        ),
    ],
)
def test_the_gist_says_what_was_moved_and_whether_it_worked(
    events: list[tuple[float, object]], verdict: str, tone: str, first: str
) -> None:
    gist = gist_of(told(events))  # type: ignore[arg-type]  # every case is a journal
    assert (gist.verdict, gist.tone, gist.sentences[0]) == (verdict, tone, first)


def test_the_gist_says_how_long_it_took_against_the_objective_and_who_was_waited_for() -> None:
    gist = gist_of(told(WHOLE))
    assert gist.title == "payments: PASSIVE → ACTIVE"
    assert gist.sentences[1:] == (
        "It took 1 min 40 s, of which 30 s were spent waiting for people.",
        "The objective for ACTIVE was met: 1 min 40 s, of 15 min allowed.",
    )
    assert [(figure.label, figure.value, figure.note) for figure in gist.figures] == [
        ("Time", "1 min 40 s", ""),
        ("Objective", "met", "1 min 40 s of 15 min"),
        ("Writes", "4", "4 seen by reading back"),
        ("Waited", "1 min 32 s", "30 s for people, 1 min 2 s for guards and hooks"),
    ]
    assert gist.todo == ()
    assert gist.remember == ("A status moves no traffic.",)


def test_an_objective_that_was_met_stays_met_when_what_was_owed_is_delivered_later() -> None:
    settled = (
        (9000.0, RunResumed(Mode.PLANNED)),
        (9001.0, OwedSettled(P, Status.ACTIVE, "delivered")),
        (9001.5, finished(End.DONE, 0, "pair payments stands at ACTIVE, on both orgs", 1.5)),
    )
    story = told([*OWING[:-1], (1.5, finished(End.OWING, 8, "owing", 1.5, met(1.5))), *settled])
    assert story.runs[0].mode is Mode.EMERGENCY, "how it was delivered does not change what it was"
    assert "The objective for ACTIVE was met: 1.5 s, of 15 min allowed." in gist_of(story).sentences
    assert ("objective: ACTIVE within 15 min", True) in [(case.name, case.held) for case in cases_of(story)]


def test_an_objective_that_was_missed_says_so() -> None:
    gist = gist_of(told(OWING))
    assert "The objective for ACTIVE was MISSED: 25 min, of 15 min allowed." in gist.sentences
    assert ("Objective", "missed", "bad") in [(each.label, each.value, each.tone) for each in gist.figures]
    refused = gist_of(told(REFUSED)).figures[1]
    assert (refused.value, refused.note) == ("not reached", "15 min allowed")


def test_what_is_left_to_do_has_its_commands() -> None:
    assert [(thing.text, thing.command) for thing in gist_of(told(OWING)).todo] == [
        ("Tell Payments (primary) ACTIVE, as soon as it can be reached.", "hamr resume payments")
    ]
    assert [(thing.text, thing.command) for thing in gist_of(told(RESUMED)).todo] == [
        ("Find out what became of attempt 2, FAILOVER to Payments (primary).", "hamr status payments"),
        ("Take the run up again: it stays open until then.", f"hamr resume {RUN}"),
    ]


def test_a_hook_that_did_not_end_well_and_one_left_to_a_person_are_left_to_do() -> None:
    from orchestrator.model.events import HookEnded
    from orchestrator.model.hook import HookOutcome, When

    by_hand = HookEnded(
        "declare", When.AFTER, "integrations", HookOutcome.LEFT_TO_PERSON, "Press the button."
    )
    failed = HookEnded("declare", When.AFTER, "integrations", HookOutcome.FAILED, "exit code 3", 3)
    place = next(
        place
        for place, (_, event) in enumerate(WHOLE)
        if isinstance(event, HookEnded) and event.when is When.AFTER
    )
    left = told([*WHOLE[:place], (98.0, by_hand), *WHOLE[place + 1 :]])
    assert ("By hand: Press the button.", "") in [(each.text, each.command) for each in gist_of(left).todo]
    owed = told([*WHOLE[:place], (98.0, failed), *WHOLE[place + 1 :]])
    assert owed.runs[0].hooks_owed == ("declare/integrations",)
    assert f"hamr resume {RUN}" in [each.command for each in gist_of(owed).todo]


def test_commands_name_the_journal_that_was_typed() -> None:
    records = journal(OWING)
    story = story_of(RUN, records, Head(19, HASH), playbook_of, journal="/tmp/a b.db")
    assert gist_of(story).todo[0].command == "hamr resume payments --journal '/tmp/a b.db'"
    assert story.verify == f"hamr audit verify --anchor 19:{HASH} --journal '/tmp/a b.db'"


def test_the_checks_of_a_run_are_its_transitions_its_end_and_its_objectives() -> None:
    assert [(case.name, case.held) for case in cases_of(told(OWING))] == [
        ("transition declare (PASSIVE to FAILOVER) is made", True),
        ("transition activate (FAILOVER to ACTIVE) is made", True),
        ("end: the pair stands at ACTIVE", False),
        ("objective: ACTIVE within 15 min", False),
    ]
    refused = cases_of(told(REFUSED))[0]
    assert refused.found == (
        "refused by settled fail: Payments EU (secondary) was changed 2 min ago by bob@example.com; "
        "both_answer unknown: Payments (primary) did not answer"
    )
    assert refused.records == (3, 4)


def test_a_drill_has_all_its_runs_and_the_checks_are_its_expectations() -> None:
    story = drill()
    assert [(run.run, run.name) for run in story.runs] == [(RUN, "out"), (HOME, "home")]
    assert [(case.group, case.name, case.held) for case in cases_of(story)] == [
        ("dark", "out: exit code 0", True),
        ("dark", "home: exit code 0", False),
    ]
    gist = gist_of(story)
    assert (gist.title, gist.verdict, gist.tone) == ("payments: drill, scenario dark", "Missed", "bad")
    assert gist.sentences == (
        "A rehearsal of pair payments on the simulator, scenario dark, in 2 runs. 1 of 2 expectations held.",
        "Out: PASSIVE → ACTIVE, done, in 1 min 40 s.",
        "Home: ACTIVE → PASSIVE, refused, in 1 s.",
    )
    assert [thing.command for thing in gist.todo] == [f"hamr drill close {DRILL} --notes TEXT"]


def test_a_drill_that_was_closed_is_not_to_be_closed_again() -> None:
    story = drill(closed=True)
    assert gist_of(story).todo == ()
    assert "Notes: all well" in gist_of(story).sentences


def test_a_drill_that_a_person_closed_unscored_is_not_said_to_go_on() -> None:
    assert "is still going on" in gist_of(drill(scored=False)).sentences[0]
    closed = gist_of(drill(scored=False, closed=True)).sentences[0]
    assert closed.endswith("It was not scored: it did not come to its end by itself, and was closed by hand.")


def test_a_drill_without_a_score_is_checked_as_its_runs_are() -> None:
    story = drill(scored=False)
    assert gist_of(story).verdict == "Not scored"
    assert [case.group for case in cases_of(story)] == [f"run {RUN}"] * 4 + [f"run {HOME}"] * 2


def test_a_run_of_a_drill_is_reported_alone_under_its_own_id() -> None:
    story = story_of(HOME, drill_records(), Head(60, HASH), playbook_of)
    assert story.drill is None
    assert [run.run for run in story.runs] == [HOME]


def test_other_runs_of_the_pair_are_passed_over() -> None:
    other = journal(REFUSED, run="20260101-000000-abcd", first=100)
    assert len(story_of(RUN, [*journal(WHOLE), *other], Head(200, HASH)).runs[0].entries) == len(WHOLE)


def test_records_of_another_version_are_told_and_teach_nothing() -> None:
    newer = Record(99, timestamp(NOW), RUN, "payments", "sky.fell", "alice", "laptop", {}, HASH, HASH)
    odd = replace(newer, seq=100, kind="transition.made", data={"transition": 7})
    story = story_of(RUN, [*journal(REFUSED), newer, odd], Head(100, HASH))
    assert story.lines[99] == "sky.fell (of another version)"
    assert [entry.seq for entry in story.runs[0].entries][-2:] == [99, 100]
    assert not any(transition.made for transition in story.runs[0].transitions)


def test_there_is_no_story_without_a_record() -> None:
    with pytest.raises(ValueError, match="no record of 20260101-000000-abcd"):
        story_of("20260101-000000-abcd", journal(REFUSED), Head(1, HASH))


def test_the_terminal_shows_the_gist_the_transitions_the_writes_and_how_to_verify() -> None:
    shown = lines(story_page(told(WHOLE)))
    assert shown[:8] == [
        "payments: PASSIVE → ACTIVE  Done",
        "  Pair payments was moved from PASSIVE to ACTIVE. It worked: this was seen by reading back.",
        "  It took 1 min 40 s, of which 30 s were spent waiting for people.",
        "  The objective for ACTIVE was met: 1 min 40 s, of 15 min allowed.",
        "",
        "Left to do",
        "  Nothing.",
        "",
    ]
    assert "  declare     PASSIVE → FAILOVER  made  1 min 38 s  5.2 s  1 min 2 s  30 s" in shown
    assert "  1      FAILOVER  Payments EU (secondary)  seen 1 s later" in shown
    assert shown[-1] == f"  verify        hamr audit verify --anchor 38:{HASH}"
    assert all(len(each) <= 100 for each in shown[:-1])


def test_a_missed_expectation_shows_its_journal_lines() -> None:
    shown = lines(story_page(drill()))
    place = shown.index("  MISSED  home: exit code 0")
    assert shown[place + 1 : place + 3] == [
        "          exit code 3",
        "          43: Transition recover is refused by settled; nothing of it was written",
    ]


def test_an_unknown_verdict_is_never_shown_as_a_pass() -> None:
    (run,) = told(REFUSED).runs
    assert {each.verdict.outcome for each in not_passed(run)} == {Outcome.FAIL, Outcome.UNKNOWN}
    assert {each.fate for each in not_passed(run)} == {"refused"}


def test_a_write_without_an_answer_is_said_to_have_none() -> None:
    (run,) = told(RESUMED[:6]).runs
    assert run.writes[0].attempt == FIRST.attempt
    assert write_fate(run.writes[0]) == ("sent, and the journal holds no answer", "bad")
