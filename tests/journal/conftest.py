"""A journal in a temporary folder, dated by a clock that ticks one second a record."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from orchestrator.errors import HamrError, JournalDamaged, JournalUnavailable
from orchestrator.journal import Address, JournalStore
from orchestrator.journal.address import parse_address
from orchestrator.journal.sqlite_file import BUSY_SECONDS, SqliteFile
from orchestrator.model.journal import Entry, Holder
from orchestrator.model.plain import JSON
from orchestrator.model.protocols import Store
from tests.fake_postgres import FakeServer
from tests.steps import typed

RUN = "20261122-031502-k3f9"
STARTED = datetime(2026, 11, 22, 3, 15, 2, tzinfo=UTC)


def ticking() -> Callable[[], datetime]:
    seconds = count()
    return lambda: STARTED + timedelta(seconds=next(seconds))


def entry(kind: str = "transition.refused", *, pair: str = "payments", run: str = RUN, **data: JSON) -> Entry:
    return Entry(run, pair, kind, "alice", "laptop", data)


def holder(lock: str = "lock-a", *, pair: str = "payments", host: str = "laptop", pid: int = 4711) -> Holder:
    return Holder(lock, pair, RUN, "alice", host, pid, "boot pid:[1] 99", STARTED, STARTED)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def store(place: Path) -> Iterator[JournalStore]:
    with JournalStore.open(place, durable=False, now=ticking()) as opened:
        yield opened


Place = Path | Address | FakeServer


def place_named(name: str) -> Place:
    """As another process gets to know it."""
    if name.startswith("fake:"):
        return FakeServer(Path(name.removeprefix("fake:")))
    return parse_address(name, "") if "://" in name else Path(name)


def name_of(place: Place) -> str:
    """The other way round."""
    if isinstance(place, FakeServer):
        return f"fake:{place.path}"
    return place.conninfo if isinstance(place, Address) else str(place)


def opened(place: Place, *, create: bool = True, patience: float | None = None) -> JournalStore:
    if isinstance(place, FakeServer):
        return JournalStore(place.database(writes=create, patience=patience or BUSY_SECONDS), ticking())
    return JournalStore.open(place, create=create, durable=False, now=ticking(), patience=patience)


def file_of(store: Store) -> SqliteFile:
    assert isinstance(store, JournalStore)
    assert isinstance(store._database, SqliteFile)
    return store._database


def journal_of(place: Path, records: int) -> None:
    with opened(place) as store:
        for number in range(records):
            store.append(entry(transition=f"transition {number}", padding="x" * 200))


def refusal(place: Path, *, create: bool = True, patience: float | None = None) -> HamrError:
    """The error, which names the file, what was not sent, and another journal as the way on."""
    with pytest.raises((JournalUnavailable, JournalDamaged)) as caught:
        opened(place, create=create, patience=patience).close()
    error = caught.value
    assert str(place) in error.message
    assert error.sent in ("Nothing was sent.", "Nothing is sent on a journal that cannot be trusted.")
    assert any(step.startswith("--journal FILE") for step in typed(error.next_steps))
    return error


def tamper(place: Place, *statements: str) -> None:
    """What somebody with every right, and the tool for it, would do."""
    if isinstance(place, Address):
        import psycopg

        with psycopg.connect(place.conninfo, autocommit=True) as server:
            server.execute("SET search_path TO hamr")
            server.execute("ALTER TABLE records DISABLE TRIGGER USER")
            for statement in statements:
                server.execute(statement)
        return
    file = place.path if isinstance(place, FakeServer) else place
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for trigger in ("records_are_not_changed", "records_are_not_deleted"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            connection.execute(statement)
