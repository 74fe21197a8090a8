"""Law 3 in a run: check, then act, at every write; never over somebody else's, and never a false alarm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.model.events import ChangeSeen, NameLearned, TransitionIntended, WriteConfirmed
from orchestrator.model.org import Mirrors
from orchestrator.model.reading import Change, Draft, HamrRecord, Present, Sight, Unreachable
from orchestrator.model.run import End
from orchestrator.model.status import Role, Status
from tests.clock import START

from .fake import PLAYBOOK, UUIDS, WAY_OUT, Bench, P, S, bench, dies, record, resumed

pytestmark = pytest.mark.anyio

ACTIVE, FAILOVER, PASSIVE, RECOVERY = Status.ACTIVE, Status.FAILOVER, Status.PASSIVE, Status.RECOVERY


def once(b: Bench, when: Callable[[], bool], act: Callable[[], None]) -> None:
    """Do something right before the first read for which a condition holds."""
    done: list[int] = []

    def before_read(role: Role) -> None:
        if not done and when():
            done.append(1)
            act()

    b.world.before_read = before_read


# Somebody else writes


@pytest.mark.parametrize("role", [P, S])
async def test_law_03_a_stranger_between_two_writes_stops_the_run(role: Role) -> None:
    b = bench()
    once(b, lambda: len(b.world.posts()) == 1, lambda: b.world.foreign(role, RECOVERY))
    ending = await b.drive(ACTIVE, End.MOVED)
    assert ending.org is role
    assert "RECOVERY by bob@example.com" in ending.message
    assert b.world.posts() == ["POST secondary FAILOVER"]
    left = b.world.held(role)
    assert (left.status, left.modified_by) == (RECOVERY, "bob@example.com")


@pytest.mark.parametrize("role", [P, S])
async def test_law_03_a_stranger_before_the_first_write_stops_the_run_with_nothing_sent(role: Role) -> None:
    """The guards took longer than a reading may be old, so the check reads again, and sees it."""
    b = bench()

    def slow(event: object) -> None:
        if type(event).__name__ == "TransitionIntended":
            b.clock.advance(30)
            b.world.foreign(role, FAILOVER)

    b.notes.on_tell = slow
    await b.drive(ACTIVE, End.MOVED)
    assert b.world.posts() == []
    assert [seen.role for seen in b.notes.of(ChangeSeen)] == [role]


@pytest.mark.parametrize("status", [RECOVERY, FAILOVER], ids=["another status", "our status"])
async def test_law_03_a_stranger_over_our_write_before_it_was_read_back_stops_the_run(status: Status) -> None:
    b = bench()

    def over(draft: Draft) -> None:
        if len(b.world.posts()) == 1:
            b.world.foreign(draft.role, status)

    b.world.after_write = over
    await b.drive(ACTIVE, End.MOVED, saying="bob@example.com")
    assert b.world.posts() == ["POST secondary FAILOVER"]


async def test_law_03_a_stranger_on_the_other_org_while_ours_is_read_back_stops_the_run() -> None:
    b = bench()
    b.world.after_write = lambda draft: b.world.foreign(draft.role.other, RECOVERY)
    await b.drive(ACTIVE, End.MOVED, P)
    assert b.world.posts() == ["POST secondary FAILOVER"]


@pytest.mark.parametrize(("answer", "end"), [("lost-late", End.MOVED), ("lost", End.UNKNOWN)])
async def test_law_03_a_stranger_who_was_seen_for_a_moment_is_not_forgotten(answer: str, end: End) -> None:
    """Seen on the other org while ours was looked for, and written over by our own late write's mirror."""
    b = bench(mirrors=Mirrors.YES, mirrored=True, script={S: [answer]})
    b.world.after_write = lambda _draft: b.world.foreign(P, RECOVERY)
    b.clock.on_sleep.append(b.world.arrive_late)
    await b.drive(ACTIVE, end, saying="bob@example.com")
    assert b.world.posts() == ["POST secondary FAILOVER"]
    assert b.notes.of(ChangeSeen)[0].change is Change.FOREIGN


