"""What must hold, against what was seen: what a scenario wants, and what is wanted of every rehearsal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from orchestrator.config.scenario import Expect, OrgStatus
from orchestrator.model import events
from orchestrator.model.journal import Record
from orchestrator.model.reading import HamrRecord
from orchestrator.model.result import Expectation
from orchestrator.model.run import Stamp
from orchestrator.model.situation import Owed
from orchestrator.model.status import Role, Status
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
    statuses: Mapping[Role, Status] | None = None
    """What each org's record shows; None where nobody looked."""
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
    for role, status in expect.statuses.items():
        shown = None if seen.statuses is None else seen.statuses[role]
        words = f"it shows {shown or 'nothing that was seen'}"
        yield _held(seen, f"the {role} shows {status}", shown is status, words, *_WRITES, "change.seen")
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


_Journalled = list[tuple[int, events.Event | None]]
"""Events of one run, each with its record's number; None for a kind of a newer version."""


def laws_of(
    records: Iterable[Record],
    stamps_sent: Iterable[str],
    names: frozenset[str],
    died: frozenset[str] = frozenset(),
) -> tuple[Expectation, ...]:
    """Each law, and whether it held, by both witnesses: the pair's records, and the `modified_by` of every write that a region has seen.

    `names` may stand in a record without being a stranger's: who set the pair up, the server itself. `died` are runs whose process was
    killed, and that nobody has taken up again.
    """
    by_run: dict[str, _Journalled] = {}
    for record in records:
        by_run.setdefault(record.run, []).append((record.seq, events.decode(record.kind, record.data)))
    told = [event for journalled in by_run.values() for _, event in journalled]
    names |= {event.name for event in told if isinstance(event, events.NameLearned)}
    intended = {event.attempt.stamp for event in told if isinstance(event, events.WriteIntended)}
    over = [seq for journalled in by_run.values() for seq in _written_over(journalled, names)]
    unannounced = [stamp for stamp in stamps_sent if stamp not in intended]
    endless = [seq for run, journalled in by_run.items() if run not in died for seq in _endless(journalled)]
    return (
        always(
            "nothing is written after somebody else's change was seen",
            "a run went on writing after it had read a change of somebody else's" if over else "",
            over,
        ),
        always(
            "every write that a region saw stood in the journal first",
            f"not in the journal: {', '.join(unannounced)}" if unannounced else "",
        ),
        always(
            "every run came to an end, or can be resumed",
            "a run failed, or wrote no end" if endless else "",
            endless,
        ),
    )


def always(law: str, broken: str, shown: Sequence[int] = ()) -> Expectation:
    """What must hold in every rehearsal; `broken` says what shows that it did not, "" where it held."""
    return Expectation(f"always: {law}", not broken, broken or "it held", tuple(shown))


def _written_over(journalled: _Journalled, names: frozenset[str]) -> Iterator[int]:
    """Intents of a run that come after a stranger's record, which was not there when the run first looked."""
    known: dict[Role, HamrRecord] = {}
    seen_at = 0
    for seq, event in journalled:
        if isinstance(event, events.WriteIntended):
            if seen_at:
                yield from (seen_at, seq)
            continue
        for role, shown in _shown(event):
            first = known.setdefault(role, shown)
            stranger = Stamp.parse(shown.modified_by) is None and shown.modified_by not in names
            if stranger and not shown.same_version(first):
                seen_at = seen_at or seq


def _shown(event: events.Event | None) -> Iterator[tuple[Role, HamrRecord]]:
    match event:
        case events.SituationRead(readings=readings):
            for role, reading in readings.items():
                if reading is not None and reading.record is not None:
                    yield role, reading.record
        case events.WriteConfirmed(role=role, record=record):
            yield role, record
        case _:
            pass


def _endless(journalled: _Journalled) -> Iterator[int]:
    """The last record of a run that began, and failed or wrote no end."""
    if any(isinstance(event, events.RunStarted) for _, event in journalled):
        ends = [(seq, event) for seq, event in journalled if isinstance(event, events.RunFinished)]
        if not ends or ends[-1][1].exit_code == 1:
            yield (ends or journalled)[-1][0]
