"""Files that are no journal, or not a whole one: one clear error each, and the file is left alone."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.errors import JournalDamaged, JournalUnavailable
from orchestrator.journal import JournalStore
from orchestrator.model.journal import Verified
from tests.steps import typed

from .conftest import journal_of, opened, refusal


@pytest.mark.parametrize("create", [True, False])
def test_a_folder_is_no_journal(tmp_path: Path, create: bool) -> None:
    assert "is a folder" in refusal(tmp_path, create=create).message


@pytest.mark.parametrize("create", [True, False])
def test_a_device_is_no_journal(create: bool) -> None:
    assert "not a regular file" in refusal(Path("/dev/null"), create=create).message


@pytest.mark.parametrize("create", [True, False])
def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path, create: bool) -> None:
    (tmp_path / "file").touch()
    assert isinstance(refusal(tmp_path / "file" / "journal.db", create=create), JournalUnavailable)


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("content", [b"dear diary\n" * 200, b"\0" * 5000, b"SQLite format 3\0", b"x"])
def test_a_file_that_is_no_database_is_damaged_and_left_alone(
    place: Path, content: bytes, create: bool
) -> None:
    place.write_bytes(content)
    error = refusal(place, create=create)
    assert isinstance(error, JournalDamaged)
    assert "is no journal" in error.message
    assert place.read_bytes() == content


@pytest.mark.parametrize("create", [True, False])
def test_a_database_of_another_program_is_left_alone(place: Path, create: bool) -> None:
    with sqlite3.connect(place) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    before = place.read_bytes()
    error = refusal(place, create=create)
    assert isinstance(error, JournalUnavailable)
    assert "another program" in error.message
    assert place.read_bytes() == before


@pytest.mark.parametrize("create", [True, False])
def test_a_journal_from_a_newer_version_is_left_alone(place: Path, create: bool) -> None:
    journal_of(place, 1)
    with sqlite3.connect(place) as connection:
        connection.execute("PRAGMA user_version = 4")
    connection.close()
    error = refusal(place, create=create)
    assert isinstance(error, JournalUnavailable)
    assert "newer hamr (its layout is version 4, this one knows 3)" in error.message


@pytest.mark.parametrize("create", [True, False])
def test_a_journal_from_an_older_version_is_refused_with_the_way_to_export_it(
    place: Path, create: bool
) -> None:
    journal_of(place, 1)
    with sqlite3.connect(place) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    error = refusal(place, create=create)
    assert isinstance(error, JournalUnavailable)
    assert "older hamr (its layout is version 1, this one knows 3): hamr audit export" in error.message
    with JournalStore.open(place, create=False, older=True, now=lambda: datetime.now(UTC)) as store:
        assert isinstance(store.verify(), Verified)


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("statement", ["DROP TABLE locks", "DROP TABLE records", "PRAGMA user_version = 0"])
def test_a_journal_without_its_tables_is_damaged(place: Path, statement: str, create: bool) -> None:
    journal_of(place, 1)
    with sqlite3.connect(place) as connection:
        connection.execute(statement)
    connection.close()
    assert isinstance(refusal(place, create=create), JournalDamaged)


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("kept", [50, 5000, 0.5, -1000])
def test_a_journal_that_was_cut_short_is_damaged(place: Path, kept: float, create: bool) -> None:
    journal_of(place, 100)
    size = place.stat().st_size
    os.truncate(place, int(size + kept if kept < 0 else size * kept if kept < 1 else kept))
    error = refusal(place, create=create)
    assert isinstance(error, JournalDamaged)
    assert "hamr audit verify" in typed(error.next_steps)


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("left", ["-wal", "-journal"])
def test_a_journal_that_was_emptied_under_what_lies_beside_it_is_damaged(
    place: Path, left: str, create: bool
) -> None:
    """A rollback journal says at its byte 16 how many pages the file had."""
    place.touch()
    place.with_name(f"journal.db{left}").write_bytes(bytes.fromhex("d9d505f920a163d7") + b"\1" * 504)
    error = refusal(place, create=create)
    assert isinstance(error, JournalDamaged)
    assert f"journal.db{left} beside it is not" in error.message


def test_law_16_overwritten_bytes_are_found(place: Path) -> None:
    """Every page in turn, in the middle: none goes unnoticed, and none ends in anything but a clear answer."""
    journal_of(place, 100)
    whole = place.read_bytes()
    pages = len(whole) // 4096
    assert pages > 10
    for page in range(1, pages):
        place.write_bytes(whole[: page * 4096 + 2000] + b"\xff" * 48 + whole[page * 4096 + 2048 :])
        try:
            with opened(place, create=False) as store:
                found = store.verify()
        except JournalDamaged:
            continue
        if isinstance(found, Verified):
            # Free space within the page: no record was touched.
            assert found.records == 100
