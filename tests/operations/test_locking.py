"""Who holds a pair, where its orgs have another name in somebody else's inventory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.errors import JournalUnavailable, Locked
from orchestrator.journal import JournalStore
from orchestrator.model.journal import Entry, Holder
from orchestrator.model.run import Operator
from orchestrator.operations.locking import Lock, refuse_held, take_lock
from orchestrator.operations.session import Session
from tests.e2e.pairs import quick_playbook
from tests.engine.fake import pair


class SlowToTake(JournalStore):
    """Somebody else is quicker, between the look at who holds a pair and the lock."""

    before: Callable[[], None] | None = None

    def take_lock(self, holder: Holder, *entries: Entry) -> Holder | None:
        if self.before is not None:
            self.before()
        return super().take_lock(holder, *entries)


def session(folder: Path, name: str, operator: str, patience: float = 5.0) -> Session:
    store = SlowToTake.open(folder / "journal.db", now=lambda: datetime.now(UTC), patience=patience)
    return Session(replace(pair(), name=name), quick_playbook(), Operator(operator, "laptop"), store, {})


@pytest.mark.parametrize("left", [False, True], ids=["a free pair", "a pair that a dead process left"])
def test_law_12_of_two_that_begin_at_once_under_two_names_of_the_same_orgs_one_has_them(
    tmp_path: Path, *, left: bool
) -> None:
    alice, bob = session(tmp_path, "payments", "alice"), session(tmp_path, "pay", "bob")
    assert isinstance(alice.store, SlowToTake)
    if left:
        now, (_, started) = datetime.now(UTC), alice.host.this_process()
        gone = Holder("lock-0", "payments", "run-0", "carol", alice.host.name, 4194303, started, now, now)
        assert alice.store.take_lock(gone) is None
    held: list[Lock] = []
    alice.store.before = lambda: held.append(take_lock(bob, "run-b", take_over=False))
    with pytest.raises(Locked) as caught:
        take_lock(alice, "run-a", take_over=True)
    assert "orgs of pair payments are held as pair pay: bob on" in caught.value.message
    assert [str(step) for step in caught.value.next_steps] == ["hamr show run-b"]
    assert [(holder.pair, holder.operator) for holder in alice.store.holders()] == [("pay", "bob")]
    held[0].release()
    alice.store.before = None
    assert take_lock(alice, "run-a", take_over=False).lock
    alice.store.close()
    bob.store.close()


def test_law_12_a_lock_that_could_not_be_given_back_bars_no_later_run_of_its_own_process(
    tmp_path: Path,
) -> None:
    alice, bob = session(tmp_path, "payments", "alice", patience=0.01), session(tmp_path, "payments", "bob")
    lock = take_lock(alice, "run-a", take_over=False)
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        lock.release()
    refuse_held(bob)
    assert take_lock(bob, "run-b", take_over=False).lock
    assert [(holder.run, holder.operator) for holder in bob.store.holders()] == [("run-b", "bob")]
    alice.store.close()
    bob.store.close()


def test_law_12_whoever_could_not_be_told_that_nobody_else_has_the_orgs_leaves_no_lock(
    tmp_path: Path,
) -> None:
    class Blind(JournalStore):
        def holders(self) -> tuple[Holder, ...]:
            raise JournalUnavailable("the disk is gone")

    with Blind.open(tmp_path / "journal.db", now=lambda: datetime.now(UTC)) as store:
        blind = Session(pair(), quick_playbook(), Operator("alice", "laptop"), store, {})
        with pytest.raises(JournalUnavailable):
            take_lock(blind, "run-a", take_over=False)
        assert store.holder("payments") is None
