"""Reading a journal from Python."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import orchestrator
from orchestrator import Broken, JournalUnavailable, OpenPair, UsageError, Verified


def test_runs_records_and_head_of_a_run(pair: OpenPair, tmp_path: Path) -> None:
    out = pair.sync.run("ACTIVE")
    home = pair.sync.run("PASSIVE")
    journal = orchestrator.open_journal(tmp_path / "journal.db")
    assert [transition.run for transition in journal.runs()] == [home.run, out.run]
    assert journal.runs("other") == ()
    kinds = [record.kind for record in journal.records(out.run)]
    assert (kinds[0], kinds[1]) == ("lock.taken", "run.started")
    assert kinds.count("write.confirmed") == 4
    assert {record.kind for record in journal.records(after=home.head.seq)} <= {
        "notice.sent",
        "notice.failed",
    }
    assert journal.records(after=home.head.seq - 1)[0].hash == home.head.hash
    assert journal.head().seq == journal.records()[-1].seq
    assert {record.pair for record in journal.records(pair="sim")} == {"sim"}


def test_a_journal_that_holds_is_verified_up_to_an_anchor(pair: OpenPair) -> None:
    out = pair.sync.run("ACTIVE")
    pair.sync.run("PASSIVE")
    found = pair.journal.verify(str(out.head))
    assert isinstance(found, Verified)
    assert found.head == pair.journal.head()
    wrong = pair.journal.verify(f"{out.head.seq}:{'0' * 64}")
    assert isinstance(wrong, Broken)
    with pytest.raises(UsageError, match="SEQ:HASH"):
        pair.journal.verify("12")


def test_an_older_journal_is_verified_and_no_more(pair: OpenPair, tmp_path: Path) -> None:
    out = pair.sync.run("ACTIVE")
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert isinstance(pair.journal.verify(str(out.head)), Verified)
    with pytest.raises(JournalUnavailable, match="older hamr"):
        pair.journal.runs()


def test_a_journal_that_was_changed_is_broken_and_says_where(pair: OpenPair, tmp_path: Path) -> None:
    pair.sync.run("ACTIVE")
    connection = sqlite3.connect(tmp_path / "journal.db")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE records SET by = 'mallory' WHERE seq = 3")
    connection.commit()
    connection.close()
    found = pair.journal.verify()
    assert isinstance(found, Broken)
    assert (found.seq, found.good) == (3, 2)


def test_where_there_is_no_journal_there_are_no_runs_and_nothing_to_verify(tmp_path: Path) -> None:
    journal = orchestrator.open_journal(tmp_path / "none.db")
    assert journal.runs() == ()
    assert journal.records() == ()
    with pytest.raises(JournalUnavailable, match="There is no journal at"):
        journal.head()
    with pytest.raises(JournalUnavailable, match="There is no journal at"):
        journal.verify()
    with pytest.raises(UsageError, match="knows no run"):
        journal.records("20261122-031502-k3f9")
    assert not (tmp_path / "none.db").exists()
