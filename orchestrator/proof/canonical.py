"""When two states are the same: all that differs is when it was, and what runs and writes are called."""

from __future__ import annotations

import enum
import hashlib
import re
from bisect import bisect
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field

from orchestrator.model.events import RunStarted
from orchestrator.model.guard import Quiet
from orchestrator.model.playbook import Playbook
from orchestrator.model.run import RUN_PATTERN
from orchestrator.model.situation import ALONE_FOR

_STAMP = re.compile(rf"hamr-({RUN_PATTERN.pattern})-(\d+(?:\.[a-z0-9]+)?)")
_RUN = re.compile(RUN_PATTERN.pattern)
_LOCK = re.compile(r"\b[0-9a-f]{12}\b")


def _in_order(mapping: Mapping[object, object]) -> list[object]:
    """Its keys: orgs by their names, for which was seen first is forgotten; all else as it turned up."""
    if len(mapping) < 2:  # noqa: PLR2004 - one has no order
        return [*mapping]
    turned_up: dict[object, int] = {}

    def rank(key: object) -> object:
        match key:
            case enum.Enum():
                return key.name
            case tuple():
                return tuple(map(rank, key))
            case _:
                return turned_up.setdefault(key, len(turned_up))

    return sorted(mapping, key=rank)  # type: ignore[arg-type] # of one kind in each mapping


def ages_that_matter(playbook: Playbook) -> tuple[float, ...]:
    """Seconds after which something that happened is judged otherwise than before, in order."""
    spans = [playbook.confirm.within, playbook.late, ALONE_FOR, playbook.cool_down or ALONE_FOR]
    spans += [guard.kind.for_ for guard in playbook.guards.values() if isinstance(guard.kind, Quiet)]
    return tuple(sorted({span.total_seconds() for span in spans}))


SHORTEST_NAME = 12
"""Letters of a lock's id: no text that is shorter names a run, a stamp or a lock."""


class Canon(Struct):
    """Makes states comparable: names are numbered as they turn up, times are ordered and told by their age."""

    now: datetime
    ages: tuple[float, ...]
    names: dict[str, str] = field(default_factory=dict)
    times: dict[datetime, str] = field(default_factory=dict)
    """What stands for each, in the order in which they turned up."""
    _forms: dict[int, object] = field(default_factory=dict)
    """Of nouns that were met already, by identity: the same record stands in many places."""
    _texts: dict[str, str] = field(default_factory=dict)

    def digest(self, *values: object) -> bytes:
        """The same for states from which everything goes on the same."""
        form = self.form(values)
        in_order = [(self.times[moment], self._age(moment)) for moment in sorted(self.times)]
        return hashlib.blake2b(repr((form, in_order)).encode(), digest_size=16).digest()

    def form(self, value: object) -> object:  # noqa: C901, PLR0912 - a case for each kind of value
        """A value with its names and times replaced, as tuples all the way down."""
        match value:
            case str():
                known = self._texts.get(value)
                if known is None:
                    known = self._texts[value] = self._text(value)
                return known
            case enum.Enum():
                return value.name
            case None | bool() | int() | timedelta():
                return value
            case float():
                return round(value)
            case datetime():
                return self.times.setdefault(value, f"<{len(self.times)}>")
            case RunStarted():
                return ("RunStarted", value.goal.name, value.mode.name, self.form(value.overrides))
            case Struct():
                found = self._forms.get(id(value))
                if found is None:
                    parts = [self.form(getattr(value, name)) for name in value.__struct_fields__]
                    found = self._forms[id(value)] = (type(value).__name__, *parts)
                return found
            case Mapping():
                return tuple((self.form(key), self.form(value[key])) for key in _in_order(value))
            case set() | frozenset():
                return tuple(sorted(map(str, map(self.form, value))))
            case tuple() | list():
                return tuple(self.form(item) for item in value)
            case _:
                return type(value).__name__

    def _text(self, text: str) -> str:
        if len(text) < SHORTEST_NAME or ("-" not in text and not text[:1].isdigit() and not text.isalnum()):
            return text
        text = _STAMP.sub(lambda found: f"hamr-{self._name(found[1])}-{self._name(found[0])}", text)
        text = _RUN.sub(lambda found: self._name(found[0]), text)
        return _LOCK.sub("lock", text)

    def _name(self, name: str) -> str:
        return self.names.setdefault(name, f"#{len(self.names)}")

    def _age(self, moment: datetime) -> int:
        return bisect(self.ages, (self.now - moment).total_seconds())
