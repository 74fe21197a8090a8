"""Hooks, waits and questions in plans, and what a run leaves to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.guard import Outcome, Verdict
from orchestrator.model.playbook import Again, Hook, InEmergency, Manual, Program, When
from orchestrator.model.run import Mode
from orchestrator.report.documents import json_form
from orchestrator.report.plan import full_plan_page, plan_page
from orchestrator.report.plan_details import hook_lines

from .scenes import ACTIVATE, DECLARE, LINKED, plan, planned_transition, words

STOP = Hook(
    "stop-sync", Program(("./bin/stop sync", "now"), timedelta(seconds=60)), Again.SAFE, InEmergency.SKIP
)
BUTTON = Hook("button", Manual("Press the button."))
SEEN = Verdict("seen", Outcome.FAIL, "agents is 0; wanted above 0")
HOOKED = replace(planned_transition(DECLARE, LINKED), before=(STOP,), after=(BUTTON,))


def test_a_plan_shows_hooks_and_says_what_becomes_of_them() -> None:
    shown = words(full_plan_page(plan(HOOKED)))
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
    shown = words(hook_lines(replace(HOOKED, before=(hook,)), When.BEFORE, Mode.EMERGENCY))
    assert said in shown


def test_a_guard_that_would_be_waited_for_does_not_refuse_the_plan() -> None:
    transition = replace(planned_transition(DECLARE, LINKED, SEEN), waits=("seen",), waits_seconds=600.0)
    made = plan(transition)
    assert not made.refused
    shown = words((*full_plan_page(made), *plan_page(made)))
    assert "fail seen (waited for, up to 10 min) agents is 0; wanted above 0" in shown
    assert "waited for, up to 10 min: seen" in shown


def test_a_guard_about_which_a_person_would_be_asked_says_so() -> None:
    unknown = replace(SEEN, outcome=Outcome.UNKNOWN)
    transition = replace(planned_transition(DECLARE, LINKED, unknown), asks=("seen",))
    shown = words((*full_plan_page(plan(transition)), *plan_page(plan(transition))))
    assert "(you would be asked)" in shown
    assert "you would be asked: seen" in shown


def test_a_probe_of_a_later_transition_shows_the_value_of_today() -> None:
    later = replace(SEEN, predicted=True, judged_again=True)
    made = plan(planned_transition(DECLARE, LINKED), planned_transition(ACTIVATE, LINKED, later))
    assert not made.refused
    shown = words((*full_plan_page(made), *plan_page(made)))
    assert "(today's value, judged again then) agents is 0; wanted above 0" in shown
    assert "judged again then: seen" in shown


def test_hooks_are_listed_in_the_document() -> None:
    assert json_form((STOP, BUTTON)) == [
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


def test_a_plan_says_which_owed_hooks_its_run_would_drop() -> None:
    made = replace(
        plan(planned_transition(DECLARE, LINKED)), unpaid=(("20260528-100000-abcd", "activate/flip"),)
    )
    shown = words((*full_plan_page(made), *plan_page(made)))
    assert (
        "drops run 20260528-100000-abcd still owes activate/flip; this one takes its place, and drops that. "
        "First: hamr resume 20260528-100000-abcd"
    ) in shown
