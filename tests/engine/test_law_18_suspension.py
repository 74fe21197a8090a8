"""Law 18: after a suspension, a hook or a question nothing is trusted that was read before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.engine.writer import Writer
from orchestrator.model.events import (
    ClockDistrusted,
    Event,
    GuardsJudged,
    MirrorFound,
    ProbesRead,
    TransitionIntended,
    WriteAnswered,
    WriteIntended,
)
from orchestrator.model.guard import Compared, Guard, Metric, Probe, Unmeasured
from orchestrator.model.org import Mirrors
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import NotSent
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Role, Status
from tests.playbooks import changed

from .beside import Beside, guarded, hooked, measuring, program
from .fake import SERVER_ADVANCES, Died, P, S, bench, dies, record, resumed

pytestmark = pytest.mark.anyio

ACTIVE, FAILOVER, PASSIVE = Status.ACTIVE, Status.FAILOVER, Status.PASSIVE


def on_both_transitions() -> Playbook:
    """The same probe is asked for by both transitions of the way out."""
    return changed(guarded("declare"), "activate", guards=("seen",))


async def test_law_18_everything_is_read_again_after_an_after_hook_however_short() -> None:
    beside = measuring(12.0)
    beside.programs.takes = 0.5
    b = beside.bench(hooked("declare", after=(program("short"),), playbook=on_both_transitions()))
    at: list[tuple[int, int]] = []
    beside.programs.on_run = lambda _name: at.append((len(b.world.log), len(beside.prober.taken)))
    await b.drive(Status.ACTIVE, End.DONE)
    ((requests, probes),) = at
    assert b.world.log[requests : requests + 3] == ["GET primary", "GET secondary", "POST secondary ACTIVE"]
    assert len(beside.prober.taken) > probes


async def test_law_18_everything_is_read_again_after_a_hook_that_an_earlier_process_owed() -> None:
    beside = Beside()
    beside.programs.takes = 0.5
    playbook = hooked("declare", after=(program("short"),))
    dead = await dies(
        beside.bench(playbook),
        Status.ACTIVE,
        lambda event: event.kind == "transition.made",
    )
    again = resumed(dead)
    at: list[int] = []
    beside.programs.on_run = lambda _name: at.append(len(again.world.log))
    await again.drive(Status.ACTIVE, End.DONE)
    (requests,) = at
    assert again.world.log[requests : requests + 3] == [
        "GET primary",
        "GET secondary",
        "POST secondary ACTIVE",
    ]


async def test_law_18_a_probe_from_before_a_before_hook_is_not_trusted_for_the_next_transition() -> None:
    beside = measuring(12.0, 0.0)
    b = beside.bench(hooked("declare", before=(program("short"),), playbook=on_both_transitions()))
    await b.drive(Status.ACTIVE, End.INCOMPLETE, saying="agents is 0; wanted above 0")


async def test_law_18_an_answer_that_came_in_during_a_suspension_is_asked_for_again() -> None:
    beside = measuring(12.0, 12.0, 0.0)
    beside.prober.takes = 6.0
    b = beside.bench(guarded("declare"))

    def suspend(_probe: Probe) -> None:
        # The first answer has grown old by itself, and is not what this is about.
        if len(beside.prober.taken) == 2:
            beside.clock.wall += timedelta(hours=1)

    beside.prober.on_take = suspend
    await b.drive(Status.ACTIVE, End.REFUSED, saying="agents is 0; wanted above 0")


async def test_law_18_an_answer_that_was_there_long_before_it_was_heard_is_asked_for_again() -> None:
    """The process was stopped, and both its clocks went on: no probe takes longer than its time-out."""
    beside = measuring(12.0, 0.0)
    b = beside.bench(guarded("declare"))

    def stop_once(_probe: Probe) -> None:
        beside.prober.takes = 60.0 if len(beside.prober.taken) == 1 else 0.1

    beside.prober.on_take = stop_once
    await b.drive(Status.ACTIVE, End.REFUSED, saying="agents is 0; wanted above 0")
    assert b.world.posts() == []


async def test_law_18_what_was_measured_before_a_suspension_is_measured_again_after_it() -> None:
    """One probe is there, and the machine sleeps while the other one is still asked."""
    beside = Beside()
    beside.prober.values = {"agents": [12.0, 12.0, 0.0], "hosts": [12.0]}
    beside.prober.takes = 3.0
    hosts = Probe("hosts", Metric(S, "sum:hosts{*}"))
    playbook = changed(guarded("declare"), "declare", guards=("seen", "hosted"))
    playbook = replace(
        playbook,
        probes={**playbook.probes, "hosts": hosts},
        guards={**playbook.guards, "hosted": Guard("hosted", Compared("hosts", above=0.0))},
    )
    b = beside.bench(playbook)

    def suspend(probe: Probe) -> None:
        # The first answers have grown old by themselves, and are not what this is about.
        if probe.name == "hosts" and len(beside.prober.taken) == 4:
            beside.clock.wall += timedelta(hours=1)

    beside.prober.on_take = suspend
    await b.drive(Status.ACTIVE, End.REFUSED, saying="agents is 0; wanted above 0")
    assert b.world.posts() == []


async def test_a_probe_that_always_takes_long_is_not_asked_for_ever() -> None:
    beside = measuring(None)
    beside.prober.takes = 9.0
    b = beside.bench(guarded("declare"))
    await b.drive(Status.ACTIVE, End.REFUSED)
    assert len(beside.prober.taken) <= 3
    (*_, read) = b.notes.of(ProbesRead)
    assert isinstance(read.readings[0].sight, Unmeasured)


async def test_law_07_an_emergencys_after_hooks_survive_a_crash_though_the_other_org_is_back() -> None:
    """The transition was made by its survivor alone; its process died before it could say so."""
    beside = Beside()
    b = beside.bench(hooked("activate", after=(program("flip"),)), mode=Mode.EMERGENCY, dark=P)
    confirmed: list[Event] = []

    def last(event: Event) -> bool:
        confirmed.extend([event] if event.kind == "write.confirmed" else [])
        return len(confirmed) == 2

    b.notes.crash_at = last
    with pytest.raises(Died):
        await b.engine.drive(Status.ACTIVE)
    assert beside.programs.run_ == []
    del b.world.sights[P]
    again = resumed(b, mode=Mode.EMERGENCY)
    await again.drive(Status.ACTIVE, End.DONE)
    assert beside.programs.run_ == ["flip"]


async def test_law_07_after_hooks_survive_a_crash_in_a_transition_that_was_found_half_made() -> None:
    """The secondary stood at the target already; the write to the primary is this run's only one."""
    beside = Beside()
    b = beside.bench(hooked("declare", after=(program("flip"),)))
    b.world.records[S] = record(S, Status.FAILOVER, at=beside.clock.now())
    b.notes.crash_at = lambda event: event.kind == "write.confirmed"
    with pytest.raises(Died):
        await b.engine.drive(Status.ACTIVE)
    again = resumed(b)
    await again.drive(Status.ACTIVE, End.DONE)
    assert beside.programs.run_ == ["flip"]


