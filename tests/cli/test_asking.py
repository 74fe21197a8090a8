"""Questions in the middle of a run, at a real terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cli.asking import understood
from orchestrator.model.hook import Asks, Reply
from orchestrator.model.status import Both
from orchestrator.simulator import SimulatorConfig

from .lab import PLAYBOOK, Lab, laboratory
from .terminal import Person

YES, NO = Reply(yes=True), Reply(yes=False)

MANUAL = PLAYBOOK.replace(
    "guards: [settled], survivor: secondary}",
    "survivor: secondary, before: [{name: button, manual: Press the button.}]}",
    1,
).replace("guards:\n  settled:\n    quiet: {for: 5m}\n    why: Ask whoever changed it.\n", "")
UNKNOWN = PLAYBOOK.replace(
    "guards:\n",
    "probes:\n  agents: {metric: {org: secondary, query: nowhere}}\nguards:\n  seen: {probe: {name: agents, above: 0}, unknown: ask}\n",
).replace("guards: [settled], survivor: secondary}", "guards: [settled, seen], survivor: secondary}", 1)


@pytest.mark.parametrize(
    ("asks", "typed", "reply"),
    [
        (Asks.MANUAL, "done", YES),
        (Asks.MANUAL, "Yes", YES),
        (Asks.MANUAL, "no", NO),
        (Asks.MANUAL, "", None),
        (Asks.MANUAL, "perhaps", None),
        (Asks.AGAIN, "yes", YES),
        (Asks.AGAIN, "done", None),
        (Asks.AGAIN, "n", NO),
        (Asks.UNKNOWN, "the dashboard shows them", Reply(yes=True, words="the dashboard shows them")),
        (Asks.UNKNOWN, "yes", None),
        (Asks.UNKNOWN, "", None),
        (Asks.UNKNOWN, "NO", NO),
        (Asks.UNKNOWN, "NO!", NO),
        (Asks.UNKNOWN, "quit", NO),
        (Asks.UNKNOWN, "Stop.", NO),
        (Asks.UNKNOWN, "abort", NO),
        (Asks.UNKNOWN, "no, wait", None),
        (Asks.UNKNOWN, "ok", None),
        (Asks.UNKNOWN, "\x1b[A", None),
        (Asks.UNKNOWN, "...", None),
        (Asks.MANUAL, "quit", NO),
    ],
)
def test_an_answer_is_a_yes_a_no_or_asked_for_again(asks: Asks, typed: str, reply: Reply | None) -> None:
    assert understood(asks, typed) == reply


def test_a_manual_hook_waits_for_the_person_and_then_goes_on(lab: Lab) -> None:
    (lab.folder / "quick.yaml").write_text(MANUAL)
    with Person(lab, ("run", "sim", "--to", "ACTIVE", "--playbook", "quick.yaml")) as person:
        person.wait_for("Type the pair's name")
        person.type("sim\n")
        person.wait_for("Before transition declare (PASSIVE → FAILOVER), by hand: Press the button.")
        person.wait_for("Type done when it is done, or no:")
        assert lab.writes() == 0
        person.type("what\n")
        person.wait_for("was not understood")
        person.type("done\n")
        assert person.end() == 0
    assert "Hook button " in person.seen


def test_ctrl_c_at_the_question_stops_the_run_with_nothing_written(lab: Lab) -> None:
    (lab.folder / "quick.yaml").write_text(MANUAL)
    with Person(lab, ("run", "sim", "--to", "ACTIVE", "--playbook", "quick.yaml")) as person:
        person.wait_for("Type the pair's name")
        person.type("sim\n")
        person.wait_for("Type done when it is done, or no:")
        person.type("\x03")
        assert person.end() == 130
    assert lab.writes() == 0
    assert "hamr resume" in person.seen


def test_the_end_of_the_input_at_the_question_stops_the_run_with_nothing_written(lab: Lab) -> None:
    """Nobody said that it was done: that is not the same as --yes."""
    (lab.folder / "quick.yaml").write_text(MANUAL)
    with Person(lab, ("run", "sim", "--to", "ACTIVE", "--playbook", "quick.yaml")) as person:
        person.wait_for("Type the pair's name")
        person.type("sim\n")
        person.wait_for("Type done when it is done, or no:")
        person.type("\x04")
        assert person.end() == 130
    assert lab.writes() == 0
    assert "hamr resume" in person.seen


def test_what_was_typed_before_the_question_stood_there_does_not_answer_it(lab: Lab) -> None:
    """Somebody who grew impatient and typed: at a guard, any words at all would have been a reason to go on."""
    slow = MANUAL.replace("before: [", "before: [{name: slow, run: [sleep, '2'], again: safe}, ")
    (lab.folder / "quick.yaml").write_text(slow)
    with Person(lab, ("run", "sim", "--to", "ACTIVE", "--playbook", "quick.yaml")) as person:
        person.wait_for("Type the pair's name")
        person.type("sim\n")
        person.wait_for("Hook slow (before declare)")
        person.type("done\n")
        person.wait_for("Type done when it is done, or no:")
        person.type("no\n")
        assert person.end() == 6
    assert lab.writes() == 0


def test_somebody_who_wants_out_at_an_unknown_guard_gets_out(silent_agents: Lab) -> None:
    lab = silent_agents
    (lab.folder / "quick.yaml").write_text(UNKNOWN)
    with Person(lab, ("run", "sim", "--to", "ACTIVE", "--playbook", "quick.yaml")) as person:
        person.wait_for("Type the pair's name")
        person.type("sim\n")
        person.wait_for("Type your reason to go on")
        person.type("quit\n")
        assert person.end() == 3
    assert lab.writes() == 0


def test_with_yes_a_manual_hook_is_listed_as_not_done(lab: Lab) -> None:
    (lab.folder / "quick.yaml").write_text(MANUAL)
    result = lab.run("run", "sim", "--to", "ACTIVE", "--playbook", "quick.yaml", "--yes", code=0)
    assert "Not done, since nobody was asked: do it by hand" in result.stdout
    assert "  - Press the button." in result.stdout


@pytest.fixture
def silent_agents(tmp_path: Path) -> Iterator[Lab]:
    """No Agent has reported to the secondary, ever."""
    with laboratory(tmp_path, SimulatorConfig(metrics=Both({}, {"nowhere": "no data"}))) as lab:
        yield lab


def test_a_guard_that_is_unknown_asks_for_a_reason_and_keeps_it(silent_agents: Lab) -> None:
    lab = silent_agents
    (lab.folder / "quick.yaml").write_text(UNKNOWN)
    with Person(lab, ("run", "sim", "--to", "ACTIVE", "--playbook", "quick.yaml")) as person:
        person.wait_for("(you would be asked)")
        person.wait_for("Type the pair's name")
        person.type("sim\n")
        person.wait_for("Type your reason to go on")
        person.type("the dashboard shows them\n")
        assert person.end() == 0
    assert "guard seen is overridden" in person.seen


def test_with_yes_an_unknown_guard_refuses(silent_agents: Lab) -> None:
    lab = silent_agents
    (lab.folder / "quick.yaml").write_text(UNKNOWN)
    result = lab.run(
        "run", "sim", "--to", "ACTIVE", "--playbook", str(lab.folder / "quick.yaml"), "--yes", code=3
    )
    assert "--override seen=REASON" in result.stdout
    assert lab.writes() == 0
