"""The reference and the how-to say what the code does: keys, kinds, defaults, and examples that pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import (
    parse_inventory,
    parse_playbook,
    schema_of,
    shipped_playbooks,
)
from orchestrator.config.fields import MONITOR_STATES
from orchestrator.model.org import SITES

DOCS = Path(__file__).parents[2] / "docs"
PLAYBOOK_PAGE = (DOCS / "reference" / "playbook.md").read_text(encoding="utf-8")
INVENTORY_PAGE = (DOCS / "reference" / "inventory.md").read_text(encoding="utf-8")
GUARDS_PAGE = (DOCS / "reference" / "guards.md").read_text(encoding="utf-8")
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
    assert keys_of(schema_of("playbook")) - mentioned(PLAYBOOK_PAGE) == set()
    assert keys_of(schema_of("inventory")) - mentioned(INVENTORY_PAGE) == set()


@pytest.mark.parametrize(
    "name",
    [
        "Transition",
        "Hook",
        "Compared",
        "Window",
        "Metric",
        "Monitor",
        "Http",
        "Command",
        "Org",
        "Pair",
        "Playbook",
    ],
)
def test_the_tables_of_the_reference_name_no_key_that_does_not_exist(name: str) -> None:
    playbook, inventory = schema_of("playbook"), schema_of("inventory")
    known = keys_of(playbook) | keys_of(inventory)
    rows = re.findall(r"^\| `([a-z_]+)` \|", PLAYBOOK_PAGE + INVENTORY_PAGE, re.MULTILINE)
    part = playbook if name == "Playbook" else {**playbook["$defs"], **inventory["$defs"]}[name]
    assert set(part["properties"]) <= set(rows)
    assert set(rows) - {"onboarding"} <= known


def test_the_reference_lists_every_guard_kind_and_no_other() -> None:
    table = PLAYBOOK_PAGE.partition("## Guards")[2].partition("A `window` has")[0]
    kinds = re.findall(r"^\| `([a-z]+): ", table, re.MULTILINE)
    assert kinds == ["quiet", "reachable", "located", "window", "probe", "approved", "all", "any", "not"]
    assert set(kinds) | {"why", "within", "unknown"} == set(
        schema_of("playbook")["$defs"]["Guard"]["properties"]
    )


def test_the_reference_lists_every_site_and_every_shipped_playbook() -> None:
    assert all(f"`{datacenter}`" in INVENTORY_PAGE for datacenter in SITES)
    assert all(f"| `{name}` |" in PLAYBOOK_PAGE for name in shipped_playbooks())


def test_the_defaults_of_the_reference_are_the_real_ones() -> None:
    rows = re.findall(
        r"^\| `(confirm|resend|timeouts|emergency|mirror_wait|late)` \| `([^`]+)` \|",
        PLAYBOOK_PAGE.partition("## Transitions")[0],
        re.MULTILINE,
    )
    assert len(rows) == 6
    base = "schema: 1\nname: x\ntransitions: [{name: a, from: ACTIVE, to: PASSIVE}]\n"
    spelled = parse_playbook(base + "".join(f"{key}: {value}\n" for key, value in rows), "f")
    left_out = parse_playbook(base, "f")
    for field in ("confirm", "resend", "timeouts", "emergency_deadline", "mirror_wait", "late"):
        assert getattr(spelled, field) == getattr(left_out, field)


def section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def defaults(page: str, keys: str) -> list[tuple[str, str]]:
    return re.findall(rf"^\| `({keys})` \|(?:[^|]*\|)? `([^`]+)` \|", page, re.MULTILINE)


def test_the_defaults_of_hooks_and_probes_are_the_real_ones() -> None:
    hook = defaults(section(PLAYBOOK_PAGE, "Hooks"), "timeout|again|emergency")
    metric = defaults(section(PLAYBOOK_PAGE, "Probes"), "over|take|timeout")
    page = defaults(section(PLAYBOOK_PAGE, "Probes"), "status|timeout")
    assert (len(hook), len(metric), len(page)) == (3, 3, 2)

    def around(*, spelled: bool) -> str:
        more = [
            ("".join(f", {key}: {value}" for key, value in keys) if spelled else "")
            for keys in (metric, page, hook)
        ]
        return AROUND_ROW % tuple(more)

    left_out, spelled = parse_playbook(around(spelled=False), "f"), parse_playbook(around(spelled=True), "f")
    assert left_out.text != spelled.text
    assert left_out.probes == spelled.probes
    assert left_out.transitions == spelled.transitions


AROUND_ROW = """\
schema: 1
name: x
probes:
  a: {metric: {org: primary, query: q%s}}
  b: {http: {url: "https://example.com"%s}}
guards:
  c: {probe: {name: a, above: 0}}
  d: {probe: {name: b}}
transitions: [{name: a, from: ACTIVE, to: PASSIVE, guards: [c, d], before: [{name: e, run: [f]%s}]}]
"""


def test_the_reference_and_the_catalogue_list_every_kind_of_probe_and_no_other() -> None:
    kinds = list(schema_of("playbook")["$defs"]["Probe"]["properties"])
    assert re.findall(r"^\| `([a-z]+): ", section(PLAYBOOK_PAGE, "Probes"), re.MULTILINE) == kinds
    headings = re.findall(r"^### (.+)$", section(GUARDS_PAGE, "Probes"), re.MULTILINE)
    assert [heading.lower() for heading in headings] == kinds


def test_every_state_of_a_monitor_is_documented_and_no_other() -> None:
    for page in (section(PLAYBOOK_PAGE, "Guards"), section(GUARDS_PAGE, "Probes")):
        (found,) = re.findall(r"((?:`[A-Z][A-Za-z ]+`(?:,\s|\sor\s)?){7})", page)
        assert tuple(re.findall(r"`([^`]+)`", found)) == MONITOR_STATES


@pytest.mark.parametrize("text", [text for text in examples(GUARDS_PAGE) if text.startswith("probes:")])
def test_every_example_of_probes_is_right_in_a_playbook_that_uses_it(text: str) -> None:
    names = re.findall(r"^  (\w+):", text.partition("\nguards:\n")[2], re.MULTILINE)
    assert names
    rows = f"transitions: [{{name: a, from: ACTIVE, to: PASSIVE, guards: [{', '.join(names)}]}}]\n"
    assert parse_playbook(f"schema: 1\nname: x\n{text}{rows}", "f").probes


@pytest.mark.parametrize("text", examples(HOWTO) + examples(PLAYBOOK_PAGE))
def test_every_playbook_of_the_pages_is_right(text: str) -> None:
    assert parse_playbook(text, "f").transitions


@pytest.mark.parametrize("text", examples(INVENTORY_PAGE))
def test_every_inventory_of_the_pages_is_right(text: str) -> None:
    assert parse_inventory(text, "f").pairs


def test_the_how_to_has_an_example_for_each_step_that_writes_something() -> None:
    assert len(examples(HOWTO)) == 5
