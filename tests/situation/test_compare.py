"""Law 3: every kind of change, by records that are written out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.events import WriteConfirmed
from orchestrator.model.floor import Floor
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
from orchestrator.model.run import Attempt
from orchestrator.model.situation import Comparison
from orchestrator.model.status import Role, Status
from orchestrator.situation.compare import compare, describe, not_older
from orchestrator.situation.link import same_link
from orchestrator.situation.state import RunState, Sent

from .scenes import PAIR, UUIDS, knows

P, S = Role.PRIMARY, Role.SECONDARY
US, EU = UUIDS[P], UUIDS[S]
ELSE = "770e8400-e29b-41d4-a716-446655440000"
RUN = "20261122-031502-k3f9"
BEFORE_RUN = "20261121-110000-aaaa"
NOON = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
ONE, TWO, THREE = (f"alice+hamr-{RUN}-{number}@laptop" for number in (1, 2, 3))


def shows(role: Role, status: Status, by: str, seconds: float = 0.0) -> HamrRecord:
    """A record that says so, written that many seconds after noon."""
    own, peer = (US, EU) if role is P else (EU, US)
    return HamrRecord(
        own, int(status), role is P, by, NOON + timedelta(seconds=seconds), peer, "the other", "eu1"
    )


def reading(role: Role, sight: HamrRecord | Sight) -> Reading:
    if isinstance(sight, HamrRecord):
        status = Status.of(sight.status)
        sight = Unrecognised(sight) if status is None else Present(sight, status)
    return Reading(role, sight, NOON, 1000.0)


def sent(
    number: int, role: Role, status: Status, *, confirmed: bool = False, answered_with: str | None = None
) -> Sent:
    stamp = {1: ONE, 2: TWO, 3: THREE}[number]
    answer = None if answered_with is None else replace(shows(role, status, answered_with), modified_at=None)
    return Sent(Attempt(number, role, status, stamp, "declare"), confirmed, answer)


WAS_S = shows(S, Status.PASSIVE, "admin@example.com", -3600)
WAS_P = shows(P, Status.PASSIVE, "admin@example.com", -3600)
SEEN: Mapping[Role, HamrRecord | None] = {P: WAS_P, S: WAS_S}


def change(sight: HamrRecord | Sight, known: RunState, role: Role = S) -> Comparison:
    return compare(PAIR, reading(role, sight), known)


# Nothing to explain


def test_law_03_the_first_reading_is_what_is_there() -> None:
    assert change(WAS_S, knows(RUN, {})).change is Change.SAME


def test_law_03_an_equal_record_is_the_same() -> None:
    assert change(WAS_S, knows(RUN, SEEN)).change is Change.SAME


def test_law_03_a_404_after_a_404_is_the_same() -> None:
    assert change(Absent(), knows(RUN, {S: None})).change is Change.SAME


@pytest.mark.parametrize(
    "sight", [Denied("403"), Unreachable("time-out"), Unreadable("HTML")], ids=["403", "time-out", "html"]
)
def test_law_03_an_org_that_gave_no_record_is_unseen(sight: Sight) -> None:
    assert change(sight, knows(RUN, SEEN)).change is Change.UNSEEN


# Ours


def test_law_03_our_status_under_our_stamp_is_ours() -> None:
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER),))
    found = change(shows(S, Status.FAILOVER, ONE), known)
    assert (found.change, found.attempt) == (Change.OURS, 1)


def test_law_03_an_earlier_attempt_at_the_same_status_is_ours_too() -> None:
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER), sent(2, S, Status.FAILOVER)))
    found = change(shows(S, Status.FAILOVER, ONE), known)
    assert (found.change, found.attempt) == (Change.OURS, 1)


def test_law_03_our_stamp_beside_a_status_that_we_did_not_send_is_foreign() -> None:
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER),))
    assert change(shows(S, Status.ACTIVE, ONE), known).change is Change.FOREIGN


def test_law_03_our_status_under_a_learned_name_is_ours() -> None:
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER),), names=frozenset({"svc@example.com"}))
    assert change(shows(S, Status.FAILOVER, "svc@example.com"), known).change is Change.OURS


def test_law_03_another_status_under_a_learned_name_is_foreign() -> None:
    """Somebody else with the same service account."""
    known = knows(
        RUN, SEEN, sent=(sent(1, S, Status.FAILOVER, confirmed=True),), names=frozenset({"svc@example.com"})
    )
    assert change(shows(S, Status.RECOVERY, "svc@example.com"), known).change is Change.FOREIGN


@pytest.mark.parametrize(("refused", "found"), [(False, Change.UNPROVEN), (True, Change.FOREIGN)])
def test_law_03_of_a_write_that_was_refused_its_own_stamp_is_the_only_sign(
    refused: bool, found: Change
) -> None:
    """An author whom nobody knows, and who was taken for ours before, shows what an earlier attempt had sent."""
    taken = shows(S, Status.ACTIVE, "svc@example.com", 5)
    known = knows(
        RUN,
        {P: WAS_P, S: taken},
        sent=(
            replace(sent(1, S, Status.FAILOVER), refused=refused),
            sent(2, S, Status.ACTIVE, confirmed=True),
        ),
        confirmed={S: (taken,)},
        mirrors=False,
    )
    assert change(shows(S, Status.FAILOVER, "svc@example.com", 9), known).change is found


def test_law_03_a_strangers_name_is_not_ours_though_an_answer_of_ours_showed_it() -> None:
    """Whoever has written over us once under a name, does so again under it."""
    answered = (sent(1, S, Status.FAILOVER, answered_with="svc@example.com"),)
    shown = shows(S, Status.FAILOVER, "svc@example.com")
    assert change(shown, knows(RUN, SEEN, sent=answered)).change is Change.OURS
    known = knows(RUN, SEEN, sent=answered, strangers={"svc@example.com"})
    assert change(shown, known).change is Change.FOREIGN


def test_law_03_a_name_that_nobody_learned_is_foreign_where_stamps_are_kept() -> None:
    confirmed = shows(P, Status.FAILOVER, ONE)
    known = knows(
        RUN,
        SEEN,
        sent=(sent(1, P, Status.FAILOVER, confirmed=True), sent(2, S, Status.FAILOVER)),
        confirmed={P: (confirmed,)},
        mirrors=False,
    )
    assert change(shows(S, Status.FAILOVER, "svc@example.com", 5), known).change is Change.FOREIGN


@pytest.mark.parametrize(
    ("mirrors", "recalled", "found"),
    [
        (True, 1, Change.STALE),
        (None, 1, Change.STALE),
        (False, 1, Change.OURS),
        (True, 0, Change.OURS),
    ],
    ids=["two clocks", "perhaps two clocks", "one clock", "sent by this process"],
)
def test_law_03_a_write_from_before_a_stranger_was_seen_is_read_again(
    mirrors: bool | None, recalled: int, found: Change
) -> None:
    """On a mirroring pair a stranger's time may be older than ours though they came last, and a replica may lag."""
    attempt = replace(sent(1, S, Status.FAILOVER), overtaken=True)
    known = knows(RUN, SEEN, sent=(attempt,), mirrors=mirrors, recalled=recalled)
    assert change(shows(S, Status.FAILOVER, ONE, 5), known).change is found


