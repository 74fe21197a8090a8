"""Pages: lines of styled spans, and fitting text into columns, counted in terminal cells.

Nothing that a server sent can steer a terminal from here: a Span escapes all that is not printable when it is made.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import accumulate, chain, groupby, takewhile, zip_longest

from msgspec import Struct
from msgspec.structs import force_setattr

from orchestrator.model.next_step import NextStep
from orchestrator.model.plain import JSON
from orchestrator.model.status import Role


class Span(Struct, frozen=True):
    """A piece of a line."""

    text: str
    """Without control characters: they are escaped when the span is made (a newline becomes a visible \\n)."""
    style: str = ""
    """What it means (good, bad, warn, dim, bold, heading, org, status, command), not how it looks; "" for nothing."""

    def __post_init__(self) -> None:
        if not self.text.isprintable():
            force_setattr(self, "text", escaped(self.text))


Line = tuple[Span, ...]
Page = tuple[Line, ...]
Facts = tuple[Page, dict[str, JSON]]
"""What was asked for, in both forms: as a page, and as a document."""


def escaped(text: str) -> str:
    r"""The text with every character that is not printable written out: \x1b, \n, \u202e."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def line(text: str = "", style: str = "") -> Line:
    """A line of one piece; without arguments, an empty one."""
    return (Span(text, style),) if text else ()


def line_text(spans: Line) -> str:
    """A line without its styles."""
    return "".join(span.text for span in spans)


def plain_text(page: Page) -> str:
    """The page without its styles, each line ended by a newline."""
    return "".join(line_text(spans).rstrip() + "\n" for spans in page)


COLUMNS = 100
"""How wide a page is at most. Commands, URLs and request bodies are never broken: they are there to be copied."""

LEAST_COLUMNS = 40
"""A page is made no narrower; where a terminal is, its lines are folded once more."""

LEAST_BESIDE = 60
"""On a narrower page a text stands under its name, not beside it: in columns that are narrower than words nobody could read it."""

OF_MANY = 80
"""How wide a page of many pairs is at most: it is for narrow terminals, and mails from cron, too."""

MOST_STEPS = 20
"""Of how many pairs a page says what to type next; its JSON says it of all."""

_columns: ContextVar[int] = ContextVar("columns", default=COLUMNS)


def fit(columns: int) -> None:
    """Make pages from now on no wider than a terminal of so many columns."""
    _columns.set(max(LEAST_COLUMNS, min(columns, COLUMNS)))


def page_width() -> int:
    """How many cells wide a page is."""
    return _columns.get()


@contextmanager
def within(columns: int) -> Iterator[None]:
    """Make the pages of this block no wider than so many columns."""
    before = _columns.set(min(_columns.get(), columns))
    try:
        yield
    finally:
        _columns.reset(before)


LABEL = 14
"""Cells of the left column, where a page says things by label; two more stand before it."""

GAP = 2
"""Cells between two columns."""

LONGEST = 400
"""Characters that are shown of a text that came from outside."""


_WORDS = r" +|[^ ]+"


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
    fitting = takewhile(lambda used: used < width, accumulate(map(_cells, text)))
    return text[: len([*fitting])] + "…"


def padded(text: str, width: int) -> str:
    """The text, filled with spaces to so many cells."""
    return text + " " * (width - cells(text))


def fold(text: str, width: int, *, most: int | None = None) -> tuple[str, ...]:
    """The text in lines of at most so many cells, broken at spaces, or anywhere where a word is too long.

    Control characters are escaped. Of more lines than `most`, the last one that is left ends in an ellipsis.
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
        if word and cells(word) <= width:
            yield word
            continue
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

    The margin stands before the first line; the others get as many spaces.
    """
    room = page_width() - cells(margin)
    lines: list[list[Span]] = [[Span(margin, "dim")]]
    used = 0
    for piece in spans:
        for word in re.findall(_WORDS, piece.text):
            for part in _pieces([word], room):
                if used + cells(part) > room:
                    lines.append([Span(" " * cells(margin))])
                    used = 0
                if used or not part.isspace():
                    lines[-1].append(Span(part, piece.style))
                    used += cells(part)
    return tuple(_joined(line_) for line_ in lines)


def _joined(spans: Sequence[Span]) -> Line:
    alike = groupby(spans, key=lambda span: span.style)
    return tuple(Span("".join(span.text for span in found), style) for style, found in alike)


def paragraph(text: str, style: str = "", *, indent: int = 0, hanging: int = 0) -> Page:
    """A text folded into the page, its own newlines kept; nothing where there is none.

    `hanging` are more cells before each line but the first.
    """
    lines: list[Line] = []
    for part in text.split("\n") if text else ():
        for number, folded in enumerate(fold(part, page_width() - indent - hanging)):
            margin = " " * (indent + (hanging if number else 0))
            lines.append((Span(margin), Span(folded, style)) if margin else (Span(folded, style),))
    return tuple(lines)


def labelled(label: str, text: str, style: str = "", *, indent: int = 2, width: int = LABEL) -> Page:
    """A label on the left, and a folded text beside it; nothing where there is no text."""
    return tuple(
        (Span(" " * indent + padded("" if number else label, width), "dim"), Span(folded, style))
        for number, folded in enumerate(fold(text, page_width() - indent - width) if text else ())
    )