@pytest.mark.parametrize("jump", [3.0, 7200.0, -3.0, -7200.0], ids=["+3 s", "+2 h", "-3 s", "-2 h"])
async def test_law_18_where_the_clocks_disagree_everything_is_read_again_before_the_next_write(
    jump: float,
) -> None:
    """A suspended laptop: the wall clock went on, the monotonic one stood still."""
    b = bench()

    def suspend(event: Event) -> None:
        if isinstance(event, TransitionIntended) and event.transition == "declare":
            b.clock.wall += timedelta(seconds=jump)

    b.notes.on_tell = suspend
    await b.drive(FAILOVER, End.DONE)
    (distrusted, *_) = b.notes.of(ClockDistrusted)
    assert distrusted.wall_seconds - distrusted.monotonic_seconds == pytest.approx(jump)
    assert b.world.log[:5] == [
        "GET primary",
        "GET secondary",
        "GET primary",
        "GET secondary",
        "POST secondary FAILOVER",
    ]


async def test_law_18_a_check_is_as_old_as_the_clock_that_says_more_while_its_intent_is_written() -> None:
    """Six seconds by the wall clock, four and a half by the other: so little apart the two are believed."""
    b = bench()

    def slow_disk(event: Event) -> None:
        if isinstance(event, WriteIntended) and len(b.notes.intents()) == 1:
            b.clock.advance(4.5)
            b.clock.wall += timedelta(seconds=1.5)

    b.notes.on_tell = slow_disk
    await b.drive(FAILOVER, End.DONE)
    assert b.notes.of(ClockDistrusted) == []
    assert isinstance(b.notes.of(WriteAnswered)[0].answer, NotSent)
    assert b.world.log[2:5] == ["GET primary", "GET secondary", "POST secondary FAILOVER"]


