"""Law 7: killed at every event and at every request, then resumed by somebody else: the same end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.events import (
    ChangeSeen,
    Event,
    GuardsJudged,
    MirrorFound,
    TransitionRefused,
    WriteAnswered,
    WriteConfirmed,
    WriteIntended,
)
from orchestrator.model.guard import Guard, Quiet
from orchestrator.model.org import Mirrors
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import Change, Draft, Present
from orchestrator.model.run import End, Mode
from orchestrator.model.status import Role, Status
from orchestrator.situation.state import RunState
from tests.clock import START
from tests.playbooks import changed
from tests.steps import typed

from .fake import (
    DARK,
    PLAYBOOK,
    RUN,
    SERVER_ADVANCES,
    WAY_OUT,
    Bench,
    Died,
    P,
    S,
    bench,
    dies,
    made,
    record,
    resumed,
    started,
)

pytestmark = pytest.mark.anyio

ACTIVE, FAILOVER, PASSIVE = Status.ACTIVE, Status.FAILOVER, Status.PASSIVE
ENDS = (End.DONE, End.OWING)


CREATING = replace(
    PLAYBOOK,
    transitions=(
        replace(PLAYBOOK.transitions[0], name="create", source=Status.ABSENT, target=Status.ONBOARDING),
        *PLAYBOOK.transitions,
    ),
    stops=(Status.ONBOARDING, *PLAYBOOK.stops),
)


class Case(Struct, frozen=True):
    """One kind of world to die in."""

    name: str
    mirrors: Mirrors = Mirrors.NO
    mirrored: bool = False
    renames: str | None = None
    mode: Mode = Mode.PLANNED
    dark: bool = False
    script: tuple[str, ...] = ()
    start: Status = PASSIVE
    goal: Status = ACTIVE
    playbook: Playbook = PLAYBOOK
    whole_seconds: bool = False
    skew: float = 0.0

    def __str__(self) -> str:
        return self.name

    def bench(self) -> Bench:
        b = bench(self.start, mirrors=self.mirrors, mode=self.mode, playbook=self.playbook)
        b.world.mirrored, b.world.renames = self.mirrored, self.renames
        b.world.whole_seconds = self.whole_seconds
        b.world.skew[S] = self.skew
        b.world.script[S] = [*self.script]
        if self.dark:
            b.world.sights[P] = DARK
        if self.playbook is SERVER_ADVANCES:
            b.clock.on_sleep.append(lambda: _advance(b))
        b.notes.tell(started(self.goal, self.mode))
        return b

    async def drive(self, b: Bench) -> End:
        return (await b.engine.drive(self.goal)).end


def _advance(b: Bench) -> None:
    moves = {FAILOVER: ACTIVE, Status.RECOVERY: PASSIVE}
    statuses = {Status(held.status) for held in b.world.records.values() if held is not None}
    if len(statuses) == 1 and (new := moves.get(statuses.pop())) is not None:
        for role in (P, S):
            b.world.foreign(role, new, "datadog")


CASES = (
    Case("separate"),
    Case("mirrored, auto, renamed", mirrors=Mirrors.AUTO, mirrored=True, renames="svc@example.com"),
    Case("separate, auto", mirrors=Mirrors.AUTO),
    Case("one write lost", script=("lost",)),
    Case("one answer lost, renamed", script=("lost-applied",), renames="svc@example.com"),
    Case("whole seconds", whole_seconds=True),
    Case("created", start=Status.ABSENT, goal=Status.ONBOARDING, playbook=CREATING),
    Case("server advances", playbook=SERVER_ADVANCES),
    Case("emergency, auto", mode=Mode.EMERGENCY, dark=True, mirrors=Mirrors.AUTO),
    Case("emergency, the other lives", mode=Mode.EMERGENCY),
    Case("the secondary's clock is a day slow", skew=-86400.0),
)
by_name = pytest.mark.parametrize("case", CASES, ids=str)


async def _lives(case: Case, arm: Callable[[Bench], None]) -> tuple[Bench, Bench] | None:
    """One life that ends as armed, and the one after it; None where it was not killed."""
    dead = case.bench()
    arm(dead)
    try:
        await case.drive(dead)
    except Died:
        pass
    else:
        return None
    dead.notes.crash_at = dead.world.before_write = dead.world.after_write = None
    # Later, and by somebody else: the mirror and what was under way have had their time.
    dead.clock.advance(120)
    return dead, resumed(dead)


def _same_end(case: Case, again: Bench, end: End, where: str) -> None:
    assert end in ENDS, (case.name, where, end, again.notes.events[-3:])
    expected = case.goal
    shows = again.world.statuses()
    assert shows[1] is expected, (case.name, where)
    if case.dark:
        assert again.engine.run.state.owed == {P: expected}, (case.name, where)
        assert end is End.OWING, (case.name, where)
    else:
        assert shows[0] is expected, (case.name, where)
        assert end is End.DONE, (case.name, where)


@by_name
async def test_law_07_killed_at_every_event_and_resumed(case: Case) -> None:
    """Right before it is durable: all that was done since the event before it has happened, and nobody knows."""
    whole = case.bench()
    assert await case.drive(whole) in ENDS
    events, posts = len(whole.notes.events), len(whole.world.posts())
    for k in range(1, events):
        seen = [0]

        def at(event: Event, seen: list[int] = seen, k: int = k) -> bool:
            seen[0] += 1
            return seen[0] == k

        def arm(b: Bench, at: Callable[[Event], bool] = at) -> None:
            b.notes.crash_at, b.notes.crash_before = at, True

        lives = await _lives(case, arm)
        assert lives is not None, k
        dead, again = lives
        where = f"event {k}: {type(whole.notes.events[k]).__name__}"
        end = await case.drive(again)
        _same_end(case, again, end, where)
        # One write may have to be told again to a server that never got it; no more than that.
        assert len(again.world.posts()) <= posts + 1, (where, dead.world.log)


@by_name
@pytest.mark.parametrize("when", ["before_write", "after_write"])
async def test_law_07_killed_at_every_request_and_resumed(case: Case, when: str) -> None:
    whole = case.bench()
    await case.drive(whole)
    for k in range(len(whole.world.posts())):
        sent = [0]

        def die(draft: Draft, sent: list[int] = sent, k: int = k) -> None:
            sent[0] += 1
            if sent[0] == k + 1:
                raise Died

        lives = await _lives(case, lambda b, die=die: setattr(b.world, when, die))  # type: ignore[misc]
        assert lives is not None
        _, again = lives
        _same_end(case, again, await case.drive(again), f"{when} {k}")


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name in {"separate", "whole seconds", "emergency, auto"}], ids=str
)
async def test_law_07_killed_again_and_again_at_every_fifth_event(case: Case) -> None:
    b = case.bench()
    for life in range(40):
        count = [0]

        def at(event: Event, count: list[int] = count) -> bool:
            count[0] += 1
            return count[0] == 5 and bool(event.kind)

        b.notes.crash_at = at if life < 30 else None
        try:
            end = await case.drive(b)
        except Died:
            b.notes.crash_at = None
            b.clock.advance(60)
            b = resumed(b)
        else:
            break
    _same_end(case, b, end, "again and again")


# Where an old look would mislead


async def test_law_07_a_resumed_run_does_not_begin_from_a_stale_reading() -> None:
    """Both orgs stood at ACTIVE when the process died; the first reads of the next one are old, and say PASSIVE."""
    dead = await dies(bench(), ACTIVE, made("activate"))
    again = resumed(dead)
    for role in (P, S):
        again.world.glitches[role] = [Present(record(role, PASSIVE), PASSIVE)] * 3
    posts = len(again.world.posts())
    await again.drive(ACTIVE, End.DONE)
    assert len(again.world.posts()) == posts


async def test_law_07_a_stale_reading_that_stays_stops_a_resumed_run() -> None:
    dead = await dies(bench(), ACTIVE, made("activate"))
    again = resumed(dead)
    for role in (P, S):
        again.world.sights[role] = Present(record(role, PASSIVE), PASSIVE)
    posts = len(again.world.posts())
    await again.drive(ACTIVE, End.MOVED)
    assert len(again.world.posts()) == posts


async def test_law_07_a_late_write_that_set_an_org_back_is_put_right_by_the_next_process() -> None:
    dead = bench(script={S: ["lost-late"]})

    def late(role: object) -> None:
        if len(dead.world.posts()) == 5:
            dead.world.arrive_late()

    dead.world.before_read = late
    await dies(dead, ACTIVE, lambda event: isinstance(event, ChangeSeen) and event.change is Change.LATE)
    dead.world.before_read = None
    again = resumed(dead)
    await again.drive(ACTIVE, End.DONE)
    assert again.world.statuses() == (ACTIVE, ACTIVE)


async def test_law_07_a_stranger_while_the_run_was_dead_stops_it_and_is_named() -> None:
    dead = await dies(bench(), ACTIVE, lambda event: isinstance(event, WriteConfirmed))
    again = resumed(dead)
    again.world.foreign(S, Status.RECOVERY)
    posts = len(again.world.posts())
    await again.drive(ACTIVE, End.MOVED, saying="bob@example.com")
    assert len(again.world.posts()) == posts


async def test_law_03_whoever_was_called_foreign_is_never_taken_for_ours_by_a_later_process() -> None:
    """The first process died between an intent and its request, so an author unproven would pass otherwise."""
    dead = await dies(bench(), ACTIVE, lambda event: isinstance(event, WriteIntended))
    warned = resumed(dead)
    warned.world.foreign(S, Status.RECOVERY)
    await warned.drive(ACTIVE, End.MOVED)
    again = resumed(warned)
    again.world.foreign(S, FAILOVER)
    await again.drive(ACTIVE, End.MOVED, S)
    assert again.world.posts() == []


async def test_law_07_a_write_that_lands_after_the_restart_is_waited_for() -> None:
    dead = bench()
    dead.notes.tell(started(ACTIVE))

    def die(draft: Draft) -> None:
        dead.world.records[S], applied = record(S, PASSIVE), dead.world.records[S]
        dead.world.late.append(draft)
        assert applied is not None
        raise Died

    dead.world.after_write = die
    with pytest.raises(Died):
        await dead.engine.drive(FAILOVER)
    dead.world.after_write = None
    again = resumed(dead)
    now = again.clock.monotonic()
    again.clock.on_sleep.append(
        lambda: again.world.arrive_late() if again.clock.monotonic() > now + 4 else None
    )
    await again.drive(FAILOVER, End.DONE)
    assert again.world.posts().count("POST secondary FAILOVER") == 1


async def test_law_07_a_journal_from_a_machine_with_a_fast_clock_does_not_make_it_wait_for_an_hour() -> None:
    dead = bench(script={S: ["lost"]})
    await dies(dead, ACTIVE, lambda event: type(event).__name__ == "WriteAnswered")
    again = resumed(dead)
    again.clock.wall -= timedelta(hours=1)
    began = again.clock.monotonic()
    await again.drive(ACTIVE, End.DONE)
    assert again.clock.monotonic() - began < 60


# A mirror that went back


async def test_law_07_resume_goes_on_from_where_a_mirror_carried_the_pair_back_to() -> None:
    dead = bench(mirrors=Mirrors.YES, mirrored=True)
    old = dict(dead.world.records)
    await dies(dead, ACTIVE, made("declare"))
    dead.world.records.update(old)
    again = resumed(dead)
    ending = await again.engine.drive(ACTIVE)
    # Nobody can tell a mirror that healed old over new from replicas that lag: a person has to say so.
    assert ending.end is End.MOVED, ending
    assert "--override reverted=REASON goes on from it" in ending.message
    again = resumed(again)
    again.engine.run.state.overrides["reverted"] = "it was put back"
    await again.drive(ACTIVE, End.DONE)
    assert again.world.statuses() == (ACTIVE, ACTIVE)
    reverted = [event for event in again.notes.of(ChangeSeen) if event.change is Change.REVERTED]
    assert [event.accepted for event in reverted] == [True, True]


def test_law_03_nothing_is_put_right_over_an_old_record_that_a_run_goes_on_from() -> None:
    told, late = record(S, FAILOVER, at=START), record(S, ACTIVE, at=START + timedelta(seconds=1))
    memory = RunState(RUN)
    memory.apply(WriteConfirmed(S, FAILOVER, told, Change.OURS, None))
    memory.apply(ChangeSeen(S, Change.LATE, "it came late", late, told))
    assert memory.set_back == {S}
    memory.apply(ChangeSeen(S, Change.REVERTED, "it stays so", told, late, accepted=True))
    assert memory.set_back == set()


async def test_law_07_what_came_late_to_both_orgs_is_put_right_by_one_write_that_a_mirror_carries() -> None:
    dead = bench(Status.RECOVERY, mirrors=Mirrors.YES, mirrored=True, script={S: ["lost-late"]})
    await dies(dead, ACTIVE, made("declare"))
    dead.world.arrive_late()
    again = resumed(dead)
    began = len(again.world.log)

    def count(role: object) -> None:
        assert len(again.world.log) < began + 40, f"{role} is read without end"

    again.world.before_read = count
    await again.drive(ACTIVE, End.DONE)
    assert again.world.statuses() == (ACTIVE, ACTIVE)
    assert [intent.attempt.purpose for intent in again.notes.intents()].count("repair") == 1


async def test_law_14_a_run_that_has_put_a_late_write_right_does_not_end_as_refused() -> None:
    """Refused says that nothing was sent."""
    dead = bench(Status.RECOVERY, mirrors=Mirrors.YES, mirrored=True, script={S: ["lost-late"]})
    await dies(dead, ACTIVE, made("declare"))
    dead.world.arrive_late()
    again = resumed(dead)
    ending = await again.engine.drive(Status.ONBOARDING)
    assert "has no way" in ending.message
    assert [intent.attempt.purpose for intent in again.notes.intents()].count("repair") == 1
    assert ending.end is End.INCOMPLETE


async def test_law_03_a_write_of_ours_that_its_time_leaves_below_what_was_seen_is_said_to_be_true_by_a_person() -> (
    None
):
    """A mirror carried each org's record to the other one, and the secondary's clock is ahead."""
    dead = bench(ACTIVE, mirrors=Mirrors.YES, playbook=changed(PLAYBOOK, writes=(P, S)))
    before = record(S, ACTIVE, at=START + timedelta(minutes=5))
    dead.world.records = {P: replace(record(P, ACTIVE), modified_at=before.modified_at), S: before}
    dead.world.mirrored = True
    await dies(dead, PASSIVE, lambda event: isinstance(event, WriteAnswered))
    dead.world.records[P] = replace(record(P, ACTIVE), modified_at=before.modified_at)
    again = resumed(dead)
    ending = await again.engine.drive(PASSIVE)
    assert (ending.end, ending.org, ending.change) == (End.MOVED, S, Change.STALE)
    assert "shows our status with a time older than before" in ending.message
    assert "--override reverted=REASON" in typed(ending.next_steps)[-1]
    again = resumed(again)
    again.engine.run.state.overrides["reverted"] = "it was put back"
    await again.drive(PASSIVE, End.DONE)


ONE_WAY = replace(PLAYBOOK, transitions=tuple(each for each in PLAYBOOK.transitions if each.name != "abort"))


@pytest.mark.parametrize(
    ("mode", "first", "posts"),
    [
        (Mode.PLANNED, S, WAY_OUT),
        (Mode.EMERGENCY, P, ["POST primary FAILOVER", "POST secondary FAILOVER", *WAY_OUT[2:]]),
    ],
)
async def test_law_07_a_half_made_transition_is_finished_although_the_orgs_clocks_say_otherwise(
    mode: Mode, first: Role, posts: list[str]
) -> None:
    """The other org's record is from a clock that is ahead, so by the times alone the pair would be diverged."""
    dead = bench(playbook=changed(ONE_WAY, "declare", writes=(first, first.other)))
    dead.world.records[first.other] = record(first.other, PASSIVE, at=START + timedelta(hours=1))
    await dies(dead, ACTIVE, lambda event: isinstance(event, WriteConfirmed))
    again = resumed(dead, mode=mode)
    again.world.skew[first.other] = 7200.0
    await again.drive(ACTIVE, End.DONE)
    assert again.world.posts() == posts


