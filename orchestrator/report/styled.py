"""Pages of styled lines: what is said, with the meaning of each piece, and without a thought for colours.

Nothing that a server sent can steer a terminal from here: a Span escapes all that is not printable when it is made.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import force_setattr

STYLES: frozenset[str] = frozenset(
    {"", "good", "bad", "warn", "dim", "bold", "heading", "org", "status", "command"}
)
"""Every style that a span can have: what it means, not how it looks."""


class Span(Struct, frozen=True):
    """A piece of a line."""

    text: str
    """Without control characters: they are escaped when the span is made (a newline becomes a visible \\n)."""
    style: str = ""
    """One of STYLES."""

    def __post_init__(self) -> None:
        if not self.text.isprintable():
            force_setattr(self, "text", escaped(self.text))


Line = tuple[Span, ...]
Page = tuple[Line, ...]


def escaped(text: str) -> str:
    r"""The text with every character that is not printable written out: \x1b, \n, \u202e."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def line(text: str = "", style: str = "") -> Line:
    """A line of one piece; without arguments, an empty one."""
    return (Span(text, style),) if text else ()


def plain_text(page: Page) -> str:
    """The page without its styles, each line ended by a newline."""
    return "".join("".join(span.text for span in spans).rstrip() + "\n" for spans in page)
