"""Law 18: after a suspension, distrust; and law 11 at every write of a run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.engine.writer import Writer
from orchestrator.model.events import (
    ClockDistrusted,
    Event,
    GuardsJudged,
    MirrorFound,
    TransitionIntended,
    WriteAnswered,
)
from orchestrator.model.org import Mirrors
from orchestrator.model.run import End
from orchestrator.model.status import Role, Status

from .fake import P, S, bench

pytestmark = pytest.mark.anyio

ACTIVE, FAILOVER, PASSIVE = Status.ACTIVE, Status.FAILOVER, Status.PASSIVE


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
    ending = await b.engine.drive(FAILOVER)
    assert ending.end is End.DONE, ending
    (distrusted, *_) = b.notes.of(ClockDistrusted)
    assert distrusted.wall_seconds - distrusted.monotonic_seconds == pytest.approx(jump)
    assert b.world.log[:5] == [
        "GET primary",
        "GET secondary",
        "GET primary",
        "GET secondary",
        "POST secondary FAILOVER",
    ]


async def test_law_18_a_stranger_during_the_suspension_is_seen_before_the_next_write() -> None:
    b = bench()

    def suspend(event: Event) -> None:
        if isinstance(event, TransitionIntended) and event.transition == "activate":
            b.clock.wall += timedelta(hours=2)
            b.world.foreign(P, Status.RECOVERY)

    b.notes.on_tell = suspend
    ending = await b.engine.drive(ACTIVE)
    assert ending.end is End.MOVED
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
    assert (await b.engine.drive(FAILOVER)).end is End.DONE
    assert judged_after == [3]


async def test_law_18_a_stalled_step_is_distrusted_too() -> None:
    b = bench()

    def stall(event: Event) -> None:
        if isinstance(event, TransitionIntended) and event.transition == "activate":
            b.clock.advance(60)
            b.world.foreign(S, Status.RECOVERY)

    b.notes.on_tell = stall
    ending = await b.engine.drive(ACTIVE)
    assert ending.end is End.MOVED
    assert b.notes.of(ClockDistrusted) == []


async def test_law_18_a_suspension_between_intent_and_request_sends_nothing_on_the_old_look() -> None:
    b = bench()
    once: list[int] = []

    def suspend(event: Event) -> None:
        if type(event).__name__ == "WriteIntended" and not once:
            once.append(1)
            b.clock.wall += timedelta(hours=2)
            b.world.foreign(S, Status.RECOVERY)

    b.notes.on_tell = suspend
    ending = await b.engine.drive(ACTIVE)
    assert ending.end is End.MOVED
    assert b.world.posts() == []
    assert [type(event.answer).__name__ for event in b.notes.of(WriteAnswered)] == ["NotSent"]


async def test_law_18_clocks_that_agree_to_a_second_are_trusted() -> None:
    b = bench()
    b.notes.on_tell = lambda event: setattr(
        b.clock,
        "wall",
        b.clock.wall + timedelta(seconds=1.5 if isinstance(event, TransitionIntended) else 0),
    )
    assert (await b.engine.drive(FAILOVER)).end is End.DONE
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
    assert (await b.engine.drive(ACTIVE)).end is End.DONE
    assert asked == [(role, "GET secondary") for role in ("secondary", "primary") * 2]


async def test_law_11_a_server_that_ran_ahead_on_the_other_org_does_not_make_it_diverge() -> None:
    from .fake import SERVER_ADVANCES

    b = bench(playbook=SERVER_ADVANCES)

    def ahead(_draft: object) -> None:
        if len(b.world.posts()) == 1:
            b.world.foreign(S, ACTIVE, "datadog")

    b.world.after_write = ahead
    b.clock.on_sleep.append(
        lambda: b.world.foreign(P, ACTIVE, "datadog") if b.world.statuses()[0] is FAILOVER else None
    )
    ending = await b.engine.drive(ACTIVE)
    assert ending.end is End.DONE, ending
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER"]


async def test_waiting_for_a_mirror_happens_once_and_its_answer_is_kept() -> None:
    b = bench(mirrors=Mirrors.AUTO)
    began = b.clock.monotonic()
    assert (await b.engine.drive(ACTIVE)).end is End.DONE
    (found,) = b.notes.of(MirrorFound)
    assert found.mirrors is False
    assert 3.0 <= b.clock.monotonic() - began < 4.5
