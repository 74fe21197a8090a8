"""Hooks of transitions: what is read, and what is refused at which place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.config import parse_playbook
from orchestrator.model.hook import Again, Hook, InEmergency, Manual, Program

from .texts import AROUND, said_of_playbook

STOP = "{name: stop, run: [./bin/stop], timeout: 30s, again: safe, emergency: skip}"
PRESS = "{name: press, manual: Press it.}"


def changed(old: str, new: str) -> str:
    assert AROUND.count(old) == 1, old
    return AROUND.replace(old, new)


def test_hooks_are_read_in_their_order_with_their_defaults() -> None:
    text = changed(STOP, f'{STOP}\n      - {{name: flip, run: [dns, flip, "--to", b c]}}')
    out, home = parse_playbook(text, "f").transitions
    assert out.before == (
        Hook("stop", Program(("./bin/stop",), timedelta(seconds=30)), Again.SAFE, InEmergency.SKIP),
        Hook(
            "flip", Program(("dns", "flip", "--to", "b c"), timedelta(seconds=60)), Again.ASK, InEmergency.RUN
        ),
    )
    assert out.after == (Hook("press", Manual("Press it."), Again.ASK, InEmergency.RUN),)
    assert (home.before, home.after) == ((), ())


def test_a_manual_hook_may_say_all_but_a_time_out() -> None:
    text = changed(PRESS, "{name: press, manual: Press it., again: safe, emergency: skip}")
    assert parse_playbook(text, "f").transitions[0].after == (
        Hook("press", Manual("Press it."), Again.SAFE, InEmergency.SKIP),
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (PRESS, "{name: press}", ["32:9: this hook does nothing: give it run: [PROGRAM, ARGUMENT], or manual: and what a person is to do"]),
        (PRESS, "{name: press, manual: x, run: [y]}", ["32:9: a hook is a program (run) or something that a person does (manual), not both: make two hooks"]),
        (PRESS, "{name: press, manual: x, timeout: 5s}", ["32:34: a person is not timed: timeout is for hooks with run, so leave it out here"]),
        (PRESS, '{name: press, manual: ""}', ["32:31: expected text, found an empty one"]),
        (PRESS, "{name: press, manual: [a]}", ["32:31: expected text, found a list"]),
        (PRESS, "{manual: x}", ['32:9: "name" is missing in item 1 of after, item 1 of transitions: its name, for messages and the journal; no two hooks of a transition share one']),
        (PRESS, "{name: a b, manual: x}", ['32:16: "a b" cannot be a name: letters, digits, dots, hyphens and underscores, beginning with a letter or digit, 100 at most']),
        (PRESS, "{name: press, manul: x}", ["32:9: this hook does nothing: give it run: [PROGRAM, ARGUMENT], or manual: and what a person is to do", '32:23: "manul" is not a known key in item 1 of after, item 1 of transitions; did you mean "manual"?']),
        (PRESS, "Press it.", ["32:9: expected a mapping (name: value), found text"]),
        (PRESS, "{name: stop, manual: x}", ['32:16: two hooks of this transition are named "stop" (one before and one after it): give each a name of its own']),
        (PRESS, f"{PRESS}\n      - {{name: press, run: [x]}}", ['33:16: two hooks of this transition are named "press" (both after): give each a name of its own']),
        ("[./bin/stop]", "[]", ["30:27: this is empty, and at least one is wanted"]),
        ("[./bin/stop]", '[" "]', ["30:27: the first word names the program, and here it is empty"]),
        ("[./bin/stop]", '["a\\0"]', ["30:28: a word of a command cannot have a NUL character"]),
        ("[./bin/stop]", "./bin/stop", ["30:27: expected a list ([…]), found text"]),
        ("timeout: 30s", "timeout: 999ms", ["30:50: 999ms is out of bounds: between 1s and 1h"]),
        ("timeout: 30s", "timeout: 61m", ["30:50: 61m is out of bounds: between 1s and 1h"]),
        ("again: safe", "again: sfe", ['30:62: "sfe" is not how it may be repeated (safe or ask); did you mean "safe"?']),
        ("again: safe", "again: true", ["30:62: expected how it may be repeated (safe or ask), found true"]),
        ("emergency: skip", "emergency: skipp", ['30:79: "skipp" is not what an emergency does with it (run or skip); did you mean "skip"?']),
    ],
)  # fmt: skip
def test_a_hook_that_cannot_be_right_is_refused_at_its_place(old: str, new: str, expected: list[str]) -> None:
    assert said_of_playbook(changed(old, new)) == expected


def test_a_transition_takes_a_list_of_hooks_or_none() -> None:
    before = f"    before:\n      - {STOP}\n"
    assert said_of_playbook(changed(before, "    before: []\n")) == []
    assert said_of_playbook(changed(before, f"    before: {STOP}\n")) == [
        "29:13: expected a list ([…]), found a mapping (name: value)"
    ]
    assert said_of_playbook(changed("    before:\n", "    befor:\n")) == [
        '29:5: "befor" is not a known key in item 1 of transitions; did you mean "before"?'
    ]


def test_every_hook_of_a_transition_is_compared_with_every_other() -> None:
    text = changed(PRESS, f"{PRESS}\n      - {{name: flip, run: [x]}}\n      - {{name: stop, run: [x]}}")
    assert said_of_playbook(text) == [
        '34:16: two hooks of this transition are named "stop" (one before and one after it): give each a name of its own'
    ]


def test_two_transitions_may_have_hooks_of_one_name() -> None:
    assert said_of_playbook(AROUND + "    before:\n      - {name: stop, run: [x]}\n") == []


def test_all_problems_of_hooks_are_told_at_once() -> None:
    text = changed(STOP, "{name: press}").replace(PRESS, "{name: press, run: [], timeout: 0s}")
    assert [line.partition(" ")[0] for line in said_of_playbook(text)] == [
        "30:9:",
        "32:16:",
        "32:28:",
        "32:41:",
    ]
