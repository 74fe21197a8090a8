"""Law 17: whatever an operator puts where a key's reference belongs, no message repeats it."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import parse_inventory
from orchestrator.errors import DocumentError

from .texts import INVENTORY, said_of_inventory

CANARY = "c4n4ry5c4n4ry5c4n4ry5c4n4ry5c4n4"
PLACES = [
    "CANARY", '"CANARY"', "'CANARY'", "!CANARY x", "!!str CANARY", "&CANARY x", "*CANARY", "[CANARY]", "{CANARY}",
    "{CANARY: x}", "{key: CANARY}", "{CANARY: , CANARY: }", "{env: CANARY-}", "{env: [CANARY]}", "{env: {CANARY: 1}}",
    "{file: [CANARY]}", '{file: "CANARY\\0"}', "{command: CANARY}", "{command: {CANARY: 1}}", "{command: [[CANARY]]}",
    '{command: ["CANARY\\0"]}', "{env: A, CANARY: x}", "{file: CANARY, env: CANARY}", "{env: CANARY, env: CANARY}",
    "\n        CANARY", "\n        <<: CANARY", "\n      CANARY", "\n        - CANARY", "|\n        CANARY", "CANARY: x", "'CANARY", "{CANARY",
]  # fmt: skip


def everything_said(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        parse_inventory(text, "pairs.yaml")
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    shown = "".join(traceback.format_exception(error))
    return "\n".join([str(error), repr(error), repr(error.problems), repr(vars(error)), shown])


@pytest.mark.parametrize("written", PLACES)
def test_law_17_an_inline_key_is_refused_and_not_repeated(written: str) -> None:
    for field in ("api_key: {env: A_KEY}", "app_key: {env: D_KEY}"):
        name = field.partition(":")[0]
        text = INVENTORY.replace(field, f"{name}: {written.replace('CANARY', CANARY)}")
        assert CANARY not in everything_said(text)


@pytest.mark.parametrize("written", PLACES)
def test_law_17_nor_is_one_below_a_misspelt_key(written: str) -> None:
    text = INVENTORY.replace("api_key: {env: A_KEY}", f"api_kye: {written.replace('CANARY', CANARY)}")
    assert CANARY not in everything_said(text)


@pytest.mark.parametrize(
    "name",
    [
        "{env: 0123456789abcdef0123456789abcdef}",
        "{env: abcdef0123456789abcdef0123456789}",
        "{file: abcdef0123456789abcdef0123456789}",
    ],
)
def test_law_17_what_looks_like_a_key_is_no_name_of_a_variable_or_file(name: str) -> None:
    said = everything_said(INVENTORY.replace("{env: A_KEY}", name))
    assert "pairs.yaml:8:" in said
    assert "0123456789abcdef0123456789" not in said


@pytest.mark.parametrize(
    "field", ["site: us1", "name: Payments\n", "uuid: 550e8400-e29b-41d4-a716-446655440000", "schema: 1"]
)
def test_law_17_a_key_that_went_to_another_field_is_not_repeated_either(field: str) -> None:
    key = "0123456789abcdef0123456789abcdef"
    for wrong in (
        f"{field.partition(':')[0]}: [{key}]",
        f"{key}: x",
        f"{field.partition(':')[0]}: '{key}'\n      wire: {key}",
    ):
        text = INVENTORY.replace(field.strip(), wrong, 1)
        assert key not in "\n".join(said_of_inventory(text))


def test_law_17_a_password_in_a_url_is_not_repeated() -> None:
    text = INVENTORY.replace(
        "site: us1", f"url: https://me:{CANARY}@x.example/{CANARY}\n      datacenter: us1"
    )
    assert CANARY not in everything_said(text)


@given(st.integers(min_value=10**8) | st.integers(min_value=10**8).map(lambda number: f"0{number}"))
def test_law_17_a_key_of_digits_is_refused_and_not_repeated(value: int | str) -> None:
    assert str(value) not in everything_said(INVENTORY.replace("{env: A_KEY}", f"{value}"))


def test_law_17_the_refusal_says_what_to_write_instead() -> None:
    said = everything_said(INVENTORY.replace("{env: A_KEY}", CANARY))
    assert "pairs.yaml:8:16: a key must not stand in this file: say where it is found, {env: NAME}" in said