async def test_law_07_a_half_made_transition_is_not_finished_on_readings_that_are_old() -> None:
    dead = await dies(bench(), ACTIVE, lambda event: isinstance(event, WriteConfirmed))
    again = resumed(dead)
    again.world.before_read = lambda _: again.clock.advance(11)
    ending = await again.drive(ACTIVE, End.INCOMPLETE)
    assert [event.guards for event in again.notes.of(TransitionRefused)] == [("fresh",)]
    assert typed(ending.next_steps) == (), "nothing overrides that"
    assert again.world.posts() == ["POST secondary FAILOVER"]


async def test_law_07_a_mirror_that_lost_a_copy_does_not_leave_a_resumed_run_stuck() -> None:
    dead = bench(mirrors=Mirrors.YES)
    dead.notes.tell(started(ACTIVE))
    ending = await dead.engine.drive(ACTIVE)  # the inventory says that it mirrors, and it does not
    assert ending.end is End.INCOMPLETE
    again = resumed(dead)
    again.world.mirrored = True
    await again.drive(ACTIVE, End.DONE)
    assert again.world.statuses() == (ACTIVE, ACTIVE)


async def test_law_07_whoever_resumes_takes_a_copy_that_is_missing_for_no_sign_of_separate_orgs() -> None:
    dead = bench(mirrors=Mirrors.AUTO)

    def die(draft: Draft) -> None:
        raise Died

    dead.world.after_write = die
    await dies(dead, ACTIVE)
    dead.world.after_write = None
    again = resumed(dead)
    again.world.mirrored = True
    await again.drive(ACTIVE, End.DONE)
    assert [found.mirrors for found in again.notes.of(MirrorFound)] == [True]


