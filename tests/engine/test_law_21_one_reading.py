"""Law 21: one reading is no verdict. And law 3 from the first look on: what is older than was seen is no reading at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from orchestrator.model.events import (
    ChangeSeen,
    Event,
    SituationRead,
    TransitionIntended,
    TransitionMade,
    WaitEnded,
    WriteConfirmed,
)
from orchestrator.model.floor import Floor
from orchestrator.model.org import Mirrors
from orchestrator.model.protocols import Reader
from orchestrator.model.reading import (
    Absent,
    Change,
    Denied,
    Hampered,
    HamrRecord,
    Present,
    Reading,
    Sight,
    Trouble,
    Unreachable,
    Unreadable,
)
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Role, Status
from orchestrator.operations.session import Session
from orchestrator.operations.status import read_pair
from orchestrator.situation.state import RunState
from tests.clock import START, HandClock
from tests.steps import typed

from .beside import Beside, guarded
from .fake import PLAYBOOK, RUN, UUIDS, Bench, FakeWorld, P, S, bench, dies, record, resumed, started

pytestmark = pytest.mark.anyio

PASSIVE, FAILOVER, ACTIVE, RECOVERY = Status.PASSIVE, Status.FAILOVER, Status.ACTIVE, Status.RECOVERY
BUSY = Unreachable("HTTP 429: Too many requests")
UNTRUSTED = Hampered("its certificate has expired", "compare this machine's clock", Trouble.TRUST)


def seen(*records: HamrRecord) -> RunState:
    """What a new run knows when the journal has seen these records of two orgs."""
    return RunState(RUN, floors={made.org_uuid: Floor(made) for made in records})


def shows(b: Bench, role: Role, made: HamrRecord) -> None:
    b.world.sights[role] = Present(made, Status(made.status))


# One bad answer


@pytest.mark.parametrize("role", [P, S])
async def test_law_21_a_first_answer_that_is_none_is_asked_for_again(role: Role) -> None:
    b = bench()
    b.world.glitches[role] = [BUSY, Unreachable("connection reset"), UNTRUSTED]
    await b.drive(ACTIVE, End.DONE)


@pytest.mark.parametrize("bad", [BUSY, UNTRUSTED])
async def test_law_21_a_survivor_whose_first_answer_is_bad_goes_through_with_its_emergency(
    bad: Sight,
) -> None:
    """Of many nodes behind one name, one may have an old certificate."""
    b = bench(mode=Mode.EMERGENCY, dark=P)
    b.world.glitches[S] = [bad]
    await b.drive(ACTIVE, End.OWING)


@pytest.mark.parametrize(
    ("mode", "sight", "wants"),
    [
        (Mode.PLANNED, UNTRUSTED, "its certificate has expired; compare this machine's clock"),
        (Mode.PLANNED, BUSY, "Too many requests; a planned run needs both orgs"),
        (Mode.EMERGENCY, BUSY, "Too many requests; an emergency needs its survivor"),
    ],
)
async def test_law_21_a_run_that_loses_an_org_midway_says_what_to_do_about_it(
    mode: Mode, sight: Sight, wants: str
) -> None:
    b = bench(mode=mode)
    if mode is Mode.EMERGENCY:
        b.world.sights[P] = Unreachable("connection refused")
    b.world.after_write = lambda _: b.world.sights.update({S: sight})
    assert wants in (await b.engine.drive(ACTIVE)).message


async def test_law_21_it_is_asked_again_on_a_new_connection() -> None:
    """What stood may be dead without anybody here knowing."""
    b = bench()
    b.world.glitches[S] = [BUSY, BUSY]
    read, anew_of = b.world.read, list[bool]()

    async def reading(role: Role, *, within: float | None = None, anew: bool = False) -> Reading:
        if role is S:
            anew_of.append(anew)
        return await read(role, within=within, anew=anew)

    b.world.read = reading  # type: ignore[method-assign]
    await b.engine.reader.read_both("start", once=False)
    assert anew_of == [False, True, True]


async def test_law_21_an_org_that_stays_silent_is_believed_after_a_few_seconds() -> None:
    b = bench()
    b.world.sights[S] = BUSY
    began = b.clock.monotonic()
    await b.drive(ACTIVE, End.REFUSED)
    assert 2 < b.clock.monotonic() - began < 10


@pytest.mark.parametrize(
    "answer",
    [
        BUSY,
        Denied("HTTP 403: Forbidden"),
        Hampered("its name is not known", "look at this machine's network", Trouble.RESOLVER),
        Unreadable("HTTP 200: an HTML page"),
    ],
    ids=lambda answer: type(answer).__name__,
)
async def test_law_21_a_wait_counts_a_failed_look_as_not_yet(answer: Sight) -> None:
    beside = Beside()
    world = FakeWorld(beside.clock)
    world.records = {P: record(P, PASSIVE), S: record(S, PASSIVE)}
    beside.prober.values["agents"] = [None, None, None, None, 5.0]
    b = bench(world=world, playbook=guarded(within=600.0), around=beside.around)
    blips: list[float] = []

    def blip(role: Role) -> None:
        # Longer than an org is asked again for: this very look of the wait sees nothing of the secondary.
        waiting = b.engine.run.state.waiting
        if role is S and waiting and len(blips) < 12:
            blips.append(b.clock.monotonic())
            b.world.glitches[S] = [answer]

    b.world.before_read = blip
    await b.drive(ACTIVE, End.DONE)
    assert len(blips) == 12
    assert [event.passed for event in b.notes.of(WaitEnded)] == [True]


@pytest.mark.parametrize("taken_up", [False, True], ids=["a new run", "resumed"])
async def test_law_21_a_look_that_fails_while_old_readings_are_waited_out_is_no_verdict(
    taken_up: bool,
) -> None:
    newer = record(S, FAILOVER, "x@example.com", START - timedelta(minutes=1))
    b = bench(memory=seen(newer))
    if taken_up:
        b.notes.crash_at = lambda event: isinstance(event, WriteConfirmed)
        b.engine.run.state.floors.clear()
        await dies(b, ACTIVE)
        b = resumed(b)
        shown = b.world.held(S)
        newer = shown
    b.world.records[S] = record(S, PASSIVE)  # its reads lag
    failed: list[float] = []

    def fail_once() -> None:
        b.world.records[S] = newer
        if not failed:
            failed.append(b.clock.monotonic())
            b.world.glitches[S] = [BUSY]

    b.clock.on_sleep.append(fail_once)
    await b.drive(ACTIVE, End.DONE)
    assert failed


# The floor


async def test_law_03_a_resumed_run_never_writes_over_a_stranger_whom_a_lagging_replica_hides() -> None:
    """It had stopped for the stranger; the replica then shows our own older record, which the journal ends with."""
    dead = bench()
    dead.notes.tell(started(ACTIVE))
    ours: list[HamrRecord] = []

    def stranger(event: object) -> None:
        if type(event).__name__ == "TransitionMade" and not ours:
            made = dead.world.held(S)
            ours.append(made)
            dead.clock.advance(30)
            dead.world.foreign(S, RECOVERY)

    dead.notes.on_tell = stranger
    await dead.drive(ACTIVE, End.MOVED)
    again = resumed(dead)
    shows(again, S, ours[0])
    posts = len(again.world.posts())
    ending = await again.drive(ACTIVE, End.MOVED)
    assert "older than what this journal has seen of it (RECOVERY by bob@example.com" in ending.message
    assert len(again.world.posts()) == posts


async def test_law_03_a_new_run_is_not_done_by_readings_below_the_floor() -> None:
    newer = [record(role, ACTIVE, "x@example.com", START - timedelta(minutes=1)) for role in (P, S)]
    b = bench(memory=seen(*newer))
    ending = await b.drive(PASSIVE, End.REFUSED, saying="its reads lag, or it was put back (reverted)")
    assert typed(ending.next_steps)[0] == "hamr status payments --watch"
    assert b.world.posts() == []


async def test_law_03_a_new_run_waits_for_a_lagging_replica_and_enters_where_the_pair_really_stands() -> None:
    newer = {role: record(role, ACTIVE, "x@example.com", START - timedelta(minutes=1)) for role in (P, S)}
    b = bench(memory=seen(*newer.values()))
    b.clock.on_sleep.append(lambda: b.world.records.update(newer))
    await b.drive(PASSIVE, End.DONE)
    assert b.world.posts()[0] == "POST secondary RECOVERY"


async def test_law_03_a_person_can_say_that_an_org_was_put_back() -> None:
    newer = record(S, ACTIVE, "x@example.com", START - timedelta(minutes=1))
    b = bench(memory=seen(newer))
    b.engine.run.state.overrides["reverted"] = "it was put back"
    await b.drive(ACTIVE, End.DONE)
    (taken,) = b.notes.of(ChangeSeen)
    assert (taken.change, taken.accepted, taken.expected) == (Change.REVERTED, True, newer)


async def test_law_03_what_a_person_called_replaced_makes_no_done_when_it_is_seen_again() -> None:
    newer = {role: record(role, ACTIVE, "x@example.com", START - timedelta(minutes=1)) for role in (P, S)}
    b = bench(memory=seen(*newer.values()), mirrors=Mirrors.YES)
    b.world.records = {P: record(P, FAILOVER, "x@example.com", START - timedelta(minutes=2)), S: newer[S]}
    b.engine.run.state.overrides["reverted"] = "it was put back"

    def come_back(role: Role) -> None:
        if b.notes.of(ChangeSeen):
            b.world.records[P] = newer[P]

    b.world.before_read = come_back
    ending = await b.engine.drive(ACTIVE)
    assert [event.accepted for event in b.notes.of(ChangeSeen)] == [True]
    assert (ending.end, ending.change) == (End.MOVED, Change.STALE)
    assert b.world.posts() == []


async def test_law_21_a_look_that_waited_for_one_org_reads_the_other_anew() -> None:
    b = bench()
    old, newer = b.world.records[S], record(S, PASSIVE, "x@example.com", START - timedelta(minutes=1))
    late = record(P, ACTIVE, "x@example.com", START)
    b.world.records[S] = newer
    b.world.glitches[S] = [Present(old, PASSIVE) if old is not None else None]
    b.clock.on_sleep.append(lambda: b.world.records.update({P: late}))
    session = cast(
        "Session", SimpleNamespace(pair=b.engine.run.pair, playbook=PLAYBOOK, clock=b.clock, watcher=None)
    )
    floors = {newer.org_uuid: Floor(newer)}
    readings, _ = await read_pair(session, cast("Reader", b.world), frozenset(Role), floors)
    assert (readings.primary.record, readings.secondary.record) == (late, newer)


async def test_law_09_a_404_of_a_dead_regions_edge_is_never_expected_back() -> None:
    dead = bench(mode=Mode.EMERGENCY)
    dead.notes.tell(started(ACTIVE, Mode.EMERGENCY))
    old = dead.world.records[P]
    dead.world.sights[P] = Absent()
    await dead.drive(ACTIVE, End.OWING)
    again = resumed(dead, mode=Mode.PLANNED)
    again.world.sights.clear()
    again.world.records[P] = old
    await again.deliver(End.DONE)
    assert again.world.statuses() == (ACTIVE, ACTIVE)


# Refused, and taken all the same


@pytest.mark.parametrize("answer", ["403-applied", "429-applied"])
async def test_law_03_a_write_that_was_refused_and_taken_is_ours_and_the_run_goes_on(answer: str) -> None:
    b = bench(script={S: [answer]})
    await b.drive(ACTIVE, End.DONE)
    assert b.world.posts().count("POST secondary FAILOVER") == 1
    assert Change.REFUSED in [event.change for event in b.notes.of(WriteConfirmed)]


async def test_law_03_a_resumed_run_knows_the_stamp_of_a_write_that_was_refused() -> None:
    dead = bench(script={S: ["403-applied"]})
    await dies(dead, ACTIVE, lambda event: type(event).__name__ == "WriteAnswered")
    again = resumed(dead)
    await again.drive(ACTIVE, End.DONE)
    assert again.world.posts().count("POST secondary FAILOVER") == 1


# Between the reading and the request


async def test_law_06_a_request_whose_connection_took_too_long_is_not_sent_and_everything_is_read_again() -> (
    None
):
    b = bench(script={S: ["late-connection"]})

    def stranger(_: object) -> None:
        if len(b.world.posts()) == 1:
            b.world.foreign(S, RECOVERY)

    b.world.after_write = stranger
    ending = await b.drive(ACTIVE, End.MOVED)
    assert len(b.world.posts()) == 1
    assert ending.org is S


async def test_law_06_a_request_that_was_not_sent_is_no_write_of_its_transition() -> None:
    b = bench(script={S: ["late-connection"]})
    await b.drive(ACTIVE, End.DONE)
    assert [made.writes for made in b.notes.of(TransitionMade)] == [2, 2]


async def test_law_06_a_write_is_told_by_when_it_has_to_leave() -> None:
    """Five seconds from when the first of both orgs was asked, by the monotonic clock."""
    b = bench()
    asked: dict[Role, float] = {}
    left: list[float] = []
    write = b.world.write

    async def writing(draft, *, within=None, leave_by=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - as the method that it stands for
        left.append(leave_by - min(asked.values()))
        return await write(draft, within=within, leave_by=leave_by)

    b.world.before_read = lambda role: asked.__setitem__(role, b.clock.monotonic())
    b.world.write = writing  # type: ignore[method-assign]
    await b.engine.drive(ACTIVE)
    assert left == [pytest.approx(5.0)] * 4


async def test_law_21_one_silent_look_that_a_suspension_outlasted_is_no_verdict() -> None:
    """Within its look before a write, the process is stopped for longer than the confirm time."""
    b = bench()
    b.notes.on_tell = lambda event: b.clock.advance(6) if isinstance(event, TransitionIntended) else None

    def stopped(role: Role) -> None:
        if role is S and b.world.log.count("GET secondary") == 2:
            b.clock.advance(PLAYBOOK.confirm.within.total_seconds() + 1)
            b.world.glitches[S] = [Unreachable("no answer within 5 s")]

    b.world.before_read = stopped
    await b.drive(FAILOVER, End.DONE)


async def test_law_21_a_look_that_a_suspension_outlasted_is_not_the_second_of_two() -> None:
    """The first answer is none; the process is stopped while it asks again."""
    b, looks = bench(), [0]

    def stopped(role: Role) -> None:
        looks[0] += role is S
        if looks[0] < 3 and role is S:
            b.clock.advance(900 if looks[0] == 2 else 0)
            b.world.glitches[S] = [Unreachable("no answer within 5 s")]

    b.world.before_read = stopped
    await b.drive(FAILOVER, End.DONE)


@pytest.mark.parametrize("mode", list(Mode), ids=str)
async def test_law_21_nobody_is_led_anywhere_by_what_was_read_before_the_machine_slept(mode: Mode) -> None:
    """An org was silent for as long as it is asked again; and nothing was concluded from that yet."""
    b = bench(mode=mode)

    def sleeps(event: Event) -> None:
        if isinstance(event, SituationRead) and b.world.glitches[S]:
            b.clock.wall += timedelta(minutes=30)
            b.world.glitches[S] = []

    b.notes.on_tell = sleeps
    b.world.glitches[S] = [Unreachable("no answer within 5 s")] * 9
    await b.drive(ACTIVE, End.DONE)


# Clocks of two machines


class RightClock(HandClock):
    """The servers' clock, where this machine's own is ahead of it."""

    def __init__(self, ours: HandClock, ahead: timedelta) -> None:
        super().__init__()
        self.ours, self.ahead = ours, ahead

    def now(self) -> datetime:
        return self.ours.now() - self.ahead

    def monotonic(self) -> float:
        return self.ours.monotonic()

    def advance(self, seconds: float) -> None:
        self.ours.advance(seconds)


async def test_law_05_a_machine_whose_clock_is_ahead_waits_for_the_write_in_flight_all_the_same() -> None:
    dead = bench(script={S: ["lost-late"]})
    await dies(dead, ACTIVE, lambda event: type(event).__name__ == "WriteAnswered")
    again = resumed(dead)
    again.world.clock = RightClock(again.clock, timedelta(days=1))
    again.clock.wall += timedelta(days=1)
    again.clock.on_sleep.append(again.world.arrive_late)
    await again.drive(ACTIVE, End.DONE)
    assert again.world.posts().count("POST secondary FAILOVER") == 1


# Two journals


async def test_law_12_a_new_run_that_finds_a_pair_midway_is_bound_by_a_young_stamp_nobody_knows() -> None:
    b = bench()
    theirs = "bea+hamr-20261122-025900-bbbb-1@desk"
    b.world.records[S] = record(S, FAILOVER, theirs, START - timedelta(seconds=20))
    for goal in (PASSIVE, ACTIVE):
        await bench(world=b.world).drive(goal, End.REFUSED, saying="alone fail")
    assert b.world.posts() == []


async def test_law_07_a_run_of_this_very_journal_is_not_bound_by_its_own_stamp() -> None:
    dead = await dies(bench(), ACTIVE, lambda event: isinstance(event, WriteConfirmed))
    await resumed(dead).drive(ACTIVE, End.DONE)


def test_the_orgs_of_these_tests_are_those_of_the_floor() -> None:
    assert {UUIDS.primary, UUIDS.secondary} == set(seen(record(P, PASSIVE), record(S, PASSIVE)).floors)
    assert PLAYBOOK.late == timedelta(minutes=15)
