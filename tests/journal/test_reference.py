"""docs/reference/journal.md against the code."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.model.events import JOURNALLED
from orchestrator.model.journal import Record

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "journal.md").read_text("utf-8")


def test_every_kind_of_record_is_documented_with_its_meaning_and_fields() -> None:
    """Where this fails, the lines that it wants are the ones to paste."""
    wanted = []
    for kind, event in sorted(JOURNALLED.items()):
        meaning = (event.__doc__ or "").split("\n", 1)[0]
        names = ", ".join(f"`{name}`" for name in event.__struct_fields__)
        wanted.append(f"| `{kind}` | {meaning} | {names} |")
    assert re.findall(r"^\| `[a-z_]+\.[a-z_]+` \|.*$", PAGE, re.MULTILINE) == wanted


def test_the_ten_fields_of_a_record_are_documented_in_order() -> None:
    section = PAGE[PAGE.index("## Records") : PAGE.index("### Kinds")]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [*Record.__struct_fields__]
