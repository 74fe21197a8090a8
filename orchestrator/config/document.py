"""What a YAML text holds, with the place of every key and value; and the line that a message shows, never one with a key (law 17)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

from msgspec import Struct, field

from orchestrator.errors import Problem
from orchestrator.model.plain import JSON

from .messages import looks_like_key, meant

T = TypeVar("T")

Steps = tuple[str | int, ...]
"""A way from the top of a document to one of its values: ("pairs", "payments", "primary", "uuid")."""


MOST_FINDINGS = 200
"""Findings of one kind of check that are told; a file with more is not the file that was meant."""


_KEY_FIELDS = frozenset({"api_key", "app_key"})
_CHANNELS = frozenset({"tell"})
_ADDRESSES = frozenset({"webhook", "apprise", "secret"})


def private(steps: Iterable[str | int]) -> bool:
    """Whether a place is inside a key's reference, a misspelt one too: no message repeats what stands there (law 17).

    An address that people are told by is a key, too: whoever knows it may write there.
    """
    names = [step for step in steps if isinstance(step, str)]
    if any(_is(name, _KEY_FIELDS) for name in names):
        return True
    channels = next((at for at, name in enumerate(names) if _is(name, _CHANNELS)), len(names))
    return any(_is(name, _ADDRESSES) for name in names[channels + 2 :])


def _is(name: str, fields: frozenset[str]) -> bool:
    return name in fields or meant(name, fields) != []


Place = tuple[int, int]
"""Line and column, from 1."""


class PlacedMapping(dict[str, JSON]):
    """Names with values, as they stand in a text."""

    __slots__ = ("places",)
    places: dict[str, tuple[int, int, int, int]]
    """Line and column of each key, and of its value."""


class PlacedList(list[JSON]):
    """A list, as it stands in a text."""

    __slots__ = ("places",)
    places: list[Place]


class Finding(Struct, frozen=True):
    """Something wrong with the value (or, with `at_key`, with the key) at the end of a way through the document."""

    steps: Steps
    message: str
    at_key: bool = False


def bounded(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first MOST_FINDINGS, and a word about the rest."""
    for number, finding in enumerate(findings):
        if number == MOST_FINDINGS:
            yield Finding((), f"there is more of the same: the first {MOST_FINDINGS} are listed")
            return
        yield finding


class Document(Struct, frozen=True):
    """A YAML text that could be read as one mapping."""

    file: str
    data: PlacedMapping
    start: Place
    problems: tuple[Problem, ...] = ()
    """What is wrong with the YAML itself, though it could be read: repeated keys, tags, merge keys."""
    spelled: dict[Steps, str] = field(default_factory=dict)
    """How a key is misspelt, by the way to it that ends with the right one; whoever reads the document notes it."""
    text: str = ""
    """As it was read."""

    def _as_spelled(self, steps: Steps) -> Steps:
        way: Steps = ()
        for step in steps:
            way = (*way, self.spelled.get((*way, step), step))
        return way

    def place(self, steps: Steps, *, at_key: bool = False) -> Place:
        """Where a value or its key stands; the nearest one above it that exists, where it does not."""
        here: JSON = self.data
        of_key = of_value = self.start
        for step in self._as_spelled(steps):
            if isinstance(here, PlacedMapping) and isinstance(step, str) and step in here:
                of_key, of_value = here.places[step][:2], here.places[step][2:]
                here = here[step]
            elif isinstance(here, PlacedList) and isinstance(step, int) and step < len(here):
                of_key = of_value = here.places[step]
                here = here[step]
            else:
                return of_key
        return of_key if at_key else of_value

    def _problem(self, finding: Finding) -> Problem:
        place = self.place(finding.steps, at_key=finding.at_key)
        return Problem(self.file, *place, finding.message, excerpt(self.text, place, finding.steps))

    def value(self, steps: Steps) -> JSON:
        """The value at the end of a way, or None where the way leads nowhere."""
        here: Any = self.data
        for step in self._as_spelled(steps):
            try:
                here = here[step]
            except (KeyError, IndexError, TypeError):  # a text has no such step either
                return None
        told: JSON = here
        return told

    def problems_with(self, findings: Iterable[Finding]) -> tuple[Problem, ...]:
        """All that is wrong with the text, findings included, each once, in the order of the file.

        What a value is found to be says nothing where the YAML of that value is wrong.
        """
        misread = {(problem.line, problem.column) for problem in self.problems}
        told = (each for each in findings if each.at_key or self.place(each.steps) not in misread)
        every = dict.fromkeys([*self.problems, *map(self._problem, told)])
        return tuple(sorted(every, key=lambda problem: (problem.line, problem.column)))


