"""Where the journal is, and opening its file."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.errors import JournalUnavailable, UsageError
from orchestrator.journal import JournalStore, default_place
from orchestrator.model.journal import GENESIS, Head, Verified
from tests.mounts import UNSHARE, mounting
from tests.steps import typed

from .conftest import entry, file_of, holder, journal_of, opened, refusal, ticking

HOME = {"HOME": "/home/alice"}


@pytest.mark.parametrize(
    ("option", "environ", "expected"),
    [
        ("here.db", {**HOME, "HAMR_JOURNAL": "/there.db"}, "here.db"),
        (None, {**HOME, "HAMR_JOURNAL": "/there.db"}, "/there.db"),
        (None, {**HOME, "HAMR_JOURNAL": ""}, "/home/alice/.local/state/hamr/journal.db"),
        (None, HOME, "/home/alice/.local/state/hamr/journal.db"),
        (None, {**HOME, "XDG_STATE_HOME": "/state"}, "/state/hamr/journal.db"),
        (None, {**HOME, "XDG_STATE_HOME": "relative"}, "/home/alice/.local/state/hamr/journal.db"),
        (None, {**HOME, "HAMR_JOURNAL": "~/j.db"}, "/home/alice/j.db"),
    ],
)
def test_the_option_comes_before_the_variable_and_both_before_the_state_folder(
    option: str | None, environ: dict[str, str], expected: str
) -> None:
    assert default_place(option, environ) == Path(expected)


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_without_a_home_that_is_the_same_everywhere_the_users_own_is_taken(environ: dict[str, str]) -> None:
    home = pwd.getpwuid(os.getuid()).pw_dir
    assert default_place(None, environ) == Path(home, ".local/state/hamr/journal.db")
    assert default_place("~/mine.db", environ) == Path(home, "mine.db")


def test_a_user_whom_this_machine_does_not_know_is_asked_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 4_242_424)
    with pytest.raises(
        UsageError, match=r"user 4242424 has no entry on this machine. Name a file with --journal"
    ) as caught:
        default_place(None, {"HOME": ""})
    assert typed(caught.value.next_steps) == ("--journal FILE",)
    assert default_place("mine.db", {"HOME": ""}) == Path("mine.db")


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "sqlite:///j.db", "https://example.com/j"])
def test_what_is_no_path_is_refused_and_names_its_flag(text: str) -> None:
    with pytest.raises(UsageError, match="--journal wants the path of a file"):
        default_place(text, HOME)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql:/db/ops",
        "postgres//alice@db/ops",
        "postgresql:db",
        "host=db dbname=ops",
        "port=5433 password=pw",
    ],
)
def test_what_is_nearly_a_teams_address_is_no_file(text: str) -> None:
    with pytest.raises(UsageError, match="HAMR_JOURNAL is nearly a team's address"):
        default_place(None, {**HOME, "HAMR_JOURNAL": text})
    assert default_place(f"./{text}", HOME) == Path(text)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write everything: step down to nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach, which tmp_path is not."""
    folder = Path(tempfile.mkdtemp(prefix="hamr-journal-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_file_and_folders_are_created_for_their_owner_alone(tmp_path: Path) -> None:
    place = tmp_path / "state" / "hamr" / "journal.db"
    with opened(place) as store:
        store.append(entry())
        assert store.place == str(place)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.parent.iterdir()}
        assert modes == {"journal.db": 0o600}, "law 16: nothing lies beside it between two transactions"
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(place.parent.parent.stat().st_mode) == 0o700
    assert [path.name for path in place.parent.iterdir()] == ["journal.db"]


def test_law_06_a_record_is_on_the_disk_before_append_returns(place: Path) -> None:
    with JournalStore.open(place, now=ticking()) as store:
        assert file_of(store)._connection.execute("PRAGMA synchronous").fetchone() == (
            3,
        )  # EXTRA: the folder's entry, too
        assert file_of(store)._connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    with JournalStore.open(place, durable=False, now=ticking()) as store:
        assert file_of(store)._connection.execute("PRAGMA synchronous").fetchone() == (0,)  # OFF


def test_a_look_at_a_journal_that_does_not_exist_leaves_no_trace(tmp_path: Path) -> None:
    with opened(tmp_path / "none" / "journal.db", create=False) as store:
        assert not store.exists
        assert list(store.records()) == []
        assert store.head() == Head(0, GENESIS)
        assert store.verify() == Verified(0, Head(0, GENESIS))
        assert store.holder("payments") is None
        with pytest.raises(JournalUnavailable, match="reading only"):
            store.append(entry())
        with pytest.raises(JournalUnavailable, match="reading only"):
            store.take_lock(holder())
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_a_journal_that_begins(place: Path) -> None:
    place.touch()
    with opened(place, create=False) as store:
        assert not store.exists
    assert place.stat().st_size == 0
    with opened(place) as store:
        assert store.append(entry()).seq == 1


def test_a_look_sees_what_another_process_is_writing_and_adds_nothing(place: Path) -> None:
    with opened(place) as writer:
        writer.append(entry())
        with opened(place, create=False) as reader:
            assert reader.exists
            assert reader.head().seq == 1
            writer.append(entry())
            assert reader.head().seq == 2
            with pytest.raises(JournalUnavailable, match="reading only"):
                reader.append(entry())
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                file_of(reader)._connection.execute("DELETE FROM locks")


def test_a_file_that_may_only_be_read_is_read(open_folder: Path) -> None:
    place = open_folder / "journal.db"
    journal_of(place, 3)
    place.chmod(0o444)
    open_folder.chmod(0o555)
    with without_privileges():
        with opened(place, create=False) as store:
            assert store.verify() == Verified(3, store.head())
        error = refusal(place)
    assert isinstance(error, JournalUnavailable)
    assert "can only be read here" in error.message


def kept_in_a_log(place: Path, records: int = 1) -> sqlite3.Connection:
    """The journal as another program has it open: its records are in the log beside it, until this is closed."""
    journal_of(place, records)
    older = sqlite3.connect(place, isolation_level=None)
    older.execute("PRAGMA journal_mode = WAL")
    older.execute("INSERT INTO locks VALUES ('orders', 'lock-o', '', '', '', 1, '', '', '')")
    return older


def killed_while_writing(place: Path) -> None:
    """What a process leaves that is killed in the middle of a transaction, after it wrote to the file."""
    script = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("PRAGMA cache_spill = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("DROP TRIGGER records_are_not_deleted")
connection.execute("DELETE FROM records")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-I", "-c", script, str(place)], check=False, timeout=30)
    assert place.with_name(f"{place.name}-journal").stat().st_size > 0


@pytest.mark.parametrize("left", ["-wal", "-journal"])
def test_what_lies_beside_a_read_only_file_is_not_passed_over(open_folder: Path, left: str) -> None:
    place, copy = open_folder / "journal.db", open_folder / "copy" / "journal.db"
    copy.parent.mkdir()
    older = None
    if left == "-wal":
        older = kept_in_a_log(place)
    else:
        journal_of(place, 50)
        killed_while_writing(place)
    for suffix in ("", left):
        shutil.copy(f"{place}{suffix}", f"{copy}{suffix}")
        Path(f"{copy}{suffix}").chmod(0o444)
    if older is not None:
        older.close()
    copy.parent.chmod(0o555)
    with without_privileges():
        error = refusal(copy, create=False)
    assert f"journal.db{left}" in error.message
    copy.parent.chmod(0o755)


@pytest.mark.parametrize("create", [True, False])
def test_law_16_what_a_killed_process_had_begun_is_undone_by_whoever_comes_next(
    place: Path, create: bool
) -> None:
    journal_of(place, 50)
    killed_while_writing(place)
    with opened(place, create=create) as store:
        assert store.verify() == Verified(50, store.head())
    assert [path.name for path in place.parent.iterdir()] == ["journal.db"]


def test_law_16_a_journal_that_was_switched_to_a_log_takes_in_the_records_that_lie_beside_it(
    place: Path,
) -> None:
    older = kept_in_a_log(place, records=3)
    crashed = place.with_name("crashed.db")
    for suffix in ("", "-wal"):
        shutil.copy(f"{place}{suffix}", f"{crashed}{suffix}")
    older.close()
    with opened(crashed) as store:
        assert store.verify() == Verified(3, store.head())
        assert not crashed.with_name("crashed.db-wal").exists()
        store.append(entry())
        assert not crashed.with_name("crashed.db-wal").exists()


def test_law_16_a_log_that_somebody_has_open_is_not_switched_back_and_says_so(
    place: Path,
) -> None:
    older = kept_in_a_log(place)
    error = refusal(place, patience=0.02)
    assert "by another program" in error.message
    assert "wait until that process has ended" in error.message
    older.close()
    with opened(place) as store:
        assert store.append(entry()).seq == 2


def test_law_16_a_journal_that_is_switched_to_a_log_under_a_run_is_not_written_to(place: Path) -> None:
    with opened(place) as store:
        store.append(entry())
        older = sqlite3.connect(place, isolation_level=None)
        older.execute("PRAGMA journal_mode = WAL")
        with pytest.raises(JournalUnavailable, match="switched to write-ahead logging"):
            store.append(entry())
        older.close()


def test_law_16_a_journal_under_two_names_is_refused_and_both_are_one_lock(place: Path) -> None:
    with opened(place) as first:
        first.take_lock(holder("lock-a"))
        second = place.with_name("second.db")
        second.hardlink_to(place)
        error = refusal(second)
        assert "has 2 names (hard links)" in error.message
        assert "find DIR -samefile" in error.message
        link = place.with_name("link.db")
        second.unlink()
        link.symlink_to(place)
        with opened(link) as other:
            assert other.take_lock(holder("lock-b")) == holder("lock-a")


def test_a_link_to_a_journal_that_does_not_exist_yet_begins_it_there(place: Path) -> None:
    link = place.with_name("link.db")
    link.symlink_to(place)
    journal_of(link, 1)
    assert place.exists()
    assert link.is_symlink()


def test_somebody_who_was_killed_while_the_journal_began_is_in_nobodys_way(place: Path) -> None:
    place.touch()
    magic = bytes.fromhex("d9d505f920a163d7")
    place.with_name("journal.db-journal").write_bytes(magic + b"\0" * 504)
    with opened(place) as store:
        assert store.append(entry()).seq == 1


def test_law_16_a_fresh_handle_misses_what_an_older_copy_has_not(place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "older.db"
    with opened(place) as store:
        first = store.append(entry(transition="a"))
        shutil.copy(place, copy)
        second = store.append(entry(transition="b"))
        kept = [Head(each.seq, each.hash) for each in (first, second)]
        assert store.first_missing(kept) is None
        assert store.first_missing([]) is None
        place.write_bytes(copy.read_bytes())  # restored in place: the file keeps its identity
        assert store.first_missing(kept) == 2
        store.append(entry(transition="c"))
        assert store.first_missing(kept) == 2
        place.unlink()
        assert store.first_missing(kept) == 1


@pytest.mark.parametrize(
    ("folder", "umask", "mode"),
    [
        (0o2775, 0o002, 0o660),
        (0o2775, 0o022, 0o640),
        (0o2775, 0o077, 0o600),
        (0o775, 0o002, 0o600),
        (0o2755, 0o002, 0o600),
    ],
)
def test_a_journal_is_for_the_group_where_its_folder_is(
    tmp_path: Path, folder: int, umask: int, mode: int
) -> None:
    place = tmp_path / "team" / "journal.db"
    place.parent.mkdir()
    place.parent.chmod(folder)
    before = os.umask(umask)
    try:
        journal_of(place, 1)
    finally:
        os.umask(before)
    assert stat.S_IMODE(place.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="the file must be another user's")
def test_a_file_that_a_colleague_may_not_use_is_named_with_what_helps(open_folder: Path) -> None:
    open_folder.chmod(0o777)
    place = open_folder / "journal.db"
    journal_of(place, 1)
    place.chmod(0o600)
    with without_privileges():
        error = refusal(place)
    assert f"{place} is -rw------- of user root and group " in error.message
    assert f"chmod 660 {place}" in error.message


def test_a_folder_that_may_not_be_written_is_named(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with without_privileges():
        error = refusal(open_folder / "hamr" / "journal.db")
    assert "permission denied" in error.message


def test_a_journal_that_may_not_be_read_is_named(open_folder: Path) -> None:
    place = open_folder / "journal.db"
    journal_of(place, 1)
    place.chmod(0o000)
    with without_privileges():
        assert isinstance(refusal(place, create=False), JournalUnavailable)
        assert isinstance(refusal(place), JournalUnavailable)


def test_law_06_a_full_disk_leaves_the_record_unwritten_and_says_so(place: Path) -> None:
    with opened(place) as store:
        head = store.append(entry())
        (pages,) = file_of(store)._connection.execute("PRAGMA page_count").fetchone()
        file_of(store)._connection.execute(f"PRAGMA max_page_count = {pages}")

        def fill() -> None:
            nonlocal head
            for _ in range(100):
                head = store.append(entry(padding="x" * 1000))

        with pytest.raises(JournalUnavailable) as caught:
            fill()
        assert "is full" in caught.value.message
        assert caught.value.sent == "The record was not written, and nothing more is sent without it."
        assert typed(caught.value.next_steps)[0].startswith("--journal FILE")
        assert store.verify() == Verified(head.seq, Head(head.seq, head.hash))
        file_of(store)._connection.execute("PRAGMA max_page_count = 100000")
        assert store.append(entry()).seq == head.seq + 1


def test_a_second_store_in_the_same_process_leaves_the_firsts_locks_alone(place: Path) -> None:
    """Else another process could write in the middle of a transaction of ours."""
    script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('DELETE FROM locks')"
    with opened(place) as first, file_of(first)._writing():
        opened(place, create=False).close()
        first.first_missing([Head(1, "")])
        other = subprocess.run(
            [sys.executable, "-I", "-c", script, str(place)], check=False, timeout=30, capture_output=True
        )
        assert b"database is locked" in other.stderr


@pytest.mark.parametrize(("code", "said"), [(errno.ENOSPC, "full"), (errno.EROFS, "read-only")])
def test_a_disk_that_takes_nothing_from_the_start_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    def fails(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code), str(place))

    monkeypatch.setattr(os, "open", fails)
    assert f"its disk is {said}" in refusal(place).message


ON_A_READ_ONLY_MOUNT = """
mount -t tmpfs tmpfs "$1" && mkdir "$1/team" && cp "$2" "$1/team/journal.db" && mount -o remount,ro "$1" || exit 9
"$3" -c "
from datetime import datetime, UTC
from pathlib import Path
from orchestrator.errors import JournalUnavailable
from orchestrator.journal import JournalStore
from tests.journal.conftest import entry
for name in ('journal.db', 'new.db', 'folder/new.db'):
    try:
        JournalStore.open(Path('$1') / 'team' / name, now=lambda: datetime.now(UTC)).append(entry())
    except JournalUnavailable as error:
        print(error.message)
"
"""


@mounting
def test_a_read_only_mount_is_named_and_no_mode_is_advised(tmp_path: Path) -> None:
    kept, mount = tmp_path / "kept.db", tmp_path / "mount"
    journal_of(kept, 1)
    mount.mkdir()
    script = (*UNSHARE, "sh", "-c", ON_A_READ_ONLY_MOUNT, "sh", mount, kept, sys.executable)
    said = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert said.count(f"{mount} is mounted read-only, so no permission helps") == 3, said
    assert "chmod" not in said


@pytest.mark.parametrize("create", [True, False])
def test_a_journal_that_another_process_keeps_locked_is_busy(place: Path, create: bool) -> None:
    journal_of(place, 1)
    other = sqlite3.connect(place, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    assert "is busy" in refusal(place, create=create, patience=0.02).message
    other.close()


def test_an_append_waits_for_another_writer_and_then_gives_up(place: Path) -> None:
    with opened(place, patience=0.02) as store:
        other = sqlite3.connect(place, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnavailable, match="is busy"):
            store.append(entry())
        other.execute("ROLLBACK")
        other.close()
        assert store.append(entry()).seq == 1


@pytest.mark.parametrize("fate", ["deleted", "moved", "replaced"])
def test_law_06_a_file_that_vanished_under_a_run_is_not_written_to(place: Path, fate: str) -> None:
    """SQLite would go on writing into a file that has no name any more."""
    with opened(place) as store:
        store.append(entry())
        if fate == "deleted":
            place.unlink()
        else:
            place.rename(place.with_name("elsewhere.db"))
        if fate == "replaced":
            place.touch()
        with pytest.raises(JournalUnavailable, match="moved, deleted or replaced") as caught:
            store.append(entry())
        assert str(place) in caught.value.message


def test_a_store_that_was_closed_says_that_it_cannot_be_used(place: Path) -> None:
    store = opened(place)
    store.close()
    store.close()
    with pytest.raises(JournalUnavailable, match="closed"):
        store.append(entry())
    with pytest.raises(JournalUnavailable, match="closed"):
        store.head()


def test_a_path_with_odd_characters_is_taken_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "a b%20?mode=memory#é" / "j&x.db"
    journal_of(place, 2)
    assert place.exists()
    with opened(place, create=False) as store:
        assert store.head().seq == 2
