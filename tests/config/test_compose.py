"""YAML text → document: places, bounds that hold for any text, and plain values as YAML 1.2 reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from orchestrator.config.compose import compose, resolve
from orchestrator.errors import DocumentError

from .texts import PLAYBOOK, said_of_playbook


def said(text: str) -> list[str]:
    try:
        return [str(problem) for problem in compose(text, "f").problems]
    except DocumentError as error:
        return [str(problem) for problem in error.problems]


def test_every_key_and_value_has_its_place() -> None:
    document = compose("a: 1\nb:\n  - c: x\n    d: [y, z]\n", "f")
    assert document.place(("a",), at_key=True) == (1, 1)
    assert document.place(("a",)) == (1, 4)
    assert document.place(("b", 0, "d", 1)) == (4, 12)
    assert document.place(("b", 0, "d"), at_key=True) == (4, 5)
    assert document.place(("b", 0, "missing")) == (3, 5)
    assert document.value(("b", 0, "d", 1)) == "z"
    assert document.value(("b", 7)) is None


def test_columns_count_letters_not_bytes() -> None:
    text = "ñandú: {a: 1, \N{GRINNING FACE}: 2, é: 3, é: 4}\n"
    assert said(text) == ['f:1:27: the key "é" stands twice here; the first is on line 1']


def test_a_byte_order_mark_is_passed_over() -> None:
    assert said_of_playbook("\ufeff" + PLAYBOOK) == []


def test_windows_line_ends_are_line_ends() -> None:
    assert said_of_playbook(PLAYBOOK.replace("\n", "\r\n")) == []


def test_aliases_stand_for_the_value_above() -> None:
    document = compose("a: &x [1, 2]\nb: *x\nc: &y text\nd: *y\n", "f")
    assert document.data == {"a": [1, 2], "b": [1, 2], "c": "text", "d": "text"}
    assert document.place(("b", 1)) == (1, 11)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", 'f:3:1: the key "a" stands twice here; the first is on line 1'),
        ("a: 1\n---\nb: 2\n", "f:2:1: a second YAML document (after ---) begins here: one file, one document"),
        ("a: &x [*x]\n", "f:1:8: this alias (*) stands inside the value that it names: it would never end"),
        ("&x a: {b: *y}\n", "f:1:11: this alias (*) names an anchor (&) that does not stand above it"),
        ("- a\n- b\n", "f:1:1: expected a mapping (name: value) at the top of the file"),
        ("just text\n", "f:1:1: expected a mapping (name: value) at the top of the file"),
        ("# only a comment\n", "f: the file holds nothing (or only comments)"),
        ("", "f: the file holds nothing (or only comments)"),
        ("[a]: 1\n", "f:1:1: expected a name here; a list, a mapping or an alias cannot be a key"),
        ("a: !!python/object:os.system {}\n", "f:1:4: tags (!…) are not supported: leave it out; texts may be put in quotes"),
        ("a: !secret b\n", "f:1:4: tags (!…) are not supported: leave it out; texts may be put in quotes"),
        ("a: 0123\n", ("f:1:4: a number that begins with 0 is 8-based to some YAML readers and 10-based to others: "
                      "leave the 0 out, or put it in quotes where it is meant as text")),
        ("a: \x07\n", "f:1:4: the character U+0007 is not allowed in YAML: is this a text file?"),
        ("a: \ud800\n", "f:1:4: the character U+D800 is not allowed in YAML: is this a text file?"),
    ],
)  # fmt: skip
def test_what_is_not_one_plain_mapping_is_refused_at_its_place(text: str, expected: str) -> None:
    assert said(text) == [expected]


def test_merge_keys_are_refused_and_not_read_as_a_key_of_that_name() -> None:
    text = "base: &base {a: 1}\nother:\n  <<: *base\n"
    assert said(text) == [
        "f:3:3: merge keys (<<) are not supported: write the keys out, or use an alias for a whole value"
    ]
    assert compose(text, "f").data["other"] == {}


@pytest.mark.parametrize(
    ("text", "place"),
    [("a: [b\n", "f:2:1"), ("a: 'b\n", "f:2:1"), ("a: b: c\n", "f:1:5"), ("a:\n\tb: 1\n", "f:2:1")],
)
def test_broken_yaml_says_where(text: str, place: str) -> None:
    (only,) = said(text)
    assert only.startswith(f"{place}: not valid YAML: ")


def test_problems_before_the_place_where_reading_stopped_are_told_too() -> None:
    assert [line.split(" ")[0] for line in said("a: 1\na: 2\nb: [\n")] == ["f:2:1:", "f:4:1:"]


def test_nesting_is_bounded() -> None:
    assert said("a: " + "[" * 31 + "]" * 31) == []
    assert said("a: " + "[" * 100_000) == ["f:1:35: nested more than 32 levels deep"]


def test_nesting_is_bounded_through_aliases() -> None:
    text = "a: &a " + "[" * 20 + "]" * 20 + "\nb: " + "[" * 20 + "*a" + "]" * 20
    assert said(text) == ["f:2:24: nested more than 32 levels deep, aliases followed"]


def test_a_billion_laughs_are_refused_before_they_are_told() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    (only,) = said("\n".join(lines))
    assert only.startswith("f:6:")
    assert "more than 1,000,000 values, aliases followed" in only


def test_the_number_of_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.config.compose.MOST_VALUES", 1_000)
    assert said("a: [" + "1," * 900 + "]") == []
    assert "more than 1,000 values" in said("a: [" + "1," * 1_100 + "]")[0]


def test_quoted_scalars_are_texts() -> None:
    assert compose("a: \"1\"\nb: 'true'\nc: |\n  010\n", "f").data == {"a": "1", "b": "true", "c": "010\n"}


def test_a_parser_with_a_limit_of_its_own_is_told_in_our_words(monkeypatch: pytest.MonkeyPatch) -> None:
    real = yaml.parse

    def limited(text: str, **options: Any) -> Iterator[yaml.Event]:
        """The events of the first lines; then it has looked ahead, and found too much."""
        for event in real(text, **options):
            if event.start_mark is not None and event.start_mark.line == 1:
                mark = yaml.Mark("f", text.index("\n") + 60, 1, 59, None, 0)
                raise yaml.MarkedYAMLError("while increasing flow level", None, "exceeded its depth", mark)
            yield event

    monkeypatch.setattr(yaml, "parse", limited)
    assert said("a: 1\nb: " + "[" * 100) == ["f:2:35: nested more than 32 levels deep"]
    assert said("a: 1\nb: " + "x" * 100) == [
        "f:2:60: not valid YAML: while increasing flow level exceeded its depth"
    ]


# -- plain values --------------------------------------------------------------------------------------------


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
