"""Thousands of keys are taken out as one is: every form, wherever it stands, and in whatever thread."""

from __future__ import annotations

import secrets
import threading

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model.org import Secret
from orchestrator.system.redaction import REDACTED, Redactor, _forms

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
