"""The screens that people meet most, in terminals of three widths: as they were when somebody last read them and found them good.

`make screens` writes them anew; `git diff` then shows what a person gets to see.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.cli.console import STYLES
from orchestrator.config import parse_playbook
from orchestrator.errors import ExitCode, KeyUnavailable
from orchestrator.model import next_step
from orchestrator.model.guard import Outcome
from orchestrator.model.journal import Holder
from orchestrator.model.playbook import Again, Hook, InEmergency, Manual, Program
from orchestrator.model.reading import Denied, Hampered, Identity, Trouble, Unreachable
from orchestrator.model.run import Attempt, End, Mode, RunOutcome
from orchestrator.model.situation import LeftByHand, OpenRun, Owed, PairStatus, Phase, PhaseName
from orchestrator.model.status import Both, Role, Status
from orchestrator.report.doctor import doctor_page
from orchestrator.report.drill import drill_page
from orchestrator.report.errors import error_page
from orchestrator.report.journal import RunSummary, runs_facts, show_facts
from orchestrator.report.layout import Line, Page, cells, fit, line_text, plain_text
from orchestrator.report.plan import full_plan_page, plan_page
from orchestrator.report.run import result_page
from orchestrator.report.run_report import report_page
from orchestrator.report.status import status_page

from .journals import OWING, WHOLE, drill, journal, reported
from .scenes import (
    ACTIVATE,
    DECLARE,
    LINKED,
    NOW,
    PLAYBOOK,
    RUN,
    SETTLED,
    UNSEEN,
    UNSETTLED,
    UUIDS,
    YESTERDAY,
    P,
    S,
    decided,
    looked,
    plan,
    planned_transition,
    reading,
    refused,
    result,
    standing,
)
from .test_doctor import CLOCK, KEY, READY, readiness
from .test_drill import RESULT, SHOWS

WIDTHS = (80, 100, 140)
"""Columns: what ssh opens, a window, a wide one."""

ROWS = 24
"""Of a terminal of 80 columns; the prompt takes one."""

FOLDER = Path(__file__).parent / "screens"

SHIPPED = Path(__file__).parents[2] / "playbooks" / "regional-failover.yaml"
REMEMBER = parse_playbook(SHIPPED.read_text("utf-8"), str(SHIPPED)).remember

STOP = Hook("stop-sync", Program(("./bin/stop-sync",), timedelta(seconds=60)), Again.SAFE, InEmergency.SKIP)
BUTTON = Hook("integrations", Manual("Press 'Fail over your integrations' in the secondary org."))
AGENTS = replace(UNSETTLED, guard="telemetry_in_secondary", reason="agents_in_secondary is 0, wanted above 0")


def _planned() -> Page:
    declare = replace(
        planned_transition(DECLARE, LINKED, SETTLED, replace(LINKED, guard="secondary_takes_telemetry")),
        before=(STOP,),
    )
    activate = replace(
        planned_transition(ACTIVATE, replace(LINKED, predicted=True), replace(AGENTS, judged_again=True)),
        after=(BUTTON,),
    )
    return plan_page(decided(replace(plan(declare, activate), remember=REMEMBER, events_to=S)))


def _quiet() -> PairStatus:
    phase = standing().phase
    return replace(standing(), phase=replace(phase, next_steps=(next_step.plan("payments", Status.ACTIVE),)))


def _active() -> PairStatus:
    phase = Phase(
        PhaseName.AGREED,
        "Both orgs show ACTIVE.",
        (next_step.plan("payments", Status.PASSIVE),),
        status=Status.ACTIVE,
    )
    return replace(standing(), phase=phase, left_by_hand=LeftByHand(RUN, (), (), REMEMBER))


def _owing() -> PairStatus:
    sentence = "Payments (primary) was not seen; Payments EU (secondary) shows ACTIVE."
    return replace(
        standing(),
        phase=Phase(
            PhaseName.BEHIND,
            sentence,
            (next_step.resume("payments"),),
            status=Status.ACTIVE,
            role=Role.PRIMARY,
        ),
        readings=Both(reading(P, Unreachable("timed out after 10 s")), reading(S)),
        identities=Both(Identity(P, None, "timed out after 10 s"), Identity(S, UUIDS.secondary)),
        owed=Owed(P, Status.ACTIVE, RUN, YESTERDAY),
        unknown=((RUN, Attempt(3, P, Status.ACTIVE, "stamp", "activate")),),
        open_run=OpenRun(
            RUN, Status.ACTIVE, Status.PASSIVE, "activate", Mode.EMERGENCY, ("activate/integrations",)
        ),
        holder=Holder(
            "ab12cd34ef56", "payments", RUN, "bob", "laptop2", 4242, "", NOW - timedelta(minutes=5), NOW
        ),
        cooling_down_after=RUN,
        cooling_down_for=290.0,
    )


def _keyless() -> PairStatus:
    why = (
        "The application key of Payments (primary) cannot be used: file /etc/hamr/keys/payments/primary/app.key "
        "cannot be read (No such file or directory)."
    )
    keys = Hampered(why, "set what is missing", Trouble.KEYS)
    return replace(
        standing(),
        readings=Both(reading(P, keys), reading(S, Denied("403 Forbidden"))),
        identities=Both(Identity(P, None, why), Identity(S, UUIDS.primary)),
        phase=Phase(
            PhaseName.HAMPERED, f"Payments (primary) was not asked: {why}", (next_step.doctor("payments"),)
        ),
    )


def _unknown() -> Page:
    ending = RunOutcome(
        End.UNKNOWN,
        "the POST of ACTIVE to Payments EU (secondary) got no answer, and 1 min of reading did not show it",
        S,
        (next_step.resume(RUN), next_step.status("payments"), next_step.show(RUN)),
        "3 writes were sent and seen by reading back; of 1 more nobody knows whether it took effect.",
    )
    lost = Attempt(4, S, Status.ACTIVE, "stamp", "activate")
    return result_page(
        replace(
            result(),
            ending=ending,
            exit_code=ExitCode.UNKNOWN,
            phase="midway(activate)",
            objectives=(),
            remember=(),
            resumable=True,
            unknown=(lost,),
        )
    )


def _summary(run: str, goal: Status | None, end: str, code: int | None, *, open_: bool = False) -> RunSummary:
    ended = None if code is None else NOW + timedelta(seconds=78)
    return RunSummary(
        run, "payments", goal, Mode.PLANNED, "alice", "laptop", NOW, ended, end, code, open=open_
    )


SCREENS: dict[str, Callable[[], Page]] = {
    "status": lambda: status_page(looked(_quiet()), PLAYBOOK),
    "status-active": lambda: status_page(looked(_active()), PLAYBOOK),
    "status-owing": lambda: status_page(looked(_owing()), PLAYBOOK),
    "status-keys": lambda: status_page(looked(_keyless()), PLAYBOOK),
    "plan": _planned,
    "plan-refused": lambda: plan_page(
        decided(
            plan(
                planned_transition(DECLARE, LINKED, UNSETTLED, UNSEEN, refused_by=("settled", "both_answer")),
                planned_transition(ACTIVATE, replace(LINKED, predicted=True)),
            )
        )
    ),
    "plan-full": lambda: full_plan_page(decided(plan())),
    "run": lambda: result_page(
        replace(
            result(),
            ending=replace(result().ending, next_steps=(next_step.show(RUN),)),
            remember=REMEMBER,
        )
    ),
    "run-refused": lambda: result_page(
        refused(UNSETTLED, UNSEEN, replace(AGENTS, outcome=Outcome.UNKNOWN, why=""))
    ),
    "run-unknown": _unknown,
    "doctor": lambda: doctor_page([READY, readiness(KEY, CLOCK, pair="orders")], everything=False),
    "report": lambda: report_page(reported(WHOLE)),
    "report-owing": lambda: report_page(reported(OWING)),
    "report-drill": lambda: report_page(drill()),
    "runs": lambda: runs_facts(
        [
            _summary(RUN, Status.ACTIVE, "done", 0),
            _summary("20260528-173000-x7q2", Status.PASSIVE, "incomplete", 6, open_=True),
            _summary("20260528-183000-hom3", None, "", None),
        ]
    )[0],
    "show": lambda: show_facts(journal(WHOLE))[0],
    "drill": lambda: drill_page(
        replace(RESULT, closed=False, why_open="a leg's process was killed."), [SHOWS]
    ),
    "error": lambda: error_page(
        KeyUnavailable(
            "The API key of Payments (primary) cannot be had: environment variable PAYMENTS_PRIMARY_API_KEY is not set.",
            org="Payments (primary)",
            next_steps=(next_step.doctor("payments"),),
        )
    ),
}


def page_at(name: str, columns: int) -> Page:
    """A screen as it is made for a terminal of so many columns."""

    def made() -> Page:
        fit(columns)
        return SCREENS[name]()

    return copy_context().run(made)


def kept(name: str) -> str:
    """A screen in all widths; one that looks as in the width before is not repeated."""
    parts, before = [], ""
    for columns in WIDTHS:
        text = plain_text(page_at(name, columns))
        parts.append(
            f"════ {columns} columns: the same\n" if text == before else f"════ {columns} columns\n{text}"
        )
        before = text
    return "".join(parts)


def is_copied(spans: Line) -> bool:
    """Whether something in it is there to be copied, and so is never broken by us."""
    return any(span.style == "command" for span in spans)


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_as_it_was_found_good(name: str) -> None:
    assert kept(name) == (FOLDER / f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("name", SCREENS)
def test_no_line_is_wider_than_the_terminal_but_what_is_there_to_be_copied(name: str, columns: int) -> None:
    page = page_at(name, columns)
    wide = [line_text(spans).rstrip() for spans in page if not is_copied(spans)]
    assert [text for text in wide if cells(text) > columns] == []
    assert {span.style for spans in page for span in spans} <= {"", *STYLES}


@pytest.mark.parametrize("name", ["status", "plan", "run"])
def test_a_page_of_an_ordinary_case_fits_a_terminal_of_24_lines(name: str) -> None:
    wide = [cells(line_text(spans).rstrip()) for spans in page_at(name, 80)]
    assert sum(max(1, -(-width // 80)) for width in wide) < ROWS


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for screen in SCREENS:
        (FOLDER / f"{screen}.txt").write_text(kept(screen), "utf-8")
