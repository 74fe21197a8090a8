"""YAML 1.2's core schema, and not YAML 1.1's surprises."""

from __future__ import annotations

import pytest

from orchestrator.config.compose import resolve


@pytest.mark.parametrize(
    "text",
    [
        "NO", "no", "on", "off", "yes", "Yes", "y", "n",
        "12:30:00", "2026-12-20", "1_000", "0b11", "0o8", "0xZZ", "1e", "-", "+", ".", "x", "tRuE", "²", "٣",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)  # fmt: skip
def test_what_only_looks_special_is_a_text(text: str) -> None:
    assert resolve(text) == text
    assert isinstance(resolve(text), str)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("True", True), ("TRUE", True), ("false", False),
        ("", None), ("~", None), ("null", None),
        ("0", 0), ("-7", -7), ("+7", 7), ("0o17", 15), ("0x1F", 31),
        ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("-.inf", float("-inf")), (".inf", float("inf")),
    ],
)  # fmt: skip
def test_core_scalars_are_read(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


@pytest.mark.parametrize("text", ["010", "-007", "00"])
def test_a_number_with_a_leading_zero_is_refused_because_readers_disagree(text: str) -> None:
    with pytest.raises(ValueError, match="begins with 0"):
        resolve(text)


@pytest.mark.parametrize("text", ["9" * 5000, "0x" + "f" * 5000, "1" * 400 + "." + "1" * 400])
def test_an_endless_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too long"):
        resolve(text)
