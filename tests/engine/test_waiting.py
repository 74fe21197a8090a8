"""Guards over probes, and waiting for them: beside the readings, under the lock, and never on an old situation or answer."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct, field

from orchestrator.engine.context import RunContext, RunServices
from orchestrator.engine.predicted import NobodyAgreed, NonInteractive, NothingRun
from orchestrator.engine.probing import Probing
from orchestrator.engine.reader import PairReader
from orchestrator.model import events
from orchestrator.model.guard import IfUnknown, Measured, Metric, Outcome, Probe, ProbeReading
from orchestrator.model.playbook import Reply
from orchestrator.model.reading import Unreachable
from orchestrator.model.run import End, Mode, Operator
from orchestrator.model.status import Status
from orchestrator.situation.state import RunState
from tests.clock import HandClock as StillClock

from .beside import AGENTS, Beside, guarded, measuring
from .fake import PLAYBOOK, RUN, FakeWorld, Notes, P, S, pair, record, resumed

pytestmark = pytest.mark.anyio


async def test_a_guard_over_a_probe_lets_the_transition_go_when_its_value_is_as_wanted() -> None:
    beside = measuring(12.0)
    b = beside.bench(guarded())
    await b.drive(Status.ACTIVE, End.DONE)
    verdict = b.notes.of(events.GuardsJudged)[1].verdicts[-1]
    assert (verdict.guard, verdict.outcome, verdict.reason) == ("seen", Outcome.PASS, "agents is 12, above 0")
    (read,) = b.notes.of(events.ProbesRead)
    assert (read.transition, read.readings[0].probe) == ("activate", "agents")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0.0, "agents is 0; wanted above 0"),
        (None, "agents could not be read: no data in the last 5 min"),
        ("much", "agents is much, which is no number; this guard wants above 0"),
    ],
)
async def test_law_08_a_probe_that_does_not_say_so_refuses(value: float | str | None, reason: str) -> None:
    beside = measuring(value)
    b = beside.bench(guarded("declare"))
    ending = await b.drive(Status.ACTIVE, End.REFUSED)
    assert reason in ending.message
    assert b.world.posts() == []


async def test_probes_are_read_beside_the_read_back_before_their_transition() -> None:
    """No look, and no probe, comes between the last write of a transition and the first one of the next."""
    beside = measuring(12.0)
    b = beside.bench(guarded())
    seen: list[int] = []
    beside.prober.on_take = lambda _probe: seen.append(len(b.world.log))
    await b.engine.drive(Status.ACTIVE)
    reads = [line for line in b.world.log if line.startswith("GET")]
    posts = [number for number, line in enumerate(b.world.log) if line.startswith("POST")]
    # Both GETs of a look, once at the start and once after each of the four writes: 1 + 4N round trips.
    assert len(reads) == 10
    assert len(beside.prober.taken) == 1
    assert posts[1] < seen[0] <= posts[1] + 3


async def test_law_03_probes_and_orgs_are_read_anew_when_they_have_grown_old() -> None:
    beside = measuring(12.0)
    beside.prober.takes = 7.0
    b = beside.bench(guarded("declare"))
    await b.drive(Status.ACTIVE, End.DONE)
    verdicts = b.notes.of(events.GuardsJudged)[0].verdicts
    assert [verdict.outcome for verdict in verdicts if verdict.guard == "fresh"] == [Outcome.PASS]
    purposes = [event.purpose for event in b.notes.of(events.SituationRead)]
    assert purposes[:2] == ["start", "transition"]


async def test_the_first_transitions_probes_are_read_beside_the_first_look() -> None:
    beside = measuring(12.0)
    b = beside.bench(guarded("declare"))
    asked: list[str] = []
    beside.prober.on_take = lambda _probe: asked.extend(b.notes.kinds())
    await b.drive(Status.ACTIVE, End.DONE)
    assert asked == [], "before anything was journalled, the first look included"
    assert len(beside.prober.taken) == 1


async def test_the_run_waits_for_a_guard_that_may_be_waited_for() -> None:
    beside = measuring(0.0, 0.0, 3.0)
    b = beside.bench(guarded("declare", within=60))
    await b.drive(Status.ACTIVE, End.DONE)
    (began,) = b.notes.of(events.WaitBegan)
    (ended,) = b.notes.of(events.WaitEnded)
    assert (began.transition, began.guards, began.seconds) == ("declare", ("seen",), 60.0)
    assert ended.passed
    assert ended.seconds == pytest.approx(6.0, abs=0.1)
    waits = [event for event in b.notes.of(events.Waiting) if event.what.startswith("seen")]
    assert {event.what for event in waits} == {"seen (agents is 0; wanted above 0)"}
    assert [event.seconds for event in waits] == pytest.approx([60.0, 59.0, 58.0, 57.0, 56.0, 55.0], abs=0.1)
    assert b.engine.run.state.waited == pytest.approx(6.0, abs=0.1)


async def test_a_wait_says_what_the_guards_show_and_says_it_again_where_that_changes() -> None:
    beside = measuring(0.0, 0.0, -1.0, 3.0)
    b = beside.bench(guarded("declare", within=60))
    await b.drive(Status.ACTIVE, End.DONE)
    (began,), (continued,) = b.notes.of(events.WaitBegan), b.notes.of(events.WaitContinued)
    assert [verdict.reason for verdict in began.verdicts] == ["agents is 0; wanted above 0"]
    assert [verdict.reason for verdict in continued.verdicts] == ["agents is -1; wanted above 0"]
    assert continued.transition == "declare"


async def test_each_org_that_is_asked_and_each_answer_is_told_by_itself() -> None:
    beside = Beside()
    b = beside.bench(PLAYBOOK)
    b.world.glitches[P] = [Unreachable("no answer for 10 s")]
    await b.drive(Status.ACTIVE, End.DONE)
    look = b.notes.events[: b.notes.events.index(b.notes.of(events.SituationRead)[0])]
    told = [
        (event.role, "asked") if isinstance(event, events.OrgAsked) else (event.reading.role, "answered")
        for event in look
        if isinstance(event, events.OrgAsked | events.OrgAnswered)
    ]
    assert [what for role, what in told if role is P] == ["asked", "answered", "asked", "answered"]
    assert [what for role, what in told if role is S] == ["asked", "answered"]
    assert {event.seconds for event in b.notes.of(events.OrgAsked)} == {10.0}


async def test_law_03_everything_is_read_again_before_the_transition_fires_after_a_wait() -> None:
    beside = measuring(0.0, 3.0)
    b = beside.bench(guarded("declare", within=60))
    before: list[int] = []
    b.clock.on_sleep.append(lambda: before.append(len(b.world.log)))
    await b.engine.drive(Status.ACTIVE)
    assert b.world.log[before[0] : before[0] + 2] == ["GET primary", "GET secondary"]


async def test_law_03_somebody_who_writes_during_a_wait_stops_the_run() -> None:
    beside = measuring(0.0)
    b = beside.bench(guarded("declare", within=60))
    b.clock.on_sleep.append(lambda: b.world.foreign(S, Status.RECOVERY))
    await b.drive(Status.ACTIVE, End.MOVED)
    assert b.world.posts() == []
    assert [event.passed for event in b.notes.of(events.WaitEnded)] == [False]


async def test_a_wait_ends_as_a_refusal_when_its_time_is_up() -> None:
    beside = measuring(0.0)
    b = beside.bench(guarded("declare", within=60))
    await b.drive(Status.ACTIVE, End.REFUSED)
    assert [event.seconds for event in b.notes.of(events.WaitEnded)] == pytest.approx([60.0], abs=0.1)
    assert b.world.posts() == []


async def test_nothing_is_waited_for_while_another_guard_refuses() -> None:
    beside = measuring(0.0)
    b = beside.bench(guarded("declare", within=60))
    b.world.foreign(P, Status.PASSIVE, "carol+hamr-20261122-025900-zzzz-1@bastion")
    await b.drive(Status.ACTIVE, End.REFUSED)
    assert b.notes.of(events.WaitBegan) == []


async def test_a_wait_can_be_interrupted_and_resumed() -> None:
    beside = measuring(0.0)
    b = beside.bench(guarded("declare", within=60))
    b.clock.on_sleep.append(lambda: b.engine.ask_to_stop("asked"))
    await b.drive(Status.ACTIVE, End.INTERRUPTED)
    assert b.engine.run.state.waiting is True
    b.clock.on_sleep.clear()
    beside.prober.values["agents"] = [5.0]
    again = resumed(b)
    await again.drive(Status.ACTIVE, End.DONE)


async def test_a_person_who_wants_the_run_to_stop_does_not_wait_for_the_next_look() -> None:
    """The guard may take 10 minutes, so it is looked at every 15 seconds; the stop comes within one."""
    beside = measuring(0.0)
    b = beside.bench(guarded("declare", within=600))
    began = b.clock.monotonic()
    b.clock.on_sleep.append(lambda: b.engine.ask_to_stop("asked"))
    await b.drive(Status.ACTIVE, End.INTERRUPTED)
    assert b.clock.monotonic() - began == pytest.approx(1.0, abs=0.1)


async def test_law_07_guards_of_a_half_made_transition_are_neither_waited_nor_asked_for() -> None:
    beside = measuring(None)
    b = beside.bench(guarded("declare", within=60, if_unknown=IfUnknown.ASK))
    b.world.records[S] = record(S, Status.FAILOVER, at=beside.clock.now())
    await b.drive(Status.FAILOVER, End.DONE)
    assert b.notes.of(events.WaitBegan) == []
    assert beside.people.questions == []


async def test_unknown_ask_asks_a_person_and_journals_the_answer() -> None:
    beside = measuring(None)
    beside.people.replies = [Reply(True, "the dashboard shows them")]
    b = beside.bench(guarded("declare", if_unknown=IfUnknown.ASK))
    await b.drive(Status.ACTIVE, End.DONE)
    (overridden,) = b.notes.of(events.GuardOverridden)
    assert (overridden.verdict.guard, overridden.reason) == ("seen", "the dashboard shows them")
    (answered,) = b.notes.of(events.PersonAnswered)
    assert answered.reply == Reply(True, "the dashboard shows them")


@pytest.mark.parametrize("replies", [[], [Reply(False)]], ids=["nobody", "no"])
async def test_law_08_without_a_yes_the_unknown_refuses(replies: list[Reply]) -> None:
    beside = measuring(None)
    beside.people.replies = replies
    b = beside.bench(guarded("declare", if_unknown=IfUnknown.ASK))
    await b.drive(Status.ACTIVE, End.REFUSED)
    assert b.world.posts() == []


async def test_law_08_a_guard_that_fails_after_the_question_refuses_all_the_same() -> None:
    """What was accepted is not to know; a "no" that is known by now is another thing."""
    beside = measuring(None, 0.0)
    beside.people.replies = [Reply(True, "go on")]
    b = beside.bench(guarded("declare", if_unknown=IfUnknown.ASK))
    await b.drive(Status.ACTIVE, End.REFUSED)


@pytest.mark.parametrize(
    ("transition", "taken"),
    [("declare", [("agents", 2.0)]), ("activate", [])],
    ids=["first transition", "a later transition"],
)
async def test_law_09_a_probe_of_the_dead_org_has_its_deadline_and_is_waived(
    transition: str, taken: list[tuple[str, float]]
) -> None:
    """It is asked beside the first look, before anybody knows that the org is dead, and never again."""
    probe = Probe("agents", Metric(P, "sum:datadog.agent.running{*}"))
    beside = Beside()
    b = beside.bench(guarded(transition, probe=probe), mode=Mode.EMERGENCY, dark=P)
    await b.drive(Status.ACTIVE, End.OWING)
    assert "seen" in [event.verdict.guard for event in b.notes.of(events.GuardWaived)]
    assert beside.prober.taken == taken


async def test_law_09_a_probe_of_the_survivor_is_not_waived() -> None:
    beside = Beside()
    b = beside.bench(guarded("declare"), mode=Mode.EMERGENCY, dark=P)
    await b.drive(Status.ACTIVE, End.REFUSED)
    assert b.world.posts() == []


async def test_an_override_is_not_waited_for() -> None:
    beside = measuring(0.0)
    b = beside.bench(guarded("declare", within=60), overrides={"seen": "CHG-1"})
    await b.drive(Status.ACTIVE, End.DONE)
    assert b.notes.of(events.WaitBegan) == []


async def test_law_18_probes_are_not_trusted_after_a_suspension() -> None:
    beside = measuring(12.0)
    b = beside.bench(guarded("activate"))

    def suspend(event: object) -> None:
        if isinstance(event, events.TransitionMade) and event.transition == "declare":
            b.clock.wall = b.clock.wall.replace(hour=b.clock.wall.hour + 1)

    b.notes.on_tell = suspend
    await b.drive(Status.ACTIVE, End.DONE)
    assert [name for name, _ in beside.prober.taken] == [AGENTS.name, AGENTS.name]
    assert [event.transition for event in b.notes.of(events.TransitionIntended)] == ["declare", "activate"]


# Probes of different speeds, in time that passes for all of them at once


class SharedClock(Struct):
    """Time passes when everybody waits: then whoever is due first goes on."""

    seconds: float = 1000.0
    due: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.due, (self.seconds + seconds, len(self.due) + id(future), future))
        await future

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let time pass until the work is done."""
        task = asyncio.create_task(work)
        while not task.done():
            for _ in range(50):
                await asyncio.sleep(0)
            if not task.done() and self.due:
                at, _, future = heapq.heappop(self.due)
                self.seconds = max(self.seconds, at)
                future.set_result(None)
        return task.result()


