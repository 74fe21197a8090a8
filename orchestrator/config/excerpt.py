"""The line of a file that a message shows below itself: never one that may hold a key (law 17)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from .document import Place, Steps, private
from .messages import looks_like_key

_LONGEST = 400
_ABOVE = 2_000
"""Lines above that are looked at for the name of a key; where its block is longer, the line is not shown."""
_NEAR = 3
"""Lines just above, of which a quote or bracket may still be open where the text cannot be parsed."""

_SECRETIVE = re.compile(r"key|secret|token|passw", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z_]+")
_ADDRESS = re.compile(r"://|@")
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
    if _ADDRESS.search(line):
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
    return _SECRETIVE.search(line) is not None or private(_WORD.findall(line))


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
