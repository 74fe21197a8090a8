"""When two states are the same: all that differs is when it was, and what runs and writes are called."""

from __future__ import annotations

import enum
import hashlib
import re
from bisect import bisect
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import astuple

from orchestrator.model.events import RunStarted
from orchestrator.model.guard import Quiet
from orchestrator.model.playbook import Playbook
from orchestrator.model.reading import HamrRecord
from orchestrator.model.run import RUN_PATTERN, Attempt
from orchestrator.model.situation import ALONE_FOR

from .projection import InOrder, of_attempt

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


def patience(playbook: Playbook) -> float:
    """Seconds after which nothing that happened is judged otherwise any more."""
    spans = [playbook.confirm.within, playbook.late, ALONE_FOR, playbook.cool_down or ALONE_FOR]
    spans += [guard.kind.for_ for guard in playbook.guards.values() if isinstance(guard.kind, Quiet)]
    return max(span.total_seconds() for span in spans)


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