class SlowProber(Struct):
    """Each probe takes as long as its name says."""

    clock: SharedClock
    taken: list[str] = field(default_factory=list)

    async def take(self, probe: Probe, *, within: float | None = None) -> ProbeReading:
        self.taken.append(probe.name)
        began = self.clock.monotonic()
        await self.clock.sleep(float(probe.name))
        return ProbeReading(
            probe.name,
            Measured(1.0),
            self.clock.now(),
            self.clock.monotonic(),
            self.clock.monotonic() - began,
        )


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("seconds", "takes", "reads"),
    [
        ((0.05,) * 10, 0.05, 10),
        ((25.0,), 25.0, 1),
        ((4.0, 25.0), 29.0, 3),
        ((11.0, 25.0), 50.0, 4),
        ((1.0, 7.0, 13.0, 26.0), 52.0, 8),
    ],
    ids=["ten quick ones", "one slow one", "a quick and a slow one", "two slow ones", "all kinds"],
)
async def test_law_06_answers_of_probes_are_never_old_whatever_their_speeds(
    seconds: tuple[float, ...], takes: float, reads: int
) -> None:
    clock = SharedClock()
    prober = SlowProber(clock)
    services = RunServices(prober, NothingRun(), NonInteractive(), NobodyAgreed())
    run = RunContext(
        pair(),
        PLAYBOOK,
        Operator("alice", "laptop"),
        RunState(RUN),
        FakeWorld(StillClock()),
        clock,
        Notes(),
        services,
        jitter=lambda: 0.5,
    )
    probing = Probing(run, PairReader(run))
    probes = [
        Probe(f"{each + number * 1e-9:.9f}", Metric(S, "q", timeout=timedelta(minutes=1)))
        for number, each in enumerate(seconds)
    ]
    readings = await clock.run(probing.take(probes))
    assert clock.monotonic() - 1000.0 == pytest.approx(takes, abs=0.01)
    assert len(prober.taken) == reads
    assert all(clock.monotonic() - reading.monotonic <= 5.0 for reading in readings)
