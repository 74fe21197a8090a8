"""How long a server asks us to wait."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.datadog import retry_after
from orchestrator.datadog.answers import http_date

NOW = datetime(2026, 11, 22, 3, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"X-RateLimit-Reset": "7"}, 7.0),
        ({"x-ratelimit-reset": " 7.5 "}, 7.5),
        ({"X-RATELIMIT-RESET": "0"}, 0.0),
        ({"Retry-After": "12"}, 12.0),
        ({"retry-after": "Sun, 22 Nov 2026 03:15:30 GMT"}, 30.0),
        ({"Retry-After": "Sun, 22 Nov 2026 03:14:30 GMT"}, 0.0),
        ({"X-RateLimit-Reset": "7", "Retry-After": "12"}, 12.0),
        ({"X-RateLimit-Reset": "9", "Retry-After": "soon"}, 9.0),
        ({"X-RateLimit-Reset": "99999999999"}, 3600.0),
        ({"X-RateLimit-Reset": "-3"}, None),
        ({"X-RateLimit-Reset": "nan"}, None),
        ({"X-RateLimit-Reset": "inf"}, None),
        ({"X-RateLimit-Reset": "1e9"}, None),
        ({"X-RateLimit-Reset": "\u0667"}, None),
        ({"X-RateLimit-Reset": ""}, None),
        ({"X-RateLimit-Reset": "1795317307"}, 7.0),
        ({"X-RateLimit-Reset": "1795317307000"}, 7.0),
        ({"Retry-After": "1795317307.5"}, 7.5),
        ({"Retry-After": "1795317290"}, 0.0),
        ({"X-RateLimit-Reset": "1795317307", "Date": "Sun, 22 Nov 2026 03:15:05 GMT"}, 2.0),
        ({"Retry-After": "Sun, 22 Nov 2026 03:15:30 GMT", "Date": "Sun, 22 Nov 2026 03:15:20 GMT"}, 10.0),
        ({"X-RateLimit-Reset": "7", "Date": "Sun, 22 Nov 2026 01:00:00 GMT"}, 7.0),
        ({"X-RateLimit-Reset": "2026-11-22T03:15:02Z"}, 2.0),
        ({"X-RateLimit-Reset": "2026-11-22T04:15:02.5+01:00"}, 2.5),
        ({"Retry-After": "2026-11-22 03:15:02"}, 2.0),
        ({"X-RateLimit-Reset": "2026-11-40T03:15:02Z"}, None),
        ({"X-RateLimit-Reset": "1, 2"}, 2.0),
        ({"X-RateLimit-Reset": "soon, 2"}, 2.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"X-RateLimit-Limit": "100", "X-RateLimit-Period": "60"}, None),
    ],
)
def test_the_wait_is_what_the_server_said(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after(headers, NOW) == expected


@given(st.text())
def test_no_header_is_too_strange(text: str) -> None:
    wait = retry_after({"X-RateLimit-Reset": text, "Retry-After": text}, NOW)
    assert wait is None or 0.0 <= wait <= 3600.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 22 Nov 2026 03:15:30 GMT", datetime(2026, 11, 22, 3, 15, 30, tzinfo=UTC)),
        ("Sun, 22 Nov 2026 03:15:30 -0000", datetime(2026, 11, 22, 3, 15, 30, tzinfo=UTC)),
        ("Sun, 22 Nov 2026 04:15:30 +0100", datetime(2026, 11, 22, 3, 15, 30, tzinfo=UTC)),
        ("Mon, 32 Foo 2026 03:15:30 GMT", None),
        ("x" * 1000, None),
        (None, None),
    ],
)
def test_http_dates_are_read_in_utc(text: str | None, expected: datetime | None) -> None:
    assert http_date(text) == expected