async def test_law_03_a_record_that_vanished_stops_the_run() -> None:
    b = bench()
    once(b, lambda: len(b.world.posts()) == 1, lambda: b.world.records.pop(P))  # type: ignore[arg-type]
    await b.drive(ACTIVE, End.MOVED, saying="404")


async def test_law_03_another_target_stops_the_run_and_is_never_written() -> None:
    b = bench()
    once(
        b,
        lambda: len(b.world.posts()) == 1,
        lambda: b.world.records.update({P: replace(record(P, PASSIVE), target_uuid=UUIDS.primary)}),
    )
    await b.drive(ACTIVE, End.MOVED)
    assert b.notes.changes()[-1] is Change.MISLINKED
    assert b.world.posts() == ["POST secondary FAILOVER"]


async def test_law_03_another_run_with_a_stamp_is_a_stranger() -> None:
    b = bench()
    theirs = "carol+hamr-20261122-025900-zzzz-1@bastion"
    once(b, lambda: len(b.world.posts()) == 1, lambda: b.world.foreign(P, FAILOVER, theirs))
    await b.drive(ACTIVE, End.MOVED, saying="carol@bastion in run 20261122-025900-zzzz")


# Names


async def test_law_03_a_name_is_not_learned_from_a_2xx_that_shows_another_status() -> None:
    b = bench(script={S: ["wrong-body"]})
    await b.engine.drive(ACTIVE)
    assert b.notes.of(NameLearned) == []


async def test_law_03_another_runs_stamp_is_never_learned_as_a_name() -> None:
    b = bench(renames="carol+hamr-20261122-025900-zzzz-1@bastion")
    ending = await b.engine.drive(ACTIVE)
    assert b.notes.of(NameLearned) == []
    assert ending.end is End.MOVED


async def test_law_03_the_name_of_whoever_made_a_foreign_change_is_never_learned() -> None:
    b = bench(renames="svc@example.com")
    b.engine.run.state.strangers.add("svc@example.com")
    ending = await b.engine.drive(ACTIVE)
    assert b.notes.of(NameLearned) == []
    assert ending.end is End.MOVED


async def test_law_03_another_name_is_not_learned_where_an_org_has_kept_our_stamp() -> None:
    """Somebody wrote the very status right before ours, which changed nothing any more: the answer shows them."""
    b = bench()

    def writes(draft: Draft) -> None:
        if (draft.role, draft.status) == (S, ACTIVE):
            b.world.renamed[S] = "terraform@example.com"

    b.world.before_write = writes
    await b.drive(ACTIVE, End.MOVED, S, saying="changed by somebody else")
    assert b.notes.of(NameLearned) == []
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER", "POST secondary ACTIVE"]


async def test_law_03_a_renamed_author_raises_no_alarm_in_the_whole_cycle() -> None:
    b = bench(renames="svc@example.com")
    await b.drive(ACTIVE, End.DONE)
    await b.drive(PASSIVE, End.DONE)
    assert b.notes.changes() == []


async def test_law_03_a_stranger_with_another_name_is_seen_although_we_are_renamed() -> None:
    b = bench(renames="svc@example.com")

    def over(draft: Draft) -> None:
        if len(b.world.posts()) == 1:
            b.world.foreign(draft.role, FAILOVER)

    b.world.after_write = over
    await b.drive(ACTIVE, End.MOVED)


# In effect, author unproven


async def test_law_03_an_unproven_author_is_settled_by_the_next_answer_that_shows_the_same_name() -> None:
    b = bench(renames="svc@example.com", script={S: ["lost-applied"]})
    await b.drive(ACTIVE, End.DONE)
    assert [event.change for event in b.notes.of(WriteConfirmed)][:2] == [Change.UNPROVEN, Change.OURS]
    assert b.engine.run.state.unproven == {}


