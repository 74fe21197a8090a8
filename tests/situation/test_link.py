"""linked: each org's record and keys are the inventory's, and each names the other."""

from __future__ import annotations

import pytest

from orchestrator.model.reading import HamrRecord, Identity, Reading
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation import Linked, LinkUnknown, NotLinked, judge_link

from .scenes import (
    KEYS,
    NO_KEYS,
    PAIR,
    PRIMARY,
    SECONDARY,
    STRANGER,
    UUIDS,
    absent,
    dead,
    denied,
    garbled,
    holds,
    record,
    shows,
)


def both(secondary: Reading, primary: Reading | None = None) -> Both[Reading]:
    return Both(primary or shows(PRIMARY, Status.PASSIVE), secondary)


def test_two_orgs_that_name_each_other_are_linked() -> None:
    assert judge_link(PAIR, both(shows(SECONDARY, Status.PASSIVE)), KEYS) == Linked()


def test_uuids_are_compared_whatever_their_case() -> None:
    shouting = record(SECONDARY, org_uuid=UUIDS[SECONDARY].upper(), target_uuid=UUIDS[PRIMARY].upper())
    keys = KEYS.with_(SECONDARY, Identity(SECONDARY, UUIDS[SECONDARY].upper()))
    assert judge_link(PAIR, both(holds(SECONDARY, shouting)), keys) == Linked()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (
            record(SECONDARY, org_uuid=STRANGER),
            (
                f"the record of Payments EU (secondary) is that of org {STRANGER}, "
                "and the inventory says 7c9e6679-7425-40de-944b-e07fc1f90ae7"
            ),
        ),
        (
            record(SECONDARY, target_uuid=STRANGER),
            (
                f"Payments EU (secondary) points at org {STRANGER} as its peer, "
                "and Payments (primary) is 550e8400-e29b-41d4-a716-446655440000 in the inventory"
            ),
        ),
        (
            record(SECONDARY, target_uuid=""),
            (
                "Payments EU (secondary) points at org (none) as its peer, "
                "and Payments (primary) is 550e8400-e29b-41d4-a716-446655440000 in the inventory"
            ),
        ),
        (
            record(SECONDARY, is_primary=False),
            "Payments EU (secondary) says that it is the primary, and the inventory says secondary",
        ),
        (
            record(SECONDARY, 9, target_uuid=UUIDS[SECONDARY]),
            (
                "Payments EU (secondary) points at org 7c9e6679-7425-40de-944b-e07fc1f90ae7 as its peer, "
                "and Payments (primary) is 550e8400-e29b-41d4-a716-446655440000 in the inventory"
            ),
        ),
    ],
    ids=["another org's record", "another peer", "no peer", "wrong role", "itself, in an unknown status"],
)
def test_a_record_that_is_not_the_inventorys_is_not_linked(wrong: HamrRecord, reason: str) -> None:
    link = judge_link(PAIR, both(holds(SECONDARY, wrong)), KEYS)
    assert link == NotLinked(reason, SECONDARY)


def test_a_primary_that_says_it_is_the_secondary_is_not_linked() -> None:
    readings = both(shows(SECONDARY, Status.PASSIVE), holds(PRIMARY, record(PRIMARY, is_primary=False)))
    assert judge_link(PAIR, readings, KEYS) == NotLinked(
        "Payments (primary) says that it is the secondary, and the inventory says primary", PRIMARY
    )


@pytest.mark.parametrize("seen", [shows(SECONDARY, Status.PASSIVE), absent(SECONDARY), dead(SECONDARY)])
def test_keys_of_another_org_are_not_linked_whatever_the_record_says(seen: Reading) -> None:
    keys = KEYS.with_(SECONDARY, Identity(SECONDARY, STRANGER))
    assert judge_link(PAIR, both(seen), keys) == NotLinked(
        f"the keys for Payments EU (secondary) belong to org {STRANGER}, "
        "and the inventory says 7c9e6679-7425-40de-944b-e07fc1f90ae7",
        SECONDARY,
    )


def test_a_record_that_does_not_say_whether_it_is_primary_is_unknown() -> None:
    readings = both(holds(SECONDARY, record(SECONDARY, is_primary=None)))
    assert judge_link(PAIR, readings, KEYS) == LinkUnknown(
        "the record of Payments EU (secondary) does not say whether it is the primary", SECONDARY
    )


def test_a_records_own_org_serves_as_identity_where_validate_could_not_tell() -> None:
    assert judge_link(PAIR, both(shows(SECONDARY, Status.PASSIVE)), NO_KEYS) == Linked()


def test_an_absent_org_is_linked_by_its_keys_alone() -> None:
    assert judge_link(PAIR, both(absent(SECONDARY)), KEYS) == Linked()
    assert judge_link(PAIR, both(absent(SECONDARY)), NO_KEYS) == LinkUnknown(
        "Payments EU (secondary) answered a 404, and whose keys these are could not be told (timed out)",
        SECONDARY,
    )


@pytest.mark.parametrize("seen", [dead(SECONDARY), denied(SECONDARY), garbled(SECONDARY)])
def test_an_org_that_was_not_seen_is_unknown(seen: Reading) -> None:
    link = judge_link(PAIR, both(seen), KEYS)
    assert isinstance(link, LinkUnknown)
    assert link.role is SECONDARY


def test_a_wrong_org_is_named_before_one_that_was_not_seen() -> None:
    readings = Both(dead(PRIMARY), holds(SECONDARY, record(SECONDARY, target_uuid=STRANGER)))
    link = judge_link(PAIR, readings, KEYS)
    assert isinstance(link, NotLinked)
    assert link.role is SECONDARY


def test_law_09_in_an_emergency_only_the_survivors_half_is_judged() -> None:
    readings = Both(holds(PRIMARY, record(PRIMARY, target_uuid=STRANGER)), shows(SECONDARY, Status.PASSIVE))
    assert judge_link(PAIR, readings, KEYS, judge=frozenset({SECONDARY})) == Linked()
    assert isinstance(judge_link(PAIR, readings, KEYS, judge=frozenset({Role.PRIMARY})), NotLinked)