# Unproven


def test_law_03_our_status_under_another_name_is_unproven_after_a_lost_answer() -> None:
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER),))
    found = change(shows(S, Status.FAILOVER, "svc@example.com"), known)
    assert (found.change, found.attempt) == (Change.UNPROVEN, 1)


def test_law_03_it_is_foreign_once_somebody_else_has_written_since() -> None:
    overtaken = replace(sent(1, S, Status.FAILOVER), overtaken=True)
    known = knows(RUN, SEEN, sent=(overtaken,))
    assert change(shows(S, Status.FAILOVER, "svc@example.com"), known).change is Change.FOREIGN


def test_law_03_it_is_foreign_where_this_org_has_told_how_it_names_us() -> None:
    known = knows(
        RUN,
        SEEN,
        sent=(sent(1, S, Status.FAILOVER, answered_with="svc@example.com"),),
        names=frozenset({"svc@example.com"}),
    )
    assert change(shows(S, Status.FAILOVER, "bob@example.com"), known).change is Change.FOREIGN


def test_law_03_it_is_unproven_where_only_the_other_org_has_told_how_it_names_us() -> None:
    """Each org has its own keys, and so perhaps its own name for us."""
    known = knows(
        RUN,
        SEEN,
        sent=(
            sent(1, P, Status.FAILOVER, confirmed=True, answered_with="svc-us@example.com"),
            sent(2, S, Status.FAILOVER),
        ),
        names=frozenset({"svc-us@example.com"}),
        mirrors=False,
    )
    assert change(shows(S, Status.FAILOVER, "svc-eu@example.com"), known).change is Change.UNPROVEN


