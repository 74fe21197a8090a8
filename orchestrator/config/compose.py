"""YAML text → document: one pass over the parser's events, so that depth, size and aliases are bounded as they come."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml
from msgspec import Struct, field

from orchestrator.errors import DocumentError, Problem
from orchestrator.model.plain import JSON

from .document import Document, Place, PlacedList, PlacedMapping, excerpt, private
from .messages import shown

DEEPEST = 32
"""Levels of nesting, aliases followed. What an operator writes has seven."""

MOST_VALUES = 1_000_000
"""Values of a document, aliases followed, thirty-four a pair: a few aliases of aliases can stand for billions."""

_UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE
"""PyYAML's own, which is compiled already: so large a set of characters takes 5 ms."""

_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def compose(text: str, file: str) -> Document:
    """The mapping that a YAML 1.2 text of that file holds; a DocumentError with every problem up to where reading had to stop."""
    text = text.removeprefix("\ufeff")
    return _Composer(file, text).document(text)


class _Anchored(Struct, frozen=True):
    """A value, as often as it is named."""

    value: JSON
    place: Place
    values: int = 1
    height: int = 1


class _Open(Struct):
    """A list or mapping whose end was not seen yet."""

    node: PlacedList | PlacedMapping
    place: Place
    anchor: str | None
    values: int = 1
    height: int = 1
    key: tuple[str, Place] | None = None
    """The key that waits for its value, with its place."""


class _Composer(Struct):
    file: str
    text: str
    problems: list[Problem] = field(default_factory=list)
    anchors: dict[str, _Anchored | None] = field(default_factory=dict)
    """None for a list or mapping that is still open: an alias to it would be a circle."""
    open: list[_Open] = field(default_factory=list)
    root: _Anchored | None = None
    values: int = 0
    documents: int = 0

    def document(self, text: str) -> Document:
        self._refuse_unprintable(text)
        broken: yaml.MarkedYAMLError | None = None
        read = 0
        try:
            for event in yaml.parse(text, Loader=_LOADER):
                self._take(event)
                read = event.end_mark.index if event.end_mark is not None else read
        except yaml.MarkedYAMLError as error:
            broken = error
        if broken is not None:
            self._stop_at_depth(broken, text, read)
            self._stop_at_syntax(broken)
        if self.root is None:
            self._stop((0, 0), "the file holds nothing (or only comments)")
        if not isinstance(self.root.value, PlacedMapping):
            self._stop(self.root.place, "expected a mapping (name: value) at the top of the file")
        return Document(self.file, self.root.value, self.root.place, tuple(self.problems), text=text)

    def _take(self, event: yaml.Event) -> None:
        at = _place_of(event.start_mark)
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self._stop(at, "a second YAML document (after ---) begins here: one file, one document")
            case yaml.ScalarEvent():
                self._scalar(event, at)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._begin(event, at)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                closed = self.open.pop()
                self._add(_Anchored(closed.node, closed.place, closed.values, closed.height), closed.anchor)
            case yaml.AliasEvent():
                self._alias(event, at)

    def _scalar(self, event: yaml.ScalarEvent, at: Place) -> None:
        self._count(1, at)
        self._refuse_tag(event.tag, at)
        if self._awaits_key():
            self.open[-1].key = (event.value, at)
            if event.value == "<<" and event.implicit[0]:
                self._problem(
                    at,
                    "merge keys (<<) are not supported: write the keys out, or use an alias for a whole value",
                )
            if event.anchor is not None:
                self.anchors[event.anchor] = _Anchored(event.value, at)
            return
        try:
            value = resolve(event.value) if event.implicit[0] else event.value
        except ValueError as error:
            self._problem(at, str(error))
            value = event.value
        self._add(_Anchored(value, at), event.anchor)

    def _begin(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent, at: Place) -> None:
        self._count(1, at)
        self._refuse_tag(event.tag, at)
        self._refuse_as_key(at)
        if len(self.open) >= DEEPEST:
            self._stop(at, f"nested more than {DEEPEST} levels deep")
        node: PlacedList | PlacedMapping
        if isinstance(event, yaml.SequenceStartEvent):
            node = PlacedList()
            node.places = []
        else:
            node = PlacedMapping()
            node.places = {}
        self.open.append(_Open(node, at, event.anchor))
        if event.anchor is not None:
            self.anchors[event.anchor] = None

    def _alias(self, event: yaml.AliasEvent, at: Place) -> None:
        self._refuse_as_key(at)
        if event.anchor not in self.anchors:
            self._stop(at, "this alias (*) names an anchor (&) that does not stand above it")
        target = self.anchors[event.anchor]
        if target is None:
            self._stop(at, "this alias (*) stands inside the value that it names: it would never end")
        if len(self.open) + target.height > DEEPEST:
            self._stop(at, f"nested more than {DEEPEST} levels deep, aliases followed")
        self._count(target.values, at)
        self._add(target, None)

    def _add(self, thing: _Anchored, anchor: str | None) -> None:
        """Put a finished value into the list or mapping that is open, or make it the document."""
        if anchor is not None:
            self.anchors[anchor] = thing
        if not self.open:
            self.root = thing
            return
        holder = self.open[-1]
        holder.values += thing.values
        if holder.height <= thing.height:
            holder.height = thing.height + 1
        if isinstance(holder.node, PlacedList):
            holder.node.append(thing.value)
            holder.node.places.append(thing.place)
            return
        assert holder.key is not None  # noqa: S101 - the parser sends a key before each value
        (key, place), holder.key = holder.key, None
        if key in holder.node:
            inside = [above.key[0] for above in self.open if above.key is not None]
            name = "this key" if private(inside) else f"the key {shown(key)}"
            line = holder.node.places[key][0]
            self._problem(place, f"{name} stands twice here; the first is on line {line}")
        elif key != "<<":
            holder.node[key] = thing.value
            holder.node.places[key] = (*place, *thing.place)

    def _count(self, values: int, at: Place) -> None:
        self.values += values
        if self.values > MOST_VALUES:
            self._stop(at, f"more than {MOST_VALUES:,} values, aliases followed: too many to be meant")

    def _refuse_tag(self, tag: str | None, at: Place) -> None:
        if tag is not None:
            self._problem(at, "tags (!…) are not supported: leave it out; texts may be put in quotes")

    def _awaits_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].node, PlacedMapping) and self.open[-1].key is None

    def _refuse_as_key(self, at: Place) -> None:
        if self._awaits_key():
            self._stop(at, "expected a name here; a list, a mapping or an alias cannot be a key")

    def _refuse_unprintable(self, text: str) -> None:
        bad = _UNPRINTABLE.search(text)
        if bad is not None:
            self._stop(
                _place_in(text, bad.start()),
                f"the character U+{ord(bad.group()):04X} is not allowed in YAML: is this a text file?",
            )

    def _stop_at_depth(self, error: yaml.MarkedYAMLError, text: str, read: int) -> None:
        """Say it as we do where the parser, looking ahead, stops at its own limit; the events before it stand for so many characters (`read`)."""
        mark = error.problem_mark
        if mark is None or text[mark.index : mark.index + 1] not in {"[", "{"}:
            return
        depth = len(self.open)
        for place in range(read, mark.index + 1):
            depth += (text[place] in "[{") - (text[place] in "]}")
            if depth > DEEPEST:
                self._stop(_place_in(text, place), f"nested more than {DEEPEST} levels deep")

    def _stop_at_syntax(self, error: yaml.MarkedYAMLError) -> NoReturn:
        at = _place_of(error.problem_mark or error.context_mark)
        # The parser's own words are fixed sentences: they never repeat the text, which may hold a key.
        said = " ".join(part for part in (error.context, error.problem) if part)
        hint = " (indent with spaces, not tabs)" if "cannot start any token" in said else ""
        if error.context_mark is not None and error.context_mark.line + 1 != at[0]:
            hint += f" (it began on line {error.context_mark.line + 1})"
        self._stop(at, f"not valid YAML: {said or 'it cannot be read'}{hint}")

    def _problem(self, at: Place, message: str) -> None:
        self.problems.append(Problem(self.file, *at, message, excerpt(self.text, at)))

    def _stop(self, at: Place, message: str) -> NoReturn:
        self._problem(at, message)
        raise DocumentError(self.problems)


