"""The journal's tables, and how a file is known to be a journal of ours."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x48414D52
"""`HAMR` in ASCII, in the file's header: tells a journal from other programs' databases."""

VERSION = 2
"""In the file's user_version; a newer hamr raises it with each change of layout, or of the records' kinds and fields."""

STATEMENTS = (
    """CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        run TEXT NOT NULL,
        pair TEXT NOT NULL,
        kind TEXT NOT NULL,
        by TEXT NOT NULL,
        host TEXT NOT NULL,
        prev TEXT NOT NULL,
        hash TEXT NOT NULL,
        data TEXT NOT NULL
    )""",
    "CREATE INDEX records_of_a_run ON records (run)",
    "CREATE INDEX records_of_a_pair ON records (pair, kind)",
    """CREATE TRIGGER records_are_not_changed BEFORE UPDATE ON records
    BEGIN SELECT RAISE(ABORT, 'journal records are never changed'); END""",
    """CREATE TRIGGER records_are_not_deleted BEFORE DELETE ON records
    BEGIN SELECT RAISE(ABORT, 'journal records are never deleted'); END""",
    """CREATE TABLE locks (
        pair TEXT PRIMARY KEY,
        lock TEXT NOT NULL UNIQUE,
        run TEXT NOT NULL,
        operator TEXT NOT NULL,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        process_started TEXT NOT NULL,
        taken_at TEXT NOT NULL,
        beat_at TEXT NOT NULL
    )""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)


def lay_out(connection: sqlite3.Connection) -> None:
    """Create the tables, in the transaction that the caller has begun."""
    for statement in STATEMENTS:
        connection.execute(statement)


def identity(connection: sqlite3.Connection) -> tuple[int, int, frozenset[str]]:
    """The file's application id, its version, and the names of its tables."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return application, version, frozenset(name for (name,) in tables)
