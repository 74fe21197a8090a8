"""Hooks, waits and questions in plans, and what a run leaves to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.events import HookEnded
from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.hook import Again, Hook, HookOutcome, InEmergency, Manual, Program, When
from orchestrator.model.run import Mode
from orchestrator.report.describe import event_details
from orchestrator.report.layout import plain_text
from orchestrator.report.plan import plan_page, preview_page
from orchestrator.report.plan_details import hook_lines, hooks_fact
from orchestrator.report.run import result_json, result_page

from .scenes import ACTIVATE, DECLARE, LINKED, lines, plan, planned_transition, result

STOP = Hook(
    "stop-sync", Program(("./bin/stop sync", "now"), timedelta(seconds=60)), Again.SAFE, InEmergency.SKIP
)
BUTTON = Hook("button", Manual("Press the button."))
SEEN = Verdict("seen", Outcome.FAIL, "agents is 0; wanted above 0")
HOOKED = replace(planned_transition(DECLARE, LINKED), before=(STOP,), after=(BUTTON,))


def test_a_plan_shows_hooks_and_says_what_becomes_of_them() -> None:
    shown = " ".join(" ".join(lines(plan_page(plan(HOOKED)))).split())
    assert (
        "Hooks before its writes stop-sync './bin/stop sync' now (up to 1 min); stops the transition if it fails, "
        "may be repeated without asking"
    ) in shown
    assert "Hooks once it is made button by hand: Press the button; owed until it ends well" in shown


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        (STOP, "skipped in an emergency"),
        (BUTTON, "listed, nobody is asked in an emergency"),
        (replace(STOP, emergency=InEmergency.RUN), "beside the writes, holds nothing up"),
    ],
)
def test_in_an_emergency_a_plan_says_that_no_hook_holds_it_up(hook: Hook, said: str) -> None:
    shown = " ".join(
        " ".join(lines(hook_lines(replace(HOOKED, before=(hook,)), When.BEFORE, Mode.EMERGENCY))).split()
    )
    assert said in shown


def test_a_guard_that_would_be_waited_for_does_not_refuse_the_plan() -> None:
    transition = replace(planned_transition(DECLARE, LINKED, SEEN), waits=("seen",), waits_seconds=600.0)
    made = plan(transition)
    assert not made.refused
    shown = " ".join(" ".join(lines(preview_page(made))).split())
    assert "fail seen (waited for, up to 10 min) agents is 0; wanted above 0" in shown
    assert "waited for: seen" in shown


def test_a_guard_about_which_a_person_would_be_asked_says_so() -> None:
    unknown = replace(SEEN, outcome=Outcome.UNKNOWN)
    transition = replace(planned_transition(DECLARE, LINKED, unknown), asks=("seen",))
    shown = " ".join(" ".join(lines(preview_page(plan(transition)))).split())
    assert "(you would be asked)" in shown
    assert "asked about: seen" in shown


def test_a_probe_of_a_later_transition_shows_the_value_of_today() -> None:
    later = replace(SEEN, predicted=True, judged_again=True)
    made = plan(planned_transition(DECLARE, LINKED), planned_transition(ACTIVATE, LINKED, later))
    assert not made.refused
    shown = " ".join(" ".join(lines(preview_page(made))).split())
    assert "(today's value, judged again then) agents is 0; wanted above 0" in shown
    assert "judged again on the way: seen" in shown


def test_hooks_are_listed_in_the_document() -> None:
    assert hooks_fact((STOP, BUTTON)) == [
        {
            "name": "stop-sync",
            "manual": None,
            "run": ["./bin/stop sync", "now"],
            "timeout_seconds": 60.0,
            "again": "safe",
            "emergency": "skip",
        },
        {
            "name": "button",
            "manual": "Press the button.",
            "run": None,
            "timeout_seconds": None,
            "again": "ask",
            "emergency": "run",
        },
    ]


def test_a_result_lists_what_is_owed_and_what_is_left_to_people() -> None:
    left = replace(
        result(), hooks_owed=("declare/flip",), left_to_person=("Press the button.",), waited=6.0, asked=42.0
    )
    shown = lines(result_page(left))
    assert "  - flip, after transition declare" in shown
    assert "  - Press the button." in shown
    assert any("of it 6 s waiting for guards and 42 s waiting for a person" in text for text in shown)
    document = result_json(left)
    assert document["hooks_owed"] == ["declare/flip"]
    assert document["left_to_person"] == ["Press the button."]
    assert (document["waited_seconds"], document["asked_seconds"]) == (6.0, 42.0)


def test_waits_from_before_a_run_was_taken_up_are_not_called_a_part_of_its_time_since() -> None:
    resumed = replace(result(), seconds=30.0, waited=34.0)
    shown = lines(result_page(resumed))
    assert any("30 s; since the run first began, 34 s waiting for guards" in text for text in shown)
    assert not any("of it" in text for text in shown)


def test_the_timeline_shows_the_ends_of_what_a_hook_printed() -> None:
    output = "\n".join(f"line {number}" for number in range(1, 11))
    ended = HookEnded("declare", When.BEFORE, "stop-sync", HookOutcome.FAILED, "exit code 1", 1, output, 1.0)
    assert plain_text(event_details(ended, indent=2)).splitlines() == [
        "  | line 1",
        "  | line 2",
        "  | line 3",
        "  | … 4 lines …",
        "  | line 8",
        "  | line 9",
        "  | line 10",
    ]


def test_a_plan_says_which_owed_hooks_its_run_would_drop() -> None:
    made = replace(
        plan(planned_transition(DECLARE, LINKED)), unpaid=(("20260528-100000-abcd", "activate/flip"),)
    )
    shown = " ".join(" ".join(lines(preview_page(made))).split())
    assert (
        "drops run 20260528-100000-abcd still owes activate/flip; this one takes its place, and drops that. "
        "First: hamr resume 20260528-100000-abcd"
    ) in shown


def test_before_hooks_that_an_emergency_went_past_are_listed_in_the_end() -> None:
    went_past = replace(result(), hooks_failed=("declare/stop-sync",))
    assert "  - stop-sync, before transition declare" in lines(result_page(went_past))