@pytest.mark.parametrize("mode", Mode)
async def test_law_07_the_org_that_was_written_tells_what_its_mirror_brought_by_a_name_of_its_own(
    mode: Mode,
) -> None:
    """The process died before it was answered how that org names us."""
    b = bench(mirrors=Mirrors.YES, mirrored=True, playbook=changed(PLAYBOOK, "activate", writes=(P, S)))
    b.world.renamed = {S: "svc-s@example.com", P: "svc-p@example.com"}
    b.world.script[P] = ["lost-applied"]
    dead = await dies(b, ACTIVE, lambda event: isinstance(event, WriteAnswered) and event.attempt.role is P)
    await resumed(dead, mode=mode).drive(ACTIVE, End.DONE)
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary ACTIVE"]


async def test_law_07_a_server_that_went_on_from_an_unseen_write_has_confirmed_it() -> None:
    """The separate orgs of a pair whose servers move RECOVERY to PASSIVE, each by itself: one was told, and went on."""
    dead = bench(ACTIVE, playbook=SERVER_ADVANCES)

    def die(draft: Draft) -> None:
        raise Died

    dead.world.after_write = die
    await dies(dead, PASSIVE)
    dead.world.after_write = None
    dead.world.foreign(S, PASSIVE, "datadog")
    again = resumed(dead)
    again.clock.on_sleep.append(
        lambda: (
            again.world.foreign(P, PASSIVE, "datadog")
            if again.world.statuses()[0] is Status.RECOVERY
            else None
        )
    )
    await again.drive(PASSIVE, End.DONE)
    assert again.world.posts() == ["POST secondary RECOVERY", "POST primary RECOVERY"]
    assert again.notes.of(WriteConfirmed)[0].attempt == 1


