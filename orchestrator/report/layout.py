"""Fitting text into columns: folding, cutting and lining up, counted in terminal cells."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from .styled import Line, Page, Span, escaped, line

COLUMNS = 100
"""How wide a page is. Commands, URLs and request bodies are never broken: they are there to be copied."""

LABEL = 14
"""Cells of the left column, where a page says things by label; two more stand before it."""

GAP = 2
"""Cells between two columns."""

LONGEST = 400
"""Characters that are shown of a text that came from outside."""


_WORDS = re.compile(r" +|[^ ]+")


def cells(text: str) -> int:
    """How many terminal cells a printable text takes: East Asian wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shortened(text: str, longest: int = LONGEST) -> str:
    """A text from outside, cut at a sane length, and without control characters."""
    return escaped(text if len(text) <= longest else text[: longest - 1] + "…")


def cut(text: str, width: int) -> str:
    """The beginning of a text, in so many cells; an ellipsis where something is missing."""
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += _cells(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def padded(text: str, width: int) -> str:
    """The text, filled with spaces to so many cells."""
    return text + " " * (width - cells(text))


def fold(text: str, width: int, *, most: int | None = None) -> tuple[str, ...]:
    """The text in lines of at most so many cells, broken at spaces, or anywhere where a word is too long.

    Args:
        text: what to fold; control characters are escaped.
        width: cells of a line.
        most: how many lines at most; the last one then ends in an ellipsis.
    """
    lines: list[str] = [""]
    for word in _pieces(escaped(text).split(" "), width):
        together = f"{lines[-1]} {word}" if lines[-1] else word
        if cells(together) <= width:
            lines[-1] = together
        else:
            lines.append(word)
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], cut(f"{lines[most - 1]}…", width)]
    return tuple(lines)


def _pieces(words: Iterable[str], width: int) -> Iterable[str]:
    """Words, those that are wider than a line in pieces."""
    for word in words:
        piece, used = "", 0
        for character in word:
            if used + _cells(character) > width:
                yield piece
                piece, used = "", 0
            piece, used = piece + character, used + _cells(character)
        if piece:
            yield piece


def folded_line(spans: Line, margin: str) -> Page:
    """A line of several pieces, folded behind a margin; every piece keeps its style.

    Args:
        spans: what to say.
        margin: stands before the first line; the others get as many spaces.
    """
    room = COLUMNS - cells(margin)
    lines: list[list[Span]] = [[Span(margin, "dim")]]
    used = 0
    for piece in spans:
        for word in _WORDS.findall(piece.text):
            for part in _pieces([word], room):
                if used + cells(part) > room:
                    lines.append([Span(" " * cells(margin))])
                    used = 0
                if used or not part.isspace():
                    lines[-1].append(Span(part, piece.style))
                    used += cells(part)
    return tuple(_joined(line_) for line_ in lines)


def _joined(spans: Sequence[Span]) -> Line:
    """Neighbours of one style as one span."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].style == span.style:
            joined[-1] = Span(joined[-1].text + span.text, span.style)
        else:
            joined.append(span)
    return tuple(joined)


def paragraph(text: str, style: str = "", *, indent: int = 0, hanging: int = 0) -> Page:
    """A text folded into the page; its own newlines are kept.

    Args:
        text: what to say.
        style: of all its lines.
        indent: cells before each line.
        hanging: more cells before each line but the first.
    """
    lines: list[Line] = []
    for part in text.split("\n"):
        for number, folded in enumerate(fold(part, COLUMNS - indent - hanging)):
            margin = " " * (indent + (hanging if number else 0))
            lines.append((Span(margin), Span(folded, style)) if margin else (Span(folded, style),))
    return tuple(lines)


def labelled(label: str, text: str, style: str = "", *, indent: int = 2, width: int = LABEL) -> Page:
    """A label on the left, and a folded text beside it."""
    lines: list[Line] = []
    for number, folded in enumerate(fold(text, COLUMNS - indent - width)):
        left = Span(" " * indent + padded("" if number else label, width), "dim")
        lines.append((left, Span(folded, style)))
    return tuple(lines)


def beside(label: str, columns: Sequence[Span], *, width: int, most: int = 3) -> Page:
    """A label, and texts side by side in columns of so many cells, each folded in its own column."""
    folded = [fold(span.text, width, most=most) for span in columns]
    lines: list[Line] = []
    for number in range(max(len(part) for part in folded)):
        spans = [Span("  " + padded("" if number else label, LABEL), "dim")]
        for span, part in zip(columns, folded, strict=True):
            text = part[number] if number < len(part) else ""
            spans.append(Span(padded(text, width + GAP), span.style))
        lines.append(tuple(spans))
    return tuple(lines)


def table(
    header: Sequence[str], rows: Sequence[Sequence[Span]], limits: Sequence[int], *, indent: int = 0
) -> Page:
    """Rows under a header, columns as wide as they need and at most their limit; longer texts are folded."""
    margin = (Span(" " * indent),) if indent else ()
    widths = [
        min(limit, max([cells(title), *(cells(row[number].text) for row in rows)]))
        for number, (title, limit) in enumerate(zip(header, limits, strict=True))
    ]
    lines: list[Line] = [
        (
            *margin,
            *(
                Span(padded(title, width + GAP), "heading")
                for title, width in zip(header, widths, strict=True)
            ),
        )
    ]
    for row in rows:
        folded = [fold(span.text, width, most=3) for span, width in zip(row, widths, strict=True)]
        for number in range(max(len(part) for part in folded)):
            texts = [part[number] if number < len(part) else "" for part in folded]
            lines.append(
                (
                    *margin,
                    *(
                        Span(padded(text, width + GAP), span.style)
                        for span, text, width in zip(row, texts, widths, strict=True)
                    ),
                )
            )
    return tuple(lines)


def heading(text: str) -> Page:
    """An empty line, and a heading."""
    return (line(), line(shortened(text, COLUMNS), "heading"))


def next_commands(commands: Sequence[str]) -> Page:
    """What to type next, most useful first; whole lines, to be copied. Nothing where there is nothing."""
    if not commands:
        return ()
    return (*heading("Next"), *((Span("  "), Span(command, "command")) for command in commands))