def test_law_03_it_is_foreign_under_the_name_of_whoever_made_a_foreign_change_before() -> None:
    """A write of ours that came after that change was lost; it may as well be the stranger's next one."""
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER),), strangers={"terraform"})
    assert change(shows(S, Status.FAILOVER, "terraform", 5), known).change is Change.FOREIGN
    assert change(shows(S, Status.FAILOVER, "somebody", 5), known).change is Change.UNPROVEN


def test_law_03_it_is_foreign_under_another_runs_stamp() -> None:
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER),))
    other = "carol+hamr-20261122-031600-zzzz-1@bastion"
    assert change(shows(S, Status.FAILOVER, other), known).change is Change.FOREIGN


def test_law_03_it_is_foreign_where_nothing_of_ours_is_outstanding() -> None:
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER, confirmed=True),))
    assert change(shows(S, Status.FAILOVER, "svc@example.com"), known).change is Change.FOREIGN


@pytest.mark.parametrize(("by", "found"), [("", Change.UNPROVEN), ("svc@example.com", Change.FOREIGN)])
def test_law_03_an_attempt_that_was_given_up_may_follow_the_unproven_one_under_its_name(
    by: str, found: Change
) -> None:
    taken = shows(S, Status.FAILOVER, "", 5)
    known = knows(
        RUN,
        {**SEEN, S: taken},
        sent=(sent(1, S, Status.FAILOVER), sent(2, S, Status.FAILOVER, confirmed=True)),
        confirmed={S: (taken,)},
    )
    assert change(shows(S, Status.FAILOVER, by, 6), known).change is found
    assert change(shows(S, Status.ACTIVE, by, 6), known).change is Change.FOREIGN
    seen_by_nobody = replace(known, confirmed={P: [], S: []})
    assert change(shows(S, Status.FAILOVER, by, 6), seen_by_nobody).change is Change.FOREIGN


def test_law_03_it_is_foreign_with_a_time_before_what_was_there() -> None:
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER),))
    assert change(shows(S, Status.FAILOVER, "svc@example.com", -7200), known).change is Change.FOREIGN


def test_law_03_it_is_foreign_with_another_status() -> None:
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER),))
    assert change(shows(S, Status.ACTIVE, "svc@example.com"), known).change is Change.FOREIGN


# Echo


def test_law_03_an_exact_copy_of_a_confirmed_write_on_the_other_org_is_an_echo() -> None:
    told = shows(S, Status.FAILOVER, "svc@example.com", 1)
    known = knows(
        RUN, {**SEEN, S: told}, sent=(sent(1, S, Status.FAILOVER, confirmed=True),), confirmed={S: (told,)}
    )
    assert change(shows(P, Status.FAILOVER, "svc@example.com", 1), known, P).change is Change.ECHO


