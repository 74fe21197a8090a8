"""What a server said, in a few plain words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.datadog.answers import excerpt, is_api_error, one_line
from orchestrator.model.secret import Secret
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
