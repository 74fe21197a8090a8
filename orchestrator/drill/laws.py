"""What must hold in every rehearsal, whatever its scenario wants: the journal questioned against what the regions saw. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from orchestrator.model.events import (
    NameLearned,
    RunFinished,
    RunStarted,
    SituationRead,
    WriteConfirmed,
    WriteIntended,
    decode,
)
from orchestrator.model.journal import Record
from orchestrator.model.reading import HamrRecord
from orchestrator.model.result import Expectation
from orchestrator.model.run import Stamp
from orchestrator.model.status import Role


class Witnessed(Struct, frozen=True):
    """What both witnesses say of a rehearsal."""

    records: tuple[Record, ...]
    """The journal's, of this drill's pair."""
    stamps_sent: tuple[str, ...]
    """The `modified_by` of every write that a region has seen."""
    names: frozenset[str]
    """Whose names may stand in a record without being a stranger's: who set the pair up, the server itself."""
    died: frozenset[str] = frozenset()
    """Runs whose process was killed, and that nobody has taken up again."""


def laws_of(witnessed: Witnessed) -> tuple[Expectation, ...]:
    """Each law, and whether it held."""
    by_run: dict[str, list[Record]] = {}
    for record in witnessed.records:
        by_run.setdefault(record.run, []).append(record)
    names = witnessed.names | _learned(witnessed.records)
    over = [seq for records in by_run.values() for seq in _written_over(records, names)]
    unannounced = _unannounced(witnessed)
    endless = tuple(_endless(by_run, witnessed.died))
    return (
        Expectation(
            "always: nothing is written after somebody else's change was seen",
            not over,
            "a run went on writing after it had read a change of somebody else's" if over else "it held",
            tuple(over),
        ),
        Expectation(
            "always: every write that a region saw stood in the journal first",
            not unannounced,
            f"not in the journal: {', '.join(unannounced)}" if unannounced else "it held",
        ),
        Expectation(
            "always: every run came to an end, or can be resumed",
            not endless,
            "a run failed, or wrote no end" if endless else "it held",
            endless,
        ),
    )


def _learned(records: Sequence[Record]) -> frozenset[str]:
    events = (decode(record.kind, record.data) for record in records if record.kind == NameLearned.kind)
    return frozenset(event.name for event in events if isinstance(event, NameLearned))


def _written_over(records: Sequence[Record], names: frozenset[str]) -> Iterator[int]:
    """Intents of a run that come after a stranger's record, which was not there when the run first looked."""
    known: dict[Role, HamrRecord | None] = {}
    seen_at = 0
    for record in records:
        event = decode(record.kind, record.data)
        if isinstance(event, WriteIntended):
            if seen_at:
                yield from (seen_at, record.seq)
            continue
        for role, shown in _shown(event):
            first = known.setdefault(role, shown)
            stranger = Stamp.parse(shown.modified_by) is None and shown.modified_by not in names
            if stranger and (first is None or not shown.same_version(first)):
                seen_at = seen_at or record.seq


def _shown(event: object) -> Iterator[tuple[Role, HamrRecord]]:
    match event:
        case SituationRead(readings=readings):
            for role, reading in readings.items():
                if reading is not None and reading.record is not None:
                    yield role, reading.record
        case WriteConfirmed(role=role, record=record):
            yield role, record
        case _:
            pass


def _unannounced(witnessed: Witnessed) -> tuple[str, ...]:
    intended = set()
    for record in witnessed.records:
        event = decode(record.kind, record.data) if record.kind == WriteIntended.kind else None
        if isinstance(event, WriteIntended):
            intended.add(event.attempt.stamp)
    return tuple(stamp for stamp in witnessed.stamps_sent if stamp not in intended)


def _endless(by_run: Mapping[str, Sequence[Record]], died: frozenset[str]) -> Iterator[int]:
    for run, records in by_run.items():
        if run in died or not any(record.kind == RunStarted.kind for record in records):
            continue
        last = [record for record in records if record.kind == RunFinished.kind]
        ended = decode(last[-1].kind, last[-1].data) if last else None
        if not isinstance(ended, RunFinished) or ended.exit_code == 1:
            yield (last or records)[-1].seq
