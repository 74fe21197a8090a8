"""Law 11: the pair as it would stand after each write has a name that leads on."""

from __future__ import annotations

import pytest

from orchestrator.model.playbook import Advances, Playbook, Transition
from orchestrator.model.status import Both, Role, Status
from orchestrator.situation.answered import prefix_trouble

from .scenes import PAIR

P, S = Role.PRIMARY, Role.SECONDARY
PASSIVE, FAILOVER, ACTIVE, RECOVERY = Status.PASSIVE, Status.FAILOVER, Status.ACTIVE, Status.RECOVERY
DECLARE = Transition("declare", PASSIVE, FAILOVER)
ACTIVATE = Transition("activate", FAILOVER, ACTIVE, advances=Advances.SERVER)
PLAYBOOK = Playbook("p", (DECLARE, ACTIVATE), (PASSIVE, ACTIVE))


def trouble(
    primary: Status | None, secondary: Status | None, role: Role, unseen: Role | None = None
) -> str | None:
    return prefix_trouble(PAIR, PLAYBOOK, DECLARE, Both(primary, secondary), role, unseen=unseen)


@pytest.mark.parametrize(
    ("primary", "secondary"),
    [(PASSIVE, PASSIVE), (PASSIVE, FAILOVER), (FAILOVER, PASSIVE)],
)
@pytest.mark.parametrize("role", [P, S])
def test_law_11_agreed_or_midway_after_the_write_is_safe(
    primary: Status, secondary: Status, role: Role
) -> None:
    assert trouble(primary, secondary, role) is None


def test_law_11_an_org_that_the_server_moved_on_already_does_not_forbid_to_write_the_other() -> None:
    assert trouble(ACTIVE, PASSIVE, S) is None
    assert trouble(PASSIVE, ACTIVE, P) is None


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (RECOVERY, "RECOVERY"),
        (Status.ABSENT, "ABSENT"),
        (Status.UNSPECIFIED, "UNSPECIFIED"),
        (None, "a status that was not seen"),
    ],
)
def test_law_11_an_org_that_the_transition_does_not_explain_forbids_the_write(
    other: Status | None, words: str
) -> None:
    found = trouble(other, PASSIVE, S)
    assert found is not None
    assert "diverged" in found
    assert f"would leave Payments (primary) at {words}," in found


@pytest.mark.parametrize("own", [RECOVERY, ACTIVE, Status.ABSENT, Status.UNSPECIFIED, None])
def test_law_11_a_status_that_the_transition_does_not_lead_on_from_is_never_written_over(
    own: Status | None,
) -> None:
    found = trouble(PASSIVE, own, S)
    assert found is not None
    assert "write over" in found


@pytest.mark.parametrize("other", [RECOVERY, None, PASSIVE])
def test_law_11_the_dead_org_of_an_emergency_is_behind_whatever_it_shows(other: Status | None) -> None:
    assert trouble(other, PASSIVE, S, unseen=P) is None
