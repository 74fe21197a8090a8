"""Law 18 around a transition: after a hook, a question and a suspension both orgs and the probes are read again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.events import Event, ProbesRead
from orchestrator.model.guard import Compared, Guard, Metric, Probe, Unmeasured
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Unreachable
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Status

from .beside import AGENTS, Beside, guarded, hooked, program
from .fake import Died, FakeWorld, P, S, bench, record, resumed

pytestmark = pytest.mark.anyio


def world(beside: Beside, status: Status = Status.PASSIVE) -> FakeWorld:
    made = FakeWorld(beside.clock)
    made.records = {P: record(P, status), S: record(S, status)}
    return made


def on_both_transitions() -> Playbook:
    """The same probe is asked for by both transitions of the way out."""
    playbook = guarded("declare")
    transitions = tuple(
        replace(transition, guards=("seen",)) if transition.name == "activate" else transition
        for transition in playbook.transitions
    )
    return replace(playbook, transitions=transitions)


async def test_law_18_everything_is_read_again_after_an_after_hook_however_short() -> None:
    beside = Beside()
    beside.prober.values["agents"] = [12.0]
    beside.programs.takes = 0.5
    playbook = hooked("declare", after=(program("short"),), playbook=on_both_transitions())
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    at: list[tuple[int, int]] = []
    beside.programs.on_run = lambda _name: at.append((len(b.world.log), len(beside.prober.taken)))
    assert (await b.engine.drive(Status.ACTIVE)).end is End.DONE
    ((requests, probes),) = at
    assert b.world.log[requests : requests + 3] == ["GET primary", "GET secondary", "POST secondary ACTIVE"]
    assert len(beside.prober.taken) > probes


async def test_law_18_a_probe_from_before_a_before_hook_is_not_trusted_for_the_next_transition() -> None:
    beside = Beside()
    beside.prober.values["agents"] = [12.0, 0.0]
    playbook = hooked("declare", before=(program("short"),), playbook=on_both_transitions())
    b = bench(world=world(beside), playbook=playbook, around=beside.around)
    ending = await b.engine.drive(Status.ACTIVE)
    assert ending.end is End.INCOMPLETE
    assert "agents is 0; wanted above 0" in ending.message


async def test_law_18_an_answer_that_came_in_during_a_suspension_is_asked_for_again() -> None:
    beside = Beside()
    beside.prober.values["agents"] = [12.0, 12.0, 0.0]
    beside.prober.takes = 6.0
    b = bench(world=world(beside), playbook=guarded("declare"), around=beside.around)

    def suspend(_probe: Probe) -> None:
        # The first answer has grown old by itself, and is not what this is about.
        if len(beside.prober.taken) == 2:
            beside.clock.wall += timedelta(hours=1)

    beside.prober.on_take = suspend
    ending = await b.engine.drive(Status.ACTIVE)
    assert ending.end is End.REFUSED
    assert "agents is 0; wanted above 0" in ending.message


async def test_law_18_what_was_measured_before_a_suspension_is_measured_again_after_it() -> None:
    """One probe is there, and the machine sleeps while the other one is still asked."""
    beside = Beside()
    beside.prober.values = {"agents": [12.0, 12.0, 0.0], "hosts": [12.0]}
    beside.prober.takes = 3.0
    hosts = Probe("hosts", Metric(S, "sum:hosts{*}"))
    playbook = guarded("declare")
    playbook = replace(
        playbook,
        probes={**playbook.probes, "hosts": hosts},
        guards={**playbook.guards, "hosted": Guard("hosted", Compared("hosts", above=0.0))},
        transitions=tuple(
            replace(transition, guards=(*transition.guards, "hosted") if transition.guards else ())
            for transition in playbook.transitions
        ),
    )
    b = bench(world=world(beside), playbook=playbook, around=beside.around)

    def suspend(probe: Probe) -> None:
        # The first answers have grown old by themselves, and are not what this is about.
        if probe.name == "hosts" and len(beside.prober.taken) == 4:
            beside.clock.wall += timedelta(hours=1)

    beside.prober.on_take = suspend
    ending = await b.engine.drive(Status.ACTIVE)
    assert ending.end is End.REFUSED
    assert "agents is 0; wanted above 0" in ending.message
    assert b.world.posts() == []


async def test_a_probe_that_always_takes_long_is_not_asked_for_ever() -> None:
    beside = Beside()
    beside.prober.values[AGENTS.name] = [None]
    beside.prober.takes = 9.0
    b = bench(world=world(beside), playbook=guarded("declare"), around=beside.around)
    assert (await b.engine.drive(Status.ACTIVE)).end is End.REFUSED
    assert len(beside.prober.taken) <= 3
    (*_, read) = b.notes.of(ProbesRead)
    assert isinstance(read.readings[0].sight, Unmeasured)


async def test_law_07_an_emergencys_after_hooks_survive_a_crash_though_the_other_org_is_back() -> None:
    """The transition was made by its survivor alone; its process died before it could say so."""
    beside = Beside()
    made = world(beside)
    made.sights[P] = Unreachable("connection refused")
    playbook = hooked("activate", after=(program("flip"),))
    b = bench(world=made, mode=Mode.EMERGENCY, playbook=playbook, around=beside.around)
    confirmed: list[Event] = []

    def last(event: Event) -> bool:
        confirmed.extend([event] if event.kind == "write.confirmed" else [])
        return len(confirmed) == 2

    b.notes.crash_at = last
    with pytest.raises(Died):
        await b.engine.drive(Status.ACTIVE)
    assert beside.programs.run_ == []
    del made.sights[P]
    again = resumed(b, mode=Mode.EMERGENCY, playbook=playbook, around=beside.around)
    ending = await again.engine.drive(Status.ACTIVE)
    assert ending.end is End.DONE, ending
    assert beside.programs.run_ == ["flip"]


async def test_law_07_after_hooks_survive_a_crash_in_a_transition_that_was_found_half_made() -> None:
    """The secondary stood at the target already; the write to the primary is this run's only one."""
    beside = Beside()
    made = world(beside)
    made.records[S] = record(S, Status.FAILOVER, at=beside.clock.now())
    playbook = hooked("declare", after=(program("flip"),))
    b = bench(world=made, playbook=playbook, around=beside.around)
    b.notes.crash_at = lambda event: event.kind == "write.confirmed"
    with pytest.raises(Died):
        await b.engine.drive(Status.ACTIVE)
    again = resumed(b, playbook=playbook, around=beside.around)
    ending = await again.engine.drive(Status.ACTIVE)
    assert ending.end is End.DONE, ending
    assert beside.programs.run_ == ["flip"]
