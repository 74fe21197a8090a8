"""The reference and the how-to say what the code does: keys, kinds, defaults, and examples that pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.documents import (
    inventory_schema,
    parse_inventory,
    parse_playbook,
    playbook_schema,
    shipped_playbooks,
)
from orchestrator.model.sites import SITES

DOCS = Path(__file__).parents[2] / "docs"
PLAYBOOK_PAGE = (DOCS / "reference" / "playbook.md").read_text(encoding="utf-8")
INVENTORY_PAGE = (DOCS / "reference" / "inventory.md").read_text(encoding="utf-8")
HOWTO = (DOCS / "howto" / "write-a-playbook.md").read_text(encoding="utf-8")


def examples(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)


def keys_of(schema: dict[str, Any]) -> set[str]:
    return {key for part in [schema, *schema["$defs"].values()] for key in part.get("properties", {})}


def mentioned(page: str) -> set[str]:
    """Words in code marks: `key`, and the keys of `{key: value}`."""
    code = re.findall(r"`([^`\n]+)`", page)
    return {word for part in code for word in re.findall(r"[a-z_]+", part)}


def test_the_reference_names_every_key_of_both_files() -> None:
    assert keys_of(playbook_schema()) - mentioned(PLAYBOOK_PAGE) == set()
    assert keys_of(inventory_schema()) - mentioned(INVENTORY_PAGE) == set()


@pytest.mark.parametrize("name", ["Row", "Hook", "Compared", "Window", "Metric", "Monitor", "Http", "Command", "Org", "Pair", "Playbook"])
def test_the_tables_of_the_reference_name_no_key_that_does_not_exist(name: str) -> None:
    playbook, inventory = playbook_schema(), inventory_schema()
    known = keys_of(playbook) | keys_of(inventory)
    rows = re.findall(r"^\| `([a-z_]+)` \|", PLAYBOOK_PAGE + INVENTORY_PAGE, re.MULTILINE)
    part = playbook if name == "Playbook" else {**playbook["$defs"], **inventory["$defs"]}[name]
    assert set(part["properties"]) <= set(rows)
    assert set(rows) - {"onboarding"} <= known


def test_the_reference_lists_every_guard_kind_and_no_other() -> None:
    table = PLAYBOOK_PAGE.partition("## Guards")[2].partition("A `window` has")[0]
    kinds = re.findall(r"^\| `([a-z]+): ", table, re.MULTILINE)
    assert kinds == ["quiet", "reachable", "located", "window", "probe", "all", "any", "not"]
    assert set(kinds) | {"why", "within", "unknown"} == set(playbook_schema()["$defs"]["Guard"]["properties"])


def test_the_reference_lists_every_site_and_every_shipped_playbook() -> None:
    assert all(f"`{datacenter}`" in INVENTORY_PAGE for datacenter in SITES)
    assert all(f"| `{name}` |" in PLAYBOOK_PAGE for name in shipped_playbooks())


def test_the_defaults_of_the_reference_are_the_real_ones() -> None:
    rows = re.findall(
        r"^\| `(confirm|resend|timeouts|emergency|mirror_wait)` \| `([^`]+)` \|",
        PLAYBOOK_PAGE.partition("## Rows")[0],
        re.MULTILINE,
    )
    assert len(rows) == 5
    base = "schema: 1\nname: x\ntransitions: [{name: a, from: ACTIVE, to: PASSIVE}]\n"
    spelled = parse_playbook(base + "".join(f"{key}: {value}\n" for key, value in rows), "f")
    left_out = parse_playbook(base, "f")
    for field in ("confirm", "resend", "timeouts", "emergency_deadline", "mirror_wait"):
        assert getattr(spelled, field) == getattr(left_out, field)


@pytest.mark.parametrize("text", examples(HOWTO) + examples(PLAYBOOK_PAGE))
def test_every_playbook_of_the_pages_is_right(text: str) -> None:
    assert parse_playbook(text, "f").rows


@pytest.mark.parametrize("text", examples(INVENTORY_PAGE))
def test_every_inventory_of_the_pages_is_right(text: str) -> None:
    assert parse_inventory(text, "f").pairs


def test_the_how_to_has_an_example_for_each_step_that_writes_something() -> None:
    assert len(examples(HOWTO)) == 5
