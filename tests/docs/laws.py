"""The laws on docs/explanation/design.md: `python -m tests.docs.laws` writes into the page which files hold each."""

from __future__ import annotations

import re
import textwrap
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "design.md"

NONE = "Held by none under its own name yet."

_WIDTH = 150
_BEGIN, _END = "\n## The laws\n", "\n## Changing it\n"
_HELD = re.compile(r"^ +Held by .*?\.\n(?=\d+\. |\n|\Z)", re.DOTALL | re.MULTILINE)


def section(page: str) -> str:
    """The part of the page that lists the laws."""
    return page.partition(_BEGIN)[2].partition(_END)[0]


def laws(page: str) -> dict[int, tuple[str, ...]]:
    """Each law's number, in the order of the page, with the files that it names."""
    parts = re.split(r"^(\d+)\. ", section(page), flags=re.MULTILINE)[1:]
    return {
        int(number): tuple(re.findall(r"`(tests/[\w/]+\.py)`", text))
        for number, text in zip(parts[::2], parts[1::2], strict=True)
    }


_NAMED = re.compile(r"^\s*(?:async )?def test_law_(\d\d)_", re.MULTILINE)


@cache
def _held() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for law in {*map(int, _NAMED.findall(path.read_text("utf-8")))}:
            found.setdefault(law, []).append(str(path.relative_to(ROOT)))
    return found


def files_that_hold(law: int) -> tuple[str, ...]:
    """The files with a test named after a law."""
    return tuple(_held().get(law, ()))


def filled(page: str) -> str:
    """The page with the files that really hold each law."""
    numbers = iter(laws(page))
    return page.replace(section(page), _HELD.sub(lambda _: _held_by(next(numbers)), section(page)))


def _held_by(law: int) -> str:
    files = files_that_hold(law)
    words = f"Held by {', '.join(f'`{file}`' for file in files)}." if files else NONE
    indent = " " * len(f"{law}. ")
    lines = textwrap.wrap(
        words, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