def instead_of_ours(b: Bench, *, mirrored: bool = False) -> None:
    """Somebody else writes the same status as our first write, which is lost."""

    def instead(draft: Draft) -> None:
        if len(b.world.posts()) == 1:
            b.world.foreign(S, FAILOVER)
            if mirrored:
                b.world.mirror(S)

    b.world.after_write = instead
    b.world.script[S] = ["lost"]


async def test_law_03_an_unproven_author_was_a_stranger_where_the_next_answer_keeps_our_stamp() -> None:
    b = bench()
    instead_of_ours(b)
    await b.drive(ACTIVE, End.MOVED, S, saying="bob@example.com")
    assert b.world.posts() == ["POST secondary FAILOVER", "POST primary FAILOVER"]


async def test_law_03_an_unproven_author_was_a_stranger_where_the_next_answer_names_us_otherwise() -> None:
    """A server that puts the caller's name there: once it has told which, the other name was somebody else's."""
    b = bench(renames="svc@example.com")
    instead_of_ours(b)
    ending = await b.drive(ACTIVE, End.MOVED, S, saying="bob@example.com")
    assert "svc@example.com" in ending.message
    assert [late.number for late in b.engine.run.state.may_come_late()] == [1], "nothing has shown it"
    again = resumed(b)
    assert (await again.engine.drive(ACTIVE)).end is End.DONE, "it was said once, and is written over"


async def test_law_03_an_unproven_author_of_one_org_is_not_settled_by_the_name_that_the_other_gives() -> None:
    """Each org has keys of its own, and their owners may be two."""
    b = bench(script={S: ["lost-applied", "lost-applied"]})
    b.world.renamed = {S: "svc-s@example.com", P: "svc-p@example.com"}
    await b.drive(ACTIVE, End.DONE)


async def test_law_03_an_unproven_author_is_settled_after_the_very_last_write() -> None:
    """The answer that tells of the stranger is that of the write over it: it is said, and not "done"."""
    b = bench(mirrors=Mirrors.YES, mirrored=True)
    instead_of_ours(b, mirrored=True)
    await b.drive(ACTIVE, End.MOVED, saying="bob@example.com")
    assert b.world.posts() == ["POST secondary FAILOVER", "POST secondary ACTIVE"]
    again = resumed(b)
    assert (await again.engine.drive(ACTIVE)).end is End.DONE, "it was said once, and is written over"


async def test_law_03_an_unproven_author_is_settled_where_nothing_is_left_to_write() -> None:
    b = bench(mirrors=Mirrors.YES, mirrored=True)
    b.notes.crash_at = lambda event: isinstance(event, WriteConfirmed) and event.change is Change.OURS
    instead_of_ours(b, mirrored=True)
    await dies(b, ACTIVE)
    b.world.after_write = None
    await resumed(b).drive(ACTIVE, End.MOVED, saying="bob@example.com")


# Echoes and mirrors


@pytest.mark.parametrize("mirrors", [Mirrors.YES, Mirrors.AUTO])
@pytest.mark.parametrize("renames", [None, "svc@example.com"])
async def test_law_03_echoes_raise_no_alarm(mirrors: Mirrors, renames: str | None) -> None:
    b = bench(mirrors=mirrors)
    b.world.mirrored, b.world.renames = True, renames
    await b.drive(ACTIVE, End.DONE)
    await b.drive(PASSIVE, End.DONE)
    assert set(b.notes.changes()) == {Change.ECHO}
    assert len(b.world.posts()) == 4


async def test_law_03_a_mirror_that_healed_old_over_new_is_named_and_stops_the_run() -> None:
    b = bench(mirrors=Mirrors.YES)
    older = "bob+hamr-20261101-110000-aaaa-4@desk"
    b.world.records = {role: record(role, PASSIVE, older) for role in (P, S)}
    healed = {role: record(role, PASSIVE, older, START - timedelta(days=31)) for role in (P, S)}
    once(b, lambda: bool(b.world.posts()), lambda: b.world.records.update(healed))
    await b.drive(ACTIVE, End.MOVED)
    assert b.notes.changes()[-1] is Change.REVERTED
    assert b.world.posts() == ["POST secondary FAILOVER"]


