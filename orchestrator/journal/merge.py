"""Bringing another journal's records in: what an emergency journalled on its own machine, as a chain of its own.

The records stand in this journal as its own do: same run, pair, kind, data and time, a new number and hash. One more
names the other chain's head, and which of ours are its records; from those that chain can be made again, so it stays
verifiable. What this journal holds already, an emergency's beginning for one, is not brought in again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.errors import JournalDamaged, Locked, UsageError
from orchestrator.model import next_step
from orchestrator.model.events import JournalMerged, encode
from orchestrator.model.journal import GENESIS, Broken, Entry, Head, Record, Whereabouts
from orchestrator.model.plain import moment
from orchestrator.model.protocols import Host
from orchestrator.model.run import Operator

from .chain import canonical, storable
from .checkpoint import CHECKPOINT
from .history import event_of
from .store import JournalStore, digest_of

_FOREIGN_CHECKPOINT = f"merged.{CHECKPOINT}"
"""What another journal's past amounted to says nothing of this one's."""

_AT_A_TIME = 1_000


class Merged(Struct, frozen=True):
    """What came of it."""

    head: Head
    """The other chain's."""
    before: int
    """How many of its records had been brought in before."""
    added: int
    known: int
    """How many stood here already."""
    pairs: tuple[str, ...]


def merge(store: JournalStore, other: JournalStore, operator: Operator, host: Host) -> Merged:
    """Bring the records of `other` into `store`, verified before and after; typed twice, it does nothing more.

    Raises:
        UsageError: there are none.
        JournalDamaged: the other chain does not hold; or it could not be made again from what was brought in.
        Locked: a run still writes there.
    """
    found = other.verify()
    if isinstance(found, Broken):
        raise JournalDamaged(
            f"{other.place} can't be merged: record {found.seq}: {found.reason}",
            next_steps=(next_step.verify().with_options("--journal", other.place),),
        )
    if found.records == 0:
        raise UsageError(f"{other.place} holds no records: there is nothing to merge")
    for holder in other.holders():
        if host.whereabouts(holder) is not Whereabouts.GONE:
            raise Locked(
                f"run {holder.run} of {holder} still holds pair {holder.pair} in {other.place}: merge it when it has ended",
                next_steps=(next_step.show(holder.run).with_options("--journal", other.place),),
            )
    store.append_all(())  # what was under way when a connection was lost is through, and seen from here on
    before = _merged_before(store, other)
    fresh = list(other.records(after=before))
    newest, added = store.head().seq, 0
    here = _known(store, fresh)
    missing = {content: record for record in fresh if (content := _content(record)) not in here}
    while missing:
        entries = [_entry(each) for each in islice(missing.values(), _AT_A_TIME)]
        part = store.append_all(entries, behind=newest)
        added += len(part)
        # Else somebody else has added some: the same ones, where they merge it, too.
        for record in part or store.records(after=newest):
            content = _content(record)
            here[content] = newest = record.seq
            missing.pop(content, None)
    if fresh:
        event = JournalMerged(found.head, before, tuple(here[_content(record)] for record in fresh))
        noted = Entry("", "", event.kind, operator.name, operator.host, encode(event))
        _want_chain(store, other, event, noted)
    return Merged(found.head, before, added, len(fresh) - added, other.pairs())


def bring_in(store: JournalStore, records: Sequence[Record]) -> None:
    """Add those records of another journal that are not here yet."""
    here = _known(store, records)
    store.append_all([_entry(record) for record in records if _content(record) not in here])


def remade(store: JournalStore, event: JournalMerged, prev: str) -> Iterator[Record]:
    """The other journal's records, made again from what was brought in; `prev` is the hash of the one before the first."""
    here = {record.seq: record for record in store.numbered(sorted(event.numbers))}
    for seq, number in enumerate(event.numbers, event.after + 1):
        ours = here[number]
        record = replace(ours, seq=seq, prev=prev, kind=_kind_there(ours), hash="")
        record = replace(record, hash=digest_of(record))
        yield record
        prev = record.hash


def _want_chain(store: JournalStore, other: JournalStore, event: JournalMerged, noted: Entry) -> None:
    """Note the head, once the other chain was made again from what stands here now."""
    prev = GENESIS if event.after == 0 else next(other.records(after=event.after - 1)).hash
    for record in remade(store, event, prev):
        prev = record.hash
    if prev != event.head.hash:
        raise JournalDamaged(
            f"the chain of {other.place} could not be made again from what was brought into {store.place}: its head would "
            f"be {prev[:16]}…, not {event.head.hash[:16]}…",
            next_steps=(next_step.verify(),),
        )
    store.append(noted)


def _merged_before(store: JournalStore, other: JournalStore) -> int:
    """How many records of the other journal were brought in earlier."""
    before = 0
    for record in store.records(kinds=(JournalMerged.kind,)):
        event = event_of(record)
        if isinstance(event, JournalMerged) and other.first_missing([event.head]) is None:
            before = max(before, event.head.seq)
    return before


def _known(store: JournalStore, records: Sequence[Record]) -> dict[bytes, int]:
    """Where what runs of theirs have journalled stands here, by content."""
    runs = dict.fromkeys(record.run for record in records if record.run)
    return {_content(ours): ours.seq for run in runs for ours in store.records(run=run)}


def _content(record: Record) -> bytes:
    """All of a record but its place in a chain."""
    kind = _kind_there(record)
    return canonical(
        [record.at, record.run, record.pair, kind, record.by, record.host, storable(record.data)]
    )


def _kind_there(record: Record) -> str:
    return CHECKPOINT if record.kind == _FOREIGN_CHECKPOINT else record.kind


def _entry(record: Record) -> Entry:
    kind = _FOREIGN_CHECKPOINT if record.kind == CHECKPOINT else record.kind
    return Entry(record.run, record.pair, kind, record.by, record.host, record.data, moment(record.at))
