"""Taking every known key out of texts and values, before anybody sees them (law 17)."""

from __future__ import annotations

import base64
import json
import threading
from bisect import insort
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from msgspec import Struct

from orchestrator.model.org import Secret

REDACTED = "[redacted]"

SHORTEST_SECRET = 4
"""Shorter texts are not replaced: they would turn every message to mush. The key ring refuses such keys."""

_SHORTEST_FRAGMENT = 8
"""A piece of base64 shorter than this could stand for anything."""

_FEW = 100
"""Up to so many forms are looked for one by one, which is quicker where none is there; a pair's four keys have about 40."""

_LONGEST_BEGINNING = 8
"""Characters of a form by which it is looked up."""


class _Index(Struct, frozen=True):
    """Forms by their first characters, the longest first."""

    size: int
    """How many characters; 0 where there is no form."""
    forms: dict[str, list[str]]

    def take(self, new: Iterable[str]) -> None:
        for form in new:
            insort(self.forms.setdefault(form[: self.size], []), form, key=lambda each: (-len(each), each))


class Redactor:
    """Knows every key that was fetched, and takes them out of texts and values.

    Besides the key itself it knows the forms in which one travels: URL-encoded, as inside a JSON or Python
    string, and base64, alone or within a longer text. Runs on several threads may share one: a key is known to all of
    them when `add` returns.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._known: set[str] = set()
        self._few: tuple[str, ...] | None = ()
        """All forms, while they are few."""
        self._index = _Index(0, {})
        self._shortest = 0
        self.longest = 0
        """Characters of the longest form of any key that is known; 0 where none is."""

    def add(self, secret: Secret) -> None:
        """Learn a key. Texts shorter than SHORTEST_SECRET are passed over."""
        text = secret.reveal()
        if len(text) < SHORTEST_SECRET:
            return
        with self._mutex:
            new = _forms(text).difference(self._known)
            if not new:
                return
            self._known |= new
            self.longest = max(self.longest, *map(len, new))
            shortest = min([*map(len, new), *([self._shortest] if self._shortest else [])])
            if self._index.size and self._index.size <= shortest:
                self._index.take(new)
            else:
                index = _Index(min(shortest, _LONGEST_BEGINNING), {})
                index.take(self._known)
                self._index = index  # filled before anybody looks into it
            self._few = tuple(self._known) if len(self._known) <= _FEW else None
            self._shortest = shortest

    def clean(self, text: str) -> str:
        """The text with each known key replaced by "[redacted]"."""
        index = self._index
        size, forms = index.size, index.forms
        if not size or len(text) < self._shortest:
            return text
        few = self._few
        if few is not None and not any(form in text for form in few):
            return text
        # As quick with thousands of keys as with one, which no pattern of them all would be.
        places = [at for at in range(len(text) - size + 1) if text[at : at + size] in forms]
        if not places:
            return text
        parts: list[str] = []
        end = 0
        for at in places:
            found = next((form for form in forms[text[at : at + size]] if text.startswith(form, at)), None)
            if found is None or at + len(found) <= end:
                continue
            if at >= end:  # else it begins within one that is taken out already
                parts += (text[end:at], REDACTED)
            end = at + len(found)
        return "".join((*parts, text[end:]))

    def clean_value(self, value: Any) -> Any:
        """The same shape, with every text in it cleaned, the names of mappings included.

        What is neither a container nor a plain JSON value is kept where its `repr` is clean, else replaced by
        that `repr`, cleaned.
        """
        match value:
            case str():
                return self.clean(value)
            case None | bool() | int() | float():
                return value
            case Mapping():
                return {self.clean_value(key): self.clean_value(item) for key, item in value.items()}
            case list():
                return [self.clean_value(item) for item in value]
            case tuple():
                return tuple(self.clean_value(item) for item in value)
        shown = repr(value)
        cleaned = self.clean(shown)
        return value if cleaned == shown else cleaned

    def __repr__(self) -> str:
        return "Redactor(…)"


def _forms(text: str) -> set[str]:
    data = text.encode("utf-8", "surrogatepass")
    forms = {
        text,
        quote(data, safe=""),
        quote(data),
        quote_plus(data),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
    }
    # base64 has three alignments; the letters at the seams belong to the neighbours too.
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + data).decode("ascii").rstrip("=")
        whole_letters = (lead + len(data)) * 8 // 6
        piece = encoded[-(-lead * 8 // 6) : whole_letters]
        if len(piece) >= _SHORTEST_FRAGMENT:
            forms |= {piece, piece.translate(str.maketrans("+/", "-_"))}
    return forms