# Stale


@pytest.mark.parametrize("role", [P, S])
async def test_law_03_a_stale_read_is_read_again_and_never_written_on(role: Role) -> None:
    b = bench()
    old = record(role, PASSIVE)

    def lag(event: object) -> None:
        if type(event).__name__ == "TransitionMade":
            b.clock.advance(30)
            b.world.glitches[role] = [Present(old, PASSIVE)] * 3

    b.notes.on_tell = lag
    await b.drive(ACTIVE, End.DONE)
    assert b.world.posts() == WAY_OUT


async def test_law_03_a_stale_read_that_stays_stops_the_run_when_the_confirm_time_is_up() -> None:
    b = bench()

    def lag(event: object) -> None:
        if type(event).__name__ == "TransitionMade":
            b.clock.advance(30)
            b.world.sights[P] = Present(record(P, PASSIVE), PASSIVE)

    b.notes.on_tell = lag
    await b.drive(ACTIVE, End.MOVED, P, saying="which is older than what this journal has seen of it")
    assert len(b.world.posts()) == 2


@pytest.mark.parametrize(
    ("sight", "end", "saying"),
    [
        (Present(record(S, PASSIVE), PASSIVE), End.MOVED, "its reads lag, or it was put back"),
        (
            Unreachable("time-out"),
            End.INCOMPLETE,
            "it shows nothing (transition declare writes secondary, primary",
        ),
    ],
)
async def test_law_03_an_org_that_no_longer_shows_what_it_was_told_when_the_other_one_was_stops_the_run(
    sight: Sight, end: End, saying: str
) -> None:
    b = bench()
    b.world.after_write = lambda draft: b.world.sights.update({S: sight} if draft.role is P else {})
    await b.drive(FAILOVER, end, S, saying=saying)
    assert b.clock.monotonic() - 1000 >= 10.0


# Late


async def test_law_03_a_late_write_of_our_own_is_put_right_once() -> None:
    """Attempt 1 is lost and turns up after FAILOVER was sent again and ACTIVE was confirmed."""
    b = bench(script={S: ["lost-late"]})
    once(b, lambda: len(b.world.posts()) == 5, b.world.arrive_late)
    await b.drive(ACTIVE, End.DONE)
    assert b.world.statuses() == (ACTIVE, ACTIVE)
    assert b.notes.changes() == [Change.LATE]
    assert [intent.attempt.purpose for intent in b.notes.intents()] == [
        "transition",
        "resend",
        "transition",
        "transition",
        "transition",
        "repair",
    ]


@pytest.mark.parametrize(("answer", "resend"), [("lost-late", 1), ("429-late", 0)])
async def test_law_03_a_late_write_that_is_met_in_reading_back_is_put_right_and_that_is_no_resend(
    answer: str, resend: int
) -> None:
    b = bench(playbook=replace(PLAYBOOK, resend=resend), script={S: [answer]})
    once(b, lambda: len(b.world.posts()) == 4, b.world.arrive_late)
    await b.drive(ACTIVE, End.DONE)
    assert [(intent.attempt.role, intent.attempt.purpose) for intent in b.notes.intents()[3:]] == [
        (S, "transition"),
        (S, "repair"),
        (P, "transition"),
    ]


async def test_law_03_a_second_late_write_stops_the_run() -> None:
    b = bench(script={S: ["lost-late"]})
    held: list[Draft] = []

    def late_again(draft: Draft) -> None:
        if b.world.late:
            held[:] = [*b.world.late]

    b.world.after_write = late_again

    def before_read(role: Role) -> None:
        if held and len(b.world.posts()) in (5, 6) and b.world.statuses()[1] is ACTIVE:
            b.world.late = [*held]
            b.world.arrive_late()

    b.world.before_read = before_read
    ending = await b.engine.drive(ACTIVE)
    assert ending.end in (End.MOVED, End.UNKNOWN)
    assert "second late write" in ending.message
    assert len(b.world.posts()) == 6