@pytest.mark.parametrize("author", ["bob@example.com", "carol@example.com"])
async def test_law_03_a_server_goes_on_from_no_write_that_a_stranger_may_have_written_over(
    author: str,
) -> None:
    """Bob was seen before the first write was; what then stands there may be anybody's."""
    dead = bench(ACTIVE, playbook=SERVER_ADVANCES)
    dead.notes.tell(started(PASSIVE))
    dead.world.script[S] = ["lost"]
    dead.clock.on_sleep.append(
        lambda: dead.world.foreign(S, FAILOVER) if dead.world.statuses()[1] is ACTIVE else None
    )
    await dead.drive(PASSIVE, End.UNKNOWN)
    dead.world.foreign(S, PASSIVE, author)
    again = resumed(dead)
    assert (await again.engine.drive(PASSIVE)).change is Change.FOREIGN
    assert again.world.posts() == ["POST secondary RECOVERY"]


# Guards gate entry


SETTLED = replace(
    changed(PLAYBOOK, "declare", "activate", guards=("settled",)),
    guards={"settled": Guard("settled", Quiet(timedelta(days=1)))},
)


async def test_law_07_a_half_done_transition_is_finished_although_a_guard_fails_by_now() -> None:
    dead = await dies(bench(playbook=SETTLED), FAILOVER, lambda event: isinstance(event, WriteConfirmed))
    # The names that guards know as ours are forgotten with a new run: to it, the pair has just been touched.
    again = bench(world=dead.world, playbook=SETTLED)
    again.notes.tell(started(FAILOVER))
    await again.drive(FAILOVER, End.DONE)
    (judged,) = again.notes.of(GuardsJudged)
    assert judged.binding is False
    assert [(verdict.guard, verdict.outcome.value) for verdict in judged.verdicts][-1] == ("settled", "fail")


async def test_law_07_a_transition_that_was_not_begun_is_refused_by_the_same_guard() -> None:
    b = bench(playbook=SETTLED)
    b.world.foreign(P, PASSIVE)
    b.world.foreign(S, PASSIVE)
    await b.drive(FAILOVER, End.REFUSED)
    assert b.world.posts() == []


async def test_law_07_linked_still_binds_a_half_done_transition() -> None:
    dead = await dies(bench(), FAILOVER, lambda event: isinstance(event, WriteConfirmed))
    again = resumed(dead)
    again.world.identities[P] = "770e8400-e29b-41d4-a716-446655440000"
    posts = len(again.world.posts())
    await again.drive(FAILOVER, End.REFUSED)
    assert len(again.world.posts()) == posts
