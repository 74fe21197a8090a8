"""No reading, however odd, makes a guard or the phase table raise."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.model.guard import AllOf, AnyOf, Freeze, Located, Not, Outcome, Quiet, Reachable, Window
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.reading import (
    Absent,
    Denied,
    Exchange,
    HamrRecord,
    Identity,
    Present,
    Reading,
    Sight,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.run import Mode
from orchestrator.model.situation import OpenRun, Owed, Situation
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import View, judge_transition, phase_of
from tests.steps import typed

from .scenes import FAILOVER, NOW, ONBOARDING, PAIR, RUN, UUIDS, with_guards

GUARDED = with_guards(
    settled=Quiet(timedelta(minutes=5)),
    placed=Located(),
    up=Reachable((Role.PRIMARY, Role.SECONDARY)),
    hours=Window(
        "Europe/Berlin", (0, 4, 6), time(22), time(4), (Freeze(date(2026, 12, 20), date(2027, 1, 3)),)
    ),
    everything=AllOf(("settled", "placed", "up", "hours")),
    something=AnyOf(("settled", "neither")),
    neither=Not("everything"),
)
TRANSITION = Transition(
    "declare",
    Status.PASSIVE,
    Status.FAILOVER,
    guards=("settled", "placed", "up", "hours", "everything", "something", "neither"),
)

MOMENTS = st.datetimes(timezones=st.just(UTC))
RECENT = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
STATUSES = st.sampled_from(list(Status))
NAMES = st.one_of(st.text(), st.just(f"bob+hamr-{RUN}-1@laptop"))
UUID = st.one_of(st.sampled_from(list(UUIDS.values())), st.text(max_size=5))

RECORDS = st.builds(
    HamrRecord,
    org_uuid=UUID,
    status=st.integers(-3, 9),
    is_primary=st.sampled_from([True, False, None]),
    modified_by=NAMES,
    modified_at=st.none() | MOMENTS | RECENT,
    target_uuid=UUID,
    target_name=st.text(max_size=5),
    target_datacenter=st.text(max_size=5) | st.just("eu1.prod.dog"),
    datacenter=st.none() | st.text(max_size=5),
)
SIGHTS: st.SearchStrategy[Sight] = st.one_of(
    st.builds(Present, RECORDS, STATUSES),
    st.builds(Unrecognised, RECORDS),
    st.just(Absent()),
    st.builds(Denied, st.text()),
    st.builds(Unreachable, st.text()),
    st.builds(Unreadable, st.text()),
)
EXCHANGES = st.builds(Exchange, server_date=st.none() | MOMENTS | RECENT)


@st.composite
def readings(draw: st.DrawFn) -> Both[Reading]:
    """Both orgs saying anything, at any time."""
    return Both(
        *(Reading(role, draw(SIGHTS), draw(RECENT), draw(st.floats()), draw(EXCHANGES)) for role in Role)
    )


@st.composite
def identities(draw: st.DrawFn) -> Both[Identity]:
    """Keys of any org, or of nobody knows which."""
    return Both(*(Identity(role, draw(st.none() | UUID), draw(st.text())) for role in Role))


@settings(derandomize=True)
@given(
    readings=readings(),
    identities=identities(),
    at=RECENT,
    monotonic=st.floats(),
    mode=st.sampled_from(list(Mode)),
    survivor=st.none() | st.sampled_from(list(Role)),
    names=st.frozensets(NAMES, max_size=2),
    predicted=st.booleans(),
)
def test_guards_never_raise_and_always_give_a_reason(
    *,
    readings: Both[Reading],
    identities: Both[Identity],
    at: datetime,
    monotonic: float,
    mode: Mode,
    survivor: Role | None,
    names: frozenset[str],
    predicted: bool,
) -> None:
    scene = Situation(
        PAIR, readings, identities, at, monotonic, mode, survivor, our_names=names, predicted=predicted
    )
    verdicts = judge_transition(TRANSITION, GUARDED, scene)
    assert [verdict.guard for verdict in verdicts] == ["linked", "fresh", "alone", *TRANSITION.guards]
    for verdict in verdicts:
        assert verdict.reason
        assert verdict.reason.isprintable()
        assert verdict.blind is None or verdict.outcome is Outcome.UNKNOWN


@settings(derandomize=True)
@given(
    readings=readings(),
    identities=identities(),
    playbook=st.sampled_from([FAILOVER, ONBOARDING]),
    owed=st.none() | st.builds(Owed, st.sampled_from(list(Role)), STATUSES, st.just(RUN), st.just(NOW)),
    open_run=st.none()
    | st.builds(
        OpenRun,
        st.just(RUN),
        STATUSES,
        st.none() | STATUSES,
        st.sampled_from(["", "declare", "abort", "connect", "gone"]),
        st.sampled_from(list(Mode)),
    ),
    goal=st.none() | STATUSES,
)
def test_the_phase_never_raises_and_always_has_a_sentence(
    *,
    readings: Both[Reading],
    identities: Both[Identity],
    playbook: Playbook,
    owed: Owed | None,
    open_run: OpenRun | None,
    goal: Status | None,
) -> None:
    found = phase_of(View(PAIR, readings, playbook, owed, open_run, goal), identities)
    assert found.sentence.endswith(".")
    assert found.sentence.isprintable()
    assert typed(found.next_steps)
