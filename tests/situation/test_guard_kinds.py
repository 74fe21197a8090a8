"""The guard kinds: what each asks of both records, and when a window is open."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.guard import (
    Approved,
    Freeze,
    GuardKind,
    Located,
    Outcome,
    Quiet,
    Reachable,
    Verdict,
    Window,
)
from orchestrator.model.org import Org, Pair
from orchestrator.model.reading import Reading
from orchestrator.model.run import Approval, Attempt
from orchestrator.model.situation import Situation
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import judge
from orchestrator.situation.guard_kinds import Finding, every, fails, passes, reverse, some, unknown, window
from orchestrator.situation.state import Sent

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
    knows,
    record,
    shows,
    situation,
    with_guards,
)

P, F, U = passes("yes"), fails("no"), unknown("who knows")


@pytest.mark.parametrize(
    ("one", "other", "conjunction", "disjunction"),
    [
        (P, P, Outcome.PASS, Outcome.PASS),
        (P, F, Outcome.FAIL, Outcome.PASS),
        (P, U, Outcome.UNKNOWN, Outcome.PASS),
        (F, P, Outcome.FAIL, Outcome.PASS),
        (F, F, Outcome.FAIL, Outcome.FAIL),
        (F, U, Outcome.FAIL, Outcome.UNKNOWN),
        (U, P, Outcome.UNKNOWN, Outcome.PASS),
        (U, F, Outcome.FAIL, Outcome.UNKNOWN),
        (U, U, Outcome.UNKNOWN, Outcome.UNKNOWN),
    ],
)
def test_law_08_all_and_any_follow_kleenes_tables(
    one: Finding, other: Finding, conjunction: Outcome, disjunction: Outcome
) -> None:
    assert every([one, other]).outcome is conjunction
    assert some([one, other]).outcome is disjunction


def test_law_08_the_opposite_of_unknown_is_unknown() -> None:
    assert reverse(P).outcome is Outcome.FAIL
    assert reverse(F).outcome is Outcome.PASS
    assert reverse(U).outcome is Outcome.UNKNOWN


def test_all_of_nothing_passes_and_any_of_nothing_fails() -> None:
    assert every([]).outcome is Outcome.PASS
    assert some([]).outcome is Outcome.FAIL


def test_the_reasons_are_those_that_decided() -> None:
    assert every([passes("a"), fails("b"), unknown("c"), fails("d")]).reason == "b; d"
    assert some([fails("a"), passes("b"), unknown("c")]).reason == "b"


def test_an_unknown_is_blind_only_where_one_unseen_org_is_its_only_cause() -> None:
    blind = unknown("silence", blind=Role.PRIMARY)
    assert every([blind, P]).blind is Role.PRIMARY
    assert every([blind, blind]).blind is Role.PRIMARY
    assert every([blind, U]).blind is None
    assert every([blind, unknown("silence", blind=Role.SECONDARY)]).blind is None
    assert every([blind, F]).blind is None
    assert some([blind, F]).blind is Role.PRIMARY
    assert some([blind, U]).blind is None
    assert some([blind, P]).blind is None
    assert reverse(blind).blind is Role.PRIMARY


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


def test_a_stamp_that_the_server_shows_in_another_case_is_this_runs() -> None:
    stamp = f"Alice+hamr-{RUN}-1@Laptop"
    own = changed(ago(seconds=1), by=stamp.lower())
    assert own.record is not None
    attempt = Attempt(1, Role.SECONDARY, Status.PASSIVE, stamp, "abort")
    state = knows(RUN, {}, [Sent(attempt)], confirmed={Role.SECONDARY: [own.record]})
    assert state.our_names() == {stamp, stamp.lower()}
    assert ask(FIVE_MINUTES, situation(secondary=own, our_names=state.our_names())).outcome is Outcome.PASS


def test_quiet_goes_by_the_servers_clock_and_by_ours_where_it_sends_no_date() -> None:
    held = record(SECONDARY, at=ago(minutes=4))
    ahead = ago(minutes=-2)
    assert ask(FIVE_MINUTES, situation(secondary=holds(SECONDARY, held, date=ahead))).outcome is Outcome.PASS
    assert ask(FIVE_MINUTES, situation(secondary=holds(SECONDARY, held, date=None))).outcome is Outcome.FAIL


def test_quiet_takes_a_change_from_the_future_for_one_that_happened_just_now() -> None:
    verdict = ask(FIVE_MINUTES, situation(secondary=changed(ago(hours=-1))))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == (
        "Payments EU (secondary) was changed just now by alice@example.com "
        "(its record is dated 1 h ahead of its clock); quiet wants 5 min"
    )
    within_the_seconds_of_date = ask(FIVE_MINUTES, situation(secondary=changed(ago(seconds=-1))))
    assert within_the_seconds_of_date.reason == (
        "Payments EU (secondary) was changed just now by alice@example.com; quiet wants 5 min"
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


@pytest.mark.parametrize(
    ("by", "agreed", "reason"),
    [
        (1, {}, "another person must approve exactly this; nobody has yet"),
        (
            1,
            {"bob": 31},
            "another person must approve exactly this; it counts for 30 min, and has lapsed from bob@desk 31 min ago",
        ),
        (2, {"bob": 5}, "2 other people must approve exactly this; 1 of them did; more are wanted"),
        (
            2,
            {"bob": 5, "eve": 40},
            "2 other people must approve exactly this; 1 of them did; it counts for 30 min, and has lapsed from eve@desk 40 min ago",
        ),
    ],
)
def test_of_an_approval_that_came_and_lapsed_it_is_not_said_that_nobody_gave_one(
    by: int, agreed: dict[str, int], reason: str
) -> None:
    """A run that was suspended while it waited finds one that was given in time, and is too old by now."""
    scene = situation()
    given = tuple(Approval(name, "desk", scene.at - timedelta(minutes=ago)) for name, ago in agreed.items())
    verdict = ask(Approved(by=by, within=timedelta(minutes=30)), replace(scene, approvals=given))
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason)


def test_an_approval_that_was_given_by_a_clock_ahead_of_ours_says_so() -> None:
    scene = situation()
    given = (Approval("bob", "desk", scene.at + timedelta(minutes=5)),)
    verdict = ask(Approved(within=timedelta(minutes=30)), replace(scene, approvals=given))
    assert verdict.reason == "approved by bob@desk 5 min ahead of our clock"


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


WORKDAYS = (0, 1, 2, 3, 4)
OFFICE = Window("Europe/Berlin", WORKDAYS, time(9), time(17))
NIGHT = Window("Europe/Berlin", (4,), time(22), time(4))


def at(kind: Window, moment: str) -> Finding:
    return window(kind, datetime.fromisoformat(moment).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("moment", "outcome"),
    [
        ("2026-05-28 06:59:59", Outcome.FAIL),  # Thursday 08:59:59 in Berlin
        ("2026-05-28 07:00:00", Outcome.PASS),
        ("2026-05-28 14:59:59", Outcome.PASS),
        ("2026-05-28 15:00:00", Outcome.FAIL),  # closing time is outside
        ("2026-05-30 10:00:00", Outcome.FAIL),  # Saturday
        ("2026-01-15 07:30:00", Outcome.FAIL),  # winter: 08:30 in Berlin
        ("2026-01-15 08:00:00", Outcome.PASS),
    ],
)
def test_a_window_opens_by_the_clock_on_the_wall_of_its_zone(moment: str, outcome: Outcome) -> None:
    assert at(OFFICE, moment).outcome is outcome


@pytest.mark.parametrize(
    ("moment", "outcome"),
    [
        ("2026-05-29 19:59:00", Outcome.FAIL),  # Friday 21:59
        ("2026-05-29 20:00:00", Outcome.PASS),  # Friday 22:00
        ("2026-05-30 01:59:00", Outcome.PASS),  # Saturday 03:59, still Friday's window
        ("2026-05-30 02:00:00", Outcome.FAIL),  # Saturday 04:00
        ("2026-05-30 20:30:00", Outcome.FAIL),  # Saturday 22:30 has no window
        ("2026-05-29 01:00:00", Outcome.FAIL),  # Friday 03:00 would be Thursday's window
    ],
)
def test_a_window_across_midnight_belongs_to_the_day_on_which_it_opened(
    moment: str, outcome: Outcome
) -> None:
    assert at(NIGHT, moment).outcome is outcome


def test_sundays_night_reaches_into_monday() -> None:
    sunday = Window("UTC", (6,), time(22), time(4))
    assert at(sunday, "2026-06-01 03:00").outcome is Outcome.PASS
    assert at(sunday, "2026-06-02 03:00").outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("moment", "outcome"),
    [
        ("2026-03-29 00:59:00", Outcome.FAIL),  # 01:59, before the clocks go forward from 02:00 to 03:00
        ("2026-03-29 01:00:00", Outcome.PASS),  # 03:00: it opened in the hour that was skipped
        ("2026-03-29 02:00:00", Outcome.FAIL),  # 04:00
        ("2026-10-25 00:15:00", Outcome.FAIL),  # 02:15, summer time
        ("2026-10-25 00:45:00", Outcome.PASS),  # 02:45, summer time
        ("2026-10-25 01:45:00", Outcome.PASS),  # 02:45 again, winter time
        ("2026-10-25 03:00:00", Outcome.FAIL),  # 04:00
    ],
)
def test_the_hours_that_summer_time_skips_or_repeats_are_no_trap(moment: str, outcome: Outcome) -> None:
    assert at(Window("Europe/Berlin", (6,), time(2, 30), time(4)), moment).outcome is outcome


def test_equal_times_are_a_whole_day() -> None:
    saturday = Window("UTC", (5,), time(0), time(0))
    assert at(saturday, "2026-05-30 00:00:00").outcome is Outcome.PASS
    assert at(saturday, "2026-05-30 23:59:59").outcome is Outcome.PASS
    assert at(saturday, "2026-05-31 00:00:00").outcome is Outcome.FAIL


def test_24_00_is_the_end_of_the_day_and_none_of_it_is_missing() -> None:
    evening = Window("UTC", (3,), time(22), time.max)
    last = datetime(2026, 5, 28, 23, 59, 59, 999_999, tzinfo=UTC)
    assert window(evening, last).outcome is Outcome.PASS
    assert window(evening, last).reason.endswith("inside the window (Thu 22:00 to 24:00)")
    assert at(evening, "2026-05-29 00:00").outcome is Outcome.FAIL


def test_a_freeze_holds_for_whole_days_of_the_zone_both_included() -> None:
    frozen = Window(
        "Europe/Berlin", WORKDAYS, time(9), time(17), (Freeze(date(2026, 5, 28), date(2026, 5, 29)),)
    )
    assert at(frozen, "2026-05-27 10:00").outcome is Outcome.PASS
    assert at(frozen, "2026-05-28 10:00").outcome is Outcome.FAIL
    assert at(frozen, "2026-05-29 10:00").outcome is Outcome.FAIL
    assert at(frozen, "2026-06-01 10:00").outcome is Outcome.PASS


def test_a_refusal_says_what_time_it_is_there_and_when_it_opens() -> None:
    assert at(OFFICE, "2026-05-29 20:00").reason == (
        "it is Fri 2026-05-29 22:00 in Europe/Berlin; the window is Mon, Tue, Wed, Thu, Fri 09:00 to 17:00; "
        "it opens Mon 2026-06-01 09:00"
    )
    assert at(OFFICE, "2026-05-28 10:00").reason == (
        "it is Thu 2026-05-28 12:00 in Europe/Berlin, inside the window (Mon, Tue, Wed, Thu, Fri 09:00 to 17:00)"
    )
    frozen = Window("UTC", WORKDAYS, time(9), time(17), (Freeze(date(2026, 5, 28), date(2026, 6, 1)),))
    assert at(frozen, "2026-05-28 10:00").reason == (
        "it is Thu 2026-05-28 10:00 in UTC, and changes are frozen from 2026-05-28 to 2026-06-01; "
        "it opens Tue 2026-06-02 09:00"
    )


def test_a_freeze_that_ends_inside_a_night_opens_at_midnight() -> None:
    thawing = Window("UTC", (4,), time(22), time(4), (Freeze(date(2026, 5, 29), date(2026, 5, 29)),))
    assert at(thawing, "2026-05-29 23:00").reason.endswith("it opens Sat 2026-05-30 00:00")
    assert at(thawing, "2026-05-30 00:00").outcome is Outcome.PASS


def test_a_window_that_never_opens_says_so() -> None:
    never = Window("UTC", WORKDAYS, time(9), time(17), (Freeze(date(2026, 1, 1), date(2030, 1, 1)),))
    assert at(never, "2026-05-28 10:00").reason.endswith("; it does not open within a year")


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd"])
def test_a_zone_that_is_not_known_is_unknown_and_never_a_pass(zone: str) -> None:
    finding = at(Window(zone, WORKDAYS, time(0), time(0)), "2026-05-28 10:00")
    assert finding.outcome is Outcome.UNKNOWN
    assert finding.reason == f"the time zone {zone} is not known on this machine"


def test_the_guard_is_judged_at_the_situations_own_time() -> None:
    playbook = with_guards(office=OFFICE)
    open_at = situation(at=datetime(2026, 5, 28, 10, tzinfo=UTC))
    closed_at = situation(at=datetime(2026, 5, 30, 10, tzinfo=UTC))
    assert judge("office", playbook, open_at).outcome is Outcome.PASS
    assert judge("office", playbook, closed_at).outcome is Outcome.FAIL
