"""Bringing another journal's records in: a chain of its own, verified, once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from orchestrator.errors import JournalDamaged, Locked, UsageError
from orchestrator.journal import Address, JournalStore, ThisHost
from orchestrator.journal.checkpoint import CHECKPOINT
from orchestrator.journal.history import brought_in, event_of, in_time
from orchestrator.journal.merge import Merged, merge, remade
from orchestrator.model.events import JournalMerged
from orchestrator.model.journal import GENESIS, Entry, Head, Record, Verified
from orchestrator.model.plain import moment
from orchestrator.model.run import Operator

from .conftest import entry, holder, opened, tamper, ticking

BOB = Operator("bob", "desk")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(params=["file", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JournalStore]:
    place: Path | Address = tmp_path / "journal.db"
    if request.param == "server":
        place = request.getfixturevalue("team")
    with opened(place) as ready:
        ready.append(entry("lock.taken", run="before", lock="a"))
        yield ready


@pytest.fixture
def other(tmp_path: Path) -> Iterator[JournalStore]:
    with opened(tmp_path / "emergency.db") as ready:
        yield ready


def merged(store: JournalStore, other: JournalStore) -> Merged:
    return merge(store, other, BOB, ThisHost())


def noted(store: JournalStore) -> list[JournalMerged]:
    events = [event_of(record) for record in store.records(kinds=(JournalMerged.kind,))]
    return [event for event in events if isinstance(event, JournalMerged)]


def test_its_records_stand_here_as_they_were_and_its_chain_can_be_made_again(
    store: JournalStore, other: JournalStore
) -> None:
    other.append(entry("lock.taken", lock="b", pair="orders"))
    other.append(entry("lock.released", lock="b"))
    assert merged(store, other) == Merged(other.head(), 0, 2, 0, ("orders", "payments"))
    brought = [*store.records(after=1)][:2]
    for theirs, ours in zip(other.records(), brought, strict=True):
        assert (ours.at, ours.run, ours.pair, ours.kind, ours.by, ours.host, ours.data) == (
            theirs.at,
            theirs.run,
            theirs.pair,
            theirs.kind,
            theirs.by,
            theirs.host,
            theirs.data,
        )
    assert noted(store) == [JournalMerged(other.head(), 0, (2, 3))]
    assert [*remade(store, noted(store)[0], GENESIS)] == [*other.records()]
    assert store.verify() == Verified(4, store.head())


def test_typed_twice_it_does_nothing_more_and_what_came_since_is_brought_in_after_it(
    store: JournalStore, other: JournalStore
) -> None:
    other.append(entry("lock.taken", lock="b"))
    first = other.head()
    merged(store, other)
    assert merged(store, other) == Merged(first, 1, 0, 0, ("payments",))
    assert store.head().seq == 3
    other.append(entry("lock.released", lock="b"))
    assert merged(store, other) == Merged(other.head(), 1, 1, 0, ("payments",))
    assert noted(store)[1] == JournalMerged(other.head(), 1, (4,))
    assert [record.hash for record in remade(store, noted(store)[1], first.hash)] == [other.head().hash]


def test_what_stands_here_already_is_not_brought_in_again(store: JournalStore, other: JournalStore) -> None:
    """Also what is left where a merge died before it noted the head."""
    stood = store.append(entry("lock.taken", lock="b"))
    same = Entry(stood.run, stood.pair, stood.kind, stood.by, stood.host, stood.data, moment(stood.at))
    other.append(same)
    other.append(entry("lock.released", lock="b"))
    assert merged(store, other) == Merged(other.head(), 0, 1, 1, ("payments",))
    assert noted(store) == [JournalMerged(other.head(), 0, (2, 3))]
    assert [*remade(store, noted(store)[0], GENESIS)] == [*other.records()]


class Overtaken(JournalStore):
    """Before it first adds what it found missing, another process has merged the same journal."""

    first: Callable[[], object] | None = None

    def append_all(
        self, entries: Sequence[Entry], *, behind: int | None = None, **asked: Any
    ) -> tuple[Record, ...]:
        if behind is not None and self.first is not None:
            first, self.first = self.first, None
            first()
        return super().append_all(entries, behind=behind, **asked)


def test_two_who_merge_it_at_once_bring_each_record_in_once(store: JournalStore, other: JournalStore) -> None:
    other.append(entry("lock.taken", lock="b"))
    other.append(entry(CHECKPOINT, run="", form=1))
    slow = Overtaken(store._database, ticking())
    slow.first = lambda: merged(store, other)
    assert merged(slow, other) == Merged(other.head(), 0, 0, 2, ("payments",))
    assert noted(store) == [JournalMerged(other.head(), 0, (2, 3))] * 2
    assert store.head().seq == 5


def test_what_came_after_a_merge_happened_last_whatever_its_clock_says(
    store: JournalStore, other: JournalStore
) -> None:
    """What was brought in stands between what stood here before it, by time; its machine's clock was days ahead."""
    for hour in (1, 3):
        store.append(replace(entry(hour=hour), at=NOON + timedelta(hours=hour)))
    for hour in (2, 72):
        other.append(replace(entry(hour=hour), at=NOON + timedelta(hours=hour)))
    merged(store, other)
    store.append(replace(entry(hour=4), at=NOON + timedelta(hours=4)))
    found = in_time(store.records(kinds=("transition.refused",)), brought_in(store, 0))
    assert [record.data["hour"] for record in found] == [1, 2, 3, 72, 4]


def test_what_another_journals_past_amounted_to_says_nothing_here(
    store: JournalStore, other: JournalStore
) -> None:
    other.append(entry(CHECKPOINT, run="", form=1))
    merged(store, other)
    assert store.newest("payments", CHECKPOINT) is None
    assert [*remade(store, noted(store)[0], GENESIS)] == [*other.records()]


def test_a_chain_that_does_not_hold_is_refused(
    store: JournalStore, other: JournalStore, tmp_path: Path
) -> None:
    other.append(entry("lock.taken", lock="b"))
    tamper(tmp_path / "emergency.db", "UPDATE records SET by = 'mallory'")
    with pytest.raises(JournalDamaged, match=r"emergency\.db can't be merged: record 1: .* was changed"):
        merged(store, other)
    assert store.head().seq == 1


def test_one_that_a_run_still_writes_to_is_refused(store: JournalStore, other: JournalStore) -> None:
    other.append(entry("lock.taken", lock="b"))
    other.take_lock(holder("b"))
    with pytest.raises(
        Locked, match=r"still holds pair payments in .*emergency\.db: merge it when it has ended"
    ):
        merged(store, other)


def test_one_without_records_is_refused(store: JournalStore, other: JournalStore) -> None:
    with pytest.raises(UsageError, match="holds no records"):
        merged(store, other)


def test_a_record_that_was_changed_here_since_shows_in_the_chain_that_is_made_again(
    store: JournalStore, other: JournalStore
) -> None:
    other.append(entry("lock.taken", lock="b"))
    other.append(entry("lock.released", lock="b"))
    merged(store, other)
    event = noted(store)[0]
    (_, last) = remade(store, JournalMerged(event.head, 0, (1, 3)), GENESIS)
    assert Head(2, last.hash) != event.head