def beside(label: str, columns: Sequence[Span], *, width: int, most: int = 3) -> Page:
    """A label, and texts side by side in columns of so many cells, each folded in its own column."""
    return tuple(
        (Span("  " + padded("" if number else label, LABEL), "dim"), *spans)
        for number, spans in enumerate(_side_by_side([(span, width) for span in columns], most))
    )


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[Span]],
    limits: Sequence[int],
    *,
    indent: int = 0,
    most: int = 3,
    whole: int = 0,
) -> Page:
    """Rows under a header, columns as wide as they need and at most their limit; longer texts are folded.

    A text has `most` lines at most: what is left of it then ends in an ellipsis. On a narrow page the widest columns give
    way, but not the first `whole`: there stands what is to be copied. Where nothing fits beside anything any more, each
    row is a list.
    """
    return tuple(chain.from_iterable(rows_of(header, rows, limits, indent=indent, most=most, whole=whole)))


def rows_of(
    header: Sequence[str],
    rows: Sequence[Sequence[Span]],
    limits: Sequence[int],
    *,
    indent: int = 0,
    most: int = 3,
    whole: int = 0,
) -> Sequence[Page]:
    """The lines of a `table`: those of its header, of which a list has none, and then those of each row."""
    titled = [[Span(title, "heading") for title in header], *rows]
    columns = [[span.text for span in column] for column in zip(*titled, strict=True)]
    needed = [max(map(cells, texts)) for texts in columns]
    widths = [*map(min, limits, needed)]
    if page_width() < indent + min(LEAST_BESIDE, sum(widths) + GAP * (len(widths) - 1)):
        return ((), *(tuple(_listed(header, row, indent)) for row in rows))
    longest = [max(cells(word) for text in texts for word in text.split(" ")) for texts in columns]
    while indent + sum(widths) + GAP * (len(widths) - 1) > page_width():
        # What folds at a space gives way first: an id that is cut in two cannot be copied.
        folds = [number for number, width in enumerate(widths) if width > longest[number]]
        wide = folds if folds and most > 1 else range(whole, len(widths))
        widths[max(wide, key=widths.__getitem__)] -= 1
    margin = line(" " * indent)
    return [
        tuple((*margin, *spans) for spans in _side_by_side([*zip(row, widths, strict=True)], most))
        for row in titled
    ]


def _listed(header: Sequence[str], row: Sequence[Span], indent: int) -> Iterator[Line]:
    """A row as a list: its first text and a mark before it, and the others under it, each beside what its column is called."""
    first = 0 if header[0] else 1
    name = " ".join(span.text for span in row[: first + 1] if span.text.strip())
    yield from paragraph(name, row[first].style, indent=indent)
    width = max(LABEL, *(cells(title) + GAP for title in header))
    for title, span in zip(header[first + 1 :], row[first + 1 :], strict=True):
        yield from labelled(title, span.text, span.style, indent=indent + 2, width=width)


def _side_by_side(columns: Sequence[tuple[Span, int]], most: int) -> Iterator[Line]:
    """Texts in columns of so many cells, each folded in its own one into so many lines at most."""
    folded = [fold(span.text, width, most=most) for span, width in columns]
    for parts in zip_longest(*folded, fillvalue=""):
        yield tuple(
            Span(padded(part, width + GAP), span.style)
            for (span, width), part in zip(columns, parts, strict=True)
        )


def heading(text: str) -> Page:
    """An empty line, and a heading."""
    return (line(), *paragraph(shortened(text), "heading"))


def listed_under(title: str, texts: Iterable[str], *, longest: int | None = None) -> Page:
    """A heading and a list, its texts cut at a length where one is given; nothing where there is nothing in it."""
    shown = tuple(texts if longest is None else (shortened(text, longest) for text in texts))
    listed = (each for text in shown for each in paragraph(f"- {text}", indent=2, hanging=2))
    return (*heading(title), *listed) if shown else ()


def command(text: str) -> Line:
    """A command on a line of its own, to be copied."""
    return (Span("  "), Span(text, "command"))


def next_commands(steps: Sequence[NextStep]) -> Page:
    """What to type next, most useful first, each with what it is for; whole lines, to be copied. Nothing where there is nothing."""
    told = ((command(step.command), *paragraph(step.why, "dim", indent=6)) for step in steps)
    return (*heading("Next"), *chain.from_iterable(told)) if steps else ()


def head_lines(head: object, verify: str) -> Page:
    """The journal's head, and the command that verifies the journal up to it."""
    return (*heading("Journal"), copied("head", str(head), width=8), copied("verify", verify, width=8))


def copied(label: str, text: str, *, width: int = LABEL) -> Line:
    """A label, and a text that is there to be copied: it is never broken, and is moved to the left where it is too long."""
    margin = "  " + padded(label, width)
    if width == LABEL and cells(margin) + cells(text) > page_width():
        margin = f"  {label}  "
    return (Span(margin, "dim"), Span(text, "command"))


LONGEST_NAME = 60
"""Characters of a name that are shown; the inventory has it whole."""


def called(name: str, role: Role) -> str:
    """An org by its name and its role: Payments EU (secondary)."""
    return f"{shortened(name, LONGEST_NAME)} ({role})"
