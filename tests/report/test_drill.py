"""What a drill showed: the page that it ends with, and its document."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from orchestrator.errors import ExitCode, UsageError
from orchestrator.model.events import encode
from orchestrator.model.journal import Head, Record
from orchestrator.model.result import DrillResult, Expectation, Leg, LessStrict, Score, StepTime
from orchestrator.model.run import Objective
from orchestrator.model.status import Status
from orchestrator.report.drill import (
    Played,
    closed_facts,
    drill_json,
    drill_page,
    drills_facts,
    scenario_lines,
    worst,
)
from orchestrator.report.layout import cells
from tests.steps import step

from .happened import FINISHED
from .scenes import HASH, RUN, lines

DRILL = "20260528-150000-abcd"
SCORE = Score(
    drill=DRILL,
    pair="sim-abcd",
    playbook="regional-failover",
    legs=(
        Leg(
            "out",
            RUN,
            Status.ACTIVE,
            0,
            "agreed(ACTIVE)",
            6.25,
            (StepTime("declare", Status.PASSIVE, Status.FAILOVER, 4.0, 2.5, 1.0, 0.25),),
            (Objective(Status.ACTIVE, timedelta(minutes=15), timedelta(seconds=6)),),
        ),
        Leg("home", "20260528-151000-abcd", Status.PASSIVE, 137, "", 1.5),
    ),
    expectations=(
        Expectation("out: exit code 3", False, "exit code 0: both orgs show ACTIVE", (9,)),
        Expectation("always: the journal verifies", True, "it held"),
    ),
    executed=("out: transition declare (PASSIVE → FAILOVER), 2 writes",),
    not_executed=("events in Datadog: none was posted",),
    less_strict=(LessStrict("settled", "overridden on the way out: Bob is with us"),),
    scenario="mine",
    seed=7,
)
RESULT = DrillResult(SCORE, True, ExitCode.DRILL_MISSED, Head(72, HASH))
SHOWS = Record(
    9, "2026-05-28T16:41:18.100000Z", RUN, "sim-abcd", "run.finished", "a", "h", encode(FINISHED), "", ""
)


def test_a_drill_that_is_not_closed_says_why_and_what_that_means() -> None:
    close = f"hamr drill close {DRILL} --notes TEXT"
    left = replace(RESULT, closed=False, why_open="the drill was interrupted", next_steps=(step(close),))
    shown = lines(drill_page(left))
    assert shown[shown.index("Still open") + 1].startswith(
        "  This drill is not closed: the drill was interrupted."
    )
    assert shown[-3:-1] == [f"  {close}", f"  hamr report {DRILL}"]
    assert "Still open" not in lines(drill_page(RESULT))


def test_a_record_that_is_not_at_hand_is_named_by_its_number() -> None:
    assert "          9" in lines(drill_page(RESULT))


def test_nothing_from_outside_can_steer_a_terminal_or_break_the_page() -> None:
    hostile = "\x1b[31m" + "x" * 5000
    score = replace(
        SCORE,
        pair=hostile,
        scenario=hostile,
        expectations=(Expectation(hostile, False, hostile, (1,)),),
        executed=(hostile,),
        less_strict=(LessStrict(hostile, hostile),),
        legs=(replace(SCORE.legs[0], name=hostile),),
    )
    shown = lines(drill_page(replace(RESULT, score=score)))
    assert all(character.isprintable() for line in shown for character in line)
    verify = [line for line in shown if "audit verify" in line]
    assert max(cells(line) for line in shown if line not in verify) <= 100


def test_the_document_has_every_fact() -> None:
    assert drill_json(RESULT, "/journal.db") == {
        "schema": "hamr/drill/1",
        "drill": DRILL,
        "pair": "sim-abcd",
        "playbook": "regional-failover",
        "scenario": "mine",
        "seed": 7,
        "simulated": True,
        "passed": False,
        "exit_code": 11,
        "exit_meaning": "a drill missed an expectation",
        "closed": True,
        "why_open": "",
        "legs": [
            {
                "name": "out",
                "run": RUN,
                "goal": "ACTIVE",
                "exit_code": 0,
                "phase": "agreed(ACTIVE)",
                "seconds": 6.25,
                "steps": [
                    {
                        "transition": "declare",
                        "from": "PASSIVE",
                        "to": "FAILOVER",
                        "seconds": 4.0,
                        "api_seconds": 2.5,
                        "world_seconds": 0.25,
                        "people_seconds": 1.0,
                        "own_seconds": 0.25,
                    }
                ],
                "objectives": [
                    {"status": "ACTIVE", "wanted_seconds": 900.0, "took_seconds": 6.0, "met": True}
                ],
            },
            {
                "name": "home",
                "run": "20260528-151000-abcd",
                "goal": "PASSIVE",
                "exit_code": 137,
                "phase": "",
                "seconds": 1.5,
                "steps": [],
                "objectives": [],
            },
        ],
        "expectations": [
            {
                "name": "out: exit code 3",
                "held": False,
                "found": "exit code 0: both orgs show ACTIVE",
                "records": [9],
            },
            {"name": "always: the journal verifies", "held": True, "found": "it held", "records": []},
        ],
        "executed": ["out: transition declare (PASSIVE → FAILOVER), 2 writes"],
        "not_executed": ["events in Datadog: none was posted"],
        "less_strict": [{"guard": "settled", "why": "overridden on the way out: Bob is with us"}],
        "next": [
            {
                "command": f"hamr report {DRILL}",
                "verb": "report",
                "subject": DRILL,
                "options": [],
                "why": "read its report",
            }
        ],
        "head": {"seq": 72, "hash": HASH},
        "journal": "/journal.db",
    }


def test_a_closed_drill_says_how_its_pair_stands() -> None:
    words = "Pair payments is at home: agreed(PASSIVE)."
    page, document = closed_facts(
        DRILL, "payments", phase="agreed(PASSIVE)", words=words, notes="done", runs=[RUN]
    )
    assert lines(page)[0] == f"Drill {DRILL} is closed. {words}"
    assert (document["schema"], document["runs"]) == ("hamr/drill-close/1", [RUN])


ERROR = UsageError("scenario mine is not written for playbook quick: there is no probe canary")
STOPPED = replace(RESULT, exit_code=ExitCode.INTERRUPTED)
PASSED = replace(RESULT, exit_code=ExitCode.DONE, score=replace(RESULT.score, expectations=()))


def test_of_several_scenarios_each_has_its_line() -> None:
    assert lines(scenario_lines("answer-lost", RESULT)) == [
        f"MISSED  answer-lost           1 of 2 held     7.7 s     {DRILL}"
    ]
    (first, *_) = lines(scenario_lines("a-name-that-is-longer-than-its-column", PASSED))
    assert first.startswith("PASSED  a-name-that-is-longer-than-its-column  0 of 0 held")
    assert lines(scenario_lines("mine", ERROR)) == [
        "FAILED  mine                  scenario mine is not written for playbook quick: there is no probe",
        "canary",
    ]


def test_of_several_scenarios_the_worst_is_the_exit_code() -> None:
    assert worst({}) is ExitCode.DONE
    assert worst({"a": PASSED}) is ExitCode.DONE
    assert worst({"a": PASSED, "b": ERROR}) is ExitCode.USAGE
    assert worst({"a": ERROR, "b": RESULT, "c": PASSED}) is ExitCode.DRILL_MISSED
    assert worst({"a": ERROR, "b": RESULT, "c": STOPPED}) is ExitCode.INTERRUPTED


def test_of_several_scenarios_those_that_did_not_pass_come_with_their_commands() -> None:
    played: Played = {"happy-way": PASSED, "mine": ERROR, "answer-lost": RESULT}
    page, document = drills_facts(played, "/journal.db")
    assert lines(page) == [
        "",
        "1 of 3 scenarios passed.",
        "  exit code     11: a drill missed an expectation",
        "",
        "Next",
        "  hamr drill run --scenario mine",
        "      play it on the simulator",
        f"  hamr report {DRILL}",
        "      read its report",
    ]
    stopped, _ = drills_facts({"happy-way": PASSED, "two-people": STOPPED}, "", ["write-lost"])
    assert lines(stopped)[1:3] == ["1 of 3 scenarios passed.", "Not played: write-lost."]
    assert [drill["drill"] for drill in document["drills"]] == [DRILL, DRILL]  # type: ignore[union-attr,call-overload,index]
    assert document["failed"] == [
        {
            "scenario": "mine",
            "message": ERROR.message,
            "exit_code": 2,
            "exit_meaning": "bad usage, or a bad file",
        }
    ]
    assert (document["passed"], document["exit_code"], document["journal"]) == (False, 11, "/journal.db")
