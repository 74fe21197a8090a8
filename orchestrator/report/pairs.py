"""Where all pairs stand, a line each, as `hamr status` without a pair shows it.

Those that need a person come first, since they must not be looked for among a thousand that do not; within both parts
the inventory's order is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain

from msgspec import Struct

from orchestrator.errors import ExitCode, HamrError, worst_of
from orchestrator.model.next_step import NextStep
from orchestrator.model.plain import JSON
from orchestrator.model.situation import PairStatus, PhaseName
from orchestrator.model.words import counted, one_reason, span, utc

from .documents import document
from .errors import error_json, exit_fact
from .layout import OF_MANY, Page, Span, line, listed_under, next_commands, paragraph, rows_of, within
from .status import (
    outcome_unknown,
    owes_hooks,
    phase_style,
    status_code,
    status_json,
    unjournalled_lines,
)

Looks = Mapping[str, PairStatus | HamrError]
"""By pair, in the inventory's order: where it stands, or why that could not be told."""

NOT_READ = "not read"

_WHY_FIRST = "not agreed, or something is open, owed, locked or renamed"

_HEADER = ("", "pair", "stands at", "for", "open or owed", "next")
_LIMITS = (1, 40, 30, 12, 30, 40)
_CHANGED = "*"


class _Row(Struct, frozen=True):
    """What is said of a pair on its line, without what every second changes."""

    pair: str
    stands_at: str
    changed_at: datetime | None
    """The newest change that either org's record tells of."""
    marks: tuple[str, ...]
    next: str
    style: str
    needs_person: bool


def pairs_code(found: Looks) -> ExitCode:
    """The exit code: the worst of any pair, in the order 9, 7, 8, any other of a pair that could not be read, 0."""
    return worst_of(
        look.exit_code if isinstance(look, HamrError) else status_code(look) for look in found.values()
    )


def pairs_page(found: Looks, before: Looks | None = None, steps: Sequence[NextStep] = ()) -> Page:
    """A table of all pairs in at most 80 columns, how many stand where, why some could not be read, and what is for many at once.

    Where `before` is the look before this one, a star marks each line that says something else.
    """
    rows = _rows(found)
    counts = Counter(row.stands_at for row in rows).most_common()
    needing = sum(row.needs_person for row in rows)
    unread = [f"{pair}: {look.message}" for pair, look in found.items() if isinstance(look, HamrError)]
    unjournalled = {
        look.journal for look in found.values() if isinstance(look, PairStatus) and not look.journal_exists
    }
    with within(OF_MANY):
        return (
            line(", ".join([counted(len(rows), "pair"), *_time(found)]), "heading"),
            line(),
            *chain.from_iterable(_table(rows, found, _changed(rows, before))),
            line(),
            *paragraph(", ".join(f"{number} {place}" for place, number in counts)),
            *paragraph(f"{needing} of {len(rows)} come first: {_WHY_FIRST}." if needing else "", "warn"),
            *unjournalled_lines("".join(unjournalled)),
            *_keyless(found),
            *listed_under("Not read", unread, longest=1200),
            *next_commands(steps),
        )


def _keyless(found: Looks) -> Page:
    """Why orgs were not asked, for want of keys: said once for all of them."""
    looks = (look for look in found.values() if isinstance(look, PairStatus))
    reasons = [reading.reason or "" for look in looks for reading in look.readings if reading.keyless]
    said = f"{counted(len(reasons), 'org')} not asked: {one_reason(reasons)}." if reasons else ""
    return paragraph(said, "bad")


def changes_page(found: Looks, before: Looks) -> Page:
    """The lines of those pairs of which something else is said than the look before, under the time; else nothing."""
    rows = _rows(found)
    changed = _changed(rows, before)
    with within(OF_MANY):
        _, *said = _table(rows, found, changed)
    shown = [text for row, lines in zip(rows, said, strict=True) if row.pair in changed for text in lines]
    return (*map(line, _time(found)), *shown) if shown else ()


def pairs_json(found: Looks, steps: Sequence[NextStep] = ()) -> dict[str, JSON]:
    """The same as a document: hamr/pairs/1."""
    rows = _rows(found)
    pairs = [
        {**error_json(look), "pair": pair} if isinstance(look, HamrError) else status_json(look)
        for pair, look in found.items()
    ]
    fields = {
        **exit_fact(pairs_code(found)),
        "counts": dict(Counter(row.stands_at for row in rows).most_common()),
        "need_person": [row.pair for row in rows if row.needs_person],
        "next": steps,
    }
    return {**document("hamr/pairs/1", fields), "pairs": [*pairs]}


def _rows(found: Looks) -> list[_Row]:
    rows = [_row(pair, look) for pair, look in found.items()]
    return sorted(rows, key=lambda row: not row.needs_person)


def _row(pair: str, look: PairStatus | HamrError) -> _Row:
    if isinstance(look, HamrError):
        return _Row(pair, NOT_READ, None, (), _short(look.next_steps, pair), "bad", needs_person=True)
    phase, marks = look.phase, tuple(_marks(look))
    agreed = phase.name is PhaseName.AGREED
    records = [reading.record for reading in look.readings]
    times = [record.modified_at for record in records if record is not None and record.modified_at]
    return _Row(
        pair,
        str(phase.status) if agreed else phase.label,
        max(times, default=None),
        marks or (() if look.journal_exists else ("not known",)),
        _short(look.next_steps, pair),
        phase_style(phase.name),
        needs_person=not agreed or bool(marks),
    )


def _marks(standing: PairStatus) -> Iterable[str]:
    """What keeps a pair from being at rest, what is worst first."""
    marks = {
        "unknown": outcome_unknown(standing),
        f"{standing.owed and standing.owed.role} owed": standing.owed,
        "hooks owed": owes_hooks(standing),
        "open": standing.open_run or standing.elsewhere,
        "drill": standing.open_drill,
        "renamed": standing.known_as,
        "stranger": standing.strangers,
        "late write": standing.given_up,
        "locked": standing.holder,
    }
    return (mark for mark, is_so in marks.items() if is_so)


def _short(steps: Sequence[NextStep], pair: str) -> str:
    """The first command without what every line would repeat: plan --to ACTIVE."""
    for step in steps:
        about = () if step.subject == pair else (step.subject,)
        return " ".join(filter(None, (step.verb, *about, *step.options)))
    return "-"


def _time(found: Looks) -> list[str]:
    """When the last pair was read; nothing where none was."""
    times = [look.at for look in found.values() if isinstance(look, PairStatus)]
    return [utc(max(times))] if times else []


def _changed(rows: Iterable[_Row], before: Looks | None) -> set[str]:
    said = {row.pair: row for row in rows}
    return set() if before is None else {row.pair for row in _rows(before) if said[row.pair] != row}


def _table(rows: Iterable[_Row], found: Looks, changed: set[str]) -> Sequence[Page]:
    cells = [_cells(row, found[row.pair], row.pair in changed) for row in rows]
    return rows_of(_HEADER, cells, _LIMITS, most=1)


def _cells(row: _Row, look: PairStatus | HamrError, changed: bool) -> tuple[Span, ...]:
    since = "-"
    if row.changed_at is not None and isinstance(look, PairStatus):
        since = span(float(max(0, int((look.at - row.changed_at).total_seconds()))))
    return (
        Span(_CHANGED if changed else " ", "bold"),
        Span(row.pair, "bold"),
        Span(row.stands_at, row.style),
        Span(since),
        Span(", ".join(row.marks) or "-", "warn" if row.needs_person and row.marks else ""),
        Span(row.next, "dim"),
    )
