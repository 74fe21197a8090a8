"""window: change windows and freezes, across midnight and across summer time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from orchestrator.model.guard import Freeze, Outcome, Window
from orchestrator.situation import judge
from orchestrator.situation.findings import Finding
from orchestrator.situation.guard_kinds import window

from .scenes import situation, with_guards

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
