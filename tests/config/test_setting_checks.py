"""Settings whose bounds depend on each other."""

from __future__ import annotations

import pytest

from .texts import PLAYBOOK, said_of_playbook


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("confirm: {within: 1s, every: 2s}", "2:30: looking every 2s cannot confirm a write within 1s"),
        ("confirm: {within: 500ms}", "2:19: looking every 1s (1s where it is left out) cannot confirm a write within 500ms"),
        ("confirm: {every: 2m}", "2:18: looking every 2m cannot confirm a write within 1m"),
        ("confirm: {within: 0s}", "2:19: 0s is out of bounds: between 1ms and 1h"),
        ("timeouts: {read: 30s}", "2:18: read (30s) is longer than the total of 20s, which is what it is when left out: set total too"),
        ("timeouts: {total: 5s}", "2:19: read (10s) is longer than the total of 5s"),
        ("timeouts: {connect: 9s, read: 1s, total: 5s}", "2:21: connect (9s) is longer than the total of 5s"),
        ("timeouts: {connect: 0s}", "2:21: 0s is out of bounds: between 10ms and 5m"),
        ("objectives: {FAILOVER: 5m}", "2:14: FAILOVER is no stop, so no run has it as its goal (stops: PASSIVE and ACTIVE)"),
        ("objectives: {ACTIVE: 0s}", "2:22: 0s is out of bounds: between 1ms and 365d"),
    ],
)  # fmt: skip
def test_a_setting_that_contradicts_another_is_refused(line: str, expected: str) -> None:
    assert said_of_playbook(PLAYBOOK.replace("schema: 1", f"schema: 1\n{line}")) == [expected]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ('from: "09:00", until: "09:00"', "6:47: the window opens and closes at 09:00: leave both out for the whole day"),
        ("days: [mon, tue, mon]", "6:42: mon stands twice among the days"),
        ("freezes: [{from: 2027-01-02, until: 2026-12-20}]", "6:61: this freeze ends (2026-12-20) before it begins (2027-01-02)"),
    ],
)  # fmt: skip
def test_a_window_that_never_or_doubly_opens_is_refused(window: str, expected: str) -> None:
    text = PLAYBOOK.replace("quiet: {for: 5m}", f"window: {{zone: UTC, {window}}}")
    assert said_of_playbook(text) == [expected]


def test_a_window_may_span_midnight_and_a_freeze_last_a_day() -> None:
    window = (
        'window: {zone: UTC, from: "22:00", until: "04:00", freezes: [{from: 2026-12-24, until: 2026-12-24}]}'
    )
    assert said_of_playbook(PLAYBOOK.replace("quiet: {for: 5m}", window)) == []
