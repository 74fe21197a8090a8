"""A run while it goes, and what came of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.errors import ExitCode
from orchestrator.model.events import Event, SituationRead
from orchestrator.model.guard import Outcome
from orchestrator.model.journal import Head
from orchestrator.model.result import RunResult
from orchestrator.model.run import End, Mode, Objective, RunOutcome, RunRequest
from orchestrator.model.situation import Owed
from orchestrator.model.status import Both, Role, Status
from orchestrator.report.documents import to_json
from orchestrator.report.layout import plain_text
from orchestrator.report.run import progress_line, result_json, result_page

from .happened import SAID
from .scenes import (
    CANARY,
    HASH,
    MISLINKED,
    NOW,
    PAIR,
    RUN,
    UNSETTLED,
    P,
    S,
    lines,
    reading,
    refused,
    result,
)

QUIET = {
    "ReadingsTaken",
    "OrgAsked",
    "OrgAnswered",
    "LockTaken",
    "LockReleased",
    "TransitionRefused",
    "RunFinished",
    "PersonAsked",
}


@pytest.mark.parametrize(("event", "said"), SAID, ids=[type(event).__name__ for event, _ in SAID])
def test_progress_says_when_what_and_which_org(event: Event, said: str) -> None:
    shown = progress_line(event, PAIR, 12.34)
    if type(event).__name__ in QUIET:
        assert shown is None
    else:
        assert shown is not None
        assert plain_text((shown,)) == f"   12.3 s  {said}\n"


@pytest.mark.parametrize(
    "purpose", ["transition", "before write", "after write", "confirm", "recheck", "mirror"]
)
def test_a_look_between_two_writes_is_not_worth_a_line(purpose: str) -> None:
    assert progress_line(SituationRead(purpose, Both(reading(P), reading(S))), PAIR, 1.0) is None


def test_law_10_what_can_not_be_overridden_gets_no_flag() -> None:
    text = plain_text(result_page(refused(MISLINKED)))
    assert (
        "linked              the primary's keys are another org's\n           It can't be overridden.\n"
        in text
    )
    assert "--override" not in text


def test_a_refusal_in_the_middle_says_that_it_stays_open() -> None:
    midway = replace(
        refused(UNSETTLED),
        ending=replace(refused(UNSETTLED).ending, end=End.INCOMPLETE),
        exit_code=ExitCode.INCOMPLETE,
        resumable=True,
    )
    shown = lines(result_page(midway))
    assert shown[0] == "INCOMPLETE: stopped midway."
    assert f"  [ ] Take run {RUN} up again: it stays open until then." in shown


def test_a_message_that_says_more_than_the_guards_stays_whole() -> None:
    other = replace(refused(UNSETTLED), ending=RunOutcome(End.INCOMPLETE, "Payments EU refused ACTIVE: 400"))
    assert lines(result_page(other))[1] == "  Payments EU refused ACTIVE: 400"


def test_an_override_of_what_no_guard_judges_is_not_said_to_have_been_needless() -> None:
    """Whether reads went back is not among the verdicts: the steps tell it."""
    request = RunRequest("payments", Status.ACTIVE, overrides={"reverted": "put back", "settled": "known"})
    needless = [
        each.strip() for each in lines(result_page(replace(result(), request=request))) if "needed" in each
    ]
    assert needless == ["override      settled was not needed"]


def test_what_is_owed_and_a_missed_objective_are_said() -> None:
    owing = replace(
        result(End.OWING),
        exit_code=ExitCode.OWING,
        mode=Mode.EMERGENCY,
        owed=Owed(P, Status.ACTIVE, RUN, NOW),
        objectives=(Objective(Status.ACTIVE, timedelta(minutes=15), timedelta(minutes=20)),),
    )
    shown = lines(result_page(owing))
    assert shown[0] == "DONE, BUT OWING."
    assert "  run           20260528-163000-k3f9, pair payments to ACTIVE, in emergency mode" in shown
    at = shown.index("Left to do")
    assert shown[at + 1 : at + 3] == [
        "  [ ] Tell the primary ACTIVE, as soon as it can be reached: it is owed that since 2026-05-28",
        "      16:40:00 UTC (run 20260528-163000-k3f9).",
    ]
    assert "  objective     ACTIVE MISSED: 20 min, of 15 min allowed" in shown
    outgrown = " ".join(lines(result_page(replace(owing, agreed=True)))).split("Left to do")[1]
    assert outgrown.startswith("   [ ] Settle what the primary was owed since 2026-05-28")


def test_nothing_is_left_only_of_a_run_that_is_done() -> None:
    assert "Left to do: Nothing." in lines(result_page(replace(result(), remember=())))
    failed = replace(result(End.FAILED), remember=(), resumable=False)
    assert "  [ ] Clear what stopped it, then try again." in lines(result_page(failed))


def test_an_end_that_could_not_be_journalled_is_said() -> None:
    shown = lines(result_page(replace(result(), head=Head(0, ""))))
    assert "  journal       The end of this run could not be written into it." in shown
    assert not any("anchor" in text for text in shown)


@pytest.mark.parametrize("end", list(End))
def test_every_end_has_a_title(end: End) -> None:
    assert lines(result_page(result(end)))[0].split(":")[0].rstrip(".").isupper() or end is End.MOVED


def test_hostile_texts_are_neutralised() -> None:
    hostile = "\x1b[2J\nDONE. " + "x" * 9000
    bad = replace(
        result(End.MOVED, hostile),
        pair=hostile,
        phase=hostile,
        remember=(hostile,),
        refused_by=(replace(UNSETTLED, reason=hostile, why=hostile, guard=hostile),),
    )
    text = plain_text(result_page(bad))
    assert all(character == "\n" or character.isprintable() for character in text)
    assert "\nDONE. x" not in text


def test_what_was_overridden_and_waived_is_listed_for_later() -> None:
    blind = replace(
        UNSETTLED,
        guard="reachable",
        outcome=Outcome.UNKNOWN,
        reason="the primary was not seen",
        blind=Role.PRIMARY,
    )
    passed = replace(result(), overridden=((UNSETTLED, "agreed with Bob"),), waived=(blind,))
    shown = lines(result_page(passed))
    assert "Did not pass, and did not stop it" in shown
    assert any("(overridden: agreed with Bob)" in text for text in shown)
    assert "(waived: blind in this emergency) the primary was not seen" in " ".join(shown)


def as_document(of: RunResult) -> dict[str, object]:
    return dict(result_json(of))


def test_the_document_says_all_of_it() -> None:
    assert as_document(
        replace(refused(UNSETTLED), owed=Owed(P, Status.ACTIVE, RUN, NOW), steps=result().steps[:1])
    ) == {
        "schema": "hamr/result/1",
        "run": RUN,
        "pair": "payments",
        "goal": "ACTIVE",
        "mode": "planned",
        "end": "refused",
        "exit_code": 3,
        "exit_meaning": "refused",
        "message": "transition declare (PASSIVE → FAILOVER) was refused: settled fail: Payments EU (secondary) was changed "
        "2 min ago by bob@example.com",
        "org": None,
        "sent": "Nothing was sent.",
        "phase": "agreed(PASSIVE)",
        "resumable": False,
        "seconds": 78.4,
        "steps": [
            {"transition": "declare", "from": "PASSIVE", "to": "FAILOVER", "seconds": 2.15, "writes": 2}
        ],
        "objectives": [],
        "refused_by": [
            {
                "guard": "settled",
                "outcome": "fail",
                "reason": "Payments EU (secondary) was changed 2 min ago by bob@example.com",
                "why": "Somebody changed this pair in the last minutes. Ask them.",
                "predicted": False,
                "judged_again": False,
                "blind": None,
                "overridable": True,
            }
        ],
        "overridden": [],
        "waived": [],
        "hooks_owed": [],
        "hooks_failed": [],
        "left_to_person": [],
        "left_to_do": [
            {"text": "Clear what stopped it, then try again.", "command": "hamr status payments"},
            {
                "text": "Tell the primary ACTIVE, as soon as it can be reached: it is owed that since "
                f"2026-05-28 16:40:00 UTC (run {RUN}).",
                "command": "hamr resume payments",
            },
        ],
        "waited_seconds": 0.0,
        "asked_seconds": 0.0,
        "owed": {"org": "primary", "status": "ACTIVE", "run": RUN, "since": "2026-05-28T16:40:00.000000Z"},
        "remember": [],
        "next": [
            {"command": words, "verb": verb, "subject": subject, "options": [], "why": ""}
            for words, verb, subject in (
                ("hamr status payments", "status", "payments"),
                (f"hamr show {RUN}", "show", RUN),
            )
        ],
        "head": {"seq": 41, "hash": HASH},
    }
    assert as_document(result())["objectives"] == [
        {"status": "ACTIVE", "wanted_seconds": 900.0, "took_seconds": 372.0, "met": True}
    ]


def test_law_17_nothing_of_a_key_is_in_a_result_or_in_progress() -> None:
    told = [progress_line(event, PAIR, 0.0) for event, _ in SAID]
    text = plain_text(tuple(spans for spans in told if spans is not None))
    assert CANARY not in text + plain_text(result_page(result())) + to_json(result_json(result()))


def test_a_result_lists_what_is_owed_and_what_is_left_to_people() -> None:
    left = replace(
        result(), hooks_owed=("declare/flip",), left_to_person=("Press the button.",), waited=6.0, asked=42.0
    )
    shown = lines(result_page(left))
    at = shown.index("Left to do")
    assert shown[at + 1 : at + 3] == [
        "  [ ] Hook flip of transition declare did not end well; a resumed run tries it again.",
        "  [ ] By hand: Press the button.",
    ]
    assert any("of it 6 s waiting for guards and 42 s waiting for a person" in text for text in shown)
    document = result_json(left)
    assert document["hooks_owed"] == ["declare/flip"]
    assert document["left_to_person"] == ["Press the button."]
    assert (document["waited_seconds"], document["asked_seconds"]) == (6.0, 42.0)


def test_what_a_run_did_before_it_was_taken_up_is_not_called_a_part_of_its_time_since() -> None:
    resumed = replace(result(), seconds=30.0, waited=34.0, request=None)
    shown = lines(result_page(resumed))
    assert any("30 s; since the run first began, 34 s waiting for guards" in text for text in shown)
    assert not any("of it" in text for text in shown)
    for took, said in ((0.2, "200 ms"), (240.0, "4 min")):
        delivered = replace(resumed, seconds=took, waited=0.0, steps=result().steps)
        words = f"took          {said}; since the run first began: declare 2.1 s"
        assert words in plain_text(result_page(delivered))


def test_before_hooks_that_an_emergency_went_past_are_listed_in_the_end() -> None:
    went_past = replace(result(), hooks_failed=("declare/stop-sync",))
    said = "  [ ] By hand: hook stop-sync of transition declare did not end well, and nothing runs it again."
    assert said in lines(result_page(went_past))
    not_made = replace(went_past, steps=())  # resuming runs it again
    assert "stop-sync" not in plain_text(result_page(not_made))
