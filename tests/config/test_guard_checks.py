"""Guards: one kind each, names that exist, no circles, none left over."""

from __future__ import annotations

import pytest

from .texts import PLAYBOOK, said_of_playbook

CALM = "  calm:\n    quiet: {for: 5m}\n"


def with_guards(lines: str, used: str = "calm") -> list[str]:
    return said_of_playbook(
        PLAYBOOK.replace(CALM, CALM + lines).replace("guards: [calm]", f"guards: [{used}]")
    )


def test_an_unknown_guard_is_refused_with_what_was_meant_and_not_told_as_unused_too() -> None:
    assert with_guards("", "clam") == ['11:14: "clam" is no guard of this playbook; did you mean "calm"?']
    assert with_guards("", "calm, freshh") == [
        '11:20: "freshh" is no guard of this playbook; did you mean "fresh"?'
    ]


def test_an_unused_guard_is_refused() -> None:
    assert with_guards("  spare: {located: {}}\n") == [
        '7:3: the guard "spare" is used by no transition: name it in the guards of a transition, or take it out'
    ]


def test_a_guard_that_only_an_unused_one_uses_is_unused_too() -> None:
    said = with_guards("  spare: {located: {}}\n  more: {not: spare}\n")
    assert [line.split(" ")[0] for line in said] == ["7:3:", "8:3:"]


def test_guards_are_used_through_others() -> None:
    assert (
        with_guards(
            "  one: {located: {}}\n  two: {any: [one, calm]}\n  three: {all: [two, fresh]}\n  four: {not: three}\n",
            "four",
        )
        == []
    )


@pytest.mark.parametrize("name", ["linked", "fresh", "alone"])
def test_always_on_guards_may_be_named_and_not_defined_anew(name: str) -> None:
    assert with_guards("", f"calm, {name}") == []
    assert with_guards(f"  {name}: {{located: {{}}}}\n") == [
        f'7:3: "{name}" is taken: linked, fresh and alone are always on, and cannot be defined anew'
    ]


def test_a_guard_has_one_kind() -> None:
    assert with_guards("  two: {located: {}, reachable: {}}\n", "calm, two") == [
        (
            '7:3: the guard "two" has 2 kinds (located and reachable), and one is allowed: '
            "make a guard of each, and join them with all or any"
        )
    ]
    assert with_guards("  none: {why: Just so.}\n", "calm, none") == [
        '7:3: the guard "none" asks nothing: give it one kind (quiet, reachable, located, window, probe, all, any or not)'
    ]


def test_guards_in_a_circle_are_refused_once_where_the_circle_closes() -> None:
    assert with_guards("  one: {not: one}\n", "calm, one") == [
        "7:14: these guards ask each other in a circle: one → one"
    ]
    assert with_guards("  one: {any: [calm, two]}\n  two: {all: [three]}\n  three: {not: one}\n", "one") == [
        "9:16: these guards ask each other in a circle: one → two → three → one"
    ]


def test_a_long_chain_of_guards_is_no_circle_and_no_stack_overflow() -> None:
    chain = (
        "".join(f"  g{number}: {{not: g{number + 1}}}\n" for number in range(5000))
        + "  g5000: {located: {}}\n"
    )
    assert with_guards(chain, "calm, g0") == []


def test_what_a_guard_is_made_of_must_exist() -> None:
    assert with_guards("  one: {any: [calm, nobody]}\n", "one") == [
        '7:21: "nobody" is no guard of this playbook'
    ]
    assert with_guards("  one: {all: []}\n", "calm, one") == [
        "7:14: this is empty, and at least one is wanted"
    ]


def test_a_guards_name_can_be_typed_after_override() -> None:
    (only,) = with_guards('  "a=b": {located: {}}\n', "calm, linked")[:1]
    assert only.startswith('7:3: "a=b" cannot be a name')
