"""When two states are the same: they differ in nothing that can still make a difference, but for times and names.

The functions of the first part leave out of what the program knows what nothing that comes after asks for, and say why. What they
leave out rests on what the pair in memory is like: an org shows every record under the name that it was sent with, and of
those that it has had only the last two, or one that is on its way; all runs are in one journal.
"""

from __future__ import annotations

import enum
import hashlib
import re
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import astuple, replace

from orchestrator.journal.history import History, RunHistory
from orchestrator.model.events import RunStarted
from orchestrator.model.floor import Floor
from orchestrator.model.guard import Quiet
from orchestrator.model.playbook import Advances, Playbook
from orchestrator.model.reading import HamrRecord
from orchestrator.model.run import RUN_PATTERN, Attempt
from orchestrator.model.situation import ALONE_FOR, Owed
from orchestrator.model.status import Role
from orchestrator.situation.state import RunState, Sent

from .orgs import Orgs

TWICE = 2
"""How many writes in a row that are lost make a resume look further, and no more are counted."""


class InOrder(Struct, frozen=True):
    """A time that is compared with those of records."""

    at: datetime | None


def _version(record: HamrRecord) -> tuple[object, ...]:
    return (record.status, record.modified_at, record.modified_by)


class Visible(Struct, frozen=True):
    """The records that an org may yet show, of those that were written already."""

    versions: frozenset[tuple[object, ...]]
    authors: frozenset[str]

    @staticmethod
    def of(records: Iterable[HamrRecord | None]) -> Visible:
        """Those of which each of these may be read."""
        there = [record for record in records if record is not None]
        return Visible(frozenset(map(_version, there)), frozenset(record.modified_by for record in there))

    def keeps(self, record: HamrRecord | None) -> bool:
        """Whether an org may show that very record."""
        return record is not None and _version(record) in self.versions

    def with_(self, records: Iterable[HamrRecord | None]) -> Visible:
        """These, and more."""
        more = Visible.of(records)
        return Visible(self.versions | more.versions, self.authors | more.authors)


def shown_yet(orgs: Orgs, *, lags: bool) -> dict[Role, tuple[HamrRecord | None, ...]]:
    """What each org shows, and where a read may lag, what it showed before that."""
    return {role: tuple(records[-2:] if lags else records[-1:]) for role, records in orgs.shown.items()}


def visible(orgs: Orgs, *, lags: bool) -> Visible:
    """The records that may yet be read: nothing compares anything with one that never is."""
    shown = (record for records in shown_yet(orgs, lags=lags).values() for record in records)
    return Visible.of((*shown, *(each.record for each in orgs.coming)))


def of_run(state: RunState, seen: Visible, playbook: Playbook) -> tuple[object, ...]:
    """What a run knows, as far as it matters.

    Left out: records that no org shows any more, but for those that others are compared with by their time; attempts whose stamp no org
    shows or will show, but for the newest to each org and for whether there are any that nobody saw; what attempts are numbered; the
    steps between the first and the last; and what is only reported.
    """
    compared = seen.with_(state.expected.values())
    mirrors = state.mirrors is not False
    dated = [record.modified_at for each in state.confirmed.values() for record in each if record.modified_at]
    return (
        state.run,
        state.mirrors,
        state.mode,
        state.written_as,
        state.started,
        state.overrides,
        state.expected,
        {role: _earlier(records, seen, first=mirrors) for role, records in state.earlier.items()},
        {role: record for role, record in state.base.items() if mirrors and seen.keeps(record)},
        {
            role: [each for each in records if each is records[-1] or compared.keeps(each)]
            for role, records in state.confirmed.items()
        },
        InOrder(min(dated, default=None)),
        state.keeps_stamps,
        of_floors(state.floors, seen),
        [attempt for attempt in state.given_up if attempt.stamp in seen.authors],
        *_attempts(state, seen, playbook),
        state.attempts > 0,
        state.attempts > state.recalled,
        state.names,
        state.dead,
        state.owed,
        state.told_owed,
        state.set_back,
        state.reverted,
        {role: (taken.record, taken.attempt) for role, taken in state.unproven.items()},
        state.strangers,
        state.meddled,
        state.unknown,
        state.transition,
        (state.steps[0].source, state.steps[-1].transition) if state.steps else None,
        len(state.late),
        [record for record in state.late if seen.keeps(record)],
        _intended(state),
        InOrder(state.began if mirrors else None),
        state.hooks,
        state.hooks_due,
        bool(state.left_to_person),
        state.intended,
        state.waiting or state.intended,
    )


def _earlier(records: list[HamrRecord | None], seen: Visible, *, first: bool) -> list[HamrRecord | None]:
    """Records seen before, where they may show again; and on a pair that mirrors the first one, whose time is asked for."""
    there = [record for record in records if record is not None]
    return [record for record in there if seen.keeps(record) or (first and record is there[0])]


