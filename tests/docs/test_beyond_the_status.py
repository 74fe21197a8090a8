"""The page about what a failover needs beyond the status: its examples load, and what it names is in the shipped playbook."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.config import parse_playbook

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "beyond-the-status.md").read_text("utf-8")
SHIPPED = (ROOT / "playbooks" / "regional-failover.yaml").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_every_part_that_a_playbook_covers_has_an_example() -> None:
    parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    with_example = [part.partition("\n")[0] for part in parts if "```yaml" in part]
    assert with_example == [
        "Is the secondary well?",
        "Not by Datadog alone",
        "The sync of resources",
        "Traffic: Agents, DNS, integrations",
        "Has it arrived?",
        "Who would be paged?",
    ]


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_right_in_a_playbook(text: str) -> None:
    assert parse_playbook(f"schema: 1\nname: x\n{text}", "f").transitions


def test_the_checklists_name_guards_and_hooks_that_the_shipped_playbook_has() -> None:
    lists = PAGE.partition("## Checklist: out")[2]
    named = {
        name
        for kind, names in re.findall(r"\((guards?|hooks?) ([^)]*)\)", lists)
        for name in re.findall(r"`([a-z_-]+)`", names)
        if kind
    }
    assert len(named) > 10
    # Guards by their key, hooks by their `name:`, commented ones too.
    missing = {name for name in named if f"  {name}:\n" not in SHIPPED and f"name: {name}," not in SHIPPED}
    assert missing == set()
