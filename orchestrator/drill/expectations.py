"""What a scenario wants, held against what was seen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from msgspec import Struct

from orchestrator.config.scenario import Expect, OrgStatus
from orchestrator.model.drill import Expectation
from orchestrator.model.journal import Record
from orchestrator.model.run import Stamp
from orchestrator.model.situation import Owed
from orchestrator.model.status import Role
from orchestrator.model.words import counted, span

OURS = "hamr"
"""How a scenario names whatever hamr wrote."""


class Seen(Struct, frozen=True):
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


def expectations_of(expect: Expect, seen: Seen) -> tuple[Expectation, ...]:
    """Everything that was wanted of a step, each with whether it held, and the records that show it."""
    return tuple(_all_of(expect, seen))


def _all_of(expect: Expect, seen: Seen) -> Iterator[Expectation]:
    """One after the other, in the order in which the format's page lists them."""
    if expect.exit is not None:
        found = "its process died" if seen.died else _ended(seen)
        yield _held(
            seen,
            f"exit code {expect.exit}",
            expect.exit == seen.exit,
            found,
            "run.finished",
            "transition.refused",
        )
    if expect.phase is not None:
        words = f"the pair stands at {seen.phase or 'nothing that was seen'}"
        yield _held(
            seen, f"phase {expect.phase}", expect.phase == seen.phase, words, "run.finished", "situation.read"
        )
    if expect.refused is not None:
        words = f"refused by {_listed(seen.refused)}"
        wanted = f"refused by {_listed(expect.refused)}"
        yield _held(
            seen,
            wanted,
            set(expect.refused) == set(seen.refused),
            words,
            "guard.judged",
            "transition.refused",
        )
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


def _of_the_end(expect: Expect, seen: Seen) -> Iterator[Expectation]:
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
    if expect.at_least is not None:
        yield _timed(seen, "at least", expect.at_least, lambda took, limit: took >= limit)
    if expect.within is not None:
        yield _timed(seen, "at most", expect.within, lambda took, limit: took <= limit)


def _timed(seen: Seen, words: str, limit: timedelta, holds: Callable[[float, float], bool]) -> Expectation:
    seconds = limit.total_seconds()
    return _held(
        seen,
        f"takes {words} {span(limit)}",
        holds(seen.seconds, seconds),
        f"it took {span(seen.seconds)}",
        "run.finished",
    )


def _held(seen: Seen, wanted: str, held: bool, found: str, *kinds: str) -> Expectation:
    name = f"{seen.name}: {wanted}" if seen.name else wanted
    return Expectation(name, held, found, shown_by(seen.records, kinds))


MOST_SHOWN = 12
"""Journal records that one expectation points to."""


def shown_by(records: Sequence[Record], kinds: Sequence[str]) -> tuple[int, ...]:
    """The numbers of the newest records of these kinds."""
    return tuple(record.seq for record in records if record.kind in kinds)[-MOST_SHOWN:]


def _ended(seen: Seen) -> str:
    code = "no exit code" if seen.exit is None else f"exit code {seen.exit}"
    return f"{code}: {seen.said}" if seen.said else code


def _listed(items: Sequence[object]) -> str:
    return ", ".join(str(item) for item in items) or "none"
