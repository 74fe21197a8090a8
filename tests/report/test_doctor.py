"""How ready pairs are: the first line, the exit code, the two columns, and the document."""

from __future__ import annotations

from contextvars import copy_context

import pytest
from msgspec.structs import replace

from orchestrator.doctor.examination import next_steps
from orchestrator.errors import DocumentError, JournalUnavailable, Problem
from orchestrator.model import next_step
from orchestrator.model.readiness import Check, Group, Level, NagiosCode, Readiness, worst
from orchestrator.model.status import Both, Role
from orchestrator.report.doctor import (
    could_not_look,
    doctor_code,
    doctor_json,
    doctor_page,
    first_line,
    nagios_line,
)
from orchestrator.report.layout import fit
from tests.steps import next_of, step

from .scenes import NOW, lines, standing

OK, WARNING, UNKNOWN, CRITICAL = Level.OK, Level.WARNING, Level.UNKNOWN, Level.CRITICAL


def check(name: str, planned: Level | None, emergency: Level | None, **more: object) -> Check:
    base = Check(Group.ORGS, name, planned, emergency, f"What {name} found.")
    return replace(base, **more)


def readiness(*checks: Check, pair: str = "payments") -> Readiness:
    return Readiness(
        pair, NOW, "regional-failover", checks, Both(0.0412, None), 0.31, next_steps(checks, None)
    )


READY = readiness(check("link", OK, OK, brief="linked"), check("record", OK, None, role=Role.PRIMARY))
CLOCK = check("clock", WARNING, None, role=Role.PRIMARY, sentence="The clocks differ.")
KEY = check("API key", CRITICAL, OK, role=Role.PRIMARY, group=Group.KEYS, next_steps=(step("export API=…"),))


@pytest.mark.parametrize(
    ("levels", "found"),
    [
        ((OK, None), OK),
        ((None, None), None),
        ((OK, WARNING), WARNING),
        ((WARNING, UNKNOWN), UNKNOWN),
        ((UNKNOWN, CRITICAL, WARNING), CRITICAL),
    ],
)
def test_law_08_unknown_is_worse_than_a_warning(
    levels: tuple[Level | None, ...], found: Level | None
) -> None:
    assert worst(levels) is found


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ((), NagiosCode.OK),
        ((CLOCK,), NagiosCode.WARNING),
        ((check("alone", UNKNOWN, OK),), NagiosCode.UNKNOWN),
        ((KEY, CLOCK), NagiosCode.CRITICAL),
        ((check("emergency", None, CRITICAL),), NagiosCode.CRITICAL),
    ],
)
def test_the_exit_code_is_the_worst_of_both_columns(checks: tuple[Check, ...], code: NagiosCode) -> None:
    assert doctor_code([READY, readiness(*checks, pair="other")]) is code


def test_the_first_line_names_what_is_worst_first() -> None:
    assert first_line([READY]) == "HAMR OK - payments is ready for a planned run and for an emergency"
    many = readiness(CLOCK, *(check(f"c{number}", WARNING, OK) for number in range(3)), KEY)
    assert first_line([many]) == (
        "HAMR CRITICAL - payments: planned run CRITICAL, emergency OK (primary API key, primary clock, c0, 2 more)"
    )


def test_of_several_pairs_the_first_line_names_the_worst_first_and_those_that_are_ready_together() -> None:
    named = [readiness(pair=name) for name in ("a", "b")]
    both = [*named, readiness(CLOCK, pair="c"), readiness(KEY, pair="d")]
    assert first_line(both) == (
        "HAMR CRITICAL - d: planned run CRITICAL, emergency OK (primary API key); "
        "c: planned run WARNING, emergency OK (primary clock); "
        "a, b are ready for a planned run and for an emergency"
    )
    many = [readiness(pair=f"p{number}") for number in range(200)]
    assert first_line(many) == "HAMR OK - 200 pairs are ready for a planned run and for an emergency"


def test_nagios_gets_round_trips_in_seconds_and_no_other_pipe() -> None:
    odd = readiness(check("guard a|b", WARNING, OK))
    assert nagios_line([odd]) == (
        "HAMR WARNING - payments: planned run WARNING, emergency OK (guard a/b) | 'payments primary'=0.041s"
    )
    silent = replace(READY, round_trips=Both(None, None))
    assert nagios_line([silent]) == first_line([silent])


def test_everything_is_said_where_that_is_wanted_the_worst_first() -> None:
    page = lines(doctor_page([readiness(check("link", OK, OK), CLOCK)], everything=True))
    assert page[-4:] == [
        "  primary clock         WARNING    -",
        "      The clocks differ.",
        "  link                  ok         ok",
        "      What link found.",
    ]


def test_checks_that_say_the_very_same_are_said_once() -> None:
    silent = [
        check(name, UNKNOWN, None, role=Role.PRIMARY, sentence="Not known.") for name in ("link", "clock")
    ]
    page = lines(doctor_page([readiness(*silent)], everything=False))
    assert page[-3:] == [
        "  primary link,         UNKNOWN    -",
        "  primary clock",
        "      Not known.",
    ]


