"""Checks of keys and orgs: which column each counts in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.doctor.answers import JournalFound, KeyFound, Mirrored
from orchestrator.doctor.org_checks import skew
from orchestrator.journal.history import History
from orchestrator.model.org import Mirrors
from orchestrator.model.readiness import KeysSaid
from orchestrator.model.reading import Identity, Reading, Trouble
from orchestrator.model.status import Both, Status
from tests.situation.scenes import (
    KEYS,
    NOW,
    ONBOARDING,
    RUN,
    STRANGER,
    absent,
    dead,
    denied,
    garbled,
    hampered,
    holds,
    keyless,
    record,
    shows,
)
from tests.steps import step, typed

from .scenes import CRITICAL, OK, UNKNOWN, WARNING, P, S, answered, answers, checks, orgs, verdicts


def test_a_pair_that_is_ready_has_nothing_that_is_not_well() -> None:
    assert verdicts(answers()) == {}


def test_a_missing_key_of_the_primary_stops_a_planned_run_and_no_emergency() -> None:
    found = orgs(keyless(P))
    missing = KeyFound(P, "API key", "environment variable API", "it is not set", (step("export API=…"),))
    found = replace(
        found,
        keys=(missing, *found.keys[1:]),
        accepted=Both(KeysSaid(P, None, "it is not set"), KeysSaid(S, valid=True)),
        identities=Both(Identity(P, None, "it is not set"), KEYS.secondary),
    )
    told = checks(answers(found))
    assert (told["API key primary"].planned, told["API key primary"].emergency) == (CRITICAL, None)
    assert typed(told["API key primary"].next_steps) == ("export API=…",)
    assert told["keys accepted primary"].sentence == (
        "Not known: nothing was asked of Payments (primary), for want of a key."
    )
    assert {check.emergency for check in told.values()} == {None, OK}


def test_a_missing_key_of_the_survivor_is_critical_in_both_columns() -> None:
    found = orgs(secondary=keyless(S))
    missing = KeyFound(S, "application key", "file /k", "it cannot be read")
    found = replace(found, keys=(*found.keys[:3], missing))
    assert verdicts(answers(found), "application key secondary") == {
        "application key secondary": (CRITICAL, CRITICAL)
    }


def test_law_21_doctor_says_the_remedy_for_trouble_of_this_machine() -> None:
    walled = answered(hampered(P, Trouble.MIDDLEBOX, "a proxy answered, not Datadog's API"), off=500)
    told = checks(answers(orgs(walled)))
    record = told["HAMR record primary"]
    assert (record.planned, record.emergency) == (CRITICAL, None)
    assert record.sentence == (
        "Payments (primary) was not seen (a proxy answered, not Datadog's API). That is trouble of this machine or its "
        "network: correct HTTPS_PROXY."
    )
    for name in ("round trip primary", "clock primary"):
        assert told[name].sentence == "Not known: Payments (primary) was not reached from this machine."
    assert told["phase"].sentence.startswith("hampered")
    assert {check.emergency for check in told.values()} == {None, OK}


@pytest.mark.parametrize(
    ("said", "level"),
    [
        (KeysSaid(S, valid=False, reason="HTTP 403: Forbidden"), CRITICAL),
        (KeysSaid(S, None, "HTTP 500: oops"), UNKNOWN),
    ],
)
def test_keys_that_are_not_accepted(said: KeysSaid, level: object) -> None:
    found = replace(orgs(), accepted=Both(KeysSaid(P, valid=True), said))
    assert verdicts(answers(found)) == {"keys accepted secondary": (level, level)}
    assert said.reason in checks(answers(found))["keys accepted secondary"].sentence


def test_a_key_of_another_org_is_critical() -> None:
    found = replace(orgs(), identities=Both(Identity(P, STRANGER), KEYS.secondary))
    told = checks(answers(found))
    assert (told["keys' org primary"].planned, told["keys' org primary"].emergency) == (CRITICAL, None)
    assert STRANGER in told["keys' org primary"].sentence
    assert told["link"].planned is CRITICAL
    assert told["link"].emergency is OK
    assert told["phase"].sentence.startswith("mislinked")


@pytest.mark.parametrize(
    ("primary", "phase"),
    [
        (dead(P), "half-seen(PASSIVE)"),
        (denied(P), "denied"),
        (garbled(P), "unreadable"),
        (answered(holds(P, record(P, 9))), "unrecognised"),
    ],
)
def test_law_09_a_primary_that_is_not_seen_leaves_the_emergency_ready(primary: Reading, phase: str) -> None:
    told = checks(answers(orgs(primary)))
    assert (told["HAMR record primary"].planned, told["HAMR record primary"].emergency) == (CRITICAL, None)
    assert told["phase"].sentence.startswith(phase)
    assert told["phase"].planned is CRITICAL
    assert {check.emergency for check in told.values()} == {None, OK}


def test_a_survivor_that_is_not_seen_leaves_no_emergency() -> None:
    told = verdicts(answers(orgs(secondary=dead(S))), "HAMR record secondary", "phase", "emergency", "link")
    assert told == {
        "HAMR record secondary": (CRITICAL, CRITICAL),
        "phase": (CRITICAL, CRITICAL),
        "emergency": (None, CRITICAL),
        "link": (UNKNOWN, UNKNOWN),
    }


def test_reading_is_told_apart_from_writing() -> None:
    assert "whether they may write it (disaster_recovery_status_write) only a write can show" in (
        checks(answers())["HAMR record primary"].sentence
    )


def test_a_pair_that_is_not_linked_is_critical() -> None:
    wrong = answered(holds(S, record(S, target_uuid=STRANGER)))
    assert verdicts(answers(orgs(secondary=wrong)), "link", "phase") == {
        "link": (CRITICAL, CRITICAL),
        "phase": (CRITICAL, CRITICAL),
    }


def test_a_pair_that_diverged_is_critical_in_both_columns_and_says_how_to_go_on() -> None:
    told = checks(answers(orgs(answered(shows(P, Status.ONBOARDING)), answered(shows(S, Status.ACTIVE)))))[
        "phase"
    ]
    assert (told.planned, told.emergency) == (CRITICAL, CRITICAL)
    assert typed(told.next_steps)[0] == "hamr status payments"
    assert "hamr adopt payments --truth primary --reason TEXT" in typed(told.next_steps)


def test_from_where_no_emergency_leads_on_that_is_a_warning() -> None:
    both = (answered(shows(P, Status.RECOVERY)), answered(shows(S, Status.RECOVERY)))
    assert verdicts(answers(orgs(*both))) == {"emergency": (None, WARNING)}
    there = (answered(shows(P, Status.ACTIVE)), answered(shows(S, Status.ACTIVE)))
    assert verdicts(answers(orgs(*there))) == {}


def test_a_playbook_without_a_survivor_has_no_emergency() -> None:
    found = answers(playbook=ONBOARDING)
    assert verdicts(found)["emergency"] == (None, WARNING)
    assert {name for name, check in checks(found).items() if check.emergency is not None} >= {"emergency"}
    assert checks(found)["API key secondary"].emergency is None


def test_a_pair_that_is_not_connected_is_ready_for_a_playbook_that_connects_it() -> None:
    both = orgs(answered(absent(P)), answered(absent(S)))
    assert verdicts(answers(both), "phase")["phase"] == (CRITICAL, CRITICAL)
    assert verdicts(answers(both, playbook=ONBOARDING), "phase")["phase"] == (OK, None)


@pytest.mark.parametrize(
    ("off", "took", "wanted"),
    [
        (0.5, 0.05, 0.0),  # Date has whole seconds: up to one second behind is no difference
        (1.0, 0.05, 0.0),
        (-0.01, 0.05, -0.01),
        (5.0, 0.05, 3.95),
        (5.0, 5.0, 0.0),  # the server may have answered five seconds ago
        (-7.0, 0.05, -7.0),
    ],
)
def test_clocks_differ_only_by_what_date_and_the_round_trip_do_not_explain(
    off: float, took: float, wanted: float
) -> None:
    found = skew(answered(shows(P, Status.PASSIVE), took, off))
    assert found == pytest.approx(wanted)


def test_an_answer_without_a_date_tells_no_time() -> None:
    assert skew(dead(P)) is None


def test_a_clock_that_is_off_is_a_warning_that_says_in_which_direction() -> None:
    behind = answers(orgs(secondary=answered(shows(S, Status.PASSIVE), off=-7.2)))
    assert verdicts(behind) == {"clock secondary": (WARNING, WARNING)}
    assert (
        "clock is 7.2 s behind that of Payments EU (secondary)" in checks(behind)["clock secondary"].sentence
    )
    ahead = answers(orgs(answered(shows(P, Status.PASSIVE), off=9.0)))
    assert verdicts(ahead) == {"clock primary": (WARNING, None)}
    assert "clock is 7.9 s ahead of that of" in checks(ahead)["clock primary"].sentence


def test_a_slow_org_is_a_warning() -> None:
    slow = answers(orgs(secondary=answered(shows(S, Status.PASSIVE), 2.4)))
    assert verdicts(slow) == {"round trip secondary": (WARNING, WARNING)}
    assert checks(answers())["round trip primary"].brief == "primary 50 ms"


def journal(mirrors: bool | None) -> JournalFound:
    mirrored = None if mirrors is None else Mirrored(mirrors, RUN, NOW - timedelta(days=1))
    return JournalFound("/j", exists=True, history=History("payments"), mirrored=mirrored)


@pytest.mark.parametrize(
    ("word", "found", "level", "words"),
    [
        (Mirrors.AUTO, None, OK, "No run has found out yet."),
        (Mirrors.AUTO, True, OK, f"Last time, run {RUN} found that it mirrors (2026-05-27 16:40:00 UTC)."),
        (Mirrors.NO, False, OK, "The inventory says that the pair does not mirror."),
        (Mirrors.NO, True, WARNING, f"But run {RUN} found that it mirrors"),
        (Mirrors.YES, False, WARNING, f"But run {RUN} found that it does not mirror"),
    ],
)
def test_whether_the_pair_mirrors(word: Mirrors, found: bool | None, level: object, words: str) -> None:
    scene = answers(journal=journal(found))
    told = checks(replace(scene, pair=replace(scene.pair, mirrors=word)))["mirrors"]
    assert told.planned is level
    assert words in told.sentence