def mapping_in(value: object) -> dict[str, Any]:
    """A mapping, or an empty one where something else stands: who read it has told about that."""
    return value if isinstance(value, dict) else {}


def list_in(value: object) -> list[Any]:
    """A list, or an empty one where something else stands: who read it has told about that."""
    return value if isinstance(value, list) else []


def parts(values: Any, *way: str | int) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """The mappings of a list, or of a mapping of names, at the end of a way through what was read; each with its place."""
    here = _at(values, way)
    held = enumerate(here) if isinstance(here, list) else mapping_in(here).items()
    return (((*way, step), part) for step, part in held if isinstance(part, dict))


def items(values: Any, *way: str | int) -> list[tuple[Steps, Any]]:
    """What could be read of a list at the end of a way through what was read, each with its place."""
    return [((*way, index), item) for index, item in enumerate(list_in(_at(values, way))) if item is not None]


def repeated(placed: Iterable[tuple[Steps, T]]) -> Iterator[tuple[Steps, T]]:
    """Those that stand there once more."""
    seen: set[T] = set()
    for steps, item in placed:
        if item in seen:
            yield steps, item
        seen.add(item)


def _at(values: Any, way: Steps) -> Any:
    for step in way:
        values = list_in(values)[step] if isinstance(step, int) else mapping_in(values).get(step)
    return values


_LONGEST = 400
_ABOVE = 2_000
"""Lines above that are looked at for the name of a key; where its block is longer, the line is not shown."""
_NEAR = 3
"""Lines just above, of which a quote or bracket may still be open where the text cannot be parsed."""

_SECRETIVE = ("key", "secret", "token", "passw")
_WORD = re.compile(r"[A-Za-z_]+")
_VALUE = re.compile(r":\s")
_COMMENT = re.compile(r"\s+#.*")


def excerpt(text: str, place: Place, steps: Steps | None = None) -> str:
    """The line at a place, or "" where there is none or it may hold a key; of a line with an address, what stands before.

    `steps` is the way to the value there; None where the text could not be parsed, and lines above have to tell.
    """
    number, column = place
    lines = _lines(text)
    if not 0 < number <= len(lines) or len(lines[number - 1]) > _LONGEST:
        return ""
    line = lines[number - 1]
    above = (line,) if steps is not None else (line, *_above(lines, number))
    if looks_like_key(line) or private(steps or ()) or any(_may_hold_a_key(each) for each in above):
        return ""
    value = _VALUE.search(line)
    if "://" in line or "@" in line:
        return "" if value is None else f"{line[: value.end()]}…"
    shown = _COMMENT.sub("", line)
    shown = line if len(shown) < column else shown
    return "".join(
        letter if letter.isprintable() else "→" if letter == "\t" else "\N{REPLACEMENT CHARACTER}"
        for letter in shown
    )


@lru_cache(maxsize=1)
def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _may_hold_a_key(line: str) -> bool:
    return any(word in line.lower() for word in _SECRETIVE) or private(_WORD.findall(line))


def _above(lines: list[str], number: int) -> Iterator[str]:
    """The lines just above, and those that the line stands below; a name of a key where there are too many to tell."""
    limit, near = _indent(lines[number - 1]), _NEAR
    for line in reversed(lines[max(0, number - 1 - _ABOVE) : number - 1]):
        if not line.strip():
            continue
        if near or _indent(line) < limit:
            yield line
        near -= near > 0
        limit = min(limit, _indent(line))
    if limit and number > _ABOVE:
        yield "api_key"


def _indent(line: str) -> int:
    """Cells before the first letter; an item of a list stands below a key of the same indentation."""
    return len(line) - len(line.lstrip()) + line.lstrip().startswith("- ")
