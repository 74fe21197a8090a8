"""What must hold, against what was seen: what a scenario wants, and what is wanted of every rehearsal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from orchestrator.config.scenario import Expect, OrgStatus
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
from orchestrator.model.situation import Owed
from orchestrator.model.status import Role
from orchestrator.model.words import counted, span

OURS = "hamr"
"""How a scenario names whatever hamr wrote."""


class Observed(Struct, frozen=True):
    """What was seen of one step, or of the end."""

    name: str
    """The step's."""
    seconds: float
    phase: str = ""
    exit: int | None = None
    """None: the step has no exit code of its own."""
    died: bool = False
    """Its process died on the way."""
    refused: tuple[str, ...] = ()
    """The guards that refused."""
    said: str = ""
    """How it ended, in words."""
    writes: tuple[OrgStatus, ...] = ()
    """The writes that an org has taken meanwhile, in order."""
    sent_to: frozenset[Role] = frozenset()
    """The orgs to which a write was sent meanwhile, taken or not."""
    owed: Owed | None = None
    names: Mapping[Role, str] | None = None
    """The `modified_by` of each org's record; None where nobody looked."""
    our_names: frozenset[str] = frozenset()
    """How the server calls us, where it puts a name of its own."""
    records: tuple[Record, ...] = ()
    """What its process journalled."""


def expectations_of(expect: Expect, seen: Observed) -> tuple[Expectation, ...]:
    """Everything that was wanted of a step, each with whether it held, and the records that show it."""
    return tuple(_all_of(expect, seen))


def _all_of(expect: Expect, seen: Observed) -> Iterator[Expectation]:
    """One after the other, in the order in which the format's page lists them."""
    refusals = ("run.finished", "transition.refused")
    if expect.exit is not None:
        found = "its process died" if seen.died else _ended(seen)
        yield _held(seen, f"exit code {expect.exit}", expect.exit == seen.exit, found, *refusals)
    if expect.phase is not None:
        found = f"the pair stands at {seen.phase or 'nothing that was seen'}"
        held = expect.phase == seen.phase
        yield _held(seen, f"phase {expect.phase}", held, found, "run.finished", "situation.read")
    if expect.refused is not None:
        found = f"refused by {_listed(seen.refused)}"
        held = set(expect.refused) == set(seen.refused)
        wanted = f"refused by {_listed(expect.refused)}"
        yield _held(seen, wanted, held, found, "guard.judged", "transition.refused")
    if expect.says is not None:
        words = f"it said: {seen.said}" if seen.said else "it said nothing"
        yield _held(seen, f"says {expect.says!r}", expect.says in seen.said, words, "run.finished")
    if expect.writes is not None:
        wanted = f"writes taken: {_listed(expect.writes)}"
        words = f"writes taken: {_listed(seen.writes)}"
        yield _held(seen, wanted, expect.writes == seen.writes, words, *_WRITES)
    for role in expect.no_writes_to:
        words = f"a write was sent to the {role}" if role in seen.sent_to else "none was sent"
        yield _held(seen, f"no writes to the {role}", role not in seen.sent_to, words, *_WRITES)
    yield from _of_the_end(expect, seen)


_OWED = ("write.owed", "write.settled")
_WRITES = ("write.intended", "write.answered", "write.confirmed", "write.unknown")


def _of_the_end(expect: Expect, seen: Observed) -> Iterator[Expectation]:
    owed = "nothing is owed" if seen.owed is None else f"{seen.owed.role} {seen.owed.status} is owed"
    match expect.owed:
        case OrgStatus():
            holds = seen.owed is not None and OrgStatus(seen.owed.role, seen.owed.status) == expect.owed
            yield _held(seen, f"{expect.owed} is owed", holds, owed, *_OWED)
        case "nothing":
            yield _held(seen, "nothing is owed", seen.owed is None, owed, *_OWED)
        case None:
            pass
    for role, name in expect.changed_by.items():
        found = "" if seen.names is None else seen.names[role]
        ours = Stamp.parse(found) is not None or found in seen.our_names
        holds = ours if name == OURS else found == name
        words = f"it was changed last by {found or 'nobody'}"
        yield _held(seen, f"the {role} was changed last by {name}", holds, words, *_WRITES, "change.seen")
    for kind, number in expect.records.items():
        count = sum(record.kind == kind for record in seen.records)
        yield _held(seen, f"{counted(number, 'record')} {kind}", count == number, f"{count} of them", kind)
    took = f"it took {span(seen.seconds)}"
    if expect.at_least is not None:
        holds = seen.seconds >= expect.at_least.total_seconds()
        yield _held(seen, f"takes at least {span(expect.at_least)}", holds, took, "run.finished")
    if expect.within is not None:
        holds = seen.seconds <= expect.within.total_seconds()
        yield _held(seen, f"takes at most {span(expect.within)}", holds, took, "run.finished")


def _held(seen: Observed, wanted: str, held: bool, found: str, *kinds: str) -> Expectation:
    name = f"{seen.name}: {wanted}" if seen.name else wanted
    return Expectation(name, held, found, shown_by(seen.records, kinds))


MOST_SHOWN = 12
"""Journal records that one expectation points to."""


def shown_by(records: Sequence[Record], kinds: Sequence[str]) -> tuple[int, ...]:
    """The numbers of the newest records of these kinds."""
    return tuple(record.seq for record in records if record.kind in kinds)[-MOST_SHOWN:]


def _ended(seen: Observed) -> str:
    code = "no exit code" if seen.exit is None else f"exit code {seen.exit}"
    return f"{code}: {seen.said}" if seen.said else code


def _listed(items: Sequence[object]) -> str:
    return ", ".join(str(item) for item in items) or "none"


# -- what must hold in every rehearsal -------------------------------------------------------------------------


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
