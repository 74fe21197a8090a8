"""Which bytes are hashed, and what is done with values that have no canonical form."""

from __future__ import annotations

import json
import math

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.journal.chain import canonical, is_canonical, read_json, storable
from orchestrator.model.plain import JSON

ANYTHING: st.SearchStrategy[JSON] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec=None, exclude_categories=())), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None, "x"]}, b'{"a":[true,null,"x"],"b":1}'),
        ({"seconds": 5.0, "small": 1e-05, "minus": -0.0}, b'{"minus":0,"seconds":5,"small":0.00001}'),
        ({"a": 1e21, "b": 1e20}, b'{"a":1e+21,"b":100000000000000000000}'),
        ({"\ue000": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ue000":1}'.encode()),  # UTF-16 order
        ({"a": '\n"\\\x01\x7f€'}, b'{"a":"\\n\\"\\\\\\u0001\x7f\xe2\x82\xac"}'),
    ],
)
def test_the_canonical_form_is_that_of_rfc_8785(value: JSON, expected: bytes) -> None:
    assert canonical(value) == expected
    assert is_canonical(expected.decode())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**53 - 1, 9007199254740991),
        (2**53, "9007199254740992"),
        (-(2**53), "-9007199254740992"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        ("half \ud83d", "half \\ud83d"),
        ({"\udc80": (1, 2)}, {"\\udc80": [1, 2]}),
    ],
)
def test_what_canonical_json_cannot_hold_is_written_as_text(value: object, expected: JSON) -> None:
    assert storable(value) == expected


def test_a_number_too_long_for_decimal_digits_is_kept_in_hexadecimal() -> None:
    assert storable({"n": 16**5000}) == {"n": "0x1" + "0" * 5000}


def test_data_that_is_nested_too_deeply_is_cut_with_a_remark() -> None:
    deep: JSON = "bottom"
    for _ in range(5000):
        deep = [deep]
    kept = storable(deep)
    for _ in range(100):
        assert isinstance(kept, list)
        (kept,) = kept
    assert kept == "(nested too deeply to be kept)"


def test_a_thing_that_is_no_data_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="object cannot stand in a journal record"):
        storable({"key": object()})


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"a":0.1,"b":-3}',
        '{"a":1e-7}',
        '{"a":0.000001}',
        '{"a":1e+30}',
        '{"a":12345678901234567000}',
        '{"a":"\\u001f"}',
        '{"a":"é"}',
        '{"1":2,"a":{"x":[]}}',
    ],
)
def test_a_canonical_text_is_known_as_one(text: str) -> None:
    assert is_canonical(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{} ",
        '{"a": 1}',
        '{"b":1,"a":2}',
        '{"a":1,"a":1}',
        '{"a":1.0}',
        '{"a":1e-5}',
        '{"a":1E5}',
        '{"a":-0}',
        '{"a":0.10}',
        '{"a":NaN}',
        '{"a":1e999}',
        '{"a":12345678901234567890}',
        '{"a":"\\u00e9"}',
        '{"a":"\\/"}',
        '{"a":"\\ud800"}',
        '{"\\ud800":1}',
        '{"\ue000":1,"\U0001f600":2}',
        pytest.param("[" * 100_000 + "]" * 100_000, id="a hundred thousand lists"),
    ],
)
def test_another_way_to_write_the_same_is_not_canonical(text: str) -> None:
    assert not is_canonical(text)


@given(ANYTHING)
def test_anything_that_can_be_recorded_has_one_form_that_reads_back_as_itself(value: JSON) -> None:
    kept = storable(value)
    text = canonical(kept).decode("utf-8")
    assert read_json(text) == kept
    assert canonical(read_json(text)).decode("utf-8") == text
    assert is_canonical(text)


@given(ANYTHING, st.sampled_from([None, 1]), st.booleans(), st.booleans())
def test_the_quick_way_to_tell_agrees_with_the_library(
    value: JSON, indent: int | None, ascii_only: bool, sort: bool
) -> None:
    text = json.dumps(
        storable(value), indent=indent, ensure_ascii=ascii_only, sort_keys=sort, separators=(",", ":")
    )
    assert is_canonical(text) == (rfc8785.dumps(read_json(text)) == text.encode())