def _attempts(state: RunState, seen: Visible, playbook: Playbook) -> tuple[object, ...]:
    newest = {sent.attempt.role: sent for sent in state.sent if not sent.refused}
    kept = [
        sent
        for sent in state.sent
        if sent.attempt.stamp in seen.authors
        or seen.keeps(sent.answered)
        or sent is newest.get(sent.attempt.role)
        or state.unproven
        or any(each.advances is Advances.SERVER for each in playbook.transitions)
    ]
    left = any(not sent.confirmed and not sent.refused for sent in state.sent if sent not in kept)
    lost = {role: _lost_in_a_row([sent for sent in state.sent if sent.attempt.role is role]) for role in Role}
    return [_as_sent(sent, state, seen) for sent in kept], left, lost


def _as_sent(sent: Sent, state: RunState, seen: Visible) -> tuple[object, ...]:
    """One attempt; what it was for is only reported. How it was answered is asked after until it is known that the server keeps our stamps, or once another name was taken for ours.

    Whether an earlier process made it, only until it is seen, and where a stranger's write can have come from the other org.
    """
    doubted = bool(state.unproven) or not state.keeps_stamps
    unseen = doubted or (not sent.confirmed and state.mirrors is not False)
    return (
        replace(sent.attempt, purpose=""),
        sent.confirmed,
        sent.overtaken,
        sent.refused,
        sent.answered if doubted or seen.keeps(sent.answered) else None,
        sent.lost if doubted else None,
        unseen and sent.attempt.number <= state.recalled,
    )


def _lost_in_a_row(sent: list[Sent]) -> int:
    count = 0
    while count < min(TWICE, len(sent)) and sent[-1 - count].lost and not sent[-1 - count].confirmed:
        count += 1
    return count


def _intended(state: RunState) -> object:
    """When the write was intended of which nobody knows yet: its time may run out. That of no other is asked for."""
    outstanding = state.outstanding()
    return None if outstanding is None else state.intent_dates.get(outstanding.number)


def of_floors(floors: Mapping[str, Floor], seen: Visible) -> dict[str, object]:
    """The newest record seen of each org; and what was seen before it, where that may show again."""
    return {
        org: (floor.record, [old for old in floor.before if seen.keeps(old)], floor.foreign, floor.ours)
        for org, floor in floors.items()
    }


def of_owed(owed: Owed | None) -> object:
    """What is owed: since when is only reported."""
    return None if owed is None else (owed.role, owed.status, owed.run, owed.stopped_for)


def of_runs(history: History, seen: Visible) -> list[object]:
    """The runs of which anything is asked yet: what can be resumed, what nobody knows, and what was given up and may show.

    When an attempt was given up says how long people are told of it, and nothing else.
    """
    found: list[object] = []
    for run in history.runs.values():
        unknown = [] if run.superseded_by else [*run.unknown.values()]
        given_up = [each.attempt for each in run.unseen.values() if each.attempt.stamp in seen.authors]
        if run.open or unknown or given_up:
            found.append(
                (
                    run.run,
                    bool(run.superseded_by),
                    unknown,
                    given_up,
                    run.started.goal if run.started else None,
                    run.finished.ending.change if run.finished is not None else None,
                    run.finished is None,
                    _resumable(run) if run.open else None,
                )
            )
    return found


def _resumable(run: RunHistory) -> tuple[object, ...]:
    return (run.mode, run.resumes_as, run.transition, run.start, run.hooks_owed, bool(run.asking))


def of_attempt(attempt: Attempt) -> tuple[object, ...]:
    """An attempt without its number: of two, its place tells which came first, and its stamp which it is."""
    return (attempt.role, attempt.status, attempt.stamp, attempt.transition, attempt.purpose)


# -- what is called otherwise, or was at another time -------------------------------------------------------------

_STAMP = re.compile(rf"hamr-({RUN_PATTERN.pattern})-(\d+(?:\.[a-z0-9]+)?)")
_RUN = re.compile(RUN_PATTERN.pattern)
_LOCK = re.compile(r"\b[0-9a-f]{12}\b")
_NAMED = re.compile(rf"{RUN_PATTERN.pattern}|{_LOCK.pattern}")
"""What has any of them: a stamp is a run's."""


def _in_order(mapping: Mapping[object, object]) -> list[object]:
    """Its keys: orgs by their names, for which was seen first is forgotten; all else as it turned up."""
    if len(mapping) < 2:  # noqa: PLR2004 - one has no order
        return [*mapping]
    turned_up: dict[object, int] = {}

    def rank(key: object) -> object:
        if isinstance(key, enum.Enum):
            return key.name
        if isinstance(key, tuple):
            return tuple(map(rank, key))
        return turned_up.setdefault(key, len(turned_up))

    return sorted(mapping, key=rank)  # type: ignore[arg-type] # of one kind in each mapping


def holding_up(playbook: Playbook) -> tuple[float, ...]:
    """Seconds for which a run that went well may hold up the next one, in order."""
    spans = [guard.kind.for_ for guard in playbook.guards.values() if isinstance(guard.kind, Quiet)]
    spans += [playbook.cool_down] if playbook.cool_down is not None else []
    return tuple(sorted(span.total_seconds() for span in spans))


