"""How much work a file makes: counted in calls, so that it does not depend on the machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from .texts import said_of_inventory, said_of_playbook

ORG = "    {role}:\n      name: N\n      uuid: {number:08x}-{half}-41d4-a716-446655440000\n      site: {site}\n      api_key: {{env: A}}\n      app_key: {{env: B}}\n"


def inventory_of(pairs: int) -> str:
    lines = ["schema: 1\npairs:\n"]
    for number in range(pairs):
        lines.append(f"  p{number}:\n    mirrors: auto\n")
        lines.append(ORG.format(role="primary", number=number, half="1111", site="us1"))
        lines.append(ORG.format(role="secondary", number=number, half="2222", site="eu1"))
    return "".join(lines)


def playbook_of(guards: int) -> str:
    named = [f"  guard_{number}:\n    quiet: {{for: 5m}}\n    why: Because.\n" for number in range(guards)]
    used = [f"      - guard_{number}\n" for number in range(guards)]
    transitions = "transitions:\n  - name: out\n    from: PASSIVE\n    to: ACTIVE\n    guards:\n"
    return "schema: 1\nname: big\nguards:\n" + "".join(named) + transitions + "".join(used)


def calls_of(work: Callable[[], object]) -> int:
    """Python and C functions that were called."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    ("make", "said", "per_line"), [(inventory_of, said_of_inventory, 14), (playbook_of, said_of_playbook, 4)]
)
def test_twice_the_file_is_twice_the_work(
    make: Callable[[int], str], said: Callable[[str], list[str]], per_line: int
) -> None:
    small, large = make(2000 // per_line // 2), make(2000 // per_line)
    assert said(large) == []
    assert large.count("\n") > 1900
    assert calls_of(lambda: said(large)) < 2.2 * calls_of(lambda: said(small))
    assert calls_of(lambda: said(large)) < 100 * large.count("\n")


def test_a_file_of_nothing_but_problems_is_no_slower_than_a_few_right_ones() -> None:
    right, wrong = playbook_of(250), playbook_of(250).replace("- guard_", "- gourd_")
    assert len(said_of_playbook(wrong)) > 200
    # Looking for what was meant is the dear part: it compares with a bounded number of names, for a bounded number of problems.
    assert calls_of(lambda: said_of_playbook(wrong)) < 60 * calls_of(lambda: said_of_playbook(right))