async def test_law_18_a_stranger_during_the_suspension_is_seen_before_the_next_write() -> None:
    b = bench()

    def suspend(event: Event) -> None:
        if isinstance(event, TransitionIntended) and event.transition == "activate":
            b.clock.wall += timedelta(hours=2)
            b.world.foreign(P, Status.RECOVERY)

    b.notes.on_tell = suspend
    await b.drive(ACTIVE, End.MOVED)
    assert len(b.world.posts()) == 2


async def test_law_18_no_guard_is_judged_on_a_look_during_which_the_machine_slept() -> None:
    b = bench()
    looks: list[int] = []
    judged_after: list[int] = []

    def suspend(role: Role) -> None:
        if role is S and len(looks) < 2:
            looks.append(1)
            b.clock.wall += timedelta(seconds=20)

    def count(event: Event) -> None:
        if isinstance(event, GuardsJudged):
            judged_after.append(b.world.log.count("GET primary"))

    b.world.before_read, b.notes.on_tell = suspend, count
    await b.drive(FAILOVER, End.DONE)
    assert judged_after == [3]


async def test_law_18_a_stalled_step_is_distrusted_too() -> None:
    b = bench()

    def stall(event: Event) -> None:
        if isinstance(event, TransitionIntended) and event.transition == "activate":
            b.clock.advance(60)
            b.world.foreign(S, Status.RECOVERY)

    b.notes.on_tell = stall
    await b.drive(ACTIVE, End.MOVED)
    assert b.notes.of(ClockDistrusted) == []


@pytest.mark.parametrize("hours", [2, -2])
async def test_law_18_a_suspension_between_intent_and_request_sends_nothing_on_the_old_look(
    hours: int,
) -> None:
    """Nor where the time was set back meanwhile: how old the look is, nobody knows then."""
    b = bench()
    once: list[int] = []

    def suspend(event: Event) -> None:
        if type(event).__name__ == "WriteIntended" and not once:
            once.append(1)
            b.clock.wall += timedelta(hours=hours)
            b.world.foreign(S, Status.RECOVERY)

    b.notes.on_tell = suspend
    await b.drive(ACTIVE, End.MOVED)
    assert b.world.posts() == []
    assert [type(event.answer).__name__ for event in b.notes.of(WriteAnswered)] == ["NotSent"]


async def test_law_18_clocks_that_agree_to_a_second_are_trusted() -> None:
    b = bench()
    b.notes.on_tell = lambda event: setattr(
        b.clock,
        "wall",
        b.clock.wall + timedelta(seconds=1.5 if isinstance(event, TransitionIntended) else 0),
    )
    await b.drive(FAILOVER, End.DONE)
    assert b.notes.of(ClockDistrusted) == []


async def test_law_11_every_write_of_a_run_is_asked_for_on_the_look_that_it_is_sent_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    b = bench()
    asked: list[tuple[str, str]] = []
    ask = Writer._check_prefix

    def note(self: Writer, transition: object, role: object) -> None:
        asked.append((str(role), b.world.log[-1]))
        ask(self, transition, role)  # type: ignore[arg-type]

    monkeypatch.setattr(Writer, "_check_prefix", note)
    await b.drive(ACTIVE, End.DONE)
    assert asked == [(role, "GET secondary") for role in ("secondary", "primary") * 2]


async def test_law_11_a_server_that_ran_ahead_on_the_other_org_does_not_make_it_diverge() -> None:
    b = bench(playbook=SERVER_ADVANCES)

    def ahead(_draft: object) -> None:
        if len(b.world.posts()) == 1:
            b.world.foreign(S, ACTIVE, "datadog")

    b.world.after_write = ahead
    b.clock.on_sleep.append(
        lambda: b.world.foreign(P, ACTIVE, "datadog") if b.world.statuses()[0] is FAILOVER else None
    )
    await b.drive(ACTIVE, End.DONE)
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER"]


async def test_law_04_no_pair_is_said_to_stand_where_the_server_has_moved_on_from() -> None:
    b = bench(playbook=SERVER_ADVANCES)
    b.world.after_write = lambda draft: b.world.foreign(draft.role, ACTIVE, "datadog")
    ending = await b.drive(FAILOVER, End.DONE)
    assert b.world.statuses() == (ACTIVE, ACTIVE)
    assert ending.message == "pair payments came to FAILOVER, and the server has moved it on to ACTIVE"


async def test_waiting_for_a_mirror_happens_once_and_its_answer_is_kept() -> None:
    b = bench(mirrors=Mirrors.AUTO)
    began = b.clock.monotonic()
    await b.drive(ACTIVE, End.DONE)
    (found,) = b.notes.of(MirrorFound)
    assert found.mirrors is False
    assert 3.0 <= b.clock.monotonic() - began < 4.5
