"""What an answer says in a few words, how long it asks us to wait, and what time its server has."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.datadog import retry_after
from orchestrator.datadog.answers import excerpt, http_date, is_api_error, one_line
from orchestrator.model.org import Secret
from orchestrator.system.redaction import Redactor

CANARY = "canary0primary0api0key0000000001"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ""),
        (b'{"errors": ["Unauthorized"]}', "Unauthorized"),
        (b'{"errors": ["Bad Request", "Twice"]}', "Bad Request; Twice"),
        (
            b'{"errors": [{"title": "Bad Request", "detail": "no such org", "source": {"pointer": "/data/id"}}]}',
            "Bad Request: no such org (pointer /data/id)",
        ),
        (b'{"errors": [{"title": "Forbidden"}]}', "Forbidden"),
        (b'{"errors": [{}]}', "an empty list of errors"),
        (b'{"errors": []}', "an empty list of errors"),
        (b'{"errors": "all of them"}', '{"errors": "all of them"}'),
        (b"<html><head><title>502 Bad\n Gateway</title></head></html>", "an HTML page: 502 Bad Gateway"),
        (b"\n <!DOCTYPE html><body>oops", "an HTML page"),
        (b"upstream \x1b[31mfailed\x00\r\nbadly", "upstream [31mfailed badly"),
        (b"caf\xe9", "caf"),
    ],
)
def test_an_answer_becomes_a_few_words(body: bytes, expected: str) -> None:
    assert excerpt(body, Redactor()) == expected


def test_a_long_answer_is_cut() -> None:
    said = excerpt(b"x" * 5000, Redactor())
    assert said == "x" * 299 + "…"


def test_law_17_no_half_key_is_left_at_the_cut() -> None:
    redactor = Redactor()
    redactor.add(Secret(CANARY))
    said = excerpt(b"x" * 285 + CANARY.encode(), redactor)
    assert said == "x" * 285 + "[redacted]"
    assert "canary" not in excerpt(b"x" * 295 + CANARY.encode(), redactor)


def test_law_17_a_key_with_invisible_characters_in_it_is_no_way_around() -> None:
    redactor = Redactor()
    redactor.add(Secret(CANARY))
    assert one_line(f"key {CANARY[:9]}\x00\u200b{CANARY[9:]}!", redactor) == "key [redacted]!"


def test_the_apis_own_errors_are_told_from_a_proxys() -> None:
    assert is_api_error(b'{"errors": ["Not Found"]}')
    assert is_api_error(b'{"errors": []}')
    assert not is_api_error(b'{"message": "no Route matched"}')
    assert not is_api_error(b"<html>")
    assert not is_api_error(b"[" * 100_000)


@given(
    st.binary()
    | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps({"errors": value}).encode())
)
def test_no_body_is_too_strange(body: bytes) -> None:
    said = excerpt(body, Redactor())
    assert len(said) <= 300
    assert said.isprintable() or not said.isascii()


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
        ({"X-RateLimit-Reset": "99999999999"}, 98_204_682_699.0),
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
    assert wait is None or 0.0 <= wait < float("inf")


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
