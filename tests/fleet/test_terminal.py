"""A person at a terminal: the goal and the number typed, a table that redraws, a question before each further wave, Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.cli.lab import Lab
from tests.cli.terminal import Person, shown_by

from .lab import FleetLab, laboratory
from .test_run import ACTIVE, PASSIVE

RUN = ("fleet", "run", "--all", "--to", "ACTIVE", "--waves", "1,rest")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetLab]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    with laboratory(tmp_path, ("pay-1", "pay-2", "web-1"), latency=0.1) as found:
        yield found


def terminal(lab: FleetLab) -> Lab:
    env = {name: value for name, value in lab.env.items() if name != "NO_COLOR"}
    return replace(lab.of("pay-1"), env=env)


def test_anything_else_than_the_goal_and_the_number_sends_nothing(here: FleetLab) -> None:
    with Person(terminal(here), RUN) as person:
        person.wait_for("Type the goal and the number of pairs (ACTIVE 3) to go on: ")
        person.type("yes\n")
        assert person.end() == 3
        assert "'yes' was typed, and what is wanted is ACTIVE 3." in person.seen
    assert sum(here.writes().values()) == 0


def test_each_further_wave_is_asked_for_and_no_leaves_the_rest(here: FleetLab) -> None:
    with Person(terminal(here), RUN) as person:
        person.wait_for("to go on: ")
        person.type("ACTIVE 3\n")
        person.wait_for("Wave 2 of 2 is next: 2 pairs. Type yes to begin it, or no: ")
        assert "1 of 3 pairs arrived, 2 not begun" in "\n".join(shown_by(person.seen))
        person.seen = ""
        person.type("perhaps\n")
        person.wait_for("Type yes to begin it, or no: ")
        person.type("no\n")
        assert person.end() == 6
        assert "It stopped: wave 2 was not confirmed." in person.seen
    assert here.statuses() == {"pay-1": ACTIVE, "pay-2": PASSIVE, "web-1": PASSIVE}


def test_ctrl_c_lets_each_transition_end_and_the_table_says_where_each_stands(here: FleetLab) -> None:
    with Person(terminal(here), (*RUN[:-1], "rest", "--yes")) as person:
        person.wait_for("3 under way")
        person.wait_for("is told FAILOVER")
        person.type("\x03")
        person.wait_for("What is under way ends its own transition")
        assert person.end() == 130
    statuses = here.statuses()
    assert all(primary is secondary for primary, secondary in statuses.values())
    assert {*statuses.values()} != {ACTIVE}
    assert here.fleet().stopped == "it was interrupted at its own terminal"