def _place_of(mark: Any) -> Place:
    """Where a mark of the parser's is, of whichever make; (0, 0) where it has none."""
    return (0, 0) if mark is None else (mark.line + 1, mark.column + 1)


def _place_in(text: str, index: int) -> Place:
    before = text[:index]
    return before.count("\n") + 1, index - before.rfind("\n")


# Plain scalars are read as YAML 1.2's core schema says: NO, on and 12:30:00 are texts, and there are no dates. PyYAML's
# own loaders follow YAML 1.1, where `NO` is false, `12:30:00` is 45000 and `010` is 8.

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_LONGEST_NUMBER = 18
"""Characters of a number: beyond them nothing that an operator writes, and int() of a long text is slow."""


def resolve(text: str) -> JSON:
    """The value of a plain scalar; a ValueError for a number that YAML versions read differently, or far too long."""
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if not (text[0] in "+-." or (text[0].isascii() and text[0].isdigit())):
        return text
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", "", 1))
    octal, hexadecimal = _OCTAL.fullmatch(text), _HEXADECIMAL.fullmatch(text)
    if not (octal or hexadecimal or _FLOAT.fullmatch(text)):
        return text
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("this number is too long; if it is meant as text, put it in quotes")
    if octal or hexadecimal:
        return int(text[2:], 8 if octal else 16)
    if not _DECIMAL.fullmatch(text):
        return float(text)
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0":
        raise ValueError(
            "a number that begins with 0 is 8-based to some YAML readers and 10-based to others: "
            "leave the 0 out, or put it in quotes where it is meant as text"
        )
    return int(text)
