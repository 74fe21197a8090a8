"""The chain as it is stored: hashes, and every way to tamper with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.errors import JournalDamaged, UsageError
from orchestrator.journal import JournalStore, check_anchor, parse_anchor
from orchestrator.journal.chain import Link
from orchestrator.model.journal import GENESIS, Broken, Head, Verified

from .conftest import STARTED, entry, file_of, tamper, ticking


def ten_records(store: JournalStore) -> None:
    for number in range(1, 11):
        store.append(entry("transition.refused", transition=f"transition {number}", guards=["settled"]))


def test_records_are_numbered_without_gaps_and_carry_the_hash_before(store: JournalStore) -> None:
    first = store.append(entry(transition="a"))
    second = store.append(entry(transition="b", pair="other", run=""))
    assert (first.seq, second.seq, second.prev) == (1, 2, first.hash)
    assert store.head() == Head(2, second.hash)
    assert list(store.records()) == [first, second]


def test_an_empty_journal_holds(place: Path) -> None:
    with JournalStore.open(place, create=False, now=ticking()) as store:
        assert store.verify() == Verified(0, Head(0, "0" * 64))


def test_a_clock_that_was_set_back_is_recorded_as_it_was(place: Path) -> None:
    times = iter([STARTED, STARTED - timedelta(hours=1)])
    with JournalStore.open(place, durable=False, now=lambda: next(times)) as store:
        store.append(entry())
        later = store.append(entry())
        assert later.at == "2026-11-22T02:15:02.000000Z"
        assert isinstance(store.verify(), Verified)


def test_reading_on_while_records_are_added_ends_where_it_began_to_read(store: JournalStore) -> None:
    ten_records(store)
    seen = 0
    for _ in store.records():
        store.append(entry())
        seen += 1
    assert seen == 10
    assert store.head().seq == 20


@pytest.mark.parametrize("statement", ["UPDATE records SET by = 'x'", "DELETE FROM records"])
def test_law_16_the_file_itself_refuses_to_change_a_record(store: JournalStore, statement: str) -> None:
    ten_records(store)
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        file_of(store)._connection.execute(statement)


@pytest.mark.parametrize(
    ("statements", "seq", "reason"),
    [
        (
            ["UPDATE records SET data = replace(data, 'settled', 'alone') WHERE seq = 7"],
            7,
            "was changed after",
        ),
        (["UPDATE records SET by = 'mallory' WHERE seq = 7"], 7, "was changed after"),
        (["UPDATE records SET at = '2026-11-22T03:15:09.000000Z' WHERE seq = 7"], 7, "was changed after"),
        (["UPDATE records SET hash = prev WHERE seq = 7"], 7, "was changed after"),
        (["UPDATE records SET prev = hash WHERE seq = 7"], 7, "was changed after"),
        (["UPDATE records SET data = data || ' ' WHERE seq = 7"], 7, "was changed after"),
        (["UPDATE records SET data = 'not json' WHERE seq = 7"], 7, "was changed after"),
        (["UPDATE records SET data = x'7b7d' WHERE seq = 7"], 7, "not text"),
        (["UPDATE records SET by = cast(x'ff' AS TEXT) WHERE seq = 7"], 7, "not valid UTF-8"),
        (["DELETE FROM records WHERE seq = 7"], 7, "is missing: the next record that is there is 8"),
        (["DELETE FROM records WHERE seq = 1"], 1, "is missing"),
        (["UPDATE records SET seq = 0 WHERE seq = 1"], 1, "a record numbered 0 stands where 1"),
        (["UPDATE records SET seq = -9223372036854775808 WHERE seq = 1"], 1, "stands where 1"),
        (["UPDATE records SET seq = 9223372036854775807 WHERE seq = 7"], 7, "is missing"),
        (
            [
                "UPDATE records SET seq = 99 WHERE seq = 7",
                "UPDATE records SET seq = 7 WHERE seq = 8",
                "UPDATE records SET seq = 8 WHERE seq = 99",
            ],
            7,
            "was changed after",
        ),
        (
            [
                "UPDATE records SET seq = -seq - 1 WHERE seq > 6",
                "UPDATE records SET seq = -seq WHERE seq < 0",
                "INSERT INTO records SELECT 7, at, run, pair, kind, by, host, prev, hash, data FROM records WHERE seq = 6",
            ],
            7,
            "was changed after",
        ),
    ],
)
def test_law_16_verification_names_the_first_record_that_was_tampered_with(
    store: JournalStore, place: Path, statements: list[str], seq: int, reason: str
) -> None:
    ten_records(store)
    tamper(place, *statements)
    found = store.verify()
    assert isinstance(found, Broken)
    assert (found.seq, found.good) == (seq, seq - 1)
    assert reason in found.reason


def test_two_hashes_that_begin_alike_are_told_whole(store: JournalStore, place: Path) -> None:
    store.append(entry())
    true = store.head().hash
    tamper(place, "UPDATE records SET hash = substr(hash, 1, 63) || 'x' WHERE seq = 1")
    found = store.verify()
    assert isinstance(found, Broken)
    assert f"hashes to {true}, but it carries {true[:-1]}x: it was changed" in found.reason


def rehash(place: Path, seq: int, change: Callable[[Link], Link]) -> None:
    """Change a record as somebody would who knows how the hash is made."""
    connection = sqlite3.connect(place, isolation_level=None)
    connection.row_factory = sqlite3.Row
    link = change(Link(**connection.execute("SELECT * FROM records WHERE seq = ?", (seq,)).fetchone()))
    tamper(place)
    link = replace(link, hash=link.digest())
    connection.execute("UPDATE records SET data = ?, hash = ? WHERE seq = ?", (link.data, link.hash, seq))
    connection.close()


def test_law_16_a_record_that_was_hashed_anew_shows_in_the_next_one(store: JournalStore, place: Path) -> None:
    ten_records(store)
    rehash(place, 7, lambda link: replace(link, data='{"transition":"another"}'))
    found = store.verify()
    assert isinstance(found, Broken)
    assert found.seq == 8
    assert "does not follow" in found.reason


@pytest.mark.parametrize("data", ['{"transition": "another"}', '{"a":1,"a":1}', "[]", "{", '{"a":NaN}'])
def test_data_that_is_not_canonical_is_named_even_where_its_hash_fits(
    store: JournalStore, place: Path, data: str
) -> None:
    ten_records(store)
    rehash(place, 10, lambda link: replace(link, data=data))
    found = store.verify()
    assert found == Broken(10, "its data is not an object in canonical JSON", 9)


@pytest.mark.parametrize(
    "change",
    [
        "data = '[]'",
        "at = ''",
        "at = '2026-11-22T03:61:00Z'",
        "at = '0001-01-01T00:00:00+14:00'",
        "by = x'ff'",
    ],
)
def test_a_record_that_cannot_be_read_stops_the_reader_and_is_named(
    store: JournalStore, place: Path, change: str
) -> None:
    ten_records(store)
    tamper(place, f"UPDATE records SET {change} WHERE seq = 7")  # noqa: S608 - constants of this test
    with pytest.raises(JournalDamaged, match="record 7") as caught:
        list(store.records())
    assert str(place) in caught.value.message


def test_records_hold_but_an_index_was_edited(store: JournalStore, place: Path) -> None:
    """An index that lacks a record would hide it from `hamr show`, though the chain is whole."""
    ten_records(store)
    tamper(
        place,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = 'CREATE INDEX records_of_a_run ON records (pair)'"
        " WHERE name = 'records_of_a_run'",
    )
    with (
        JournalStore.open(place, durable=False, now=ticking()) as again,
        pytest.raises(JournalDamaged, match="though its records hold"),
    ):
        again.verify()


def test_law_16_a_tail_that_was_cut_off_shows_only_against_an_anchor(
    store: JournalStore, place: Path
) -> None:
    ten_records(store)
    anchor = store.head()
    tamper(place, "DELETE FROM records WHERE seq > 7")
    assert isinstance(store.verify(), Verified)
    found = check_anchor(store, anchor)
    assert isinstance(found, Broken)
    assert (found.seq, found.good) == (8, 7)
    assert "it once had 10" in found.reason


def test_law_16_a_chain_that_was_written_anew_shows_only_against_an_anchor(tmp_path: Path) -> None:
    def journal(name: str, now: Callable[[], datetime]) -> JournalStore:
        return JournalStore.open(tmp_path / name, durable=False, now=now)

    later = ticking()
    later()
    with journal("true.db", ticking()) as true, journal("forged.db", later) as forged:
        ten_records(true)
        ten_records(forged)
        assert check_anchor(true, true.head()) == true.verify()
        middle = list(true.records())[4]
        assert check_anchor(true, Head(5, middle.hash)) == true.verify()
        found = check_anchor(forged, Head(5, middle.hash))
    assert isinstance(found, Broken)
    assert (found.seq, found.good) == (5, 4)
    assert "written anew" in found.reason


def test_a_page_that_was_overwritten_is_told_in_a_clause_that_its_callers_end_with_a_stop(
    store: JournalStore, place: Path
) -> None:
    ten_records(store)
    ((page, size),) = file_of(store).read(
        lambda statements: statements.execute(
            "SELECT rootpage, page_size FROM sqlite_master, pragma_page_size WHERE name = 'records'"
        ).fetchall()
    )
    with place.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    with JournalStore.open(place, create=False, now=ticking()) as afresh:
        assert afresh.verify() == Broken(
            1,
            f"The journal {place} is damaged: a part of the file is missing or overwritten"
            " (database disk image is malformed)",
            0,
        )


def test_an_anchor_cannot_vouch_for_a_chain_that_does_not_hold(store: JournalStore, place: Path) -> None:
    ten_records(store)
    anchor = store.head()
    tamper(place, "UPDATE records SET by = 'mallory' WHERE seq = 3")
    found = check_anchor(store, anchor)
    assert isinstance(found, Broken)
    assert found.seq == 3


def test_the_anchor_of_an_empty_journal_fits_every_journal(store: JournalStore) -> None:
    ten_records(store)
    assert check_anchor(store, Head(0, GENESIS)) == store.verify()
    assert isinstance(check_anchor(store, Head(0, "1" * 64)), Broken)


def test_an_anchor_is_read_as_it_was_printed() -> None:
    assert parse_anchor(f" 12:{'ab' * 32}\n") == Head(12, "ab" * 32)
    assert str(parse_anchor(f"12:{'ab' * 32}")) == f"12:{'ab' * 32}"


@pytest.mark.parametrize("text", ["", "12", f"x:{'ab' * 32}", f"12:{'AB' * 32}", f"12:{'a' * 63}"])
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="SEQ:HASH"):
        parse_anchor(text)