@pytest.mark.parametrize(("mirrors", "found"), [(False, Change.OURS), (True, Change.ECHO)])
def test_law_03_where_nothing_mirrors_a_write_that_looks_like_the_other_orgs_is_ours(
    mirrors: bool, found: Change
) -> None:
    told = replace(shows(S, Status.FAILOVER, ""), modified_at=None)
    known = knows(
        RUN,
        {**SEEN, S: told},
        sent=(sent(1, S, Status.FAILOVER, confirmed=True, answered_with=""), sent(2, P, Status.FAILOVER)),
        names=frozenset({""}),
        confirmed={S: (told,)},
        mirrors=mirrors,
    )
    record = replace(shows(P, Status.FAILOVER, ""), modified_at=None)
    assert change(record, known, P).change is found


def test_law_03_our_stamp_of_a_write_to_the_other_org_is_an_echo() -> None:
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER),), mirrors=True)
    assert change(shows(P, Status.FAILOVER, ONE, 1), known, P).change is Change.ECHO


@pytest.mark.parametrize(
    ("status", "by", "seconds"),
    [
        (Status.ACTIVE, "svc@example.com", 1),
        (Status.FAILOVER, "bob@example.com", 1),
        (Status.FAILOVER, "svc@example.com", 2),
    ],
    ids=["another status", "another name", "another time"],
)
def test_law_03_what_is_no_exact_copy_is_no_echo(status: Status, by: str, seconds: float) -> None:
    told = shows(S, Status.FAILOVER, "svc@example.com", 1)
    known = knows(
        RUN,
        {**SEEN, S: told},
        sent=(sent(1, S, Status.FAILOVER, confirmed=True),),
        confirmed={S: (told,)},
        mirrors=False,
    )
    assert change(shows(P, status, by, seconds), known, P).change is Change.FOREIGN


# Stale


def test_law_03_an_earlier_reading_again_is_stale() -> None:
    told = shows(S, Status.FAILOVER, ONE)
    known = knows(RUN, {S: told}, sent=(sent(1, S, Status.FAILOVER, confirmed=True),), earlier={S: (WAS_S,)})
    assert change(WAS_S, known).change is Change.STALE


def test_law_03_a_404_again_after_the_first_write_is_stale() -> None:
    told = shows(S, Status.ONBOARDING, ONE)
    known = knows(RUN, {S: told}, earlier={S: (None,)})
    assert change(Absent(), known).change is Change.STALE


def test_law_03_a_404_where_there_was_a_record_is_an_old_answer_since_nothing_removes_one() -> None:
    found = change(Absent(), knows(RUN, SEEN))
    assert found.change is Change.STALE
    assert "answers 404, though this journal has seen PASSIVE" in found.reason


def test_law_03_the_status_of_an_earlier_reading_with_a_new_time_is_not_stale() -> None:
    told = shows(S, Status.FAILOVER, ONE)
    known = knows(RUN, {S: told}, sent=(sent(1, S, Status.FAILOVER, confirmed=True),), earlier={S: (WAS_S,)})
    assert change(replace(WAS_S, modified_at=NOON), known).change is Change.FOREIGN


# Late


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [(ONE, TWO, ()), ("svc@example.com", "svc@example.com", ("svc@example.com",))],
)
def test_law_03_an_earlier_attempt_over_a_later_one_is_late_under_a_learned_name_as_well(
    first: str, second: str, names: tuple[str, ...]
) -> None:
    told = shows(S, Status.ACTIVE, second, 5)
    known = knows(
        RUN,
        {S: told},
        sent=(sent(1, S, Status.FAILOVER), sent(2, S, Status.ACTIVE, confirmed=True)),
        names=frozenset(names),
        confirmed={S: (told,)},
    )
    found = change(shows(S, Status.FAILOVER, first, 6), known)
    assert (found.change, found.attempt) == (Change.LATE, 1)


def test_law_03_it_is_ours_though_refused_under_a_learned_name_as_well() -> None:
    told = shows(S, Status.FAILOVER, "svc@example.com", 5)
    known = knows(
        RUN,
        {S: told},
        sent=(sent(1, S, Status.FAILOVER, confirmed=True), replace(sent(2, S, Status.ACTIVE), refused=True)),
        names=frozenset({"svc@example.com"}),
        confirmed={S: (told,)},
    )
    found = change(shows(S, Status.ACTIVE, "svc@example.com", 6), known)
    assert (found.change, found.attempt) == (Change.REFUSED, 2)


