"""quiet, reachable and located: the guard kinds that look at the two records."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from orchestrator.model.guard import GuardKind, Located, Outcome, Quiet, Reachable, Verdict
from orchestrator.model.org import Org, Pair
from orchestrator.model.reading import Reading
from orchestrator.model.situation import Situation
from orchestrator.model.status import Both, Status
from orchestrator.situation import judge

from .scenes import (
    KEYS,
    NOW,
    PAIR,
    PRIMARY,
    RUN,
    SECONDARY,
    STRANGER,
    absent,
    ago,
    dead,
    denied,
    garbled,
    holds,
    record,
    shows,
    situation,
    with_guards,
)


def ask(kind: GuardKind, scene: Situation) -> Verdict:
    return judge("it", with_guards(it=kind), scene)


FIVE_MINUTES = Quiet(timedelta(minutes=5))


def changed(at: datetime | None, by: str = "alice@example.com") -> Reading:
    return shows(SECONDARY, Status.PASSIVE, at=at, by=by)


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [(42, Outcome.FAIL), (299, Outcome.FAIL), (300, Outcome.PASS), (86400, Outcome.PASS)],
)
def test_quiet_wants_both_records_unchanged_for_so_long(seconds: int, outcome: Outcome) -> None:
    assert ask(FIVE_MINUTES, situation(secondary=changed(ago(seconds=seconds)))).outcome is outcome
    recent = shows(PRIMARY, Status.PASSIVE, at=ago(seconds=seconds))
    assert ask(FIVE_MINUTES, situation(recent)).outcome is outcome


def test_quiet_says_who_changed_what_how_long_ago() -> None:
    verdict = ask(FIVE_MINUTES, situation(secondary=changed(ago(seconds=42))))
    assert verdict.reason == (
        "Payments EU (secondary) was changed 42 s ago by alice@example.com; quiet wants 5 min"
    )
    assert verdict.why == "why it"
    assert verdict.overridable


def test_quiet_passes_for_what_this_run_changed() -> None:
    stamp = f"alice+hamr-{RUN}-1@laptop"
    own = changed(ago(seconds=1), by=stamp)
    assert ask(FIVE_MINUTES, situation(secondary=own)).outcome is Outcome.FAIL
    assert ask(FIVE_MINUTES, situation(secondary=own, our_names=frozenset({stamp}))).outcome is Outcome.PASS


def test_quiet_goes_by_the_servers_clock_and_by_ours_where_it_sends_no_date() -> None:
    held = record(SECONDARY, at=ago(minutes=4))
    ahead = ago(minutes=-2)
    assert ask(FIVE_MINUTES, situation(secondary=holds(SECONDARY, held, date=ahead))).outcome is Outcome.PASS
    assert ask(FIVE_MINUTES, situation(secondary=holds(SECONDARY, held, date=None))).outcome is Outcome.FAIL


def test_quiet_takes_a_change_from_the_future_for_one_that_happened_just_now() -> None:
    verdict = ask(FIVE_MINUTES, situation(secondary=changed(ago(hours=-1))))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == (
        "Payments EU (secondary) was changed 0 s ago by alice@example.com "
        "(its record is dated 1 h ahead of its clock); quiet wants 5 min"
    )
    within_the_seconds_of_date = ask(FIVE_MINUTES, situation(secondary=changed(ago(seconds=-1))))
    assert within_the_seconds_of_date.reason == (
        "Payments EU (secondary) was changed 0 s ago by alice@example.com; quiet wants 5 min"
    )


def test_quiet_is_unknown_where_a_record_does_not_say_when() -> None:
    verdict = ask(FIVE_MINUTES, situation(secondary=changed(None)))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, None)
    assert verdict.reason == (
        "Payments EU (secondary) was changed last by alice@example.com, and its record does not tell when; "
        "quiet wants 5 min"
    )


def test_quiet_passes_for_orgs_without_a_record() -> None:
    assert ask(FIVE_MINUTES, situation(absent(PRIMARY), absent(SECONDARY))).outcome is Outcome.PASS


def test_quiet_is_blind_where_an_org_was_not_seen_and_still_judges_the_other() -> None:
    verdict = ask(FIVE_MINUTES, situation(dead(PRIMARY)))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, PRIMARY)
    assert ask(FIVE_MINUTES, situation(dead(PRIMARY), changed(ago(seconds=3)))).outcome is Outcome.FAIL
    two_causes = ask(FIVE_MINUTES, situation(dead(PRIMARY), changed(None)))
    assert (two_causes.outcome, two_causes.blind) == (Outcome.UNKNOWN, None)


def test_law_09_a_wrong_record_of_the_org_that_an_emergency_does_without_counts_as_not_seen() -> None:
    wrong = holds(PRIMARY, record(PRIMARY, at=NOW, target_uuid=STRANGER))
    assert ask(FIVE_MINUTES, situation(wrong)).outcome is Outcome.FAIL
    verdict = ask(FIVE_MINUTES, situation(wrong, emergency=SECONDARY))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, PRIMARY)
    strange = holds(PRIMARY, record(PRIMARY, 9, at=NOW))
    verdict = ask(FIVE_MINUTES, situation(strange, emergency=SECONDARY))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, PRIMARY)


EITHER = Reachable((PRIMARY, SECONDARY))


def test_reachable_passes_where_the_named_orgs_answer() -> None:
    assert ask(EITHER, situation()).outcome is Outcome.PASS
    assert ask(EITHER, situation(absent(PRIMARY))).outcome is Outcome.PASS
    assert ask(Reachable((SECONDARY,)), situation(dead(PRIMARY))).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (dead(PRIMARY), "Payments (primary) did not answer (timed out after 10 s)"),
        (denied(PRIMARY), "Payments (primary) denied our keys (403 Forbidden)"),
        (
            garbled(PRIMARY),
            "Payments (primary) answered with something that is not a HAMR record (the body is HTML)",
        ),
    ],
)
def test_reachable_fails_where_a_named_org_does_not_answer(reading: Reading, reason: str) -> None:
    verdict = ask(EITHER, situation(reading))
    assert (verdict.outcome, verdict.reason, verdict.blind) == (Outcome.FAIL, reason, None)


def test_law_09_reachable_never_holds_up_an_emergency_for_its_dead_org() -> None:
    verdict = ask(EITHER, situation(dead(PRIMARY), emergency=SECONDARY))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, PRIMARY)
    survivor_dead = ask(EITHER, situation(secondary=dead(SECONDARY), emergency=SECONDARY))
    assert survivor_dead.outcome is Outcome.FAIL


def test_located_compares_first_labels_with_the_inventory() -> None:
    right = record(SECONDARY, target_datacenter="US1.prod.dog", datacenter="eu1.prod.dog")
    assert ask(Located(), situation(secondary=holds(SECONDARY, right))).outcome is Outcome.PASS


def test_located_fails_where_a_record_names_another_datacenter() -> None:
    moved = record(SECONDARY, target_datacenter="us5.prod.dog")
    verdict = ask(Located(), situation(secondary=holds(SECONDARY, moved)))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == (
        "Payments EU (secondary) places its peer in us5, and the inventory says that Payments (primary) is in us1"
    )
    itself = record(SECONDARY, datacenter="us1.prod.dog")
    verdict = ask(Located(), situation(secondary=holds(SECONDARY, itself)))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == (
        "Payments EU (secondary) places itself in us1, and the inventory says that Payments EU (secondary) is in eu1"
    )


def test_located_is_unknown_where_a_record_or_the_inventory_does_not_say() -> None:
    silent = record(SECONDARY, target_datacenter="")
    verdict = ask(Located(), situation(secondary=holds(SECONDARY, silent)))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, None)
    nowhere = _without_datacenter(PAIR.orgs.primary)
    scene = Situation(
        Pair("payments", Both(nowhere, PAIR.orgs.secondary)),
        Both(shows(PRIMARY, Status.PASSIVE), shows(SECONDARY, Status.PASSIVE)),
        KEYS,
        NOW,
        5000.0,
    )
    verdict = ask(Located(), scene)
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, None)
    assert verdict.reason == "the inventory names no datacenter for Payments (primary)"


def test_located_passes_for_orgs_that_are_yet_to_be_connected() -> None:
    assert ask(Located(), situation(absent(PRIMARY), absent(SECONDARY))).outcome is Outcome.PASS


def test_located_is_blind_where_an_org_was_not_seen() -> None:
    verdict = ask(Located(), situation(denied(PRIMARY)))
    assert (verdict.outcome, verdict.blind) == (Outcome.UNKNOWN, PRIMARY)


def _without_datacenter(org: Org) -> Org:
    return Org(org.role, org.name, org.uuid, org.base_url, "", org.wire, org.api_key, org.app_key)