def patience(playbook: Playbook) -> float:
    """Seconds after which nothing that happened is judged otherwise any more."""
    spans = (playbook.confirm.within, playbook.late, ALONE_FOR)
    return max(*holding_up(playbook), *(span.total_seconds() for span in spans))


class Canon(Struct):
    """Makes states comparable: names are numbered as they turn up, times are ordered and told by their age."""

    now: datetime
    ages: tuple[float, ...]
    """Of everything that is intended: the spans after which it is judged otherwise, in seconds."""
    quiet: tuple[float, ...]
    """The same of records."""
    names: dict[str, str] = field(default_factory=dict)
    times: dict[datetime, str] = field(default_factory=dict)
    """What stands for each, in the order in which they turned up."""
    _forms: dict[int, object] = field(default_factory=dict)
    """Of nouns that were met already, by identity: the same record stands in many places."""
    _texts: dict[str, str] = field(default_factory=dict)

    def digest(self, where: bytes, *values: object) -> bytes:
        """The same for states from which everything goes on the same; it begins with where they are."""
        form = self.form(values)
        in_order = [(self.times[moment], self._age(moment, self.quiet)) for moment in sorted(self.times)]
        return where + hashlib.blake2b(msgspec.msgpack.encode((form, in_order)), digest_size=16).digest()

    def form(self, value: object) -> object:
        """A value with its names and times replaced, as tuples all the way down."""
        if isinstance(value, str):
            return self._texts.get(value) or self.text(value)
        kind = type(value)
        if kind in _AS_THEY_ARE:
            return value
        way = _WAYS.get(kind)
        if way is None:
            way = _WAYS[kind] = _way_of(kind)
        return way(self, value)

    def text(self, text: str) -> str:
        """A text with its names replaced."""
        known = text
        if _NAMED.search(text):
            known = _STAMP.sub(lambda found: f"hamr-{self._name(found[1])}-{self._name(found[0])}", text)
            known = _RUN.sub(lambda found: self._name(found[0]), known)
            known = _LOCK.sub("lock", known)
        self._texts[text] = known
        return known

    def moment(self, moment: datetime) -> object:
        """What stands for a time that is only compared with now."""
        return ("aged", self._age(moment, self.ages))

    def in_order(self, at: datetime | None) -> str | None:
        """What stands for a time that is compared with those of records."""
        return None if at is None else self.times.setdefault(at, f"<{len(self.times)}>")

    def record(self, record: HamrRecord) -> object:
        """The time of a record is compared with those of others; where a guard asks for quiet, with now."""
        found = self._forms.get(id(record))
        if found is None:
            found = self._forms[id(record)] = (
                record.org_uuid,
                record.status,
                record.is_primary,
                self.form(record.modified_by),
                self.in_order(record.modified_at),
                record.target_uuid,
                record.target_name,
                record.target_datacenter,
                record.datacenter,
            )
        return found

    def noun(self, noun: Struct) -> object:
        """A noun with what it is called, and its fields."""
        found = self._forms.get(id(noun))
        if found is None:
            found = self._forms[id(noun)] = (type(noun).__name__, *map(self.form, astuple(noun)))
        return found

    def _name(self, name: str) -> str:
        return self.names.setdefault(name, f"#{len(self.names)}")

    def _age(self, moment: datetime, spans: tuple[float, ...]) -> int:
        return bisect(spans, (self.now - moment).total_seconds())


_AS_THEY_ARE = frozenset({type(None), bool, int, timedelta})

_WAYS: dict[type, Callable[[Canon, Any], object]] = {
    datetime: Canon.moment,
    InOrder: lambda canon, time: canon.in_order(time.at),
    HamrRecord: Canon.record,
    Attempt: lambda canon, attempt: canon.form(of_attempt(attempt)),
    float: lambda _, value: round(value),
    tuple: lambda canon, items: tuple(map(canon.form, items)),
    RunStarted: lambda canon, run: (
        "RunStarted",
        run.goal.name,
        run.mode.name,
        canon.form(run.overrides),
    ),
}
"""How a value of each type is told; of a type that is met for the first time `_way_of` says it."""


def _way_of(kind: type) -> Callable[[Canon, Any], object]:
    if issubclass(kind, enum.Enum):
        return lambda _, value: value._name_  # as `name`, which is worked out in Python
    if issubclass(kind, Struct):
        return Canon.noun
    if issubclass(kind, Mapping):
        return lambda canon, mapping: tuple(
            [(canon.form(key), canon.form(mapping[key])) for key in _in_order(mapping)]
        )
    if issubclass(kind, set | frozenset):
        return lambda canon, items: tuple(sorted(map(str, map(canon.form, items))))
    if issubclass(kind, tuple | list):
        return _WAYS[tuple]
    return lambda _, value: type(value).__name__
