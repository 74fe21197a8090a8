"""Documents: their schema first, their order kept, safe on a terminal, and no place for a Secret."""

from __future__ import annotations

import json

import pytest

from orchestrator.model.org import Secret
from orchestrator.model.plain import JSON
from orchestrator.report.documents import compact, document, to_json

from .scenes import CANARY


def test_the_schema_comes_first_and_the_order_stays() -> None:
    assert to_json(document("hamr/status/1", {"b": 1, "a": [True, None]})) == (
        '{\n  "schema": "hamr/status/1",\n  "b": 1,\n  "a": [\n    true,\n    null\n  ]\n}\n'
    )


def test_what_is_not_printable_is_written_out_and_means_the_same() -> None:
    text = "\x1b[31m \x7f \x9b \u202e \U000e0001 \ud800 東京 →"
    written = to_json({"x": text})
    assert written == ('{\n  "x": "\\u001b[31m \\u007f \\u009b \\u202e \\udb40\\udc01 \\ud800 東京 →"\n}\n')
    assert json.loads(written) == {"x": text}


def test_compact_is_one_safe_line() -> None:
    assert compact({"a": [1, "x\n\x9b"]}) == '{"a":[1,"x\\n\\u009b"]}'


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"x": float("nan")})


def test_law_17_a_secret_cannot_get_into_a_document() -> None:
    smuggled: dict[str, JSON] = {"key": Secret(CANARY)}  # type: ignore[dict-item]
    with pytest.raises(TypeError) as refusal:
        to_json(smuggled)
    assert CANARY not in str(refusal.value)
    with pytest.raises(TypeError) as refusal:
        document("hamr/status/1", {"keys": [Secret(CANARY)]})
    assert CANARY not in str(refusal.value)
