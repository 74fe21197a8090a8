"""Law 3, below the floor and in a stranger's second: each thing that is asked of a record before it counts as ours, late or foreign."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from orchestrator.model.floor import Floor
from orchestrator.model.reading import Change, HamrRecord
from orchestrator.model.run import Attempt
from orchestrator.model.status import Role, Status
from orchestrator.situation.state import RunState

from .scenes import knows
from .test_compare import BEFORE_RUN, EU, NOON, ONE, RUN, TWO, WAS_S, P, S, change, sent, shows

ADMIN = "admin@example.com"
ONCE = Attempt(1, S, Status.ACTIVE, f"bob+hamr-{BEFORE_RUN}-1@desk", "declare")
"""Of an earlier run, and given up."""


def copy_of_ours(floor: HamrRecord) -> RunState:
    """The primary was written; the secondary was seen as it had been, and its floor is this one."""
    written = shows(P, Status.FAILOVER, ONE, 1)
    return knows(
        RUN,
        {P: written, S: WAS_S},
        sent=(sent(1, P, Status.FAILOVER, confirmed=True),),
        confirmed={P: (written,)},
        floors={EU: Floor(floor)},
        mirrors=True,
    )


def test_law_03_a_mirror_brings_no_copy_below_what_another_run_has_seen_since() -> None:
    brought, ahead = shows(S, Status.FAILOVER, ONE, 1), shows(S, Status.PASSIVE, ADMIN, 2)
    assert change(brought, copy_of_ours(ahead)).change is Change.STALE
    known = copy_of_ours(ahead)
    known.expected[S] = ahead  # then that region's clock is ahead
    assert change(brought, known).change is Change.ECHO


@pytest.mark.parametrize(
    ("author", "is_confirmed", "number", "change_"),
    [
        (TWO, False, 2, Change.OURS),
        (TWO, True, 2, Change.STALE),  # it was seen, with another time
        (ONE, False, 2, Change.STALE),  # a later one was seen since
    ],
)
def test_law_03_below_a_floor_of_our_own_only_the_newest_write_that_nobody_saw_is_ours(
    author: str, is_confirmed: bool, number: int, change_: Change
) -> None:
    first = shows(S, Status.FAILOVER, ONE, 5)
    known = knows(
        RUN,
        {S: WAS_S},
        sent=(
            sent(1, S, Status.FAILOVER, confirmed=author != ONE),
            sent(number, S, Status.ACTIVE, confirmed=is_confirmed),
        ),
        names=(ADMIN,),
        floors={EU: Floor(first if author != ONE else shows(S, Status.ACTIVE, ADMIN, 5))},
        mirrors=False,
    )
    status = Status.ACTIVE if author == TWO else Status.FAILOVER
    assert change(shows(S, status, author, 1), known).change is change_


@pytest.mark.parametrize(
    ("author", "is_timed", "change_"),
    [
        ("bob@example.com", True, Change.FOREIGN),  # whole seconds are no order
        ("svc", True, Change.STALE),  # our own, which nobody writes twice
        ("bob@example.com", False, Change.STALE),  # a server without times shows again what was seen
    ],
)
def test_law_03_what_was_seen_before_in_the_second_of_somebody_elses_is_theirs_again(
    author: str, is_timed: bool, change_: Change
) -> None:
    before, newest = shows(S, Status.PASSIVE, author), shows(S, Status.ACTIVE, ADMIN)
    if not is_timed:
        before, newest = replace(before, modified_at=None), replace(newest, modified_at=None)
    for floor in (Floor(newest, before=(before,)), Floor(newest)):
        known = knows(RUN, {S: newest}, names=("svc",), earlier={S: (before,)}, floors={EU: floor})
        assert change(before, known).change is change_


@pytest.mark.parametrize(
    ("role", "answer", "author", "seconds", "foreign", "overtaken", "change_"),
    [
        (S, "", "", None, False, False, Change.OURS),
        (P, "", "", None, False, False, Change.ECHO),
        (S, None, "", None, False, False, Change.STALE),  # a lost answer tells nothing
        (S, "svc", "", None, False, False, Change.STALE),
        (S, ONE, ONE, None, False, False, Change.STALE),  # a stamp is used once
        (S, "", "", -7200.0, False, False, Change.STALE),  # its time tells
        (S, "", "", None, True, False, Change.STALE),
        (S, "", "", None, False, True, Change.STALE),
    ],
)
def test_law_03_our_own_2xx_tells_where_a_server_shows_the_same_each_time_round(  # noqa: PLR0917 - what it needs
    role: Role,
    answer: str | None,
    author: str,
    seconds: float | None,
    foreign: bool,
    overtaken: bool,
    change_: Change,
) -> None:
    again = shows(S, Status.FAILOVER, author, seconds or 0.0)
    again = again if seconds is not None else replace(again, modified_at=None)
    stood = replace(shows(S, Status.PASSIVE, ""), modified_at=None if seconds is None else NOON)
    answered = None if answer is None else replace(again, modified_by=answer)
    known = knows(
        RUN,
        {S: stood},
        sent=(replace(sent(2, role, Status.FAILOVER), answered=answered, overtaken=overtaken),),
        floors={EU: Floor(stood, before=(again,), foreign=foreign)},
        mirrors=role is P,
    )
    assert change(again, known).change is change_


@pytest.mark.parametrize(("is_confirmed", "change_"), [(False, Change.STALE), (True, Change.ECHO)])
def test_law_03_a_write_of_an_earlier_process_is_before_a_strangers_unless_it_was_seen(
    is_confirmed: bool, change_: Change
) -> None:
    attempt = replace(sent(1, P, Status.FAILOVER), confirmed=is_confirmed, overtaken=True)
    known = knows(RUN, {S: WAS_S}, sent=(attempt,), mirrors=True, recalled=1)
    assert change(shows(S, Status.FAILOVER, ONE, 1), known).change is change_


def test_law_03_a_status_that_no_lost_write_sent_is_not_late_by_our_name() -> None:
    known = knows(
        RUN,
        {S: shows(S, Status.ACTIVE, "svc", 5)},
        sent=(sent(1, S, Status.FAILOVER), sent(2, S, Status.ACTIVE, confirmed=True)),
        names=("svc",),
        confirmed={S: (shows(S, Status.ACTIVE, "svc", 5),)},
        mirrors=False,
    )
    assert change(shows(S, Status.FAILOVER, "svc", 6), known).change is Change.LATE
    assert change(shows(S, Status.RECOVERY, "svc", 6), known).change is Change.FOREIGN


@pytest.mark.parametrize(
    ("author", "seconds", "earlier", "change_"),
    [
        (ADMIN, 1, (WAS_S,), Change.FOREIGN),
        (ADMIN, 1, (None, WAS_S), Change.FOREIGN),  # it began where there was no record
        (ADMIN, 1, (), Change.STALE),  # when it began nothing was seen
        (ADMIN, -7200, (WAS_S,), Change.STALE),  # from before it began
        ("svc", 1, (WAS_S,), Change.STALE),  # by the name that this server gives us
        (ONCE.stamp, 1, (WAS_S,), Change.STALE),
    ],
)
def test_law_03_on_a_mirror_an_older_time_is_somebody_elses_since_the_run_began_and_nobody_elses(
    author: str, seconds: float, earlier: tuple[HamrRecord | None, ...], change_: Change
) -> None:
    """Two regions' clocks may differ: a time is no proof that it was there before our last write."""
    ours = shows(S, Status.ACTIVE, ONE, 5)
    known = knows(
        RUN,
        {S: ours} if earlier else {S: None},
        sent=(sent(1, S, Status.ACTIVE, confirmed=True),),
        names=("svc",),
        confirmed={S: (ours,)},
        earlier={S: earlier},
        floors={EU: Floor(ours)},
        given_up=[ONCE],
        began=datetime(2026, 11, 22, 12, tzinfo=UTC),
        mirrors=True,
    )
    assert change(shows(S, Status.PASSIVE, author, seconds), known).change is change_
