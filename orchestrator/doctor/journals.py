"""Looking at the journal: whether it is there, holds, and could be written; and what it says of a pair. Writes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from orchestrator.errors import HamrError
from orchestrator.journal.history import event_of
from orchestrator.model.events import MirrorFound
from orchestrator.model.journal import Record
from orchestrator.model.plain import moment
from orchestrator.operations.session import Session

from .answers import JournalFound, Mirrored

ROOM = 64 * 1024 * 1024
"""Bytes that have to be free on the journal's disk: a run writes far less, and never alone."""

Access = Callable[[Path, int], bool]


def look_at_journals(sessions: Sequence[Session], unopened: HamrError | None) -> tuple[JournalFound, ...]:
    """What the journal says of each pair. Blocks: meant for a thread of its own.

    Args:
        sessions: one for each pair; those that share a store verify it once.
        unopened: why the journal could not be opened at all, where that is so.
    """
    believed: list[object] = []
    found: list[JournalFound] = []
    for session in sessions:
        session.verified = session.verified or any(store is session.store for store in believed)
        found.append(_look_at(session, unopened))
        if found[-1].problem is None:
            believed.append(session.store)
    return tuple(found)


def _look_at(session: Session, unopened: HamrError | None) -> JournalFound:
    place = Path(session.store.place)
    exists, refusal = place.exists(), unwritable(place)
    if unopened is not None:
        return JournalFound(session.store.place, exists, unopened, refusal)
    pair = session.pair.name
    try:
        history = session.history()
        holder = session.store.holder(pair)
        mirrored = _last_mirrored(session.store.records(pair=pair, kinds=[MirrorFound.kind]))
        records = session.store.head().seq
    except HamrError as error:
        return JournalFound(session.store.place, exists, error, refusal)
    return JournalFound(
        session.store.place,
        exists,
        unwritable=refusal,
        history=history,
        holder=holder,
        holder_dead=holder is not None and session.host.provably_dead(holder),
        mirrored=mirrored,
        records=records,
    )


def unwritable(place: Path, access: Access = os.access, free: Callable[[Path], int] | None = None) -> str:
    """Why a run could not write the journal, without trying; "" where nothing speaks against it.

    SQLite keeps its rollback journal beside the file during a transaction, so the folder has to be writable too.

    Args:
        place: the journal's file, whether it is there or not.
        access: os.access, or what a test puts in its place.
        free: how many bytes are free on a folder's disk.
    """
    folder = place.parent.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is not a folder"
    if not access(folder, os.W_OK | os.X_OK):
        return f"the folder {folder} cannot be written"
    beside = [place.with_name(place.name + ending) for ending in ("", "-journal", "-wal", "-shm")]
    for file in beside:
        if file.exists() and not access(file, os.R_OK | os.W_OK):
            return f"{file} cannot be written"
    names = place.stat().st_nlink if place.exists() else 1
    if names > 1:
        return f"{place} has {names} names (hard links), and a journal must have one"
    left = (free or _free)(folder)
    if left < ROOM:
        return f"the disk of {folder} has {left // (1024 * 1024)} MiB left"
    return ""


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _last_mirrored(records: Iterable[Record]) -> Mirrored | None:
    last: Mirrored | None = None
    for record in records:
        event = event_of(record)
        if isinstance(event, MirrorFound):
            last = Mirrored(event.mirrors, record.run, moment(record.at))
    return last