def test_law_03_a_mirrors_copy_of_what_the_other_org_was_told_before_is_late_and_no_echo() -> None:
    first, second = shows(S, Status.FAILOVER, "svc", 1), shows(S, Status.ACTIVE, "svc", 5)
    known = knows(
        RUN,
        {**SEEN, S: second},
        sent=(sent(1, S, Status.FAILOVER, confirmed=True), sent(2, S, Status.ACTIVE, confirmed=True)),
        confirmed={S: (first, second)},
        mirrors=True,
    )
    assert change(shows(P, Status.FAILOVER, "svc", 1), known, P).change is Change.LATE
    assert change(shows(P, Status.ACTIVE, "svc", 5), known, P).change is Change.ECHO


def test_law_03_an_older_copy_of_the_other_org_lags_where_a_newer_one_was_seen() -> None:
    first, second = shows(S, Status.FAILOVER, ONE, 1), shows(S, Status.ACTIVE, TWO, 5)
    seen = shows(P, Status.ACTIVE, TWO, 5)
    known = knows(
        RUN,
        {P: seen, S: second},
        sent=(sent(1, S, Status.FAILOVER, confirmed=True), sent(2, S, Status.ACTIVE, confirmed=True)),
        confirmed={S: (first, second)},
        floors={US: Floor(seen)},
        mirrors=True,
    )
    assert change(shows(P, Status.FAILOVER, ONE, 1), known, P).change is Change.STALE


@pytest.mark.parametrize(
    ("first", "second", "mirrors"), [(ONE, TWO, None), (ONE, TWO, False), ("svc", "svc", False)]
)
def test_law_03_an_earlier_write_of_this_very_org_lags_though_only_its_copy_on_the_other_org_was_seen(
    first: str, second: str, mirrors: bool | None
) -> None:
    seen, brought = shows(P, Status.ACTIVE, second, 5), shows(S, Status.FAILOVER, first, 1)
    known = knows(
        RUN,
        {P: seen, S: brought},
        sent=(sent(1, P, Status.FAILOVER, confirmed=True), sent(2, P, Status.ACTIVE, confirmed=True)),
        confirmed={P: (seen,), S: (brought,)},
        floors={US: Floor(seen)},
        mirrors=mirrors,
    )
    assert change(shows(P, Status.FAILOVER, first, 1), known, P).change is Change.STALE


@pytest.mark.parametrize(
    ("mirrors", "change_"), [(True, Change.SAME), (None, Change.SAME), (False, Change.FOREIGN)]
)
def test_law_03_what_the_other_org_showed_from_the_beginning_is_nobodys_change_where_a_mirror_brings_it(
    mirrors: bool | None, change_: Change
) -> None:
    """An earlier run's write of the secondary, which its mirror had not brought when this run began."""
    before, told = (
        shows(S, Status.PASSIVE, f"bob+hamr-{BEFORE_RUN}-1@desk", -1),
        shows(S, Status.FAILOVER, ONE),
    )
    known = knows(RUN, {**SEEN, S: before}, mirrors=mirrors)
    brought = shows(P, Status.PASSIVE, f"bob+hamr-{BEFORE_RUN}-1@desk", -1)
    assert change(brought, known, P).change is Change.FOREIGN  # it may have been read since
    known.base[S] = before
    assert change(brought, known, P).change is change_
    known.apply(WriteConfirmed(S, Status.FAILOVER, told, Change.OURS, 1))
    assert change(brought, known, P).change is change_
    known.apply(WriteConfirmed(P, Status.FAILOVER, shows(P, Status.FAILOVER, TWO, -2), Change.OURS, 2))
    assert change(brought, known, P).change is Change.FOREIGN  # over ours it is no news that comes late


