"""Whatever a server says, comparing it has an answer, and strangers are never taken for us."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.model.reading import (
    Absent,
    Change,
    Denied,
    HamrRecord,
    Present,
    Reading,
    Sight,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.run import Attempt, Stamp
from orchestrator.model.status import Role, Status
from orchestrator.situation.compare import compare
from orchestrator.situation.state import RunState, Sent

from .scenes import PAIR, knows
from .test_compare import EU, ONE, RUN, THREE, TWO, US

NAMES = st.one_of(
    st.sampled_from(
        [
            ONE,
            TWO,
            THREE,
            "svc@example.com",
            "bob@example.com",
            "",
            f"x+hamr-{RUN}-{'9' * 5000}@y",
            "\x00\ud800",
            "carol+hamr-20261122-031600-zzzz-1@bastion",
        ]
    ),
    st.text(max_size=20),
)
TIMES = st.one_of(
    st.none(),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
)
RECORDS = st.builds(
    HamrRecord,
    org_uuid=st.sampled_from([US, EU, "", "x"]),
    status=st.integers(-5, 9),
    is_primary=st.sampled_from([True, False, None]),
    modified_by=NAMES,
    modified_at=TIMES,
    target_uuid=st.sampled_from([US, EU, "", "x"]),
    target_name=st.text(max_size=5),
    target_datacenter=st.text(max_size=5),
)
HELD = st.one_of(st.none(), RECORDS)
ROLES = st.sampled_from(list(Role))
STATUSES = st.sampled_from([status for status in Status if status is not Status.ABSENT])
SENT = st.builds(
    Sent,
    attempt=st.builds(
        Attempt,
        number=st.integers(1, 3),
        role=ROLES,
        status=STATUSES,
        stamp=st.sampled_from([ONE, TWO, THREE]),
        transition=st.just("declare"),
    ),
    confirmed=st.booleans(),
    answered=HELD,
)
BY_ROLE = st.dictionaries(ROLES, st.lists(RECORDS, max_size=2).map(tuple), max_size=2)
KNOWN = st.builds(
    knows,
    run=st.sampled_from([RUN, ""]),
    expected=st.dictionaries(ROLES, HELD, max_size=2),
    sent=st.lists(SENT, max_size=3).map(tuple),
    names=st.frozensets(NAMES, max_size=2),
    confirmed=BY_ROLE,
    earlier=st.dictionaries(ROLES, st.lists(HELD, max_size=2).map(tuple), max_size=2),
    mirrors=st.sampled_from([True, False, None]),
)


def _sight(record: HamrRecord) -> Sight:
    status = Status.of(record.status)
    return Unrecognised(record) if status is None else Present(record, status)


SIGHTS = st.one_of(
    RECORDS.map(_sight),
    st.sampled_from([Absent(), Denied("403"), Unreachable("503"), Unreadable("HTML")]),
)
READINGS = st.builds(
    Reading, role=ROLES, sight=SIGHTS, at=st.just(datetime(2026, 11, 22, tzinfo=UTC)), monotonic=st.just(1.0)
)


@settings(derandomize=True)
@given(READINGS, KNOWN)
def test_law_03_comparing_never_raises(reading: Reading, known: RunState) -> None:
    found = compare(PAIR, reading, known)
    assert found.change in Change
    assert found.change is Change.SAME or found.reason


@settings(derandomize=True)
@given(RECORDS, KNOWN, ROLES)
def test_law_03_a_status_that_was_never_sent_is_never_ours(
    record: HamrRecord, known: RunState, role: Role
) -> None:
    reading = Reading(role, _sight(record), datetime(2026, 11, 22, tzinfo=UTC), 1.0)
    statuses = {int(sent.attempt.status) for sent in known.sent}
    if compare(PAIR, reading, known).change in (Change.OURS, Change.UNPROVEN, Change.LATE):
        assert record.status in statuses


@settings(derandomize=True)
@given(RECORDS, KNOWN, ROLES)
def test_law_03_another_runs_stamp_is_never_taken_for_ours_or_for_the_latest(
    record: HamrRecord, known: RunState, role: Role
) -> None:
    reading = Reading(role, _sight(record), datetime(2026, 11, 22, tzinfo=UTC), 1.0)
    stamp = Stamp.parse(record.modified_by)
    ours = {sent.attempt.stamp for sent in known.sent} | known.learned()
    if stamp is not None and record.modified_by not in ours:
        assert compare(PAIR, reading, known).change not in (Change.OURS, Change.UNPROVEN, Change.LATE)
