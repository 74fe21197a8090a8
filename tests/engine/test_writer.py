"""What a write never says: another link than the inventory's; and what may still come of one."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.engine.context import Stopped
from orchestrator.journal.history import histories_of
from orchestrator.model.events import ChangeSeen, RunFinished, WriteAnswered, WriteConfirmed, WriteIntended
from orchestrator.model.reading import Accepted, Change, Exchange, HamrRecord, Present, Reading, Request
from orchestrator.model.run import Attempt, End, Mode, RunOutcome
from orchestrator.model.status import Status
from orchestrator.situation.compare import compare
from orchestrator.situation.link import draft
from orchestrator.situation.state import RunState, replay
from tests.clock import START

from .fake import PLAYBOOK, RUN, UUIDS, FakeWorld, Notes, P, S, bench, pair, record, started

STAMP = "alice+hamr-20261122-030000-test-1@laptop"
ELSEWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    "wrong",
    [
        replace(record(P, Status.PASSIVE), target_uuid=ELSEWHERE),
        replace(record(P, Status.PASSIVE), org_uuid=ELSEWHERE),
        replace(record(P, Status.PASSIVE), is_primary=False),
    ],
)
def test_a_record_with_another_link_is_not_carried_over(wrong: HamrRecord) -> None:
    made = draft(pair(), P, wrong, Status.ACTIVE, STAMP)
    assert (made.org_uuid, made.target_uuid, made.is_primary) == (UUIDS.primary, UUIDS.secondary, True)


@pytest.mark.anyio
async def test_what_was_read_while_an_org_was_linked_elsewhere_is_not_written_back() -> None:
    """The same version of a record, first with a wrong peer and then healed: the write takes the healed one."""
    b = bench(mode=Mode.EMERGENCY)
    healed = b.world.held(P)
    b.world.records[P] = replace(healed, target_uuid=ELSEWHERE)
    await b.drive(Status.ACTIVE, End.OWING)
    b.world.records[P] = healed
    again = bench(memory=b.engine.run.state, world=b.world)
    again.engine.run.state.dead.clear()
    await again.deliver(End.DONE)
    assert isinstance(b.world, FakeWorld)
    shown = b.world.held(P)
    assert shown.target_uuid == UUIDS.secondary


ACTIVE, FAILOVER = Status.ACTIVE, Status.FAILOVER


def test_law_05_an_intent_without_an_outcome_is_an_unknown_and_what_was_given_up_outlives_a_done() -> None:
    first, second = (
        Attempt(number, S, FAILOVER, f"alice+hamr-{RUN}-{number}@laptop", "declare") for number in (1, 2)
    )
    notes = Notes([started(FAILOVER)])
    for attempt in (first, second):
        notes.tell(WriteIntended(attempt, Request("POST", "", {}), None))
    assert histories_of(notes.records(START))["payments"].unknown == ((RUN, first), (RUN, second))
    notes.tell(WriteConfirmed(S, FAILOVER, record(S, FAILOVER, second.stamp, START), Change.OURS, 2))
    notes.tell(RunFinished(RunOutcome(End.DONE, "it stands there"), 0, "", (), 1.0))
    history = histories_of(notes.records(START))["payments"]
    assert history.unknown == ()
    assert [each.attempt for each in history.given_up()] == [first]


@pytest.mark.parametrize(
    ("by", "remain"),
    [
        (f"alice+hamr-{RUN}-1@laptop", [2, 3]),
        (f"alice+hamr-{RUN}", [1, 2, 3]),  # 1 or 2: nothing tells
    ],
)
def test_law_05_what_came_late_takes_nothing_with_it_that_may_still_come(by: str, remain: list[int]) -> None:
    attempts = [
        Attempt(number, role, status, f"alice+hamr-{RUN}-{number}@laptop", "declare")
        for number, (role, status) in enumerate(((S, FAILOVER), (S, FAILOVER), (P, FAILOVER), (S, ACTIVE)), 1)
    ]
    notes = Notes([WriteIntended(attempt, Request("POST", "", {}), None) for attempt in attempts])
    told = record(S, ACTIVE, attempts[-1].stamp, START + timedelta(seconds=1))
    notes.tell(WriteConfirmed(S, ACTIVE, told, Change.OURS, 4))
    notes.tell(ChangeSeen(S, Change.LATE, "", record(S, FAILOVER, by, START + timedelta(seconds=2)), told))
    assert [attempt.number for attempt in replay(RUN, notes.events, {}).may_come_late()] == remain
    run = histories_of(notes.records(START))["payments"].runs[RUN]
    assert list(run.unseen) == remain


def test_law_05_the_attempt_that_came_late_is_named_by_its_org_though_its_stamp_was_cut_short() -> None:
    attempts = [
        Attempt(number, role, status, f"alice+hamr-{RUN}-{number}@laptop", "declare")
        for number, (role, status) in enumerate(((S, FAILOVER), (P, FAILOVER), (S, ACTIVE)), 1)
    ]
    memory = replay(RUN, [WriteIntended(attempt, Request("POST", "", {}), None) for attempt in attempts], {})
    told = record(S, ACTIVE, attempts[-1].stamp, START + timedelta(seconds=1))
    memory.apply(WriteConfirmed(S, ACTIVE, told, Change.OURS, 3))
    late = record(S, FAILOVER, f"alice+hamr-{RUN}", START + timedelta(seconds=2))
    found = compare(pair(), Reading(S, Present(late, FAILOVER), START, 0.0, Exchange()), memory)
    assert (found.change, found.attempt) == (Change.LATE, 1)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("mode", "posts"), [(Mode.PLANNED, []), (Mode.EMERGENCY, ["POST secondary FAILOVER"])]
)
async def test_law_11_no_write_leaves_the_other_org_where_its_transition_does_not_explain_it(
    mode: Mode, posts: list[str]
) -> None:
    """In an emergency that is owed."""
    b = bench(mode=mode)
    b.world.records[P] = record(P, Status.RECOVERY)
    b.engine.run.needed = frozenset({S} if posts else ())
    await b.engine.reader.read_both("start", once=False)
    with (
        nullcontext()
        if posts
        else pytest.raises(Stopped, match="does not explain: the pair would be diverged")
    ):
        await b.engine.writer.write(S, FAILOVER, explained_by=PLAYBOOK.transition("declare"))
    assert b.world.posts() == posts


@pytest.mark.parametrize(
    ("shown", "ours"),
    [
        (f"bernadette+hamr-{RUN}"[:32], True),
        ("", True),
        ("bernadette", False),
        ("terraform@example.com", False),
    ],
    ids=["cut within the run's id", "dropped", "a namesake", "somebody else"],
)
def test_law_03_an_org_that_has_kept_a_stamp_names_us_by_what_it_cut_from_the_next(
    shown: str, ours: bool
) -> None:
    """Cut at the same length, the stamp of an operator with a longer name does not name its run any more."""
    state = RunState(RUN)
    for number, operator, by in ((1, "al", f"al+hamr-{RUN}-1"[:32]), (2, "bernadette", shown)):
        sent = Attempt(number, S, FAILOVER, f"{operator}+hamr-{RUN}-{number}@laptop", "declare")
        state.apply(WriteIntended(sent, Request("POST", "", None), None))
        state.apply(WriteAnswered(sent, Accepted(Exchange(), record(S, FAILOVER, by))))
    assert (shown in state.told_names(S)) is ours