async def test_law_03_a_late_write_on_the_other_org_is_put_right_before_the_next_write() -> None:
    b = bench(script={S: ["lost-late"]})
    once(b, lambda: len(b.world.posts()) == 4, b.world.arrive_late)
    await b.drive(ACTIVE, End.DONE)
    assert b.world.statuses() == (ACTIVE, ACTIVE)


def mirrored_after(b: Bench, seconds: float) -> None:
    """Each write reaches the other org so many seconds later."""
    under_way: list[tuple[float, Role, HamrRecord]] = []
    apply, earlier = b.world.apply, b.world.before_read

    def begin(draft: Draft) -> HamrRecord:
        made = apply(draft)
        under_way.append((b.clock.monotonic() + seconds, draft.role, made))
        return made

    def arrive(role: Role) -> None:
        while under_way and under_way[0][0] <= b.clock.monotonic():
            b.world.mirror(*under_way.pop(0)[1:])
        if earlier:
            earlier(role)

    b.world.apply, b.world.before_read = begin, arrive  # type: ignore[method-assign]


async def test_law_03_what_a_slow_mirror_carries_over_late_is_left_to_the_copies_that_follow_it() -> None:
    """The next transition's write is on its way there: to write the status of before would set that one back."""
    b = bench(mirrors=Mirrors.YES, script={S: ["lost-late"]})
    once(b, lambda: b.clock.monotonic() > 1015, b.world.arrive_late)
    mirrored_after(b, 2.1)
    await b.drive(RECOVERY, End.DONE)
    late = [event.role for event in b.notes.of(ChangeSeen) if event.change is Change.LATE]
    assert late[:2] == [S, P]
    assert b.world.posts() == [
        "POST secondary FAILOVER",
        "POST secondary FAILOVER",
        "POST secondary ACTIVE",
        "POST secondary ACTIVE",
        "POST secondary RECOVERY",
    ]


@pytest.mark.parametrize("mirrors", [Mirrors.YES, Mirrors.AUTO])
async def test_law_03_what_a_late_write_set_back_is_written_where_the_copy_of_the_repair_never_comes(
    mirrors: Mirrors,
) -> None:
    b = bench(mirrors=mirrors, mirrored=True, script={S: ["lost-late"]})

    def late(event: object) -> None:
        if isinstance(event, TransitionIntended) and event.target is RECOVERY:
            b.clock.advance(6)  # so that the check reads again
            b.world.arrive_late()
            b.world.mirrored = False

    b.notes.on_tell = late
    sent: list[float] = []
    b.world.before_write = lambda _draft: sent.append(b.clock.monotonic())
    await b.drive(RECOVERY, End.INCOMPLETE, P)  # that copy does not come either
    repairs = [intent.attempt for intent in b.notes.intents()[3:5]]
    assert [(each.role, each.status, each.purpose, each.transition) for each in repairs] == [
        (S, ACTIVE, "repair", "recover"),
        (P, ACTIVE, "repair", "recover"),
    ]
    assert sent[4] - sent[3] >= 10.0, "it is waited for"


# The world may be slow or shaky, and that is no reason to stop midway


@pytest.mark.parametrize("role", [P, S])
async def test_one_503_while_a_write_is_read_back_does_not_stop_the_run(role: Role) -> None:
    b = bench()
    once(
        b,
        lambda: len(b.world.posts()) == 1,
        lambda: b.world.glitches[role].append(Unreachable("503 Service Unavailable")),
    )
    await b.drive(ACTIVE, End.DONE)


async def test_what_was_read_back_is_what_the_next_write_expects() -> None:
    b = bench()
    await b.engine.drive(ACTIVE)
    second_to_s = b.notes.intents()[2]
    assert second_to_s.expected is not None
    assert second_to_s.expected.status == FAILOVER
    assert second_to_s.expected.modified_by == b.notes.intents()[0].attempt.stamp
