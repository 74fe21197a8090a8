"""A run's flags, and when the incident began: --since."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.cli.requests import at_named, expected, overrides_from, request_from, since_named
from orchestrator.errors import UsageError
from orchestrator.model.run import Mode, RunRequest
from orchestrator.model.status import Status

NOW = datetime(2026, 11, 22, 3, 15, 0, tzinfo=UTC)


def test_flags_become_a_request() -> None:
    request = request_from(
        "payments",
        to="active",
        emergency=True,
        reason="us1 is down",
        overrides=("settled=asked bob",),
        ref="INC-7",
        since="12m",
        now=NOW,
    )
    assert request == RunRequest(
        "payments",
        Status.ACTIVE,
        Mode.EMERGENCY,
        "us1 is down",
        {"settled": "asked bob"},
        "INC-7",
        datetime(2026, 11, 22, 3, 3, tzinfo=UTC),
    )


def test_a_reason_may_hold_an_equals_sign() -> None:
    assert overrides_from(["alone=run=over", "settled = asked bob "]) == {
        "alone": "run=over",
        "settled": "asked bob",
    }


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["settled"], "with an equals sign between them"),
        (["=why"], "with an equals sign between them"),
        (["settled=a", "settled=b"], "stands there twice"),
    ],
)
def test_overrides_name_a_guard_and_a_reason(texts: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        overrides_from(texts)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("03:00", datetime(2026, 11, 22, 3, 0, tzinfo=UTC)),
        ("3:14:30", datetime(2026, 11, 22, 3, 14, 30, tzinfo=UTC)),
        ("23:50", datetime(2026, 11, 21, 23, 50, tzinfo=UTC)),
        ("12m", datetime(2026, 11, 22, 3, 3, tzinfo=UTC)),
        ("12m ago", datetime(2026, 11, 22, 3, 3, tzinfo=UTC)),
        ("1h 30m AGO", datetime(2026, 11, 22, 1, 45, tzinfo=UTC)),
        ("2026-11-22T03:10:00Z", datetime(2026, 11, 22, 3, 10, tzinfo=UTC)),
        ("2026-11-22t03:10:00z", datetime(2026, 11, 22, 3, 10, tzinfo=UTC)),
        ("2026-11-22T04:10:00+01:00", datetime(2026, 11, 22, 3, 10, tzinfo=UTC)),
        ("2026-11-22 03:10+00:00", datetime(2026, 11, 22, 3, 10, tzinfo=UTC)),
    ],
)
def test_times_as_people_write_them(text: str, moment: datetime) -> None:
    assert since_named(text, NOW) == moment


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-22T03:10:00", "the time zone is missing"),
        ("2026-11-22", "the time zone is missing"),
        ("2026-11-22T03:16:00Z", "in the future"),
        ("05:00", "times of day are UTC, and it is 03:15 UTC"),
        ("", "is no time"),
        ("yesterday", "is no time"),
        ("12", "is no time"),
        ("12 parsecs ago", "is no time"),
        ("25:00", "is no time"),
        ("0001-01-01T00:00:00+14:00", "is no time"),
        ("400d", "is no time"),
        ("-5m", "is no time"),
        ("\x00", "is no time"),
    ],
)
def test_what_is_no_time_is_refused_with_the_forms_that_are(text: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        since_named(text, NOW)
    assert words in error.value.message


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("03:16", datetime(2026, 11, 22, 3, 16, tzinfo=UTC)),
        ("03:15", datetime(2026, 11, 23, 3, 15, tzinfo=UTC)),
        ("02:00", datetime(2026, 11, 23, 2, 0, tzinfo=UTC)),
        ("90m", datetime(2026, 11, 22, 4, 45, tzinfo=UTC)),
        ("in 2h", datetime(2026, 11, 22, 5, 15, tzinfo=UTC)),
        ("2026-11-24T03:15:00+02:00", datetime(2026, 11, 24, 1, 15, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 29, 3, 15, tzinfo=UTC)),
    ],
)
def test_a_time_ahead_in_any_of_its_forms(text: str, moment: datetime) -> None:
    assert at_named(text, NOW) == moment


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-22T03:14:59Z", "that is in the past"),
        ("0s", "that is in the past"),
        ("8d", "more than 7 days ahead"),
        ("2026-12-22T03:15:00Z", "more than 7 days ahead"),
        ("2026-11-22T04:00:00", "the time zone is missing"),
        ("12m ago", "is no time"),
        ("tomorrow", "is no time"),
        ("25:00", "is no time"),
    ],
)
def test_what_is_no_time_ahead_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        at_named(text, NOW)


@pytest.mark.parametrize(("at", "text", "flag"), [("2h", None, "--at"), (None, "PASSIVE", "--expect")])
def test_an_emergency_waits_for_nothing_and_expects_nothing(
    at: str | None, text: str | None, flag: str
) -> None:
    with pytest.raises(UsageError, match=f"{flag} is for planned moves"):
        expected(text, emergency=True, at=at)