@pytest.mark.parametrize(("mirrors", "change_"), [(True, Change.LATE), (False, Change.FOREIGN)])
def test_law_03_it_is_late_where_a_mirror_brings_it_too(mirrors: bool, change_: Change) -> None:
    told = shows(S, Status.ACTIVE, "svc@example.com", 5)
    known = knows(
        RUN,
        {S: told},
        sent=(sent(1, P, Status.FAILOVER), sent(2, S, Status.ACTIVE, confirmed=True)),
        names=frozenset({"svc@example.com"}),
        confirmed={S: (told,)},
        mirrors=mirrors,
    )
    assert change(shows(S, Status.FAILOVER, "svc@example.com", 6), known).change is change_


# Reverted


def test_law_03_a_record_with_an_older_runs_stamp_on_a_mirroring_pair_is_reverted() -> None:
    told = shows(S, Status.FAILOVER, ONE)
    known = knows(RUN, {S: told}, sent=(sent(1, S, Status.FAILOVER, confirmed=True),), mirrors=True)
    old = shows(S, Status.PASSIVE, f"bob+hamr-{BEFORE_RUN}-4@desk", -86400)
    assert change(old, known).change is Change.REVERTED


def test_law_03_a_copy_of_what_the_other_org_still_shows_is_reverted_where_it_mirrors() -> None:
    told = shows(S, Status.FAILOVER, ONE)
    stays = shows(P, Status.PASSIVE, "carol@example.com", -60)
    known = knows(RUN, {P: stays, S: told}, sent=(sent(1, S, Status.FAILOVER, confirmed=True),), mirrors=True)
    assert change(shows(S, Status.PASSIVE, "carol@example.com", -60), known).change is Change.REVERTED


def test_law_03_a_copy_of_what_was_written_to_the_other_org_during_the_run_is_foreign() -> None:
    """Somebody wrote to the org that was dark, and the mirror carried that over ours when it came back."""
    first, told = shows(S, Status.FAILOVER, ONE), shows(S, Status.ACTIVE, TWO, 10)
    meanwhile = shows(P, Status.RECOVERY, "terraform", 3)
    known = knows(
        RUN,
        {P: meanwhile, S: told},
        sent=(sent(1, S, Status.FAILOVER, confirmed=True), sent(2, S, Status.ACTIVE, confirmed=True)),
        confirmed={S: (first, told)},
        mirrors=True,
    )
    assert change(shows(S, Status.RECOVERY, "terraform", 3), known).change is Change.FOREIGN


def test_law_03_what_somebody_wrote_after_the_run_began_is_foreign_though_it_is_older_than_ours() -> None:
    """The first write was intended at noon, its process died, and the second one was made a minute later."""
    told, meanwhile = shows(S, Status.FAILOVER, TWO, 60), shows(P, Status.PASSIVE, "terraform", 30)
    known = knows(
        RUN,
        {P: meanwhile, S: told},
        sent=(sent(1, S, Status.FAILOVER), sent(2, S, Status.FAILOVER, confirmed=True)),
        confirmed={S: (told,)},
        mirrors=True,
        began=NOON.replace(microsecond=0),
    )
    assert change(shows(S, Status.PASSIVE, "terraform", 30), known).change is Change.FOREIGN
    at_once = replace(known, intent_dates={})
    assert change(shows(S, Status.PASSIVE, "terraform", 30), at_once).change is Change.REVERTED


@pytest.mark.parametrize("mirrors", [False, None])
def test_law_03_nothing_is_reverted_where_the_pair_is_not_known_to_mirror(mirrors: bool | None) -> None:
    told = shows(S, Status.FAILOVER, ONE)
    known = knows(RUN, {S: told}, sent=(sent(1, S, Status.FAILOVER, confirmed=True),), mirrors=mirrors)
    old = shows(S, Status.PASSIVE, f"bob+hamr-{BEFORE_RUN}-4@desk", -86400)
    assert change(old, known).change is Change.FOREIGN


