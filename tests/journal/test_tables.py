"""What is read of a journal (exactly what reading everything and looking at each would find), and who holds a pair."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.config import load_playbook
from orchestrator.config.scenario import Scenario
from orchestrator.drill import DrillContext, rehearse
from orchestrator.errors import JournalDamaged, Locked
from orchestrator.journal import JournalStore
from orchestrator.journal.store import _PAGE, _want_lock
from orchestrator.model.plain import UNREADABLE
from orchestrator.model.run import Operator
from orchestrator.operations.finding import all_histories, outlines, summaries

from .conftest import STARTED, entry, file_of, holder, tamper, ticking

PAIRS = ("payments", "orders", "")
RUNS = ("", "r1", "r2", "r3", "r4")
KINDS = ("run.started", "situation.read", "transition.made", "run.finished")


@pytest.fixture
def mixed(store: JournalStore) -> JournalStore:
    dice = random.Random(7)  # noqa: S311 - the same records each time
    store.append_all(
        [
            entry(dice.choice(KINDS), pair=dice.choice(PAIRS), run=dice.choice(RUNS), transition=str(number))
            for number in range(3 * _PAGE)
        ]
    )
    return store


def test_records_are_found_by_any_of_run_pair_kinds_and_number(mixed: JournalStore) -> None:
    everything = list(mixed.records())
    wanted = itertools.product(
        (None, "r2", "", "none"), (None, "orders", "none"), (None, KINDS[:2], ("none",), ()), (0, 700, 9999)
    )
    for run, pair, kinds, after in wanted:
        assert list(mixed.records(run=run, pair=pair, kinds=kinds, after=after)) == [
            record
            for record in everything
            if record.seq > after
            if run in (None, record.run)
            if pair in (None, record.pair)
            if kinds is None or record.kind in kinds
        ], (run, pair, kinds, after)


@pytest.mark.parametrize("pair", [None, "orders"])
def test_an_outline_has_some_kinds_and_how_each_run_begins(mixed: JournalStore, pair: str | None) -> None:
    everything = [record for record in mixed.records() if record.kind != "run.started"]
    first = {record.run: record for record in reversed(everything) if record.run}
    wanted = {record.seq: record for record in first.values()}
    wanted |= {record.seq: record for record in everything if record.kind == "transition.made"}
    assert list(mixed.outline(("transition.made",), begins=KINDS[1:], pair=pair)) == [
        wanted[seq] for seq in sorted(wanted) if pair in (None, wanted[seq].pair)
    ]


def test_an_outline_lists_the_runs_that_everything_lists(tmp_path: Path) -> None:
    with JournalStore.open(tmp_path / "j", durable=False, now=lambda: datetime.now(UTC)) as store:
        context = DrillContext(store, Operator("alice", "laptop"), os.environ)
        for _ in range(2):
            asyncio.run(rehearse(context, Scenario(""), load_playbook("regional-failover")))
        whole = all_histories(store)
        assert summaries(outlines(store)) == summaries(whole)
        assert [history.drills for history in outlines(store).values()] == [
            history.drills for history in whole.values()
        ]


def test_law_12_a_lock_does_not_expire(store: JournalStore) -> None:
    old = replace(holder(), taken_at=STARTED - timedelta(days=900), beat_at=STARTED - timedelta(days=900))
    assert store.take_lock(old) is None
    assert store.take_lock(holder("lock-b")) == old


def test_the_lock_outlives_the_store(place: Path) -> None:
    with JournalStore.open(place, durable=False, now=ticking()) as first:
        first.take_lock(holder())
    with JournalStore.open(place, create=False, now=ticking()) as second:
        assert second.holder("payments") == holder()


def test_law_06_several_records_and_the_lock_are_one_transaction(store: JournalStore) -> None:
    store.take_lock(holder("lock-a"))
    happened = replace(entry("write.answered"), at=STARTED - timedelta(seconds=3))
    first, second = store.append_all([happened, entry("write.intended")], holding="lock-a")
    assert (first.seq, second.seq, second.prev) == (1, 2, first.hash)
    assert first.at == "2026-11-22T03:14:59.000000Z", (
        "dated with when it happened, not with when it was written"
    )
    with pytest.raises(Locked):
        store.append_all([entry(), entry("write.intended")], holding="lock-x")
    assert store.head().seq == 2, "all of them or none"
    assert store.append_all([]) == ()


def test_a_lock_is_not_handed_to_another_pair(store: JournalStore) -> None:
    store.take_lock(holder("lock-a"))
    assert not store.replace_lock("lock-a", holder("lock-b", pair="orders"))
    assert store.holder("orders") is None


def test_law_06_a_broken_lock_is_not_ours_either(store: JournalStore) -> None:
    store.take_lock(holder())
    store.release("lock-a")
    with pytest.raises(Locked, match="nobody holds it now"):
        store.append(entry("write.intended"), holding="lock-a")


def test_law_06_the_lock_of_another_pair_does_not_count(store: JournalStore) -> None:
    store.take_lock(holder("lock-a", pair="orders"))
    with pytest.raises(Locked):
        store.append(entry("write.intended"), holding="lock-a")


def test_law_06_nobody_can_break_the_lock_between_the_look_and_the_record(
    store: JournalStore, place: Path
) -> None:
    """While the transaction is open, another process cannot touch the lock table."""
    store.take_lock(holder())
    other = sqlite3.connect(place, timeout=0, isolation_level=None)
    with file_of(store)._writing() as connection:
        _want_lock(connection, "payments", "lock-a")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("DELETE FROM locks")
    other.close()


@pytest.mark.parametrize(
    "statement", ["UPDATE locks SET taken_at = 'yesterday'", "UPDATE locks SET beat_at = x'00'"]
)
def test_law_12_a_lock_whose_time_nobody_can_read_is_one_that_a_person_may_break(
    store: JournalStore, place: Path, statement: str
) -> None:
    store.take_lock(holder())
    with sqlite3.connect(place) as connection:
        connection.execute(statement)
    connection.close()
    present = store.take_lock(holder("lock-b"))
    assert present is not None
    assert (present.lock, min(present.taken_at, present.beat_at)) == ("lock-a", UNREADABLE)
    assert store.append(entry(), holding="lock-a").seq == 1
    assert store.release("lock-a")
    assert store.take_lock(holder("lock-b")) is None


def test_an_id_that_is_the_beginning_of_another_is_itself(store: JournalStore) -> None:
    store.append_all([entry("run.started", run="r1"), entry("run.started", run="r10")])
    assert store.ids("r1", 9) == ("r1",)


def test_records_that_were_left_alone_hold(mixed: JournalStore) -> None:
    everything = range(1, 3 * _PAGE + 1)
    assert mixed.first_broken(everything) is None
    assert mixed.first_broken([1, 7, 3 * _PAGE]) is None
    assert mixed.first_broken([]) is None


def test_law_16_of_some_records_the_first_that_does_not_hold_is_found_and_no_other(
    mixed: JournalStore, place: Path
) -> None:
    changed = "UPDATE records SET by = 'mallory' WHERE seq = 700"
    tamper(place, changed, "DELETE FROM records WHERE seq = 900")
    assert mixed.first_broken([*range(1, 700), *range(702, 900), 902]) is None
    broken = mixed.first_broken([5, 700, 901])
    assert broken is not None
    assert broken.seq == 700
    assert "it was changed after it was written" in broken.reason
    for numbers in ([899, 901], [899, 900, 950]):
        missing = mixed.first_broken(numbers)
        assert missing is not None
        assert (missing.seq, missing.reason) == (900, "it is missing")
    assert mixed.first_broken([*range(1, _PAGE + 1), 900]) is not None


def test_records_are_found_up_to_a_number(mixed: JournalStore) -> None:
    for pair in (None, "orders"):
        everything = [record for record in mixed.records() if pair in (None, record.pair)]
        assert list(mixed.records(pair=pair, after=100, before=900)) == [
            record for record in everything if 100 < record.seq < 900
        ]


def test_an_outline_of_one_pair_reads_nothing_of_another(store: JournalStore, place: Path) -> None:
    store.append_all([entry("run.started", run="r1", pair="payments")])
    store.append_all([entry("run.started", run="r2", pair="orders")])
    tamper(place, "UPDATE records SET data = '[' WHERE run = 'r1'")
    outlined = store.outline(("run.finished",), begins=("run.started",), pair="orders")
    assert [record.run for record in outlined] == ["r2"]
    with pytest.raises(JournalDamaged):
        list(store.outline(("run.finished",), begins=("run.started",)))
