"""Thousands of keys are taken out as one is: every form, wherever it stands, and in whatever thread."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model.org import Secret
from orchestrator.system.redaction import REDACTED, Redactor, _forms

from .shared import knowing

CANARY = "canary0api0key0000000000000000001"

KEYS = st.lists(st.text("abc", min_size=4, max_size=12), min_size=1, max_size=12)


def without(forms: set[str], text: str) -> str:
    """The text without every place at which any form stands, those that overlap taken out as one."""
    places = [(at, -len(form)) for form in forms for at in range(len(text)) if text.startswith(form, at)]
    parts, end = list[str](), 0
    for at, length in sorted(places):
        if at >= end:
            parts += (text[end:at], REDACTED)
        end = max(end, at - length)
    return "".join((*parts, text[end:]))


@given(KEYS, st.text("abc ", max_size=60))
def test_law_17_every_place_of_every_form_is_taken_out(keys: list[str], text: str) -> None:
    redactor = Redactor()
    forms: set[str] = set()
    for key in keys:
        redactor.add(Secret(key))
        forms |= _forms(key)
        assert redactor.clean(text) == without(forms, text)
    assert redactor.longest == max(map(len, forms))


def test_law_17_nothing_is_left_of_a_key_that_begins_within_another() -> None:
    redactor = Redactor()
    redactor.add(Secret("AAAA"))
    redactor.add(Secret("AA-the-long-one-0123456789"))
    assert redactor.clean("x=AAAA-the-long-one-0123456789.") == f"x={REDACTED}."


def test_law_17_a_key_stays_known_while_other_threads_learn_more() -> None:
    redactor, known = Redactor(), secrets.token_hex(16)
    redactor.add(Secret(known))
    lengths = range(20, 3, -1)  # each shorter one makes the index anew
    learned = [
        [secrets.token_hex(length)[:length] for length in lengths for _ in range(20)] for _ in range(3)
    ]

    def learn(keys: list[str]) -> None:
        for key in keys:
            redactor.add(Secret(key))

    threads = [threading.Thread(target=learn, args=(keys,)) for keys in learned]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert known not in redactor.clean(f"api={known}")
    for key in (key for keys in learned for key in keys):
        assert key not in redactor.clean(f"<{key}>")


def test_every_form_of_a_key_is_replaced() -> None:
    key = 'aB3/+="\\é end of key'
    redactor = knowing(key)
    for form in (
        key,
        quote(key, safe=""),
        quote(key),
        json.dumps(key)[1:-1],
        json.dumps({"k": key}),
        repr([key]),
        base64.b64encode(key.encode()).decode(),
        base64.urlsafe_b64encode(key.encode()).decode(),
    ):
        cleaned = redactor.clean(f"<{form}>")
        assert "[redacted]" in cleaned
        assert "end" not in cleaned
        assert base64.b64encode(key.encode()).decode()[4:12] not in cleaned


@pytest.mark.parametrize("lead", ["", "a", "ab", "abc", "user:"])
def test_law_17_a_key_within_base64_is_replaced(lead: str) -> None:
    encoded = base64.b64encode(f"{lead}{CANARY}:tail".encode()).decode()
    cleaned = knowing(CANARY).clean(encoded)
    assert "[redacted]" in cleaned
    assert len(cleaned.replace("[redacted]", "")) < 20


def test_the_longest_key_goes_first() -> None:
    assert knowing("abcdef", "abcdef-longer").clean("x abcdef-longer y abcdef") == "x [redacted] y [redacted]"


def test_very_short_texts_are_left_alone() -> None:
    assert knowing("abc", "").clean("abc") == "abc"


def test_a_redactor_that_knows_nothing_changes_nothing() -> None:
    assert Redactor().clean("anything") == "anything"


def test_values_keep_their_shape() -> None:
    value = {"a": [1, True, None, 2.5, CANARY], CANARY: ("x", CANARY), "deep": {"er": f"-{CANARY}-"}}
    assert knowing(CANARY).clean_value(value) == {
        "a": [1, True, None, 2.5, "[redacted]"],
        "[redacted]": ("x", "[redacted]"),
        "deep": {"er": "-[redacted]-"},
    }


@given(st.text(min_size=4), st.text(), st.text())
def test_law_17_no_text_keeps_a_key(key: str, before: str, after: str) -> None:
    cleaned = knowing(key).clean(f"{before}{key}{after}")
    assert "[redacted]" in cleaned
    assert key not in cleaned.replace("[redacted]", "\0") or key in before + after