def test_law_03_a_newer_runs_stamp_is_foreign_even_where_it_mirrors() -> None:
    told = shows(S, Status.FAILOVER, ONE)
    known = knows(RUN, {S: told}, sent=(sent(1, S, Status.FAILOVER, confirmed=True),), mirrors=True)
    new = shows(S, Status.PASSIVE, "bob+hamr-20261122-040000-zzzz-1@desk", 60)
    assert change(new, known).change is Change.FOREIGN


# Mislinked


@pytest.mark.parametrize(
    "wrong",
    [{"org_uuid": ELSE}, {"target_uuid": ELSE}, {"is_primary": True}, {"is_primary": None}],
    ids=["org", "target", "role", "no role"],
)
def test_law_03_our_stamp_does_not_excuse_another_link(wrong: dict[str, object]) -> None:
    known = knows(RUN, SEEN, sent=(sent(1, S, Status.FAILOVER),))
    record = replace(shows(S, Status.FAILOVER, ONE), **wrong)
    assert change(record, known).change is Change.MISLINKED


def test_a_uuid_in_capitals_is_the_same_org() -> None:
    record = replace(WAS_S, org_uuid=EU.upper(), target_uuid=US.upper())
    assert same_link(PAIR, S, record)


# Foreign


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.PASSIVE], ids=["another", "same"])
def test_law_03_a_stranger_is_named_with_time_and_status(status: Status) -> None:
    found = change(shows(S, status, "bob@example.com"), knows(RUN, SEEN))
    assert found.change is Change.FOREIGN
    assert f"{status} by bob@example.com at 2026-11-22 12:00:00 UTC" in found.reason
    assert "Payments EU" in found.reason


def test_law_03_an_attempt_of_this_run_that_its_journal_lost_is_told_from_a_strangers_write() -> None:
    found = change(shows(S, Status.FAILOVER, TWO), knows(RUN, SEEN, sent=(sent(1, P, Status.FAILOVER),)))
    assert found.change is Change.FOREIGN
    assert found.reason == (
        "Payments EU (secondary) carries attempt 2 of this very run, of which its journal knows nothing: it lost records, "
        "or somebody else repeats the stamp: FAILOVER by alice@laptop in run 20261122-031502-k3f9 at 2026-11-22 12:00:00 UTC"
    )


def test_law_03_the_same_status_by_the_same_person_at_another_time_is_a_change() -> None:
    found = change(replace(WAS_S, modified_at=NOON), knows(RUN, SEEN))
    assert found.change is Change.FOREIGN


def test_law_03_an_unrecognised_status_is_foreign_and_said_in_words() -> None:
    found = change(replace(WAS_S, status=9, modified_at=NOON), knows(RUN, SEEN))
    assert found.change is Change.FOREIGN
    assert "unrecognised status 9" in found.reason


# Whole seconds


def test_law_03_times_in_whole_seconds_still_tell_a_stranger_by_name_or_status() -> None:
    whole = NOON.replace(microsecond=0)
    was = replace(WAS_S, modified_at=whole)
    known = knows(RUN, {S: was})
    assert change(replace(was, modified_by="bob@example.com"), known).change is Change.FOREIGN
    assert change(replace(was, status=4), known).change is Change.FOREIGN
    assert change(was, known).change is Change.SAME


def test_law_04_a_time_in_the_same_whole_second_is_not_older() -> None:
    whole = NOON.replace(microsecond=0)
    assert not_older(replace(WAS_S, modified_at=whole), replace(WAS_S, modified_at=whole))


def test_law_04_a_record_without_a_time_is_not_older() -> None:
    assert not_older(replace(WAS_S, modified_at=None), WAS_S)
    assert not_older(WAS_S, None)


def test_law_04_an_earlier_time_is_older() -> None:
    assert not not_older(WAS_S, replace(WAS_S, modified_at=NOON))


def test_a_record_without_a_name_or_time_is_described_in_words() -> None:
    assert (
        describe(replace(WAS_S, modified_by="", modified_at=None))
        == "PASSIVE by somebody whom the record does not name at an unknown time"
    )
