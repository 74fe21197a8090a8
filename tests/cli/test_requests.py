"""A run's flags."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.cli.requests import overrides_from, request_from
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
