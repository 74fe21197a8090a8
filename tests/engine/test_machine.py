"""The machine, and the facts about transitions 0.9.3 that shape it: each found in the library, and what ours does."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, field
from msgspec.structs import replace
from transitions import MachineError
from transitions.extensions.asyncio import AsyncMachine

from orchestrator.engine.machine import Machine, first_steps
from orchestrator.model.playbook import Playbook, Transition
from orchestrator.model.run import End
from orchestrator.model.status import Status
from tests.playbooks import without

from .fake import PLAYBOOK, bench, cancelled

pytestmark = pytest.mark.anyio

ACTIVE, FAILOVER, PASSIVE = Status.ACTIVE, Status.FAILOVER, Status.PASSIVE


async def _nothing(transition: Transition) -> None:
    """A transition that needs no writes."""


class Maker(Struct):
    """Says yes to every transition, and keeps the order of what the machine called."""

    calls: list[str] = field(default_factory=list)
    admits: Callable[[Transition], Any] = lambda _transition: True
    makes: Callable[[Transition], Awaitable[None]] = _nothing
    intends: Callable[[Transition], None] = lambda _transition: None
    arrives: Callable[[Transition], None] = lambda _transition: None

    async def evaluate(self, transition: Transition) -> bool:
        self.calls.append(f"admit {transition.name}")
        return self.admits(transition)  # type: ignore[no-any-return]

    async def intend(self, transition: Transition) -> None:
        self.calls.append(f"intend {transition.name}")
        self.intends(transition)

    async def make(self, transition: Transition) -> None:
        self.calls.append(f"make {transition.name}")
        await self.makes(transition)

    def arrive(self, transition: Transition) -> None:
        self.calls.append(f"arrive {transition.name}")
        self.arrives(transition)


def ours(maker: Maker, start: Status = PASSIVE, goal: Status = ACTIVE) -> Machine:
    return Machine(PLAYBOOK, goal, maker, start)


class Model:
    """A bare model for the library."""

    state: str


def theirs(model: object, **settings: Any) -> Any:
    settings = {"transitions": [{"trigger": "go", "source": "A", "dest": "B"}]} | settings
    return AsyncMachine(
        model=model, states=["A", "B", "C"], initial="A", auto_transitions=False, send_event=True, **settings
    )


def transition_of_the_library(**callbacks: Any) -> dict[str, Any]:
    return {"transitions": [{"trigger": "go", "source": "A", "dest": "B", **callbacks}]}


# One table, one engine


async def test_law_01_the_machine_has_the_playbooks_transitions_and_no_others() -> None:
    machine = ours(Maker())
    transitions = [
        (transition.source, transition.dest)
        for transitions in machine._machine.events["to_ACTIVE"].transitions.values()
        for transition in transitions
    ]
    assert sorted(transitions) == [
        ("FAILOVER", "ACTIVE"),
        ("ONBOARDING", "PASSIVE"),
        ("PASSIVE", "FAILOVER"),
        ("RECOVERY", "PASSIVE"),
    ]
    assert list(machine._machine.events) == ["to_ACTIVE"]


async def test_law_01_a_transition_that_is_taken_out_of_the_table_cannot_fire() -> None:
    machine = Machine(without(PLAYBOOK, "activate"), ACTIVE, Maker(), FAILOVER)
    with pytest.raises((MachineError, KeyError)):
        await machine.step()
    assert machine.status is FAILOVER


async def test_law_01_each_first_step_stands_alone_for_its_status() -> None:
    for goal in (ACTIVE, PASSIVE, Status.RECOVERY, FAILOVER):
        sources = [transition.source for transition in first_steps(PLAYBOOK, goal)]
        assert len(sources) == len(set(sources)), goal


async def test_law_01_the_machine_calls_guards_intent_writes_and_arrival_in_this_order() -> None:
    maker = Maker()
    machine = ours(maker)
    assert await machine.step() is True
    assert maker.calls == ["admit declare", "intend declare", "make declare", "arrive declare"]
    assert machine.status is FAILOVER


async def test_law_01_one_event_leads_all_the_way_to_its_goal_by_the_shortest_route() -> None:
    maker = Maker()
    machine = ours(maker, Status.ONBOARDING)
    while machine.status is not ACTIVE:
        assert await machine.step()
    assert [call for call in maker.calls if call.startswith("make")] == [
        "make enroll",
        "make declare",
        "make activate",
    ]


# Conditions


async def test_the_library_takes_a_truthy_object_for_a_refusal() -> None:
    model = Model()
    machine = theirs(model, **transition_of_the_library(conditions=[lambda _event: object()]))
    assert await machine.events["go"].trigger(model) is False
    assert model.state == "A"


async def test_our_guards_decision_reaches_the_machine_as_a_real_bool() -> None:
    """`Decision.go` is what admit returns: a list or an object there would refuse every transition without a word."""
    b = bench()
    await b.drive(ACTIVE, End.DONE)
    assert all(type(decision.go) is bool for _, decision in b.engine.evaluator.decisions)


# Slots


async def test_the_library_runs_two_callbacks_of_one_slot_at_once() -> None:
    seen: list[str] = []

    async def first(event: object) -> None:
        seen.append("first begins")
        await asyncio.sleep(0)
        seen.append("first ends")

    async def second(event: object) -> None:
        seen.append("second begins")

    model = Model()
    machine = theirs(model, **transition_of_the_library(before=[first, second]))
    await machine.events["go"].trigger(model)
    assert seen == ["first begins", "second begins", "first ends"]


async def test_our_transitions_have_one_callback_in_each_slot() -> None:
    machine = ours(Maker())._machine
    assert (len(machine.before_state_change), len(machine.after_state_change)) == (1, 1)
    for transitions in machine.events["to_ACTIVE"].transitions.values():
        for transition in transitions:
            assert (len(transition.conditions), len(transition.before), len(transition.after)) == (1, 1, 0)


@pytest.mark.parametrize("slot", ["prepare_event", "finalize_event", "on_exception", "on_final"])
async def test_our_machine_leaves_the_slots_that_swallow_errors_empty(slot: str) -> None:
    assert getattr(ours(Maker())._machine, slot) == []


async def test_our_states_do_nothing_on_the_way_in_or_out() -> None:
    for state in ours(Maker())._machine.states.values():
        assert (state.on_enter, state.on_exit) == ([], [])


# Errors


async def _fail(event: object) -> None:
    raise RuntimeError("boom")


@pytest.mark.parametrize("slot", ["conditions", "before"])
async def test_the_library_leaves_the_state_when_a_callback_up_to_before_fails(slot: str) -> None:
    model = Model()
    machine = theirs(model, **transition_of_the_library(**{slot: [_fail]}))
    with pytest.raises(RuntimeError):
        await machine.events["go"].trigger(model)
    assert model.state == "A"


@pytest.mark.parametrize(("slot", "state"), [("before_state_change", "A"), ("after_state_change", "B")])
async def test_the_library_has_moved_already_only_when_after_state_change_fails(
    slot: str, state: str
) -> None:
    model = Model()
    machine = theirs(model, **{slot: [_fail]})
    with pytest.raises(RuntimeError):
        await machine.events["go"].trigger(model)
    assert model.state == state


async def test_the_library_swallows_an_error_in_finalize_event() -> None:
    model = Model()
    machine = theirs(model, finalize_event=[_fail])
    assert await machine.events["go"].trigger(model) is True


async def test_the_library_swallows_every_error_where_on_exception_is_set() -> None:
    seen: list[object] = []

    async def note(event: Any) -> None:
        seen.append(event.error)

    model = Model()
    machine = theirs(model, on_exception=[note], **transition_of_the_library(before=[_fail]))
    assert not await machine.events["go"].trigger(model)
    assert len(seen) == 1


async def test_the_library_has_moved_already_when_on_enter_fails() -> None:
    model = Model()
    machine = theirs(model)
    machine.get_state("B").add_callback("enter", _fail)
    with pytest.raises(RuntimeError):
        await machine.events["go"].trigger(model)
    assert model.state == "B"


async def test_an_error_in_our_intent_leaves_the_position_and_makes_nothing() -> None:
    def full(transition: Transition) -> None:
        raise OSError("disk full")

    maker = Maker(intends=full)
    machine = ours(maker)
    with pytest.raises(OSError, match="disk full"):
        await machine.step()
    assert machine.status is PASSIVE
    assert maker.calls == ["admit declare", "intend declare"]


@pytest.mark.parametrize(("act", "left_at"), [("admits", PASSIVE), ("makes", PASSIVE), ("arrives", FAILOVER)])
async def test_an_error_is_raised_and_leaves_the_position_unless_it_has_arrived(
    act: str, left_at: Status
) -> None:
    def lost(transition: Transition) -> None:
        raise OSError("no way out")

    machine = ours(replace(Maker(), **{act: lost}))
    with pytest.raises(OSError, match="no way out"):
        await machine.step()
    assert machine.status is left_at


# Cancellation


async def test_the_library_turns_cancellation_into_false() -> None:
    model = Model()
    started = asyncio.Event()

    async def wait(event: object) -> None:
        started.set()
        await asyncio.Event().wait()

    machine = theirs(model, **transition_of_the_library(before=[wait]))
    task = asyncio.ensure_future(machine.events["go"].trigger(model))
    await started.wait()
    task.cancel()
    assert await task is False


async def test_our_step_raises_cancellation() -> None:
    started = asyncio.Event()

    async def wait(transition: Transition) -> None:
        started.set()
        await asyncio.Event().wait()

    machine = ours(Maker(makes=wait))
    await cancelled(machine.step(), started)
    assert machine.status is PASSIVE


async def test_our_step_raises_cancellation_during_guards_too() -> None:
    """Without that, a cancelled guard would read as a refusal, with exit code 3 and nothing said."""
    started = asyncio.Event()

    class Slow(Maker):
        async def evaluate(self, transition: Transition) -> bool:
            started.set()
            await asyncio.Event().wait()
            return True

    machine = ours(Slow())
    await cancelled(machine.step(), started)


async def test_the_library_cancels_the_first_trigger_when_a_second_one_comes() -> None:
    model = Model()
    started, finished = asyncio.Event(), asyncio.Event()

    async def before(event: object) -> None:
        if not started.is_set():
            started.set()
            await finished.wait()

    machine = theirs(
        model,
        transitions=[
            {"trigger": "go", "source": "A", "dest": "B", "before": [before]},
        ],
    )
    first = asyncio.ensure_future(machine.events["go"].trigger(model))
    await started.wait()
    assert await machine.events["go"].trigger(model) is True
    assert await first is False


# Falling through


async def test_the_library_falls_through_from_a_refused_transition_to_the_next() -> None:
    model = Model()
    machine = theirs(
        model,
        transitions=[
            {"trigger": "go", "source": "A", "dest": "B", "conditions": [lambda _event: False]},
            {"trigger": "go", "source": "A", "dest": "C"},
        ],
    )
    assert await machine.events["go"].trigger(model) is True
    assert model.state == "C"


async def test_a_transition_that_is_refused_stays_refused_and_no_other_is_tried() -> None:
    maker = Maker(admits=lambda _transition: False)
    machine = ours(maker, FAILOVER)
    assert await machine.step() is False
    assert maker.calls == ["admit activate"], "abort leads from FAILOVER too, and must not be tried"
    assert machine.status is FAILOVER


# Strings and attributes


async def test_the_library_imports_and_calls_a_dotted_string(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted_by_yaml.py").write_text("called = []\ndef go(event):\n    called.append(1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    model = Model()
    machine = theirs(model, **transition_of_the_library(before=["planted_by_yaml.go"]))
    await machine.events["go"].trigger(model)
    assert sys.modules["planted_by_yaml"].called == [1]
    monkeypatch.delitem(sys.modules, "planted_by_yaml")


async def test_our_machine_is_given_functions_only_whatever_transitions_are_called() -> None:
    planted = Playbook(
        "p", (Transition("os.getcwd", PASSIVE, FAILOVER, guards=("os.getcwd",)),), (PASSIVE, FAILOVER)
    )
    machine = Machine(planted, FAILOVER, Maker(), PASSIVE)._machine
    for transition in machine.events["to_FAILOVER"].transitions["PASSIVE"]:
        assert all(callable(condition.func) for condition in transition.conditions)
        assert all(callable(act) for act in transition.before)


async def test_the_library_puts_attributes_on_a_model() -> None:
    model = Model()
    theirs(model)
    assert {"go", "may_go", "is_A"} <= set(vars(model))


async def test_our_machine_gets_no_attributes_but_its_state() -> None:
    added = {*dir(ours(Maker()))} - {*dir(Machine)}
    assert added == {"_executor", "_event", "_machine", "_transitions", "state"}


async def test_a_half_done_transition_is_entered_where_it_begins() -> None:
    maker = Maker()
    machine = ours(maker, FAILOVER)
    assert machine.status is FAILOVER
    assert await machine.step()
    assert machine.status is ACTIVE


async def test_the_librarys_logger_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    async def lost(transition: Transition) -> None:
        raise OSError("no way out")

    machine = ours(Maker(makes=lost))
    with caplog.at_level(logging.DEBUG), pytest.raises(OSError, match="no way out"):
        await machine.step()
    assert [record for record in caplog.records if record.name.startswith("transitions")] == []
