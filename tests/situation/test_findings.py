"""Three-valued logic: Kleene's tables, and who is to blame for an unknown."""

from __future__ import annotations

import pytest

from orchestrator.model.guard import Outcome
from orchestrator.model.status import Role
from orchestrator.situation.findings import Finding, every, fails, passes, reverse, some, unknown

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
