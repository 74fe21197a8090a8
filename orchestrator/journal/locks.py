"""The lock table: one row per pair that is held. Each function runs in the transaction that its caller began."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from orchestrator.model.journal import Holder
from orchestrator.model.plain import moment, timestamp

_COLUMNS = "lock, pair, run, operator, host, pid, process_started, taken_at, beat_at"


class UnreadableLock(Exception):
    """A row of the lock table that this program cannot have written."""


def holder_of(connection: sqlite3.Connection, pair: str) -> Holder | None:
    """Who holds a pair.

    Raises:
        UnreadableLock: what stands there is no holder.
    """
    row = connection.execute(f"SELECT {_COLUMNS} FROM locks WHERE pair = ?", (pair,)).fetchone()  # noqa: S608 - constant columns
    if row is None:
        return None
    lock, _, run, operator, host, pid, process_started, taken_at, beat_at = row
    try:
        return Holder(
            lock, pair, run, operator, host, pid, process_started, moment(taken_at), moment(beat_at)
        )
    except (TypeError, ValueError) as error:
        raise UnreadableLock(f"the lock on {pair} has no readable time") from error


def take(connection: sqlite3.Connection, holder: Holder) -> Holder | None:
    """Enter the holder where the pair is free: None where it has the pair now, else who has."""
    present = holder_of(connection, holder.pair)
    if present is None:
        connection.execute(
            f"INSERT INTO locks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant columns
            _row(holder),
        )
        return None
    return None if present.lock == holder.lock else present


def replace(
    connection: sqlite3.Connection, old: str, holder: Holder, beat_at: datetime | None = None
) -> bool:
    """Hand the pair from the lock `old` to the holder; False where `old` does not hold it, or was heard of since."""
    present = holder_of(connection, holder.pair)
    if beat_at is not None and (present is None or present.beat_at != beat_at):
        return False
    changed = connection.execute(
        "UPDATE locks SET lock = ?, pair = ?, run = ?, operator = ?, host = ?, pid = ?, process_started = ?,"
        " taken_at = ?, beat_at = ? WHERE pair = ? AND lock = ?",
        (*_row(holder), holder.pair, old),
    )
    return changed.rowcount == 1


def beat(connection: sqlite3.Connection, lock: str, at: datetime) -> bool:
    """Note that the holder is alive; False where the lock is gone."""
    changed = connection.execute("UPDATE locks SET beat_at = ? WHERE lock = ?", (timestamp(at), lock))
    return changed.rowcount == 1


def release(connection: sqlite3.Connection, lock: str) -> bool:
    """Remove the lock; False where it was gone already."""
    return connection.execute("DELETE FROM locks WHERE lock = ?", (lock,)).rowcount == 1


def _row(holder: Holder) -> tuple[str | int, ...]:
    return (
        holder.lock,
        holder.pair,
        holder.run,
        holder.operator,
        holder.host,
        holder.pid,
        holder.process_started,
        timestamp(holder.taken_at),
        timestamp(holder.beat_at),
    )
