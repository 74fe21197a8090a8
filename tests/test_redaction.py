"""Thousands of keys are taken out as one is: the leftmost first, and of those the longest."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model.secret import Secret
from orchestrator.system.redaction import REDACTED, Redactor, _forms

KEYS = st.lists(st.text("abc", min_size=4, max_size=12), min_size=1, max_size=12)


@given(KEYS, st.text("abc ", max_size=60))
def test_what_is_taken_out_is_what_a_pattern_of_all_forms_finds(keys: list[str], text: str) -> None:
    redactor = Redactor()
    forms: set[str] = set()
    for key in keys:
        redactor.add(Secret(key))
        forms |= _forms(key)
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        pattern = re.compile("|".join(map(re.escape, longest_first)))
        assert redactor.clean(text) == pattern.sub(REDACTED, text)
    assert redactor.longest == max(map(len, forms))