def test_keys_that_are_missing_for_one_reason_are_one_problem_and_what_follows_is_none() -> None:
    missing = [
        replace(
            KEY,
            name=name,
            role=role,
            emergency=planned,
            sentence="2 keys cannot be used: A and B are not set.",
        )
        for name, role, planned in (("API key", Role.PRIMARY, None), ("API key", Role.SECONDARY, CRITICAL))
    ]
    after = check("phase", CRITICAL, CRITICAL, follows=True, next_steps=(step("hamr status payments"),))
    found = [readiness(*missing, after)]
    assert first_line(found) == (
        "HAMR CRITICAL - payments: planned run CRITICAL, emergency CRITICAL (2 keys)"
    )
    both = [*found, readiness(*missing, after, pair="orders")]
    assert first_line(both) == (
        "HAMR CRITICAL - payments, orders: planned run CRITICAL, emergency CRITICAL (2 keys)"
    )
    page = lines(doctor_page(found, everything=False))
    assert page.count("      2 keys cannot be used: A and B are not set.") == 1
    assert "      1 not known, for want of a key." in page
    assert page[-2:] == ["Next", "  export API=…"]
    assert "      What phase found." in lines(doctor_page(found, everything=True))


def test_no_line_is_wider_than_the_page_and_nothing_from_outside_steers_the_terminal() -> None:
    wild = check("guard " + "x" * 90, CRITICAL, WARNING, sentence="\x1b[2J " + "word " * 120)
    page = lines(doctor_page([readiness(wild, pair="p\x1b[31m")], everything=True))[1:]
    assert max(map(len, page)) <= 80
    assert not any("\x1b" in each for each in page)


def test_the_document_has_every_check() -> None:
    document = doctor_json([readiness(KEY)])
    assert document["level"] == "critical"
    assert next_of(document) == ["export API=…"]
    assert document["pairs"] == [
        {
            "pair": "payments",
            "at": "2026-05-28T16:40:00.000000Z",
            "seconds": 0.31,
            "playbook": "regional-failover",
            "planned": "critical",
            "emergency": "ok",
            "round_trip_seconds": {"primary": 0.041, "secondary": None},
            "checks": [
                {
                    "group": "keys",
                    "check": "API key",
                    "org": "primary",
                    "planned": "critical",
                    "emergency": "ok",
                    "sentence": "What API key found.",
                    "follows": False,
                    "next": [
                        {
                            "command": "export API=…",
                            "verb": "",
                            "subject": "export API=…",
                            "options": [],
                            "why": "",
                        }
                    ],
                }
            ],
        }
    ]


def test_law_15_doctor_does_not_send_to_doctor() -> None:
    """A pair that this machine hampers is sent there by every other look."""
    look, again = next_step.status("payments"), next_step.doctor("payments").so_that("look again")
    told = standing()
    told = replace(told, phase=replace(told.phase, next_steps=(look, next_step.doctor("payments"))))
    found = check("phase", CRITICAL, OK, next_steps=told.phase.next_steps)
    busy = check("writable", WARNING, OK, group=Group.JOURNAL, next_steps=(again,))
    assert next_steps([found, busy], told) == (look, again)


def test_what_could_not_be_looked_at_is_unknown_in_every_form() -> None:
    error = DocumentError([Problem("pairs.yaml", 3, 1, "wrong"), Problem("pairs.yaml", 9, 1, "odd")])
    first, _, document = could_not_look(error)
    assert first == "HAMR UNKNOWN - pairs.yaml:3:1: wrong pairs.yaml:9:1: odd"
    assert (document["exit_code"], document["error"]) == (3, "DocumentError")
    page = lines(could_not_look(JournalUnavailable("It is gone.", next_steps=(step("hamr runs"),)))[1])
    assert page == [
        "The journal cannot be used.",
        "  It is gone.",
        "",
        "  exit code     3: UNKNOWN: doctor could not look",
        "",
        "Next",
        "  hamr runs",
    ]


def test_on_a_narrow_terminal_what_was_found_stands_under_both_verdicts() -> None:
    def narrow() -> list[str]:
        fit(40)
        found = readiness(KEY, check("link", OK, OK, brief="linked, agreed(PASSIVE), primary 41 ms"), CLOCK)
        return lines(doctor_page([found], everything=False))

    assert copy_context().run(narrow) == [
        "HAMR CRITICAL - payments: planned run",
        "CRITICAL, emergency OK (primary API key,",
        "primary clock)",
        "",
        "Pair payments, 2026-05-28 16:40:00 UTC, in 0.3 s",
        "",
        "                  PLANNED    EMERGENCY",
        "Keys              CRITICAL   ok",
        "      0 of 1 fine",
        "  primary API     CRITICAL   ok",
        "  key",
        "      What API key found.",
        "Orgs              WARNING    ok",
        "      1 of 2 fine: linked,",
        "      agreed(PASSIVE), primary 41 ms",
        "  primary clock   WARNING    -",
        "      The clocks differ.",
        "",
        "Next",
        "  export API=…",
    ]
